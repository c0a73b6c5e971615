/* takt/c.h as a program in C99 uses it: what each function returns, on success and for senseless arguments, and what it does. */
#define _GNU_SOURCE /* unshare, setns */
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <takt/c.h>
#include <time.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const int64_t ms = 1000000;

static int64_t kernel_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
static int64_t in_ns(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

static void nothing(takt_timer *timer, void *data) { (void)timer, (void)data; }

/* Protects: an error is a negative value of errno, errno itself, and a text that names the function. */
#define CHECK_FAILS(call, error, name) \
  do { \
    errno = 0; \
    CHECK_EQUAL(call, -(error)); \
    CHECK_EQUAL(errno, error); \
    CHECK(strncmp(takt_last_error(), name ": ", sizeof(name) + 1) == 0); \
    CHECK(strlen(takt_last_error()) > sizeof(name) + 6); \
  } while (0)

/* Protects: null pointers and times without sense are refused, change nothing, and crash nothing. */
static void senseless(void) {
  CHECK(strcmp(takt_last_error(), "") == 0);
  takt_scheduler *s = NULL;
  takt_timer *t = NULL;
  const struct timespec ts = {0, 1};
  struct timespec deadline;
  int64_t ns = 7;
  const struct takt_change *change;
  CHECK_FAILS(takt_nanosleep_aligned(NULL, TAKT_SLACK_1MS), EINVAL, "takt_nanosleep_aligned");
  CHECK_FAILS(takt_deadline(&ts, TAKT_SLACK_1MS, NULL), EINVAL, "takt_deadline");
  CHECK_FAILS(takt_deadline(NULL, TAKT_SLACK_1MS, &deadline), EINVAL, "takt_deadline");
  CHECK_FAILS(takt_grid_ceil_ns(1, 10, 0, NULL), EINVAL, "takt_grid_ceil_ns");
  CHECK_FAILS(takt_grid_ceil_ns(1, 0, 0, &ns), EINVAL, "takt_grid_ceil_ns");
  CHECK_FAILS(takt_grid_floor_ns(1, 10, 0, NULL), EINVAL, "takt_grid_floor_ns");
  CHECK_FAILS(takt_grid_floor_ns(1, INT64_MIN, 0, &ns), EINVAL, "takt_grid_floor_ns");
  CHECK_FAILS(takt_roundest_point_ns(1, 0, &ns), EINVAL, "takt_roundest_point_ns");
  CHECK_FAILS(takt_roundest_point_ns(0, 1, NULL), EINVAL, "takt_roundest_point_ns");
  CHECK_FAILS(takt_grid_origin_ns(NULL), EINVAL, "takt_grid_origin_ns");
  CHECK_FAILS(takt_calibrate(0), EINVAL, "takt_calibrate");
  CHECK_FAILS(takt_calibrate(INT64_MIN), EINVAL, "takt_calibrate");
  CHECK_FAILS(takt_keeper_create(1000 * ms, NULL), EINVAL, "takt_keeper_create");
  takt_keeper *keeper = NULL;
  CHECK_FAILS(takt_keeper_create(999999, &keeper), EINVAL, "takt_keeper_create");
  CHECK(keeper == NULL);
  CHECK_FAILS(takt_scheduler_create(NULL), EINVAL, "takt_scheduler_create");
  CHECK_FAILS(takt_scheduler_run(NULL), EINVAL, "takt_scheduler_run");
  CHECK_FAILS(takt_scheduler_stop(NULL), EINVAL, "takt_scheduler_stop");
  CHECK_FAILS(takt_scheduler_fd(NULL), EINVAL, "takt_scheduler_fd");
  CHECK_FAILS(takt_scheduler_fire(NULL), EINVAL, "takt_scheduler_fire");
  CHECK_FAILS(takt_scheduler_next_wakeup_ns(NULL, &ns), EINVAL, "takt_scheduler_next_wakeup_ns");
  CHECK_FAILS(takt_timer_create(NULL, nothing, NULL, &t), EINVAL, "takt_timer_create");
  CHECK_FAILS(takt_timer_after(NULL, 1, 1), EINVAL, "takt_timer_after");
  CHECK_FAILS(takt_timer_at(NULL, 1, 1), EINVAL, "takt_timer_at");
  CHECK_FAILS(takt_timer_every(NULL, 2, 1), EINVAL, "takt_timer_every");
  CHECK_FAILS(takt_timer_cancel(NULL), EINVAL, "takt_timer_cancel");
  CHECK_FAILS(takt_timer_due_ns(NULL, &ns), EINVAL, "takt_timer_due_ns");
  CHECK_FAILS(takt_watch_create(1000 * ms, NULL), EINVAL, "takt_watch_create");
  takt_watch *watch = NULL;
  CHECK_FAILS(takt_watch_create(-1, &watch), EINVAL, "takt_watch_create");
  CHECK(watch == NULL);
  CHECK_FAILS(takt_watch_fd(NULL), EINVAL, "takt_watch_fd");
  CHECK_FAILS(takt_watch_next(NULL, &change), EINVAL, "takt_watch_next");
  takt_keeper_destroy(NULL), takt_scheduler_destroy(NULL), takt_timer_destroy(NULL), takt_watch_destroy(NULL);
  CHECK_EQUAL(ns, 7);

  CHECK(takt_scheduler_create(&s) >= 0);
  CHECK_FAILS(takt_scheduler_next_wakeup_ns(s, NULL), EINVAL, "takt_scheduler_next_wakeup_ns");
  CHECK_FAILS(takt_timer_create(s, NULL, NULL, &t), EINVAL, "takt_timer_create");
  CHECK_FAILS(takt_timer_create(s, nothing, NULL, NULL), EINVAL, "takt_timer_create");
  CHECK(t == NULL);
  CHECK_EQUAL(takt_timer_create(s, nothing, NULL, &t), 0);
  CHECK_FAILS(takt_timer_due_ns(t, NULL), EINVAL, "takt_timer_due_ns");
  CHECK_FAILS(takt_timer_after(t, 1, -1), EINVAL, "takt_timer_after");
  CHECK_FAILS(takt_timer_at(t, 1, INT64_MIN), EINVAL, "takt_timer_at");
  CHECK_FAILS(takt_timer_every(t, 0, 0), EINVAL, "takt_timer_every");
  CHECK_FAILS(takt_timer_every(t, -5, -6), EINVAL, "takt_timer_every");
  CHECK_FAILS(takt_timer_every(t, 5, 5), EINVAL, "takt_timer_every");
  CHECK_EQUAL(takt_timer_due_ns(t, &ns), 0);
  takt_timer_destroy(t);
  takt_scheduler_destroy(s);
  CHECK_EQUAL(takt_watch_create(1000 * ms, &watch), 0);
  CHECK_FAILS(takt_watch_next(watch, NULL), EINVAL, "takt_watch_next");
  takt_watch_destroy(watch);

  errno = 1234;
  CHECK_EQUAL(takt_nanosleep_aligned(&ts, TAKT_SLACK_EXACT), 0);
  CHECK_EQUAL(takt_grid_ceil_ns(1, 10, 0, &ns), 0);
  CHECK(takt_scheduler_create(&s) >= 0);
  CHECK_EQUAL(takt_scheduler_fire(s), 0);
  CHECK_EQUAL(errno, 1234); /* success leaves it alone */
  takt_scheduler_destroy(s);
}

/* Protects: the arithmetic is that of takt, at the ends of the range too. */
static void grid(void) {
  int64_t point = 0;
  CHECK_EQUAL(takt_grid_ceil_ns(11, 10, 0, &point), 0);
  CHECK_EQUAL(point, 20);
  CHECK_EQUAL(takt_grid_ceil_ns(-11, 10, 3, &point), 0);
  CHECK_EQUAL(point, -7);
  CHECK_EQUAL(takt_grid_floor_ns(-11, 10, 3, &point), 0);
  CHECK_EQUAL(point, -17);
  CHECK_EQUAL(takt_grid_ceil_ns(INT64_MAX, 10, 0, &point), 0);
  CHECK_EQUAL(point, INT64_MAX);
  CHECK_EQUAL(takt_grid_floor_ns(INT64_MIN, INT64_MAX, 0, &point), 0);
  CHECK_EQUAL(takt_roundest_point_ns(95, 106, &point), 0);
  CHECK_EQUAL(point, 100);
  CHECK_EQUAL(takt_roundest_point_ns(INT64_MIN, INT64_MAX, &point), 0);
  CHECK_EQUAL(point, 0);
  CHECK(takt_version() >= 200);
  /* What programs that were compiled before rely on. */
  CHECK_EQUAL(TAKT_SLACK_1S, 9);
  CHECK_EQUAL(TAKT_CHANGE_TAI_SET, 10);
  CHECK_EQUAL(TAKT_CHANGE_BACKWARDS, 12);
  CHECK_EQUAL(offsetof(struct takt_change, rate_ppm), 40);
  CHECK_EQUAL(offsetof(struct takt_change, text), 48);
}

/* Protects: a sleep is as long as asked and ends on the grid of the machine; a deadline is where such a sleep ends. */
static void sleeps(void) {
  int64_t origin = 0;
  if (takt_grid_origin_ns(&origin) < 0) SKIP("c: the grid's origin is unknown here");
  const struct timespec duration = {0, 3000000};
  for (int i = 0; i < 5; ++i) {
    const int64_t before = kernel_ns(CLOCK_MONOTONIC);
    CHECK_EQUAL(takt_nanosleep_aligned(&duration, TAKT_SLACK_10MS), 0);
    const int64_t after = kernel_ns(CLOCK_MONOTONIC);
    const int64_t due = before + 3 * ms;
    int64_t point = 0;
    CHECK_EQUAL(takt_grid_ceil_ns(due - origin, 10 * ms, 0, &point), 0);
    CHECK(after >= point + origin);

    struct timespec deadline;
    const int64_t earliest = kernel_ns(CLOCK_MONOTONIC) + 3 * ms;
    CHECK_EQUAL(takt_deadline(&duration, TAKT_SLACK_1MS, &deadline), 0);
    CHECK_EQUAL((in_ns(deadline) - origin) % ms, 0);
    CHECK(in_ns(deadline) >= earliest);
    CHECK(in_ns(deadline) < kernel_ns(CLOCK_MONOTONIC) + 4 * ms);
  }
}

/* Protects: the clock shows CLOCK_MONOTONIC before and after calibrating, and stamps lie where they were taken. */
static void clocks(void) {
  for (int round = 0; round < 3; ++round) {
    const int64_t before = kernel_ns(CLOCK_MONOTONIC), now = takt_now_ns(), after = kernel_ns(CLOCK_MONOTONIC);
    CHECK(now >= before - 100 * ms && now <= after + 100 * ms); /* it is off by microseconds at most, unless the machine stops */
    CHECK(takt_now_ns() >= now);
    if (round == 0) CHECK_EQUAL(takt_ticks_to_ns(takt_ticks()), 0);
    if (round == 0 && takt_calibrate(5 * ms) < 0) SKIP("c: the counter is no clock here");
    if (round == 1) {
      takt_keeper *keeper;
      CHECK_EQUAL(takt_keeper_create(100 * ms, &keeper), 0);
      const int64_t first = takt_now_ns();
      const uint64_t stamp = takt_ticks();
      const int64_t second = takt_now_ns();
      CHECK(takt_ticks_to_ns(stamp) >= first - ms && takt_ticks_to_ns(stamp) <= second + ms);
      takt_keeper_destroy(keeper);
    }
  }
  const int64_t before = kernel_ns(CLOCK_REALTIME), now = takt_unix_ns(takt_now_ns()), after = kernel_ns(CLOCK_REALTIME);
  CHECK(now >= before - 100 * ms && now <= after + 100 * ms);
}

struct record {
  int64_t called[64];
  int calls, stop_after;
  int order[64];
};
static struct record seen;
static int numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};

