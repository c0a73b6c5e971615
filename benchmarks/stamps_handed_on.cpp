// stamps_handed_on [READS]: whether time runs backwards, for threads that hand stamps to each other and for each by
// itself.
//
// One thread a CPU: each takes the newest stamp it was given, reads the clock, compares, and hands its own on. A stamp
// below the one that was received before it was taken is a step back. fast_tsc_clock may show some, because a bare read
// may happen before the load of the stamp has finished; tsc_clock none. Both are read on the kernel's clock as it is,
// and then again while discipline() is called every millisecond with a reference that is wrong by up to 10 us in either
// direction: now the fast clock is compared with itself alone. Ends with 1 if a promise was broken.
#include "arguments.hpp"
#include <takt/clock/tsc_clock.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using kernel = takt::posix_clock<CLOCK_MONOTONIC>;

/// CLOCK_MONOTONIC, wrong by an amount that the caller sets.
struct shaky {
  using duration = nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<shaky>;
  static constexpr bool is_steady = true;
  inline static std::atomic<std::int64_t> error{0};
  static time_point now() noexcept {
    return time_point(kernel::now().time_since_epoch() + nanoseconds(error.load(std::memory_order_relaxed)));
  }
};
using shaken = takt::basic_tsc_clock<shaky, takt::ordered_counter>;
using fast_shaken = takt::basic_tsc_clock<shaky, takt::bare_counter>;

struct counts {
  std::uint64_t reads = 0, back = 0;
  std::int64_t most = 0; ///< the largest step back, ns

  void compare(std::int64_t before, std::int64_t taken) noexcept {
    ++reads;
    if (taken >= before) return;
    ++back;
    most = std::max(most, before - taken);
  }
};

enum class compared { with_all, with_itself };

template <class Clock> counts read(std::uint64_t reads, compared with) {
  const unsigned n = std::max(2u, std::thread::hardware_concurrency());
  alignas(64) std::atomic<std::int64_t> newest{0};
  std::vector<counts> all(n);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < n; ++t) {
    threads.emplace_back([&, t] {
      counts mine;
      std::int64_t last = 0;
      for (std::uint64_t i = 0; i < reads / n; ++i) {
        if (with == compared::with_all) last = newest.load(std::memory_order_acquire);
        const std::int64_t taken = Clock::now().time_since_epoch().count();
        mine.compare(last, taken);
        last = taken;
        if (with == compared::with_all) newest.store(taken, std::memory_order_release);
      }
      all[t] = mine;
    });
  }
  for (auto& t : threads) t.join();
  counts sum;
  for (const counts& c : all) sum.reads += c.reads, sum.back += c.back, sum.most = std::max(sum.most, c.most);
  return sum;
}

/// Disciplines the clock every millisecond, by a reference that is wrong by something else each time.
class wrong_keeper {
public:
  ~wrong_keeper() {
    done_ = true;
    thread_.join();
    std::printf("  discipline() was called %" PRIu64 " times, %" PRIu64
                " of them found the clock ahead, by up to %.1f us\n",
                calls_, ahead_, static_cast<double>(most_.count()) * 1e-3);
  }

private:
  void keep() {
    std::mt19937_64 random(1);
    while (!done_) {
      shaky::error = static_cast<std::int64_t>(random() % 20'001) - 10'000;
      std::error_code ec;
      const auto found = shaken::discipline(1s, ec);
      ++calls_, ahead_ += found.offset > 0ns, most_ = std::max(most_, found.offset);
      std::this_thread::sleep_for(1ms);
    }
  }
  std::atomic<bool> done_{false};
  std::uint64_t calls_ = 0, ahead_ = 0;
  nanoseconds most_{};
  std::thread thread_{[this] { keep(); }}; // last: it uses the others
};

/// Returns: whether there was no step back.
template <class Clock> bool show(const char* name, std::uint64_t reads, compared with) {
  const auto begin = std::chrono::steady_clock::now();
  const counts c = read<Clock>(reads, with);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("  %-15s %-17s %11" PRIu64 " reads in %5.1f s  %9" PRIu64 " steps back", name,
              with == compared::with_all ? "between threads" : "within a thread", c.reads, seconds, c.back);
  if (c.back != 0) {
    std::printf(", one in %.0f, the largest %" PRId64 " ns", static_cast<double>(c.reads) / static_cast<double>(c.back),
                c.most);
  }
  std::printf("\n");
  std::fflush(stdout);
  return c.back == 0;
}

} // namespace

int main(int argc, char** argv) {
  const auto reads = static_cast<std::uint64_t>(arguments(argc, argv, "stamps_handed_on [READS]", 1).number(1, 1, 20'000'000));
  std::error_code ec;
  takt::tsc_clock::calibrate(20ms, ec);
  if (!ec) shaken::calibrate(20ms, 1s, ec);
  if (ec) return std::printf("tsc_clock: %s\n", ec.message().c_str()), 0;

  bool kept = true;
  std::printf("on the kernel's clock as it is\n");
  show<takt::fast_tsc_clock>("fast_tsc_clock", reads, compared::with_all);
  kept &= show<takt::tsc_clock>("tsc_clock", reads, compared::with_all);
  kept &= show<takt::fast_tsc_clock>("fast_tsc_clock", reads, compared::with_itself);
  std::printf("disciplined every millisecond, wrongly\n");
  {
    const wrong_keeper keeper;
    kept &= show<shaken>("tsc_clock", reads, compared::with_all);
    kept &= show<fast_shaken>("fast_tsc_clock", reads, compared::with_itself);
  }
  return kept ? 0 : 1;
}
