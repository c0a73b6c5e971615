// Protects: that the ways of waiting to the end of time that posix_clock.hpp recommends end when they are notified. What
// it warns of hangs in libstdc++, and is no promise of takt.
#include <takt/clock/tsc_clock.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;

/// Returns: whether a wait by `wait(cv, lock, pred)` that began before it is notified ends with its predicate true.
template <class Wait> bool is_notified(Wait wait) {
  std::mutex mutex;
  std::condition_variable changed;
  bool waits = false, set = false;
  std::thread notifier([&] {
    for (bool notified = false; !notified; std::this_thread::yield()) {
      const std::lock_guard<std::mutex> lock(mutex); // a wait that keeps the mutex is never notified
      notified = set = waits;
    }
    changed.notify_all();
  });
  std::unique_lock<std::mutex> lock(mutex);
  waits = true;
  const bool good = wait(changed, lock, [&set] { return set; });
  lock.unlock();
  notifier.join();
  return good;
}

template <class Clock> constexpr auto until_end_of_steady = [](auto& cv, auto& lock, auto pred) {
  return cv.wait_until(lock, Clock::to_steady(Clock::time_point::max()), pred);
};

} // namespace

TEST_CASE("a wait until to_steady(time_point::max()) ends when it is notified") {
  alarm(20); // a wait that hangs
  CHECK(is_notified(until_end_of_steady<takt::tsc_clock>));
  CHECK(is_notified(until_end_of_steady<takt::posix_clock<CLOCK_MONOTONIC>>));
  alarm(0);
}

TEST_CASE("a wait until a day from now, on a clock that has no to_steady(), ends when it is notified") {
  using boot = takt::posix_clock<CLOCK_BOOTTIME>;
  alarm(20);
  CHECK(is_notified([](auto& cv, auto& lock, auto pred) { return cv.wait_until(lock, boot::now() + 24h, pred); }));
  alarm(0);
}
