// Protects tsc_clock on this machine: it shows what the kernel shows, never goes back while it is disciplined wrongly a
// thousand times a second, and keeps its promises in signal handlers, forked children, before main and without a counter.
#include <takt/clock/tsc_clock.hpp>

#include <doctest/doctest.h>
#include <support/forbidden_child.hpp>
#include <support/skip.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using kernel = takt::posix_clock<CLOCK_MONOTONIC>;

/// CLOCK_MONOTONIC, wrong by what the test says. Every tag has a clock state of its own.
template <class Tag> struct shaky {
  using duration = nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<shaky>;
  static constexpr bool is_steady = true; // as far as the clock is concerned
  inline static std::atomic<std::int64_t> error{0};
  static time_point now() noexcept {
    return time_point(kernel::now().time_since_epoch() + nanoseconds(error.load(std::memory_order_relaxed)));
  }
};
template <class Tag> using ordered = takt::basic_tsc_clock<shaky<Tag>, takt::ordered_counter>;
template <class Tag> using fast = takt::basic_tsc_clock<shaky<Tag>, takt::bare_counter>;

/// Whether the counter of this machine is one; if not, there is nothing to test here but the kernel's clock.
bool usable() {
  static const bool trusted = takt::judge(takt::verdict::facts::gather()).counter_trusted;
  return trusted;
}

/// Calls discipline() every millisecond with a reading that is wrong by up to 10 us in either direction.
template <class Clock, class Tag> class wrong_keeper {
public:
  wrong_keeper()
      : thread_([this] {
          std::mt19937_64 random(1);
          while (!done_) {
            shaky<Tag>::error = static_cast<std::int64_t>(random() % 20'001) - 10'000;
            std::error_code ec;
            static_cast<void>(Clock::discipline(1s, ec));
            failures_ += ec ? 1 : 0;
            ++calls_;
            std::this_thread::sleep_for(1ms);
          }
        }) {}
  ~wrong_keeper() {
    done_ = true;
    thread_.join();
    CHECK(failures_ == 0);
    CHECK(calls_ > 10);
  }

private:
  std::atomic<bool> done_{false};
  std::atomic<int> failures_{0}, calls_{0};
  std::thread thread_; // last: it uses the others
};

/// A clock that was read before main, and will be read after the statics of this file are gone.
struct early_reader {
  struct tag;
  nanoseconds first = ordered<tag>::now().time_since_epoch();
  ~early_reader() {
    if (ordered<tag>::now().time_since_epoch() < first) std::abort();
  }
} const early;

} // namespace

TEST_CASE("it shows what the kernel shows, within what it says") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  std::error_code ec;
  const auto c = takt::tsc_clock::calibrate(5ms, ec);
  REQUIRE(!ec);
  CHECK(takt::tsc_clock::source() == takt::clock_path::counter);
  CHECK(takt::fast_tsc_clock::source() == takt::clock_path::counter);
  CHECK(takt::fast_tsc_clock::calibration().rate() == c.rate());
  CHECK(c.uncertainty_ppm() < 100);
  // One-sided: readings of the kernel before and after enclose ours, give or take the error; a preemption only widens.
  const nanoseconds slack = 1us; // 5 ms are extrapolated over less than a second of this test, at less than 1 ppm
  for (int i = 0; i < 100'000; ++i) {
    const auto before = kernel::now().time_since_epoch();
    const auto shown = (i % 2 == 0 ? takt::tsc_clock::now() : takt::fast_tsc_clock::now()).time_since_epoch();
    const auto after = kernel::now().time_since_epoch();
    REQUIRE(shown >= before - slack);
    REQUIRE(shown <= after + slack);
  }
  // One reading in many is undisturbed, and lies outside its bracket by no more than what the calibration states.
  nanoseconds off = nanoseconds::max();
  for (int i = 0; i < 1000; ++i) {
    const auto before = kernel::now().time_since_epoch();
    const auto shown = takt::tsc_clock::now().time_since_epoch();
    const auto after = kernel::now().time_since_epoch();
    off = std::min(off, shown < before ? before - shown : shown > after ? shown - after : 0ns);
  }
  const auto age = kernel::now().time_since_epoch() - c.point().reference;
  const auto drift = static_cast<nanoseconds::rep>(c.uncertainty_ppm() * 1e-6 * static_cast<double>(age.count()));
  CHECK(off <= 2 * c.point().half_width + nanoseconds(drift));
}

