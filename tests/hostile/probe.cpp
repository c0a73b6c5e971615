// takt_probe - walks through the public interface, step by step, on a machine that refuses things.
//   takt_probe                 one line a step: its name, and "value V" or "error WHY". Run where a system call is denied.
//   takt_probe --memory [N]    runs each step once for each of its allocations that fails (or each N-th of them): that one
//                              alone, and all from that one on. A step then has its usual value or reports an error, and
//                              once there is memory again it has its usual value.
// A step checks what must hold and calls broken() where it does not. A value of "*" differs from run to run.
#include <takt/clock/bounded_clock.hpp>
#include <takt/clock/counter_offset.hpp>
#include <takt/clock/counting_stopwatch.hpp>
#include <takt/clock/perf_clock.hpp>
#include <takt/clock/rate_sources.hpp>
#include <takt/kernel/interrupts.hpp>
#include <takt/kernel/perf_group.hpp>
#include <takt/kernel/vdso_data.hpp>
#include <takt/observe/clock_watch.hpp>
#include <takt/observe/stamp_map.hpp>
#include <takt/takt.hpp>
#include <takt/testing/manual_clock.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

// The C library's own allocator, under the names that it keeps for itself.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
}

namespace {

// Failing allocations

std::atomic<long> allocations{0}, fail_from{0}, fail_until{0}; // the first is number 1

bool fails() {
  const long n = allocations.fetch_add(1, std::memory_order_relaxed) + 1;
  return n >= fail_from.load(std::memory_order_relaxed) && n < fail_until.load(std::memory_order_relaxed);
}

} // namespace

extern "C" {
void* malloc(std::size_t size) { return fails() ? (errno = ENOMEM, nullptr) : __libc_malloc(size); }
void* calloc(std::size_t n, std::size_t size) { return fails() ? (errno = ENOMEM, nullptr) : __libc_calloc(n, size); }
void* realloc(void* p, std::size_t size) { return fails() ? (errno = ENOMEM, nullptr) : __libc_realloc(p, size); }
}

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

/// Waits for a millisecond, whatever call is denied.
void pause_a_moment() {
  const auto until = steady_clock::now() + 1ms;
  static_cast<void>(::poll(nullptr, 0, 1));
  while (steady_clock::now() < until) {
  }
}

[[noreturn]] void broken(const char* what) {
  char line[200];
  const int n = std::snprintf(line, sizeof(line), "BROKEN: %s\n", what);
  if (n > 0) static_cast<void>(!::write(STDOUT_FILENO, line, static_cast<std::size_t>(n)));
  ::_exit(3);
}
void must(bool truth, const char* what) {
  if (!truth) broken(what);
}

std::string number(auto n) { return std::to_string(n); }
std::string maybe(std::optional<bool> b) { return !b ? "unknown" : *b ? "yes" : "no"; }
const std::string varies = "*";

// Steps

using step_function = std::string (*)(std::error_code&);

