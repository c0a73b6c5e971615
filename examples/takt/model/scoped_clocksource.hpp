/// scoped_clocksource.hpp - selects another clock source for a time, and restores the original one on every exit path.
#pragma once
#include "command.hpp"
#include "stop.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/os.hpp>
#include <unistd.h>
#include <vector>

namespace tool {

/// The file of sysfs in which the kernel names its clock source, and by which root selects another one.
inline constexpr char current_clocksource_path[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// Remembers the current clock source and selects it again when it is destroyed. Signals that ask the tool to stop are
/// caught meanwhile, the second Ctrl-C too, so that the destructor runs. SIGKILL cannot be caught.
///
/// Only one process at a time may hold it: a second one would take the first one's choice for the original and restore
/// that. The lock is on the kernel's own file (flock(2)), so it ends with its process and leaves nothing behind.
class scoped_clocksource {
public:
  /// Effects: takes the lock and remembers the current clock source. Does not block.
  /// Errors: device_or_resource_busy while another process holds the lock; what opening or locking the file reports.
  explicit scoped_clocksource(std::error_code& ec) {
    lock_ = ::open(current_clocksource_path, O_RDONLY | O_CLOEXEC);
    int error = lock_ < 0 ? errno : 0;
    if (lock_ >= 0 && flock(lock_, LOCK_EX | LOCK_NB) != 0) error = errno == EWOULDBLOCK ? EBUSY : errno;
    ec.assign(error, std::generic_category());
    if (!ec) original_ = takt::clocksource::current(ec);
  }
  scoped_clocksource(const scoped_clocksource&) = delete;
  scoped_clocksource& operator=(const scoped_clocksource&) = delete;
  ~scoped_clocksource() {
    static_cast<void>(restore());
    if (lock_ >= 0) close(lock_);
  }

  /// Effects: selects `name`. Errors: the kernel's. Even after an error the clock source may be another one, because an
  /// unknown name makes the kernel select the best.
  void select(std::string_view name, std::error_code& ec) {
    changed_ = true;
    takt::clocksource::select(name, ec);
  }
  /// Effects: selects the original clock source now, not only in the destructor. On failure it prints the current clock
  /// source and the command that restores the original one to standard error.
  /// Returns: done, or on failure could_not.
  exit_code restore() {
    if (!changed_) return exit_code::done;
    changed_ = false;
    std::error_code ec, unread;
    takt::clocksource::select(original_, ec);
    const std::vector<std::string> offered = takt::clocksource::available(unread);
    if (!ec && !offered.empty() && offered.front() == original_) {
      // The kernel keeps a source that was selected by name, even when a better one appears or this one turns out bad.
      // The original one was the kernel's own choice; an empty line lets the kernel choose again.
      static_cast<void>(takt::linux_os::write_file(current_clocksource_path, "\n"));
      if (takt::clocksource::current(unread) != original_) takt::clocksource::select(original_, ec);
    }
    const std::string now = takt::clocksource::current(unread);
    if (now == original_) return exit_code::done;
    const bool dropped = !offered.empty() && std::find(offered.begin(), offered.end(), original_) == offered.end();
    return could_not(absl::StrCat("THE CLOCK SOURCE IS NOT BACK: it was ", original_, " and is ", now.empty() ? "unknown" : now,
                                  dropped ? absl::StrCat("; the kernel no longer offers ", original_,
                                                         " (its log says why: dmesg | grep -i clocksource)")
                                          : absl::StrCat(ec ? absl::StrCat("; selecting it: ", ec.message()) : "",
                                                         "; by hand: ", by_hand())));
  }
  /// Effects: leaves the machine as it is: nothing is restored any more.
  void keep() noexcept { changed_ = false; }
  /// Returns: the shell command by which root restores the original clock source.
  [[nodiscard]] std::string by_hand() const {
    return absl::StrCat("echo ", original_, " > ", current_clocksource_path);
  }
  /// Returns: the name of the clock source before.
  [[nodiscard]] const std::string& original() const noexcept { return original_; }

private:
  termination_guard until_restored_;
  int lock_ = -1;
  std::string original_;
  bool changed_ = false;
};

/// Effects: prints why a scoped_clocksource could not be constructed. Returns: could_not.
inline exit_code cannot_hold(std::error_code ec) {
  if (ec == std::errc::device_or_resource_busy)
    return could_not("another takt holds the clock source and will go back to the one before; wait until it ends");
  return could_not(current_clocksource_path, ec);
}

} // namespace tool
