// takt tick - the periodic tick of each CPU: how often it comes, why it goes on, and which threads follow or avoid it.
#include "command.hpp"
#include "stop.hpp"
#include "model/cpu_use.hpp"
#include "model/kernel_configuration.hpp"
#include "model/this_machine.hpp"
#include "model/timer_history.hpp"
#include "model/trace/trace_session.hpp"
#include "output/document.hpp"
#include "output/html_page.hpp"
#include "output/output_file.hpp"
#include "output/timer_picture.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <fcntl.h>
#include <map>
#include <numeric>
#include <sched.h>
#include <takt/clock/calibration.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/tick.hpp>
#include <takt/observe/tick_probe.hpp>
#include <takt/observe/tick_trace.hpp>
#include <takt/observe/trace_text.hpp>
#include <tuple>
#include <unistd.h>
#include <utility>

namespace tool {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using takt::trace_event;
using takt::trace_kind;

struct : flag_set {
  flag<duration> length{this, "for", "TIME", "Watch for TIME; 0s: until Ctrl-C", {10s}};
  flag<std::string> from{this, "from", "FILE",
                         "Read what perf script, ftrace or trace-cmd report printed; -: standard input"};
  flag<bool> probe{this, "probe", "Find the tick of one CPU from user space, without the kernel's events"};
  details_flag details{this};
  flag<std::string> svg{this, "svg", "FILE", "Draw it into FILE, as a picture for browsers"};
  flag<std::string> html{this, "html", "FILE", "Write tables and pictures into FILE, as one page for browsers"};
} flags;

/// The kernel's events that it needs, and those that say more.
constexpr trace_kind needed_kinds[] = {trace_kind::hrtimer_expire_entry};
constexpr trace_kind wanted_kinds[] = {trace_kind::hrtimer_expire_entry, trace_kind::hrtimer_start,
                                       trace_kind::tick_stop, trace_kind::sched_switch, trace_kind::sched_waking};

/// The probability that a report lists any thread by chance.
constexpr double false_alarm = 0.001;

/// "No thread hides" is said only where a thread that runs for this share of the time, and is never found, is listed.
constexpr double notable_share = 0.1;

/// Without a length the probe takes so long: with 250 ticks a second some are enough, and it keeps a CPU busy.
constexpr nanoseconds longest_probe = 2s;

bool is_tick(const trace_event& e) {
  return e.kind == trace_kind::hrtimer_expire_entry &&
         (e.function == "tick_nohz_handler" || e.function == "tick_sched_timer");
}

/// Names of threads are what they say of themselves; on the screen nothing but printable ASCII.
std::string printable(std::string_view name) {
  std::string shown(name.empty() ? "?" : name);
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');
  return shown;
}
std::string data_text(std::string_view name) { return std::string(name); }

value share(double part) {
  return std::isfinite(part) ? value{absl::StrCat(decimal(part * 100, 1), " %"), part} : unknown();
}
double ratio(double a, double b) { return b > 0 ? a / b : std::nan(""); }
double in_seconds(nanoseconds t) { return std::chrono::duration<double>(t).count(); }

/// The facts about the kernel that was recorded. Those of another machine's kernel are unknown.
struct kernel_facts {
  std::optional<nanoseconds> period;
  takt::kernel_config::cpu_accounting accounting = takt::kernel_config::cpu_accounting::unknown;
  std::string accounting_source;
  std::vector<unsigned> nohz_full;
};

kernel_facts facts_of_this_kernel() {
  kernel_facts k;
  std::error_code ec;
  const takt::frequency hz = takt::kernel_hz(ec);
  if (!ec && hz.hertz() > 0) k.period = nanoseconds(std::llround(1e9 / hz.hertz()));
  const found_config config = kernel_configuration();
  k.accounting = config.config.accounting;
  k.accounting_source = config.source;
  k.nohz_full = takt::nohz_full_cpus(ec);
  return k;
}

/// Everything that is found out from events.
struct watched {
  explicit watched(const kernel_facts& k)
      : kernel(k), ticks(takt::tick_trace::options{k.period.value_or(nanoseconds::zero()), false_alarm}) {}

  void add(const trace_event& e) {
    ++events;
    if (!first) first = e.time;
    last = std::max(last, e.time);
    ticks.add(e);
    use.add(e);
    if (e.other > 0 && !e.other_task.empty()) names[e.other] = e.other_task;
    const bool tick = is_tick(e);
    if (e.cpu < 0 || (!tick && e.kind != trace_kind::tick_stop)) return;
    const auto cpu = static_cast<unsigned>(e.cpu);
    if (tick) {
      history.tick(cpu, e.time - *first);
      ++found[e.cpu][e.thread > 0 ? name_of(e) : std::string()];
      if (found[e.cpu].size() > max_names) forget_the_rarest(found[e.cpu]);
    } else if (e.success) {
      history.tick_stopped(cpu, e.time - *first);
    }
  }
  [[nodiscard]] nanoseconds length() const { return first ? last - *first : nanoseconds::zero(); }

