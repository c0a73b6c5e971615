/// timer_history.hpp - when timers expired, on which CPU and for which owner, in bounded memory: the data of the
/// pictures of a recording. Pure.
#pragma once
#include "folded_time.hpp"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tool {

/// All times are since the start of the recording. Precondition: on each CPU they come in their order.
class timer_history {
public:
  using nanoseconds = std::chrono::nanoseconds;

  struct cpu {
    folded_counts expiries;  ///< of all timers
    folded_counts from_idle; ///< expiries that woke the CPU from idle
    folded_points ticks;     ///< each tick, with the time since the previous tick as its height, see `height_of`
    folded_counts stops;     ///< when the tick was stopped
    std::optional<nanoseconds> last_tick = {};
    std::uint64_t tick_count = 0;
  };

  /// The largest number of owners. One more, and the rarest half is counted in `others`.
  static constexpr std::size_t max_owners = 512;

  /// Effects: counts an expiry of a timer of `owner` at `t` on CPU `number`.
  void expiry(unsigned number, nanoseconds t, bool woke_idle, std::string_view owner) {
    end = std::max(end, t);
    cpu& c = cpus[number];
    c.expiries.add(axis, t);
    if (woke_idle) c.from_idle.add(axis, t);
    auto found = owners.find(owner);
    if (found == owners.end()) {
      if (owners.size() >= max_owners) forget_the_rarest();
      found = owners.emplace(std::string(owner), folded_counts()).first;
    }
    found->second.add(axis, t);
  }
  /// Effects: counts a tick at `t` on CPU `number`.
  void tick(unsigned number, nanoseconds t) {
    end = std::max(end, t);
    cpu& c = cpus[number];
    ++c.tick_count;
    if (c.last_tick && t > *c.last_tick) c.ticks.add(axis, t, height_of(t - *c.last_tick));
    c.last_tick = t;
  }
  /// Effects: counts a stop of the tick at `t` on CPU `number`.
  void tick_stopped(unsigned number, nanoseconds t) {
    end = std::max(end, t);
    cpus[number].stops.add(axis, t);
  }

  /// Heights are logarithms with 24 steps for a factor of two, so that a step is 3 %.
  static constexpr double heights_per_octave = 24;
  static int height_of(nanoseconds distance) {
    return static_cast<int>(std::lround(std::log2(static_cast<double>(distance.count())) * heights_per_octave));
  }

  folded_axis axis;
  nanoseconds end{}; ///< the last event, or the end of the recording where the caller sets it
  std::map<unsigned, cpu> cpus;
  std::map<std::string, folded_counts, std::less<>> owners;
  folded_counts others;

private:
  void forget_the_rarest() {
    std::vector<std::uint64_t> totals;
    for (const auto& [name, counts] : owners) totals.push_back(counts.total());
    std::nth_element(totals.begin(), totals.begin() + max_owners / 2, totals.end());
    const std::uint64_t kept = totals[max_owners / 2];
    std::size_t room = max_owners / 2; // of owners with equal totals, only as many as needed are removed
    for (auto it = owners.begin(); it != owners.end() && room > 0;) {
      if (it->second.total() > kept) {
        ++it;
        continue;
      }
      const auto& counts = it->second.on(axis);
      for (std::size_t i = 0; i < counts.size(); ++i)
        if (counts[i] != 0) others.add(axis, axis.width() * static_cast<std::int64_t>(i), counts[i]);
      it = owners.erase(it);
      --room;
    }
  }
};

} // namespace tool
