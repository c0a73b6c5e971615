// takt switch-window - what a wake-up costs, and what it does to the clocks, when the clock source changes meanwhile.
#include "command.hpp"
#include "document.hpp"
#include "scoped_clocksource.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <takt/clock/calibration.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <thread>

ABSL_FLAG(int, runs, 1000, "N: So many wake-ups");
ABSL_FLAG(tool::duration, sleep, tool::duration{std::chrono::milliseconds(2)}, "TIME: From arming the timer to its expiry");
ABSL_FLAG(bool, load, false, "Keep every CPU busy meanwhile");
ABSL_FLAG(bool, provoke, false, "Change the clock source in every second wake-up");

namespace tool {
namespace {

using std::chrono::nanoseconds;
using monotonic = takt::posix_clock<CLOCK_MONOTONIC>;

/// What is kept of each run is some 150 bytes.
constexpr int most_runs = 1'000'000;
/// A read that took more than so many times the usual was held up: interrupted, or retried because the kernel was just
/// writing what the vDSO reads.
constexpr double slow_read = 3;
/// After a wake-up clocks are read until one read is not slow, but no more often than this.
constexpr int most_retries = 100;

/// The counter and the kernel's clock at one moment.
struct reading {
  takt::ticks counter; ///< half way between two reads
  nanoseconds kernel{};
  double cost_ns = 0;
};

reading read_both(double ns_per_tick) {
  const takt::ticks before = takt::read_counter<takt::ordering::ordered>();
  const nanoseconds kernel = monotonic::now().time_since_epoch();
  const takt::ticks length = takt::read_counter<takt::ordering::ordered>() - before;
  return {before + takt::ticks(length.count() / 2), kernel, static_cast<double>(length.count()) * ns_per_tick};
}

struct run {
  std::string source_before, source_after;
  unsigned cpu_before = 0, cpu_after = 0;
  nanoseconds latency{};
  double first_read_ns = 0;
  int retries = 0;
  double shift_ns = 0;       ///< of the counter against the kernel's clock from before the sleep to after it
  double uncertainty_ns = 0; ///< of that: half of both brackets