template <clockid_t Id> std::string reads(std::error_code& ec) {
  const auto first = takt::read_clock(Id, ec);
  if (ec) return {};
  const auto second = takt::read_clock<takt::access::syscall>(Id, ec);
  must(ec || second >= first || Id == CLOCK_REALTIME, "a clock went back from the vDSO to the system call");
  return varies;
}
std::string resolution(std::error_code& ec) { return number(takt::clock_resolution(CLOCK_MONOTONIC, ec).count()); }
std::string clocks_of_the_library(std::error_code&) {
  must(takt::posix_clock<CLOCK_MONOTONIC>::now().time_since_epoch() > 0ns, "posix_clock stands at zero");
  const auto a = takt::tsc_clock::now(), b = takt::tsc_clock::now();
  must(a.time_since_epoch() > 0ns && b >= a, "tsc_clock stands at zero or goes back");
  return varies;
}
std::string source(std::error_code& ec) { return takt::clocksource::current(ec); }
std::string sources(std::error_code& ec) {
  std::string all;
  for (const auto& s : takt::clocksource::available(ec)) all += s + ",";
  return all;
}
std::string devices(std::error_code& ec) {
  std::string all;
  for (const auto& d : takt::clock_event::devices(ec)) all += d.name + ",";
  return all;
}
std::string counted(const takt::timer_interrupts& seen) {
  if (!seen.cpus.empty()) return number(seen.cpus.size()) + " CPUs";
  must(!seen.unknown.empty(), "no interrupts and no reason");
  return "unknown";
}
std::string interrupts(std::error_code& ec) {
  const auto seen = takt::timer_interrupts::read(ec);
  must(!ec || seen.cpus.empty(), "interrupts beside an error");
  return ec ? "" : counted(seen);
}
std::string cpuinfo(std::error_code& ec) { return number(takt::cpuinfo::read(ec).flags.size()); }
std::string cpus(std::error_code& ec) { return number(takt::online_cpus(ec).size()); }
std::string khz(std::error_code& ec) { return number(takt::detail::tsc_freq_khz(ec).hertz()); }
std::string kernel_log(std::error_code& ec) {
  const auto log = takt::kernel_log::read(ec);
  return ec ? "" : log.tsc_frequency() ? number(log.tsc_frequency()->hertz()) : "unknown";
}
std::string hz(std::error_code& ec) { return number(takt::kernel_hz(ec).hertz()); }
std::string config(std::error_code& ec) {
  const auto c = takt::kernel_config::read(ec);
  return ec || !c.hz ? "unknown" : number(c.hz->hertz());
}
std::string nohz(std::error_code& ec) { return number(takt::nohz_full_cpus(ec).size()); }
std::string leap(std::error_code& ec) { return std::string(to_string(takt::leap_facts::read(ec).phase)); }
std::string steered(std::error_code& ec) {
  const auto r = takt::steered_rate::read(ec);
  must(r.known() != bool(ec), "a steered rate that is known and unknown");
  return varies;
}
std::string vdso_symbols(std::error_code& ec) { return number(takt::vdso::current(ec).symbols().size()); }
std::string vdso_answers(std::error_code& ec) { return takt::vdso::answers(CLOCK_MONOTONIC, ec) ? "yes" : "no"; }
std::string data_page(std::error_code&) {
  const auto page = takt::vdso::data_page::find();
  must(page.known() == (*page.why_unknown() == '\0'), "a data page that is known beside a reason, or unknown without one");
  if (!page.known()) return "unknown";
  const auto before = page.sequence();
  const auto held = page.read();
  must(!held || takt::vdso::data_page::updates_between(before, held->sequence) < 1'000'000, "a data page that went back");
  return varies;
}
std::string perf_clocks(std::error_code& ec) {
  for (const auto& e : takt::perf_event::clocks())
    if (e.missing) {
      must(!takt::perf_event::explain(e.missing, e, {}).empty(), "an event that is missing without words");
      if (e.missing == std::errc::not_enough_memory) ec = e.missing;
    }
  return varies;
}
std::string perf_time(std::error_code& ec) {
  const auto perf = takt::perf_clock::read(ec);
  must(perf.known() == !ec, "perf's clock that is known beside an error, or unknown without one");
  must(!ec || !takt::perf_clock::explain(ec).empty(), "perf's clock that is unknown without words");
  return varies;
}
std::string stamps(std::error_code& ec) {
  takt::stamp_map map;
  map.sample(ec);
  must((map.size() == 1) == !ec, "a sample beside an error, or none without one");
  for (int c = 0; c < 6 && !ec; ++c) {
    const auto which = static_cast<takt::stamp_map::clock>(c);
    std::error_code why;
    static_cast<void>(map.from_ticks(takt::tick_point(1), which, why));
    must(why == map.why(which), "a conversion with another reason than its clock's");
  }
  return varies;
}
std::string perf_find(std::error_code& ec) {
  const auto tsc = takt::perf_event::find("msr/tsc/", ec);
  must(ec || tsc.of == takt::perf_event::kind::device, "a register that is no event of a device");
  return varies;
}
std::string perf_group(std::error_code& ec) {
  const auto event = takt::perf_event::find("task-clock", ec);
  if (ec) return {};
  auto group = takt::perf_event::group::open({event}, {}, ec);
  must((group.size() == 1) != bool(ec), "a group beside an error, or neither");
  if (ec) return must(!takt::perf_event::explain(ec, event, {}).empty(), "an error without words"), "";
  const auto first = group.read(ec);
  if (ec) return {};
  pause_a_moment();
  const auto second = group.read(ec);
  must(ec || second.count(0) >= first.count(0), "a clock of perf went back");
  if (ec) return {};
  group.map(ec);
  must(!group.count_in_user_space(0), "a software event that the processor counts");
  if (!ec) group.enable(false, ec);
  return varies;
}
std::string counting(std::error_code& ec) {
  takt::stopwatch::counting watch(ec); // works without counters too
  watch.start();
  const auto lap = watch.stop();
  must(ec || lap.cycles() || lap.instructions() || watch.overhead().count() > 0, "counters without a count");
  ec.clear(); // a guest has no cycles, whatever is denied
  return varies;
}
std::string own_slack(std::error_code& ec) { return number(takt::timer_slack(ec).count()); }
std::string set_slack(std::error_code& ec) {
  takt::set_timer_slack(60us, ec);
  if (ec) return {};
  const auto now = takt::timer_slack(ec);
  must(ec || now == 60us, "the slack is not what was set");
  std::error_code ignored;
  takt::set_timer_slack(50us, ignored);
  return varies;
}
std::string slack_of(std::error_code& ec) { return number(takt::timer_slack_of(::getpid(), ec).count()); }
std::string set_slack_of(std::error_code& ec) {
  takt::set_timer_slack_of(::getpid(), 50us, ec);
  return varies;
}
std::string scoped_slack(std::error_code& ec) {
  takt::scoped_timer_slack tight(1ns, ec);
  must(tight.active() != bool(ec), "a slack that is active beside an error");
  return varies;
}
std::string real_time(std::error_code& ec) {
  takt::scoped_realtime now(takt::realtime_policy::fifo, 1, ec);
  must(now.active() != bool(ec), "a policy that is active beside an error");
  return varies;
}
std::string boot_id(std::error_code& ec) { return takt::read_boot_id(ec); }
std::string phase(std::error_code& ec) { return number(takt::phase_from_boot_id(1s, ec).count()); }
std::string dmi(std::error_code& ec) { return number(takt::detail::read_dmi_processors(ec).size()); }
std::string features(std::error_code&) {
  const auto f = takt::verdict::facts::gather();
  return "exists " + maybe(f.exists) + ", invariant " + maybe(f.invariant);
}
std::string features_by_linux(std::error_code&) {
  const auto f = takt::verdict::facts::gather();
  if (!f.constant_tsc || !f.nonstop_tsc) return "unknown";
  return maybe(f.constant_tsc) + maybe(f.nonstop_tsc);
}
std::string allowed(std::error_code&) { return maybe(takt::verdict::facts::gather().allowed); }
std::string facts_current(std::error_code&) {
  const auto s = takt::verdict::facts::gather().current_source;
  return s.empty() ? "unknown" : s;
}
std::string facts_available(std::error_code&) {
  const auto s = takt::verdict::facts::gather().available_sources;
  return s ? number(s->size()) : "unknown";
}
std::string facts_vdso(std::error_code&) { return maybe(takt::verdict::facts::gather().vdso_answers); }
std::string facts_unstable(std::error_code&) { return maybe(takt::verdict::facts::gather().marked_unstable); }
std::string judged(std::error_code&) {
  const auto v = takt::judge(takt::verdict::facts::gather());
  must(!v.findings.empty(), "a verdict without a finding");
  for (const auto f : v.findings) must(!takt::explain(f).empty(), "a finding without words");
  return varies;
}
std::string rate_sources(std::error_code&) {
  for (const auto& s : takt::rate_sources(takt::rate_source::facts::gather()))
    must(s.raw.known() || !s.unavailable.empty(), "a source that is unavailable without a reason");
  return varies;
}
std::string calibration(std::error_code& ec) {
  const auto c = takt::calibrate(1ms, ec);
  must(c.rate().known() != bool(ec), "a calibration beside an error, or neither");
  must(ec || (c.rate().hertz() > 1e6 && c.rate().hertz() < 1e11), "an impossible rate");
  return ec ? "" : (static_cast<void>(to_string(c)), varies);
}
std::string tsc_clock(std::error_code& ec) {
  const auto before = takt::tsc_clock::now();
  const auto c = takt::tsc_clock::calibrate(1ms, ec);
  if (!ec) must(c.rate().known(), "tsc_clock: no rate and no error");
  const auto after = takt::tsc_clock::now();
  must(after >= before && after - before < 20s, "tsc_clock went back or far ahead");
  const auto kernel = steady_clock::now().time_since_epoch();
  must(kernel - after.time_since_epoch() < 20s && after.time_since_epoch() - kernel < 1s, "tsc_clock is not CLOCK_MONOTONIC");
  if (ec) return {};
  const auto report = takt::tsc_clock::discipline(ec);
  static_cast<void>(to_string(report));
  return varies;
}
std::string shared(std::error_code& ec) {
  takt::shared_calibration place("/tmp/takt.probe." + number(::getpid()));
  const auto c = takt::tsc_clock::calibrate(place, 1ms, ec);
  ::unlink(("/tmp/takt.probe." + number(::getpid())).c_str());
  must(ec || c.rate().known(), "shared: no rate and no error");
  must(!place.why().empty() || place.attempts().empty(), "an attempt without a reason");
  return varies;
}
std::string stopwatch(std::error_code&) {
  takt::stopwatch w;
  static_cast<void>(w.stop().elapsed());
  return varies;
}
std::string offset(std::error_code& ec) {
  const auto o = takt::counter_offset::measure(0, 1, 50, ec);
  must(ec || o.rounds == 50, "fewer rounds than asked");
  return varies;
}
std::string offsets(std::error_code& ec) { return number(takt::time_offsets::read(ec).monotonic.count()); }
std::string origin(std::error_code& ec) {
  takt::load_grid_origin(ec);
  return ec ? "" : number(takt::grid_origin(ec).count());
}

