/// sd_event.hpp - a scheduler in an event loop of systemd's sd-event.
///
///   takt::grid_scheduler timers;
///   takt::sd_event_attachment attached(loop, timers);   // until this object dies, the loop calls timers.fire()
///
/// The loop calls the callbacks of the timers. They may arm and cancel timers, end the loop (sd_event_exit), destroy
/// the attachment, and destroy the scheduler after the attachment. An exception of a callback cannot pass through C: it
/// ends the program, unless on_exception() of the scheduler takes it.
///
/// Does not promise: thread safety; use the attachment in the thread of its loop. After a fork the child makes a loop,
/// a scheduler and an attachment of its own. Without libsystemd this header declares nothing.
/// Sources: sd_event_add_io(3), sd_event_source_unref(3).
#pragma once
#if __has_include(<systemd/sd-event.h>)
#include <takt/core/error.hpp>
#include <takt/scheduler/scheduler.hpp>

#include <cstdint>
#include <sys/epoll.h>
#include <system_error>
#include <systemd/sd-event.h>
#include <utility>

namespace takt::inline TAKT_ABI {

// synopsis
class sd_event_attachment;

// definitions

/// Attaches a scheduler to a loop as long as it lives. Movable; empty when moved from or made with an error.
class sd_event_attachment {
public:
  /// Effects: from now on `loop` calls fire() of `timers` when it is time.
  /// Precondition: the scheduler outlives the attachment; the attachment keeps a reference to the loop.
  /// Errors: those of fd() and of sd_event_add_io().
  template <class Scheduler> sd_event_attachment(sd_event* loop, Scheduler& timers, std::error_code& ec) {
    const int fd = timers.fd(ec);
    if (ec) return;
    const auto fire = [](sd_event_source*, int, std::uint32_t, void* scheduler) noexcept {
      static_cast<Scheduler*>(scheduler)->fire(); // which may destroy the attachment
      return 0;
    };
    if (const int error = sd_event_add_io(loop, &source_, fd, EPOLLIN, fire, &timers); error < 0)
      ec = detail::errno_code(-error);
  }
#if TAKT_EXCEPTIONS
  /// Effects: as with an error code, but throws std::system_error.
  template <class Scheduler> sd_event_attachment(sd_event* loop, Scheduler& timers) {
    std::error_code ec;
    sd_event_attachment made(loop, timers, ec);
    if (ec) detail::throw_error(ec, "sd_event_attachment: timerfd_create or sd_event_add_io; the limit of open files?");
    std::swap(source_, made.source_);
  }
#endif
  sd_event_attachment(sd_event_attachment&& other) noexcept : source_(std::exchange(other.source_, nullptr)) {}
  sd_event_attachment& operator=(sd_event_attachment other) noexcept {
    std::swap(source_, other.source_);
    return *this;
  }
  /// Effects: the loop no longer calls fire().
  ~sd_event_attachment() { sd_event_source_disable_unref(source_); }

  /// Returns: the event source, to give it a priority or a name; null if the object is empty.
  [[nodiscard]] sd_event_source* source() const noexcept { return source_; }

private:
  sd_event_source* source_ = nullptr;
};

} // namespace takt::inline TAKT_ABI
#endif
