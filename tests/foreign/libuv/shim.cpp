// The timers of libuv as a loop on a grid_scheduler, without slack, for the tests of libuv: `tests real|manual TEST`.
//
// What differs by design: due times end 292 years after the epoch, where nanoseconds in 64 bits do; a timer that a callback
// starts for the current time is called in the next wake-up, not in the one that goes on.
#include "uv.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <poll.h>
#include <takt/scheduler/scheduler.hpp>
#include <takt/testing/manual_clock.hpp>
#include <vector>

namespace {

using std::chrono::milliseconds, std::chrono::nanoseconds;
using scheduler = takt::grid_scheduler;

bool on_manual_clock = false;
enum kinds { timer, prepare, check };

scheduler::time_point at_ms(std::uint64_t ms) {
  constexpr auto max = static_cast<std::uint64_t>(std::chrono::floor<milliseconds>(nanoseconds::max()).count());
  return scheduler::time_point(milliseconds(static_cast<milliseconds::rep>(std::min(ms, max))));
}

} // namespace

struct uv_loop_s {
  takt::testing::manual_clock clock;
  std::optional<scheduler> timers;
  std::uint64_t now = 0; ///< ms
  std::vector<uv_handle_t*> handles, closing;

  uv_loop_s() {
    if (on_manual_clock) timers.emplace(clock);
    else timers.emplace();
    update();
  }
  void update() {
    now = static_cast<std::uint64_t>(std::chrono::floor<milliseconds>(timers->now().time_since_epoch()).count());
  }
  [[nodiscard]] bool alive() const {
    return !closing.empty() || std::any_of(handles.begin(), handles.end(), [](const uv_handle_t* h) {
      return h->active != 0 && h->unreferenced == 0;
    });
  }
  void run_timers() {
    update();
    timers->fire(at_ms(now));
  }
  void call_all(int kind) {
    const std::vector<uv_handle_t*> some = handles; // callbacks stop and start handles
    for (uv_handle_t* h : some)
      if (h->kind == kind && h->active != 0) h->call(h);
  }
  void sleep() {
    const auto next = timers->next_wakeup();
    if (!closing.empty() || !alive() || !next) return;
    if (on_manual_clock) {
      clock.set(takt::testing::manual_clock::time_point(next->time_since_epoch())); // calls nothing back
    } else {
      // The loop's time is in whole milliseconds, as that of libuv: what is due then may be called up to one later.
      pollfd readable{timers->fd(), POLLIN, 0};
      static_cast<void>(::poll(&readable, 1, -1));
    }
  }
  void end_closing() {
    std::vector<uv_handle_t*> some;
    some.swap(closing);
    for (uv_handle_t* h : some) {
      std::erase(handles, h);
      delete static_cast<scheduler::timer*>(h->timer);
      h->timer = nullptr;
      if (h->closed != nullptr) h->closed(h);
    }
  }
};

namespace {

std::unique_ptr<uv_loop_s> default_loop;

int init(uv_loop_t* loop, uv_handle_t* h, int kind) {
  *h = {};
  h->loop = loop;
  h->kind = kind;
  loop->handles.push_back(h);
  return 0;
}
int start(uv_handle_t* h, void (*call)(uv_handle_t*)) {
  if (h->closing != 0 || call == nullptr) return UV_EINVAL;
  h->call = call;
  h->active = 1;
  return 0;
}
int stop(uv_handle_t* h) {
  if (h->timer != nullptr) static_cast<scheduler::timer*>(h->timer)->cancel();
  h->active = 0;
  return 0;
}
void arm(uv_handle_t* h, std::uint64_t delay) {
  h->due = h->loop->now + std::min(delay, std::numeric_limits<std::uint64_t>::max() - h->loop->now);
  static_cast<scheduler::timer*>(h->timer)->arm(at_ms(h->due), takt::slack());
}
void expire(uv_handle_t* h) {
  h->active = 0;
  if (h->repeat != 0) {
    h->active = 1;
    arm(h, h->repeat);
  }
  h->call(h);
}

} // namespace

