// Protects: what cancel(), move(), arm() and the end of a handle or node do from another thread while the callback runs,
// for every kind of timer and for every way in which the callback may go on. tests/unit/scheduler_contract_test.cpp has
// the same from inside callbacks.
#include <doctest/doctest.h>
#include <takt/scheduler/scheduler.hpp>

#include <atomic>
#include <chrono>
#include <initializer_list>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>

namespace {

using namespace std::chrono_literals;
using takt::grid_scheduler;
using timer_status = takt::timer_handle::state;

enum class kind { once, cycles, node };
/// What another thread does while the callback runs.
enum class step { cancel, rearm, destroy };
/// What the callback does after that.
enum class ending { returns, cancels_itself, rearms_itself, throws };

struct outcome {
  bool answer;                     ///< of cancel(), move() or arm()
  bool waited;                     ///< the answer came after the callback had ended
  bool pending;                    ///< the timer is armed afterwards
  std::optional<timer_status> end; ///< its status then, if it still exists
};

/// What the contracts say.
outcome expected(kind k, step s, ending e) {
  const bool rearmed = e == ending::rearms_itself;
  if (s == step::rearm) {
    if (k == kind::once) // fires once and is running in another thread: only its own callback may move it
      return {false, false, rearmed, rearmed ? timer_status::pending : timer_status::ran};
    const bool pending = e != ending::cancels_itself;
    return {k == kind::cycles, false, pending, pending ? timer_status::pending : timer_status::cancelled};
  }
  // Cancelled: nothing comes after the callback, whatever it does. The answer tells whether something would have.
  const bool would = k == kind::cycles || (k == kind::node && rearmed);
  const auto end = would ? timer_status::cancelled : timer_status::ran;
  return {would, true, false, s == step::destroy ? std::nullopt : std::optional(end)};
}

void check(kind k, step s, ending e) {
  CAPTURE(static_cast<int>(k));
  CAPTURE(static_cast<int>(s));
  CAPTURE(static_cast<int>(e));
  grid_scheduler timers;
  takt::timer_handle handle;
  std::optional<takt::grid_timer> node;
  std::atomic<bool> inside{false}, leave{false}, left{false};
  const auto rearm = [&] { return node ? node->arm(1h, takt::slack(0s)) : handle.move(1h, takt::slack(0s)); };
  const auto cancel = [&] { return node ? node->cancel() : handle.cancel(); };
  const auto body = [&] {
    inside = true;
    while (!leave) std::this_thread::yield();
    if (e == ending::cancels_itself) static_cast<void>(cancel());
    if (e == ending::rearms_itself) static_cast<void>(rearm());
    std::this_thread::sleep_for(1ms);
    left = true;
#if TAKT_EXCEPTIONS
    if (e == ending::throws) throw std::runtime_error("the callback");
#endif
  };
  if (k == kind::once) handle = timers.after(0s, takt::slack(0s), body);
  if (k == kind::cycles) {
    handle = timers.every(1h, takt::slack(0s), body);
    handle.move(0s, takt::slack(0s));
  }
  if (k == kind::node) node.emplace(timers, [&body] { body(); }), node->arm(0s, takt::slack(0s));
  int thrown = 0;
  std::thread runs([&] {
#if TAKT_EXCEPTIONS
    try {
      timers.run();
    } catch (const std::runtime_error&) {
      ++thrown;
    }
#else
    timers.run();
#endif
  });
  while (!inside) std::this_thread::yield();

  const outcome right = expected(k, s, e);
  bool answer = right.answer, waited = false;
  std::thread releases;
  // A call that waits for the callback needs another thread that lets it go; one that does not must return while it still runs.
  if (s == step::rearm) {
    answer = rearm();
    waited = left;
    leave = true;
  } else {
    releases = std::thread([&leave] {
      std::this_thread::sleep_for(2ms);
      leave = true;
    });
    if (s == step::cancel) answer = cancel();
    else if (node) node->~basic_grid_timer();
    else handle = takt::timer_handle();
    waited = left;
    releases.join();
  }
  while (!left) std::this_thread::yield();
  if (e != ending::throws) timers.stop();
  runs.join();
  CHECK(answer == right.answer);
  CHECK(waited == right.waited);
  CHECK(thrown == (e == ending::throws ? 1 : 0));
  CHECK(timers.pending() == (right.pending ? 1 : 0));
  if (right.end) CHECK((node ? node->status() : handle.status()) == *right.end);
  if (node && s == step::destroy) ::new (static_cast<void*>(&*node)) takt::grid_timer(timers, [] {}); // ends with node
}

} // namespace

TEST_CASE("what another thread does to a timer while its callback runs, against the contracts") {
  for (const kind k : {kind::once, kind::cycles, kind::node}) {
    for (const step s : {step::cancel, step::rearm, step::destroy}) {
      for (const ending e : {ending::returns, ending::cancels_itself, ending::rearms_itself, ending::throws}) {
#if !TAKT_EXCEPTIONS
        if (e == ending::throws) continue;
#endif
        // Both threads would use one handle at the same time, which handles do not promise. Nodes do.
        const bool uses_it = e == ending::cancels_itself || e == ending::rearms_itself;
        if (uses_it && k != kind::node && s != step::rearm) continue;
        check(k, s, e);
      }
    }
  }
}
