/// uv.hpp - a scheduler in an event loop of libuv.
///
///   takt::grid_scheduler timers;
///   takt::uv_attachment attached(uv_default_loop(), timers);   // until this object dies, the loop calls timers.fire()
///
/// The loop calls the callbacks of the timers. They may arm and cancel timers, stop the loop, destroy the attachment,
/// and destroy the scheduler after the attachment. An exception of a callback cannot pass through C: it ends the
/// program, unless on_exception() of the scheduler takes it.
///
/// The attachment is a handle of the loop: uv_run() does not return by itself before it is destroyed, unless
/// uv_unref(attached.handle()) was called.
///
/// Does not promise: thread safety; use the attachment in the thread of its loop. After a fork the child makes a loop,
/// a scheduler and an attachment of its own. Without libuv this header declares nothing.
/// Sources: documentation of libuv 1.44, uv_poll_t and uv_close().
#pragma once
#if __has_include(<uv.h>)
#include <takt/core/error.hpp>
#include <takt/scheduler/scheduler.hpp>

#include <new>
#include <system_error>
#include <utility>
#include <uv.h>

namespace takt::inline TAKT_ABI {

// synopsis
class uv_attachment;

// definitions

/// Attaches a scheduler to a loop as long as it lives. Movable; empty when moved from or made with an error.
class uv_attachment {
public:
  /// Effects: from now on `loop` calls fire() of `timers` when it is time. Allocates.
  /// Preconditions: loop and scheduler outlive the attachment, and the loop runs once more before uv_loop_close().
  /// Errors: those of fd() and of uv_poll_init(); not_enough_memory.
  template <class Scheduler>
  uv_attachment(uv_loop_t* loop, Scheduler& timers, std::error_code& ec) : poll_(nullptr) {
    const int fd = timers.fd(ec);
    if (ec) return;
    auto* const poll = new (std::nothrow) uv_poll_t;
    int error = poll == nullptr ? UV_ENOMEM : uv_poll_init(loop, poll, fd);
    if (error == 0) {
      poll_ = poll;
      poll->data = &timers;
      error = uv_poll_start(poll, UV_READABLE, [](uv_poll_t* p, int, int) noexcept {
        static_cast<Scheduler*>(p->data)->fire(); // which may destroy the attachment, but *p lives until it is closed
      });
      if (error != 0) close();
    } else {
      delete poll;
    }
    if (error != 0) ec = detail::errno_code(-error); // libuv's codes are negative errno values
  }
#if TAKT_EXCEPTIONS
  /// Effects: as with an error code, but throws std::system_error.
  template <class Scheduler> uv_attachment(uv_loop_t* loop, Scheduler& timers) : poll_(nullptr) {
    std::error_code ec;
    uv_attachment made(loop, timers, ec);
    if (ec) detail::throw_error(ec, "uv_attachment: timerfd_create or uv_poll_init; the limit of open files?");
    std::swap(poll_, made.poll_);
  }
#endif
  uv_attachment(uv_attachment&& other) noexcept : poll_(std::exchange(other.poll_, nullptr)) {}
  uv_attachment& operator=(uv_attachment other) noexcept {
    std::swap(poll_, other.poll_);
    return *this;
  }
  /// Effects: the loop no longer calls fire(). Memory is freed when the loop runs next.
  ~uv_attachment() { close(); }

  /// Returns: the handle, for uv_ref(), uv_unref() and uv_walk(); null if the object is empty.
  [[nodiscard]] uv_handle_t* handle() const noexcept { return reinterpret_cast<uv_handle_t*>(poll_); }

private:
  void close() noexcept {
    if (uv_poll_t* const poll = std::exchange(poll_, nullptr); poll != nullptr)
      uv_close(reinterpret_cast<uv_handle_t*>(poll), [](uv_handle_t* h) { delete reinterpret_cast<uv_poll_t*>(h); });
  }

  uv_poll_t* poll_;
};

} // namespace takt::inline TAKT_ABI
#endif
