// The timers of libevent on a grid_scheduler, without slack, for the tests of libevent: `tests real|manual TEST`, where TEST
// is one of regress.c, or "time" for the program test-time.c.
//
// Nothing that these tests see differs by design. Left out is test_common_timeout, which reads the queues of libevent.
#include "event2/event.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <takt/scheduler/scheduler.hpp>
#include <takt/testing/manual_clock.hpp>
#include <thread>
#include <unordered_map>
#include <utility>

using std::chrono::nanoseconds;
using scheduler = takt::grid_scheduler;

extern "C" {
extern int on_manual_clock;
int run_regress(const char* name);
int test_time_main(int count, char** arguments);
event_base* global_base = nullptr;
}

namespace {

nanoseconds length(const timeval& t) { return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec); }

} // namespace

struct event_base {
  /// The timer of an event, which dies with its base.
  struct node {
    node(event_base& b, event& e) : base(b), of(e), timer(*b.timers, [this] { base.expire(*this); }) {}
    event_base& base;
    event& of;
    bool added = false;
    scheduler::time_point due{};
    scheduler::timer timer;
  };

  event_base() {
    if (on_manual_clock != 0) timers.emplace(clock);
    else timers.emplace();
  }
  node& node_of(event& e) {
    auto& n = nodes[&e];
    if (n == nullptr) n = std::make_unique<node>(*this, e);
    return *n;
  }
  void arm(node& n, scheduler::time_point due) {
    count += n.added ? 0 : 1;
    n.added = true;
    n.due = due;
    n.timer.arm(due, takt::slack());
  }
  void remove(node& n) {
    n.timer.cancel();
    count -= n.added ? 1 : 0;
    n.added = false;
  }
  void expire(node& n) { call(n, EV_TIMEOUT); }
  void call(node& n, short why) {
    event& e = n.of;
    if ((e.flags & EV_PERSIST) == 0) {
      remove(n);
    } else if (n.added) { // the next cycle begins where this one was due, if that is not over
      const auto now = timers->now(), next = (why == EV_TIMEOUT ? n.due : now) + nanoseconds(e.interval);
      arm(n, next < now ? now + nanoseconds(e.interval) : next);
    }
    e.call(-1, why, e.argument);
  }
  int dispatch() {
    for (over = false; !over;) {
      timers->fire();
      while (!active.empty()) {
        const auto [e, why] = active.front();
        active.pop_front();
        call(node_of(*e), why);
      }
      if (over) break;
      const auto next = timers->next_wakeup();
      if (!next || count == 0) return 1;
      if (on_manual_clock != 0) clock.set(takt::testing::manual_clock::time_point(next->time_since_epoch()));
      else if (*next > timers->now()) std::this_thread::sleep_until(*next);
    }
    return 0;
  }

  takt::testing::manual_clock clock;
  std::optional<scheduler> timers;
  std::unordered_map<event*, std::unique_ptr<node>> nodes;
  std::deque<std::pair<event*, short>> active;
  std::deque<event> once;
  long count = 0; ///< events that are added
  bool over = false;
};

event_base* event_base_new() { return global_base = new event_base; }
void event_base_free(event_base* base) { delete base; }
int event_base_dispatch(event_base* base) { return base->dispatch(); }
int event_base_once(event_base* base, evutil_socket_t fd, short flags, event_callback_fn f, void* argument,
                    const timeval* t) {
  event& e = base->once.emplace_back();
  event_assign(&e, base, fd, flags, f, argument);
  return event_add(&e, t);
}
int event_base_loopexit(event_base* base, const timeval* t) {
  const timeval at_once{};
  const auto end = [](evutil_socket_t, short, void* b) { static_cast<event_base*>(b)->over = true; };
  return event_base_once(base, -1, EV_TIMEOUT, end, base, t != nullptr ? t : &at_once);
}

int event_assign(event* e, event_base* base, evutil_socket_t, short flags, event_callback_fn f, void* argument) {
  *e = {base, f, argument == event_self_cbarg() ? e : argument, 0, flags};
  base->nodes.erase(e); // another event may have had this address
  return 0;
}
event* event_new(event_base* base, evutil_socket_t fd, short flags, event_callback_fn f, void* argument) {
  event& e = base->once.emplace_back();
  event_assign(&e, base, fd, flags, f, argument);
  return &e;
}
int event_add(event* e, const timeval* t) {
  e->interval = length(*t).count();
  e->base->arm(e->base->node_of(*e), e->base->timers->now() + nanoseconds(e->interval));
  return 0;
}
int event_del(event* e) {
  e->base->remove(e->base->node_of(*e));
  return 0;
}
void event_active(event* e, int why, short) { e->base->active.emplace_back(e, static_cast<short>(why)); }
void* event_self_cbarg() {
  static char self;
  return &self;
}

int evutil_gettimeofday(timeval* t, void*) {
  const std::int64_t now = global_base->timers->now().time_since_epoch().count();
  *t = {now / 1'000'000'000, now % 1'000'000'000 / 1000};
  return 0;
}
void evutil_usleep_(const timeval* t) {
  if (on_manual_clock != 0) global_base->clock.set(global_base->clock.now() + length(*t));
  else std::this_thread::sleep_for(length(*t));
}
uint32_t evutil_weakrand_seed_(evutil_weakrand_state* state, uint32_t seed) { return state->seed = seed + 1; }
int32_t evutil_weakrand_(evutil_weakrand_state* state) {
  std::minstd_rand random(state->seed);
  return static_cast<int32_t>(state->seed = static_cast<uint32_t>(random()));
}

int main(int count, char** arguments) {
  if (count != 3) return std::fprintf(stderr, "usage: %s real|manual TEST\n", arguments[0]), 2;
  on_manual_clock = std::strcmp(arguments[1], "manual") == 0 ? 1 : 0;
  if (std::strcmp(arguments[2], "time") == 0) {
    const int result = test_time_main(1, arguments);
    event_base_free(global_base);
    return result;
  }
  event_base* const base = event_base_new();
  const int result = run_regress(arguments[2]);
  event_base_free(base);
  return result;
}