static void note(takt_timer *timer, void *data) {
  (void)timer;
  if (seen.calls < 64) seen.called[seen.calls] = kernel_ns(CLOCK_MONOTONIC), seen.order[seen.calls] = *(const int *)data;
  ++seen.calls;
}
static void fire_until(takt_scheduler *s, int calls) {
  struct pollfd p = {takt_scheduler_fd(s), POLLIN, 0};
  CHECK(p.fd >= 0);
  while (seen.calls < calls) {
    CHECK(poll(&p, 1, 60000) == 1);
    if (takt_scheduler_fire(s) < 0) break;
  }
}

/* Protects: timers fire in the order in which they are due, never early, as often as they should, and not after cancel(). */
static void timers(void) {
  takt_scheduler *s;
  takt_timer *t[4];
  int64_t when = 7;
  CHECK(takt_scheduler_create(&s) >= 0);
  CHECK_EQUAL(takt_scheduler_next_wakeup_ns(s, &when), 0);
  CHECK_EQUAL(when, 7);
  for (int i = 0; i < 4; ++i) CHECK_EQUAL(takt_timer_create(s, note, &numbers[i], &t[i]), 0);

  const int64_t start = kernel_ns(CLOCK_MONOTONIC);
  CHECK_EQUAL(takt_timer_at(t[2], start + 12 * ms, 0), 0);
  CHECK_EQUAL(takt_timer_at(t[1], start + 10 * ms, 5 * ms), 0);
  CHECK_EQUAL(takt_timer_at(t[0], start + 10 * ms, 5 * ms), 0);
  CHECK_EQUAL(takt_timer_after(t[3], 1, 0), 0);
  CHECK_EQUAL(takt_timer_due_ns(t[2], &when), 1);
  CHECK_EQUAL(when, start + 12 * ms);
  CHECK_EQUAL(takt_scheduler_next_wakeup_ns(s, &when), 1);
  CHECK(when <= start + 12 * ms);
  CHECK_EQUAL(takt_timer_cancel(t[3]), 1);
  CHECK_EQUAL(takt_timer_cancel(t[3]), 0);
  fire_until(s, 3);
  CHECK_EQUAL(seen.calls, 3);
  CHECK_EQUAL(seen.order[0], 1); /* equally due as 0, but armed before it */
  CHECK_EQUAL(seen.order[1], 0);
  CHECK_EQUAL(seen.order[2], 2);
  CHECK(seen.called[0] >= start + 10 * ms && seen.called[2] >= start + 12 * ms);
  CHECK_EQUAL(takt_timer_due_ns(t[2], &when), 0);

  /* A period: a call every 5 ms, each in its window or later, until it is cancelled. */
  seen.calls = 0;
  const int64_t begin = kernel_ns(CLOCK_MONOTONIC);
  CHECK_EQUAL(takt_timer_every(t[1], 5 * ms, ms), 0);
  fire_until(s, 6);
  for (int i = 0; i < 6; ++i) CHECK(seen.called[i] >= begin + (i + 1) * 5 * ms);
  CHECK_EQUAL(takt_timer_due_ns(t[1], &when), 1);
  CHECK(when > seen.called[5] - 6 * ms); /* cycles that were missed are left out */
  CHECK_EQUAL(takt_timer_cancel(t[1]), 1);
  CHECK_EQUAL(takt_scheduler_next_wakeup_ns(s, &when), 0);

  /* A late machine: of many missed cycles one is delivered, and the next is due in time. */
  seen.calls = 0;
  CHECK_EQUAL(takt_timer_every(t[1], ms, 0), 0);
  const struct timespec nap = {0, 20 * 1000000};
  nanosleep(&nap, NULL);
  CHECK_EQUAL(takt_scheduler_fire(s), 1);
  CHECK_EQUAL(seen.calls, 1);
  CHECK_EQUAL(takt_timer_due_ns(t[1], &when), 1);
  CHECK(when >= seen.called[0] - ms);
  /* Armed once, it has no period any more; one that is armed moves. */
  CHECK_EQUAL(takt_timer_after(t[1], INT64_MAX, INT64_MAX), 0);
  CHECK_EQUAL(takt_timer_after(t[1], 0, 0), 0);
  CHECK_EQUAL(takt_scheduler_fire(s), 1);
  CHECK_EQUAL(takt_timer_due_ns(t[1], &when), 0);
  CHECK_EQUAL(takt_timer_after(t[1], INT64_MIN, 0), 0);
  CHECK_EQUAL(takt_scheduler_fire(s), 1);
  CHECK_EQUAL(takt_timer_every(t[1], INT64_MAX, 0), 0);
  CHECK_EQUAL(takt_scheduler_fire(s), 0);

  takt_scheduler_destroy(s); /* before its timers, which is allowed */
  for (int i = 0; i < 4; ++i) takt_timer_destroy(t[i]);
}

