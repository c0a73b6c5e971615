/// watch_history.hpp - what the lines of `takt watch --log` say of a stretch of time: what happened, how long the
/// clock was not synchronised, and when no watch ran. Pure.
///
/// The lines of one boot are in the order of CLOCK_BOOTTIME, which no setting of the clock changes; boots are in the
/// order of the last CLOCK_REALTIME that each has seen, because the first of a boot may come from a battery that is
/// empty. Two lines that one process wrote one after the other enclose a time that was watched. What is enclosed by
/// none is a gap. The kernel moves CLOCK_REALTIME against CLOCK_BOOTTIME by setting it and at leap seconds alone, so
/// the readings on both sides of a gap inside one boot show by how much it was set meanwhile.
///
/// Does not promise: steps between two boots, where no clock goes on; that times of UTC ascend: they are what the clock
/// showed.
#pragma once
#include "clock_log.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tool {

/// The stretch of CLOCK_REALTIME that is asked for, in ns.
struct watch_window {
  std::int64_t since = std::numeric_limits<std::int64_t>::min(), until = std::numeric_limits<std::int64_t>::max();
  [[nodiscard]] bool has(std::int64_t realtime_ns) const { return realtime_ns >= since && realtime_ns <= until; }
};

/// A time between two lines: what CLOCK_REALTIME showed at both ends, and how long it was.
struct watch_span {
  std::int64_t from_ns = 0, to_ns = 0, length_ns = 0;
};

/// A time in which no watch ran.
struct watch_gap {
  watch_span span;
  std::string why;                       ///< the end of the watch before
  bool same_boot = true;                 ///< else the length is what CLOCK_REALTIME showed
  std::optional<std::int64_t> set_by_ns; ///< the clock was set meanwhile, by so much
  std::int64_t uncertainty_ns = 0;       ///< of that
};

/// What logs say of a stretch of time.
struct watch_history {
  std::vector<log_record> events; ///< what happened to the clocks, in its order
  std::vector<watch_span> unsynchronised;
  std::vector<watch_gap> gaps;
  std::int64_t watched_ns = 0, unsynchronised_ns = 0, unknown_ns = 0; ///< of what was watched: not, and not known
  std::int64_t gaps_ns = 0;
  std::uint64_t steps = 0;                          ///< how often CLOCK_REALTIME was set, gaps included
  std::uint64_t steps_in_gaps = 0;                  ///< of these in gaps, where several count as one
  std::int64_t stepped_ns = 0, largest_step_ns = 0; ///< their sum; the one with the largest amount
  std::int64_t largest_step_at_ns = 0;              ///< when it was found
  std::optional<std::int64_t> maximum_error_ns;     ///< the largest that the kernel stated
  std::int64_t lost_lines = 0;                      ///< lines that watches could not write
  std::uint64_t boots = 0;
  std::optional<std::int64_t> first_ns, last_ns; ///< CLOCK_REALTIME of the first and the last line of that time
  bool ended = false;                            ///< the last line is the end of its watch
};

