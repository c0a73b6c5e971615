#include "cost.hpp"
#include "command.hpp"
#include "stop.hpp"
#include "output/terminal.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>
#include <takt/clock/tsc_clock.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/cpu/features.hpp>
#include <takt/kernel/clock_ids.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/vdso.hpp>

namespace tool {
namespace {

using std::chrono::nanoseconds;

// A path is code that reads, in the unit of its own clock: ticks or nanoseconds.
using raw = std::uint64_t;

template <takt::ordering O> struct counter_by {
  static raw read() { return takt::read_counter<O>().count(); }
};
template <clockid_t Id, takt::access A> struct clock_by {
  using clock = takt::posix_clock<Id, A>;
  static raw read() {
    if constexpr (clock::properties.optional) {
      std::error_code ec; // it was there a moment ago
      return static_cast<raw>(clock::now(ec).time_since_epoch().count());
    } else {
      return static_cast<raw>(clock::now().time_since_epoch().count());
    }
  }
};
struct steady_clock_by_library {
  static raw read() { return static_cast<raw>(std::chrono::steady_clock::now().time_since_epoch().count()); }
};
template <class Clock> struct clock_by_counter {
  static raw read() { return static_cast<raw>(Clock::now().time_since_epoch().count()); }
};
template <takt::ordering O> struct counter_and_cpu_by {
  static raw read() { return takt::read_counter_and_cpu<O>().at.count(); }
};

volatile raw sink; // keeps the compiler from dropping the reads

template <class Path> void batch() {
  raw all = 0;
  for (int i = 0; i < reads_per_batch; ++i) all ^= Path::read();
  sink = all;
}
void empty_batch() { sink = 0; }

// The smallest positive difference between two reads in a row. A coarse clock stands still for milliseconds, so reading
// goes on until a good number of steps was seen, but no longer than the limit.
template <class Path> std::optional<raw> smallest_step() {
  constexpr int reads = 5000, enough_steps = 20;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  raw smallest = std::numeric_limits<raw>::max();
  raw before = Path::read();
  for (int i = 0, steps = 0; i < reads || steps < enough_steps; ++i) {
    const raw now = Path::read();
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

struct path {
  absl::string_view clock;
  absl::string_view name;
  void (*batch)();
  std::optional<raw> (*smallest_step)();
  bool in_ticks;
  std::optional<clockid_t> id; // of the clock, where it is the kernel's
  bool by_vdso;
};

template <class Path> path make_path(absl::string_view clock, absl::string_view name, bool in_ticks,
                                     std::optional<clockid_t> id = {}, bool by_vdso = false) {
  return {clock, name, &batch<Path>, &smallest_step<Path>, in_ticks, id, by_vdso};
}

template <takt::ordering O> void add_counter(std::vector<path>& paths) {
  paths.push_back(make_path<counter_by<O>>("counter", takt::counter_instructions(O), true));
}

/// Where one instruction reads counter and CPU, the end of a region is a form of it.
template <bool Exists> void add_counter_and_cpu(std::vector<path>& paths) {
  if constexpr (Exists) {
    paths.push_back(make_path<counter_and_cpu_by<takt::ordering::ordered>>("counter", "rdtscp", true));
    add_counter<takt::ordering::end>(paths);
  }
}

template <clockid_t Id> void add_clock(std::vector<path>& paths) {
  const takt::clock_properties* const clock = takt::clock_properties::find(Id);
  std::error_code ec;
  static_cast<void>(takt::read_clock<takt::access::syscall>(Id, ec));
  if (clock->optional && ec) return; // not on this machine
  paths.push_back(make_path<clock_by<Id, takt::access::vdso>>(clock->name, "vDSO", false, Id, true));
  paths.push_back(make_path<clock_by<Id, takt::access::syscall>>(clock->name, "system call", false, Id));
}

template <std::size_t... Row> void add_clocks(std::vector<path>& paths, std::index_sequence<Row...>) {
  (add_clock<takt::clock_properties::table[Row].id>(paths), ...);
}

// The clock that times the batches: the counter where there is one, else the kernel's clock. A forbidden counter needs no
// case of its own: the dynamic linker reads the counter, so that this program does not start then.
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
std::pair<absl::string_view, absl::string_view> paths_of_tsc_clock() {
  if (takt::tsc_clock::source() == takt::clock_path::vdso) return {"vDSO", "vDSO"};
  if (takt::tsc_clock::source() == takt::clock_path::system_call) return {"system call", "system call"};
  return {takt::counter_instructions(takt::ordering::ordered), takt::counter_instructions(takt::ordering::bare)};
}

std::vector<path> all_paths(const timing& by) {
  std::vector<path> paths;
  if (by.counter) {
    using takt::ordering;
    add_counter<ordering::bare>(paths);
    add_counter<ordering::ordered>(paths);
    add_counter<ordering::begin>(paths);
    if (by.rdtscp) add_counter_and_cpu<takt::counter_reading::available>(paths);
    const auto [ordered, bare] = paths_of_tsc_clock();
    paths.push_back(make_path<clock_by_counter<takt::fast_tsc_clock>>("takt::fast_tsc_clock", bare, false));
    paths.push_back(make_path<clock_by_counter<takt::tsc_clock>>("takt::tsc_clock", ordered, false));
  }
  add_clocks(paths, std::make_index_sequence<std::size(takt::clock_properties::table)>());
  paths.push_back(make_path<steady_clock_by_library>("std::chrono::steady_clock", "C++ library", false));
  return paths;
}

/// The smallest sample that a share of `q` of them does not exceed (nearest rank).
double quantile(const std::vector<raw>& sorted, double q) {
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return static_cast<double>(sorted[std::max<std::size_t>(rank, 1) - 1]);
}

/// Of fewer batches the 99th percentile would be the slowest.
constexpr int min_for_p99 = 100;

/// Whether `part`, in small letters, is part of the name of the path's clock, or of the path to the counter, by which the short
/// table calls it.
bool names(const path& r, const std::string& part) {
  const auto in = [&](absl::string_view name) { return absl::StrContains(absl::AsciiStrToLower(name), part); };
  return in(r.clock) || (r.clock == "counter" && in(r.name));
}

/// Returns: the counter's rate by tsc_clock, or by a measurement where the counter is not used as a clock; empty where it
/// cannot be read.
takt::tsc_calibration calibrated() {
  using namespace std::chrono_literals;
  using clock = takt::tsc_clock;
  std::error_code ec;
  if (!clock::calibration().rate().known() && takt::cpu_features::read().tsc != false) {
    clock::calibrate(5ms, ec);
    if (ec) return takt::calibrate<takt::posix_clock<CLOCK_MONOTONIC>, takt::ordered_counter>(20ms, ec);
  }
  return clock::calibration();
}

} // namespace

std::optional<std::string> unknown_clock(const std::vector<std::string>& clocks) {
  const bool counter = takt::cpu_features::read().tsc != false;
  const std::vector<path> paths = all_paths({counter, true});
  for (const std::string& c : clocks) {
    if (std::none_of(paths.begin(), paths.end(), [&](const path& r) { return names(r, c); })) return c;
  }
  return std::nullopt;
}

cost_table measure_costs(int batches, const std::vector<std::string>& clocks) {
  const takt::tsc_calibration calibration = calibrated();
  const timing by{calibration.rate().known(), takt::cpu_features::read().rdtscp == true};
  std::vector<path> paths = all_paths(by);
  std::erase_if(paths, [&](const path& r) {
    return !clocks.empty() &&
           std::none_of(clocks.begin(), clocks.end(), [&](const std::string& c) { return names(r, c); });
  });

  std::vector<std::vector<raw>> samples(paths.size());
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
    for (std::size_t i = 0; i < paths.size(); ++i) samples[i].push_back(time(paths[i].batch));
    shown.at(static_cast<double>(out.batches) / batches);
  }
  out.calibration = calibration;

  std::sort(overhead.begin(), overhead.end());
  const double empty = quantile(overhead, 0.5);
  const double ns_per_tick = by.counter ? 1e9 / calibration.rate().hertz() : 1;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const path& r = paths[i];
    std::sort(samples[i].begin(), samples[i].end());
    const double median = std::max(0.0, quantile(samples[i], 0.5) - empty) / reads_per_batch;
    path_cost cost{std::string(r.clock), std::string(r.name), median * ns_per_tick, {}, {}, {}, {}, {}, {}};
    if (by.counter) cost.median_ticks = median;
    if (out.batches >= min_for_p99) {
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
    out.paths.push_back(std::move(cost));
  }
  return out;
}

const path_cost* find_path(const cost_table& costs, absl::string_view clock, absl::string_view path) {
  const auto found = std::find_if(costs.paths.begin(), costs.paths.end(), [&](const path_cost& r) {
    return r.clock == clock && (path.empty() || r.path == path);
  });
  return found == costs.paths.end() ? nullptr : &*found;
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
               {"", "smallest\nstep", true}};
  const value none{"-", nullptr};
  const auto numbers = [&](std::vector<value>& row, const path_cost* r) {
    const auto optional_number = [&](std::optional<double> x, int decimals) { return x ? number(*x, decimals) : none; };
    row.push_back(r ? number(r->median_ns, 1) : none), row.push_back(r ? optional_number(r->p99_ns, 1) : none);
    row.push_back(r ? optional_number(r->median_ticks, 0) : none),
        row.push_back(r ? optional_number(r->p99_ticks, 0) : none);
  };
  std::string done;
  for (const path_cost& r : costs.paths) {
    const bool kernels = absl::StartsWith(r.clock, "CLOCK_");
    if (kernels && r.clock == std::exchange(done, r.clock)) continue;
    const path_cost* const user = !kernels ? &r : find_path(costs, r.clock, "vDSO");
    const path_cost* const call = kernels ? find_path(costs, r.clock, "system call") : nullptr;
    std::vector<value> row{word(r.clock == "counter" ? r.path : std::string(absl::StripPrefix(r.clock, "CLOCK_")))};
    numbers(row, user != nullptr && user->in_user_space == false ? nullptr : user);
    numbers(row, call);
    row.push_back(r.resolution ? time_value(*r.resolution) : none);
    row.push_back(r.smallest_step_ns ? fine_time(*r.smallest_step_ns) : none);
    t.rows.push_back(std::move(row));
  }
  return t;
}

/// Of the short table the counter's first path and what most programs read.
table brief_table(const table& all) {
  constexpr absl::string_view usual[] = {"takt::fast_tsc_clock", "takt::tsc_clock", "MONOTONIC", "REALTIME", "MONOTONIC_COARSE",
                                         "THREAD_CPUTIME_ID", "std::chrono::steady_clock"};
  table t{all.columns, {}, all.names};
  for (const auto& row : all.rows)
    if (t.rows.empty() || std::find(std::begin(usual), std::end(usual), row.front().text) != std::end(usual)) t.rows.push_back(row);
  return t;
}

} // namespace