static takt_timer *other;
static takt_scheduler *its_scheduler;
static int called, periodic;
static void cancel_other(takt_timer *timer, void *data) {
  (void)timer, (void)data, ++called;
  CHECK_EQUAL(takt_timer_cancel(other), 1);
}
static void cancel_itself(takt_timer *timer, void *data) {
  (void)data, ++called;
  CHECK_EQUAL(takt_timer_cancel(timer), periodic); /* its next cycle, if there is one */
  CHECK_EQUAL(takt_timer_cancel(timer), 0);
}
static void destroy_itself(takt_timer *timer, void *data) {
  (void)data, ++called;
  takt_timer_destroy(timer);
}
static void destroy_other(takt_timer *timer, void *data) {
  (void)timer, (void)data, ++called;
  takt_timer_destroy(other);
}
static void arm_itself(takt_timer *timer, void *data) {
  (void)data;
  if (++called < 3) CHECK_EQUAL(takt_timer_after(timer, 0, 0), 0);
}
static void fire_again(takt_timer *timer, void *data) {
  (void)timer, (void)data, ++called;
  CHECK_EQUAL(takt_scheduler_fire(its_scheduler), 0);
  CHECK_EQUAL(takt_scheduler_run(its_scheduler), -EBUSY);
}
static void destroy_all(takt_timer *timer, void *data) {
  (void)data, ++called;
  takt_scheduler_destroy(its_scheduler);
  takt_timer_destroy(timer);
}
static void stop(takt_timer *timer, void *data) {
  (void)timer, (void)data, ++called;
  CHECK_EQUAL(takt_scheduler_stop(its_scheduler), 0);
}

