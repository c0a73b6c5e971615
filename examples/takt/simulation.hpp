/// simulation.hpp - how many wake-ups a machine needs if every process picks a point of its own windows, by many rules,
/// beside the fewest that an all-knowing planner needs. Pure: data in, data out.
///
/// Processes know nothing of each other. A process wakes at the point that its rule picks in the window that closes
/// first, and serves whatever is open then. Counted are the distinct instants at which the machine wakes. With the
/// kernel's slack each process stays on a CPU, the next one on the next.
///
/// What makes it quick: a window that holds another one whole is open whenever that one is served, and closes no
/// earlier. So it decides nothing, whatever the rule, and only the innermost windows are looked at; and in the order in
/// which these close, a process needs to remember no more than when it was awake last.
#pragma once
#include "planner.hpp"
#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <takt/core/grid.hpp>
#include <takt/core/ladder.hpp>
#include <takt/timer/wakeup_rule.hpp>
#include <utility>
#include <vector>

namespace tool {

/// A window, and of which process.
struct request {
  window when;
  std::uint32_t process = 0;
};

enum class policy {
  plain,
  kernel_1,
  kernel_2,
  kernel_8,
  tens,
  systemd,
  latest,
  first_of_rung,
  last_of_rung,
  decimal,
  binary,
  both_ladders,
  planner,
};

struct policy_name {
  policy is;
  const char* key;
  const char* text;
};
inline constexpr policy_name policies[] = {
    {policy::plain, "plain", "plain timers: when due"},
    {policy::kernel_1, "kernel_1", "the kernel's slack, 1 CPU"},
    {policy::kernel_2, "kernel_2", "the kernel's slack, 2 CPUs"},
    {policy::kernel_8, "kernel_8", "the kernel's slack, 8 CPUs"},
    {policy::tens, "tens", "powers of ten, the last point"},
    {policy::systemd, "systemd", "systemd's levels, else latest"},
    {policy::latest, "latest", "latest: each its own planner"},
    {policy::first_of_rung, "first_of_rung", "1-5-10, first point of the rung"},
    {policy::last_of_rung, "last_of_rung", "1-5-10, last point of the rung"},
    {policy::decimal, "decimal", "roundest, decimal: takt"},
    {policy::binary, "binary", "roundest, binary"},
    {policy::both_ladders, "both_ladders", "every other process binary"},
    {policy::planner, "planner", "all-knowing planner"},
};
inline constexpr std::size_t policy_count = std::size(policies);

/// A set of policies, as bits.
using policy_set = unsigned;
[[nodiscard]] constexpr policy_set bit_of(policy p) { return 1U << static_cast<unsigned>(p); }
inline constexpr policy_set every_policy = (1U << policy_count) - 1;

// rules that takt has no need of

namespace rules {

using std::chrono::nanoseconds;

/// The coarsest of 1, 10, 100 ... ns, or of 1, 5, 10, 50 ... ns, that has a point in the window.
inline nanoseconds coarsest(nanoseconds earliest, nanoseconds latest, bool with_fives) {
  constexpr std::int64_t last = 1'000'000'000'000'000'000;
  std::int64_t point = takt::roundest_point(earliest, latest)->count(); // of that rung, whichever of its points
  if (point == 0) return nanoseconds(with_fives ? 5 * last : last);
  std::int64_t rung = 1;
  for (; rung < last && point % 10 == 0; point /= 10) rung *= 10;
  return nanoseconds(with_fives && point % 5 == 0 ? rung * 5 : rung);
}
/// Precondition here and below: no time before the epoch.
inline nanoseconds last_point(nanoseconds latest, nanoseconds rung) { return latest - latest % rung; }

struct last_of_ten {
  nanoseconds operator()(nanoseconds earliest, nanoseconds latest) const {
    return last_point(latest, coarsest(earliest, latest, false));
  }
};
struct first_of_rung {
  nanoseconds operator()(nanoseconds earliest, nanoseconds latest) const {
    const nanoseconds rung = coarsest(earliest, latest, true), rest = earliest % rung;
    return rest.count() == 0 ? earliest : earliest + (rung - rest);
  }
};
struct last_of_rung {
  nanoseconds operator()(nanoseconds earliest, nanoseconds latest) const {
    return last_point(latest, coarsest(earliest, latest, true));
  }
};
/// The levels of sd-event (sleep_between() in sd-event.c, systemd 252): the last point of a minute's grid, of ten
/// seconds', of one, of a quarter; else the end of the window.
struct systemd {
  nanoseconds operator()(nanoseconds earliest, nanoseconds latest) const {
    using namespace std::chrono_literals;
    if (const auto point = last_point(latest, 60s); point >= earliest) return point;
    if (const auto point = last_point(latest, 10s); point >= earliest) return point;
    if (const auto point = last_point(latest, 1s); point >= earliest) return point;
    if (const auto point = last_point(latest, 250ms); point >= earliest) return point;
    return latest;
  }
};

} // namespace rules

// building blocks

/// How many different instants there are in what processes did. Each did it in order, so they are gone through together,
/// a part of the time after the other, such that a cache holds the different ones of that part.
class instants {
public:
  void insert(std::span<const std::chrono::nanoseconds> times) {
    for (const std::chrono::nanoseconds t : times) {
      if (times_.empty() || t.count() < times_.back()) runs_.push_back(times_.size());
      times_.push_back(t.count());
    }
  }
  void clear() {
    times_.clear();
    runs_.clear();
  }

