/// fleet.hpp - the load on a service that many machines call, all of them on the grid of CLOCK_REALTIME. Pure.
///
/// A common grid saves wake-ups on each machine, and makes all machines call the service at the same moment, unless
/// each machine has its own phase. The phase is drawn for each machine, as takt derives it from the boot id. A
/// process calls the service once per wake-up. The machines' clocks differ by up to the clock error.
#pragma once
#include "machine.hpp"
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <span>
#include <vector>

namespace tool {

/// Machines that call one service, and the time in which they do.
struct fleet {
  std::size_t machines = 1000;
  workload machine; ///< the distribution of a machine's timers; its seed is that of the fleet
  std::chrono::nanoseconds length = std::chrono::seconds(60);      ///< the simulated time
  std::chrono::nanoseconds phase_below = std::chrono::seconds(60); ///< phases of machines are in [0, phase_below)
  std::chrono::nanoseconds clock_error =
      std::chrono::milliseconds(1); ///< largest offset of a machine's clock, either way
  std::chrono::nanoseconds together =
      std::chrono::milliseconds(1); ///< the length of one moment, in which requests are counted
};

/// A policy, with or without a phase of each machine.
struct fleet_way {
  wake_policy is;
  bool phase;
};
inline constexpr fleet_way fleet_ways[] = {
    {wake_policy::plain, false},  {wake_policy::latest, false},  {wake_policy::systemd, false},
    {wake_policy::systemd, true}, {wake_policy::decimal, false}, {wake_policy::decimal, true},
    {wake_policy::binary, false}, {wake_policy::binary, true},
};
inline constexpr std::size_t fleet_way_count = std::size(fleet_ways);

/// The load so far under one of the policies.
struct fleet_load {
  std::size_t wake_ups = 0;           ///< sum over all machines
  std::size_t asked = 0;              ///< number of requests to the service
  std::vector<std::uint32_t> moments; ///< number of requests in each moment

  /// Returns: the number of requests in the busiest moment.
  [[nodiscard]] std::uint32_t peak() const {
    return moments.empty() ? 0 : *std::max_element(moments.begin(), moments.end());
  }
};

/// Simulates the machines of a fleet one by one, under each of fleet_ways.
class fleet_simulator {
public:
  explicit fleet_simulator(const fleet& f) : fleet_(f), loads_(fleet_way_count) {
    for (fleet_load& load : loads_) load.moments.resize(static_cast<std::size_t>((f.length - ns(1)) / f.together) + 1);
  }

  /// Effects: simulates one more machine, and adds its load.
  void add_machine() {
    std::seed_seq mixed{static_cast<std::uint32_t>(fleet_.machine.seed),
                        static_cast<std::uint32_t>(fleet_.machine.seed >> 32), static_cast<std::uint32_t>(machines_++)};
    std::uint32_t words[4];
    mixed.generate(std::begin(words), std::end(words));
    workload w = fleet_.machine;
    w.seed = words[0] | std::uint64_t{words[1]} << 32;
    const auto below = [](std::uint32_t random, ns n) {
      return ns(static_cast<std::int64_t>(static_cast<double>(random) * 0x1p-32 * static_cast<double>(n.count())));
    };
    const ns phase = below(words[2], fleet_.phase_below);
    const ns ahead = below(words[3], 2 * fleet_.clock_error) - fleet_.clock_error;

    // A window that opens before the start may be served after it.
    fill_requests(requests_, draw_timers(w), static_cast<std::size_t>(w.threads), start - w.longest,
                  fleet_.length + w.longest);
    for (instants& seen : seen_) seen.clear();
    innermost_.clear();
    for (std::size_t i = 0; i < requests_.size();) {
      const std::uint32_t process = requests_[i].process;
      windows_.clear();
      for (; i < requests_.size() && requests_[i].process == process; ++i) windows_.push_back(requests_[i].when);
      const std::vector<window> all = windows_;
      keep_innermost_(windows_);
      innermost_.insert(innermost_.end(), windows_.begin(), windows_.end());
      for (std::size_t way = 0; way < fleet_way_count; ++way) {
        points_.clear();
        append(fleet_ways[way], phase, all);
        std::erase_if(points_, [&](ns t) { return t < start || t >= start + fleet_.length; });
        seen_[way].insert(points_);
        loads_[way].asked += points_.size();
        for (const ns t : points_) {
          // The time wraps around: a fast clock's requests before the start are counted before the end.
          const ns at = (t - start + ahead + fleet_.length) % fleet_.length;
          ++loads_[way].moments[static_cast<std::size_t>(at / fleet_.together)];
        }
      }
    }
    for (std::size_t way = 0; way < fleet_way_count; ++way) loads_[way].wake_ups += seen_[way].count();
    keep_innermost_(innermost_);
    for (const ns t : takt::fewest_wakeups(innermost_)) planned_ += t >= start && t < start + fleet_.length;
  }

  /// Returns: the number of machines that were simulated.
  [[nodiscard]] std::size_t machines() const { return machines_; }
  /// Returns: the loads, one for each of fleet_ways in its order.
  [[nodiscard]] std::span<const fleet_load> loads() const {
    return loads_;
  }
  /// Returns: the wake-ups of the planner, summed over all machines.
  [[nodiscard]] std::size_t planned() const { return planned_; }

private:
  using ns = std::chrono::nanoseconds;
  static constexpr ns start = std::chrono::seconds(1'800'000'000); // 15 January 2027, a plausible wall clock time

  void append(const fleet_way& way, ns phase, const std::vector<window>& all) {
    const ns by = way.phase ? phase : ns(0);
    switch (way.is) {
    case wake_policy::latest: return walk(windows_, takt::wake_at_latest{}, points_);
    case wake_policy::systemd: return walk(windows_, takt::wake_with_phase<rules::systemd>{by}, points_);
    case wake_policy::decimal: return walk(windows_, takt::wake_with_phase<takt::wake_at_roundest<>>{by}, points_);
    case wake_policy::binary: return walk(windows_, takt::wake_with_phase<takt::wake_at_roundest_binary>{by}, points_);
    default:
      for (const window& w : all) points_.push_back(w.earliest);
    }
  }

  fleet fleet_;
  std::vector<fleet_load> loads_;
  std::size_t machines_ = 0, planned_ = 0;
  std::vector<request> requests_;
  innermost_first keep_innermost_;
  std::vector<window> windows_, innermost_;
  instants seen_[fleet_way_count];
  std::vector<ns> points_;
};

} // namespace tool