/* Protects: a callback may cancel, arm and destroy whatever there is, its own timer and scheduler too. */
static void callbacks(void) {
  static const takt_timer_callback all[] = {cancel_other,  cancel_itself, destroy_itself, destroy_other,
                                            arm_itself,    fire_again,    stop,           destroy_all};
  enum { count = sizeof(all) / sizeof(all[0]) };
  for (periodic = 0; periodic < 2; ++periodic) {
    for (int i = 0; i < count; ++i) {
      takt_timer *t = NULL;
      CHECK(takt_scheduler_create(&its_scheduler) >= 0);
      CHECK_EQUAL(takt_timer_create(its_scheduler, all[i], NULL, &t), 0);
      CHECK_EQUAL(takt_timer_create(its_scheduler, nothing, NULL, &other), 0);
      const struct timespec nap = {0, 2000000};
      CHECK_EQUAL(periodic ? takt_timer_every(t, ms, 0) : takt_timer_after(t, 0, 0), 0);
      CHECK_EQUAL(takt_timer_after(other, ms, 0), 0);
      nanosleep(&nap, NULL);
      called = 0;
      if (all[i] == stop) CHECK_EQUAL(takt_scheduler_run(its_scheduler), 0);
      else CHECK(takt_scheduler_fire(its_scheduler) > 0);
      CHECK(called > 0);
      if (all[i] == arm_itself && !periodic) CHECK_EQUAL(takt_scheduler_fire(its_scheduler) + takt_scheduler_fire(its_scheduler), 2);
      if (all[i] != destroy_all && all[i] != destroy_itself) takt_timer_destroy(t);
      if (all[i] != destroy_other) takt_timer_destroy(other);
      if (all[i] != destroy_all) takt_scheduler_destroy(its_scheduler);
    }
  }
}

