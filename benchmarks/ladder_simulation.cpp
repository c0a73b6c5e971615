/// ladder_simulation.cpp - how many wake-ups a machine needs if every process picks a point of its own windows, and how
/// many an all-knowing planner would need.
///
/// Processes know nothing of each other. Each has a few timers; a timer is due at d, d + period, d + 2 period ... and
/// may fire anywhere in [due, due + slack]. A process wakes at the point that a rule picks in the window that closes
/// first, and fires whatever is open then. Counted are the distinct instants of the whole machine in a minute, relative
/// to the fewest that serve all windows (the greedy stabbing of intervals). A cell is one distribution of periods, kind
/// of slack, number of processes and of timers in each; the table shows the mean over all cells and the worst one.
///
/// This is where the rule of ladder.hpp for several points of one rung comes from. Takes a minute.
#include <takt/core/grid.hpp>
#include <takt/core/ladder.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <random>
#include <utility>
#include <vector>

namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr nanoseconds start = 1'000'000s, end = start + 60s;

struct timer {
  nanoseconds due, period, slack;
  nanoseconds closes() const { return due + slack; }
};
using process = std::vector<timer>;

enum class periods { uniform, log_uniform };
enum class slack { tenth, third, mixed }; // 10 %, 30 %, log-uniform from 1 % to 50 %

std::vector<process> random_machine(std::mt19937_64& engine, std::size_t processes, std::size_t timers, periods p,
                                    slack s) {
  const auto uniform = [&] { return std::uniform_real_distribution<double>(0, 1)(engine); };
  std::vector<process> machine(processes, process(timers));
  for (process& each : machine)
    for (timer& t : each) {
      const double period = p == periods::uniform ? 10e6 + uniform() * 2990e6 : 10e6 * std::pow(300.0, uniform());
      const double share = s == slack::tenth ? 0.1 : s == slack::third ? 0.3 : 0.01 * std::pow(50.0, uniform());
      t.period = nanoseconds(static_cast<std::int64_t>(period));
      t.slack = nanoseconds(static_cast<std::int64_t>(period * share));
      t.due = start + nanoseconds(static_cast<std::int64_t>(period * uniform()));
    }
  return machine;
}

/// The fewest instants that meet every window: wake where the first window closes, forget what is open, go on.
std::size_t planned(const std::vector<process>& machine) {
  std::vector<std::pair<nanoseconds, nanoseconds>> windows; // closes, due
  for (const process& each : machine)
    for (timer t : each)
      for (; t.due < end; t.due += t.period) windows.emplace_back(t.closes(), t.due);
  std::sort(windows.begin(), windows.end());
  std::size_t count = 0;
  nanoseconds last = nanoseconds::min();
  for (const auto& [closes, due] : windows)
    if (due > last) last = closes, ++count;
  return count;
}

template <class Rule> std::size_t simulated(std::vector<process> machine, Rule rule) {
  std::vector<nanoseconds> wakes;
  for (process& timers : machine) {
    const auto goes_on = [](const timer& t) { return t.due < end; };
    const auto closes_first = [](const timer& a, const timer& b) { return a.closes() < b.closes(); };
    while (std::any_of(timers.begin(), timers.end(), goes_on)) {
      const auto first = std::min_element(timers.begin(), timers.end(), closes_first);
      wakes.push_back(rule(first->due, first->closes()));
      for (timer& t : timers)
        if (t.due <= wakes.back()) t.due += t.period;
    }
  }
  std::sort(wakes.begin(), wakes.end());
  wakes.erase(std::lower_bound(wakes.begin(), wakes.end(), end), wakes.end());
  return static_cast<std::size_t>(std::distance(wakes.begin(), std::unique(wakes.begin(), wakes.end())));
}

/// The coarsest rung of 1-10-100 or of 1-5-10 that has a point in the window.
takt::grid coarsest(nanoseconds earliest, nanoseconds latest, bool with_fives) {
  const std::int64_t point = takt::roundest_point(earliest, latest)->count();
  std::int64_t rung = 1;
  while (point % (rung * 10) == 0) rung *= 10;
  return takt::grid(nanoseconds(with_fives && point % (rung * 5) == 0 ? rung * 5 : rung));
}

nanoseconds plain(nanoseconds earliest, nanoseconds) { return earliest; }
nanoseconds first_of_rung(nanoseconds earliest, nanoseconds latest) {
  return coarsest(earliest, latest, true).ceil(earliest);
}
nanoseconds last_of_rung(nanoseconds earliest, nanoseconds latest) {
  return coarsest(earliest, latest, true).floor(latest);
}
nanoseconds last_of_ten(nanoseconds earliest, nanoseconds latest) {
  return coarsest(earliest, latest, false).floor(latest);
}
nanoseconds half_way(nanoseconds earliest, nanoseconds latest) { return *takt::roundest_point(earliest, latest); }
nanoseconds binary(nanoseconds earliest, nanoseconds latest) {
  return *takt::roundest_point(earliest, latest, takt::ladder::binary);
}

struct rule {
  const char* name;
  nanoseconds (*pick)(nanoseconds, nanoseconds);
  double sum = 0, worst = 0;
};

} // namespace

int main() {
  rule rules[] = {{"plain timers", plain},
                  {"powers of ten, the latest point", last_of_ten},
                  {"1-5-10, the earliest point of the rung", first_of_rung},
                  {"1-5-10, the latest point of the rung", last_of_rung},
                  {"1-5-10, the half-way rule: takt", half_way},
                  {"binary", binary}};
  int cells = 0;
  for (const periods p : {periods::uniform, periods::log_uniform})
    for (const slack s : {slack::tenth, slack::third, slack::mixed})
      for (const std::size_t processes : {1U, 2U, 4U, 8U, 16U, 32U, 64U, 128U})
        for (const std::size_t timers : {1U, 2U, 4U, 8U, 16U}) {
          const unsigned runs = processes * timers >= 512 ? 2 : processes * timers >= 64 ? 6 : 30;
          std::vector<double> cell(std::size(rules));
          std::mt19937_64 engine(static_cast<std::uint64_t>(cells));
          for (unsigned run = 0; run < runs; ++run) {
            const auto machine = random_machine(engine, processes, timers, p, s);
            const auto fewest = static_cast<double>(planned(machine));
            for (std::size_t i = 0; i < std::size(rules); ++i)
              cell[i] += static_cast<double>(simulated(machine, rules[i].pick)) / fewest / runs;
          }
          ++cells;
          for (std::size_t i = 0; i < std::size(rules); ++i) {
            rules[i].sum += cell[i];
            rules[i].worst = std::max(rules[i].worst, cell[i]);
          }
        }
  std::printf("%-44s %6s %6s   (%d cells)\n", "wake-ups relative to the fewest", "mean", "worst", cells);
  for (const rule& r : rules) std::printf("%-44s %6.2f %6.2f\n", r.name, r.sum / cells, r.worst);
}