namespace watch_history_detail {

// Lines may show any times: what leaves the range stays at its end.
inline std::int64_t minus(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (!__builtin_sub_overflow(a, b, &result)) return result;
  return a < 0 ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
}
inline std::int64_t plus(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (!__builtin_add_overflow(a, b, &result)) return result;
  return a < 0 ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
}
inline std::int64_t size_of(std::int64_t a) { return a < 0 ? minus(0, a) : a; }

/// A step has to exceed this plus the uncertainty of the readings, as for takt::clock_watch.
inline constexpr std::int64_t min_step_ns = 1'000;

/// Whether the two records of one process, one after the other, enclose a time that it watched.
inline bool watched_between(const log_record& a, const log_record& b) {
  if (b.event == log_start || a.event == log_end) return false;
  if (!b.state_every_ns && !a.state_every_ns) return true;
  // A state comes with the first check after its time. Twice that without a line: it did not watch, or could not write.
  const std::int64_t every = std::max(a.state_every_ns.value_or(0), b.state_every_ns.value_or(0));
  const std::int64_t period = std::max(a.period_ns.value_or(0), b.period_ns.value_or(0));
  constexpr std::int64_t busy_machine = 60'000'000'000;
  return minus(b.monotonic_ns, a.monotonic_ns) <= plus(plus(every, every), plus(plus(period, period), busy_machine));
}

/// Returns: the part of the time from `a` to `b` that is in the window.
inline std::optional<watch_span> clipped(const log_record& a, std::int64_t from_position, const log_record& b,
                                         const watch_window& window) {
  const std::int64_t length = std::max<std::int64_t>(minus(b.position_ns, from_position), 0);
  // Where the time begins inside that from a to b, CLOCK_REALTIME ran on from a.
  watch_span s{plus(a.realtime_ns, std::max<std::int64_t>(minus(from_position, a.position_ns), 0)), b.realtime_ns,
               length};
  if (window.has(s.from_ns) && window.has(s.to_ns)) return s;
  const std::int64_t from = std::max(s.from_ns, window.since), to = std::min(s.to_ns, window.until);
  if (from >= to) return std::nullopt;
  return watch_span{from, to, std::min(length, minus(to, from))};
}

/// An event is none of what watches write of themselves.
inline bool is_event(const log_record& r) { return r.event != log_start && r.event != log_end && r.event != log_state; }

/// Whether two watches at one time saw the same thing.
inline bool same_event(const log_record& a, const log_record& b) {
  if (a.pid == b.pid || a.event != b.event) return false;
  const std::int64_t a_from = a.after_ns.value_or(a.monotonic_ns), a_to = a.before_ns.value_or(a.monotonic_ns);
  const std::int64_t b_from = b.after_ns.value_or(b.monotonic_ns), b_to = b.before_ns.value_or(b.monotonic_ns);
  return a_from <= b_to && b_from <= a_to;
}

} // namespace watch_history_detail

