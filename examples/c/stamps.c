/* Stamps events for the price of a read of the counter, and converts the stamps afterwards: to nanoseconds of
 * CLOCK_MONOTONIC, and to the time of day. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <takt/c.h>
#include <time.h>

int main(void) {
  takt_keeper *keeper = NULL;
  if (takt_keeper_create(1000000000, &keeper) < 0) fprintf(stderr, "%s\n", takt_last_error()); /* the clock runs all the same */

  uint64_t stamps[5];
  for (int i = 0; i < 5; ++i) stamps[i] = takt_ticks(); /* the hot path: nothing but the counter */
  const int64_t now = takt_now_ns();                    /* an ordered read: never backwards between threads */

  for (int i = 0; i < 5; ++i) printf("event %d: %" PRId64 " ns before\n", i, now - takt_ticks_to_ns(stamps[i]));
  const int64_t unix_ns = takt_unix_ns(now);
  const time_t seconds = (time_t)(unix_ns / 1000000000);
  char text[32];
  strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", gmtime(&seconds));
  printf("that was at %s.%09" PRId64 " UTC\n", text, unix_ns % 1000000000);

  takt_keeper_destroy(keeper);
  return 0;
}
