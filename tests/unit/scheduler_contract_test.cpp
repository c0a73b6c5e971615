// Protects: what cancel(), move(), arm(), the end of a handle or node, the end of the scheduler and an exception do to a
// timer, in its own callback and in another one of the same wake-up: every sequence of up to three of them, for every
// kind of timer, against a model of the contracts. tests/live/scheduler_contract_test.cpp does it from another thread.
#include <doctest/doctest.h>
#include <takt/scheduler/scheduler.hpp>
#include <takt/testing/manual_clock.hpp>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using timer_status = takt::timer_handle::state;
using takt::testing::manual_clock;
using std::chrono::seconds;

enum class kind { once, cycles, node };
/// Where the steps happen: in the callback of the timer, or in one that the same wake-up calls before or after it.
enum class place { own, before, after };
enum class step { cancel, later, now, destroy, destroy_scheduler, throws };

constexpr std::initializer_list<const char*> names = {"cancel", "later", "now", "destroy", "destroy_scheduler", "throws"};
constexpr seconds end = 20s;

/// What the contracts say. Times are seconds from the beginning; the wake-up is at 1 s, and cycles have a period of 1 s.
struct model {
  model(kind k, place p) : timer(k), running(p == place::own), has_run(p == place::after) {
    if (p == place::before) armed = 1s;
    if (p == place::after && k == kind::cycles) armed = 2s;
    if (p != place::before) calls.push_back(1s);
  }
  bool cancel() {
    const bool prevented = armed || (timer == kind::cycles && running && !cancelled);
    if (prevented) cancelled = true;
    if (timer != kind::node) final |= prevented || running;
    armed.reset();
    return prevented;
  }
  /// The answer of move() for timers behind a handle, of arm() for nodes.
  bool rearm(seconds delay) {
    const bool pending = armed.has_value();
    const bool possible = timer == kind::node || pending || (running && !final);
    if (possible) armed = 1s + delay;
    if (possible && !pending) cancelled = false;
    return timer == kind::node ? pending : possible;
  }
  void end_of_scheduler() {
    if (armed || running) cancelled = true;
    armed.reset(), running = false, final = true;
  }
  [[nodiscard]] timer_status status() const {
    if (armed) return timer_status::pending;
    if (running) return timer_status::running;
    if (cancelled) return timer_status::cancelled;
    return has_run ? timer_status::ran : timer_status::idle;
  }
  /// Effects: the callback returns and time passes.
  void go_on() {
    if (running) has_run = true;
    if (running && timer == kind::cycles && !armed && !cancelled) armed = 2s;
    running = false;
    while (armed && *armed <= end) {
      calls.push_back(*armed), has_run = true;
      if (timer == kind::cycles) *armed += 1s;
      else armed.reset();
    }
  }

  kind timer;
  std::optional<seconds> armed;
  bool running, has_run, cancelled = false, final = false;
  std::vector<seconds> calls;
};

/// A timer of each kind, as a program has it.
template <class Scheduler> struct subject {
  using node = takt::basic_grid_timer<Scheduler>;
  template <class F> void begin(Scheduler& s, kind k, F f) {
    if (k == kind::once) handle = s.after(1s, takt::slack(0s), f);
    if (k == kind::cycles) handle = s.every(1s, takt::slack(0s), f);
    if (k == kind::node) own.emplace(s, f), own->arm(1s, takt::slack(0s));
  }
  bool cancel() { return own ? own->cancel() : handle.cancel(); }
  bool rearm(seconds delay) { return own ? own->arm(delay, takt::slack(0s)) : handle.move(delay, takt::slack(0s)); }
  timer_status status() { return own ? own->status() : handle.status(); }
  auto due() { return own ? own->due() : handle.due(); }
  void destroy() { own.reset(), handle = takt::basic_timer_handle<Scheduler>(); }

  takt::basic_timer_handle<Scheduler> handle;
  std::optional<node> own;
};

