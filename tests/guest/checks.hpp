/// checks.hpp - what a clock must not do in any situation, counted.
#pragma once
#include "guest.hpp"

#include <takt/clock/tsc_clock.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

namespace guest {

using namespace std::chrono_literals;

/// Reads Clock for `span` in one thread. Returns: how often it went backwards.
template <class Clock> int backwards_within(nanoseconds span) {
  int count = 0;
  auto last = Clock::now();
  const nanoseconds end = read(CLOCK_MONOTONIC) + span;
  do {
    for (int i = 0; i < 1000; ++i) {
      const auto now = Clock::now();
      count += now < last;
      last = now;
    }
  } while (read(CLOCK_MONOTONIC) < end);
  return count;
}

/// Two threads hand each other stamps through one word. Returns: how often a clock read after a stamp was received
/// showed less.
template <class Clock> int backwards_between(nanoseconds span) {
  std::atomic<nanoseconds::rep> newest{0};
  std::atomic<bool> stop{false};
  std::atomic<int> count{0};
  const auto hand_on = [&] {
    while (!stop.load(std::memory_order_relaxed)) {
      for (int i = 0; i < 100; ++i) {
        nanoseconds::rep seen = newest.load(std::memory_order_acquire);
        const nanoseconds::rep own = Clock::now().time_since_epoch().count();
        if (own < seen) count.fetch_add(1, std::memory_order_relaxed);
        while (seen < own && !newest.compare_exchange_weak(seen, own, std::memory_order_acq_rel)) {}
      }
    }
  };
  std::thread other(hand_on);
  std::thread one(hand_on);
  std::this_thread::sleep_for(span);
  stop = true;
  other.join(), one.join();
  return count.load();
}

/// How far `Clock` is from CLOCK_MONOTONIC, as the least distance outside a bracket over many readings.
template <class Clock> nanoseconds off_from_monotonic() {
  nanoseconds best = nanoseconds::max();
  for (int i = 0; i < 200; ++i) {
    const nanoseconds a = read(CLOCK_MONOTONIC);
    const nanoseconds t = Clock::now().time_since_epoch();
    const nanoseconds c = read(CLOCK_MONOTONIC);
    best = std::min(best, t < a ? a - t : t > c ? t - c : 0ns);
  }
  return best;
}

/// How far tsc_clock may be from CLOCK_MONOTONIC by its own words: what its rate may be off since it was anchored, half
/// of the reading that anchored it, and what two roundings make.
inline nanoseconds stated_error() {
  const takt::tsc_calibration c = takt::tsc_clock::calibration();
  if (!c.rate().known()) return 0ns;
  const nanoseconds since = read(CLOCK_MONOTONIC) - c.point().reference;
  const double drift = c.uncertainty_ppm() * 1e-6 * static_cast<double>(since.count());
  return nanoseconds(static_cast<nanoseconds::rep>(drift)) + c.point().half_width + 2ns;
}

/// Two threads that keep the machine busy while it lives.
class load {
public:
  load() : one_([this] { work(); }), two_([this] { work(); }) {}
  ~load() { stop_ = true, one_.join(), two_.join(); }
  load(const load&) = delete;
  load& operator=(const load&) = delete;

private:
  void work() const {
    while (!stop_.load(std::memory_order_relaxed)) {
      timespec ts{};
      ::clock_gettime(CLOCK_MONOTONIC, &ts);
    }
  }
  std::atomic<bool> stop_{false};
  std::thread one_, two_;
};

/// Counts how often clocks went backwards, in a thread of its own that reads them all the time while it lives.
class watcher {
public:
  watcher() : thread_([this] { watch(); }) {}
  ~watcher() {
    if (thread_.joinable()) static_cast<void>(end());
  }
  watcher(const watcher&) = delete;
  watcher& operator=(const watcher&) = delete;

  struct counts {
    int monotonic = 0, tsc = 0, fast = 0;
    long reads = 0;
  };
  [[nodiscard]] counts end() {
    stop_ = true;
    thread_.join();
    return seen_;
  }

private:
  void watch() {
    nanoseconds monotonic = read(CLOCK_MONOTONIC);
    auto tsc = takt::tsc_clock::now();
    auto fast = takt::fast_tsc_clock::now();
    while (!stop_.load(std::memory_order_relaxed)) {
      for (int i = 0; i < 20; ++i) {
        const nanoseconds m = read(CLOCK_MONOTONIC);
        const auto t = takt::tsc_clock::now();
        const auto f = takt::fast_tsc_clock::now();
        seen_.monotonic += m < monotonic, seen_.tsc += t < tsc, seen_.fast += f < fast;
        monotonic = m, tsc = t, fast = f;
        ++seen_.reads;
      }
      std::this_thread::sleep_for(2ms); // virtual time passes while all threads sleep
    }
  }
  std::atomic<bool> stop_{false};
  counts seen_;
  std::thread thread_;
};

} // namespace guest
