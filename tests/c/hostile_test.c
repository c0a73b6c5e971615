/* takt/c.h where everything is against it: loops that ignore errors, no /proc, forks, threads, signals, cancelled threads, no
 * descriptors, no memory. */
#define _GNU_SOURCE /* unshare */
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <takt/c.h>
#include <time.h>

static const int64_t ms = 1000000;
static void nothing(takt_timer *timer, void *data) { (void)timer, (void)data; }

/* How many rounds of a loop that ignores all errors fit into `length` when each sleeps. A sleep is at least as long as it
 * should be, so this number is a bound on however busy a machine. */
static void sleeps_in_a_loop(const struct timespec *duration, enum takt_slack slack, int64_t shortest, int error) {
  const int64_t begin = takt_now_ns();
  int rounds = 0;
  for (; takt_now_ns() < begin + 100 * ms; ++rounds) takt_nanosleep_aligned(duration, slack);
  CHECK(rounds <= (takt_now_ns() - begin) / shortest + 1);
  errno = 0;
  CHECK_EQUAL(takt_nanosleep_aligned(duration, slack), -error);
  CHECK_EQUAL(errno, error);
}
static void waits_in_a_loop(const struct timespec *duration, enum takt_slack slack, int64_t shortest, int error) {
  const int64_t begin = takt_now_ns();
  int rounds = 0;
  for (; takt_now_ns() < begin + 100 * ms; ++rounds) {
    struct timespec deadline;
    takt_deadline(duration, slack, &deadline);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL);
  }
  CHECK(rounds <= (takt_now_ns() - begin) / shortest + 1);
  struct timespec deadline;
  CHECK_EQUAL(takt_deadline(duration, slack, &deadline), -error);
}

/* Protects: a loop that ignores errors does not spin, whatever it asks for. */
static void ignored_errors(void) {
  static const struct timespec senseless[] = {{0, 1000000000}, {0, -1}, {-1, 0}, {-1, 999999999}, {0, -2147483647}};
  for (size_t i = 0; i < sizeof(senseless) / sizeof(senseless[0]); ++i) {
    sleeps_in_a_loop(&senseless[i], TAKT_SLACK_10MS, ms, EINVAL);
    waits_in_a_loop(&senseless[i], TAKT_SLACK_10MS, ms, EINVAL);
  }
  sleeps_in_a_loop(NULL, TAKT_SLACK_10MS, ms, EINVAL);
  waits_in_a_loop(NULL, TAKT_SLACK_10MS, ms, EINVAL);
  const struct timespec ten = {0, 10000000};
  static const int levels[] = {-1, 10, 99, 2147483647, -2147483647};
  for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); ++i) {
    sleeps_in_a_loop(&ten, (enum takt_slack)levels[i], 10 * ms, EINVAL);
    waits_in_a_loop(&ten, (enum takt_slack)levels[i], 10 * ms, EINVAL);
  }
}

/* Protects: without /proc a sleep sleeps and then reports, a scheduler works and says that it is alone, and a program that
 * knows its origin has no error. */
static void without_proc(void) {
  if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || umount2("/proc", MNT_DETACH) != 0 ||
      access("/proc/self", F_OK) == 0)
    SKIP("c: no mount namespace without /proc can be made here");
  const struct timespec ten = {0, 10000000};
  sleeps_in_a_loop(&ten, TAKT_SLACK_10MS, 10 * ms, ENOENT);
  waits_in_a_loop(&ten, TAKT_SLACK_10MS, 10 * ms, ENOENT);
  CHECK(strstr(takt_last_error(), "/proc") != NULL);
  CHECK_EQUAL(takt_nanosleep_aligned(&ten, TAKT_SLACK_EXACT), 0);
  int64_t origin = 7;
  CHECK_EQUAL(takt_grid_origin_ns(&origin), -ENOENT);
  CHECK_EQUAL(origin, 7);
  takt_scheduler *s = NULL;
  takt_timer *t = NULL;
  CHECK_EQUAL(takt_scheduler_create(&s), 1);
  CHECK(strstr(takt_last_error(), "takt_scheduler_create: ") != NULL);
  CHECK_EQUAL(takt_timer_create(s, nothing, NULL, &t), 0);
  CHECK_EQUAL(takt_timer_after(t, 0, 0), 0);
  CHECK_EQUAL(takt_scheduler_fire(s), 1);
  takt_timer_destroy(t);
  takt_scheduler_destroy(s);
  takt_assume_grid_origin_ns(0, 0);
  CHECK_EQUAL(takt_nanosleep_aligned(&ten, TAKT_SLACK_10MS), 0);
  CHECK_EQUAL(takt_scheduler_create(&s), 0);
  takt_scheduler_destroy(s);
}

