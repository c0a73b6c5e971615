/// restore_probe.hpp - asks the system for signs that the machine or this process was restored or migrated.
///
/// It asks VMClock, the kernel's messages about the generation id, the boot id, and the time namespace with its
/// offsets. What is not there, or may not be read, gives no sign. Each sign is reported once.
///
/// Does not promise: a sign from messages that the kernel lost because too many arrived in between; to distinguish a
/// process that CRIU restored into another time namespace from one that called setns(2).
/// Sources: those of kernel/os_machine.hpp, kernel/boot_id.hpp and sleep/grid_origin.hpp.
#pragma once
#include <takt/core/detail/exchange.hpp>
#include <takt/kernel/boot_id.hpp>
#include <takt/kernel/detail/text.hpp>
#include <takt/kernel/detail/uevent.hpp>
#include <takt/kernel/detail/vmclock_page.hpp>
#include <takt/kernel/os.hpp>
#include <takt/observe/restore_signs.hpp>
#include <takt/sleep/grid_origin.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace takt::inline TAKT_ABI::detail {

/// What a probe holds while it lives.
template <class Os> class restore_handles {
public:
  restore_handles() noexcept = default;
  restore_handles(restore_handles&& other) noexcept
      : page_(exchange(other.page_, nullptr)), socket_(exchange(other.socket_, -1)),
        forks_(exchange(other.forks_, 0)) {}
  restore_handles& operator=(restore_handles&& other) noexcept {
    if (this == &other) return *this;
    let_go();
    page_ = exchange(other.page_, nullptr), socket_ = exchange(other.socket_, -1);
    forks_ = exchange(other.forks_, 0);
    return *this;
  }
  ~restore_handles() { let_go(); }

  /// Effects: opens what there is.
  void open() noexcept {
    forks_ = Os::fork_count();
    if (Os::vmclock_map(page_) != 0) page_ = nullptr;
    if (Os::uevents_open(socket_) != 0) socket_ = -1;
  }
  /// Returns: whether this process called open().
  [[nodiscard]] bool own() const noexcept { return forks_ != 0 && !Os::forked_since(forks_); }
  /// Returns: the page of VMClock; null without one.
  [[nodiscard]] const std::uint64_t* page() const noexcept { return page_; }
  /// Returns: the socket for the kernel's messages; -1 without one.
  [[nodiscard]] int socket() const noexcept { return socket_; }

private:
  void let_go() noexcept {
    if (page_ != nullptr) Os::vmclock_unmap(page_);
    if (socket_ >= 0) Os::uevents_close(socket_);
  }

  const std::uint64_t* page_ = nullptr;
  int socket_ = -1;
  unsigned forks_ = 0; ///< 0: not opened
};

/// Remembers what the system stated last. Not to be shared between threads. In a forked child it takes no message from
/// the parent, and reports nothing.
template <class Os> class restore_probe {
public:
  /// Effects: take() reports what happens from now on; before, it reports nothing. Does not block; some ten system
  /// calls, and one descriptor and one mapped page while the probe lives. Errors: none; what cannot be asked gives no
  /// sign.
  void start() noexcept {
    handles_.open();
    static_cast<void>(take());
  }
  /// Returns: the signs since the last call. Does not block; five system calls, ten inside a time namespace.
  restore_signs take() noexcept {
    restore_signs found;
    if (!handles_.own()) return found;
    judge_vmclock(found);
    if (new_generation_id()) found.add(sign::generation_id);
    judge_boot(found);
    judge_namespace(found);
    return found;
  }
  /// Returns: the last state of VMClock; null without one.
  [[nodiscard]] const vmclock_page* vmclock() const noexcept { return clock_known_ ? &clock_ : nullptr; }

private:
  using sign = restore_signs::sign;

  void judge_vmclock(restore_signs& found) noexcept {
    vmclock_page now;
    if (handles_.page() == nullptr || read_vmclock(handles_.page(), now) != 0) return;
    if (clock_known_) {
      if (now.generation && clock_.generation && *now.generation != *clock_.generation) found.add(sign::generation);
      if (now.disruption_marker != clock_.disruption_marker) found.add(sign::disruption);
    }
    clock_ = now, clock_known_ = true;
  }
  [[nodiscard]] bool new_generation_id() noexcept {
    /// More messages than that, of other devices, have to wait for the next call.
    constexpr int most = 4096;
    bool found = false;
    char message[uevent_limit];
    for (int i = 0; handles_.socket() >= 0 && i < most; ++i) {
      std::size_t length = 0;
      const int error = Os::uevents_take(handles_.socket(), message, sizeof(message), length);
      if (error == 0) found |= is_new_generation_id(text_in(message, length));
      else if (error != ENOBUFS) break; // EAGAIN: there is no more
    }
    return found;
  }
  void judge_boot(restore_signs& found) noexcept {
    std::error_code ec;
    char text[64];
    std::size_t length = 0;
    const std::uint64_t id = read_boot_id<Os>(text, length, ec);
    if (ec) return;
    if (boot_known_ && id != boot_) found.add(sign::boot_id);
    boot_ = id, boot_known_ = true;
  }
  /// A namespace that was made anew elsewhere may have the number of the old one, so that the offsets count as well.
  void judge_namespace(restore_signs& found) noexcept {
    namespace_name name;
    std::size_t length = 0;
    if (Os::read_link(own_time_namespace_path, name.text, sizeof(name.text), length) != 0) return;
    for (std::size_t i = length; i < sizeof(name.text); ++i) name.text[i] = '\0';
    time_offsets offsets;
    const bool first = text_in(name.text, length) == first_time_namespace;
    const bool known = first || read_offsets<Os>(offsets) == 0;
    const bool other = name_known_ && !(name == name_);
    if (other || (known && offsets_known_ && !(offsets == offsets_))) found.add(sign::time_namespace);
    name_ = name, name_known_ = true;
    if (known || other) offsets_ = offsets, offsets_known_ = known;
  }

  struct namespace_name {
    char text[namespace_name_limit]{};
    friend bool operator==(const namespace_name&, const namespace_name&) = default;
  };

  restore_handles<Os> handles_;
  vmclock_page clock_{};
  std::uint64_t boot_ = 0;
  time_offsets offsets_{};
  namespace_name name_{};
  bool clock_known_ = false, boot_known_ = false, offsets_known_ = false, name_known_ = false;
};

} // namespace takt::inline TAKT_ABI::detail
