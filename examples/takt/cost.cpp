#include "cost.hpp"
#include "command.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <takt/clock/tsc_clock.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/cpu/features.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/vdso.hpp>

namespace tool {
namespace {

using std::chrono::nanoseconds;

// A road is code that reads, in the unit of its own clock: ticks or nanoseconds.
using raw = std::uint64_t;

template <takt::ordering O> struct counter_by {
  static raw read() { return takt::read_counter<O>().count(); }
};
template <clockid_t Id, takt::access A> struct clock_by {
  static raw read() { return static_cast<raw>(takt::posix_clock<Id, A>::now().time_since_epoch().count()); }
};
struct steady_clock_by_library {
  static raw read() { return static_cast<raw>(std::chrono::steady_clock::now().time_since_epoch().count()); }
};
template <class Clock> struct clock_by_counter {
  static raw read() { return static_cast<raw>(Clock::now().time_since_epoch().count()); }
};
#if defined(__x86_64__)
struct counter_and_cpu {
  static raw read() { return takt::read_counter_and_cpu().count.count(); }
};
#endif

volatile raw sink; // keeps the compiler from dropping the reads

template <class Road> void batch() {
  raw all = 0;
  for (int i = 0; i < reads_per_batch; ++i) all ^= Road::read();
  sink = all;
}
void empty_batch() { sink = 0; }

// The smallest positive difference between two reads in a row. A coarse clock stands still for milliseconds, so reading
// goes on until a good number of steps was seen, but no longer than the limit.
template <class Road> std::optional<raw> smallest_step() {
  constexpr int reads = 5000, enough_steps = 20;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  raw smallest = std::numeric_limits<raw>::max();
  raw before = Road::read();
  for (int i = 0, steps = 0; i < reads || steps < enough_steps; ++i) {
    const raw now = Road::read();
    if (now > before) {
      smallest = std::min(smallest, now - before);
      ++steps;
    }
    before = now;
    if (i % 256 == 0 && std::chrono::steady_clock::now() > limit) break;
  }
  if (smallest == std::numeric_limits<raw>::max()) return std::nullopt;
  return smallest;
}

struct road {
  absl::string_view clock;
  absl::string_view name;
  void (*batch)();
  std::optional<raw> (*smallest_step)();
  bool in_ticks;
  std::optional<clockid_t> id; // of the clock, where it is the kernel's
  bool by_vdso;
};

template <class Road> road make_road(absl::string_view clock, absl::string_view name, bool in_ticks,
                                     std::optional<clockid_t> id = {}, bool by_vdso = false) {
  return {clock, name, &batch<Road>, &smallest_step<Road>, in_ticks, id, by_vdso};
}

template <clockid_t Id> void add_clock(std::vector<road>& roads, absl::string_view name) {
  roads.push_back(make_road<clock_by<Id, takt::access::vdso>>(name, "vDSO", false, Id, true));
  roads.push_back(make_road<clock_by<Id, takt::access::syscall>>(name, "system call", false, Id));
}

// What times the batches: the counter where there is one, else the kernel's clock. That the counter is forbidden need not be
// thought of: the dynamic linker reads it, and no program of this kind starts then.
struct timing {
  bool counter;
  bool rdtscp;