/* What a child of fork(2) inherits. */
static takt_scheduler *inherited;
static takt_timer *inherited_timer;
static takt_watch *inherited_watch;
static takt_keeper *inherited_keeper;

static void in_the_child(void) {
  int64_t when = 7;
  takt_timer *t = NULL;
  const struct takt_change *change;
  CHECK_EQUAL(takt_scheduler_fd(inherited), -EPERM);
  CHECK_EQUAL(takt_scheduler_fire(inherited), -EPERM);
  CHECK_EQUAL(takt_scheduler_run(inherited), -EPERM);
  CHECK_EQUAL(takt_scheduler_stop(inherited), -EPERM);
  CHECK_EQUAL(takt_scheduler_next_wakeup_ns(inherited, &when), -EPERM);
  CHECK_EQUAL(takt_timer_create(inherited, nothing, NULL, &t), -EPERM);
  CHECK_EQUAL(takt_timer_after(inherited_timer, 0, 0), -EPERM);
  CHECK_EQUAL(takt_timer_every(inherited_timer, ms, 0), -EPERM);
  CHECK_EQUAL(takt_timer_cancel(inherited_timer), -EPERM);
  CHECK_EQUAL(takt_timer_due_ns(inherited_timer, &when), -EPERM);
  CHECK_EQUAL(takt_watch_fd(inherited_watch), -EPERM);
  CHECK_EQUAL(takt_watch_next(inherited_watch, &change), -EPERM);
  CHECK_EQUAL(when, 7);
  takt_timer_destroy(inherited_timer), takt_scheduler_destroy(inherited);
  takt_watch_destroy(inherited_watch), takt_keeper_destroy(inherited_keeper);

  const int64_t now = takt_now_ns();
  const struct timespec one = {0, 1000000};
  CHECK(takt_nanosleep_aligned(&one, TAKT_SLACK_EXACT) == 0);
  CHECK(takt_now_ns() >= now + ms - ms / 10);
  takt_scheduler *own;
  CHECK(takt_scheduler_create(&own) >= 0);
  CHECK_EQUAL(takt_timer_create(own, nothing, NULL, &t), 0);
  CHECK_EQUAL(takt_timer_after(t, 0, 0), 0);
  CHECK_EQUAL(takt_scheduler_fire(own), 1);
  takt_scheduler_destroy(own), takt_timer_destroy(t);
}

/* Protects: in a child everything inherited is inert, says so and may be destroyed; the parent's go on. */
static void forks(void) {
  CHECK_EQUAL(takt_keeper_create(10 * ms, &inherited_keeper), 0);
  CHECK(takt_scheduler_create(&inherited) >= 0);
  CHECK_EQUAL(takt_timer_create(inherited, nothing, NULL, &inherited_timer), 0);
  CHECK_EQUAL(takt_timer_every(inherited_timer, ms, 0), 0);
  CHECK_EQUAL(takt_watch_create(10 * ms, &inherited_watch), 0);
  CHECK(takt_scheduler_fd(inherited) >= 0);
  CHECK_EQUAL(in_child(in_the_child), 0);
  const struct timespec nap = {0, 2000000};
  nanosleep(&nap, NULL);
  CHECK_EQUAL(takt_scheduler_fire(inherited), 1);
  takt_timer_destroy(inherited_timer), takt_scheduler_destroy(inherited);
  takt_watch_destroy(inherited_watch), takt_keeper_destroy(inherited_keeper);
}