section cost_section(const cost_table& costs) {
  section s{"cost", "Cost of one read", {}, table{}, {}};
  s.table->columns = {{"clock", "clock"},
                      {"path", "path"},
                      {"median_ps", "median ns", true},
                      {"p99_ps", "p99 ns", true},
                      {"median_ticks", "ticks", true},
                      {"p99_ticks", "p99 ticks", true},
                      {"resolution_ns", "resolution", true},
                      {"smallest_step_ps", "smallest step", true},
                      {"in_user_space", "in user space"}};
  s.table->names = 2;
  s.add("batches", "measured", {absl::StrCat(count(static_cast<unsigned>(costs.batches)).text, " batches of ", reads_per_batch, " reads"),
                                costs.batches});
  s.add_aside("reads_per_batch", {"", reads_per_batch}, "");
  const value none{"-", nullptr};
  const auto ticks = [&](std::optional<double> x) { return x ? number(*x, 1) : none; };
  // A mean over a batch: tenths of a nanosecond mean something.
  const auto mean = [&](std::optional<double> ns) { return ns ? value{decimal(*ns, 1), fine_time(*ns).data} : none; };
  for (const path_cost& r : costs.paths) {
    s.table->rows.push_back(
        {word(r.clock), word(r.path), mean(r.median_ns), mean(r.p99_ns), ticks(r.median_ticks), ticks(r.p99_ticks),
         r.resolution ? time_value(*r.resolution) : none, r.smallest_step_ns ? fine_time(*r.smallest_step_ns) : none,
         r.path == "vDSO" ? yes_no(r.in_user_space) : none});
  }
  s.short_table = short_table(costs);
  s.brief_table = brief_table(*s.short_table);
  if (costs.batches < min_for_p99)
    s.remarks.push_back(absl::StrCat("No p99 of fewer than ", min_for_p99, " batches."));
  return s;
}

} // namespace tool