uv_loop_t* uv_default_loop() {
  if (default_loop == nullptr) default_loop = std::make_unique<uv_loop_s>();
  return default_loop.get();
}
int uv_loop_close(uv_loop_t* loop) {
  if (!loop->handles.empty()) return -EBUSY;
  default_loop.reset();
  return 0;
}
void uv_library_shutdown() {}
int uv_run(uv_loop_t* loop, uv_run_mode mode) {
  while (loop->alive()) {
    loop->run_timers();
    loop->call_all(prepare);
    if (mode != UV_RUN_NOWAIT) loop->sleep();
    loop->update();
    loop->call_all(check);
    loop->end_closing();
    if (mode == UV_RUN_ONCE) loop->run_timers();
    if (mode != UV_RUN_DEFAULT) break;
  }
  return loop->alive() ? 1 : 0;
}
uint64_t uv_now(const uv_loop_t* loop) { return loop->now; }
void uv_update_time(uv_loop_t* loop) { loop->update(); }
uint64_t uv_hrtime() { return static_cast<uint64_t>(uv_default_loop()->timers->now().time_since_epoch().count()); }
void uv_walk(uv_loop_t* loop, uv_walk_cb f, void* argument) {
  const std::vector<uv_handle_t*> all = loop->handles;
  for (uv_handle_t* h : all) f(h, argument);
}

int uv_is_active(const uv_handle_t* h) { return h->active; }
int uv_is_closing(const uv_handle_t* h) { return h->closing; }
void uv_close(uv_handle_t* h, uv_close_cb f) {
  stop(h);
  h->closing = 1;
  h->closed = f;
  h->loop->closing.push_back(h);
}
void uv_unref(uv_handle_t* h) { h->unreferenced = 1; }

int uv_timer_init(uv_loop_t* loop, uv_timer_t* h) {
  init(loop, h, timer);
  h->timer = new scheduler::timer(*loop->timers, [h] { expire(h); });
  return 0;
}
int uv_timer_start(uv_timer_t* h, uv_timer_cb f, uint64_t delay, uint64_t repeat) {
  if (const int error = start(h, f); error != 0) return error;
  h->repeat = repeat;
  arm(h, delay);
  return 0;
}
int uv_timer_stop(uv_timer_t* h) { return stop(h); }
int uv_timer_again(uv_timer_t* h) {
  if (h->call == nullptr) return UV_EINVAL;
  if (h->repeat != 0) {
    h->active = 1;
    arm(h, h->repeat);
  }
  return 0;
}
void uv_timer_set_repeat(uv_timer_t* h, uint64_t repeat) { h->repeat = repeat; }
uint64_t uv_timer_get_repeat(const uv_timer_t* h) { return h->repeat; }
uint64_t uv_timer_get_due_in(const uv_timer_t* h) { return h->due > h->loop->now ? h->due - h->loop->now : 0; }

int uv_prepare_init(uv_loop_t* loop, uv_prepare_t* h) { return init(loop, h, prepare); }
int uv_prepare_start(uv_prepare_t* h, uv_prepare_cb f) { return start(h, f); }
int uv_prepare_stop(uv_prepare_t* h) { return stop(h); }
int uv_check_init(uv_loop_t* loop, uv_check_t* h) { return init(loop, h, check); }
int uv_check_start(uv_check_t* h, uv_check_cb f) { return start(h, f); }
int uv_check_stop(uv_check_t* h) { return stop(h); }

int uv_interface_addresses(uv_interface_address_t**, int*) { return UV_EINVAL; }
void uv_free_interface_addresses(uv_interface_address_t*, int) {}

#define TAKT_LIBUV_TESTS(each)                                                                                         \
  each(timer) each(timer_start_twice) each(timer_init) each(timer_order) each(timer_huge_timeout)                      \
      each(timer_huge_repeat) each(timer_run_once) each(timer_is_closing) each(timer_null_callback)                    \
          each(timer_early_check) each(timer_again) each(timer_from_check)
#define TAKT_DECLARE(name) extern "C" int run_test_##name();
TAKT_LIBUV_TESTS(TAKT_DECLARE)

int main(int count, char** arguments) {
  if (count != 3) return std::fprintf(stderr, "usage: %s real|manual TEST\n", arguments[0]), 2;
  on_manual_clock = std::strcmp(arguments[1], "manual") == 0;
#define TAKT_RUN(name)                                                                                                 \
  if (std::strcmp(arguments[2], #name) == 0) return run_test_##name();
  TAKT_LIBUV_TESTS(TAKT_RUN)
  return std::fprintf(stderr, "no test %s\n", arguments[2]), 2;
}
