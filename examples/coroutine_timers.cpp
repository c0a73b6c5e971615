// Coroutines that wait for timers of a scheduler: three connections try again with growing pauses, and their timers share
// wake-ups. The scheduler resumes them in its thread, so they need no locks.
#include <version>
#if defined(__cpp_impl_coroutine)
#include <chrono>
#include <coroutine>
#include <cstdio>
#include <exception>
#include <takt/interop/coroutine.hpp>
#include <takt/scheduler/scheduler.hpp>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

/// The coroutine type of this program: it begins at once, and its owner destroys it.
class task {
public:
  struct promise_type {
    task get_return_object() { return task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  task(task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  ~task() {
    if (handle_) handle_.destroy(); // cancels the timer that it waits for
  }

private:
  explicit task(std::coroutine_handle<promise_type> h) noexcept : handle_(h) {}
  std::coroutine_handle<promise_type> handle_;
};

int open_connections = 0;

/// Succeeds at the third attempt; pauses 20 ms, then 40 ms, each time up to half as long again.
task connect(takt::grid_scheduler& timers, int number) {
  auto pause = 20ms;
  for (int attempt = 1; attempt < 3; ++attempt, pause *= 2) {
    std::printf("connection %d: attempt %d failed\n", number, attempt);
    co_await takt::after(timers, pause, takt::slack(pause / 2));
  }
  std::printf("connection %d: open\n", number);
  if (++open_connections == 3) timers.stop();
}

/// Never ends by itself: main() destroys it while it waits.
task heartbeat(takt::grid_scheduler& timers) {
  for (;;) co_await takt::after(timers, 15ms, takt::slack(10ms));
}

int main() {
  takt::grid_scheduler timers;
  std::vector<task> all;
  for (int i = 1; i <= 3; ++i) all.push_back(connect(timers, i));
  all.push_back(heartbeat(timers));
  timers.run();
  const auto counts = timers.statistics();
  std::printf("%llu resumptions in %llu wake-ups\n", static_cast<unsigned long long>(counts.fired()),
              static_cast<unsigned long long>(counts.wakeups()));
  all.clear();
  return timers.pending() == 0 ? 0 : 1;
}
#else
#include <cstdio>
int main() { std::puts("This compiler has no coroutines."); }
#endif