/// A sleep of 2 ms or more: it lasts, or says that it did not.
template <class Sleep> std::string sleeps(std::error_code& ec, Sleep&& sleep) {
  const auto start = steady_clock::now();
  sleep();
  must(ec || steady_clock::now() - start >= 2ms, "a sleep that ended early without an error");
  return varies;
}
std::string sleep_until(std::error_code& ec) {
  return sleeps(ec, [&] { takt::sleep_until(steady_clock::now() + 2ms, ec); });
}
std::string sleep_aligned(std::error_code& ec) {
  return sleeps(ec, [&] { takt::sleep_aligned(2ms, takt::grid(1ms), ec); });
}
std::string sleep_within(std::error_code& ec) {
  return sleeps(ec, [&] { takt::sleep_within(2ms, takt::slack(1ms), ec); });
}
std::string sleep_with_token(std::error_code& ec) {
  std::stop_source stop;
  return sleeps(ec, [&] { static_cast<void>(takt::sleep_until(steady_clock::now() + 2ms, stop.get_token(), ec)); });
}
std::string sleep_boottime(std::error_code& ec) {
  std::stop_source stop;
  using boottime = takt::posix_clock<CLOCK_BOOTTIME>;
  return sleeps(ec, [&] { static_cast<void>(takt::sleep_until(boottime::now() + 2ms, stop.get_token(), ec)); });
}
std::string sleep_spinning(std::error_code& ec) {
  takt::spin_tail tail;
  return sleeps(ec, [&] { tail.sleep_until(steady_clock::now() + 2ms, ec); });
}
std::string nanosleep_aligned(std::error_code& ec) {
  const auto start = steady_clock::now();
  const int error = takt::nanosleep_aligned({0, 2'000'000}, takt::SLACK_VALUE_1MS);
  if (error != 0) ec.assign(errno, std::generic_category());
  must(error != 0 || steady_clock::now() - start >= 2ms, "nanosleep_aligned ended early without an error");
  return varies;
}
std::string periodic(std::error_code& ec) {
  takt::periodic beat(takt::grid(1ms));
  const auto first = beat.wait(ec);
  if (ec) return {};
  must(first.has_value(), "periodic: neither a tick nor an error");
  return varies;
}