/* Threads */
enum { shared_timers = 8, rounds = 10000 };
static takt_scheduler *shared;
static takt_timer *shared_timer[shared_timers];
static atomic_int running[shared_timers], allowed[shared_timers], late_calls;

static void count(takt_timer *timer, void *data) {
  (void)timer;
  const size_t i = (size_t)((atomic_int *)data - running);
  if (atomic_load(&allowed[i]) == 0) atomic_fetch_add(&late_calls, 1);
  atomic_fetch_add(&running[i], 1);
  atomic_fetch_sub(&running[i], 1);
}
static void *run_shared(void *data) {
  (void)data;
  return takt_scheduler_run(shared) == 0 ? NULL : shared;
}
static void *use_shared(void *data) {
  const size_t first = *(const size_t *)data;
  for (int round = 0; round < rounds; ++round) {
    const size_t i = first + (size_t)round % (shared_timers / 2);
    atomic_store(&allowed[i], 1);
    int result = 0;
    switch (round % 3) {
    case 0: result = takt_timer_every(shared_timer[i], 2000, 0); break;
    case 1: result = takt_timer_after(shared_timer[i], 0, 1000); break;
    default: result = takt_timer_at(shared_timer[i], takt_now_ns(), 0); break;
    }
    if (result != 0) return data;
    if (round % 7 == 0) sched_yield();
    if (round % 3 == 0) { /* a new period counts from now, also while the callback of the old one begins */
      const int64_t hour = 3600 * 1000 * ms;
      int64_t due = 0;
      struct timespec now;
      clock_gettime(CLOCK_MONOTONIC, &now);
      if (takt_timer_every(shared_timer[i], hour, 0) != 0 || takt_timer_due_ns(shared_timer[i], &due) != 1) return data;
      if (due < now.tv_sec * INT64_C(1000000000) + now.tv_nsec + hour) return data;
    }
    if (takt_timer_cancel(shared_timer[i]) < 0) return data;
    atomic_store(&allowed[i], 0); /* from here on no callback may run, or begin to */
    if (atomic_load(&running[i]) != 0) return data;
  }
  return NULL;
}

/* Protects: threads may arm and cancel while another one calls back, and after cancel no callback runs, with a period too. */
static void threads(void) {
  pthread_t runner, user[2];
  const size_t first[2] = {0, shared_timers / 2};
  void *result = shared;
  CHECK(takt_scheduler_create(&shared) >= 0);
  for (int i = 0; i < shared_timers; ++i) CHECK_EQUAL(takt_timer_create(shared, count, &running[i], &shared_timer[i]), 0);
  CHECK_EQUAL(pthread_create(&runner, NULL, run_shared, NULL), 0);
  for (int i = 0; i < 2; ++i) CHECK_EQUAL(pthread_create(&user[i], NULL, use_shared, (void *)&first[i]), 0);
  for (int i = 0; i < 2; ++i) {
    pthread_join(user[i], &result);
    CHECK(result == NULL);
  }
  CHECK_EQUAL(takt_scheduler_stop(shared), 0);
  pthread_join(runner, &result);
  CHECK(result == NULL);
  CHECK_EQUAL(atomic_load(&late_calls), 0);
  for (int i = 0; i < shared_timers; ++i) takt_timer_destroy(shared_timer[i]);
  takt_scheduler_destroy(shared);
}

