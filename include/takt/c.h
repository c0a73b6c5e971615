/// c.h - takt for programs in C (C99 and later), and for all that can call C. C++ programs need takt.hpp instead.
///
///   struct timespec duration = {0, 9000000};
///   takt_nanosleep_aligned(&duration, TAKT_SLACK_10MS);     /* nanosleep(&duration, NULL), on to the next 10 ms */
///
/// Link with -ltakt_c: `pkg-config --cflags --libs takt_c`, or takt::c with CMake.
///
/// These rules hold for every function below, unless it says otherwise:
///
/// RETURN VALUE: a function that returns an int returns at least 0 on success. On failure it returns the negative of a
/// value of errno(3), sets errno to that value and leaves what its pointers point to as it was; takt_last_error() says
/// what failed. On success errno is as it was.
/// ERRORS: EINVAL for a null pointer and for an invalid time; EIO for files of the kernel that do not have their
/// documented form, and for a counter or a clock that went back or stood still.
/// UNITS: a name that ends in _ns is in nanoseconds. Points in time are those of CLOCK_MONOTONIC. No argument
/// overflows: a time beyond 292 years counts as 292 years.
/// BLOCKING: no function blocks, except takt_nanosleep_aligned(), takt_scheduler_run() and those whose description says
/// that they wait.
/// THREADS: any thread may call any function at any time. An object may be used after the function that creates it has
/// returned, and not during or after its destruction. The destruction of a null pointer does nothing.
/// SIGNALS: a handler may call takt_nanosleep_aligned(), takt_deadline(), takt_now_ns(), takt_ticks(),
/// takt_ticks_to_ns(), the grid and takt_roundest_point_ns(). No function ends early because of a signal. No function
/// is a cancellation point of pthread_cancel(3), but a callback may contain one: a thread that calls back must not be
/// cancelled, because that ends the program.
/// FORK: in a child, functions of inherited objects fail with EPERM and do nothing; the objects may be destroyed.
/// Sleeps, clocks and the grid go on.
/// EXCEPTIONS: no exception leaves a function. A callback must return: it must neither throw nor jump out (longjmp(3)).
///
/// ABI: the library's SONAME is libtakt_c.so.1, and its symbols have the version TAKT_C_1. As long as these stay, so do
/// the functions, the values and the order of the fields; new ones are added at the end.
///
/// Does not promise: one time line and one grid origin in a program that uses both this library and takt.hpp. Each of
/// the two has its own, and they agree within their errors.
#ifndef TAKT_C_H
#define TAKT_C_H

#include <stdint.h>
#include <time.h>

struct timespec; // with -std=c99, <time.h> defines it only if _POSIX_C_SOURCE is defined, as nanosleep(2) needs it