std::string timer_fd(std::error_code& ec) {
  takt::timer_fd<> timer(CLOCK_MONOTONIC, ec);
  must(bool(timer) != bool(ec), "a timer beside an error");
  if (ec) return {};
  timer.arm(steady_clock::now().time_since_epoch() + 1ms, false, ec);
  if (ec) return {};
  const bool readable = timer.wait(5s, ec);
  if (ec) return {};
  must(readable, "a timer that does not expire");
  must((timer.take(ec) == takt::timer_fd<>::news::expired) != bool(ec), "a timer that has not expired, or an error beside it");
  return varies;
}
std::string alarm(std::error_code& ec) {
  takt::alarm_timer timer(takt::alarm_timer::clock::boottime, ec);
  if (ec) return {};
  timer.after(1ms, ec);
  if (!ec) timer.wait(ec);
  return varies;
}
std::string wall_timer(std::error_code& ec) {
  takt::wall_timer timer(ec);
  if (ec) return {};
  timer.every(takt::grid(1ms), ec);
  if (ec) return {};
  for (int i = 0; i < 100 && !ec; ++i) {
    pollfd p{timer.fd(), POLLIN, 0};
    if (::poll(&p, 1, 100) < 0) return ec.assign(errno, std::generic_category()), "";
    if (timer.fire(ec)) return varies;
  }
  must(bool(ec), "a wall timer that never fires");
  return {};
}
std::string clock_change(std::error_code& ec) {
  takt::clock_change_timer<> timer(ec);
  if (ec) return {};
  timer.arm(1ms, ec);
  if (ec) return {};
  must(timer.wait(5s, ec) || ec, "a clock_change_timer that does not wake");
  return varies;
}