static atomic_int ended;
static void *sleep_long(void *data) {
  const struct timespec twenty = {0, 20000000};
  pthread_cancel(pthread_self()); /* the next cancellation point ends this thread */
  if (takt_nanosleep_aligned(&twenty, TAKT_SLACK_1MS) <= 0) atomic_store(&ended, 1);
  takt_keeper *keeper;
  takt_scheduler *s = NULL;
  takt_timer *t = NULL;
  if (takt_keeper_create(1000 * ms, &keeper) == 0) takt_keeper_destroy(keeper);
  if (takt_scheduler_create(&s) >= 0 && takt_timer_create(s, nothing, NULL, &t) == 0 && takt_scheduler_fd(s) >= 0 &&
      takt_timer_after(t, 0, 0) == 0 && takt_scheduler_fire(s) == 1)
    atomic_store(&ended, 2);
  takt_timer_destroy(t), takt_scheduler_destroy(s);
  pthread_testcancel();
  return data;
}
/* Protects: no function is a cancellation point. A program that cancels its threads is not ended. */
static void cancelled_thread(void) {
  pthread_t thread;
  void *result = NULL;
  CHECK_EQUAL(pthread_create(&thread, NULL, sleep_long, NULL), 0);
  pthread_join(thread, &result);
  CHECK(result == PTHREAD_CANCELED);
  CHECK_EQUAL(atomic_load(&ended), 2);
}

static volatile sig_atomic_t signals;
static void on_signal(int number) {
  const struct timespec one = {0, 1};
  struct timespec deadline;
  int64_t point;
  (void)number;
  const int saved = errno;
  ++signals;
  if (takt_now_ns() <= 0 || takt_ticks() == 0) abort();
  takt_ticks_to_ns(takt_ticks());
  takt_nanosleep_aligned(&one, TAKT_SLACK_1US);
  takt_deadline(&one, (enum takt_slack)99, &deadline); /* an error in a handler */
  if (takt_roundest_point_ns(0, 1, &point) != 0) abort();
  errno = saved;
}
/* Protects: signals neither end a sleep early nor disturb what they interrupt, and a handler may read time and sleep. */
static void signals_arrive(void) {
  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_handler = on_signal;
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval often = {{0, 1000}, {0, 1000}};
  setitimer(ITIMER_REAL, &often, NULL);
  const struct timespec fifty = {0, 50000000};
  struct timespec before, after;
  for (int i = 0; i < 3; ++i) {
    clock_gettime(CLOCK_MONOTONIC, &before);
    CHECK(takt_nanosleep_aligned(&fifty, TAKT_SLACK_10MS) == 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 50000000);
  }
  takt_scheduler *s;
  takt_timer *t;
  CHECK(takt_scheduler_create(&s) >= 0);
  CHECK_EQUAL(takt_timer_create(s, nothing, NULL, &t), 0);
  for (int i = 0; i < 2000; ++i) CHECK_EQUAL(takt_timer_after(t, i, 0), 0);
  takt_timer_destroy(t), takt_scheduler_destroy(s);
  CHECK(signals > 0);
}

/* Protects: where no descriptor is left, what needs one says so, nothing is leaked, and the rest works. */
static void no_descriptors(void) {
  takt_scheduler *s;
  takt_timer *t;
  takt_watch *watch = NULL;
  takt_keeper *keeper = NULL;
  int64_t when = 0;
  CHECK(takt_scheduler_create(&s) >= 0);
  CHECK_EQUAL(takt_timer_create(s, nothing, NULL, &t), 0);
  const int next = dup(0);
  close(next);
  const struct rlimit none = {(rlim_t)next, (rlim_t)next};
  CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
  CHECK_EQUAL(takt_scheduler_fd(s), -EMFILE);
  CHECK(strstr(takt_last_error(), "ulimit -n") != NULL);
  CHECK_EQUAL(takt_watch_create(1000 * ms, &watch), -EMFILE);
  CHECK_EQUAL(takt_keeper_create(1000 * ms, &keeper), -EMFILE);
  CHECK(watch == NULL && keeper == NULL);
  CHECK_EQUAL(takt_timer_after(t, 0, 0), 0);
  CHECK_EQUAL(takt_scheduler_next_wakeup_ns(s, &when), 1);
  CHECK_EQUAL(takt_scheduler_fire(s), 1);
  CHECK(takt_now_ns() > 0);
  takt_timer_destroy(t), takt_scheduler_destroy(s);
}

