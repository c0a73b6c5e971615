/// machine.hpp - the number of wake-ups of one machine under each of many rules, beside the fewest possible.
///
/// Processes do not communicate. A process wakes at the point that its rule picks in the window that closes first, and
/// serves every window that is open at that time. The result is the number of distinct instants at which the machine
/// wakes. With the kernel's slack, processes are pinned to CPUs in turn. Pure: data in, data out.
///
/// Why it is fast: a window that contains another one is open whenever the inner one is served, and closes no earlier.
/// It never decides a wake-up under any rule, so only the innermost windows are examined. In the order in which these
/// close, the only state of a process is the time of its last wake-up.
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
#include <queue>
#include <span>
#include <takt/core/grid.hpp>
#include <takt/core/ladder.hpp>
#include <takt/scheduler/wakeup_rule.hpp>
#include <utility>
#include <vector>

namespace tool {

/// A window and the process that it belongs to.
struct request {
  window when;
  std::uint32_t process = 0;
};

/// The rules that are compared; `policies` describes each.
enum class wake_policy {
  plain,
  kernel_1,
  kernel_2,
  kernel_4,
  kernel_8,
  kernel_16,
  tens,
  systemd,
  latest,
  first_of_rung,
  last_of_rung,
  decimal,
  joined_1,
  joined_2,
  joined_4,
  joined_8,
  joined_16,
  binary,
  both_ladders,
  planner,
};

/// The name of a policy in JSON, and its description for people.
struct policy_name {
  wake_policy is;
  const char* key;
  const char* text;
};
inline constexpr policy_name policies[] = {
    {wake_policy::plain, "plain", "plain timers: when due"},
    {wake_policy::kernel_1, "kernel_1", "the kernel's slack, 1 CPU"},
    {wake_policy::kernel_2, "kernel_2", "the kernel's slack, 2 CPUs"},
    {wake_policy::kernel_4, "kernel_4", "the kernel's slack, 4 CPUs"},
    {wake_policy::kernel_8, "kernel_8", "the kernel's slack, 8 CPUs"},
    {wake_policy::kernel_16, "kernel_16", "the kernel's slack, 16 CPUs"},
    {wake_policy::tens, "tens", "powers of ten, the last point"},
    {wake_policy::systemd, "systemd", "systemd's levels, else latest"},
    {wake_policy::latest, "latest", "latest: each its own planner"},
    {wake_policy::first_of_rung, "first_of_rung", "1-5-10, first point of the rung"},
    {wake_policy::last_of_rung, "last_of_rung", "1-5-10, last point of the rung"},
    {wake_policy::decimal, "decimal", "roundest, decimal: takt"},
    {wake_policy::joined_1, "joined_1", "takt with the kernel's slack, 1 CPU"},
    {wake_policy::joined_2, "joined_2", "takt with the kernel's slack, 2 CPUs"},
    {wake_policy::joined_4, "joined_4", "takt with the kernel's slack, 4 CPUs"},
    {wake_policy::joined_8, "joined_8", "takt with the kernel's slack, 8 CPUs"},
    {wake_policy::joined_16, "joined_16", "takt with the kernel's slack, 16 CPUs"},
    {wake_policy::binary, "binary", "roundest, binary"},
    {wake_policy::both_ladders, "both_ladders", "every other process binary"},
    {wake_policy::planner, "planner", "all-knowing planner"},
};
inline constexpr std::size_t policy_count = std::size(policies);

/// The policies of the kernel's slack, by the number of CPUs: its hard expiry is the end of the window, or the roundest
/// point, as sleep_until_within() and the scheduler ask for.
struct slack_on_cpus {
  std::size_t cpus;
  wake_policy to_end, to_roundest;
};
inline constexpr slack_on_cpus slack_policies[] = {{1, wake_policy::kernel_1, wake_policy::joined_1},
                                                  {2, wake_policy::kernel_2, wake_policy::joined_2},
                                                  {4, wake_policy::kernel_4, wake_policy::joined_4},
                                                  {8, wake_policy::kernel_8, wake_policy::joined_8},
                                                  {16, wake_policy::kernel_16, wake_policy::joined_16}};
/// Returns: the number of CPUs that `p` depends on; 0 if on none.
[[nodiscard]] constexpr std::size_t cpus_of(wake_policy p) {
  for (const slack_on_cpus& s : slack_policies)
    if (p == s.to_end || p == s.to_roundest) return s.cpus;
  return 0;
}

/// A set of policies, as bits.
using policy_set = unsigned;
[[nodiscard]] constexpr policy_set bit_of(wake_policy p) { return 1U << static_cast<unsigned>(p); }
inline constexpr policy_set every_policy = (1U << policy_count) - 1;

// rules for comparison, which the library does not offer

namespace rules {

using std::chrono::nanoseconds;

/// Returns: the coarsest of 1, 10, 100 ... ns, or of 1, 5, 10, 50 ... ns, that has a point in the window.
inline nanoseconds coarsest(nanoseconds earliest, nanoseconds latest, bool with_fives) {
  constexpr std::int64_t last = 1'000'000'000'000'000'000;
  std::int64_t point = takt::roundest_point(earliest, latest)->count(); // every point of that rung has the same zeros
  if (point == 0) return nanoseconds(with_fives ? 5 * last : last);
  std::int64_t rung = 1;
  for (; rung < last && point % 10 == 0; point /= 10) rung *= 10;
  return nanoseconds(with_fives && point % 5 == 0 ? rung * 5 : rung);
}
/// Returns: the last multiple of `rung` up to `latest`. Precondition: no time before the epoch, as for the rules below.
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
/// The levels of sd-event (sleep_between() in sd-event.c, systemd 252): the last point in the window on the grid of
/// 60 s, else of 10 s, 1 s or 250 ms, else the end of the window.
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

/// Counts the distinct instants in the wake-ups of many processes. The wake-ups of a process come in order, so all
/// processes are merged one slice of time after the other, and the distinct instants of a slice fit into a cache.
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
    if (parts * runs_.size() > 2 * times_.size() + part) { // unsorted input, which no process produces
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
  static constexpr std::size_t part = 4096;                                        // times in a slice, on average
  static constexpr std::int64_t vacant = std::numeric_limits<std::int64_t>::min(); // no instant of a simulation

  std::size_t end_of(std::size_t run) const { return run + 1 < runs_.size() ? runs_[run + 1] : times_.size(); }

  std::int64_t& place_of(std::int64_t t) {
    auto hash = static_cast<std::uint64_t>(t); // round numbers collide under a single multiplication
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
  std::vector<std::size_t> runs_, next_; // where each sorted run begins; the next of it to be merged
  std::vector<std::int64_t> slots_;
  int shift_ = 64;
  std::size_t used_ = 0;
};

/// Removes most of the windows that contain another one, and sorts the rest by their end. Windows of which none
/// contains another close in the order in which they open, so little is left to sort.
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
    const std::size_t parts = std::min(std::bit_ceil(windows.size()), max_parts);
    const int shift = std::max(0, static_cast<int>(std::bit_width(offset(high))) - std::countr_zero(parts));
    const auto part = [&](const window& w) { return static_cast<std::size_t>(offset(w.earliest) >> shift); };

    // [i]: the earliest end of the windows that open in part i of the time or later.
    first_end_.assign(parts + 1, nanoseconds::max());
    for (const window& w : windows) {
      auto& end = first_end_[part(w)];
      end = std::min(end, w.latest);
    }
    for (std::size_t i = parts; i-- > 0;) first_end_[i] = std::min(first_end_[i], first_end_[i + 1]);

    // [i]: the number of windows kept of the parts before i; later the place of the next one of part i.
    place_.assign(parts + 1, 0);
    std::size_t max_in_part = 0;
    for (const window& w : windows) {
      const std::size_t i = part(w);
      if (w.latest < first_end_[i + 1]) max_in_part = std::max<std::size_t>(max_in_part, ++place_[i + 1]);
    }
    for (std::size_t i = 0; i < parts; ++i) place_[i + 1] += place_[i];
    left_.resize(place_[parts]);
    for (const window& w : windows) {
      const std::size_t i = part(w);
      if (w.latest < first_end_[i + 1]) left_[place_[i]++] = w;
    }
    windows.swap(left_);

    const auto closes_first = [](const window& a, const window& b) { return a.latest < b.latest; };
    if (max_in_part > few) return std::sort(windows.begin(), windows.end(), closes_first);
    for (std::size_t i = 1; i < windows.size(); ++i) {
      const window w = windows[i];
      std::size_t at = i;
      for (; at > 0 && closes_first(w, windows[at - 1]); --at) windows[at] = windows[at - 1];
      windows[at] = w;
    }
  }

private:
  static constexpr std::size_t max_parts = std::size_t{1} << 15; // fits into a cache
  static constexpr std::size_t few = 64;                         // only windows of the same part are out of order