std::string timers_by_hand(std::error_code& ec) {
  takt::testing::manual_clock clock;
  takt::basic_grid_scheduler<takt::testing::manual_clock> timers(clock);
  int calls = 0;
  const auto a = timers.after(1ms, takt::slack(1ms), [&calls] { ++calls; }, ec);
  if (ec) return must(!a && timers.pending() == 0, "a timer beside an error"), "";
  const auto b = timers.every(1ms, takt::slack(100us), [&calls] { ++calls; }, ec);
  if (ec) return must(!b && timers.pending() == 1, "a timer beside an error"), "";
  clock.advance(5ms);
  return number(calls) + " calls";
}
std::string timers(std::error_code& ec) {
  takt::grid_scheduler timers(ec);
  if (ec) return {};
  int calls = 0;
  const auto a = timers.after(1ms, takt::slack(100us), [&] { ++calls, timers.stop(); }, ec);
  if (ec) return must(!a && timers.pending() == 0, "a timer beside an error"), "";
  timers.run(ec);
  must(ec || calls == 1, "run() ended without a callback and without an error");
  return ec ? "" : number(calls);
}
std::string timers_by_descriptor(std::error_code& ec) {
  takt::grid_scheduler timers(ec);
  if (ec) return {};
  int calls = 0;
  const auto a = timers.after(1ms, takt::slack(100us), [&] { ++calls; }, ec);
  if (ec) return {};
  const int fd = timers.fd(ec);
  must((fd >= 0) != bool(ec), "a descriptor beside an error");
  if (ec) return {};
  for (int i = 0; i < 100 && calls == 0; ++i) {
    pollfd p{fd, POLLIN, 0};
    if (::poll(&p, 1, 100) < 0) return ec.assign(errno, std::generic_category()), "";
    timers.fire();
  }
  must(calls == 1, "a descriptor that is never readable");
  return number(calls);
}
std::string timers_in_a_thread(std::error_code& ec) {
  takt::grid_scheduler timers(ec);
  if (ec) return {};
  std::atomic<int> calls = 0;
  std::error_code of_run;
  std::atomic<bool> ended = false;
  {
    std::jthread runs([&](const std::stop_token& token) {
      try {
        timers.run(token, of_run);
      } catch (const std::bad_alloc&) {
        of_run = std::make_error_code(std::errc::not_enough_memory);
      }
      ended = true;
    });
    const auto a = timers.every(1ms, takt::slack(100us), [&] { ++calls; }, ec);
    for (int i = 0; i < 5000 && !ec && calls < 3 && !ended; ++i) pause_a_moment();
  }
  if (!ec) ec = of_run;
  must(ec || calls >= 3, "a thread that calls nothing back");
  return varies;
}
std::string throws_in_callback(std::error_code& ec) {
  takt::grid_scheduler timers(ec);
  if (ec) return {};
  const auto a = timers.after(0ms, takt::slack(0ms), [] { throw 1; }, ec);
  if (ec) return {};
  try {
    timers.run(ec);
  } catch (int) {
    return "thrown";
  }
  must(bool(ec), "an exception that was lost");
  return {};
}
std::string node(std::error_code& ec) {
  takt::grid_scheduler timers(ec);
  if (ec) return {};
  int calls = 0;
  takt::grid_timer timer(timers, [&calls] { ++calls; });
  timer.arm(0ms, takt::slack(0ms), ec);
  if (!ec) timers.fire();
  must(ec || calls == 1, "a node that is not called");
  return ec ? "" : number(calls);
}
std::string keeper(std::error_code& ec) {
  takt::clock_keeper keeper(2ms, ec);
  if (ec) return {};
  for (int i = 0; i < 2000 && keeper.report().checks < 2 && !keeper.report().ended; ++i) pause_a_moment();
  const auto r = keeper.report();
  keeper.wake();
  must(r.checks >= 2 || r.ended, "a keeper that neither checks nor says why");
  static_cast<void>(to_string(r));
  ec = r.ended ? r.ended : r.last_error;
  return varies;
}
std::string watch(std::error_code& ec) {
  takt::clock_watch watch(2ms, ec);
  if (ec) return {};
  pollfd p{watch.fd(), POLLIN, 0};
  if (::poll(&p, 1, 1000) < 0) return ec.assign(errno, std::generic_category()), "";
  for (const auto& e : watch.take(ec)) static_cast<void>(to_string(e));
  if (!ec) static_cast<void>(watch.check(ec));
  return varies;
}
std::string bounded(std::error_code&) {
  const takt::bounded_time t = takt::bounded_clock::refresh();
  must(t.known() || t.earliest == takt::bounded_time::time_point::min(), "an interval without a bound that ends");
  must(!explain(t).empty(), "an interval without words");
  return varies;
}
std::string guard(std::error_code&) {
  takt::run_guard guard;
  const auto r = guard.finish();
  must(!to_string(r).empty(), "a report without words");
  return r.source_known() ? r.source_before : "unknown";
}