TEST_CASE("conversions meet the other clocks") {
  const auto steady_before = std::chrono::steady_clock::now();
  const auto t = takt::tsc_clock::to_steady(takt::tsc_clock::now());
  CHECK(t >= steady_before - 10us);
  CHECK(t <= std::chrono::steady_clock::now() + 10us);
  bool met = false; // the system clock may be set between two reads, but not three times in a row
  for (int i = 0; i < 3 && !met; ++i) {
    const auto before = std::chrono::system_clock::now();
    const auto sys = takt::tsc_clock::to_sys(takt::tsc_clock::now());
    const auto after = std::chrono::system_clock::now();
    const auto back = takt::tsc_clock::from_sys(sys);
    met = sys >= before - 50us && sys <= after + 50us && back <= takt::tsc_clock::now() + 50us && back >= takt::tsc_clock::now() - 50ms;
  }
  CHECK(met);
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  std::error_code ec;
  takt::tsc_clock::calibrate(1ms, ec);
  REQUIRE(!ec);
  const auto before = takt::tsc_clock::now();
  const auto dated = takt::tsc_clock::date(takt::read_counter<takt::ordering::ordered>());
  CHECK(dated.time >= before);
  CHECK(dated.time <= takt::tsc_clock::now());
}

TEST_CASE("stamps that threads hand to each other never go back, whatever discipline() is given") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  struct tag;
  using clock = ordered<tag>;
  std::error_code ec;
  clock::calibrate(1ms, 1s, ec);
  REQUIRE(!ec);
  const wrong_keeper<clock, tag> keeper;
  std::atomic<std::int64_t> handed{0};
  std::atomic<std::int64_t> worst{0};
  std::vector<std::thread> threads;
  const auto end = kernel::now() + 1s;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      do {
        for (int n = 0; n < 1000; ++n) {
          std::int64_t given = handed.load(std::memory_order_acquire);
          const std::int64_t taken = clock::now().time_since_epoch().count();
          if (taken < given) worst = std::max(worst.load(), given - taken);
          while (given < taken && !handed.compare_exchange_weak(given, taken, std::memory_order_acq_rel)) {}
        }
      } while (kernel::now() < end);
    });
  }
  for (auto& t : threads) t.join();
  CHECK(worst == 0);
}

TEST_CASE("the fast clock never goes back within a thread") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  struct tag;
  using clock = fast<tag>;
  std::error_code ec;
  clock::calibrate(1ms, 1s, ec);
  REQUIRE(!ec);
  const wrong_keeper<clock, tag> keeper;
  std::atomic<int> backwards{0};
  std::vector<std::thread> threads;
  const auto end = kernel::now() + 500ms;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      auto last = clock::now();
      do {
        for (int n = 0; n < 1000; ++n) {
          const auto now = clock::now();
          if (now < last) ++backwards;
          last = now;
        }
      } while (kernel::now() < end);
    });
  }
  for (auto& t : threads) t.join();
  CHECK(backwards == 0);
}

TEST_CASE("threads that meet the ends of segments that no keeper renews: no step back, and the counter's path again") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  struct tag;
  using clock = ordered<tag>;
  std::error_code ec;
  clock::calibrate(1ms, 1ms, ec); // a life of 1.004 s
  REQUIRE(!ec);
  std::atomic<std::int64_t> handed{0};
  std::atomic<int> backwards{0};
  const auto end = kernel::now() + 1500ms;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (kernel::now() < end) {
        for (int n = 0; n < 100; ++n) {
          std::int64_t before = handed.load();
          const std::int64_t now = clock::now().time_since_epoch().count();
          backwards += now < before;
          while (before < now && !handed.compare_exchange_weak(before, now)) {}
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(backwards == 0);
  CHECK(clock::source() == takt::clock_path::counter);
  const auto before = kernel::now().time_since_epoch();
  const auto shown = clock::now().time_since_epoch();
  CHECK(shown >= before - 20us); // what a bracket may leave open on a machine that is busy
  CHECK(shown <= kernel::now().time_since_epoch() + 20us);
}

namespace handler {
struct tag;
volatile std::sig_atomic_t calls = 0, backwards = 0;
std::int64_t last = 0;
extern "C" void read_clock_in_handler(int) {
  const std::int64_t now = ordered<tag>::now().time_since_epoch().count();
  if (now < last) backwards = backwards + 1;
  last = now;
  calls = calls + 1;
}
} // namespace handler

TEST_CASE("it is read in a signal handler that interrupts a discipline()") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  using clock = ordered<handler::tag>;
  std::error_code ec;
  clock::calibrate(1ms, 1s, ec);
  REQUIRE(!ec);
  struct sigaction action {}, old{};
  action.sa_handler = &handler::read_clock_in_handler;
  action.sa_flags = SA_RESTART;
  REQUIRE(sigaction(SIGUSR1, &action, &old) == 0);
  std::atomic<bool> done{false};
  const pthread_t self = pthread_self();
  std::thread tormentor([&] {
    while (!done) {
      pthread_kill(self, SIGUSR1);
      std::this_thread::sleep_for(20us);
    }
  });
  // On a busy machine the other thread seldom runs.
  for (const auto begin = kernel::now(); kernel::now() < begin + (handler::calls > 100 ? 300ms : 60s);) {
    const auto before = clock::now();
    static_cast<void>(clock::discipline(1s, ec));
    CHECK(!ec);
    CHECK(clock::now() >= before);
  }
  done = true;
  tormentor.join();
  sigaction(SIGUSR1, &old, nullptr);
  CHECK(handler::calls > 100);
  CHECK(handler::backwards == 0);
}

