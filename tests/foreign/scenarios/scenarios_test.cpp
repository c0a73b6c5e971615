// Protects: basic_grid_scheduler, its handles, nodes and cycles, by what users of other libraries rely on: the documented
// behaviour of folly's HHWheelTimer, tokio's DelayQueue and Interval, ratas and sd-event, as tables. Where takt differs by
// design the row says why. It is one translation unit, because the scheduler is most of what compiling it costs.
#include <doctest/doctest.h>

#include "foreign/scenarios/folly.hpp"
#include "foreign/scenarios/ratas.hpp"
#include "foreign/scenarios/sd_event.hpp"
#include "foreign/scenarios/tokio.hpp"
#include <string>

namespace {

using namespace takt_test::scenarios;

void play(stage& with, const row& r) {
  const std::string situation(r.situation), script(r.script);
  CAPTURE(situation);
  CAPTURE(script);
  const bool differs = r.takt != nullptr;
  CHECK(with.play(r.script) == std::string(differs ? r.takt : r.documented));
  // A difference has its reason, and what is no difference is not called one.
  CHECK((r.why != nullptr) == differs);
  if (differs) CHECK(std::string(r.takt) != r.documented);
}

template <class Library, class Rows> void play_all(const Rows& rows) {
  for (const row& r : rows) {
    Library with;
    play(with, r);
  }
}

} // namespace

TEST_CASE("scenarios of folly's HHWheelTimer") { play_all<folly_wheel>(folly_rows); }
TEST_CASE("scenarios of tokio's DelayQueue and Interval") { play_all<tokio_time>(tokio_rows); }
TEST_CASE("scenarios of ratas") { play_all<ratas_wheel>(ratas_rows); }
TEST_CASE("scenarios of sd-event") { play_all<sd_event_loop>(sd_event_rows); }
