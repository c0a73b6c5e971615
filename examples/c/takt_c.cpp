// The C interface (takt/c.h) on takt's headers: the one translation unit of libtakt_c.
//
// Each function is a call of the C++ interface inside guarded(), which turns errors and exceptions into results. The
// contracts are in c.h.
#include <cstdint>
#include <ctime>
// Everything else in this library is hidden.
#pragma GCC visibility push(default)
#include <takt/c.h>
#pragma GCC visibility pop

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdio>
#include <deque>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <takt/clock/tsc_clock.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/grid.hpp>
#include <takt/core/ladder.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/kernel/os.hpp>
#include <takt/observe/clock_watch.hpp>
#include <takt/scheduler/scheduler.hpp>
#include <takt/sleep/grid_origin.hpp>
#include <takt/sleep/nanosleep_aligned.hpp>
#include <takt/timer/keeper.hpp>
#include <utility>

namespace {

using std::chrono::nanoseconds;

// Results

/// What failed last in a thread. It is stored without a text, because signal handlers may fail too; takt_last_error()
/// makes the text.
struct failure {
  const char* function;
  const std::error_category* category;
  int value;
  const char* hint;
};
// initial-exec: no access allocates, and the C library reserves room for this little.
[[gnu::tls_model("initial-exec")]] constinit thread_local failure last_failure{};
[[gnu::tls_model("initial-exec")]] constinit thread_local char last_text[192]{};

[[nodiscard]] std::error_code code(int value) noexcept { return {value, std::system_category()}; }

/// Returns: the value of errno that stands for an error of takt.
[[nodiscard]] int errno_of(std::error_code ec) noexcept {
  if (ec.category() != takt::error_category()) return ec.value() > 0 ? ec.value() : EIO;
  switch (static_cast<takt::errc>(ec.value())) {
  case takt::errc::no_effect:
  case takt::errc::counter_not_trusted: return EOPNOTSUPP;
  case takt::errc::counter_forbidden: return EACCES;
  case takt::errc::too_few_samples: return EAGAIN;
  default: return EIO;
  }
}

[[gnu::cold]] int failed(const char* function, std::error_code ec, const char* hint) noexcept {
  last_failure = {function, &ec.category(), ec.value(), hint};
  errno = errno_of(ec);
  return -errno;
}

/// Calls `f(ec, hint)`, which sets `ec` on failure, and `hint` to what the caller can do about it.
/// Returns: what f returned, or the negative error. Nothing leaves it but that.
template <class F> int guarded(const char* function, F&& f) noexcept {
  const int before = errno;
  std::error_code ec;
  const char* hint = nullptr;
  int result = 0;
  try {
    result = f(ec, hint);
  } catch (const std::bad_alloc&) {
    ec = code(ENOMEM);
  } catch (const std::system_error& e) {
    ec = e.code();
  } catch (...) {
    ec = code(EIO);
  }
  if (ec) return failed(function, ec, hint);
  errno = before;
  return result;
}

constexpr const char* null_hint = "a pointer is null";
constexpr const char* fork_hint = "the object belongs to the parent of this process; make one here";
constexpr const char* file_hint = "the limit of open files (ulimit -n)?";
constexpr const char* origin_hint =
    "the grid's origin is unknown: is /proc mounted? Call takt_grid_origin_ns() before /proc is hidden, or "
    "takt_assume_grid_origin_ns()";

/// Refuses a call. Returns: 0, which guarded() replaces.
int refuse(std::error_code& ec, const char*& hint, int error, const char* why) noexcept {
  ec = code(error), hint = why;
  return 0;
}

/// Which process an object belongs to.
class owner {
public:
  [[nodiscard]] bool forked() const noexcept { return takt::linux_os::forked_since(forks_); }

private:
  unsigned forks_ = takt::linux_os::fork_count();
};

/// As guarded(), for functions of an object: a null pointer is EINVAL, and an object of the parent process is EPERM.
template <class Object, class F> int guarded(const char* function, Object* object, F&& f) noexcept {
  return guarded(function, [&](std::error_code& ec, const char*& hint) {
    if (object == nullptr) return refuse(ec, hint, EINVAL, null_hint);
    if (object->process.forked()) return refuse(ec, hint, EPERM, fork_hint);
    return f(ec, hint);
  });
}

/// As guarded(), for functions that set `*result` to what f returns.
template <class Result, class F> int guarded_result(const char* function, Result* result, F&& f) noexcept {
  return guarded(function, [&](std::error_code& ec, const char*& hint) {
    if (result == nullptr) return refuse(ec, hint, EINVAL, null_hint);
    const std::optional<Result> value = f(ec, hint);
    if (value) *result = *value;
    else if (!ec) ec = code(EINVAL);
    return 0;
  });
}

// Sleeping

/// How long a sleep with an invalid duration takes, so that a loop which ignores the error does not spin.
constexpr timespec brake{0, 1'000'000};

struct request {
  timespec duration;
  takt::slack_value slack;
  int error; ///< what the function reports after it has served the rest
};

[[nodiscard]] request checked(const timespec* duration, takt_slack slack) noexcept {
  timespec unused;
  if (duration == nullptr || takt::nanosleep_deadline(*duration, takt::SLACK_VALUE_EXACT, unused) == EINVAL)
    return {brake, takt::SLACK_VALUE_EXACT, EINVAL};
  if (slack < TAKT_SLACK_EXACT || slack > TAKT_SLACK_1S) return {*duration, takt::SLACK_VALUE_EXACT, EINVAL};
  return {*duration, static_cast<takt::slack_value>(slack), 0};
}
static_assert(static_cast<int>(TAKT_SLACK_1S) == static_cast<int>(takt::SLACK_VALUE_1S));

[[nodiscard]] int request_result(const char* function, int error) noexcept {
  if (error == 0) return 0;
  return failed(function, code(error),
                error == EINVAL ? "the duration must be a time of at least 0, and the slack an enumerator" : origin_hint);
}

} // namespace

