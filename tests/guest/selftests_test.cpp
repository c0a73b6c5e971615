// Protects: that `takt watch` reports what the kernel's own selftests do to the clocks, each change once and with its size, and
// nothing else; and that no timer of a scheduler is called back early, or not at all, meanwhile.
//
// On virtual time: what the selftests wait for takes no time. What boot.sh lays into the guest, and what is changed in it, stands
// in tests/foreign/linux/guest.sh.
#include "guest.hpp"
#include "recorder.hpp"
#include "tool.hpp"

#include <takt/scheduler/scheduler.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

/// An emulated machine beside others may be held up for long; a lost timer is for ever.
constexpr nanoseconds lost = 5s;
/// Before and after a test. A watch has checked within a second. It has seen a rate after two stretches of time, each long enough
/// to tell 2.5 ppm (watch_parameters::resolution_ppm): a set of readings takes 23 us here, so that is 18 s.
constexpr nanoseconds for_steps = 5s, for_rates = 60s;

/// A cycle of a scheduler, without a stop while it lives.
template <class Clock> class beats {
public:
  beats() {
    handle_ = scheduler_.every(100ms, takt::slack(10ms), [this](const typename scheduler::event& e) { beat(e); });
    thread_ = std::thread([this] { scheduler_.run(); });
  }
  ~beats() {
    scheduler_.stop();
    thread_.join();
    rested();
    CHECK(early_ == 0);
    CHECK(longest_ < lost);
  }
  beats(const beats&) = delete;
  beats& operator=(const beats&) = delete;

private:
  using scheduler = takt::basic_grid_scheduler<Clock>;
  void beat(const typename scheduler::event& e) {
    early_ += Clock::now() < e.earliest;
    rested();
  }
  void rested() {
    const nanoseconds now = guest::read(CLOCK_MONOTONIC);
    longest_ = std::max(longest_, now - last_);
    last_ = now;
  }

  nanoseconds last_ = guest::read(CLOCK_MONOTONIC), longest_{};
  int early_ = 0;
  scheduler scheduler_;
  typename scheduler::handle handle_;
  std::thread thread_;
};

/// A line that `takt watch --json` printed.
struct reported {
  std::string line, kind, from, to, log;
  takt::watch_event event;
  explicit reported(std::string text)
      : line(std::move(text)), kind(word("event")), from(word("from")), to(word("to")), log(word("log")) {
    event.size = nanoseconds(std::atoll(value("size_ns")));
    event.uncertainty = nanoseconds(std::atoll(value("uncertainty_ns")));
    event.rate_ppm = std::atof(value("rate_ppm"));
    event.rate_uncertainty_ppm = std::atof(value("rate_uncertainty_ppm"));
    event.lasts = std::string_view(value("lasts")).substr(0, 4) == "true";
  }

private:
  [[nodiscard]] const char* value(const std::string& key) const {
    const std::size_t at = line.find("\"" + key + "\":");
    return at == std::string::npos ? "" : line.c_str() + at + key.size() + 3;
  }
  [[nodiscard]] std::string word(const std::string& key) const {
    const std::string_view text = value(key);
    return text.empty() || text[0] != '"' ? std::string() : std::string(text.substr(1, text.find('"', 1) - 1));
  }
};

/// How far CLOCK_REALTIME is ahead of CLOCK_MONOTONIC, by the narrowest of some readings, and half of its width.
struct lead {
  nanoseconds ahead, within = 1s;
  lead() {
    for (int i = 0; i < 20; ++i) {
      const nanoseconds a = guest::read(CLOCK_MONOTONIC), b = guest::read(CLOCK_REALTIME), c = guest::read(CLOCK_MONOTONIC);
      if (c - a < 2 * within) within = (c - a + 1ns) / 2, ahead = b - a - within;
    }
  }
};

/// Runs one of the selftests, with a watch and schedulers beside it, and checks that it passes.
/// Returns: what the watch reported, without what the tests say of synchronisation.
std::vector<reported> watched(const std::string& command, const std::string& period, nanoseconds rest) {
  guest::insist();
  REQUIRE(::chdir("/selftests") == 0);
  const pid_t watch = guest::start("takt watch --json --period " + period, "/tmp/watched", "/tmp/complained");
  std::this_thread::sleep_for(rest);
  const lead before;
  {
    const beats<std::chrono::steady_clock> steady;
    const beats<takt::posix_clock<CLOCK_REALTIME>> real;
    const beats<takt::posix_clock<CLOCK_TAI>> tai;
    const int status = guest::result(guest::start("/selftests/" + command, "/tmp/printed", "/tmp/complaints"));
    std::this_thread::sleep_for(rest);
    INFO(guest::text_of("/tmp/printed"));
    CHECK(status == 0);
  }
  const lead after;
  ::kill(watch, SIGINT);
  CHECK(guest::result(watch) == 0);

  std::vector<reported> all;
  takt::watch_event sum;
  const std::string lines = guest::text_of("/tmp/watched");
  MESSAGE(command, ":\n", lines);
  bool ended = false;
  for (std::size_t at = 0, end = 0; (end = lines.find('\n', at)) != std::string::npos; at = end + 1) {
    reported r(lines.substr(at, end - at));
    ended = r.kind == "summary";
    if (ended || r.kind.find("synchron") != std::string::npos) continue;
    if (r.kind == "step" || r.kind == "leap second") sum.size += r.event.size, sum.uncertainty += r.event.uncertainty;
    all.push_back(std::move(r));
  }
  CHECK(ended);
  guest::check_size(sum, after.ahead - before.ahead, after.within + before.within);
  return all;
}