#ifdef __cplusplus
extern "C" {
#endif

/// Returns: the version of the library: 10000 * major + 100 * minor + patch.
int takt_version(void);

/// Returns: what failed last in this thread and what the caller can do about it, as one line without a newline; "" if
/// nothing failed. The text is valid until this thread calls the function again. A call that succeeds does not change
/// the text.
const char *takt_last_error(void);

/* Sleeping together with others */

/// The period of the grid on which a sleep ends. TAKT_SLACK_EXACT stands for no grid.
#ifdef __cplusplus
enum takt_slack : int {
#else
enum takt_slack {
#endif
  TAKT_SLACK_EXACT,
  TAKT_SLACK_10NS,
  TAKT_SLACK_100NS,
  TAKT_SLACK_1US,
  TAKT_SLACK_10US,
  TAKT_SLACK_100US,
  TAKT_SLACK_1MS,
  TAKT_SLACK_10MS,
  TAKT_SLACK_100MS,
  TAKT_SLACK_1S
};

/// Sleeps at least `*duration`, and on to the next point of the grid that `slack` names, which all processes of the
/// machine share. A loop that sleeps "at least P" on a grid of period P wakes up every 2 P: ask for less than P.
///
/// The function sleeps in spite of an error, so that a loop which ignores the result does not spin. The only exception
/// is a system call that a filter denies.
///   - If the grid's origin is unknown, it sleeps on a grid from the zero of this process's clock, then reports that.
///   - If `slack` is no enumerator, it sleeps `*duration`, then reports that.
///   - If `*duration` is invalid, it sleeps a millisecond, then reports that (nanosleep(2) returns at once).
/// ERRORS: EINVAL for a tv_nsec outside 0..999999999, for a negative tv_sec and for a slack that is no enumerator.
/// If the origin is unknown: ENOENT without /proc, EOPNOTSUPP, EIO, as takt_grid_origin_ns(). Under a filter of system
/// calls, the errors of clock_nanosleep(2).
int takt_nanosleep_aligned(const struct timespec *duration, enum takt_slack slack);

/// Sets `*deadline` to the time on CLOCK_MONOTONIC at which takt_nanosleep_aligned() would end, for calls that take a
/// deadline: clock_nanosleep(2) with TIMER_ABSTIME, which a signal ends; pthread_cond_timedwait(3), timerfd_settime(2).
/// ERRORS: those of takt_nanosleep_aligned(). On error too, `*deadline` is set to the time at which that function would
/// return.
int takt_deadline(const struct timespec *duration, enum takt_slack slack, struct timespec *deadline);

/* The grid: what the functions above calculate with */

/// Sets `*point_ns` to the first point at or after `t_ns` of the grid { phase_ns + k * period_ns }.
/// ERRORS: EINVAL for a period that is not positive.
int takt_grid_ceil_ns(int64_t t_ns, int64_t period_ns, int64_t phase_ns, int64_t *point_ns);
/// Sets `*point_ns` to the last point at or before `t_ns` of that grid.
/// ERRORS: as takt_grid_ceil_ns().
int takt_grid_floor_ns(int64_t t_ns, int64_t period_ns, int64_t phase_ns, int64_t *point_ns);
/// Sets `*point_ns` to the roundest point of the window, both ends included: where independent processes whose windows
/// overlap probably meet. Both times are relative to the grid's origin.
/// ERRORS: EINVAL for an empty window.
int takt_roundest_point_ns(int64_t earliest_ns, int64_t latest_ns, int64_t *point_ns);
/// Sets `*origin_ns` to what CLOCK_MONOTONIC shows, in this process, at the zero of the grid: 0 outside time
/// namespaces. The first call reads /proc and keeps what it read: call it before chroot(2) or a sandbox hides /proc.
/// ERRORS: ENOENT without /proc, EOPNOTSUPP where the process has another time namespace for its children, EIO.
int takt_grid_origin_ns(int64_t *origin_ns);
/// From now on the grid of this process assumes that its clocks are ahead of the kernel's own by these amounts. For
/// programs without /proc that know the amounts from elsewhere; 0 and 0 mean that there is no time namespace. Cannot
/// fail.
void takt_assume_grid_origin_ns(int64_t monotonic_ns, int64_t boottime_ns);

/* Clocks */

/// Measures the processor's counter for `budget_ns` (5000000 is enough for most programs), and lets takt_now_ns() read
/// it instead of the kernel's clock. Waits for `budget_ns`. May be called again. Not needed with a keeper.
/// ERRORS: EOPNOTSUPP where the counter cannot serve as a clock, EACCES for a thread that may not read it, EAGAIN for
/// too few undisturbed readings, ENOMEM. Then takt_now_ns() goes on as before: slower, with the same promises.
int takt_calibrate(int64_t budget_ns);

/// A thread that keeps takt_now_ns() on the kernel's clock.
typedef struct takt_keeper takt_keeper;
/// Calibrates if need be (waits for 5 ms), and starts the thread, which checks once in `period_ns`; 1000000000 is
/// usual. It is no error if the counter cannot serve as a clock.
/// ERRORS: EINVAL for less than a millisecond; ENOMEM; what timerfd_create(2) and pthread_create(3) report.
int takt_keeper_create(int64_t period_ns, takt_keeper **keeper);
/// Ends the thread; waits until a check that is going on has ended, at most some milliseconds.
void takt_keeper_destroy(takt_keeper *keeper);

/// Returns: the time on the time line of CLOCK_MONOTONIC. It never goes backwards, not even between threads. Costs one
/// ordered read of the counter. Before takt_calibrate() or a keeper, and where the counter cannot serve as a clock, it
/// costs what clock_gettime(2) costs.
int64_t takt_now_ns(void);
/// Returns: the bare counter, for hot paths; takt_ticks_to_ns() converts it later.
uint64_t takt_ticks(void);
/// Returns: when the counter showed `ticks`, on the line of takt_now_ns(); 0 if the clock was not calibrated.
int64_t takt_ticks_to_ns(uint64_t ticks);
/// Returns: the nanoseconds from 1970-01-01 UTC to the time `t_ns` of takt_now_ns(), calculated by the present distance
/// of the two clocks.
int64_t takt_unix_ns(int64_t t_ns);

/* Many timers, few wake-ups */

/// Timers that share wake-ups, among each other and with other processes.
typedef struct takt_scheduler takt_scheduler;
/// A timer of a scheduler.
typedef struct takt_timer takt_timer;
/// What a timer calls, with the pointer that takt_timer_create() was given. It may call all functions, also for its own
/// timer: it may arm, cancel or destroy it, and destroy the scheduler.
typedef void (*takt_timer_callback)(takt_timer *timer, void *data);

/// Makes a scheduler.
/// RETURN VALUE: 1 if the scheduler works, but off the grid of other processes, because the origin is unknown (see
/// takt_grid_origin_ns(); takt_last_error() says why).
/// ERRORS: ENOMEM.
int takt_scheduler_create(takt_scheduler **scheduler);
/// Cancels the timers and frees the scheduler. Its timers must be destroyed too, before or after it. They must not be
/// armed any more.
void takt_scheduler_destroy(takt_scheduler *scheduler);

/// Calls back, and sleeps in between, until takt_scheduler_stop() is called. The kernel may move each wake-up within
/// its window.
/// ERRORS: EBUSY if a thread is in this function already, or if a callback calls it; EPERM in a forked child.
int takt_scheduler_run(takt_scheduler *scheduler);
/// Ends takt_scheduler_run(), or the next call of it if no thread is in it. A signal handler must not call this, but
/// may write(2) to a pipe.
int takt_scheduler_stop(takt_scheduler *scheduler);
/// RETURN VALUE: a descriptor for poll(2), epoll(7) and similar calls that is readable when it is time for
/// takt_scheduler_fire(). The scheduler owns it: do not read or close it.
/// ERRORS: EMFILE and the others of timerfd_create(2); EPERM in a forked child.
int takt_scheduler_fd(takt_scheduler *scheduler);
/// Calls back the timers whose windows are open, in the order in which they are due. Waits for nothing but callbacks.
/// RETURN VALUE: how many timers were called back; 0 while a callback runs, in this thread or in another.
/// ERRORS: EPERM in a forked child.
int takt_scheduler_fire(takt_scheduler *scheduler);
/// Sets `*when_ns` to when takt_scheduler_fire() should be called next, for loops without a descriptor.
/// RETURN VALUE: 1; or 0 if no timer is armed, and then `*when_ns` is as it was.
/// ERRORS: EPERM in a forked child.
int takt_scheduler_next_wakeup_ns(takt_scheduler *scheduler, int64_t *when_ns);

/// Makes a timer that calls `callback` with `data`, and is not armed.
/// ERRORS: ENOMEM; EPERM in a forked child.
int takt_timer_create(takt_scheduler *scheduler, takt_timer_callback callback, void *data, takt_timer **timer);
/// Cancels and frees a timer. Waits for its callback if that runs in another thread.
void takt_timer_destroy(takt_timer *timer);

// The functions that arm a timer move a timer that is armed, and allocate nothing. The callback runs in the window from
// the due time to `slack_ns` later, both included, or as soon as possible after it, and never earlier.
// ERRORS: EINVAL for a negative slack; EPERM in a forked child. Then the timer is as before.

/// Arms a timer once: due `delay_ns` after now.
int takt_timer_after(takt_timer *timer, int64_t delay_ns, int64_t slack_ns);
/// Arms a timer once: due at `when_ns`.
int takt_timer_at(takt_timer *timer, int64_t when_ns, int64_t slack_ns);
/// Arms a timer for every period: due at now + k * period_ns, k = 1, 2, ...; without drift. A cycle is left out if its
/// window has closed before the callback of the previous cycle is called.
/// ERRORS: also EINVAL for a period that is not positive, and for a slack that is not shorter than the period.
int takt_timer_every(takt_timer *timer, int64_t period_ns, int64_t slack_ns);
/// Cancels a timer, which can be armed again. Waits for its callback if that runs in another thread: the caller must
/// not hold a lock that the callback takes.
/// RETURN VALUE: 1 if that prevented a callback; 0 if not.
int takt_timer_cancel(takt_timer *timer);
/// Sets `*when_ns` to when the timer is due next.
/// RETURN VALUE: 1; or 0 if it is not armed.
/// ERRORS: EPERM in a forked child.
int takt_timer_due_ns(const takt_timer *timer, int64_t *when_ns);

/* What happens to the clocks */

/// The kinds of changes. A size is negative where the clock went back or fell behind.
enum takt_change_kind {
  TAKT_CHANGE_STEP,            ///< CLOCK_REALTIME was set, by `size_ns`
  TAKT_CHANGE_SLEW,            ///< CLOCK_MONOTONIC runs at another rate, `rate_ppm`, or did so for a moment
  TAKT_CHANGE_SUSPEND,         ///< the machine was suspended, for `size_ns`
  TAKT_CHANGE_SOURCE_SWITCHED, ///< the kernel switched to another clock source
  TAKT_CHANGE_COUNTER_JUMP,    ///< the counter jumped against the kernel's clocks, by `size_ns`
  TAKT_CHANGE_COUNTER_SHIFT,   ///< the counter gained `size_ns` against the kernel's clocks, and keeps it
  TAKT_CHANGE_COUNTER_RATE,    ///< the counter's rate against CLOCK_MONOTONIC_RAW changed, by `rate_ppm`
  TAKT_CHANGE_LEAP_ANNOUNCED,  ///< a leap second is pending, by which CLOCK_REALTIME will step by `size_ns`
  TAKT_CHANGE_LEAP_WITHDRAWN,  ///< the announced leap second is not pending any more
  TAKT_CHANGE_LEAP_APPLIED,    ///< a leap second stepped CLOCK_REALTIME by `size_ns`
  TAKT_CHANGE_TAI_SET,         ///< the offset TAI - UTC was set, by `size_ns`
  TAKT_CHANGE_RESTORED,        ///< the machine or this process was restored from a snapshot or migrated
  TAKT_CHANGE_BACKWARDS        ///< CLOCK_MONOTONIC went backwards, by `size_ns` or more
};
/// A change of the clocks. Only the library makes these; later versions may add fields.
struct takt_change {
  enum takt_change_kind kind; ///< what happened
  int64_t after_ns;           ///< it happened after this time
  int64_t before_ns;          ///< it happened before this time
  int64_t size_ns;            ///< the size; 0 for kinds without one
  int64_t uncertainty_ns;     ///< the error bound of `size_ns`
  double rate_ppm;            ///< for the kinds that have a rate
  const char *text;           ///< a line for people, without the time and without a newline
};

/// Watches the clocks. It starts no thread.
typedef struct takt_watch takt_watch;
/// Makes a watch that takes a sample of the clocks once in `period_ns`, and when the kernel reports a change.
/// ERRORS: EINVAL for less than a millisecond; ENOMEM; EMFILE and the others of timerfd_create(2).
int takt_watch_create(int64_t period_ns, takt_watch **watch);
/// Frees a watch.
void takt_watch_destroy(takt_watch *watch);
/// RETURN VALUE: a descriptor that is readable when it is time for takt_watch_next(). The watch owns it.
/// ERRORS: EPERM in a forked child.
int takt_watch_fd(takt_watch *watch);
/// Sets `*change` to the next change, which is valid until the next call for this watch. Call it until it returns 0.
/// Only one thread at a time may call it for a watch. Takes some 20 us once in a period, and allocates for changes.
/// RETURN VALUE: 1; or 0 if there is no change.
/// ERRORS: ENOMEM; EPERM in a forked child.
int takt_watch_next(takt_watch *watch, const struct takt_change **change);

#ifdef __cplusplus
}
#endif

#endif