// The forms that throw

std::string source_throwing(std::error_code&) { return takt::clocksource::current(); }
std::string interrupts_throwing(std::error_code&) { return counted(takt::timer_interrupts::read()); }
std::string tsc_clock_throwing(std::error_code&) { return takt::tsc_clock::calibrate(1ms), varies; }
std::string slack_of_throwing(std::error_code&) { return number(takt::timer_slack_of(::getpid()).count()); }
std::string sleep_throwing(std::error_code& ec) {
  return sleeps(ec, [] { takt::sleep_aligned(2ms, takt::grid(1ms)); });
}
std::string timers_throwing(std::error_code&) {
  takt::grid_scheduler timers;
  int calls = 0;
  const auto a = timers.after(1ms, takt::slack(100us), [&] { ++calls, timers.stop(); });
  timers.run();
  must(calls == 1, "run() ended without a callback and without an exception");
  return number(calls);
}
std::string alarm_throwing(std::error_code&) { return takt::alarm_timer(takt::alarm_timer::clock::boottime).fd() >= 0 ? "made" : ""; }
std::string watch_throwing(std::error_code&) { return takt::clock_watch(2ms).fd() >= 0 ? "made" : ""; }
std::string perf_group_throwing(std::error_code& ec) {
  const std::vector<takt::perf_event> events{takt::perf_event::find("task-clock", ec)};
  return takt::perf_event::group::open(events).size() == 1 ? varies : "";
}
std::string vdso_throwing(std::error_code&) { return takt::vdso::answers(CLOCK_BOOTTIME) ? "yes" : "no"; }