// What the handles of C stand for.

struct takt_scheduler {
  explicit takt_scheduler(std::error_code& ec) : timers(ec) {}
  takt::grid_scheduler timers;
  owner process; ///< after `timers`, which begins to count forks
};

/// A timer of takt with a callback of C, and a period, which timers of takt that allocate nothing do not have.
struct takt_timer {
  takt_timer(takt::grid_scheduler& s, takt_timer_callback f, void* d) noexcept
      : scheduler(s), callback(f), data(d), node(s, [this](const takt::grid_scheduler::event& e) { fire(e); }) {}

  /// Effects: arms the node in the window from `when` to `slack_ns` later, and then each `period_ns`, if that is not 0.
  template <class When> void arm(When when, std::int64_t slack_ns, std::int64_t period_ns, std::error_code& ec) {
    const std::lock_guard<std::mutex> hold(mutex);
    node.arm(when, takt::slack(nanoseconds(slack_ns)), ec);
    if (!ec) slack = nanoseconds(slack_ns), period = nanoseconds(period_ns);
  }
  takt::grid_scheduler& scheduler;
  owner process;

private:
  /// Arms the timer for the next cycle and calls back. Touches nothing after that: the callback may have freed it.
  /// noexcept: an exception that C++ code throws through C ends the program here, and not in a frame of C.
  void fire(const takt::grid_scheduler::event& e) noexcept {
    {
      const std::lock_guard<std::mutex> hold(mutex);
      // If another thread has armed the timer since this call began, that holds. If another thread waits in
      // takt_timer_cancel(), the scheduler cancels what is armed here.
      if (period > nanoseconds::zero() && node.status() != takt::grid_timer::state::pending) {
        const takt::grid cycles = *takt::grid::make(period, e.earliest.time_since_epoch());
        std::error_code none; // the slack was valid before
        node.arm(std::max(cycles.next(e.earliest), cycles.ceil(e.now - slack)), takt::slack(slack), none);
      }
    }
    callback(this, data);
  }

