# Programs that nobody wrote for takt, unmodified: each must pass under `takt run` as it does without, at 10 ms and at 100 ms.
#   sh unmodified_test.sh TAKT PART
# PART: python, redis, busybox, tools, libuv, glib. A bounded part of CPython's own tests by itself; TAKT_UNMODIFIED=all in the
# environment runs all of those on time, select, epoll, threading, asyncio, subprocess and signals, which takes half an hour.
# TAKT_UNMODIFIED_TESTS="test_time ..." runs these.
set -u
takt=$(realpath "$1") part=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-unmodified.XXXXXX") || exit 1
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
failures=0
fail() {
  failures=$((failures + 1))
  echo "FAILED: $*"
}
skip_all() {
  echo "SKIPPED: unmodified_test.sh: $part: $*"
  exit 77
}
have() { command -v "$1" >/dev/null 2>&1 || skip_all "$1 is not installed"; }
cd "$work" || exit 1

# with HOW COMMAND...: as it is ("plain"), or under takt with that slack.
with() {
  how=$1
  shift
  if [ "$how" = plain ]; then "$@"; else "$takt" run --quiet --slack "$how" -- "$@"; fi
}
every_way='plain 10ms 100ms'
ms() { echo $(($(date +%s%N) / 1000000)); }
# took MIN MAX COMMAND...: ends with its status, after MIN to MAX ms. MAX is generous: machines are late.
took() {
  min=$1 max=$2
  shift 2
  begin=$(ms)
  "$@" >"$work/out" 2>"$work/err"
  status=$?
  took=$(($(ms) - begin))
  [ $took -ge "$min" ] && [ $took -le "$max" ] || fail "$took ms, not $min to $max: $*"
}
same() { [ "$2" = "$3" ] || fail "$1: '$2' is not '$3'"; }

test_python() {
  py=/usr/bin/python3
  [ -x $py ] || skip_all 'no /usr/bin/python3'
  $py -c 'import test.test_time, test.test_asyncio' 2>/dev/null || skip_all "CPython's own tests are not installed (libpython3.N-testsuite)"
  tests='test_time test_select test_epoll test_sched test_timeout test_threadsignals test_asyncio.test_timeouts
    test_asyncio.test_waitfor test_asyncio.test_locks test_asyncio.test_base_events'
  if [ "${TAKT_UNMODIFIED:-}" = all ]; then
    tests="$tests test_poll test_selectors test_thread test_threading test_queue test_signal test_subprocess
      test_socketserver test_concurrent_futures test_threading_local test_threadedtempfile"
    for file in "$($py -c 'import test.test_asyncio as t; print(t.__path__[0])')"/test_*.py; do
      name=test_asyncio.$(basename "$file" .py)
      case " $tests " in *"$name "*) ;; *) tests="$tests $name" ;; esac
    done
  fi
  for name in ${TAKT_UNMODIFIED_TESTS:-$tests}; do
    for how in $every_way; do
      # Some of them race with the machine: twice a failure is a failure, if it is not one without takt.
      for _ in 1 2 3; do
        with "$how" timeout 400 $py -m test -q "$name" >"$work/log" 2>&1
        status=$?
        [ $status != 0 ] && [ $status != 124 ] || break
      done
      if [ "$how" = plain ]; then
        plain=$status
        [ $plain = 0 ] || echo "fails without takt: $name ($plain)"
        [ $plain != 124 ] || break # what hangs here without takt says nothing
      elif [ $status != 0 ] && [ $plain = 0 ]; then
        fail "$name at $how, three times"
        tail -n 40 "$work/log"
      fi
    done
  done
}

test_redis() {
  have redis-benchmark
  have redis-check-rdb
  ln -s "$(command -v redis-check-rdb)" "$work/redis-server" # the same program, by another name; no service is installed
  for how in $every_way; do
    with "$how" "$work/redis-server" --port 0 --unixsocket "$work/redis" --save '' --appendonly no >"$work/log" 2>&1 &
    server=$!
    for _ in $(seq 100); do
      [ "$(redis-cli -s "$work/redis" ping 2>/dev/null)" = PONG ] && break
      sleep 0.05
    done
    same "ping at $how" "$(redis-cli -s "$work/redis" ping)" PONG
    redis-benchmark -s "$work/redis" -q -n 20000 -t set,get,lpush,lpop >"$work/out" 2>&1 || fail "redis-benchmark at $how"
    same "requests at $how" "$(tr '\r' '\n' <"$work/out" | grep -c 'requests per second')" 4
    echo "redis $how: $(tr '\r' '\n' <"$work/out" | sed -n 's/^\([A-Z]*\): \([0-9.]*\) requests.*/\1 \2/p' | paste -sd' ')"
    # A key with a time to live is there before it ends and gone after it; a blocking pop times out.
    redis-cli -s "$work/redis" set k v px 400 >/dev/null
    same "a key before its time at $how" "$(redis-cli -s "$work/redis" get k)" v
    sleep 0.6
    same "a key after its time at $how" "$(redis-cli -s "$work/redis" get k)" ''
    took 300 1500 redis-cli -s "$work/redis" blpop nothing 0.3
    redis-cli -s "$work/redis" shutdown nosave
    wait $server || fail "the server at $how"
    server=
  done
}

test_busybox() {
  have busybox
  for how in $every_way; do
    took 200 1500 with "$how" busybox sleep 0.2
    took 200 1500 with "$how" busybox timeout 0.2 busybox sleep 5
    same "busybox timeout at $how" "$status" 143
    same "busybox at $how" "$(with "$how" busybox sh -c 'echo a b | busybox wc -w')" 2
  done
  same 'what is said of it' "$("$takt" run --explain --json -- busybox true | grep -c '"reached": false')" \
    "$(ldd "$(command -v busybox)" 2>&1 | grep -c 'not a dynamic')"
}