struct step {
  const char* name;
  step_function run;
};
constexpr step steps[] = {
    {"read_clock MONOTONIC", reads<CLOCK_MONOTONIC>},
    {"read_clock REALTIME", reads<CLOCK_REALTIME>},
    {"read_clock BOOTTIME", reads<CLOCK_BOOTTIME>},
    {"read_clock THREAD_CPUTIME", reads<CLOCK_THREAD_CPUTIME_ID>},
    {"clock_resolution", resolution},
    {"now", clocks_of_the_library},
    {"clocksource::current", source},
    {"clocksource::available", sources},
    {"clock_event::devices", devices},
    {"timer_interrupts::read", interrupts},
    {"cpuinfo::read", cpuinfo},
    {"online_cpus", cpus},
    {"tsc_freq_khz", khz},
    {"kernel_log::read", kernel_log},
    {"kernel_hz", hz},
    {"kernel_config::read", config},
    {"nohz_full_cpus", nohz},
    {"leap_facts::read", leap},
    {"steered_rate::read", steered},
    {"vdso::current", vdso_symbols},
    {"vdso::answers", vdso_answers},
    {"vdso::data_page::find", data_page},
    {"perf_event::clocks", perf_clocks},
    {"perf_event::find", perf_find},
    {"perf_clock::read", perf_time},
    {"stamp_map::sample", stamps},
    {"perf_event::group", perf_group},
    {"stopwatch::counting", counting},
    {"timer_slack", own_slack},
    {"set_timer_slack", set_slack},
    {"timer_slack_of", slack_of},
    {"set_timer_slack_of", set_slack_of},
    {"scoped_timer_slack", scoped_slack},
    {"scoped_realtime", real_time},
    {"read_boot_id", boot_id},
    {"phase_from_boot_id", phase},
    {"read_dmi_processors", dmi},
    {"verdict::facts by the processor", features},
    {"verdict::facts by Linux", features_by_linux},
    {"verdict::facts::allowed", allowed},
    {"verdict::facts::current_source", facts_current},
    {"verdict::facts::available_sources", facts_available},
    {"verdict::facts::vdso_answers", facts_vdso},
    {"verdict::facts::marked_unstable", facts_unstable},
    {"judge", judged},
    {"rate_sources", rate_sources},
    {"calibrate", calibration},
    {"tsc_clock::calibrate", tsc_clock},
    {"shared_calibration", shared},
    {"stopwatch", stopwatch},
    {"counter_offset::measure", offset},
    {"time_offsets::read", offsets},
    {"grid_origin", origin},
    {"sleep_until", sleep_until},
    {"sleep_aligned", sleep_aligned},
    {"sleep_within", sleep_within},
    {"sleep_until with a token", sleep_with_token},
    {"sleep_until on BOOTTIME with a token", sleep_boottime},
    {"spin_tail", sleep_spinning},
    {"nanosleep_aligned", nanosleep_aligned},
    {"periodic", periodic},
    {"timer_fd", timer_fd},
    {"alarm_timer", alarm},
    {"wall_timer", wall_timer},
    {"clock_change_timer", clock_change},
    {"grid_scheduler on a manual clock", timers_by_hand},
    {"grid_scheduler", timers},
    {"grid_scheduler::fd", timers_by_descriptor},
    {"grid_scheduler in a thread", timers_in_a_thread},
    {"grid_scheduler whose callback throws", throws_in_callback},
    {"grid_timer", node},
    {"clock_keeper", keeper},
    {"clock_watch", watch},
    {"bounded_clock", bounded},
    {"run_guard", guard},
    {"clocksource::current, throwing", source_throwing},
    {"timer_interrupts::read, throwing", interrupts_throwing},
    {"tsc_clock::calibrate, throwing", tsc_clock_throwing},
    {"timer_slack_of, throwing", slack_of_throwing},
    {"sleep_aligned, throwing", sleep_throwing},
    {"grid_scheduler, throwing", timers_throwing},
    {"alarm_timer, throwing", alarm_throwing},
    {"clock_watch, throwing", watch_throwing},
    {"perf_event::group, throwing", perf_group_throwing},
    {"vdso::answers, throwing", vdso_throwing},
};

// How a step ended. Fixed room: what is to be said of a step without memory is said without memory.
struct ending {
  bool error = false, about_memory = false;
  char text[300] = "";
};

