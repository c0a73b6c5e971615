// Protects: that what `takt simulate` says is what processes, the kernel and the planner would do, step by step; and
// the wake-ups that takt promises to need at most.
#include "../examples/takt/model/simulation/cells.hpp"
#include "../examples/takt/model/simulation/fleet.hpp"
#include "../examples/takt/model/simulation/machine.hpp"
#include "../examples/takt/model/simulation/windows_file.hpp"
#include "support/numbers.hpp"
#include "support/thorough.hpp"
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <takt/testing/manual_clock.hpp>
#include <takt/scheduler/scheduler.hpp>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using tool::bit_of;
using tool::wake_policy;
using tool::window;

/// The windows that a timer asks for: not the next one before it was served.
struct armed {
  std::vector<window> windows;
  std::size_t at = 0;
  [[nodiscard]] bool over() const { return at == windows.size(); }
  [[nodiscard]] const window& now() const { return windows[at]; }
};

std::vector<armed> arm(const std::vector<tool::timer>& timers, nanoseconds start, nanoseconds length) {
  std::vector<armed> all;
  for (const tool::timer& t : timers) {
    armed a;
    for (nanoseconds due = start + t.first; due < start + length; due += t.period)
      a.windows.push_back({due, due + t.slack});
    all.push_back(a);
  }
  return all;
}

armed* first_to_close(std::vector<armed>& timers) {
  armed* first = nullptr;
  for (armed& t : timers)
    if (!t.over() && (first == nullptr || t.now().latest < first->now().latest)) first = &t;
  return first;
}

/// A process, one wake-up after the other, by the letter of the definition.
template <class Rule> std::vector<nanoseconds> step_by_step(std::vector<armed> timers, Rule rule) {
  std::vector<nanoseconds> woke;
  while (const armed* first = first_to_close(timers)) {
    woke.push_back(rule(first->now().earliest, first->now().latest));
    for (armed& t : timers)
      if (!t.over() && t.now().earliest <= woke.back()) ++t.at;
  }
  return woke;
}

/// A CPU, one interrupt after the other: timers expire in the order of their hard expiry until one is not open, and are
/// armed again thereafter.
std::vector<nanoseconds> interrupts(std::vector<armed> timers) {
  std::vector<nanoseconds> came;
  while (const armed* first = first_to_close(timers)) {
    came.push_back(first->now().latest);
    std::vector<armed*> queue;
    for (armed& t : timers)
      if (!t.over()) queue.push_back(&t);
    std::sort(queue.begin(), queue.end(),
              [](const armed* a, const armed* b) { return a->now().latest < b->now().latest; });
    for (armed* t : queue) {
      if (t->now().earliest > came.back()) break;
      ++t->at;
    }
  }
  return came;
}

std::size_t distinct(const std::vector<std::vector<nanoseconds>>& of_each) {
  std::set<nanoseconds> all;
  for (const auto& times : of_each) all.insert(times.begin(), times.end());
  return all.size();
}

struct drawn_machine {
  std::size_t each;
  std::vector<tool::timer> timers;
  std::vector<tool::request> requests;
  nanoseconds length = 2s;
  [[nodiscard]] std::size_t processes() const { return timers.size() / each; }
  [[nodiscard]] std::vector<armed> process(std::size_t i) const {
    const auto from = timers.begin() + static_cast<std::ptrdiff_t>(i * each);
    return arm({from, from + static_cast<std::ptrdiff_t>(each)}, tool::simulated_start, length);
  }
};

drawn_machine draw(int processes, int timers, std::uint64_t seed) {
  tool::workload w;
  w.processes = processes, w.threads = timers, w.seed = seed;
  w.min_slack = 0, w.max_slack = 0.6;
  w.longest = 500ms;
  drawn_machine m{static_cast<std::size_t>(timers), tool::draw_timers(w), {}};
  tool::fill_requests(m.requests, m.timers, m.each, tool::simulated_start, m.length);
  return m;
}

using wake_ups = std::map<std::pair<wake_policy, std::size_t>, std::vector<nanoseconds>>;
wake_ups all_wake_ups(const std::vector<tool::request>& requests) {
  wake_ups all;
  tool::simulator().compare(requests, tool::every_policy,
                            [&](wake_policy p, std::size_t process, std::span<const nanoseconds> points) {
                              auto& of = all[{p, process}];
                              of.insert(of.end(), points.begin(), points.end());
                            });
  return all;
}

