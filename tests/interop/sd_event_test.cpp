// Protects: that a scheduler in a loop of sd-event is served, and may be detached and destroyed at any moment.
#include <takt/interop/sd_event.hpp>
#if __has_include(<systemd/sd-event.h>)
#include "interop/loops.hpp"
#include <doctest/doctest.h>
#include <takt/testing/manual_clock.hpp>

#include <system_error>

namespace {

struct loop {
  using attachment = takt::sd_event_attachment;
  loop() { REQUIRE(sd_event_new(&event) >= 0); }
  ~loop() { sd_event_unref(event); }
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  void run() { CHECK(sd_event_loop(event) == 0); }
  void stop() { sd_event_exit(event, 0); }
  template <class S> attachment attach(S& timers) { return attachment(event, timers); }
  template <class S> attachment attach(S& timers, std::error_code& ec) { return attachment(event, timers, ec); }
  sd_event* event = nullptr;
};

} // namespace

TEST_CASE("sd-event: callbacks are called, in time and in order, and may arm, cancel and stop") { takt_test::serves_timers<loop>(); }
TEST_CASE("sd-event: a detached scheduler is left alone, and an attachment may be moved") { takt_test::is_detached_and_moved<loop>(); }
TEST_CASE("sd-event: a callback may destroy the attachment and the scheduler") { takt_test::is_destroyed_by_a_callback<loop>(); }
TEST_CASE("sd-event: an exception goes where on_exception() says") { takt_test::keeps_exceptions_from_c<loop>(); }
TEST_CASE("sd-event: a scheduler without a descriptor is an error") {
  takt::testing::manual_clock clock;
  takt_test::reports_errors<loop>(clock);
}
TEST_CASE("sd-event: the attachment keeps the loop, and its source has a name") {
  takt::grid_scheduler timers;
  std::optional<loop> l(std::in_place);
  const auto attached = l->attach(timers);
  CHECK(sd_event_source_set_description(attached.source(), "timers") >= 0);
  l.reset();
}
#endif