  [[nodiscard]] std::size_t count() {
    const std::size_t parts = times_.size() / part + 1;
    if (parts * runs_.size() > 2 * times_.size() + part) { // not what a process does: in no order
      std::sort(times_.begin(), times_.end());
      times_.erase(std::unique(times_.begin(), times_.end()), times_.end());
      runs_ = {0};
      return times_.size();
    }
    std::int64_t low = std::numeric_limits<std::int64_t>::max(), high = std::numeric_limits<std::int64_t>::min();
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      low = std::min(low, times_[runs_[i]]);
      high = std::max(high, times_[end_of(i) - 1]);
    }
    std::size_t sum = 0;
    next_ = runs_;
    for (std::size_t p = 1; p <= parts && !runs_.empty(); ++p) {
      const std::int64_t end =
          p == parts ? high
                     : low + static_cast<std::int64_t>(static_cast<double>(high - low) * static_cast<double>(p) /
                                                       static_cast<double>(parts));
      renew();
      for (std::size_t i = 0; i < runs_.size(); ++i) {
        for (const std::size_t stop = end_of(i); next_[i] < stop && times_[next_[i]] <= end; ++next_[i])
          mark(times_[next_[i]]);
      }
      sum += used_;
    }
    return sum;
  }

private:
  static constexpr std::size_t part = 4096;                                        // of the times
  static constexpr std::int64_t vacant = std::numeric_limits<std::int64_t>::min(); // no instant of a simulation

  std::size_t end_of(std::size_t run) const { return run + 1 < runs_.size() ? runs_[run + 1] : times_.size(); }

  std::int64_t& place_of(std::int64_t t) {
    auto hash = static_cast<std::uint64_t>(t); // round numbers a round distance apart: one multiplication piles them up
    hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15U;
    hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9U;
    auto place = static_cast<std::size_t>(hash >> shift_);
    while (slots_[place] != vacant && slots_[place] != t) place = (place + 1) & (slots_.size() - 1);
    return slots_[place];
  }
  void mark(std::int64_t t) {
    if (2 * (used_ + 1) > slots_.size()) grow();
    auto& slot = place_of(t);
    used_ += slot != t;
    slot = t;
  }
  void renew() {
    slots_.assign(std::bit_ceil(std::min(4 * part, 4 * times_.size() + 16)), vacant);
    shift_ = 64 - std::countr_zero(slots_.size());
    used_ = 0;
  }
  void grow() {
    std::vector<std::int64_t> old(2 * slots_.size(), vacant);
    old.swap(slots_);
    shift_ = 64 - std::countr_zero(slots_.size());
    for (const std::int64_t t : old)
      if (t != vacant) place_of(t) = t;
  }

  std::vector<std::int64_t> times_;
  std::vector<std::size_t> runs_, next_; // where those begin that are in order; how far each was gone through
  std::vector<std::int64_t> slots_;
  int shift_ = 64;
  std::size_t used_ = 0;
};

