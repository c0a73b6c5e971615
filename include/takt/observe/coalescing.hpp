/// coalescing.hpp - the fewest wake-ups that serve given windows, and how many wake-ups more timer slack would save.
///
/// Pure arithmetic over windows [earliest, latest], both ends included: the times at which a wake-up serves a timer.
/// fewest_wakeups() is the offline optimum, which knows all windows in advance. slack_change counts the wake-ups for
/// windows that are changed as timer slack or the common grid would change them.
///
/// Assumptions of slack_change, which a report should state:
///   - the timers of the recording come again at the same times; a timer that expires later does not move the next one;
///   - an expiry needs a wake-up only if it found its CPU idle in the recording, and each wake-up serves every window
///     of its CPU that is open then, which is what the kernel does in the order of hard expiries;
///   - slack makes the kernel's window [softexpires, softexpires + slack] for sleeps of ordinary threads alone
///     (nanosleep, poll, select, epoll, futex): not for timerfd, POSIX and interval timers, not for kernel functions,
///     and not for real-time threads, whose slack is zero;
///   - a timer whose period is shorter than four times the slack is left as it is, and so is its whole owner, because
///     slack is a property of threads.
///
/// Does not promise: that the machine reaches the number; a second recording, with the change, shows that.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ladder.hpp>
#include <takt/core/saturating.hpp>
#include <takt/observe/timer_trace.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

/// The times at which a wake-up serves a timer, and the facts that decide whether the wake-up may be moved.
struct wake_window {
  std::chrono::nanoseconds earliest{}; ///< the first time, on the recorder's clock
  std::chrono::nanoseconds latest{};   ///< the last time, on the recorder's clock
  std::chrono::nanoseconds period{}; ///< since the previous due time of the timer; zero: unknown, it is never moved
  std::uint32_t owner = timer_trace::no_usage; ///< index in timer_trace::usages()
  std::int32_t cpu = 0;              ///< the CPU on which the timer expired
  bool from_idle = true;             ///< the expiry found its CPU idle
  bool woke_idle = true;             ///< the expiry woke its idle CPU, as the first one of its interrupt
  bool slackable = false;            ///< a sleep of an ordinary thread: the kernel honours slack
  bool real_time = false;            ///< a sleep of a real-time thread: only the grid can move it

  /// Returns: the window of an expiry. Precondition: `e.kind` is `expired`. `whose` is the owner of e.usage.
  [[nodiscard]] static constexpr wake_window of(const timer_trace::step& e, const timer_trace::owner& whose) noexcept;
  friend constexpr bool operator==(const wake_window&, const wake_window&) noexcept = default;
};

/// Returns: the fewest points such that each window holds one, each as late as possible, ascending. Window is any type
/// with the members `earliest` and `latest` of one duration or time point. Allocates; time n log n.
template <class Window = wake_window> [[nodiscard]] auto fewest_wakeups(std::vector<Window> windows);

namespace detail {
template <class T> struct basic_slack_change;
} // namespace detail
/// A change to try: more slack for all ordinary processes, or for one owner. It is a template so that only translation
/// units that use it compile it.
using slack_change = detail::basic_slack_change<detail::for_callers>;

// definitions

/// Greedy interval stabbing is optimal: the window that closes first needs a point, no later point serves it, and no
/// earlier point serves a window that its end does not serve.
template <class Window> auto fewest_wakeups(std::vector<Window> windows) {
  std::sort(windows.begin(), windows.end(), [](const Window& a, const Window& b) { return a.latest < b.latest; });
  std::vector<decltype(Window::latest)> points;
  for (const Window& w : windows) {
    if (points.empty() || points.back() < w.earliest) points.push_back(w.latest);
  }
  return points;
}

constexpr wake_window wake_window::of(const timer_trace::step& e, const timer_trace::owner& whose) noexcept {
  using subsystem = timer_trace::subsystem;
  using owners = timer_trace::owner::kind_type;
  wake_window w;
  w.earliest = e.armed_known ? e.earliest : e.time;
  w.latest = e.armed_known ? e.latest : e.time;
  if (w.latest < w.earliest) w.latest = w.earliest;
  w.period = e.period, w.owner = e.usage, w.cpu = e.cpu, w.from_idle = e.from_idle, w.woke_idle = e.woke_idle;
  const bool task = whose.kind == owners::process || whose.kind == owners::thread;
  const bool sleep = task && e.subsystem == subsystem::hrtimer && e.function == "hrtimer_wakeup" && e.armed_known;
  w.slackable = sleep && !whose.real_time;
  w.real_time = sleep && whose.real_time;
  return w;
}