std::optional<tool::bad_line> refused(std::string_view text) {
  std::vector<tool::request> out;
  const auto bad = tool::parse_windows(text, out);
  if (bad) CHECK(out.empty());
  return bad;
}

} // namespace

TEST_CASE("every process wakes when it would, step by step, and the machine at all of these times") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const drawn_machine m = draw(1 + static_cast<int>(seed % 9), 1 + static_cast<int>(seed % 7), seed);
    const wake_ups got = all_wake_ups(m.requests);
    const tool::comparison counted = tool::simulator().compare(m.requests);
    const auto check = [&](wake_policy p, auto rule_of) {
      std::vector<std::vector<nanoseconds>> wanted;
      std::size_t sum = 0;
      for (std::size_t i = 0; i < m.processes(); ++i) {
        wanted.push_back(step_by_step(m.process(i), rule_of(i)));
        REQUIRE(got.at({p, i}) == wanted.back());
        sum += wanted.back().size();
      }
      CHECK(of(counted, p).wake_ups == distinct(wanted));
      CHECK(of(counted, p).process_wake_ups == sum);
    };
    const auto same = [](auto rule) { return [rule](std::size_t) { return rule; }; };
    using rule = nanoseconds (*)(nanoseconds, nanoseconds);
    const rule decimal = [](nanoseconds e, nanoseconds l) { return *takt::roundest_point(e, l); };
    const rule binary = [](nanoseconds e, nanoseconds l) { return *takt::roundest_point(e, l, takt::ladder::binary); };
    check(wake_policy::decimal, same(decimal));
    check(wake_policy::binary, same(binary));
    check(wake_policy::both_ladders, [&](std::size_t i) { return i % 2 == 0 ? decimal : binary; });
    check(wake_policy::latest, same([](nanoseconds, nanoseconds l) { return l; }));
    check(wake_policy::systemd, same([](nanoseconds e, nanoseconds l) {
            for (const nanoseconds level : {60'000ms, 10'000ms, 1'000ms, 250ms})
              if (l / level * level >= e) return l / level * level;
            return l;
          }));
    const auto rung_of = [](nanoseconds e, nanoseconds l, bool fives) {
      for (nanoseconds ten = 100s;; ten /= 10) {
        if (fives && l / (ten * 5) * (ten * 5) >= e) return ten * 5;
        if (l / ten * ten >= e) return ten;
      }
    };
    check(wake_policy::tens,
          same([&](nanoseconds e, nanoseconds l) { return l / rung_of(e, l, false) * rung_of(e, l, false); }));
    check(wake_policy::last_of_rung,
          same([&](nanoseconds e, nanoseconds l) { return l / rung_of(e, l, true) * rung_of(e, l, true); }));
    check(wake_policy::first_of_rung, same([&](nanoseconds e, nanoseconds l) {
            const nanoseconds rung = rung_of(e, l, true);
            return (e + rung - 1ns) / rung * rung;
          }));

    std::vector<std::vector<nanoseconds>> dues(1);
    for (const auto& r : m.requests) dues[0].push_back(r.when.earliest);
    CHECK(of(counted, wake_policy::plain).wake_ups == distinct(dues));
  }
}

TEST_CASE("the kernel's interrupts are those of its queues, and on one CPU as few as any planner needs") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const drawn_machine m = draw(static_cast<int>(1 + seed % 12), static_cast<int>(1 + seed % 5), 100 + seed);
    const tool::comparison counted = tool::simulator().compare(m.requests);
    for (const tool::slack_on_cpus& on : tool::slack_policies) {
      const auto cpus = on.cpus;
      std::vector<std::vector<armed>> queues(cpus);
      for (std::size_t i = 0; i < m.processes(); ++i)
        for (armed& a : m.process(i)) queues[i % cpus].push_back(a);
      std::vector<std::vector<nanoseconds>> came;
      for (const auto& queue : queues) came.push_back(interrupts(queue));
      CHECK(of(counted, on.to_end).wake_ups == distinct(came));
    }
    CHECK(of(counted, wake_policy::kernel_1).wake_ups == of(counted, wake_policy::planner).wake_ups);
    std::vector<window> windows;
    for (const auto& r : m.requests) windows.push_back(r.when);
    CHECK(of(counted, wake_policy::planner).wake_ups == takt::fewest_wakeups(windows).size());
  }
}