  std::vector<std::chrono::nanoseconds> first_end_;
  std::vector<std::uint32_t> place_;
  std::vector<window> left_;
};

/// Appends the wake-ups of a process that follows `rule`, in order.
/// Precondition: windows in the order in which they close. The rule's points are in their windows.
template <takt::wakeup_rule Rule>
void walk(std::span<const window> windows, const Rule& rule, std::vector<std::chrono::nanoseconds>& wake_ups) {
  auto last = std::chrono::nanoseconds::min();
  for (const window& w : windows) {
    if (w.earliest <= last) continue; // served by the last wake-up
    last = rule(w.earliest, w.latest);
    wake_ups.push_back(last);
  }
}

/// Appends the timer interrupts of a CPU. Its timers are ordered by hard expiry; the interrupt comes at the first
/// one, and timers expire in that order until one is not yet open (__hrtimer_run_queues(), kernel/time/hrtimer.c,
/// Linux 6.1).
inline void walk_as_the_kernel(std::span<const window> windows, std::vector<std::chrono::nanoseconds>& wake_ups) {
  for (std::size_t i = 0; i < windows.size();) {
    const auto now = windows[i].latest;
    wake_ups.push_back(now);
    while (i < windows.size() && windows[i].earliest <= now) ++i;
  }
}

/// Appends the timer interrupts of a CPU whose processes follow `rule` and let the kernel wake them earlier: a window's
/// beginning is the soft expiry, the rule's point the hard one. So a process joins an interrupt that comes anyway, and
/// serves all of its windows that are open then. sleep_until_within() and the scheduler sleep like this.
/// Precondition: the windows of a process in the order in which they close, none of which contains another.
template <takt::wakeup_rule Rule>
void walk_joined(std::span<const std::span<const window>> processes, const Rule& rule,
                 std::vector<std::chrono::nanoseconds>& wake_ups) {
  struct sleeper {
    std::chrono::nanoseconds soft, hard;
    std::size_t process, at;
    bool operator<(const sleeper& other) const { return hard > other.hard; } // the first to expire is the top
  };
  std::priority_queue<sleeper> queue;
  const auto sleep = [&](std::size_t process, std::size_t at) {
    if (at == processes[process].size()) return;
    const window& w = processes[process][at];
    queue.push({w.earliest, rule(w.earliest, w.latest), process, at});
  };
  for (std::size_t i = 0; i < processes.size(); ++i) sleep(i, 0);
  std::vector<sleeper> woken;
  while (!queue.empty()) {
    const auto now = queue.top().hard;
    wake_ups.push_back(now);
    woken.clear();
    for (; !queue.empty() && queue.top().soft <= now; queue.pop()) woken.push_back(queue.top());
    for (const sleeper& s : woken) {
      std::size_t at = s.at;
      while (at < processes[s.process].size() && processes[s.process][at].earliest <= now) ++at;
      sleep(s.process, at);
    }
  }
}

/// Replaces `all` by the windows that open within `length` from `start`, timer by timer.
inline void fill_requests(std::vector<request>& all, std::span<const timer> timers, std::size_t timers_each,
                          std::chrono::nanoseconds start, std::chrono::nanoseconds length) {
  all.clear();
  for (std::size_t i = 0; i < timers.size(); ++i)
    for (auto due = start + timers[i].first; due < start + length; due += timers[i].period)
      all.push_back({{due, due + timers[i].slack}, static_cast<std::uint32_t>(i / timers_each)});
}

// one machine

/// The wake-ups of one machine under one policy.
struct tally {
  std::size_t wake_ups = 0; ///< of the machine: distinct instants
  /// The sum over its processes. Zero for plain timers, for policies of the kernel (kernel_*, joined_*) and the
  /// planner.
  std::size_t process_wake_ups =
      0;
};
/// The wake-ups of one machine under each policy.
using comparison = std::array<tally, policy_count>;

[[nodiscard]] inline const tally& of(const comparison& c, wake_policy p) { return c[static_cast<std::size_t>(p)]; }

/// Compares policies on machines, one after the other, and reuses its memory.
class simulator {
public:
  /// Effects: calls `woke(wake_policy, process, points)` for the wake-ups of each process, numbered in the order of the
  /// requests. Plain timers report every expiry. Policies of the kernel report the wake-ups of each CPU, and the
  /// planner those of the machine, as those of process 0. Returns: the wake-ups under each policy of `wanted`.
  /// Precondition: the requests of a process are adjacent.
  template <class Woke> comparison compare(std::span<const request> machine, policy_set wanted, Woke woke) {
    comparison result{};
    innermost_.clear();
    begins_.assign(1, 0);
    for (auto& seen : seen_) seen.clear();

    std::size_t process = 0;
    const auto run = [&](wake_policy p, auto&& fill) {
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
      run(wake_policy::plain, [&](auto& points) {
        for (const window& w : windows_) points.push_back(w.earliest);
      });
      keep_innermost_(windows_);
      const auto follow = [&](wake_policy p, const auto& rule) {
        run(p, [&](auto& points) { walk(windows_, rule, points); });
      };
      follow(wake_policy::tens, rules::last_of_ten{});
      follow(wake_policy::systemd, rules::systemd{});
      follow(wake_policy::latest, takt::wake_at_latest{});
      follow(wake_policy::first_of_rung, rules::first_of_rung{});
      follow(wake_policy::last_of_rung, rules::last_of_rung{});
      follow(wake_policy::decimal, takt::wake_at_roundest<>{});
      follow(wake_policy::binary, takt::wake_at_roundest_binary{});
      if (process % 2 == 0) follow(wake_policy::both_ladders, takt::wake_at_roundest<>{});
      else follow(wake_policy::both_ladders, takt::wake_at_roundest_binary{});
      innermost_.insert(innermost_.end(), windows_.begin(), windows_.end());
      begins_.push_back(static_cast<std::ptrdiff_t>(innermost_.size()));
    }
    const std::size_t processes = std::exchange(process, 0);
    for (const slack_on_cpus& s : slack_policies) {
      const auto on_each = [&](wake_policy p, auto&& fill) { // fill(cpu, points)
        for (std::size_t cpu = 0; cpu < s.cpus && (wanted & bit_of(p)) != 0; ++cpu)
          run(p, [&](auto& points) { fill(cpu, points); });
      };
      on_each(s.to_end, [&](std::size_t cpu, auto& points) {
        windows_.clear();
        for (std::size_t i = cpu; i < processes; i += s.cpus)
          windows_.insert(windows_.end(), innermost_.begin() + begins_[i], innermost_.begin() + begins_[i + 1]);
        keep_innermost_(windows_);
        walk_as_the_kernel(windows_, points);
      });
      on_each(s.to_roundest, [&](std::size_t cpu, auto& points) {
        std::vector<std::span<const window>> mine;
        for (std::size_t i = cpu; i < processes; i += s.cpus)
          mine.emplace_back(innermost_.begin() + begins_[i], innermost_.begin() + begins_[i + 1]);
        walk_joined(mine, takt::wake_at_roundest<>{}, points);
      });
    }
    keep_innermost_(innermost_);
    run(wake_policy::planner, [&](auto& points) { points = takt::fewest_wakeups(innermost_); });
    for (std::size_t i = 0; i < policy_count; ++i) result[i].wake_ups = seen_[i].count();
    for (const policy_name& p : policies)
      if (p.is == wake_policy::plain || p.is == wake_policy::planner || cpus_of(p.is) != 0)
        result[static_cast<std::size_t>(p.is)].process_wake_ups = 0;
    return result;
  }
  comparison compare(std::span<const request> machine, policy_set wanted = every_policy) {
    return compare(machine, wanted, [](wake_policy, std::size_t, std::span<const std::chrono::nanoseconds>) {});
  }

private:
  std::array<instants, policy_count> seen_;
  innermost_first keep_innermost_;
  std::vector<window> windows_;
  std::vector<window> innermost_;      // of all processes, process by process
  std::vector<std::ptrdiff_t> begins_; // where each process begins in innermost_
  std::vector<std::chrono::nanoseconds> points_;
};

} // namespace tool