/// Returns: what the records say of the time in `window`.
[[nodiscard]] inline watch_history judge(std::vector<log_record> records, const watch_window& window) {
  using namespace watch_history_detail;
  watch_history h;
  const auto step = [&h](std::int64_t size, std::int64_t at, bool in_gap) {
    ++h.steps, h.steps_in_gaps += in_gap;
    h.stepped_ns = plus(h.stepped_ns, size);
    if (size_of(size) >= size_of(h.largest_step_ns)) h.largest_step_ns = size, h.largest_step_at_ns = at;
  };

  struct boot {
    std::vector<log_record> records;
    std::int64_t last = std::numeric_limits<std::int64_t>::min();
  };
  std::map<std::string, boot> by_id;
  for (log_record& r : records) {
    boot& b = by_id[r.boot];
    b.last = std::max(b.last, r.realtime_ns);
    b.records.push_back(std::move(r));
  }
  std::vector<boot*> boots;
  for (auto& [id, b] : by_id) boots.push_back(&b);
  std::sort(boots.begin(), boots.end(), [](const boot* a, const boot* b) { return a->last < b->last; });

  const log_record* last_of_boot_before = nullptr;
  for (boot* const b : boots) {
    std::vector<log_record>& lines = b->records;
    { // std::stable_sort of libstdc++ uses what newer compilers call deprecated
      std::vector<std::pair<std::int64_t, std::size_t>> order;
      for (std::size_t i = 0; i < lines.size(); ++i) order.emplace_back(lines[i].position_ns, i);
      std::sort(order.begin(), order.end());
      std::vector<log_record> sorted;
      sorted.reserve(lines.size());
      for (const auto& [position, i] : order) sorted.push_back(std::move(lines[i]));
      lines = std::move(sorted);
    }
    bool seen = false;
    std::map<std::int64_t, std::size_t> last_by_pid;        // the last line of each process
    std::map<std::int64_t, std::int64_t> lost_by_pid;       // each process counts on
    std::size_t covered_by = 0;                             // the line up to which the time is watched
    std::vector<std::pair<std::size_t, std::size_t>> spans; // from line to line, in the order of their ends
    bool in_spell = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const log_record& r = lines[i];
      if (window.has(r.realtime_ns)) {
        seen = true;
        if (!h.first_ns) h.first_ns = r.realtime_ns;
        h.last_ns = r.realtime_ns, h.ended = r.event == log_end;
        if (r.maximum_error_ns) h.maximum_error_ns = std::max(h.maximum_error_ns.value_or(0), *r.maximum_error_ns);
        if (r.lost_lines) {
          std::int64_t& lost = lost_by_pid[r.pid];
          h.lost_lines = plus(h.lost_lines, std::max<std::int64_t>(minus(*r.lost_lines, lost), 0));
          lost = *r.lost_lines;
        }
        if (is_event(r) &&
            std::none_of(h.events.rbegin(),
                         h.events.rbegin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(h.events.size(), 16)),
                         [&r](const log_record& e) { return e.boot == r.boot && same_event(e, r); })) {
          if (r.event == to_string(takt::watch_event::kind_type::step))
            step(r.size_ns.value_or(0), r.realtime_ns, false);
          h.events.push_back(r);
        }
      }
      if (r.event == log_start) lost_by_pid.erase(r.pid);
      const auto [before, first] = last_by_pid.try_emplace(r.pid, i);
      if (!first && watched_between(lines[before->second], r)) spans.emplace_back(before->second, i);
      before->second = i;
    }
    h.boots += seen;

    // The spans in the order in which they begin; what an earlier one covers counts once.
    std::sort(spans.begin(), spans.end());
    const auto gap = [&](const log_record& a, const log_record& z, bool same_boot) {
      watch_gap g;
      const auto span = same_boot ? clipped(a, a.position_ns, z, window) : [&]() -> std::optional<watch_span> {
        const bool whole = window.has(a.realtime_ns) && window.has(z.realtime_ns); // also where the clock went back
        const std::int64_t from = std::max(a.realtime_ns, window.since), to = std::min(z.realtime_ns, window.until);
        if (from >= to && !whole) return std::nullopt;
        return watch_span{from, to, std::max<std::int64_t>(minus(to, from), 0)};
      }();
      if (!span) return;
      g.span = *span, g.same_boot = same_boot;
      if (a.event != log_end) g.why = same_boot && z.event != log_start ? "lines are missing" : "ended without a line";
      else g.why = a.why.empty() ? "ended" : "ended: " + a.why;
      if (same_boot) {
        const std::int64_t by = minus(minus(z.realtime_ns, a.realtime_ns), minus(z.position_ns, a.position_ns));
        g.uncertainty_ns = plus(plus(a.half_width_ns, a.half_width_ns), plus(z.half_width_ns, z.half_width_ns));
        if (size_of(by) > plus(min_step_ns, g.uncertainty_ns)) {
          g.set_by_ns = by;
          step(by, z.realtime_ns, true);
        }
      }
      h.gaps_ns = plus(h.gaps_ns, span->length_ns);
      h.gaps.push_back(std::move(g));
    };
    if (last_of_boot_before != nullptr && !lines.empty()) gap(*last_of_boot_before, lines.front(), false);
    for (const auto& [from, to] : spans) {
      const log_record &a = lines[from], &z = lines[to];
      if (a.position_ns > lines[covered_by].position_ns) {
        gap(lines[covered_by], a, true);
        in_spell = false;
      }
      const std::int64_t begin = std::max(a.position_ns, lines[covered_by].position_ns);
      if (z.position_ns <= begin) { // lines of one check, or a time that another watch covers
        if (z.position_ns == lines[covered_by].position_ns) covered_by = std::max(covered_by, to);
        continue;
      }
      covered_by = to;
      const auto span = clipped(a, begin, z, window);
      if (!span) {
        in_spell = false;
        continue;
      }
      h.watched_ns = plus(h.watched_ns, span->length_ns);
      if (!a.synchronised) h.unknown_ns = plus(h.unknown_ns, span->length_ns);
      if (a.synchronised != false) {
        in_spell = false;
        continue;
      }
      h.unsynchronised_ns = plus(h.unsynchronised_ns, span->length_ns);
      if (in_spell)
        h.unsynchronised.back().to_ns = span->to_ns,
        h.unsynchronised.back().length_ns = plus(h.unsynchronised.back().length_ns, span->length_ns);
      else h.unsynchronised.push_back(*span);
      in_spell = true;
    }
    if (!lines.empty()) {
      // Lines behind the last span: watches that wrote nothing but their beginning.
      if (lines.back().position_ns > lines[covered_by].position_ns) gap(lines[covered_by], lines.back(), true);
      last_of_boot_before = &lines.back();
    }
  }
  return h;
}

} // namespace tool