template <class Scheduler> struct experiment {
  experiment(kind k, place p, const std::vector<step>& s) : steps(s), expected(k, p) {
    if (p == place::before) arm_actor();
    timer.begin(*timers, k, [this] {
      calls.push_back(now());
      if (actor_is_own && calls.size() == 1) act();
    });
    if (p == place::after) arm_actor();
    actor_is_own = p == place::own;
    bystander = timers->after(1s, takt::slack(0s), [this] { ++others; });
  }
  void arm_actor() {
    actor = timers->after(1s, takt::slack(0s), [this] { act(); });
  }
  [[nodiscard]] seconds now() const { return std::chrono::duration_cast<seconds>(clock.now() - begin); }

  void act() {
    for (const step s : steps) {
      switch (s) {
      case step::cancel: CHECK(timer.cancel() == expected.cancel()); break;
      case step::later: CHECK(timer.rearm(5s) == expected.rearm(5s)); break;
      case step::now: CHECK(timer.rearm(0s) == expected.rearm(0s)); break;
      case step::destroy:
        static_cast<void>(expected.cancel());
        exists = false;
        return timer.destroy();
      case step::destroy_scheduler:
        expected.end_of_scheduler();
        scheduler_exists = false;
        timers.reset();
        check_state();
        CHECK_FALSE(timer.cancel());
        return;
      case step::throws:
#if TAKT_EXCEPTIONS
        throw std::runtime_error("a step");
#endif
        break;
      }
      check_state();
    }
  }
  void check_state() {
    CHECK(timer.status() == expected.status());
    CHECK(timer.due() == (expected.armed ? std::optional(typename Scheduler::time_point(begin + *expected.armed))
                                         : std::nullopt));
  }
  void advance(manual_clock::time_point t) {
#if TAKT_EXCEPTIONS
    const bool throws = !steps.empty() && steps.back() == step::throws;
    try {
      clock.advance_to(t);
      CHECK_FALSE((throws && calls_of_throw == 0));
    } catch (const std::runtime_error&) {
      CHECK(throws);
      ++calls_of_throw;
    }
#endif
    clock.advance_to(t);
  }
  void run() {
    advance(begin + end);
    expected.go_on();
    CHECK(calls == expected.calls);
    CHECK(others == (scheduler_exists ? 1 : 0)); // whatever happens to a timer, the others of the wake-up are called
    if (exists) check_state();
  }

  static constexpr manual_clock::time_point begin{1'000'000s};
  std::vector<step> steps;
  model expected;
  manual_clock clock{begin};
  std::optional<Scheduler> timers{std::in_place, clock};
  subject<Scheduler> timer;
  typename Scheduler::handle actor, bystander;
  std::vector<seconds> calls;
  int others = 0, calls_of_throw = 0;
  bool actor_is_own = false, exists = true, scheduler_exists = true;
};

template <class Scheduler> int all_sequences() {
  std::vector<std::vector<step>> middles = {{}};
  for (std::size_t i = 0; i < middles.size() && middles[i].size() < 3; ++i) {
    for (const step s : {step::cancel, step::later, step::now}) {
      middles.push_back(middles[i]);
      middles.back().push_back(s);
    }
  }
  int done = 0;
  for (const auto& middle : middles) {
    for (const std::optional<step> last : {std::optional<step>(), std::optional(step::destroy),
                                           std::optional(step::destroy_scheduler), std::optional(step::throws)}) {
      std::vector<step> steps = middle;
      if (last) steps.push_back(*last);
      std::string text;
      for (const step s : steps) text += std::string(names.begin()[static_cast<std::size_t>(s)]) + ' ';
      for (const kind k : {kind::once, kind::cycles, kind::node}) {
        for (const place p : {place::own, place::before, place::after}) {
          CAPTURE(text);
          CAPTURE(static_cast<int>(k));
          CAPTURE(static_cast<int>(p));
          experiment<Scheduler> e(k, p, steps);
          e.run();
          ++done;
        }
      }
    }
  }
  return done;
}

} // namespace

TEST_CASE("every sequence of what may happen to a timer in a callback, against the contracts") {
  CHECK(all_sequences<takt::basic_grid_scheduler<manual_clock>>() == 40 * 4 * 9);
}

TEST_CASE("every sequence of what may happen to a timer in a callback, in a scheduler of one thread") {
  using single = takt::basic_grid_scheduler<manual_clock, takt::wake_at_roundest<>, takt::no_mutex>;
  CHECK(all_sequences<single>() == 40 * 4 * 9);
}