/* Protects: a change of the clocks arrives with its kind, its size, its time and a text. A process that comes into a time
 * namespace whose clocks are 20 s ahead counts as restored, and CLOCK_REALTIME seems to lose as much on CLOCK_MONOTONIC;
 * the clocks of the machine are untouched. */
static void changes(void) {
  takt_watch *watch;
  const struct takt_change *change = NULL;
  CHECK_EQUAL(takt_watch_create(1000 * ms, &watch), 0);
  CHECK(takt_watch_fd(watch) >= 0);
  while (takt_watch_next(watch, &change) > 0) { /* a leap second, if one is announced */
  }
  static const char offsets[] = "monotonic 20 0\nboottime 20 0\n";
  const int made = unshare(CLONE_NEWTIME);
  const int file = open("/proc/self/timens_offsets", O_WRONLY);
  if (made != 0 || file < 0 || write(file, offsets, sizeof(offsets) - 1) < 0) SKIP("c: no time namespaces here");
  close(file);
  const int names = open("/proc/self/ns/time_for_children", O_RDONLY);
  if (setns(names, CLONE_NEWTIME) != 0) SKIP("c: no time namespaces here");
  close(names);
  struct pollfd p = {takt_watch_fd(watch), POLLIN, 0};
  int more = 0;
  for (int i = 0; i < 5 && more == 0; ++i) {
    CHECK_EQUAL(poll(&p, 1, 60000), 1);
    more = takt_watch_next(watch, &change);
  }
  CHECK_EQUAL(more, 1);
  if (more != 1) return;
  CHECK_EQUAL(change->kind, TAKT_CHANGE_RESTORED);
  CHECK(change->size_ns < -19999 * ms && change->size_ns > -20001 * ms);
  CHECK(change->uncertainty_ns >= 0 && change->after_ns < change->before_ns && change->before_ns <= kernel_ns(CLOCK_MONOTONIC));
  CHECK(strstr(change->text, "time namespace") != NULL && strstr(change->text, "CLOCK_REALTIME gained -") != NULL);
  int rest = 0;
  while (takt_watch_next(watch, &change) > 0) ++rest, printf("%s\n", change->text);
  CHECK(rest < 3);
  takt_watch_destroy(watch);
}

int main(int argc, char **argv) {
  static const struct test_case cases[] = {{"senseless", senseless}, {"grid", grid},           {"sleeps", sleeps},
                                           {"clocks", clocks},       {"timers", timers},       {"callbacks", callbacks},
                                           {"changes", changes}};
  return run_case(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