  kernel_facts kernel;
  takt::tick_trace ticks;
  cpu_use use;
  timer_history history;
  /// Ticks of a CPU by the name of the thread that they interrupted, which is empty where it idled.
  std::map<std::int32_t, std::map<std::string, std::uint64_t>> found;
  std::map<std::int32_t, std::string> names; ///< of threads, for the recorders that do not know one any more
  std::uint64_t events = 0, lost = 0;
  std::optional<nanoseconds> first;
  nanoseconds last{};
  std::map<std::int32_t, nanoseconds> by_proc_stat; ///< the time that /proc/stat called the CPUs busy
  std::optional<takt::trace_text_reader::counts_type> text;
  std::vector<std::string> missing;

private:
  [[nodiscard]] std::string name_of(const trace_event& e) const {
    if (!e.task.empty()) return std::string(e.task);
    const auto known = names.find(e.thread);
    return known == names.end() ? "?" : known->second;
  }
  static constexpr std::size_t max_names = 4096;
  static void forget_the_rarest(std::map<std::string, std::uint64_t>& names) {
    std::vector<std::uint64_t> counts;
    for (const auto& [name, n] : names) counts.push_back(n);
    std::nth_element(counts.begin(), counts.begin() + max_names / 2, counts.end());
    std::uint64_t lost_ticks = 0;
    const std::uint64_t kept = counts[max_names / 2];
    std::erase_if(names, [&](const auto& n) {
      if (n.second > kept || n.first.empty()) return false;
      lost_ticks += n.second;
      return true;
    });
    names["others"] += lost_ticks;
  }
};

// Where events come from

exit_code watch_live(watched& w, nanoseconds length, std::unique_ptr<trace_session> session) {
  const termination_guard guard; // an instance of the kernel's tracing is to be removed
  const auto stat = [] {
    std::string text;
    if (takt::linux_os::read_file("/proc/stat", text, std::size_t{16} << 20) != 0) text.clear();
    return parse_busy_times(text, sysconf(_SC_CLK_TCK));
  };
  const auto take = [&w](const trace_event& e) { w.add(e); };
  const auto before = stat();
  if (!session->start()) return could_not("the kernel does not start the recording");
  const auto end = steady_clock::now() + (length == 0s ? nanoseconds(std::chrono::hours(24 * 365 * 100)) : length);
  while (steady_clock::now() < end) {
    if (!sleep_until(std::min(end, steady_clock::now() + session->pause()))) break;
    session->take(take);
  }
  const auto after = stat();
  session->stop(take);
  for (const auto& [cpu, busy] : after)
    if (const auto was = before.find(cpu); was != before.end())
      w.by_proc_stat[cpu] = std::max(busy - was->second, nanoseconds::zero());
  w.lost = session->lost();
  w.missing = session->missing();
  return exit_code::done;
}

exit_code read_text(watched& w, const std::string& path) {
  const int fd = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return could_not(path, std::error_code(errno, std::generic_category()));
  takt::trace_text_reader reader;
  std::vector<char> piece(1 << 18);
  int error = 0;
  while (!stop_wanted()) {
    const ssize_t n = read(fd, piece.data(), piece.size());
    if (n == 0) break;
    if (n > 0) reader.feed({piece.data(), static_cast<std::size_t>(n)}, [&w](const trace_event& e) { w.add(e); });
    else if (errno != EINTR) {
      error = errno;
      break;
    }
  }
  if (fd != STDIN_FILENO) close(fd);
  if (error != 0) return could_not(path, std::error_code(error, std::generic_category()));
  reader.finish();
  w.text = reader.counts();
  w.lost = w.text->lost;
  if (w.events == 0 && !stop_wanted()) // who asks it to stop gets what there is
    return could_not(absl::StrCat(path, ": no event of the kernel's timers, the scheduler or interrupts in ",
                                  w.text->lines,
                                  " lines; the text of perf script, ftrace or trace-cmd report is wanted"));
  return exit_code::done;
}

// Findings

constexpr std::size_t shown_slots = 20;

/// The three slots around the fullest one.
struct peak {
  std::size_t slot = 0;
  double inside = 0; ///< the share of all that is in these three slots
};
double around(const takt::tick_trace::histogram& h, std::size_t slot) {
  const std::size_t n = h.size();
  const double all = static_cast<double>(std::accumulate(h.begin(), h.end(), std::uint64_t{0}));
  return ratio(static_cast<double>(h[(slot + n - 1) % n] + h[slot] + h[(slot + 1) % n]), all);
}
peak peak_of(const takt::tick_trace::histogram& h) {
  const auto slot = static_cast<std::size_t>(std::max_element(h.begin(), h.end()) - h.begin());
  return {slot, around(h, slot)};
}
/// Three slots of a hundred, where the beat plays no part.
constexpr double by_chance = 3.0 / takt::tick_trace::slots;

std::string offset_text(double slot, nanoseconds period) {
  return absl::StrFormat("%.2f ms", slot * static_cast<double>(period.count()) / 1e6 / takt::tick_trace::slots);
}

struct reason {
  std::string why, task;
  std::uint64_t count;
};
/// Why the tick of a CPU went on, the most frequent reason first.
std::vector<reason> reasons_of(const watched& w, const takt::tick_trace::cpu& c) {
  std::vector<reason> all;
  if (const auto found = w.found.find(c.number); found != w.found.end())
    for (const auto& [task, n] : found->second)
      if (!task.empty()) all.push_back({"a thread ran", task, n});
  for (const takt::tick_trace::cpu::kept_tick& k : c.kept)
    all.push_back({std::string(takt::to_string(k.dependency)), k.task, k.count});
  std::sort(all.begin(), all.end(), [](const reason& a, const reason& b) {
    return std::tie(b.count, a.why, a.task) < std::tie(a.count, b.why, b.task);
  });
  return all;
}

/// The CPUs with ticks, those of nohz_full first.
std::vector<takt::tick_trace::cpu> cpus_of(const watched& w) {
  std::vector<takt::tick_trace::cpu> cpus = w.ticks.cpus();
  std::erase_if(cpus, [](const takt::tick_trace::cpu& c) { return c.number < 0; });
  const auto ordinary = [&](const takt::tick_trace::cpu& c) {
    return !std::binary_search(w.kernel.nohz_full.begin(), w.kernel.nohz_full.end(), static_cast<unsigned>(c.number));
  };
  std::sort(cpus.begin(), cpus.end(), [&](const takt::tick_trace::cpu& a, const takt::tick_trace::cpu& b) {
    return std::pair(ordinary(a), a.number) < std::pair(ordinary(b), b.number);
  });
  return cpus;
}

/// The tick of all CPUs together.
struct tick_totals {
  double per_second = 0, stopped = 0;
};
tick_totals totals_of(const std::vector<takt::tick_trace::cpu>& cpus) {
  tick_totals all;
  double stopped = 0, time = 0;
  for (const takt::tick_trace::cpu& c : cpus) {
    all.per_second += ratio(static_cast<double>(c.ticks), std::max(in_seconds(c.watched), 1e-9));
    stopped += in_seconds(c.stopped), time += in_seconds(c.watched);
  }
  all.stopped = ratio(stopped, time);
  return all;
}

section cpu_section(const watched& w, const std::vector<takt::tick_trace::cpu>& cpus) {
  section s{"cpus", "The tick of each CPU", {}, table{}, {}};
  const bool live = !w.text, full = !w.kernel.nohz_full.empty();
  s.table->columns = {{"cpu", "CPU", true},
                      {"nohz_full", full ? "nohz full" : ""},
                      {"per_second", "ticks a second", true},
                      {"stopped", "time stopped", true},
                      {"found_running", "found a thread", true},
                      {"because_of", "mostly because of"},
                      {"smallest_ns", "smallest distance", true},
                      {"median_ns", "median distance", true, true},
                      {"busy", "busy", true},
                      {"busy_by_stat", live ? "busy by\n/proc/stat" : "", true}};
  for (const takt::tick_trace::cpu& c : cpus) {
    std::uint64_t idle = 0, all = 0;
    if (const auto found = w.found.find(c.number); found != w.found.end())
      for (const auto& [task, n] : found->second) all += n, idle += task.empty() ? n : 0;
    const auto reasons = reasons_of(w, c);
    const auto busy = w.use.busy(c.number);
    const auto stat = w.by_proc_stat.find(c.number);
    const double length = in_seconds(w.length());
    const bool nohz =
        std::binary_search(w.kernel.nohz_full.begin(), w.kernel.nohz_full.end(), static_cast<unsigned>(c.number));
    const std::string because = reasons.empty()                         ? ""
                                : reasons.front().why == "a thread ran" ? reasons.front().task
                                                                        : reasons.front().why;
    s.table->rows.push_back(
        {{absl::StrCat(c.number), c.number},
         w.text ? unknown() : yes_no(nohz),
         number(ratio(static_cast<double>(c.ticks), in_seconds(c.watched)), 1),
         share(ratio(in_seconds(c.stopped), in_seconds(c.watched))),
         share(ratio(static_cast<double>(all - idle), static_cast<double>(all))),
         reasons.empty() ? value{"", nullptr} : value{printable(because), data_text(because)},
         c.ticks < 2
             ? unknown()
             : value{absl::StrFormat("%.3f ms", static_cast<double>(c.smallest.count()) / 1e6), c.smallest.count()},
         c.distances.count() == 0
             ? unknown()
             : value{absl::StrFormat("%.2f ms", static_cast<double>(c.distances.median().count()) / 1e6),
                     c.distances.median().count()},
         busy ? share(std::min(1.0, ratio(in_seconds(*busy), length))) : unknown(),
         stat != w.by_proc_stat.end() ? share(std::min(1.0, ratio(in_seconds(stat->second), length))) : unknown()});
  }
  return s;
}

section reason_section(const watched& w, const std::vector<takt::tick_trace::cpu>& cpus) {
  constexpr std::size_t shown_reasons = 3;
  section s{"reasons", "Why the tick went on", {}, table{}, {}};
  s.table->columns = {{"cpu", "CPU", true},
                      {"why", "because of"},
                      {"task", "what ran then"},
                      {"count", "times", true},
                      {"share", "share", true}};
  table brief = *s.table;
  for (const takt::tick_trace::cpu& c : cpus) {
    const auto all = reasons_of(w, c);
    double total = 0;
    for (const reason& r : all) total += static_cast<double>(r.count);
    for (std::size_t i = 0; i < all.size(); ++i) {
      std::vector<value> row{{absl::StrCat(c.number), c.number},
                             word(all[i].why),
                             {printable(all[i].task), data_text(all[i].task)},
                             count(all[i].count),
                             share(static_cast<double>(all[i].count) / total)};
      if (i < shown_reasons && cpus.size() <= 8) brief.rows.push_back(row);
      s.table->rows.push_back(std::move(row));
    }
  }
  s.brief_table = std::move(brief);
  if (s.table->rows.empty()) s.remarks.push_back("No tick found a thread, and no CPU that idled had to keep its tick.");
  else
    s.remarks.push_back(
        "A tick that finds a thread goes on because that runs. An idle CPU, and one of nohz_full with one thread, asks "
        "whether something else needs the tick: what did is named.");
  return s;
}

section period_section(const watched& w, nanoseconds period, const std::vector<takt::tick_trace::cpu>& cpus) {
  section s{"period", "The tick's period", {}, {}, {}};
  const auto& given = w.kernel.period;
  s.add("hz", "HZ",
        given ? value{decimal(1e9 / static_cast<double>(given->count()), 0),
                      std::round(1e9 / static_cast<double>(given->count()))}
              : unknown(),
        given ? "resolution of CLOCK_MONOTONIC_COARSE" : "");
  s.add("hz_period_ns", "1/HZ", given ? time_value(*given) : unknown());
  nanoseconds smallest = nanoseconds::max();
  takt::duration_histogram::fine distances;
  for (const takt::tick_trace::cpu& c : cpus) {
    if (c.ticks >= 2) smallest = std::min(smallest, c.smallest);
    distances.merge(c.distances);
  }
  const bool any = distances.count() != 0;
  s.add("smallest_ns", "smallest distance", any ? time_value(smallest) : unknown(), "of two ticks of a CPU");
  s.add("median_ns", "median distance",
        any ? value{absl::StrFormat("%.2f ms", static_cast<double>(distances.median().count()) / 1e6),
                    distances.median().count()}
            : unknown());
  s.add("period_ns", "so the period is", period > 0s ? time_value(period) : unknown());
  const tick_totals all = totals_of(cpus);
  s.add("ticks", "ticks", count(w.ticks.ticks()));
  s.add("per_second", "ticks a second", number(all.per_second, 1), "of all CPUs");
  s.add("stopped", "time stopped", share(all.stopped));
  s.add("watched_s", "watched for", {absl::StrFormat("%.1f s", in_seconds(w.length())), in_seconds(w.length())});
  s.add("events", "events", count(w.events));
  s.add("lost", "lost events", count(w.lost));
  if (w.text) {
    s.add("other_events", "events of other kinds", count(w.text->other));
    s.add("unreadable", "lines that could not be read", count(w.text->unreadable));
  }
  std::string accounting;
  switch (w.kernel.accounting) {
  case takt::kernel_config::cpu_accounting::unknown: break;
  case takt::kernel_config::cpu_accounting::tick: accounting = "sampled by the tick (TICK_CPU_ACCOUNTING)"; break;
  case takt::kernel_config::cpu_accounting::nohz_full:
    accounting = w.kernel.nohz_full.empty()
                     ? "sampled by the tick: VIRT_CPU_ACCOUNTING_GEN without nohz_full CPUs"
                     : "exact on nohz_full CPUs (VIRT_CPU_ACCOUNTING_GEN), else sampled by the tick";
    break;
  case takt::kernel_config::cpu_accounting::exact: accounting = "exact (VIRT_CPU_ACCOUNTING_NATIVE)"; break;
  }
  s.add("accounting", "CPU time in /proc/stat", accounting.empty() ? unknown() : word(accounting),
        w.kernel.accounting_source);
  if (!w.missing.empty()) s.add("missing", "events this kernel does not have", list(w.missing));
  return s;
}

std::string bar_of(std::uint64_t n, std::uint64_t max) {
  constexpr double columns = 23;
  if (n == 0) return {};
  return std::string(
      static_cast<std::size_t>(std::max(1.0, std::round(columns * static_cast<double>(n) / static_cast<double>(max)))),
      '#');
}

table slots_table(const takt::tick_trace::histogram& ticks, const takt::tick_trace::histogram& wakings,
                  nanoseconds period, std::size_t rows) {
  table t;
  t.columns = {
      {"offset_ns", "offset", true}, {"ticks", "ticks", true}, {"", ""}, {"wakings", "threads\nwoken", true}, {"", ""}};
  const std::size_t joined = ticks.size() / rows;
  std::vector<std::uint64_t> a(rows), b(rows);
  for (std::size_t i = 0; i < ticks.size(); ++i) a[i / joined] += ticks[i], b[i / joined] += wakings[i];
  const std::uint64_t max_a = std::max<std::uint64_t>(1, *std::max_element(a.begin(), a.end()));
  const std::uint64_t max_b = std::max<std::uint64_t>(1, *std::max_element(b.begin(), b.end()));
  for (std::size_t i = 0; i < rows; ++i) {
    const auto at = period * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(rows);
    t.rows.push_back({{offset_text(static_cast<double>(i * joined), period), at.count()},
                      count(a[i]),
                      word(bar_of(a[i], max_a)),
                      count(b[i]),
                      word(bar_of(b[i], max_b))});
  }
  return t;
}

section phase_section(const watched& w, nanoseconds period) {
  section s{"phases", "Within one period: when the tick comes, and when threads are woken", {}, {}, {}};
  const auto& ticks = w.ticks.ticks_in_period();
  const auto& wakings = w.ticks.wakings_in_period();
  const auto total = std::accumulate(wakings.begin(), wakings.end(), std::uint64_t{0});
  const peak tick = peak_of(ticks);
  const double at_tick = around(wakings, tick.slot);
  const bool known = period > 0s && w.ticks.ticks() != 0;
  s.add("peak_ns", "most ticks come at",
        known ? value{offset_text(static_cast<double>(tick.slot) + 0.5, period),
                      (period * static_cast<std::int64_t>(2 * tick.slot + 1) / 200).count()}
              : unknown());
  s.add("ticks_at_peak", "ticks that come then", known ? share(tick.inside) : unknown());
  s.add("woken", "threads woken", count(total));
  s.add("woken_at_peak", "threads woken then", known && total != 0 ? share(at_tick) : unknown(),
        absl::StrFormat("%.0f %% if the tick plays no part", by_chance * 100));
  if (!known) return s;
  s.table = slots_table(ticks, wakings, period, ticks.size());
  s.brief_table = slots_table(ticks, wakings, period, shown_slots);
  s.remarks.push_back(
      "Offsets from a multiple of the period on the recorder's clock; \"then\" is a width of 3 % of the period.");
  return s;
}

/// Returns: the share of the time from which on a thread that no tick finds is listed. With `judged` ticks the
/// probability to miss a thread of share p every time is (1 - p)^judged, and the false alarms are shared by all threads,
/// as tick_trace.hpp describes; 1 if no tick was judged.
double listed_from(std::uint64_t judged, std::size_t threads) {
  if (judged == 0) return 1;
  const double limit = false_alarm / (2 * static_cast<double>(std::max<std::size_t>(threads, 1)));
  return 1 - std::pow(limit, 1 / static_cast<double>(judged));
}

section thread_section(const watched& w, const std::vector<takt::tick_trace::thread>& threads, nanoseconds period) {
  constexpr std::size_t shown = 10;
  section s{"threads", "Threads that the tick finds more or less often than they run", {}, {}, {}};
  std::uint64_t followers = 0;
  table t;
  t.columns = {{"thread", "thread", true},
               {"name", "name"},
               {"tick_share", "of the ticks", true},
               {"run_share", "of the time", true},
               {"ran_ns", "ran", true},
               {"charged_ns", "charged by ticks", true},
               {"found", "found by ticks", true, true},
               {"expected", "expected", true, true},
               {"chance", "by chance", true},
               {"follows", ""}};
  table brief = t;
  const auto brief_seconds = [](nanoseconds time) {
    return value{absl::StrFormat("%.2f s", in_seconds(time)), time.count()};
  };
  for (const takt::tick_trace::thread& x : threads) {
    followers += x.follows_tick;
    std::vector<value> row{{absl::StrCat(x.number), x.number},
                           {printable(x.task), data_text(x.task)},
                           share(x.tick_share),
                           share(x.run_share),
                           brief_seconds(x.ran),
                           brief_seconds(period * static_cast<std::int64_t>(x.found)),
                           count(x.found),
                           number(x.expected, 1),
                           {x.chance < 1e-9 ? "< 1e-9" : absl::StrFormat("%.1g", x.chance), x.chance},
                           yes_no(x.follows_tick)};
    if (x.follows_tick && brief.rows.size() < shown) brief.rows.push_back(row);
    t.rows.push_back(std::move(row));
  }
  const double smallest = listed_from(w.ticks.judged_ticks(), threads.size());
  const bool enough = smallest <= notable_share;
  s.add("known", "threads", count(threads.size()));
  s.add("judged", "ticks judged", count(w.ticks.judged_ticks()), absl::StrCat("of ", count(w.ticks.ticks()).text));
  s.add("listed_from", "a thread that hides is listed from", share(smallest), "of the time");
  s.add("listed", "follow the tick, or avoid it", followers != 0 || enough ? count(followers) : unknown());
  // People are spared a table of threads of which there is nothing to be said.
  if (!threads.empty() && (followers != 0 || *flags.details || json_wanted()))
    s.table = std::move(t), s.brief_table = std::move(brief);
  if (followers == 0 && !enough)
    s.remarks.push_back("Too few ticks could be judged: those within 1.5 periods of the tick before, where all switches "
                        "of the CPU in between are known. Watch for longer, or while its CPUs are busy.");
  else if (followers == 0) s.remarks.push_back("No thread is found by the tick more or less often than chance explains.");
  else s.remarks.push_back("Shares of all ticks, and of the time of all CPUs while ticks came.");
  switch (w.kernel.accounting) {
  case takt::kernel_config::cpu_accounting::tick:
    if (followers != 0)
      s.remarks.push_back("This kernel samples (TICK_CPU_ACCOUNTING): /proc/stat has what the ticks charged, and a "
                          "thread's own sum in /proc, "
                          "which is scaled, what it ran.");
    break;
  case takt::kernel_config::cpu_accounting::nohz_full:
    s.remarks.push_back("This kernel accounts exactly on nohz_full CPUs (VIRT_CPU_ACCOUNTING_GEN); elsewhere "
                        "/proc/stat has what the ticks charged.");
    break;
  case takt::kernel_config::cpu_accounting::exact:
    s.remarks.push_back("This kernel accounts exactly (VIRT_CPU_ACCOUNTING_NATIVE): /proc/stat has what they ran, "
                        "whatever the ticks found.");
    break;
  case takt::kernel_config::cpu_accounting::unknown: break;
  }
  return s;
}

std::string plural(std::uint64_t n, absl::string_view one, absl::string_view many) {
  return absl::StrCat(n, " ", n == 1 ? one : many);
}

std::string headline_of(const watched& w, nanoseconds period, const std::vector<takt::tick_trace::cpu>& cpus,
                        const std::vector<takt::tick_trace::thread>& threads) {
  if (w.ticks.ticks() == 0) return absl::StrFormat("No tick came in %.1f s.", in_seconds(w.length()));
  const tick_totals all = totals_of(cpus);
  std::string text =
      absl::StrFormat("The tick came %.1f times a second on %s", all.per_second, plural(cpus.size(), "CPU", "CPUs"));
  if (period > 0s)
    absl::StrAppend(&text, ", every ", time_value(period).text,
                    w.kernel.period && *w.kernel.period != period ? " and not 1/HZ" : "", " where it ran");
  absl::StrAppend(&text, ", and was stopped for ", share(all.stopped).text, " of the time.");
  std::vector<takt::tick_trace::thread> listed = threads;
  std::erase_if(listed, [](const takt::tick_trace::thread& x) { return !x.follows_tick; });
  if (listed.empty()) {
    const double then = around(w.ticks.wakings_in_period(), peak_of(w.ticks.ticks_in_period()).slot);
    const bool enough = listed_from(w.ticks.judged_ticks(), threads.size()) <= notable_share;
    return absl::StrCat(
        text, enough ? " No thread hides behind it: " : " Whether a thread hides is unknown: ",
        count(w.ticks.judged_ticks()).text, " of ", count(w.ticks.ticks()).text, " ticks judged.",
        then > 3 * by_chance ? absl::StrCat(" ", share(then).text, " of all wake-ups of threads come with it.") : "");
  }
  const auto& worst = listed.front();
  absl::StrAppend(
      &text, " ", listed.size() == 1 ? "One thread is" : absl::StrCat(listed.size(), " threads are"),
      " not seen by it as often as ", listed.size() == 1 ? "it runs: " : "they run: ", printable(worst.task), " ran ",
      share(worst.run_share).text, " of the time, and ", share(worst.tick_share).text, " of the ticks found it.");
  return text;
}

exit_code report(watched& w, const picture_origin& origin, output_file& svg, output_file& html) {
  w.history.end = std::max(w.history.end, w.length());
  const nanoseconds period = w.ticks.period() > 0s ? w.ticks.period() : w.kernel.period.value_or(0s);
  const auto cpus = cpus_of(w);
  const auto threads = w.ticks.threads();
  document d;
  d.headline = headline_of(w, period, cpus, threads);
  d.with_details = *flags.details;
  d.sections = {cpu_section(w, cpus), thread_section(w, threads, period), phase_section(w, period),
                reason_section(w, cpus), period_section(w, period, cpus)};
  print(d);
  if (!svg.wanted() && !html.wanted()) return exit_code::done;
  tick_figures figures;
  for (const takt::tick_trace::cpu& c : cpus)
    figures[static_cast<unsigned>(c.number)] = absl::StrCat(
        decimal(ratio(static_cast<double>(c.ticks), std::max(in_seconds(c.watched), 1e-9)), 1),
        " ticks a second, stopped ", share(ratio(in_seconds(c.stopped), std::max(in_seconds(c.watched), 1e-9))).text);
  std::vector<phase_histogram> histograms;
  const auto& ticks = w.ticks.ticks_in_period();
  const auto& wakings = w.ticks.wakings_in_period();
  if (w.ticks.ticks() != 0) {
    const peak p = peak_of(ticks);
    const double then = around(wakings, p.slot);
    histograms = {{"when the tick comes",
                   absl::StrCat(share(p.inside).text, " at ", offset_text(static_cast<double>(p.slot) + 0.5, period)),
                   "blue", ticks},
                  {"when threads are woken",
                   std::isfinite(then) ? absl::StrCat(share(then).text, " at the tick's offset") : "none was", "orange",
                   wakings}};
  }
  const auto draw = [&](const picture_origin& o) { return draw_ticks_svg(w.history, period, figures, histograms, o); };
  if (const exit_code c = svg.write([&] { return draw(origin); }); c != exit_code::done) return c;
  picture_origin part = origin;
  part.date.clear();
  return html.write([&] { return html_page(d, origin, {draw(part)}); });
}

// From user space

/// Runs on one CPU, the one that it is on, while it lives.
class pinned {
public:
  pinned() {
    if (sched_getaffinity(0, sizeof before_, &before_) != 0) return;
    cpu = sched_getcpu();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(std::max(cpu, 0)), &one);
    done_ = cpu >= 0 && sched_setaffinity(0, sizeof one, &one) == 0;
  }
  ~pinned() {
    if (done_) sched_setaffinity(0, sizeof before_, &before_);
  }
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;
  int cpu = -1;

private:
  cpu_set_t before_{};
  bool done_ = false;
};

