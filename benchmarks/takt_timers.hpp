/// takt_timers.hpp - takt's timers as the benchmarks of schedulers arm them: n nodes side by side.
#pragma once
#include <takt/scheduler/scheduler.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <time.h>

/// CPU time of this thread, in seconds.
inline double cpu_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// n objects side by side that can neither be copied nor moved.
template <class T> class row {
public:
  template <class... Args> explicit row(std::size_t n, Args&... args) : n_(n), first_(std::allocator<T>().allocate(n)) {
    for (std::size_t i = 0; i < n_; ++i) ::new (static_cast<void*>(first_ + i)) T(args...);
  }
  ~row() {
    for (std::size_t i = 0; i < n_; ++i) first_[i].~T();
    std::allocator<T>().deallocate(first_, n_);
  }
  row(const row&) = delete;
  row& operator=(const row&) = delete;
  T& operator[](std::size_t i) { return first_[i]; }

private:
  std::size_t n_;
  T* first_;
};

/// n timers: add(i, delay, slack), move(i, delay, slack), cancel(i); delays count from its making. They do nothing when they
/// are called back.
template <class Mutex> struct takts {
  using nanoseconds = std::chrono::nanoseconds;
  using scheduler = takt::basic_grid_scheduler<std::chrono::steady_clock, takt::wake_at_roundest<>, Mutex>;
  struct one {
    explicit one(scheduler& s) : timer(s, [] {}) {}
    typename scheduler::timer timer;
  };
  explicit takts(std::size_t n) : timers(n, all) {}
  void add(std::size_t i, nanoseconds delay, nanoseconds slack) { timers[i].timer.arm(start + delay, takt::slack(slack)); }
  void move(std::size_t i, nanoseconds delay, nanoseconds slack) { add(i, delay, slack); }
  void cancel(std::size_t i) { timers[i].timer.cancel(); }
  scheduler all;
  row<one> timers;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};
using takt_alone = takts<takt::no_mutex>;
using takt_locked = takts<std::mutex>;
/// takt_alone with a mutex that the benchmark locks around each operation.
struct takt_wrapped : takt_alone {
  using takt_alone::takt_alone;
  void add(std::size_t i, nanoseconds delay, nanoseconds slack) {
    const std::lock_guard hold(mutex);
    takt_alone::add(i, delay, slack);
  }
  void move(std::size_t i, nanoseconds delay, nanoseconds slack) { add(i, delay, slack); }
  void cancel(std::size_t i) {
    const std::lock_guard hold(mutex);
    takt_alone::cancel(i);
  }
  std::mutex mutex;
};
