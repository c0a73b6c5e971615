// Protects: that what pictures are drawn from stays bounded, and loses no expiry: of too many owners the rarest become
// others.
#include "../examples/takt/model/timer_history.hpp"
#include <cmath>
#include <doctest/doctest.h>
#include <string>

using namespace std::chrono_literals;

TEST_CASE("Expiries by CPU and by owner, those from idle apart") {
  tool::timer_history h;
  h.expiry(0, 1ms, true, "a (1)");
  h.expiry(0, 2ms, false, "a (1)");
  h.expiry(3, 5ms, false, "the tick");
  CHECK(h.cpus.at(0).expiries.total() == 2);
  CHECK(h.cpus.at(0).from_idle.total() == 1);
  CHECK(h.cpus.at(3).expiries.total() == 1);
  CHECK(h.owners.find("a (1)")->second.total() == 2);
  CHECK(h.end == 5ms);
}

TEST_CASE("A tick is at its distance from the one before of its CPU") {
  tool::timer_history h;
  h.tick(0, 10ms);
  h.tick(1, 11ms);
  h.tick(0, 14ms);
  h.tick_stopped(0, 15ms);
  CHECK(h.cpus.at(0).tick_count == 2);
  CHECK(h.cpus.at(1).ticks.on(h.axis).empty());
  REQUIRE(h.cpus.at(0).ticks.on(h.axis).size() == 1);
  const int height = h.cpus.at(0).ticks.on(h.axis).begin()->second;
  CHECK(std::exp2(height / tool::timer_history::heights_per_octave) == doctest::Approx(4e6).epsilon(0.03));
  CHECK(h.cpus.at(0).stops.total() == 1);
}

TEST_CASE("Of too many owners the rarest become others; the busy ones stay") {
  tool::timer_history h;
  constexpr int busy = 10, rare = 5000;
  std::uint64_t all = 0;
  for (int i = 0; i < rare; ++i) {
    for (int k = 0; k < busy; ++k, ++all)
      h.expiry(0, std::chrono::milliseconds(i), false, "busy (" + std::to_string(k) + ")");
    h.expiry(0, std::chrono::milliseconds(i), false, "rare (" + std::to_string(i) + ")");
    ++all;
    REQUIRE(h.owners.size() <= tool::timer_history::max_owners);
  }
  for (int k = 0; k < busy; ++k) CHECK(h.owners.at("busy (" + std::to_string(k) + ")").total() == rare);
  std::uint64_t kept = h.others.total();
  for (const auto& [name, counts] : h.owners) kept += counts.total();
  CHECK(kept == all);
  CHECK(h.cpus.at(0).expiries.total() == all);
}