exit_code probe(nanoseconds length, const kernel_facts& kernel, const std::string& why) {
  std::error_code ec;
  const takt::verdict::facts facts = takt::verdict::facts::gather();
  const std::string instead = why.empty() ? "" : absl::StrCat(why, "; and from user space: ");
  if (facts.allowed == false) return could_not(absl::StrCat(instead, as_absl(takt::explain(takt::verdict::finding::forbidden))));
  const takt::tsc_calibration calibration = takt::calibrate(5ms, ec);
  if (!calibration.rate().known())
    return could_not(absl::StrCat(instead, "the rate of the counter is unknown: ", ec.message()));
  const nanoseconds asked = length == 0s ? longest_probe : std::min(length, longest_probe);
  const pinned here;
  // In parts, so that Ctrl-C is heard; find() wants one recording.
  const auto began = steady_clock::now();
  std::vector<takt::tick_probe::gap> gaps;
  nanoseconds recorded{};
  while (recorded < asked && !stop_wanted()) {
    const nanoseconds offset = steady_clock::now() - began;
    const nanoseconds part = std::min<nanoseconds>(asked - recorded, 250ms);
    for (takt::tick_probe::gap g : takt::tick_probe::record(part, calibration.rate())) {
      g.at += offset;
      gaps.push_back(g);
    }
    recorded = steady_clock::now() - began;
  }
  const auto tick = takt::tick_probe::find(gaps, recorded);
  document d;
  d.with_details = *flags.details;
  section s{"probe", "The tick as one CPU's counter shows it", {}, {}, {}};
  s.add("cpu", "CPU", here.cpu >= 0 ? value{absl::StrCat(here.cpu), here.cpu} : unknown());
  s.add("found", "a tick was found", yes_no(tick.has_value()));
  s.add("period_ns", "period", tick ? time_value(tick->period.count()) : unknown());
  s.add("per_second", "ticks a second", tick ? number(1e9 / tick->period.count(), 2) : unknown());
  s.add("near_hz", "next to the usual HZ",
        tick && tick->hertz != 0 ? value{absl::StrCat(tick->hertz), tick->hertz} : unknown());
  s.add("hz", "HZ",
        kernel.period ? value{decimal(1e9 / static_cast<double>(kernel.period->count()), 0),
                              std::round(1e9 / static_cast<double>(kernel.period->count()))}
                      : unknown(),
        kernel.period ? "resolution of CLOCK_MONOTONIC_COARSE" : "");
  s.add("seen", "periods with a gap at the tick", tick ? count(tick->seen) : unknown());
  s.add("periods", "of so many periods", tick ? count(tick->periods) : unknown());
  s.add("chance", "probability that it is chance", tick ? value{absl::StrFormat("%.1g", tick->chance), tick->chance} : unknown());
  s.add("gaps", "gaps", count(gaps.size()));
  s.add("watched_s", "watched for", {absl::StrFormat("%.1f s", in_seconds(recorded)), in_seconds(recorded)});
  if (!why.empty()) s.add("why", "because", word(why));
  s.remarks.push_back("A thread that does nothing but read the counter sees each interrupt as a gap. Which threads "
                      "follow the tick, and why "
                      "it goes on, the kernel's events say alone.");
  d.headline = tick ? absl::StrFormat("The tick of CPU %d comes every %s, seen from user space%s.", here.cpu,
                                      time_value(tick->period.count()).text,
                                      tick->hertz != 0 ? absl::StrCat(": HZ is ", tick->hertz) : std::string())
                    : absl::StrFormat(
                          "No tick was found on CPU %d in %.1f s: no period stands out among the gaps of its counter.",
                          here.cpu, in_seconds(recorded));
  d.sections = {s};
  print(d);
  return exit_code::done;
}