  std::mutex mutex; ///< guards `slack` and `period`, and keeps them consistent with the window of `node`
  nanoseconds slack{}, period{};
  takt_timer_callback callback;
  void* data;

public:
  takt::grid_timer node; ///< last: it is destroyed first, and waits for the callback
};

struct takt_keeper {
  takt_keeper(nanoseconds period, std::error_code& ec) noexcept : keeper(period, ec) {}
  takt::clock_keeper<> keeper;
};

struct takt_watch {
  takt_watch(nanoseconds period, std::error_code& ec) : watch(period, ec) {}
  takt::clock_watch watch;
  owner process;
  std::deque<takt::watch_event> events; ///< found, and not reported yet
  takt_change change{};
  std::string text;
};

namespace {

/// Makes an object of C for `*result`. Where its constructor sets `ec`, there is none. Returns: 0.
template <class Object, class... Arguments>
int make(Object** result, std::error_code& ec, const char*& hint, Arguments... arguments) {
  if (result == nullptr) return refuse(ec, hint, EINVAL, null_hint);
  Object* const made = new Object(arguments..., ec);
  if (ec) {
    delete made;
    if (ec == code(EMFILE) || ec == code(ENFILE)) hint = file_hint;
    if (ec == code(EINVAL)) hint = "a period of a millisecond at least";
  } else {
    *result = made;
  }
  return 0;
}

/// Arms a timer by `arm(ec)`.
template <class F> int armed(const char* function, takt_timer* timer, F&& arm) noexcept {
  return guarded(function, timer, [&](std::error_code& ec, const char*& hint) {
    arm(ec);
    if (ec) hint = "the slack must be at least 0 and shorter than the period, the period longer than 0";
    return 0;
  });
}

} // namespace