namespace {

/// A CPU on which processes follow takt's rule, and sleep until the kernel finds a timer that may expire.
std::vector<nanoseconds> joined_interrupts(std::vector<std::vector<armed>> processes) {
  struct sleep {
    nanoseconds soft, hard;
  };
  const auto sleep_of = [](std::vector<armed>& process) -> std::optional<sleep> {
    const armed* first = first_to_close(process);
    if (first == nullptr) return std::nullopt;
    return sleep{first->now().earliest, *takt::roundest_point(first->now().earliest, first->now().latest)};
  };
  std::vector<nanoseconds> came;
  for (;;) {
    std::vector<std::pair<sleep, std::vector<armed>*>> queue;
    for (auto& process : processes)
      if (const auto s = sleep_of(process)) queue.emplace_back(*s, &process);
    if (queue.empty()) return came;
    std::sort(queue.begin(), queue.end(), [](const auto& a, const auto& b) {
      return a.first.hard != b.first.hard ? a.first.hard < b.first.hard : a.second < b.second;
    });
    came.push_back(queue.front().first.hard);
    for (const auto& [s, process] : queue) {
      if (s.soft > came.back()) break;
      for (armed& t : *process)
        if (!t.over() && t.now().earliest <= came.back()) ++t.at;
    }
  }
}

} // namespace

TEST_CASE("a process that takt and the kernel wake joins the interrupts that come anyway, on its CPU") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const drawn_machine m = draw(static_cast<int>(1 + seed % 12), static_cast<int>(1 + seed % 5), 200 + seed);
    const tool::comparison counted = tool::simulator().compare(m.requests);
    for (const tool::slack_on_cpus& on : tool::slack_policies) {
      const auto cpus = on.cpus;
      std::vector<std::vector<nanoseconds>> came;
      for (std::size_t cpu = 0; cpu < cpus; ++cpu) {
        std::vector<std::vector<armed>> mine;
        for (std::size_t i = cpu; i < m.processes(); i += cpus) mine.push_back(m.process(i));
        came.push_back(joined_interrupts(std::move(mine)));
      }
      CHECK(of(counted, on.to_roundest).wake_ups == distinct(came));
    }
  }
}

TEST_CASE("windows of any kind are all served, by no policy with fewer wake-ups than the planner") {
  takt_test::numbers random(5);
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    std::vector<tool::request> requests;
    const auto n = 1 + random.below(300), spread = std::uint64_t{1} << random.below(40),
               slack = std::uint64_t{1} << random.below(40);
    for (std::uint64_t i = 0; i < n; ++i) {
      const auto earliest = static_cast<std::int64_t>(random.below(spread)),
                 width = static_cast<std::int64_t>(random.below(slack));
      requests.push_back({{nanoseconds(earliest), nanoseconds(earliest + width)}, static_cast<std::uint32_t>(i / 40)});
    }
    const wake_ups got = all_wake_ups(requests);
    const tool::comparison counted = tool::simulator().compare(requests);
    for (const auto& p : tool::policies) {
      CAPTURE(p.key);
      CHECK(of(counted, p.is).wake_ups >= of(counted, wake_policy::planner).wake_ups);
      const std::string_view key = p.key;
      const bool machine = key == "planner" || key.starts_with("kernel_") || key.starts_with("joined_");
      for (const auto& r : requests) {
        const auto& points = got.at({p.is, machine ? 0 : r.process});
        REQUIRE(std::any_of(points.begin(), points.end(),
                            [&](nanoseconds t) { return t >= r.when.earliest && t <= r.when.latest; }));
      }
    }
  }
  CHECK(of(tool::simulator().compare({}), wake_policy::planner).wake_ups == 0);
}