exit_code run() {
  const nanoseconds length = flags.length->value;
  if (length < 0s) return wrong_usage("--for wants a time above zero, or 0s for until Ctrl-C");
  if (*flags.probe && !flags.from->empty())
    return wrong_usage("--probe watches this machine, --from another one's recording");
  if (*flags.probe && !(flags.svg->empty() && flags.html->empty()))
    return wrong_usage("--svg and --html draw the kernel's events, which --probe does without");
  output_file svg, html;
  if (const exit_code c = svg.open(*flags.svg); c != exit_code::done) return c;
  if (const exit_code c = html.open(*flags.html, "--html"); c != exit_code::done) return c;
  picture_origin origin{"The tick of each CPU", "takt tick", "", date_of_today()};
  if (!flags.from->empty()) {
    watched w{kernel_facts{}};
    if (const exit_code c = read_text(w, *flags.from); c != exit_code::done) return c;
    absl::StrAppend(&origin.command, " --from ", printable(*flags.from));
    origin.machine = "a recording of another time or machine";
    return report(w, origin, svg, html);
  }
  const kernel_facts kernel = facts_of_this_kernel();
  std::string why;
  auto session = *flags.probe ? nullptr : trace_session::open(needed_kinds, wanted_kinds, why);
  if (session == nullptr) {
    if (svg.wanted() || html.wanted())
      return could_not(absl::StrCat(why, "; or read a recording of another machine with --from"));
    return probe(length, kernel, why);
  }
  watched w{kernel};
  if (const exit_code c = watch_live(w, length, std::move(session)); c != exit_code::done) return c;
  absl::StrAppend(&origin.command, " --for ", AbslUnparseFlag(duration{length}));
  origin.machine = describe_this_machine();
  return report(w, origin, svg, html);
}

