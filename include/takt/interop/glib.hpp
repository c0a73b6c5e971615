/// glib.hpp - a scheduler in a main loop of GLib, and so in programs of GTK and GStreamer.
///
///   takt::grid_scheduler timers;
///   takt::glib_attachment attached(nullptr, timers);   // until this object dies, the default loop calls timers.fire()
///
/// The loop calls the callbacks of the timers. They may arm and cancel timers, end the loop (g_main_loop_quit), destroy
/// the attachment, and destroy the scheduler after the attachment. An exception of a callback cannot pass through C: it
/// ends the program, unless on_exception() of the scheduler takes it.
///
/// Does not promise: that the scheduler may be destroyed while another thread runs the loop. After a fork the child
/// makes a context, a scheduler and an attachment of its own. Without GLib this header declares nothing.
/// Sources: documentation of GLib 2.74, g_unix_fd_source_new() and g_source_destroy().
#pragma once
#if __has_include(<glib-unix.h>)
#include <takt/core/error.hpp>
#include <takt/scheduler/scheduler.hpp>

#include <glib-unix.h>
#include <glib.h>
#include <system_error>
#include <utility>

namespace takt::inline TAKT_ABI {

// synopsis
class glib_attachment;

// definitions

/// Attaches a scheduler to a context as long as it lives. Movable; empty when moved from or made with an error.
class glib_attachment {
public:
  /// Effects: from now on the loop of `context` calls fire() of `timers` when it is time. Null is the default context.
  /// g_source_set_priority(attached.source(), ...) changes the priority, which is G_PRIORITY_DEFAULT.
  /// Precondition: the scheduler outlives the attachment. Errors: those of fd(). GLib ends the program when memory runs
  /// out.
  template <class Scheduler> glib_attachment(GMainContext* context, Scheduler& timers, std::error_code& ec) {
    const int fd = timers.fd(ec);
    if (ec) return;
    const GUnixFDSourceFunc fire = [](gint, GIOCondition, gpointer scheduler) noexcept -> gboolean {
      static_cast<Scheduler*>(scheduler)->fire(); // which may destroy the attachment
      return G_SOURCE_CONTINUE;
    };
    source_ = g_unix_fd_source_new(fd, G_IO_IN);
    // GLib calls the function by its real type. The detour avoids a warning about the cast.
    g_source_set_callback(source_, reinterpret_cast<GSourceFunc>(reinterpret_cast<void (*)()>(fire)), &timers, nullptr);
    g_source_attach(source_, context);
  }
#if TAKT_EXCEPTIONS
  /// Effects: as with an error code, but throws std::system_error.
  template <class Scheduler> glib_attachment(GMainContext* context, Scheduler& timers) {
    std::error_code ec;
    glib_attachment made(context, timers, ec);
    if (ec) detail::throw_error(ec, "glib_attachment: timerfd_create; the limit of open files (ulimit -n)?");
    std::swap(source_, made.source_);
  }
#endif
  glib_attachment(glib_attachment&& other) noexcept : source_(std::exchange(other.source_, nullptr)) {}
  glib_attachment& operator=(glib_attachment other) noexcept {
    std::swap(source_, other.source_);
    return *this;
  }
  /// Effects: the loop no longer calls fire().
  ~glib_attachment() {
    if (source_ == nullptr) return;
    g_source_destroy(source_);
    g_source_unref(source_);
  }

  /// Returns: the source; null if the object is empty.
  [[nodiscard]] GSource* source() const noexcept { return source_; }

private:
  GSource* source_ = nullptr;
};

} // namespace takt::inline TAKT_ABI
#endif