/// Takes out windows that hold another one whole, most of them, and sorts the others by when they close: windows of
/// which none holds another close in the order in which they open, so this is little work.
class innermost_first {
public:
  void operator()(std::vector<window>& windows) {
    using std::chrono::nanoseconds;
    if (windows.empty()) return;
    nanoseconds low = windows[0].earliest, high = low;
    for (const window& w : windows) low = std::min(low, w.earliest), high = std::max(high, w.earliest);
    const auto offset = [low](nanoseconds t) {
      return static_cast<std::uint64_t>(t.count()) - static_cast<std::uint64_t>(low.count());
    };
    const std::size_t parts = std::min(std::bit_ceil(windows.size()), most_parts);
    const int shift = std::max(0, static_cast<int>(std::bit_width(offset(high))) - std::countr_zero(parts));
    const auto part = [&](const window& w) { return static_cast<std::size_t>(offset(w.earliest) >> shift); };

    // [i]: when the first of the windows closes that open in part i of the time or later.
    first_end_.assign(parts + 1, nanoseconds::max());
    for (const window& w : windows) {
      auto& end = first_end_[part(w)];
      end = std::min(end, w.latest);
    }
    for (std::size_t i = parts; i-- > 0;) first_end_[i] = std::min(first_end_[i], first_end_[i + 1]);

    // [i]: how many are left of the parts before i; later where the next one of part i goes.
    place_.assign(parts + 1, 0);
    std::size_t most = 0;
    for (const window& w : windows) {
      const std::size_t i = part(w);
      if (w.latest < first_end_[i + 1]) most = std::max<std::size_t>(most, ++place_[i + 1]);
    }
    for (std::size_t i = 0; i < parts; ++i) place_[i + 1] += place_[i];
    left_.resize(place_[parts]);
    for (const window& w : windows) {
      const std::size_t i = part(w);
      if (w.latest < first_end_[i + 1]) left_[place_[i]++] = w;
    }
    windows.swap(left_);

    const auto closes_first = [](const window& a, const window& b) { return a.latest < b.latest; };
    if (most > few) return std::sort(windows.begin(), windows.end(), closes_first);
    for (std::size_t i = 1; i < windows.size(); ++i) {
      const window w = windows[i];
      std::size_t at = i;
      for (; at > 0 && closes_first(w, windows[at - 1]); --at) windows[at] = windows[at - 1];
      windows[at] = w;
    }
  }

private:
  static constexpr std::size_t most_parts = std::size_t{1} << 15; // what a cache holds
  static constexpr std::size_t few = 64;                          // out of place are only those of one part

  std::vector<std::chrono::nanoseconds> first_end_;
  std::vector<std::uint32_t> place_;
  std::vector<window> left_;
};

/// A process with a rule. Appends its wake-ups in order.
/// Precondition: windows in the order in which they close. The rule's points are in their windows.
template <takt::wakeup_rule Rule>
void walk(std::span<const window> windows, const Rule& rule, std::vector<std::chrono::nanoseconds>& wake_ups) {
  auto last = std::chrono::nanoseconds::min();
  for (const window& w : windows) {
    if (w.earliest <= last) continue; // it was open when the process was awake last: that is since it opened
    last = rule(w.earliest, w.latest);
    wake_ups.push_back(last);
  }
}

/// A CPU whose timers are ordered by their hard expiry. At the first one its interrupt comes, and timers expire in that
/// order until one is not yet open (__hrtimer_run_queues(), kernel/time/hrtimer.c, Linux 6.1).
inline void walk_as_the_kernel(std::span<const window> windows, std::vector<std::chrono::nanoseconds>& wake_ups) {
  for (std::size_t i = 0; i < windows.size();) {
    const auto now = windows[i].latest;
    wake_ups.push_back(now);
    while (i < windows.size() && windows[i].earliest <= now) ++i;
  }
}

/// Puts into `all` the windows of all timers that open within `length` from `start`, timer by timer.
inline void fill_requests(std::vector<request>& all, std::span<const timer> timers, std::size_t timers_each,
                          std::chrono::nanoseconds start, std::chrono::nanoseconds length) {
  all.clear();
  for (std::size_t i = 0; i < timers.size(); ++i)
    for (auto due = start + timers[i].first; due < start + length; due += timers[i].period)
      all.push_back({{due, due + timers[i].slack}, static_cast<std::uint32_t>(i / timers_each)});
}

// one machine