/// Runs `s` while allocations [from, until) fail; afterwards none does.
ending outcome_of(const step& s, long from, long until) {
  ending e;
  const auto take = [&e](const char* text) { std::snprintf(e.text, sizeof(e.text), "%s", text); };
  const auto with_memory = [] { fail_from = 0, fail_until = 0; };
  allocations = 0, fail_from = from, fail_until = until;
  try {
    std::error_code ec;
    const std::string value = s.run(ec);
    with_memory();
    e.error = bool(ec);
    e.about_memory = ec == std::errc::not_enough_memory || ec == std::errc::resource_unavailable_try_again;
    take(ec ? ec.message().c_str() : value.c_str());
    if (ec && e.text[0] == '\0') broken("an error without words");
  } catch (const std::bad_alloc&) {
    with_memory();
    e.error = e.about_memory = true;
    take("std::bad_alloc");
  } catch (const std::system_error& x) {
    with_memory();
    e.error = true;
    e.about_memory = x.code() == std::errc::not_enough_memory || x.code() == std::errc::resource_unavailable_try_again;
    take(x.what());
    if (e.text[0] == '\0') broken("an exception without words");
  } catch (const std::exception& x) {
    with_memory();
    e.error = true;
    take(x.what());
  }
  return e;
}

bool same(const ending& a, const ending& b) {
  return a.error == b.error && (std::strcmp(a.text, b.text) == 0 || std::strcmp(a.text, "*") == 0);
}

/// The child's whole work: `s` without the allocations [from, until), and then with all of them. Returns: its exit status.
int without(const step& s, const ending& usual, long from, long until) {
  const auto say = [&](const char* what, const ending& e) {
    std::printf("%s without allocation %ld%s: %s: %s %s instead of %s\n", s.name, from, until > from + 1 ? " and later ones" : "",
                what, e.error ? "error" : "value", e.text, usual.text);
    std::fflush(stdout);
    return 1;
  };
  const ending e = outcome_of(s, from, until);
  // An optional fact may be unknown for lack of memory, and a call that the machine refuses anyway may fail for another reason.
  if (!e.error && !usual.error && !same(e, usual) && std::strcmp(e.text, "unknown") != 0) return say("a wrong answer", e);
  if (!e.error && usual.error) return say("a success", e);
  if (e.error && !e.about_memory && !same(e, usual)) return say("an error that is not about memory", e);
  const ending again = outcome_of(s, 0, 0);
  if (again.error != usual.error || !same(again, usual)) return say("afterwards, with memory", again);
  return 0;
}

/// Runs `body` in a child. Returns: its exit status; 128 + signal if one ended it.
template <class Body> int in_child(Body&& body) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30); // one that hangs
    ::_exit(body());
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return 255;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int attack_memory(long stride, const char* only) {
  struct shared_facts {
    long allocations;
    ending usual;
  };
  auto* const facts = static_cast<shared_facts*>(
      ::mmap(nullptr, sizeof(shared_facts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (facts == MAP_FAILED) return 1;
  int failures = 0;
  long runs = 0;
  for (const step& s : steps) {
    if (only != nullptr && std::strstr(s.name, only) == nullptr) continue;
    const int status = in_child([&] {
      facts->usual = outcome_of(s, 0, 0);
      facts->allocations = allocations;
      return 0;
    });
    if (status != 0) {
      std::printf("%s: status %d although there is memory\n", s.name, status);
      ++failures;
      continue;
    }
    const ending usual = facts->usual;
    const long n = facts->allocations;
    // Ends and the first few always; of long rows only some.
    for (long k = 1; k <= n; k += k < 20 || k + 3 >= n ? 1 : stride) {
      for (const long until : {k + 1, n + 1'000'000}) {
        const int how = in_child([&] { return without(s, usual, k, until); });
        ++runs;
        if (how == 0) continue;
        ++failures;
        if (how != 1)
          std::printf("%s without allocation %ld of %ld%s: status %d\n", s.name, k, n, until > k + 1 ? " and later ones" : "", how);
      }
    }
  }
  std::printf("%ld runs, %d wrong\n", runs, failures);
  return failures != 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--memory") == 0)
    return attack_memory(argc > 2 ? std::atol(argv[2]) : 1, argc > 3 ? argv[3] : nullptr);
  for (const step& s : steps) {
    if (argc > 1 && std::strstr(s.name, argv[1]) == nullptr) continue;
    const ending e = outcome_of(s, 0, 0);
    std::printf("%s\t%s\t%s\n", s.name, e.error ? "error" : "value", e.text);
    std::fflush(stdout);
  }
  return 0;
}
