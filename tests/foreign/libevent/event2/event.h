/* event.h - as much of libevent's interface as its tests of timers use. shim.cpp implements it on a grid_scheduler.
 *
 * Names and meanings are those of libevent's documentation; the layout is ours. */
#ifndef TAKT_FOREIGN_EVENT_H
#define TAKT_FOREIGN_EVENT_H
#include <stdint.h>
#include <sys/time.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef int evutil_socket_t;
typedef void (*event_callback_fn)(evutil_socket_t, short, void*);
struct event_base;
struct event {
  struct event_base* base;
  event_callback_fn call;
  void* argument;
  int64_t interval; /* ns */
  short flags;
};

#define EV_TIMEOUT 0x01
#define EV_READ 0x02
#define EV_PERSIST 0x10

struct event_base* event_base_new(void);
void event_base_free(struct event_base*);
int event_base_dispatch(struct event_base*); /* 1: no event is left; 0: event_base_loopexit() */
int event_base_loopexit(struct event_base*, const struct timeval*);
int event_base_once(struct event_base*, evutil_socket_t, short, event_callback_fn, void*, const struct timeval*);
#define event_base_assert_ok_(base) ((void)(base))

int event_assign(struct event*, struct event_base*, evutil_socket_t, short, event_callback_fn, void*);
struct event* event_new(struct event_base*, evutil_socket_t, short, event_callback_fn, void*);
int event_add(struct event*, const struct timeval*);
int event_del(struct event*);
void event_active(struct event*, int, short);
void* event_self_cbarg(void);
#define evtimer_new(base, call, argument) event_new((base), -1, 0, (call), (argument))
#define evtimer_add(event, time) event_add((event), (time))
#define evtimer_del(event) event_del(event)

/* The base that functions without one use: that of the test. */
extern struct event_base* global_base;
#define evtimer_set(event, call, argument) event_assign((event), global_base, -1, 0, (call), (argument))
#define event_dispatch() event_base_dispatch(global_base)

#define evutil_timerclear(time) timerclear(time)
#define EVENT_DBG_ALL 0
#define event_enable_debug_logging(what) ((void)(what))
int evutil_gettimeofday(struct timeval*, void*);
void evutil_usleep_(const struct timeval*);
struct evutil_weakrand_state {
  uint32_t seed;
};
uint32_t evutil_weakrand_seed_(struct evutil_weakrand_state*, uint32_t);
int32_t evutil_weakrand_(struct evutil_weakrand_state*);

#ifdef __cplusplus
}
#endif
#endif