#ifndef TAKT_SANITIZED
/* Memory: an allocator that refuses the n-th allocation, or all from the n-th on. */
static atomic_int allocations, refuse_from = -1, refuse_all;
void *__libc_malloc(size_t size);
void *malloc(size_t size) {
  const int from = atomic_load(&refuse_from);
  if (from >= 0) {
    const int n = atomic_fetch_add(&allocations, 1);
    if (n == from || (n > from && atomic_load(&refuse_all))) return errno = ENOMEM, NULL;
  }
  return __libc_malloc(size);
}

static int use_everything(void) {
  int result = 0, refused = 0;
  takt_scheduler *s = NULL;
  takt_timer *t = NULL, *more[3] = {NULL, NULL, NULL};
  takt_watch *watch = NULL;
  takt_keeper *keeper = NULL;
  const struct takt_change *change;
  int64_t when = 0;
#define TRY(call, errors) \
  do { \
    result = call; \
    if (result < 0) ++refused; \
    if (result < 0 && !(errors)) ++failures, fprintf(stderr, "%s is %d: %s\n", #call, result, takt_last_error()); \
  } while (0)
  TRY(takt_scheduler_create(&s), result == -ENOMEM);
  if (s != NULL) {
    TRY(takt_scheduler_fd(s), 0);
    TRY(takt_timer_create(s, nothing, NULL, &t), result == -ENOMEM);
    for (int i = 0; i < 3; ++i) TRY(takt_timer_create(s, nothing, NULL, &more[i]), result == -ENOMEM);
    for (int i = 0; i < 3; ++i)
      if (more[i] != NULL) TRY(takt_timer_every(more[i], ms, 0), 0);
    if (t != NULL) {
      TRY(takt_timer_after(t, 0, 0), 0);
      TRY(takt_timer_every(t, ms, 0), 0);
      TRY(takt_scheduler_fire(s), 0);
      TRY(takt_timer_cancel(t), 0);
      TRY(takt_timer_due_ns(t, &when), 0);
    }
  }
  TRY(takt_calibrate(ms), result == -ENOMEM || result == -EAGAIN || result == -EOPNOTSUPP);
  TRY(takt_keeper_create(1000 * ms, &keeper), result == -ENOMEM || result == -EAGAIN);
  TRY(takt_watch_create(1000 * ms, &watch), result == -ENOMEM);
  if (watch != NULL) TRY(takt_watch_next(watch, &change), result == -ENOMEM);
  const struct timespec one = {0, 1};
  TRY(takt_nanosleep_aligned(&one, TAKT_SLACK_1US), 0);
  if (takt_last_error()[0] == '\0' && refused > 0) ++failures;
  for (int i = 0; i < 3; ++i) takt_timer_destroy(more[i]);
  takt_timer_destroy(t), takt_scheduler_destroy(s), takt_watch_destroy(watch), takt_keeper_destroy(keeper);
  return refused;
}

/* Protects: any allocation may fail, or all from any one on. The result says so, nothing ends the program, and once there is
 * memory again everything works. */
static void no_memory(void) {
  CHECK_EQUAL(use_everything(), 0);
  int refusals = 0;
  for (int all = 0; all < 2; ++all) {
    for (int n = 0;; ++n) {
      atomic_store(&allocations, 0), atomic_store(&refuse_all, all), atomic_store(&refuse_from, n);
      refusals += use_everything();
      atomic_store(&refuse_from, -1);
      if (atomic_load(&allocations) <= n) break;
      if (n > 40) n += 6; /* reading the clocks' files allocates much */
    }
  }
  CHECK(refusals > 8);
  CHECK_EQUAL(use_everything(), 0);
}
#endif

int main(int argc, char **argv) {
  static const struct test_case cases[] = {
      {"ignored_errors", ignored_errors}, {"without_proc", without_proc}, {"forks", forks},
      {"threads", threads},               {"cancelled_thread", cancelled_thread}, {"signals", signals_arrive},
      {"no_descriptors", no_descriptors},
#ifndef TAKT_SANITIZED
      {"no_memory", no_memory},
#endif
  };
  return run_case(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
