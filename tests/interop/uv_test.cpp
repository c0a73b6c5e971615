// Protects: that a scheduler in a loop of libuv is served, and may be detached and destroyed at any moment.
#include <takt/interop/uv.hpp>
#if __has_include(<uv.h>)
#include "interop/loops.hpp"
#include <doctest/doctest.h>
#include <takt/testing/manual_clock.hpp>

#include <system_error>

namespace {

/// A loop that is closed when all that it has is closed, as libuv demands.
struct loop {
  using attachment = takt::uv_attachment;
  loop() { uv_loop_init(&uv); }
  ~loop() {
    uv_run(&uv, UV_RUN_DEFAULT); // what was closed is freed
    CHECK(uv_loop_close(&uv) == 0);
  }
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  void run() { uv_run(&uv, UV_RUN_DEFAULT); }
  void stop() { uv_stop(&uv); }
  template <class S> attachment attach(S& timers) { return attachment(&uv, timers); }
  template <class S> attachment attach(S& timers, std::error_code& ec) { return attachment(&uv, timers, ec); }
  uv_loop_t uv{};
};

} // namespace

TEST_CASE("libuv: callbacks are called, in time and in order, and may arm, cancel and stop") { takt_test::serves_timers<loop>(); }
TEST_CASE("libuv: a detached scheduler is left alone, and an attachment may be moved") { takt_test::is_detached_and_moved<loop>(); }
TEST_CASE("libuv: a callback may destroy the attachment and the scheduler") { takt_test::is_destroyed_by_a_callback<loop>(); }
TEST_CASE("libuv: an exception goes where on_exception() says") { takt_test::keeps_exceptions_from_c<loop>(); }
TEST_CASE("libuv: a scheduler without a descriptor is an error") {
  takt::testing::manual_clock clock;
  takt_test::reports_errors<loop>(clock);
}
TEST_CASE("libuv: an unreferenced attachment does not keep the loop") {
  loop l;
  takt::grid_scheduler timers;
  const auto attached = l.attach(timers);
  CHECK(uv_loop_alive(&l.uv) != 0);
  uv_unref(attached.handle());
  l.run(); // returns
  CHECK(uv_loop_alive(&l.uv) == 0);
}
#endif
