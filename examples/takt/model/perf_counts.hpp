/// perf_counts.hpp - counters of perf for several CPUs or threads, opened one by one, read with stamps, and summed.
///
/// Each counter is a group of its own, so that one that is missing takes no other with it.
///
/// Does not promise: the counts of a thread that ended before it was opened.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <takt/kernel/perf_group.hpp>
#include <utility>
#include <vector>

namespace tool {

/// What a counter counted, summed over everything that is watched.
struct perf_count {
  takt::perf_event event;
  std::optional<double> counted; ///< empty: `unavailable` says why
  std::string unavailable;       ///< what is wrong and what would help
  std::string briefly;           ///< the same in a few words
  bool scaled = false;           ///< an estimate: the counter was shared with others
  bool user_alone = false;       ///< without what the kernel did, which this user may not count
  double watched_ns = 0;         ///< the time between the readings, summed over the CPUs; of tasks, elapsed once
  double uncertainty_ns = 0;     ///< of watched_ns: the readings lie somewhere within this
};

/// The counters of what is watched. `Clock` stamps the readings.
template <class Os = takt::linux_os, class Clock = std::chrono::steady_clock> class perf_counts {
public:
  using target = takt::perf_event::target;

  /// Effects: opens every event for each of `targets`, all CPUs or all threads.
  perf_counts(std::vector<takt::perf_event> events, const std::vector<target>& targets) {
    for (takt::perf_event& e : events) {
      counter c;
      c.result.event = std::move(e);
      open(c, targets);
      counters_.push_back(std::move(c));
    }
  }

  /// Effects: takes the first reading of each counter.
  void begin() { read_all(&one::first); }
  /// Effects: takes the last reading of each counter, and closes all. Returns: the sums.
  [[nodiscard]] std::vector<perf_count> end() {
    read_all(&one::last);
    std::vector<perf_count> results;
    for (counter& c : counters_) {
      sum(c);
      results.push_back(std::move(c.result));
    }
    counters_.clear();
    return results;
  }

private:
  using group = takt::perf_event::basic_group<Os>;
  /// A reading lies between two stamps.
  struct reading {
    typename group::reading counts{};
    typename Clock::time_point before{}, after{};
  };
  struct one {
    group counters;
    reading first{}, last{};
  };
  struct counter {
    perf_count result;
    std::vector<one> parts;
    bool of_cpus = false;
  };

  /// A reading is repeated so often, because the first one may have been held up.
  static constexpr int tries = 5;

  static void open(counter& c, const std::vector<target>& targets) {
    using scope = takt::perf_event::scope;
    perf_count& r = c.result;
    const bool software = r.event.of == takt::perf_event::kind::software;
    c.of_cpus = !targets.empty() && targets.front().cpu >= 0;
    if (software && c.of_cpus && r.event.whose == scope::task) {
      r.unavailable = "counts the time of tasks: --pid PID or a command shows it", r.briefly = "counts tasks alone";
      return;
    }
    if (software && !c.of_cpus && r.event.whose == scope::cpu) {
      r.unavailable = "counts the time of CPUs: --cpu LIST shows it", r.briefly = "counts CPUs alone";
      return;
    }
    std::error_code ec;
    target failed;
    for (target t : targets) {
      t.kernel = !r.user_alone;
      one part;
      part.counters = group::open({r.event}, t, ec);
      const bool refused = ec == std::errc::permission_denied || ec == std::errc::operation_not_permitted;
      if (refused && !c.of_cpus && t.kernel) {
        t.kernel = false;
        part.counters = group::open({r.event}, t, ec);
        if (!ec && !software) r.user_alone = true; // the clocks count both without being asked
      }
      failed = t;
      if (ec == std::errc::no_such_process && targets.size() > 1) continue; // a thread that has ended meanwhile
      if (ec) break;
      c.parts.push_back(std::move(part));
    }
    if (!ec && !c.parts.empty()) return;
    if (!ec) ec = std::make_error_code(std::errc::no_such_process);
    c.parts.clear();
    r.unavailable = takt::perf_event::explain<Os>(ec, r.event, failed);
    r.briefly = brief(ec, r.event);
  }
  /// Returns: the reason in as few words as fit into a table.
  static std::string brief(std::error_code ec, const takt::perf_event& e) {
    using takt::perf_event;
    if (ec == std::errc::permission_denied || ec == std::errc::operation_not_permitted) return "not permitted";
    if (ec == std::errc::no_such_device && e.of == perf_event::kind::device) return "no such device";
    if (ec == std::errc::no_such_file_or_directory || ec == std::errc::operation_not_supported ||
        ec == std::errc::not_supported || ec == std::errc::no_such_device)
      return "not in CPU or guest";
    if (ec == std::errc::device_or_resource_busy) return "in use by others";
    return ec.message();
  }

  void read_all(reading one::*where) {
    for (counter& c : counters_) {
      for (one& part : c.parts) part.*where = read(c, part);
    }
  }
  static reading read(counter& c, const one& part) {
    reading best;
    std::error_code ec;
    for (int i = 0; i < tries; ++i) {
      reading r;
      r.before = Clock::now();
      r.counts = part.counters.read(ec);
      r.after = Clock::now();
      if (ec) {
        c.result.unavailable = takt::perf_event::explain<Os>(ec, c.result.event, {});
        c.result.briefly = ec.message();
        break;
      }
      if (i == 0 || r.after - r.before < best.after - best.before) best = r;
    }
    return best;
  }

  static void sum(counter& c) {
    perf_count& r = c.result;
    if (!r.unavailable.empty()) return;
    double total = 0;
    for (const one& part : c.parts) {
      const auto n = difference(part, r.scaled);
      if (!n) {
        r.unavailable = "never had a counter: all of its kind were in use all the time", r.briefly = "in use by others";
        return;
      }
      total += *n;
      const auto ns = [](auto d) { return std::chrono::duration<double, std::nano>(d).count(); };
      const double width = ns(part.first.after - part.first.before) + ns(part.last.after - part.last.before);
      const double length = ns(part.last.before - part.first.before) + ns(part.last.after - part.first.after);
      r.watched_ns = c.of_cpus ? r.watched_ns + length / 2 : std::max(r.watched_ns, length / 2);
      r.uncertainty_ns = c.of_cpus ? r.uncertainty_ns + width / 2 : std::max(r.uncertainty_ns, width / 2);
    }
    r.counted = total;
  }
  /// Returns: what was counted between the readings, scaled to all of that time.
  static std::optional<double> difference(const one& part, bool& scaled) {
    const auto &a = part.first.counts, &b = part.last.counts;
    const auto n = static_cast<double>(b.counted[0] - a.counted[0]);
    const auto enabled = b.enabled - a.enabled, running = b.running - a.running;
    if (running >= enabled) return n; // a task that slept all the time was not enabled either
    if (running <= running.zero()) return std::nullopt;
    scaled = true;
    return n * (static_cast<double>(enabled.count()) / static_cast<double>(running.count()));
  }

  std::vector<counter> counters_;
};

} // namespace tool