extern "C" {

int takt_version() { return takt::version; }

const char* takt_last_error() {
  const failure what = last_failure;
  if (what.function == nullptr) return "";
  const int before = errno;
  const auto print = [&](const char* message) {
    std::snprintf(last_text, sizeof(last_text), "%s: %s%s%s", what.function, message, what.hint != nullptr ? "; " : "",
                  what.hint != nullptr ? what.hint : "");
  };
  try {
    print(what.category->message(what.value).c_str());
  } catch (...) { // no memory for the message
    print("failed");
  }
  errno = before;
  return last_text;
}

int takt_nanosleep_aligned(const timespec* duration, takt_slack slack) {
  const int before = errno;
  const request r = checked(duration, slack);
  const int error = takt::nanosleep_aligned(r.duration, r.slack) == 0 ? r.error : errno;
  errno = before;
  return request_result(__func__, error);
}

int takt_deadline(const timespec* duration, takt_slack slack, timespec* deadline) {
  const int before = errno;
  if (deadline == nullptr) return failed(__func__, code(EINVAL), null_hint);
  const request r = checked(duration, slack);
  const int error = takt::nanosleep_deadline(r.duration, r.slack, *deadline);
  errno = before;
  return request_result(__func__, r.error != 0 ? r.error : error);
}

int takt_grid_ceil_ns(std::int64_t t_ns, std::int64_t period_ns, std::int64_t phase_ns, std::int64_t* point_ns) {
  return guarded_result(__func__, point_ns, [&](std::error_code&, const char*& hint) -> std::optional<std::int64_t> {
    const auto g = takt::grid::make(nanoseconds(period_ns), nanoseconds(phase_ns));
    if (!g) return hint = "the period must be longer than 0", std::nullopt;
    return g->ceil(nanoseconds(t_ns)).count();
  });
}

int takt_grid_floor_ns(std::int64_t t_ns, std::int64_t period_ns, std::int64_t phase_ns, std::int64_t* point_ns) {
  return guarded_result(__func__, point_ns, [&](std::error_code&, const char*& hint) -> std::optional<std::int64_t> {
    const auto g = takt::grid::make(nanoseconds(period_ns), nanoseconds(phase_ns));
    if (!g) return hint = "the period must be longer than 0", std::nullopt;
    return g->floor(nanoseconds(t_ns)).count();
  });
}

int takt_roundest_point_ns(std::int64_t earliest_ns, std::int64_t latest_ns, std::int64_t* point_ns) {
  return guarded_result(__func__, point_ns, [&](std::error_code&, const char*& hint) -> std::optional<std::int64_t> {
    const auto point = takt::roundest_point(nanoseconds(earliest_ns), nanoseconds(latest_ns), takt::shared_ladder());
    if (!point) return hint = "the window is empty", std::nullopt;
    return point->count();
  });
}

int takt_grid_origin_ns(std::int64_t* origin_ns) {
  return guarded_result(__func__, origin_ns, [](std::error_code& ec, const char*& hint) -> std::optional<std::int64_t> {
    const nanoseconds origin = takt::grid_origin(ec);
    if (ec) return hint = origin_hint, std::nullopt;
    return origin.count();
  });
}

void takt_assume_grid_origin_ns(std::int64_t monotonic_ns, std::int64_t boottime_ns) {
  takt::assume_grid_origin({nanoseconds(monotonic_ns), nanoseconds(boottime_ns)});
}

int takt_calibrate(std::int64_t budget_ns) {
  return guarded(__func__, [&](std::error_code& ec, const char*& hint) {
    if (budget_ns <= 0) return refuse(ec, hint, EINVAL, "the budget must be longer than 0");
    takt::tsc_clock::calibrate(nanoseconds(budget_ns), ec);
    return 0;
  });
}

int takt_keeper_create(std::int64_t period_ns, takt_keeper** keeper) {
  return guarded(__func__, [&](std::error_code& ec, const char*& hint) {
    return make(keeper, ec, hint, nanoseconds(period_ns));
  });
}

void takt_keeper_destroy(takt_keeper* keeper) { delete keeper; }

std::int64_t takt_now_ns() { return takt::tsc_clock::now().time_since_epoch().count(); }

std::uint64_t takt_ticks() { return takt::read_counter().count(); }

std::int64_t takt_ticks_to_ns(std::uint64_t ticks) {
  return takt::tsc_clock::from_ticks(takt::tick_point(ticks)).time_since_epoch().count();
}

std::int64_t takt_unix_ns(std::int64_t t_ns) {
  return takt::tsc_clock::to_sys(takt::tsc_clock::time_point(nanoseconds(t_ns))).time_since_epoch().count();
}

int takt_scheduler_create(takt_scheduler** scheduler) {
  return guarded(__func__, [&](std::error_code& ec, const char*& hint) {
    if (scheduler == nullptr) return refuse(ec, hint, EINVAL, null_hint);
    std::error_code off_the_grid;
    *scheduler = new takt_scheduler(off_the_grid);
    if (!off_the_grid) return 0;
    failed("takt_scheduler_create", off_the_grid, origin_hint); // for takt_last_error()
    return 1;
  });
}

void takt_scheduler_destroy(takt_scheduler* scheduler) { delete scheduler; }

int takt_scheduler_run(takt_scheduler* scheduler) {
  return guarded(__func__, scheduler, [&](std::error_code& ec, const char*&) {
    scheduler->timers.run(ec);
    return 0;
  });
}

int takt_scheduler_stop(takt_scheduler* scheduler) {
  return guarded(__func__, scheduler, [&](std::error_code&, const char*&) {
    scheduler->timers.stop();
    return 0;
  });
}

int takt_scheduler_fd(takt_scheduler* scheduler) {
  return guarded(__func__, scheduler, [&](std::error_code& ec, const char*& hint) {
    const int fd = scheduler->timers.fd(ec);
    if (ec) hint = file_hint;
    return fd;
  });
}

int takt_scheduler_fire(takt_scheduler* scheduler) {
  return guarded(__func__, scheduler, [&](std::error_code&, const char*&) {
    return static_cast<int>(std::min<std::size_t>(scheduler->timers.fire(), INT_MAX));
  });
}

int takt_scheduler_next_wakeup_ns(takt_scheduler* scheduler, std::int64_t* when_ns) {
  return guarded(__func__, scheduler, [&](std::error_code& ec, const char*& hint) {
    if (when_ns == nullptr) return refuse(ec, hint, EINVAL, null_hint);
    const auto next = scheduler->timers.next_wakeup();
    if (next) *when_ns = next->time_since_epoch().count();
    return next ? 1 : 0;
  });
}

int takt_timer_create(takt_scheduler* scheduler, takt_timer_callback callback, void* data, takt_timer** timer) {
  return guarded(__func__, scheduler, [&](std::error_code& ec, const char*& hint) {
    if (callback == nullptr || timer == nullptr) return refuse(ec, hint, EINVAL, null_hint);
    *timer = new takt_timer(scheduler->timers, callback, data);
    return 0;
  });
}

void takt_timer_destroy(takt_timer* timer) { delete timer; }

int takt_timer_after(takt_timer* timer, std::int64_t delay_ns, std::int64_t slack_ns) {
  return armed(__func__, timer, [&](std::error_code& ec) { timer->arm(nanoseconds(delay_ns), slack_ns, 0, ec); });
}

int takt_timer_at(takt_timer* timer, std::int64_t when_ns, std::int64_t slack_ns) {
  const takt::grid_scheduler::time_point when{nanoseconds(when_ns)};
  return armed(__func__, timer, [&](std::error_code& ec) { timer->arm(when, slack_ns, 0, ec); });
}

int takt_timer_every(takt_timer* timer, std::int64_t period_ns, std::int64_t slack_ns) {
  return armed(__func__, timer, [&](std::error_code& ec) {
    if (period_ns <= 0 || slack_ns >= period_ns) ec = code(EINVAL);
    else timer->arm(nanoseconds(period_ns), slack_ns, period_ns, ec);
  });
}

int takt_timer_cancel(takt_timer* timer) {
  return guarded(__func__, timer, [&](std::error_code&, const char*&) { return timer->node.cancel() ? 1 : 0; });
}

int takt_timer_due_ns(const takt_timer* timer, std::int64_t* when_ns) {
  return guarded(__func__, timer, [&](std::error_code& ec, const char*& hint) {
    if (when_ns == nullptr) return refuse(ec, hint, EINVAL, null_hint);
    const auto due = timer->node.due();
    if (due) *when_ns = due->time_since_epoch().count();
    return due ? 1 : 0;
  });
}

int takt_watch_create(std::int64_t period_ns, takt_watch** watch) {
  return guarded(__func__, [&](std::error_code& ec, const char*& hint) {
    return make(watch, ec, hint, nanoseconds(period_ns));
  });
}

void takt_watch_destroy(takt_watch* watch) { delete watch; }

int takt_watch_fd(takt_watch* watch) {
  return guarded(__func__, watch, [&](std::error_code&, const char*&) { return watch->watch.fd(); });
}

int takt_watch_next(takt_watch* watch, const takt_change** change) {
  return guarded(__func__, watch, [&](std::error_code& ec, const char*& hint) {
    if (change == nullptr) return refuse(ec, hint, EINVAL, null_hint);
    if (watch->events.empty()) {
      for (takt::watch_event& e : watch->watch.take(ec)) watch->events.push_back(std::move(e));
      if (ec || watch->events.empty()) return 0;
    }
    const takt::watch_event& e = watch->events.front();
    watch->text = to_string(e);
    watch->change = {static_cast<takt_change_kind>(e.kind), e.after.count(), e.before.count(), e.size.count(),
                     e.uncertainty.count(), e.rate_ppm, watch->text.c_str()};
    watch->events.pop_front();
    *change = &watch->change;
    return 1;
  });
}
static_assert(static_cast<int>(TAKT_CHANGE_BACKWARDS) == static_cast<int>(takt::watch_event::kind_type::backwards));

} // extern "C"