  [[nodiscard]] raw begin() const { return counter ? takt::region_begin().count() : nanoseconds_now(); }
  [[nodiscard]] raw end() const {
    if (!counter) return nanoseconds_now();
    return rdtscp ? takt::region_end().count() : takt::read_counter<takt::ordering::begin>().count();
  }

private:
  static raw nanoseconds_now() { return clock_by<CLOCK_MONOTONIC, takt::access::syscall>::read(); }
};

/// How tsc_clock and fast_tsc_clock read the counter, and what it is called where they do not.
std::pair<absl::string_view, absl::string_view> roads_of_tsc_clock() {
  if (takt::tsc_clock::source() == takt::road::vdso) return {"vDSO", "vDSO"};
  if (takt::tsc_clock::source() == takt::road::system_call) return {"system call", "system call"};
#if defined(__x86_64__)
  return {"lfence; rdtsc", "rdtsc"};
#elif defined(__aarch64__)
  return {"dsb; isb; cntvct", "cntvct"};
#else
  return {"fence; rdtime", "rdtime"};
#endif
}

std::vector<road> all_roads(const timing& by) {
  std::vector<road> roads;
  if (by.counter) {
    using takt::ordering;
#if defined(__x86_64__)
    roads.push_back(make_road<counter_by<ordering::bare>>("counter", "rdtsc", true));
    roads.push_back(make_road<counter_by<ordering::ordered>>("counter", "lfence; rdtsc", true));
    roads.push_back(make_road<counter_by<ordering::begin>>("counter", "lfence; rdtsc; lfence", true));
    if (by.rdtscp) {
      roads.push_back(make_road<counter_and_cpu>("counter", "rdtscp", true));
      roads.push_back(make_road<counter_by<ordering::end>>("counter", "rdtscp; lfence", true));
    }
#elif defined(__aarch64__)
    roads.push_back(make_road<counter_by<ordering::bare>>("counter", "cntvct", true));
    roads.push_back(make_road<counter_by<ordering::ordered>>("counter", "dsb; isb; cntvct", true));
    roads.push_back(make_road<counter_by<ordering::begin>>("counter", "dsb; isb; cntvct; isb", true));
#else
    roads.push_back(make_road<counter_by<ordering::bare>>("counter", "rdtime", true));
    roads.push_back(make_road<counter_by<ordering::ordered>>("counter", "fence; rdtime", true));
    roads.push_back(make_road<counter_by<ordering::begin>>("counter", "fence; rdtime; fence", true));
#endif
    const auto [ordered, bare] = roads_of_tsc_clock();
    roads.push_back(make_road<clock_by_counter<takt::fast_tsc_clock>>("takt::fast_tsc_clock", bare, false));
    roads.push_back(make_road<clock_by_counter<takt::tsc_clock>>("takt::tsc_clock", ordered, false));
  }
  add_clock<CLOCK_MONOTONIC>(roads, "CLOCK_MONOTONIC");
  add_clock<CLOCK_MONOTONIC_RAW>(roads, "CLOCK_MONOTONIC_RAW");
  add_clock<CLOCK_BOOTTIME>(roads, "CLOCK_BOOTTIME");
  add_clock<CLOCK_REALTIME>(roads, "CLOCK_REALTIME");
  add_clock<CLOCK_TAI>(roads, "CLOCK_TAI");
  add_clock<CLOCK_MONOTONIC_COARSE>(roads, "CLOCK_MONOTONIC_COARSE");
  add_clock<CLOCK_REALTIME_COARSE>(roads, "CLOCK_REALTIME_COARSE");
  add_clock<CLOCK_THREAD_CPUTIME_ID>(roads, "CLOCK_THREAD_CPUTIME_ID");
  add_clock<CLOCK_PROCESS_CPUTIME_ID>(roads, "CLOCK_PROCESS_CPUTIME_ID");
  roads.push_back(make_road<steady_clock_by_library>("std::chrono::steady_clock", "C++ library", false));
  return roads;
}

/// The smallest sample that a share of `q` of them does not exceed (nearest rank).
double quantile(const std::vector<raw>& sorted, double q) {
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return static_cast<double>(sorted[std::max<std::size_t>(rank, 1) - 1]);
}

/// Of fewer batches the 99th percentile would be the slowest.
constexpr int least_for_p99 = 100;

/// Whether `part`, in small letters, is part of the name of the road's clock, or of the road to the counter, by which the short
/// table calls it.
bool names(const road& r, const std::string& part) {
  const auto in = [&](absl::string_view name) { return absl::StrContains(absl::AsciiStrToLower(name), part); };
  return in(r.clock) || (r.clock == "counter" && in(r.name));
}

/// What is known of the counter's rate: by tsc_clock, or where the counter is no clock by measuring it all the same; nothing
/// where it cannot be read.
takt::tsc_calibration calibrated() {
  using namespace std::chrono_literals;
  using clock = takt::tsc_clock;
  std::error_code ec;
  if (!clock::calibration().rate().known() && takt::read_cpu_features().tsc != false) {
    clock::calibrate(5ms, ec);
    if (ec) return takt::calibrate<takt::posix_clock<CLOCK_MONOTONIC>, takt::ordered_counter>(20ms, ec);
  }
  return clock::calibration();
}

} // namespace

std::optional<std::string> unknown_clock(const std::vector<std::string>& clocks) {
  const bool counter = takt::read_cpu_features().tsc != false;
  const std::vector<road> roads = all_roads({counter, true});
  for (const std::string& c : clocks) {
    if (std::none_of(roads.begin(), roads.end(), [&](const road& r) { return names(r, c); })) return c;
  }
  return std::nullopt;
}

cost_table measure_costs(int batches, const std::vector<std::string>& clocks) {
  const takt::tsc_calibration calibration = calibrated();
  const timing by{calibration.rate().known(), takt::read_cpu_features().rdtscp == true};
  std::vector<road> roads = all_roads(by);
  std::erase_if(roads, [&](const road& r) {
    return !clocks.empty() &&
           std::none_of(clocks.begin(), clocks.end(), [&](const std::string& c) { return names(r, c); });
  });

  std::vector<std::vector<raw>> samples(roads.size());
  std::vector<raw> overhead;
  const auto time = [&](void (*work)()) {
    work(); // the code and its data come into the caches here
    const raw start = by.begin();
    work();
    return by.end() - start;
  };

  progress shown("reading clocks");
  cost_table out;
  for (; out.batches < batches && (out.batches == 0 || !stop_wanted()); ++out.batches) {
    overhead.push_back(time(&empty_batch));
    for (std::size_t i = 0; i < roads.size(); ++i) samples[i].push_back(time(roads[i].batch));
    shown.at(static_cast<double>(out.batches) / batches);
  }
  out.calibration = calibration;

  std::sort(overhead.begin(), overhead.end());
  const double empty = quantile(overhead, 0.5);
  const double ns_per_tick = by.counter ? 1e9 / calibration.rate().hertz() : 1;
  for (std::size_t i = 0; i < roads.size(); ++i) {
    const road& r = roads[i];
    std::sort(samples[i].begin(), samples[i].end());
    const double median = std::max(0.0, quantile(samples[i], 0.5) - empty) / reads_per_batch;
    road_cost cost{std::string(r.clock), std::string(r.name), median * ns_per_tick, {}, {}, {}, {}, {}, {}};
    if (by.counter) cost.median_ticks = median;
    if (out.batches >= least_for_p99) {
      const double p99 = std::max(0.0, quantile(samples[i], 0.99) - empty) / reads_per_batch;
      cost.p99_ns = p99 * ns_per_tick;
      if (by.counter) cost.p99_ticks = p99;
    }
    std::error_code ec;
    if (r.id) {
      if (const nanoseconds resolution = takt::clock_resolution(*r.id, ec); !ec) cost.resolution = resolution;
    }
    if (r.by_vdso) {
      if (const bool answers = takt::vdso::answers(*r.id, ec); !ec) cost.in_user_space = answers;
    }
    if (const auto step = r.smallest_step())
      cost.smallest_step_ns = static_cast<double>(*step) * (r.in_ticks ? ns_per_tick : 1);
    out.roads.push_back(std::move(cost));
  }
  return out;
}

const road_cost* find_road(const cost_table& costs, absl::string_view clock, absl::string_view road) {
  const auto found = std::find_if(costs.roads.begin(), costs.roads.end(), [&](const road_cost& r) {
    return r.clock == clock && (road.empty() || r.road == road);
  });
  return found == costs.roads.end() ? nullptr : &*found;
}

namespace {

/// One line a clock: what it costs without a system call and with one.
table short_table(const cost_table& costs) {
  table t;
  // Ticks and nanoseconds say the same.
  t.columns = {{"", "Cost of one read"},
               {"", "user\nns", true},
               {"", "user\np99 ns", true},
               {"", "user\nticks", true, true},
               {"", "user\np99 ticks", true, true},
               {"", "call\nns", true},
               {"", "call\np99 ns", true},
               {"", "call\nticks", true, true},
               {"", "call\np99 ticks", true, true},
               {"", "resolution", true},
               {"", "least\nstep", true}};
  const value none{"-", nullptr};
  const auto numbers = [&](std::vector<value>& row, const road_cost* r) {
    const auto optional_number = [&](std::optional<double> x, int decimals) { return x ? number(*x, decimals) : none; };
    row.push_back(r ? number(r->median_ns, 1) : none), row.push_back(r ? optional_number(r->p99_ns, 1) : none);
    row.push_back(r ? optional_number(r->median_ticks, 0) : none),
        row.push_back(r ? optional_number(r->p99_ticks, 0) : none);
  };
  std::string done;
  for (const road_cost& r : costs.roads) {
    const bool kernels = absl::StartsWith(r.clock, "CLOCK_");
    if (kernels && r.clock == std::exchange(done, r.clock)) continue;
    const road_cost* const user = !kernels ? &r : find_road(costs, r.clock, "vDSO");
    const road_cost* const call = kernels ? find_road(costs, r.clock, "system call") : nullptr;
    std::vector<value> row{word(r.clock == "counter" ? r.road : std::string(absl::StripPrefix(r.clock, "CLOCK_")))};
    numbers(row, user != nullptr && user->in_user_space == false ? nullptr : user);
    numbers(row, call);
    row.push_back(r.resolution ? time_value(static_cast<double>(r.resolution->count())) : none);
    row.push_back(r.smallest_step_ns ? time_value(*r.smallest_step_ns) : none);
    t.rows.push_back(std::move(row));
  }
  return t;
}

} // namespace

section cost_section(const cost_table& costs) {
  section s{"cost", "Cost of one read", {}, table{}, {}};
  s.table->columns = {{"clock", "clock"},
                      {"road", "road"},
                      {"median_ns", "median ns", true},
                      {"p99_ns", "p99 ns", true},
                      {"median_ticks", "ticks", true},
                      {"p99_ticks", "p99 ticks", true},
                      {"resolution_ns", "resolution", true},
                      {"smallest_step_ns", "smallest step", true},
                      {"in_user_space", "in user space"}};
  s.table->names = 2;
  s.add("batches", "measured", {absl::StrCat(count(static_cast<unsigned>(costs.batches)).text, " batches of ", reads_per_batch, " reads"),
                                costs.batches});
  s.add_aside("reads_per_batch", {"", reads_per_batch}, "");
  const auto optional_number = [](std::optional<double> x) { return x ? number(*x, 1) : value{"-", nullptr}; };
  const auto optional_time = [](std::optional<double> ns) { return ns ? time_value(*ns) : value{"-", nullptr}; };
  for (const road_cost& r : costs.roads) {
    s.table->rows.push_back(
        {word(r.clock), word(r.road), number(r.median_ns, 1), optional_number(r.p99_ns),
         optional_number(r.median_ticks), optional_number(r.p99_ticks),
         optional_time(r.resolution ? std::optional(static_cast<double>(r.resolution->count())) : std::nullopt),
         optional_time(r.smallest_step_ns), r.road == "vDSO" ? yes_no(r.in_user_space) : value{"-", nullptr}});
  }
  s.short_table = short_table(costs);
  if (costs.batches < least_for_p99)
    s.remarks.push_back(absl::StrCat("No p99 of fewer than ", least_for_p99, " batches."));
  return s;
}

} // namespace tool
