/* uv.h - as much of libuv's interface as its tests of timers use. shim.cpp implements it on a grid_scheduler.
 *
 * Names and meanings are those of libuv's documentation; the layout is ours. */
#ifndef TAKT_FOREIGN_UV_H
#define TAKT_FOREIGN_UV_H
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
/* Handles of all kinds have one layout, so that a cast between them is harmless. */
typedef struct uv_handle_s uv_timer_t, uv_prepare_t, uv_check_t;
typedef void (*uv_close_cb)(uv_handle_t*);
typedef void (*uv_walk_cb)(uv_handle_t*, void*);
typedef void (*uv_timer_cb)(uv_timer_t*);
typedef void (*uv_prepare_cb)(uv_prepare_t*);
typedef void (*uv_check_cb)(uv_check_t*);

enum { UV_EINVAL = -EINVAL };
typedef enum { UV_RUN_DEFAULT, UV_RUN_ONCE, UV_RUN_NOWAIT } uv_run_mode;

struct uv_handle_s {
  void* data;
  uv_loop_t* loop;
  void (*call)(uv_handle_t*);
  uv_close_cb closed;
  void* timer;       /* of the scheduler; null for other kinds */
  uint64_t due;      /* ms */
  uint64_t repeat;   /* ms */
  int kind, active, unreferenced, closing;
};

uv_loop_t* uv_default_loop(void);
int uv_loop_close(uv_loop_t*);
void uv_library_shutdown(void);
int uv_run(uv_loop_t*, uv_run_mode);
uint64_t uv_now(const uv_loop_t*);
void uv_update_time(uv_loop_t*);
uint64_t uv_hrtime(void);
void uv_walk(uv_loop_t*, uv_walk_cb, void*);

int uv_is_active(const uv_handle_t*);
int uv_is_closing(const uv_handle_t*);
void uv_close(uv_handle_t*, uv_close_cb);
void uv_unref(uv_handle_t*);

int uv_timer_init(uv_loop_t*, uv_timer_t*);
int uv_timer_start(uv_timer_t*, uv_timer_cb, uint64_t, uint64_t);
int uv_timer_stop(uv_timer_t*);
int uv_timer_again(uv_timer_t*);
void uv_timer_set_repeat(uv_timer_t*, uint64_t);
uint64_t uv_timer_get_repeat(const uv_timer_t*);
uint64_t uv_timer_get_due_in(const uv_timer_t*);

int uv_prepare_init(uv_loop_t*, uv_prepare_t*);
int uv_prepare_start(uv_prepare_t*, uv_prepare_cb);
int uv_prepare_stop(uv_prepare_t*);
int uv_check_init(uv_loop_t*, uv_check_t*);
int uv_check_start(uv_check_t*, uv_check_cb);
int uv_check_stop(uv_check_t*);

/* The header of the tests names these in a function that no test of timers calls. */
typedef struct {
  union {
    struct sockaddr_in6 address6;
  } address;
} uv_interface_address_t;
int uv_interface_addresses(uv_interface_address_t**, int*);
void uv_free_interface_addresses(uv_interface_address_t*, int);

#ifdef __cplusplus
}
#endif
#endif