TEST_CASE("different instants are counted, however round they are, however often and in what order they come") {
  takt_test::numbers random(6);
  tool::instants seen;
  CHECK(seen.count() == 0);
  for (const bool in_order : {true, false})
    for (const std::int64_t unit : {1LL, 1'000'000LL, 1LL << 20, 5'000'000'000LL}) {
      CAPTURE(in_order);
      CAPTURE(unit);
      seen.clear();
      CHECK(seen.count() == 0);
      std::set<nanoseconds> wanted;
      for (int i = 0; i < 50; ++i) {
        std::vector<nanoseconds> some;
        for (int k = 0; k < 500; ++k) some.emplace_back(static_cast<std::int64_t>(random.below(20'000)) * unit);
        if (in_order) std::sort(some.begin(), some.end());
        seen.insert(some);
        wanted.insert(some.begin(), some.end());
        if (i % 10 == 0) REQUIRE(seen.count() == wanted.size());
      }
      REQUIRE(seen.count() == wanted.size());
      REQUIRE(seen.count() == wanted.size());
    }
  // All in one part of the time, but for one.
  seen.clear();
  std::vector<nanoseconds> dense;
  for (int i = 0; i < 50'000; ++i) dense.emplace_back(i / 2);
  dense.emplace_back(4'000'000'000'000'000'000);
  seen.insert(dense);
  CHECK(seen.count() == 25'001);
}

// Each process has a scheduler of takt, on a clock that moves when the test advances it.
namespace {

using takt::testing::manual_clock;

template <class Rule> struct scheduled {
  using scheduler = takt::basic_grid_scheduler<manual_clock, Rule, takt::no_mutex>;

  scheduled(scheduler& timers, manual_clock& now, std::vector<nanoseconds>& into, armed windows)
      : clock(now), woke(into), asks(std::move(windows)), node(timers, [this] { called(); }) {
    arm();
  }
  void arm() {
    if (!asks.over()) node.arm(manual_clock::time_point(asks.now().earliest), takt::slack(asks.now().latest - asks.now().earliest));
  }
  void called() {
    const nanoseconds now = clock.now().time_since_epoch();
    CHECK(now >= asks.now().earliest);
    CHECK(now <= asks.now().latest);
    if (woke.empty() || woke.back() != now) woke.push_back(now);
    ++asks.at;
    arm();
  }

  manual_clock& clock;
  std::vector<nanoseconds>& woke;
  armed asks;
  typename scheduler::timer node;
};

template <class Rule> void check_scheduler(wake_policy p) {
  const drawn_machine m = draw(5, 6, 300);
  const wake_ups simulated = all_wake_ups(m.requests);
  for (std::size_t i = 0; i < m.processes(); ++i) {
    CAPTURE(i);
    manual_clock clock(manual_clock::time_point(tool::simulated_start - 1s));
    typename scheduled<Rule>::scheduler timers(clock);
    std::vector<nanoseconds> woke;
    std::vector<std::unique_ptr<scheduled<Rule>>> nodes;
    for (armed& a : m.process(i)) nodes.push_back(std::make_unique<scheduled<Rule>>(timers, clock, woke, a));
    clock.advance(1s + m.length + 1s);
    REQUIRE(woke == simulated.at({p, i}));
  }
}

} // namespace

TEST_CASE("grid_scheduler wakes when the simulation says, with every rule") {
  check_scheduler<takt::wake_at_roundest<>>(wake_policy::decimal);
  check_scheduler<takt::wake_at_roundest_binary>(wake_policy::binary);
  check_scheduler<takt::wake_at_latest>(wake_policy::latest);
  check_scheduler<tool::rules::systemd>(wake_policy::systemd);
  check_scheduler<tool::rules::last_of_ten>(wake_policy::tens);
}

// The promises about takt's ladders. Where nothing is optimised or every step is watched, the large machines are left
// out and the small ones drawn less often: then chance alone takes more.
TEST_CASE("wake-ups over all kinds of machines") {
  constexpr bool all = takt_test::stride == 1;
  constexpr double more = all ? 1 : 1.1;
  const auto cells = tool::all_cells(1, 0, all ? 600'000 : 40'000);
  std::vector<tool::summary> sums(cells.size());
  tool::simulator sim;
  std::vector<tool::request> requests;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    tool::workload w = cells[i].machine;
    if (!all && tool::expected_windows(w, tool::simulated_length) > 80'000) continue;
    for (std::size_t k = 0; k < cells[i].seeds; ++k, ++w.seed) {
      tool::fill_requests(requests, tool::draw_timers(w), static_cast<std::size_t>(w.threads), tool::simulated_start,
                          tool::simulated_length);
      sums[i].add(sim.compare(requests, bit_of(wake_policy::latest) | bit_of(wake_policy::decimal) |
                                            bit_of(wake_policy::binary) | bit_of(wake_policy::planner)),
                  60);
    }
  }
  const tool::verdict decimal = judge(sums, wake_policy::decimal), binary = judge(sums, wake_policy::binary);
  MESSAGE("decimal: mean " << decimal.mean << ", worst " << decimal.worst << ", of each process's own "
                           << decimal.worst_own << "; binary: " << binary.mean << ", " << binary.worst << ", "
                           << binary.worst_own << "; " << decimal.cells << " kinds of machines");
  CHECK(decimal.best >= 1);
  CHECK(decimal.mean <= 1.45 * more);
  CHECK(decimal.worst <= 2.05 * more);
  CHECK(decimal.worst_own <= 1.35 * more);
  CHECK(binary.best >= 1);
  CHECK(binary.worst <= 1.65 * more);
  CHECK(binary.worst_own <= 1.30 * more);
  if (!all) return;
  CHECK(decimal.cells == 72);
  CHECK(decimal.worst <= 1.64);    // what the half-way rule gives; the edges of a rung give 2.04
  CHECK(decimal.worst_own >= 1.2); // else the machines are not what they were
  CHECK(judge(sums, wake_policy::latest).worst > 30);
}

TEST_CASE("slack up to the roundest point costs hardly more than the grid alone on any number of CPUs") {
  std::vector<tool::summary> sums;
  tool::simulator sim;
  std::vector<tool::request> requests;
  tool::policy_set wanted = bit_of(wake_policy::decimal) | bit_of(wake_policy::planner);
  for (const tool::slack_on_cpus& on : tool::slack_policies) wanted |= bit_of(on.to_end) | bit_of(on.to_roundest);
  for (const tool::cell& kind : tool::all_cells(1, 1, 0)) {
    const tool::workload& w = kind.machine;
    if (tool::expected_windows(w, tool::simulated_length) > 80'000) continue;
    tool::fill_requests(requests, tool::draw_timers(w), static_cast<std::size_t>(w.threads), tool::simulated_start,
                        tool::simulated_length);
    sums.emplace_back().add(sim.compare(requests, wanted), 60);
    for (const tool::slack_on_cpus& on : tool::slack_policies) {
      CAPTURE(on.cpus);
      CAPTURE(w.processes);
      CAPTURE(w.threads);
      CHECK(sums.back().of(sums.back().to_planner, on.to_roundest) <=
            1.02 * sums.back().of(sums.back().to_planner, wake_policy::decimal));
    }
  }
  REQUIRE(sums.size() > 40);
  const auto mean = [&](wake_policy p) { return judge(sums, p).mean; };
  double to_end = 1, to_roundest = 1;
  for (const tool::slack_on_cpus& on : tool::slack_policies) { // more CPUs join less
    CAPTURE(on.cpus);
    CHECK(mean(on.to_end) >= to_end);
    CHECK(mean(on.to_roundest) >= to_roundest);
    CHECK((mean(on.to_end) > mean(on.to_roundest)) == (on.cpus >= 4));
    to_end = mean(on.to_end), to_roundest = mean(on.to_roundest);
    MESSAGE(on.cpus << " CPUs: " << to_end << " to the end, " << to_roundest << " to the roundest point");
  }
  CHECK(mean(wake_policy::kernel_1) == 1);
  CHECK(mean(wake_policy::joined_1) < 0.95 * mean(wake_policy::decimal));
}

TEST_CASE("seeds: so many as bring a kind of machine to enough windows, or what was asked for") {
  for (const auto& c : tool::all_cells(1, 0, 600'000)) {
    CHECK(c.seeds >= 1);
    CHECK(c.seeds <= 64);
  }
  std::set<std::uint64_t> seeds;
  for (const auto& c : tool::all_cells(1, 8, 0))
    for (std::size_t k = 0; k < c.seeds; ++k) seeds.insert(c.machine.seed + k);
  CHECK(seeds.size() == 72 * 8);

  tool::workload w;
  for (const bool uniform : {false, true}) {
    w.uniform_periods = uniform;
    w.processes = 2000, w.threads = 10; // short periods are rare and count most
    std::vector<tool::request> requests;
    tool::fill_requests(requests, tool::draw_timers(w), 10, 0s, 2s);
    const double wanted = tool::expected_windows(w, 2s), got = static_cast<double>(requests.size());
    CHECK(got > 0.9 * wanted);
    CHECK(got < 1.1 * wanted);
  }
}

TEST_CASE("a fleet asks as often with a phase as without, and not at the same moment") {
  tool::fleet f;
  f.machine.processes = 5, f.machine.threads = 2;
  f.machine.shortest = 1s, f.machine.longest = 20s;
  f.length = 30s;
  tool::fleet_simulator sim(f), again(f);
  for (int i = 0; i < 100; ++i) sim.add_machine(), again.add_machine();
  CHECK(sim.machines() == 100);
  CHECK(sim.planned() > 0);
  std::map<std::pair<wake_policy, bool>, const tool::fleet_load*> of;
  for (std::size_t i = 0; i < tool::fleet_way_count; ++i) {
    const auto& load = sim.loads()[i];
    of[{tool::fleet_ways[i].is, tool::fleet_ways[i].phase}] = &load;
    CHECK(load.moments == again.loads()[i].moments);
    CHECK(std::accumulate(load.moments.begin(), load.moments.end(), std::size_t{0}) == load.asked);
    CHECK(load.wake_ups <= load.asked);
    CHECK(load.moments.size() == 30'000);
    CHECK(load.peak() > 0);
  }
  for (const wake_policy p : {wake_policy::decimal, wake_policy::binary, wake_policy::systemd}) {
    const tool::fleet_load &together = *of.at({p, false}), &apart = *of.at({p, true});
    CHECK(together.peak() > 3 * apart.peak());
    CHECK(static_cast<double>(apart.wake_ups) <
          1.1 * static_cast<double>(together.wake_ups)); // a machine sleeps as well
    CHECK(static_cast<double>(apart.wake_ups) > 0.9 * static_cast<double>(together.wake_ups));
    CHECK(together.wake_ups < of.at({wake_policy::latest, false})->wake_ups);
  }
  CHECK(of.at({wake_policy::plain, false})->asked >= of.at({wake_policy::latest, false})->asked);

  f.length = 10'001us, f.together = 1ms, f.clock_error = 5ms; // the last moment is a short one
  tool::fleet_simulator brief(f);
  for (int i = 0; i < 20; ++i) brief.add_machine();
  CHECK(brief.loads()[0].moments.size() == 11);
}

TEST_CASE("windows in a file: three numbers a line, those of a process together") {
  std::vector<tool::request> out;
  CHECK(!tool::parse_windows("# mine\n\n7 5 9\r\n 3\t10 10 # exactly then\n7 0 4000000000000000000", out));
  REQUIRE(out.size() == 3);
  CHECK(out[0].process == 3);
  CHECK(out[1].process == 7);
  CHECK(out[1].when.latest.count() == 4'000'000'000'000'000'000);
  CHECK(out[2].when.earliest == 5ns);
  CHECK(out[2].when.latest == 9ns);
  CHECK(!tool::parse_windows("", out));
  CHECK(out.empty());
  CHECK(!tool::parse_windows("4294967295 1 2", out));
}

TEST_CASE("windows in a file: what is not of the form names its line") {
  const auto line = [](std::string_view text) { return refused(text).value_or(tool::bad_line{0, ""}).number; };
  CHECK(line("1 2 3\n1 2") == 2);
  CHECK(line("1\n") == 1);
  CHECK(line("\n\n1 2 3 4") == 3);
  CHECK(line("1 3 2") == 1);
  CHECK(line("1 -2 3") == 1);
  CHECK(line("1 2 3x") == 1);
  CHECK(line("1 2.5 3") == 1);
  CHECK(line("one 2 3") == 1);
  CHECK(line("4294967296 2 3") == 1);
  CHECK(line("1 2 4000000000000000001") == 1);
  CHECK(line("1 2 99999999999999999999999999999999999999") == 1);
  CHECK(line(std::string("1 2 3\n1 2\0003", 12)) == 2);
  CHECK(line(std::string(1 << 20, '9')) == 1);
  CHECK(line(std::string(1 << 20, ' ') + "x") == 1);
  CHECK(line("\xff\xfe") == 1);
  CHECK(!refused(std::string(1 << 20, '\n')));
}
