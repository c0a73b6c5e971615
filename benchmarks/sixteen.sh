#!/bin/bash
# sixteen.sh TAKT [SECONDS]: what wakes a machine on which sixteen programs wait that were not written for takt, as they are
# and under `takt run`, as ordinary processes and under SCHED_FIFO. Root, tracefs, /usr/bin/python3.
#
# The programs are Python loops with periods of 10 ms to 1 s that sleep, poll, select, and wait for a condition and in an
# event loop, each with its own phase, and two redis servers where they are installed. `takt timers` counts for SECONDS (10).
# "instants" are the times at which one or more of the programs' own timers expired, no two within 100 us. Ways take turns.
set -u
takt=$(realpath "$1") seconds=${2:-10}
[ "$(id -u)" = 0 ] || { echo "sixteen.sh: needs root" >&2; exit 1; }
if ! grep -q ' tracefs ' /proc/mounts; then
  [ -z "${TAKT_OWN_MOUNTS:-}" ] || { echo "sixteen.sh: no tracefs" >&2; exit 1; }
  TAKT_OWN_MOUNTS=1 exec unshare -m bash -c 'mount -t tracefs nodev /sys/kernel/tracing; exec bash "$@"' bash "$0" "$@"
fi
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
cat >"$work/loop.py" <<'PYTHON'
import asyncio, select, sys, threading, time
how, period = sys.argv[1], float(sys.argv[2])
time.sleep(period * float(sys.argv[3]))
if how == 'sleep':
    while True: time.sleep(period)
if how == 'poll':
    p = select.poll()
    while True: p.poll(period * 1000)
if how == 'select':
    while True: select.select([], [], [], period)
if how == 'wait':
    e = threading.Event()
    while True: e.wait(period)
async def loop():
    while True: await asyncio.sleep(period)
asyncio.run(loop())
PYTHON

# start PREFIX...: the sixteen, each behind these words; their numbers go into $pids.
start() {
  pids=
  n=0
  for one in 'sleep 0.010' 'sleep 0.050' 'poll 0.020' 'poll 0.100' 'select 0.070' 'select 0.250' 'wait 0.030' 'wait 0.500' \
    'asyncio 0.040' 'asyncio 0.200' 'sleep 1' 'poll 0.330' 'wait 0.110' 'asyncio 0.060'; do
    n=$((n + 1))
    # shellcheck disable=SC2086
    "$@" /usr/bin/python3 "$work/loop.py" $one 0.$((n * 7 % 100)) >/dev/null 2>&1 &
    pids="$pids $!"
  done
  for n in 1 2; do
    if command -v redis-check-rdb >/dev/null; then
      ln -sf "$(command -v redis-check-rdb)" "$work/redis-server"
      "$@" "$work/redis-server" --port 0 --unixsocket "$work/redis$n" --save '' >/dev/null 2>&1 &
    else
      "$@" /usr/bin/python3 "$work/loop.py" sleep 0.1 0.$n >/dev/null 2>&1 &
    fi
    pids="$pids $!"
  done
}
# measure NAME PREFIX...
measure() {
  name=$1
  shift
  start "$@"
  sleep 2
  "$takt" timers --for "${seconds}s" --save "$work/events" --json >"$work/timers.json" 2>"$work/err" || cat "$work/err"
  # shellcheck disable=SC2086
  kill $pids 2>/dev/null
  # shellcheck disable=SC2086
  wait $pids 2>/dev/null
  NAME="$name" SECONDS_LONG="$seconds" PIDS="$pids" /usr/bin/python3 - "$work/timers.json" "$work/events" <<'PYTHON'
import json, os, re, sys
seconds, pids = float(os.environ['SECONDS_LONG']), set(map(int, os.environ['PIDS'].split()))
whole = json.load(open(sys.argv[1]))
# Whose timer it is, by the thread that armed it; redis and Python's threads have a few.
owner, times, expiries = {}, [], 0
for line in open(sys.argv[2], errors='replace'):
    m = re.match(r'\s*(.+)-(\d+)\s.*?\s(\d+\.\d+): (\w+): .*?hrtimer=(\S+)', line)
    if not m: continue
    thread, at, event, timer = int(m[2]), float(m[3]), m[4], m[5]
    if event == 'hrtimer_start': owner[timer] = thread
    if event == 'hrtimer_expire_entry' and owner.get(timer) in pids:
        expiries += 1
        if not times or at - times[-1] > 100e-6: times.append(at)
idle = whole['timers']['idle_wakeups_per_s']
print(f"| {os.environ['NAME']} | {expiries / seconds:.0f} | {len(times) / seconds:.0f} | {idle:.0f} |")
PYTHON
}
echo "| sixteen programs | expiries/s | instants/s | wake-ups of this machine from idle/s |"
echo "|---|---|---|---|"
for policy in ordinary SCHED_FIFO; do
  fifo=
  [ $policy = ordinary ] || fifo='chrt -f 10'
  # shellcheck disable=SC2086
  {
    measure "$policy: as they are" env $fifo
    measure "$policy: \`takt run --kernel-only --slack 10ms\`" env $fifo "$takt" run --quiet --kernel-only --slack 10ms --
    measure "$policy: \`takt run --slack 10ms\`" env $fifo "$takt" run --quiet --slack 10ms --
    measure "$policy: \`takt run --slack 10ms --share 100%\`" env $fifo "$takt" run --quiet --slack 10ms --share 100% --
    measure "$policy: \`takt run --slack 50ms\`" env $fifo "$takt" run --quiet --slack 50ms --
  }
done
