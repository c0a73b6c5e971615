/* Watches what happens to the clocks, in a loop that waits for other descriptors too. `clock_changes 30` ends after 30
 * seconds. */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <takt/c.h>

int main(int argc, char **argv) {
  const int64_t end = takt_now_ns() + (int64_t)(argc > 1 ? atoi(argv[1]) : 3) * 1000000000;
  takt_watch *watch;
  if (takt_watch_create(1000000000, &watch) < 0) return fprintf(stderr, "%s\n", takt_last_error()), 1;

  for (int64_t now = takt_now_ns(); now < end; now = takt_now_ns()) {
    struct pollfd descriptors[] = {{takt_watch_fd(watch), POLLIN, 0}}; /* and the program's own */
    if (poll(descriptors, 1, (int)((end - now) / 1000000) + 1) <= 0) continue;
    const struct takt_change *change;
    int more;
    while ((more = takt_watch_next(watch, &change)) > 0) {
      if (change->kind == TAKT_CHANGE_SUSPEND) printf("connections are stale: ");
      printf("%s\n", change->text);
    }
    if (more < 0) return fprintf(stderr, "%s\n", takt_last_error()), 1;
  }
  takt_watch_destroy(watch);
  printf("watched\n");
  return 0;
}