test_tools() {
  for how in $every_way; do
    took 300 2000 with "$how" timeout 0.3 sleep 5
    same "timeout at $how" $status 124
    took 300 2000 with "$how" timeout -s KILL 0.3 sleep 5
    same "timeout -s KILL at $how" $status 137
    took 0 500 with "$how" timeout 5 true
    same "timeout of what ends at $how" $status 0
    took 200 1500 with "$how" sleep 0.2
    if command -v bash >/dev/null; then
      mkfifo "$work/silent" 2>/dev/null
      took 200 1500 with "$how" bash -c 'read -r -t 0.2 line <>"$1"; exit $?' bash "$work/silent"
      same "bash read -t at $how" $status 142
    fi
    if command -v perl >/dev/null; then
      took 250 1500 with "$how" perl -e 'select undef, undef, undef, 0.25'
    fi
    if command -v watch >/dev/null; then
      : >"$work/ticks"
      TERM=xterm with "$how" timeout 2.2 watch -n 0.4 "echo x >>$work/ticks" >/dev/null 2>&1
      ticks=$(wc -l <"$work/ticks")
      [ "$ticks" -ge 3 ] && [ "$ticks" -le 6 ] || fail "watch -n 0.4 ran $ticks times in 2.2 s at $how"
    fi
  done
}

# builds NAME PACKAGE: the program on standard input, with the library as Debian has it.
builds() {
  have pkg-config
  have cc
  pkg-config --exists "$2" || skip_all "$2 is not installed"
  cat >"$work/$1.c"
  # shellcheck disable=SC2046
  cc -o "$work/$1" "$work/$1.c" $(pkg-config --cflags --libs "$2") || fail "cannot build $1"
}

test_libuv() {
  builds uv libuv <<'PROGRAM'
#include <stdio.h>
#include <uv.h>
static uint64_t begin;
static int repeats, failures;
static void once(uv_timer_t* t) {
  const uint64_t ms = (uv_hrtime() - begin) / 1000000, wanted = (uint64_t)(size_t)t->data;
  if (ms + 1 < wanted || ms > wanted + 1000) failures++, printf("timer of %d ms after %d\n", (int)wanted, (int)ms);
}
static void again(uv_timer_t* t) {
  if (++repeats == 10) uv_timer_stop(t);
}
int main(void) {
  uv_timer_t timers[6];
  const int ms[] = {1, 5, 33, 100, 250, 700};
  begin = uv_hrtime();
  for (int i = 0; i < 6; ++i) {
    uv_timer_init(uv_default_loop(), &timers[i]);
    timers[i].data = (void*)(size_t)ms[i];
    uv_timer_start(&timers[i], once, (uint64_t)ms[i], 0);
  }
  uv_timer_t repeated;
  uv_timer_init(uv_default_loop(), &repeated);
  uv_timer_start(&repeated, again, 20, 20);
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  if (repeats != 10) failures++, printf("repeated %d times\n", repeats);
  return failures != 0;
}
PROGRAM
  for how in $every_way; do with "$how" "$work/uv" || fail "libuv's timers at $how"; done
  command -v node >/dev/null || return 0
  for how in $every_way; do
    same "node at $how" "$(with "$how" node -e '
      const begin = Date.now(); let n = 0;
      const i = setInterval(() => { if (++n === 10) clearInterval(i); }, 20);
      setTimeout(() => console.log(n, Date.now() - begin >= 499), 500);')" '10 true'
  done
}

test_glib() {
  builds glib glib-2.0 <<'PROGRAM'
#include <glib.h>
#include <stdio.h>
static gint64 begin;
static int repeats, failures;
static GMainLoop* loop;
static gboolean once(gpointer data) {
  const int ms = (int)((g_get_monotonic_time() - begin) / 1000), wanted = GPOINTER_TO_INT(data);
  if (ms < wanted || ms > wanted + 1000) failures++, printf("timeout of %d ms after %d\n", wanted, ms);
  return G_SOURCE_REMOVE;
}
static gboolean again(gpointer data) { return (void)data, ++repeats < 10; }
static gboolean end(gpointer data) { return (void)data, g_main_loop_quit(loop), G_SOURCE_REMOVE; }
int main(void) {
  const int ms[] = {1, 5, 33, 100, 250, 700};
  loop = g_main_loop_new(NULL, FALSE);
  begin = g_get_monotonic_time();
  for (int i = 0; i < 6; ++i) g_timeout_add((guint)ms[i], once, GINT_TO_POINTER(ms[i]));
  g_timeout_add(20, again, NULL);
  g_timeout_add(1000, end, NULL);
  g_main_loop_run(loop);
  GMutex m;
  GCond c;
  g_mutex_init(&m), g_cond_init(&c), g_mutex_lock(&m);
  const gint64 until = g_get_monotonic_time() + 60000;
  if (g_cond_wait_until(&c, &m, until)) failures++, printf("a condition that nobody signals\n");
  if (g_get_monotonic_time() < until) failures++, printf("g_cond_wait_until ended early\n");
  if (repeats != 10) failures++, printf("repeated %d times\n", repeats);
  return failures != 0;
}
PROGRAM
  for how in $every_way; do with "$how" "$work/glib" || fail "glib's timers at $how"; done
}

case $part in
python | redis | busybox | tools | libuv | glib) test_$part ;;
*) fail "no part $part" ;;
esac
[ $failures = 0 ] && echo passed
exit $((failures > 0))