namespace detail { // in the reference: basic_slack_change as slack_change

/// A change to try: more slack for all ordinary processes, or for one owner.
template <class T> struct basic_slack_change {
  std::chrono::nanoseconds slack{}; ///< how late a timer may be
  std::uint32_t owner = timer_trace::no_usage; ///< an index in usages(); no_usage: every owner
  bool on_grid = false; ///< takt's common grid: each timer at the roundest point of its window; real-time threads too

  /// A timer may get a slack if its period is at least so many times the slack. A larger slack would change its rate.
  static constexpr int min_periods = 4;

  /// The wake-ups with and without the change.
  struct result {
    std::uint64_t now = 0;     ///< wake-ups from idle as recorded: the windows with woke_idle
    std::uint64_t fewest = 0;  ///< the fewest that serve the changed windows, with one planner for all CPUs
    std::uint64_t then = 0;    ///< wake-ups with the change, each CPU by itself
    std::uint64_t moved = 0;   ///< windows that the change made longer
    std::uint64_t owners = 0;  ///< owners whose periods allow the slack
    std::uint64_t refused = 0; ///< owners with a period that is too short for the slack
  };

  /// The wake-ups that one owner would save.
  struct saving {
    std::uint32_t owner = timer_trace::no_usage; ///< index in usages()
    std::chrono::nanoseconds slack{};            ///< the slack to give it
    bool on_grid = false;       ///< true for real-time owners, whose slack the kernel ignores: use the grid
    std::uint64_t saved = 0;    ///< wake-ups from idle that are saved if this owner alone is changed
  };

  /// Returns: the wake-ups of the windows with the change, under the assumptions of this header. Allocates; time
  /// n log n.
  [[nodiscard]] result evaluate(const std::vector<dependent<T, wake_window>>& windows) const;
  /// Returns: the owners that save at least one wake-up, most first, each with the largest of `slacks` that its periods
  /// allow; at most `limit` of them. Only the 64 owners with the most expiries on idle CPUs are tried. Allocates; time
  /// n log n for each of them.
  [[nodiscard]] static std::vector<saving>
  rank(const std::vector<dependent<T, wake_window>>& windows,
       const std::vector<dependent<T, std::chrono::nanoseconds>>& slacks, std::size_t limit = 5);

private:
  using nanoseconds = std::chrono::nanoseconds;
  using windows_type = std::vector<dependent<T, wake_window>>;
  /// A window that a wake-up must serve.
  struct span {
    nanoseconds earliest{}, latest{};
    std::int32_t cpu = 0;
  };
  using spans_type = std::vector<span>;

  /// Returns: for each owner the shortest period of the windows that could be moved; zero where one is not known, and
  /// for owners without such windows.
  static std::vector<dependent<T, nanoseconds>> shortest_periods(const windows_type& windows) {
    std::vector<dependent<T, nanoseconds>> shortest;
    std::vector<dependent<T, char>> seen;
    for (const wake_window& w : windows) {
      if (w.owner == timer_trace::no_usage || !(w.slackable || w.real_time)) continue;
      if (shortest.size() <= w.owner) shortest.resize(w.owner + std::size_t{1}), seen.resize(shortest.size());
      nanoseconds& s = shortest[w.owner];
      s = seen[w.owner] != 0 ? earlier(s, w.period) : w.period;
      seen[w.owner] = 1;
    }
    return shortest;
  }
  static constexpr bool allows(nanoseconds period, nanoseconds late) noexcept {
    return late.count() >= 0 && period.count() > 0 && period / min_periods >= late;
  }
  /// Returns: the window with the change.
  [[nodiscard]] span changed(const wake_window& w, bool allowed) const noexcept {
    span s{w.earliest, w.latest, w.cpu};
    if (!allowed || !(w.slackable || (on_grid && w.real_time))) return s;
    const nanoseconds latest = later(w.latest, saturating_add(w.earliest, slack));
    s.latest = latest;
    if (on_grid) {
      const nanoseconds point = *roundest_point(w.earliest, latest); // there is one, because earliest <= latest
      // Kernel slack reaches up to the point: an ordinary thread may join an interrupt before it. A real-time thread
      // sleeps to the point.
      s.latest = point;
      if (w.real_time) s.earliest = point;
    }
    return s;
  }
  /// Returns: the wake-ups of each CPU by itself. Effects: sorts the spans.
  static std::uint64_t per_cpu(spans_type& spans) {
    std::sort(spans.begin(), spans.end(), [](const span& a, const span& b) {
      return a.cpu != b.cpu ? a.cpu < b.cpu : a.latest < b.latest;
    });
    std::uint64_t count = 0;
    const span* last = nullptr;
    for (const span& s : spans) {
      if (last != nullptr && last->cpu == s.cpu && last->latest >= s.earliest) continue;
      ++count, last = &s;
    }
    return count;
  }
  static constexpr std::size_t max_ranked = 64;
};

template <class T>
auto basic_slack_change<T>::evaluate(const std::vector<dependent<T, wake_window>>& windows) const -> result {
  const auto shortest = shortest_periods(windows);
  result counted;
  spans_type spans;
  std::vector<dependent<T, char>> judged(shortest.size());
  for (const wake_window& w : windows) {
    if (w.woke_idle) ++counted.now;
    const bool chosen = owner == timer_trace::no_usage || owner == w.owner;
    const bool movable = chosen && (w.slackable || (on_grid && w.real_time)) && w.owner < shortest.size();
    const bool allowed = movable && allows(shortest[w.owner], slack);
    if (movable && judged[w.owner] == 0) {
      judged[w.owner] = 1;
      ++(allowed ? counted.owners : counted.refused);
    }
    if (!w.from_idle) continue;
    spans.push_back(changed(w, allowed));
    if (spans.back().latest != w.latest || spans.back().earliest != w.earliest) ++counted.moved;
  }
  counted.then = per_cpu(spans);
  counted.fewest = static_cast<std::uint64_t>(fewest_wakeups(std::move(spans)).size());
  return counted;
}

template <class T>
auto basic_slack_change<T>::rank(const std::vector<dependent<T, wake_window>>& windows,
                                 const std::vector<dependent<T, std::chrono::nanoseconds>>& slacks, std::size_t limit)
    -> std::vector<saving> {
  const auto shortest = shortest_periods(windows);
  std::vector<saving> savings(shortest.size());
  std::vector<dependent<T, std::uint64_t>> woke(shortest.size());
  for (const wake_window& w : windows) {
    if (w.owner >= shortest.size() || !(w.slackable || w.real_time)) continue;
    saving& s = savings[w.owner];
    s.owner = w.owner, s.on_grid = s.on_grid || w.real_time;
    woke[w.owner] += w.from_idle ? 1 : 0;
  }
  for (saving& s : savings) {
    if (s.owner == timer_trace::no_usage) continue;
    for (const nanoseconds late : slacks)
      if (late > s.slack && allows(shortest[s.owner], late)) s.slack = late;
  }
  // Only the owners with the most expiries on idle CPUs can be among the first; each costs a pass over all windows.
  std::vector<saving> first;
  for (const saving& s : savings)
    if (s.slack.count() > 0 && woke[s.owner] > 0) first.push_back(s);
  std::sort(first.begin(), first.end(),
            [&](const saving& a, const saving& b) { return woke[a.owner] > woke[b.owner]; });
  if (first.size() > max_ranked) first.resize(max_ranked);
  basic_slack_change nothing;
  nothing.owner = timer_trace::no_usage - 1;
  const std::uint64_t now = nothing.evaluate(windows).then;
  for (saving& s : first) {
    basic_slack_change c;
    c.slack = s.slack, c.owner = s.owner, c.on_grid = s.on_grid;
    const std::uint64_t then = c.evaluate(windows).then;
    s.saved = then < now ? now - then : 0;
  }
  std::sort(first.begin(), first.end(), [&](const saving& a, const saving& b) {
    if (a.saved != b.saved) return a.saved > b.saved;
    return woke[a.owner] != woke[b.owner] ? woke[a.owner] > woke[b.owner] : a.owner < b.owner;
  });
  while (!first.empty() && (first.size() > limit || first.back().saved == 0)) first.pop_back();
  return first;
}

} // namespace detail

} // namespace takt::inline TAKT_ABI