const registered entry({
    .name = "tick",
    .group = group::over_time,
    .place = 3,
    .summary = "the periodic tick: how often it comes, what keeps it going, and which threads it misses",
    .description =
        "Watches the kernel's events for a while, or reads those that were recorded elsewhere (--from). For each "
        "CPU it shows how often the tick comes, for how long it was stopped, and what kept it going: on a busy CPU "
        "the threads that it found, on an idle CPU the reason that the kernel gives (a POSIX timer, perf events, "
        "the scheduler, an unstable clock, RCU). CPUs of nohz_full come first.\n\n"
        "Where the kernel accounts CPU time by the tick, a thread that always sleeps when the tick comes is missing "
        "in /proc/stat, and one that the tick wakes is charged too much. For each thread the share of the ticks "
        "that found it stands beside the share of the time that it ran. A thread is listed if the two differ by "
        "more than chance explains. Two histograms over one period show when the tick comes and when threads are "
        "woken: threads that follow the tick stand out as a peak.\n\n"
        "The events need root and tracefs. Without them, or with --probe, takt finds the tick of the CPU that it "
        "runs on from user space: for at most two seconds it reads the counter, in which interrupts leave gaps, and "
        "finds the period of these gaps.",
    .example = "takt tick --for 30s --html tick.html   # a page with tables and pictures",
    .flags = &flags,
    .run = &run,
});

} // namespace
} // namespace tool
