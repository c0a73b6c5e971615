/// scoped_clocksource.hpp - another clock source for a while: what was current before comes back on every way out.
#pragma once
#include "command.hpp"
#include <absl/strings/str_cat.h>
#include <string>
#include <string_view>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/os.hpp>
#include <vector>

namespace tool {

/// Remembers the current clock source and selects it again when it is destroyed. Signals that ask the tool to stop are
/// caught meanwhile, the second Ctrl-C as well, so that they end in this destructor too; SIGKILL does not.
class scoped_clocksource {
public:
  scoped_clocksource() : original_(takt::clocksource::current()) {}
  scoped_clocksource(const scoped_clocksource&) = delete;
  scoped_clocksource& operator=(const scoped_clocksource&) = delete;
  ~scoped_clocksource() {
    std::error_code ec;
    restore(ec);
    if (ec)
      static_cast<void>(
          could_not(absl::StrCat("could not go back to the clock source ", original_, "; by hand: ", by_hand()), ec));
  }

  /// Selects `name`; the kernel's refusal is passed on.
  void select(std::string_view name, std::error_code& ec) {
    changed_ = overridden_ = true;
    takt::clocksource::select(name, ec);
  }
  /// Goes back now instead of at the end. Even a refused name may have moved the kernel: an unknown one makes it take the
  /// best.
  void restore(std::error_code& ec) {
    ec.clear();
    if (!changed_) return;
    changed_ = false;
    if (takt::clocksource::current(ec) == original_ && !overridden_) return;
    takt::clocksource::select(original_, ec);
    overridden_ = false;
    const std::vector<std::string> offered = takt::clocksource::available(ec);
    if (ec || offered.empty() || offered.front() != original_) return;
    // What is selected the kernel keeps, even when a better source comes up or this one turns out bad. It was its own choice
    // before; an empty line leaves it the choice again.
    static_cast<void>(takt::linux_os::write_file(takt::clocksource::current_path, "\n"));
    std::error_code unread;
    if (takt::clocksource::current(unread) != original_) takt::clocksource::select(original_, ec);
  }
  /// What root would type to go back.
  [[nodiscard]] std::string by_hand() const {
    return absl::StrCat("echo ", original_, " > ", takt::clocksource::current_path);
  }
  [[nodiscard]] const std::string& original() const noexcept { return original_; }

private:
  unhurried until_restored_;
  std::string original_;
  bool changed_ = false;
  bool overridden_ = false;
};

} // namespace tool