struct tally {
  std::size_t wake_ups = 0;         ///< of the machine: distinct instants
  std::size_t process_wake_ups = 0; ///< of its processes, added up; none for plain, the kernel's and the planner's
};
using comparison = std::array<tally, policy_count>;

[[nodiscard]] inline const tally& of(const comparison& c, policy p) { return c[static_cast<std::size_t>(p)]; }

/// Compares policies on machines, one after the other. Keeps its memory from one to the next.
class simulator {
public:
  /// Calls `woke(policy, process, points)` for the wake-ups of each process, numbered as they come; for plain timers
  /// with every expiry; for the kernel and the planner with those of a CPU or of the machine, as process 0.
  /// Precondition: the requests of a process stand together.
  template <class Woke> comparison compare(std::span<const request> machine, policy_set wanted, Woke woke) {
    comparison result{};
    innermost_.clear();
    begins_.assign(1, 0);
    for (auto& seen : seen_) seen.clear();

    std::size_t process = 0;
    const auto run = [&](policy p, auto&& fill) {
      if ((wanted & bit_of(p)) == 0) return;
      points_.clear();
      fill(points_);
      const auto i = static_cast<std::size_t>(p);
      seen_[i].insert(points_);
      result[i].process_wake_ups += points_.size();
      woke(p, process, std::span<const std::chrono::nanoseconds>(points_));
    };
    for (std::size_t i = 0; i < machine.size(); ++process) {
      const std::size_t begin = i;
      windows_.clear();
      for (; i < machine.size() && machine[i].process == machine[begin].process; ++i)
        windows_.push_back(machine[i].when);
      run(policy::plain, [&](auto& points) {
        for (const window& w : windows_) points.push_back(w.earliest);
      });
      keep_innermost_(windows_);
      const auto follow = [&](policy p, const auto& rule) {
        run(p, [&](auto& points) { walk(windows_, rule, points); });
      };
      follow(policy::tens, rules::last_of_ten{});
      follow(policy::systemd, rules::systemd{});
      follow(policy::latest, takt::wake_at_latest{});
      follow(policy::first_of_rung, rules::first_of_rung{});
      follow(policy::last_of_rung, rules::last_of_rung{});
      follow(policy::decimal, takt::wake_at_roundest<>{});
      follow(policy::binary, takt::wake_at_roundest_binary{});
      if (process % 2 == 0) follow(policy::both_ladders, takt::wake_at_roundest<>{});
      else follow(policy::both_ladders, takt::wake_at_roundest_binary{});
      innermost_.insert(innermost_.end(), windows_.begin(), windows_.end());
      begins_.push_back(static_cast<std::ptrdiff_t>(innermost_.size()));
    }
    const std::size_t processes = std::exchange(process, 0);
    constexpr std::pair<policy, std::size_t> kernels[] = {
        {policy::kernel_1, 1}, {policy::kernel_2, 2}, {policy::kernel_8, 8}};
    for (const auto& [p, cpus] : kernels) {
      for (std::size_t cpu = 0; cpu < cpus && (wanted & bit_of(p)) != 0; ++cpu) {
        windows_.clear();
        for (std::size_t i = cpu; i < processes; i += cpus)
          windows_.insert(windows_.end(), innermost_.begin() + begins_[i], innermost_.begin() + begins_[i + 1]);
        keep_innermost_(windows_);
        run(p, [&](auto& points) { walk_as_the_kernel(windows_, points); });
      }
    }
    keep_innermost_(innermost_);
    run(policy::planner, [&](auto& points) { points = plan(innermost_); });
    for (std::size_t i = 0; i < policy_count; ++i) result[i].wake_ups = seen_[i].count();
    for (const policy p : {policy::plain, policy::kernel_1, policy::kernel_2, policy::kernel_8, policy::planner})
      result[static_cast<std::size_t>(p)].process_wake_ups = 0;
    return result;
  }
  comparison compare(std::span<const request> machine, policy_set wanted = every_policy) {
    return compare(machine, wanted, [](policy, std::size_t, std::span<const std::chrono::nanoseconds>) {});
  }

private:
  std::array<instants, policy_count> seen_;
  innermost_first keep_innermost_;
  std::vector<window> windows_;
  std::vector<window> innermost_;      // of all processes, one after the other
  std::vector<std::ptrdiff_t> begins_; // where each begins there
  std::vector<std::chrono::nanoseconds> points_;
};

} // namespace tool
