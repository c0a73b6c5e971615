/// simulated_fleet.hpp - what a service sees that many machines ask, all of them on the grid of CLOCK_REALTIME. Pure.
///
/// A grid that lets a machine sleep well makes a fleet ask at the same moment, unless each machine has a phase of its
/// own: it is drawn for each, as its boot id gives it one. A process asks once each time it wakes. The clocks of the
/// machines disagree by as much as clocks that are disciplined do.
#pragma once
#include "simulation.hpp"
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <span>
#include <vector>

namespace tool {

struct fleet {
  std::size_t machines = 1000;
  workload machine; ///< its seed is that of the fleet
  std::chrono::nanoseconds length = std::chrono::seconds(60);
  std::chrono::nanoseconds phase_below = std::chrono::seconds(60);
  std::chrono::nanoseconds clock_error = std::chrono::milliseconds(1); ///< up to so much, either way
  std::chrono::nanoseconds together = std::chrono::milliseconds(1);    ///< what the service takes for one moment
};

struct fleet_way {
  policy is;
  bool phase;
};
inline constexpr fleet_way fleet_ways[] = {
    {policy::plain, false},   {policy::latest, false}, {policy::systemd, false}, {policy::systemd, true},
    {policy::decimal, false}, {policy::decimal, true}, {policy::binary, false},  {policy::binary, true},
};
inline constexpr std::size_t fleet_way_count = std::size(fleet_ways);

/// What became of the machines so far, in one of the ways.
struct fleet_load {
  std::size_t wake_ups = 0; ///< of the machines, added up
  std::size_t asked = 0;    ///< how often the service was
  std::vector<std::uint32_t> moments;

  [[nodiscard]] std::uint32_t peak() const {
    return moments.empty() ? 0 : *std::max_element(moments.begin(), moments.end());
  }
};

class fleet_simulator {
public:
  explicit fleet_simulator(const fleet& f) : fleet_(f), loads_(fleet_way_count) {
    for (fleet_load& load : loads_) load.moments.resize(static_cast<std::size_t>((f.length - ns(1)) / f.together) + 1);
  }

  /// Lets one more machine live through the time.
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

    // What is due before the start may be done after it.
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
          // Round the end: what a fast clock does before the start, it does again before the end.
          const ns at = (t - start + ahead + fleet_.length) % fleet_.length;
          ++loads_[way].moments[static_cast<std::size_t>(at / fleet_.together)];
        }
      }
    }
    for (std::size_t way = 0; way < fleet_way_count; ++way) loads_[way].wake_ups += seen_[way].count();
    keep_innermost_(innermost_);
    for (const ns t : plan(innermost_)) planned_ += t >= start && t < start + fleet_.length;
  }

  [[nodiscard]] std::size_t machines() const { return machines_; }
  [[nodiscard]] std::span<const fleet_load> loads() const { return loads_; } ///< one for each of fleet_ways
  [[nodiscard]] std::size_t planned() const { return planned_; }             ///< the planner's wake_ups

private:
  using ns = std::chrono::nanoseconds;
  static constexpr ns start = std::chrono::seconds(1'800'000'000); // 15 January 2027: where a wall clock is

  void append(const fleet_way& way, ns phase, const std::vector<window>& all) {
    const ns by = way.phase ? phase : ns(0);
    switch (way.is) {
    case policy::latest: return walk(windows_, takt::wake_at_latest{}, points_);
    case policy::systemd: return walk(windows_, takt::wake_with_phase<rules::systemd>{by}, points_);
    case policy::decimal: return walk(windows_, takt::wake_with_phase<takt::wake_at_roundest<>>{by}, points_);
    case policy::binary: return walk(windows_, takt::wake_with_phase<takt::wake_at_roundest_binary>{by}, points_);
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