TEST_CASE("a child that was forked in the middle of a discipline() reads and disciplines") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  struct tag;
  using clock = ordered<tag>;
  std::error_code ec;
  clock::calibrate(1ms, 1s, ec);
  REQUIRE(!ec);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    std::error_code mine;
    while (!done) static_cast<void>(clock::discipline(1s, mine));
  });
  int failed = 0;
  for (int i = 0; i < 100; ++i) {
    const auto before = clock::now();
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      alarm(20); // a child that waits for a thread it does not have would wait for ever
      bool good = clock::now() >= before;
      std::error_code mine;
      auto last = clock::now();
      for (int n = 0; n < 20; ++n) {
        static_cast<void>(clock::discipline(1s, mine));
        const auto now = clock::now();
        good = good && !mine && now >= last;
        last = now;
      }
      _exit(good ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    failed += status != 0;
  }
  done = true;
  writer.join();
  CHECK(failed == 0);
}

TEST_CASE("a hundred threads that calibrate at once") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  struct tag;
  using clock = ordered<tag>;
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&] {
      const auto before = clock::now();
      std::error_code ec;
      const auto c = clock::calibrate(200us, ec);
      if (ec || !c.rate().known() || clock::now() < before) ++failed;
    });
  }
  for (auto& t : threads) t.join();
  CHECK(failed == 0);
  CHECK(clock::source() == takt::clock_path::counter);
}

#if defined(__x86_64__)
TEST_CASE("a thread that forbids itself the counter before it calibrates gets the system call's path and no signal") {
#if defined(TAKT_SANITIZER_READS_CLOCKS)
  TAKT_SKIP("the sanitizer's own runtime reads the clock by the vDSO in every thread");
#endif
  // A state of its own, by an Os of its own: the reference must be the kernel's clock itself.
  struct own_os : takt::linux_os {};
  using clock = takt::basic_tsc_clock<takt::posix_clock<CLOCK_MONOTONIC, takt::access::vdso, own_os>, takt::ordered_counter, own_os>;
  std::error_code ec;
  bool done = false;
  std::thread([&] {
    if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) != 0) return;
    const auto c = clock::calibrate(5ms, ec);
    static_cast<void>(c);
    const auto a = clock::now();
    const auto b = clock::now();
    done = a <= b && a.time_since_epoch() > 0s && clock::source() == takt::clock_path::system_call;
  }).join();
  CHECK(ec == takt::errc::counter_forbidden);
  CHECK(done);
}
#endif

TEST_CASE("it follows the wall clock too") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  using wall = takt::basic_tsc_clock<takt::posix_clock<CLOCK_REALTIME>, takt::ordered_counter>;
  std::error_code ec;
  wall::calibrate(2ms, ec);
  REQUIRE(!ec);
  bool met = false;
  for (int i = 0; i < 3 && !met; ++i) {
    const auto before = std::chrono::system_clock::now().time_since_epoch();
    const auto shown = wall::now().time_since_epoch();
    const auto after = std::chrono::system_clock::now().time_since_epoch();
    met = shown >= before - 10us && shown <= after + 10us;
  }
  CHECK(met);
  CHECK(wall::to_sys(wall::now()).time_since_epoch() > 0s);
}