  [[nodiscard]] bool switched() const { return source_before != source_after; }
  [[nodiscard]] bool migrated() const { return cpu_before != cpu_after; }
};

/// Reads until a read is not slow. Returns: the narrowest; `retries` counts the slow ones.
reading settle(double ns_per_tick, double usual_ns, int& retries) {
  reading best = read_both(ns_per_tick);
  for (retries = 0; best.cost_ns > slow_read * usual_ns && retries < most_retries; ++retries) {
    const reading next = read_both(ns_per_tick);
    if (next.cost_ns < best.cost_ns) best = next;
  }
  return best;
}

double median(std::vector<double> x) {
  if (x.empty()) return std::nan("");
  const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  return *middle;
}
/// Returns: the median distance from the median.
double spread(const std::vector<double>& x) {
  const double m = median(x);
  std::vector<double> d;
  for (const double v : x) d.push_back(std::abs(v - m));
  return median(d);
}

template <class F> std::vector<double> values(const std::vector<run>& runs, F&& of) {
  std::vector<double> result;
  for (const run& r : runs) result.push_back(of(r));
  return result;
}

/// What a read usually costs, by clock source: a read of the HPET takes a hundred times as long as one of the TSC.
class usual_costs {
public:
  explicit usual_costs(double ns_per_tick) : ns_per_tick_(ns_per_tick) {}
  /// Precondition: `source` is current.
  double of(const std::string& source) {
    const auto [known, is_new] = by_source_.try_emplace(source);
    if (is_new) {
      std::vector<double> costs;
      for (int i = 0; i < 101; ++i) costs.push_back(read_both(ns_per_tick_).cost_ns);
      known->second = median(costs);
    }
    return known->second;
  }
  [[nodiscard]] const std::map<std::string, double>& all() const noexcept { return by_source_; }

private:
  double ns_per_tick_;
  std::map<std::string, double> by_source_;
};

/// Changes the clock source once, half way through the sleep of the thread that made it.
class provocation {
public:
  provocation(scoped_clocksource& source, std::string to, nanoseconds at)
      : thread_([&source, to = std::move(to), at] {
          std::this_thread::sleep_for(at);
          std::error_code seen_by_the_run_itself;
          source.select(to, seen_by_the_run_itself);
        }) {}
  ~provocation() { thread_.join(); }
  provocation(const provocation&) = delete;
  provocation& operator=(const provocation&) = delete;

private:
  std::thread thread_;
};

class busy {
public:
  busy() {
    for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
      threads_.emplace_back([this] {
        while (!stop_.load(std::memory_order_relaxed)) static_cast<void>(monotonic::now());
      });
    }
  }
  ~busy() {
    stop_ = true;
    for (std::thread& t : threads_) t.join();
  }
  busy(const busy&) = delete;
  busy& operator=(const busy&) = delete;

private:
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

unsigned cpu_now() {
  unsigned cpu = 0;
  static_cast<void>(takt::linux_os::current_cpu(cpu));
  return cpu;
}

json as_json(int number, const run& r) {
  return {{"event", "run"}, {"number", number}, {"switched", r.switched()}, {"migrated", r.migrated()},
          {"source_before", r.source_before}, {"source_after", r.source_after}, {"cpu_before", r.cpu_before},
          {"cpu_after", r.cpu_after}, {"latency_ns", r.latency.count()}, {"first_read_ns", r.first_read_ns},
          {"slow_reads", r.retries}, {"shift_ns", r.shift_ns}, {"shift_uncertainty_ns", r.uncertainty_ns}};
}

section summary(const std::vector<run>& runs, const usual_costs& usual) {
  section s{"switch_window", "Wake-ups with and without a switch of the clock source", {}, table{}, {}};
  s.table->columns = {{"switched", "switched"}, {"migrated", "migrated"}, {"runs", "runs", true},
                      {"latency_ns", "latency", true}, {"first_read_ns", "first read", true},
                      {"slow_reads", "slow reads", true}, {"shift_ns", "shift", true}, {"shift_spread_ns", "+/-", true}};
  s.table->names = 2;
  std::vector<run> with, without;
  for (const bool switched : {false, true}) {
    for (const bool migrated : {false, true}) {
      std::vector<run> some;
      for (const run& r : runs)
        if (r.switched() == switched && r.migrated() == migrated) some.push_back(r);
      auto& half = switched ? with : without;
      half.insert(half.end(), some.begin(), some.end());
      if (some.empty()) {
        s.table->rows.push_back({yes_no(switched), yes_no(migrated), count(0), not_told(), not_told(), not_told(), not_told(), not_told()});
        continue;
      }
      unsigned long long slow = 0;
      for (const run& r : some) slow += static_cast<unsigned long long>(r.retries);
      const auto shifts = values(some, [](const run& r) { return r.shift_ns; });
      s.table->rows.push_back(
          {yes_no(switched), yes_no(migrated), count(some.size()),
           time_value(median(values(some, [](const run& r) { return static_cast<double>(r.latency.count()); }))),
           time_value(median(values(some, [](const run& r) { return r.first_read_ns; }))), count(slow),
           time_value(median(shifts)), time_value(spread(shifts))});
    }
  }
  for (const auto& [source, cost] : usual.all()) {
    s.add(absl::StrCat("usual_read_ns_", source), absl::StrCat("usual cost of a read on ", source), time_value(cost));
  }
  s.add("runs", "runs", count(runs.size()));
  s.add("switches", "with a switch inside", count(with.size()));

  // An offset of constant size: the shifts with a switch lie close together, and apart from those without one by more
  // than both scatter and can be read.
  if (with.size() < 3 || without.size() < 3) {
    s.add("constant_offset", "an offset that comes with a switch", not_told(), "needs three runs of each kind");
  } else {
    const auto shift = [](const run& r) { return r.shift_ns; };
    const auto a = values(with, shift), b = values(without, shift);
    const double size = median(a) - median(b);
    const double doubt = spread(a) + spread(b) + median(values(with, [](const run& r) { return r.uncertainty_ns; })) +
                         median(values(without, [](const run& r) { return r.uncertainty_ns; }));
    const bool apart = std::abs(size) > 3 * doubt;
    s.add("constant_offset", "an offset that comes with a switch", yes_no(apart));
    s.add("offset_ns", "its size", apart ? time_value(size) : not_told());
    s.add("doubt_ns", "known to", time_value(doubt));
  }
  s.remarks.push_back("Medians. Latency: from the timer's expiry to the first reading of the clock. Shift: how far the counter moved "
                      "against CLOCK_MONOTONIC across the wake-up.");
  return s;
}

exit_code run_command() {
  const int wanted = absl::GetFlag(FLAGS_runs);
  const nanoseconds interval = absl::GetFlag(FLAGS_sleep).value;
  const bool provoke = absl::GetFlag(FLAGS_provoke);
  if (wanted <= 0 || wanted > most_runs) return wrong_usage("--runs wants a number from 1 to 1000000");
  if (interval <= nanoseconds::zero() || interval > std::chrono::minutes(1)) return wrong_usage("--sleep wants a time above zero, a minute at most");
  if (provoke && !may_change_this_machine("--provoke")) return exit_code::wrong_usage;

  std::error_code ec;
  const takt::tsc_calibration c = takt::calibrate(std::chrono::milliseconds(20), ec);
  if (ec) return could_not("the counter cannot be measured against the kernel's clock", ec);
  const double ns_per_tick = 1e9 / c.rate().hertz();

  std::unique_ptr<scoped_clocksource> source;
  std::vector<std::string> offered;
  if (provoke) {
    offered = takt::clocksource::available();
    if (offered.size() < 2) return could_not("the kernel offers one clock source alone: nothing to change to");
    source = std::make_unique<scoped_clocksource>();
    // Refused at the first try, or not at all: otherwise every run would say that nothing was switched.
    source->select(source->original(), ec);
    if (ec) return could_not("changing the clock source needs root", ec);
  }
  const std::unique_ptr<busy> load = absl::GetFlag(FLAGS_load) ? std::make_unique<busy>() : nullptr;
  usual_costs usual(ns_per_tick);

  std::vector<run> runs;
  runs.reserve(static_cast<std::size_t>(wanted));
  progress shown("waking up");
  for (int i = 0; i < wanted && !stop_wanted(); ++i) {
    run r;
    r.source_before = takt::clocksource::current();
    static_cast<void>(usual.of(r.source_before));
    std::unique_ptr<provocation> provoked;
    if (provoke && i % 2 == 1) {
      const auto here = std::find(offered.begin(), offered.end(), r.source_before);
      const bool last = here == offered.end() || here + 1 == offered.end();
      provoked = std::make_unique<provocation>(*source, last ? offered.front() : *(here + 1), interval / 2);
    }
    int retries_before = 0;
    const reading before = settle(ns_per_tick, usual.of(r.source_before), retries_before);
    r.cpu_before = cpu_now();
    const nanoseconds deadline = monotonic::now().time_since_epoch() + interval;
    int error = 0;
    do {
      error = takt::linux_os::sleep_until(CLOCK_MONOTONIC, takt::to_timespec(deadline));
    } while (error == EINTR && !stop_wanted());
    if (error == EINTR) break; // stopped before the timer expired: that is no wake-up
    if (error != 0) return could_not("sleeping until the timer expires", {error, std::system_category()});
    const reading first = read_both(ns_per_tick);
    r.cpu_after = cpu_now();
    r.latency = first.kernel - deadline;
    r.first_read_ns = first.cost_ns;
    provoked.reset(); // a switch that comes late is inside the window all the same
    r.source_after = takt::clocksource::current();
    const double usual_ns = usual.of(r.source_after);
    const reading after = settle(ns_per_tick, usual_ns, r.retries);
    r.retries += first.cost_ns > slow_read * usual_ns;
    const double passed = static_cast<double>((after.counter - before.counter).signed_count()) * ns_per_tick;
    r.shift_ns = passed - static_cast<double>((after.kernel - before.kernel).count());
    r.uncertainty_ns = (before.cost_ns + after.cost_ns) / 2;
    if (json_wanted()) print_line(as_json(i, r));
    if (output_error()) break;
    runs.push_back(std::move(r));
    shown.at(static_cast<double>(i + 1) / wanted);
  }
  if (source) {
    source->restore(ec);
    if (ec) return could_not(absl::StrCat("could not go back to ", source->original(), "; by hand: ", source->by_hand()), ec);
  }
  print_summary({{summary(runs, usual)}});
  return exit_code::done;
}

} // namespace

extern const command switch_window_command{
    "switch-window",
    "what a wake-up sees when the clock source changes meanwhile",
    "Sleeps until a timer expires, reads the clock, and does that many times. For each run it records clock source and CPU\n"
    "before and after, how late the first reading was, what it cost, how many slow reads there were, and how far the counter\n"
    "moved against the kernel's clock; and tells runs with a switch of the clock source inside from those without, and those in\n"
    "which the thread was moved from those in which it stayed. Says whether an offset of constant size comes with switches alone.\n"
    "The source is read before and after: one that was left and taken again in between counts as not switched.\n\n"
    "Without --provoke it waits for switches that happen by themselves. --provoke changes the clock source in every second run,\n"
    "needs root and --yes-change-this-machine, and goes back at the end. With --json each run is a line of its own.",
    "takt switch-window --runs 200 --provoke --yes-change-this-machine   # in a machine that nobody needs",
    {"runs", "sleep", "load", "provoke", "yes_change_this_machine"},
    &run_command};

} // namespace tool
