/* What libevent's tests of timers in regress.c need around them. extract.awk has made regress_timers.inc of the tests.
 *
 * Where theirs allow an event to be 50 ms early or late, here it may be late in real time by any amount, because a busy
 * machine is, and on the manual clock by none; early by a millisecond, to which they round. */
#include "event2/event.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct basic_test_data {
  struct event_base* base;
};
int test_ok;
int on_manual_clock;
static struct timeval tset, tcalled;

static long timeval_msec_diff(const struct timeval* from, const struct timeval* to) {
  return (long)(to->tv_sec - from->tv_sec) * 1000 + (long)(to->tv_usec - from->tv_usec) / 1000;
}
#define tt_int_op(a, op, b)                                                                                            \
  do {                                                                                                                 \
    const long left = (long)(a), right = (long)(b);                                                                    \
    if (!(left op right)) {                                                                                            \
      fprintf(stderr, "line %d: %s %s %s: %ld, %ld\n", __LINE__, #a, #op, #b, left, right);                            \
      test_ok = -1;                                                                                                    \
      goto end;                                                                                                        \
    }                                                                                                                  \
  } while (0)
#define test_timeval_diff_eq(from, to, ms)                                                                             \
  do {                                                                                                                 \
    tt_int_op(timeval_msec_diff((from), (to)), >=, (ms) - 1);                                                          \
    if (on_manual_clock) tt_int_op(timeval_msec_diff((from), (to)), <=, (ms));                                         \
  } while (0)
#define setup_test(name) puts(name)
#define cleanup_test() ((void)0)

#include "regress_timers.inc"

/* Returns: 0 if the test passed. */
int run_regress(const char* name);
int run_regress(const char* name) {
  struct basic_test_data data = {global_base};
  test_ok = 0;
  if (strcmp(name, "simpletimeout") == 0) test_simpletimeout();
  else if (strcmp(name, "persistent_timeout") == 0) test_persistent_timeout();
  else if (strcmp(name, "persistent_timeout_jump") == 0) test_persistent_timeout_jump(&data), test_ok += 1;
  else if (strcmp(name, "persistent_active_timeout") == 0) test_persistent_active_timeout(&data), test_ok += 1;
  else return 2;
  return test_ok == 1 ? 0 : 1;
}
