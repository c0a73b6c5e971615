/* Many timers in an epoll loop, by one descriptor: a thousand connections that time out if nothing is received, and a
 * job that runs twice a second. The connections own their timers, so postponing a timer allocates nothing. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <takt/c.h>
#include <unistd.h>

enum { connections = 1000 };
static const int64_t ms = 1000000;

struct connection {
  takt_timer *idle; /* and its descriptor, its buffers ... */
};
static struct connection all[connections];
static int open_connections, reports, wakeups;

static void close_connection(takt_timer *timer, void *data) {
  struct connection *c = data;
  takt_timer_destroy(timer); /* a callback may destroy its own timer */
  c->idle = NULL;
  --open_connections;
}

static void report(takt_timer *timer, void *data) {
  (void)data;
  printf("%d connections are open, after %d wake-ups\n", open_connections, wakeups);
  if (++reports == 4) takt_timer_cancel(timer);
}

static int failed(void) {
  fprintf(stderr, "%s\n", takt_last_error());
  return 1;
}

int main(void) {
  takt_scheduler *timers;
  takt_timer *job;
  if (takt_scheduler_create(&timers) < 0) return failed();
  if (takt_timer_create(timers, report, NULL, &job) < 0) return failed();
  if (takt_timer_every(job, 500 * ms, 50 * ms) < 0) return failed();
  for (int i = 0; i < connections; ++i) {
    if (takt_timer_create(timers, close_connection, &all[i], &all[i].idle) < 0) return failed();
    if (takt_timer_after(all[i].idle, (500 + i) * ms, 100 * ms) < 0) return failed(); /* again to put it off */
    ++open_connections;
  }

  struct epoll_event event = {.events = EPOLLIN};
  const int loop = epoll_create1(EPOLL_CLOEXEC), fd = takt_scheduler_fd(timers);
  if (fd < 0) return failed();
  if (loop < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0) return perror("epoll"), 1;
  while (open_connections > 0 || reports < 4) {
    if (epoll_wait(loop, &event, 1, -1) != 1) continue; /* a signal */
    ++wakeups;
    if (takt_scheduler_fire(timers) < 0) return failed(); /* sets the descriptor to the next wake-up */
  }
  takt_timer_destroy(job);
  takt_scheduler_destroy(timers);
  close(loop);
  return 0;
}