std::vector<reported> of_kind(const std::vector<reported>& all, std::string_view part) {
  std::vector<reported> some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some),
               [&](const reported& r) { return r.kind.find(part) != std::string::npos; });
  return some;
}

/// The last slew that was reported is to the frequency that is in force.
void check_last_slew(const std::vector<reported>& all) {
  const auto lasting = std::find_if(all.rbegin(), all.rend(), [](const reported& r) { return r.event.lasts; });
  REQUIRE(lasting != all.rend());
  timex t{};
  REQUIRE(::adjtimex(&t) != -1); // which changes nothing
  CAPTURE(lasting->line);
  guest::check_rate(lasting->event, static_cast<double>(t.freq) / 65536 + static_cast<double>(t.tick - 10'000) * 100);
}

} // namespace

TEST_CASE("selftests: leap-a-day inserts a second and deletes one") {
  const auto all = watched("leap-a-day -i 2", "100ms", for_steps);
  CHECK(of_kind(all, "step").size() == 2);
  const auto leaps = of_kind(all, "leap");
  CHECK(all.size() == 6);
  REQUIRE(leaps.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(leaps[i].line);
    CHECK(leaps[i].kind == (i % 2 == 0 ? "leap second announced" : "leap second"));
    guest::check_size(leaps[i].event, i < 2 ? -1s : 1s);
    CHECK(leaps[i].event.uncertainty < 50us);
  }
}

TEST_CASE("selftests: set-tai counts to 60") {
  timex t{};
  t.modes = ADJ_TAI; // to 0
  guest::adjust(t);
  const auto all = watched("set-tai", "100ms", for_steps);
  CHECK(all.size() == 60);
  for (const reported& r : all) {
    CAPTURE(r.line);
    CHECK(r.kind == "TAI set");
    CHECK(r.event.size == 1s);
  }
}

TEST_CASE("selftests: clocksource-switch takes each clock source in turn, and then all of them as fast as it can") {
  const std::string original = takt::clocksource::current();
  const std::vector<std::string> sources = takt::clocksource::available();
  REQUIRE(sources.size() >= 3);
  const auto all = watched("clocksource-switch -t 1", "100ms", for_steps);
  const auto switches = of_kind(all, "clock source switched");
  REQUIRE(switches.size() >= sources.size());
  std::string current = original;
  std::size_t turn = sources[0] == original ? 1 : 0;
  for (const reported& r : switches) {
    CAPTURE(r.line);
    CHECK(r.from == current);
    CHECK(r.to != r.from);
    if (!r.log.empty()) CHECK(r.log == "clocksource: Switched to clocksource " + r.to);
    if (turn < sources.size()) CHECK(r.to == sources[turn++]);
    current = r.to;
  }
  CHECK(current == original);
  CHECK(takt::clocksource::current() == original);
  // A switch has these effects: the kernel loses microseconds, and runs on by another counter's rate.
  CHECK(switches.size() + of_kind(all, "counter shift").size() + of_kind(all, "counter rate").size() == all.size());
}

TEST_CASE("selftests: change_skew sets four frequencies") {
  const auto all = watched("change_skew", "1s", for_rates);
  constexpr double ppm[] = {250, 500, -250, -500, 0};
  REQUIRE(all.size() == std::size(ppm));
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(all[i].line);
    CHECK(all[i].kind == "slew");
    CHECK(all[i].event.lasts);
    guest::check_rate(all[i].event, ppm[i]);
    CHECK(all[i].event.rate_uncertainty_ppm < 10);
  }
}

// Each frequency is in force for half a second, which is too short here to tell one from another; then the last one stays.
TEST_CASE("selftests: skew_consistency sets the frequency from one limit to the other") {
  const auto all = watched("skew_consistency", "1s", for_rates);
  CHECK(of_kind(all, "slew").size() == all.size());
  check_last_slew(all);
  guest::steer(0);
}

TEST_CASE("selftests_long: leapcrash inserts a second twenty times, as if it had to do so a thousand times") {
  const auto all = watched("leapcrash", "100ms", for_steps);
  CHECK(of_kind(all, "step").size() == 20);
  const auto leaps = of_kind(all, "leap second");
  for (const reported& r : leaps) guest::check_size(r.event, -1s);
  CHECK(of_kind(all, "leap second announced").size() == 20);
  CHECK(leaps.size() == 40);
  CHECK(all.size() == 60);
}

// Each step of the frequency is in force for a second, the frequency that it is a step from for ten: too short here, as above.
TEST_CASE("selftests_long: freq-step sets the frequency for a second, by up to 41 ms a second") {
  const auto all = watched("freq-step", "1s", for_rates);
  CHECK(of_kind(all, "slew").size() == all.size());
  check_last_slew(all);
}
