#define _POSIX_C_SOURCE 200809L
#include <takt/c.h>
#include <time.h>

int main(void) {
  const struct timespec duration = {0, 1000000};
  struct timespec deadline;
  return takt_version() > 0 && takt_now_ns() > 0 && takt_deadline(&duration, TAKT_SLACK_EXACT, &deadline) == 0 ? 0 : 1;
}
