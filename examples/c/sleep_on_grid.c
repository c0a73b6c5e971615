/* A loop in C that wakes up together with all others of the machine: it calls takt_nanosleep_aligned instead of
 * nanosleep, and one more argument names the grid. It asks for 9 ms on a grid of 10 ms, so that 1 ms is left for the work.
 *
 * The second loop shows takt_deadline, for calls that take a deadline themselves. Here a signal would end the sleep. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <takt/c.h>
#include <time.h>

static void print_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  printf("%lld.%09ld\n", (long long)now.tv_sec, now.tv_nsec);
}

int main(int argc, char **argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 10;
  const struct timespec duration = {0, 9000000};
  for (int i = 0; i < count; ++i) {
    if (takt_nanosleep_aligned(&duration, TAKT_SLACK_10MS) < 0) {
      fprintf(stderr, "%s\n", takt_last_error()); /* it has slept all the same */
      return 1;
    }
    print_now();
  }
  for (int i = 0; i < count; ++i) {
    struct timespec deadline;
    if (takt_deadline(&duration, TAKT_SLACK_10MS, &deadline) < 0) fprintf(stderr, "%s\n", takt_last_error());
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL);
    print_now();
  }
  return 0;
}
