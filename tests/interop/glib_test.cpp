// Protects: that a scheduler in a loop of GLib is served, and may be detached and destroyed at any moment.
#include <takt/interop/glib.hpp>
#if __has_include(<glib-unix.h>)
#include "interop/loops.hpp"
#include <doctest/doctest.h>
#include <takt/testing/manual_clock.hpp>

#include <system_error>

namespace {

struct loop {
  using attachment = takt::glib_attachment;
  ~loop() {
    g_main_loop_unref(main);
    g_main_context_unref(context);
  }
  loop() = default;
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  void run() { g_main_loop_run(main); }
  void stop() { g_main_loop_quit(main); }
  template <class S> attachment attach(S& timers) { return attachment(context, timers); }
  template <class S> attachment attach(S& timers, std::error_code& ec) { return attachment(context, timers, ec); }
  GMainContext* context = g_main_context_new();
  GMainLoop* main = g_main_loop_new(context, FALSE);
};

} // namespace

TEST_CASE("GLib: callbacks are called, in time and in order, and may arm, cancel and stop") { takt_test::serves_timers<loop>(); }
TEST_CASE("GLib: a detached scheduler is left alone, and an attachment may be moved") { takt_test::is_detached_and_moved<loop>(); }
TEST_CASE("GLib: a callback may destroy the attachment and the scheduler") { takt_test::is_destroyed_by_a_callback<loop>(); }
TEST_CASE("GLib: an exception goes where on_exception() says") { takt_test::keeps_exceptions_from_c<loop>(); }
TEST_CASE("GLib: a scheduler without a descriptor is an error") {
  takt::testing::manual_clock clock;
  takt_test::reports_errors<loop>(clock);
}
TEST_CASE("GLib: the default context is null, and the source may have a priority") {
  takt::grid_scheduler timers;
  const takt::glib_attachment attached(nullptr, timers);
  g_source_set_priority(attached.source(), G_PRIORITY_HIGH);
  bool called = false;
  const auto handle = timers.after(std::chrono::nanoseconds(0), takt::slack(), [&] { called = true; });
  while (!called) g_main_context_iteration(nullptr, TRUE);
  CHECK(called);
}
#endif
