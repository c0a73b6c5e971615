// The clocks, sleeps and timers of POSIX by takt, for the kernel's selftests of timers. Their calls of these functions are
// renamed in their object files, so that takt's own calls stay those of the system. TAKT_FOREIGN in the environment says what
// CLOCK_MONOTONIC is:
//   tsc    tsc_clock, held to the kernel's clock by a clock_keeper; sleeps end at their deadlines
//   fast   the same with fast_tsc_clock
//   grid   posix_clock; sleeps end on a grid of 10 ms, relative ones on CLOCK_MONOTONIC by nanosleep_aligned
//
// What differs by design: timers are those of a scheduler, which does not wake a suspended machine, so timer_create refuses ALARM
// clocks; CPU time cannot be slept on, because such a sleep may never end.
#include <takt/clock/tsc_clock.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/scheduler/scheduler.hpp>
#include <takt/sleep/nanosleep_aligned.hpp>
#include <takt/sleep/sleep.hpp>
#include <takt/timer/alarm.hpp>
#include <takt/timer/keeper.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <poll.h>
#include <string_view>
#include <system_error>
#include <thread>
#include <time.h>
#include <type_traits>
#include <unistd.h>

namespace {

using std::chrono::nanoseconds;

enum class variant { tsc, fast, grid };
variant chosen() {
  const char* const name = std::getenv("TAKT_FOREIGN");
  if (name != nullptr && std::string_view(name) == "tsc") return variant::tsc;
  if (name != nullptr && std::string_view(name) == "fast") return variant::fast;
  if (name != nullptr && std::string_view(name) == "grid") return variant::grid;
  std::abort();
}
const variant how = chosen();
const takt::grid beat(std::chrono::milliseconds(10));
const takt::clock_keeper keeper; // where the counter is no clock, tsc_clock reads the kernel's, and so do the tests

/// Calls f with the type of the clock that stands for `id`. Returns: what f returns; ENOTSUP if takt does not sleep on `id`.
template <class F> int on_clock(clockid_t id, F f) {
  switch (id) {
  case CLOCK_MONOTONIC:
    if (how == variant::tsc) return f(std::type_identity<takt::tsc_clock>());
    if (how == variant::fast) return f(std::type_identity<takt::fast_tsc_clock>());
    return f(std::type_identity<takt::posix_clock<CLOCK_MONOTONIC>>());
  case CLOCK_BOOTTIME: return f(std::type_identity<takt::posix_clock<CLOCK_BOOTTIME>>());
  case CLOCK_REALTIME: return f(std::type_identity<takt::posix_clock<CLOCK_REALTIME>>());
  case CLOCK_TAI: return f(std::type_identity<takt::posix_clock<CLOCK_TAI>>());
  default: return ENOTSUP;
  }
}

int interrupted(nanoseconds left, int flags, timespec* remaining) {
  if ((flags & TIMER_ABSTIME) == 0 && remaining != nullptr) *remaining = takt::to_timespec(std::max(left, nanoseconds::zero()));
  return EINTR;
}

int sleep_on_alarm(clockid_t id, int flags, nanoseconds time, timespec* remaining) {
  using clock = takt::alarm_timer::clock;
  std::error_code ec;
  takt::alarm_timer alarm(id == CLOCK_BOOTTIME_ALARM ? clock::boottime : clock::realtime, ec);
  if (ec) return ec.value();
  const nanoseconds deadline = (flags & TIMER_ABSTIME) != 0 ? time : alarm.now() + time;
  alarm.at(deadline, ec);
  while (!ec && !alarm.fire(ec) && !ec) {
    pollfd readable{alarm.fd(), POLLIN, 0};
    if (::poll(&readable, 1, -1) < 0) return interrupted(deadline - alarm.now(), flags, remaining);
  }
  return ec.value();
}

template <class Clock> int sleep_on(int flags, nanoseconds time, timespec* remaining) {
  using point = std::chrono::time_point<typename Clock::time_point::clock, nanoseconds>;
  const bool absolute = (flags & TIMER_ABSTIME) != 0;
  const point begin = Clock::now();
  std::error_code ec;
  bool reached = true;
  if (how == variant::grid) {
    constexpr bool as_in_c = std::is_same_v<Clock, takt::posix_clock<CLOCK_MONOTONIC>>;
    const timespec request = takt::to_timespec(time);
    if (!absolute && as_in_c)
      return takt::nanosleep_aligned(request, takt::SLACK_VALUE_10MS, takt::interruptible, remaining) == 0 ? 0 : errno;
    if (absolute) reached = takt::sleep_until_aligned(point(time), beat, takt::interruptible, ec);
    else reached = takt::sleep_aligned<Clock>(time, beat, takt::interruptible, ec);
  } else {
    if (absolute) reached = takt::sleep_until(point(time), takt::interruptible, ec);
    else reached = takt::sleep_within<Clock>(time, takt::slack(), takt::interruptible, ec);
  }
  if (ec) return ec.value();
  return reached ? 0 : interrupted(begin + time - point(Clock::now()), flags, remaining);
}

struct any_timer {
  virtual ~any_timer() = default;
  /// Effects: arms the timer for `first`, and then every `period` unless that is zero.
  virtual void arm(nanoseconds first, bool absolute, nanoseconds period) = 0;
};

/// A timer as a node of a scheduler of its own, without slack, whose callback raises a signal.
template <class Clock> class timer_on final : public any_timer {
public:
  explicit timer_on(int signal) : signal_(signal) {
    sigset_t all, before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before); // signals are for the threads of the test
    thread_ = std::thread([this] { scheduler_.run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~timer_on() override {
    scheduler_.stop();
    thread_.join();
  }
  void arm(nanoseconds first, bool absolute, nanoseconds period) override {
    node_.cancel();
    if (absolute && first == nanoseconds::zero()) return;
    due_ = absolute ? time_point(first) : scheduler_.now() + first;
    period_ = period;
    node_.arm(due_, takt::slack());
  }

private:
  using scheduler = takt::basic_grid_scheduler<Clock>;
  using time_point = typename scheduler::time_point;
  void expire() {
    ::kill(::getpid(), signal_);
    if (period_ != nanoseconds::zero()) node_.arm(due_ += period_, takt::slack());
  }

  int signal_;
  time_point due_;
  nanoseconds period_{};
  scheduler scheduler_;
  takt::basic_grid_timer<scheduler> node_{scheduler_, [this] { expire(); }};
  std::thread thread_;
};

} // namespace

extern "C" {

int takt_clock_gettime(clockid_t id, timespec* out) {
  std::error_code ec;
  nanoseconds now{};
  const auto read = [&now]<class Clock>(std::type_identity<Clock>) {
    now = Clock::now().time_since_epoch();
    return 0;
  };
  if (on_clock(id, read) != 0) now = takt::read_clock(id, ec);
  if (ec) return errno = ec.value(), -1;
  *out = takt::to_timespec(now);
  return 0;
}

int takt_clock_nanosleep(clockid_t id, int flags, const timespec* request, timespec* remaining) {
  if (request->tv_sec < 0 || request->tv_nsec < 0 || request->tv_nsec >= 1'000'000'000) return EINVAL;
  const nanoseconds time = takt::to_nanoseconds(*request);
  if (id == CLOCK_REALTIME_ALARM || id == CLOCK_BOOTTIME_ALARM) return sleep_on_alarm(id, flags, time, remaining);
  return on_clock(id, [&]<class Clock>(std::type_identity<Clock>) { return sleep_on<Clock>(flags, time, remaining); });
}

unsigned takt_sleep(unsigned seconds) {
  timespec left{static_cast<time_t>(seconds), 0};
  return takt_clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR ? static_cast<unsigned>(left.tv_sec + 1) : 0;
}

int takt_timer_create(clockid_t id, sigevent* event, timer_t* out) {
  const int error = on_clock(id, [&]<class Clock>(std::type_identity<Clock>) {
    *out = static_cast<any_timer*>(new timer_on<Clock>(event == nullptr ? SIGALRM : event->sigev_signo));
    return 0;
  });
  return error == 0 ? 0 : (errno = error, -1);
}
int takt_timer_settime(timer_t timer, int flags, const itimerspec* value, itimerspec* before) {
  if (before != nullptr) *before = {};
  static_cast<any_timer*>(timer)->arm(takt::to_nanoseconds(value->it_value), (flags & TIMER_ABSTIME) != 0,
                                      takt::to_nanoseconds(value->it_interval));
  return 0;
}
int takt_timer_delete(timer_t timer) {
  delete static_cast<any_timer*>(timer);
  return 0;
}

} // extern "C"
