#!/bin/sh
# wake_comparison.sh TAKT [ROUNDS [RUNS]]: from a timer's expiry to the first reading of the clock, by takt wake and by
# cyclictest (rt-tests), idle and under takt's load, in the same minute. All run under SCHED_FIFO 80 and sleep for 1 ms.
#
# In each round cyclictest runs twice, with takt with and without the kernel's events between: so the difference of takt
# from cyclictest stands beside that of one repetition of cyclictest from another. Where the kernel has timerlat and rtla is
# installed, it runs in each round too. Needs root; with tracefs mounted takt records the kernel's events.
set -u
takt=${1:?usage: wake_comparison.sh TAKT [ROUNDS [RUNS]]}
rounds=${2:-10}
runs=${3:-1000}
priority=80
command -v cyclictest >/dev/null || {
  echo 'wake_comparison.sh: cyclictest is not installed (Debian, Ubuntu: rt-tests)' >&2
  exit 1
}
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
# The CPU sleeps as takt lets it sleep: without this cyclictest forbids it deep idle states.
cyclic() {
  cyclictest --default-system -q -v -N -t1 -p $priority -i 1000 -l "$runs" 2>/dev/null |
    awk -F: 'NF == 3 && $3 + 0 > 0 { print $3 + 0 }'
}
wake() { "$takt" wake "$@" --runs "$runs" --sleep 1ms --priority $priority --json | sed -n 's/^ *"latency_ns": \([0-9]*\),$/\1/p' | tail -n "$runs"; }
has_timerlat() { command -v rtla >/dev/null && grep -qw timerlat /sys/kernel/tracing/available_tracers 2>/dev/null; }
# A median and a p99 in ns, a line for each turn.
turn() {
  series=$1
  shift
  "$@" | sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.5)] }' >>"$out/$series"
}

for load in idle load; do
  if [ $load = load ]; then # the load that takt wake makes, for cyclictest: a series that lasts until it is stopped
    "$takt" wake --load --user-space --runs 1000000 --sleep 1s >/dev/null 2>&1 &
    loader=$!
    sleep 1
  fi
  i=0
  while [ "$i" -lt "$rounds" ]; do
    turn $load.first cyclic
    turn $load.plain wake --idle --user-space
    turn $load.traced wake --idle
    turn $load.second cyclic
    if has_timerlat; then
      rtla timerlat hist -q -p 1000 -P f:$priority -d 2s 2>/dev/null | tail -n 4 >>"$out/$load.timerlat"
    fi
    i=$((i + 1))
  done
  [ $load = idle ] || kill "$loader"
done

# The median over all rounds, and the median and the largest distance of two turns of one round.
column() { awk -v k="$2" '{ print $k }' "$out/$1" | sort -n | awk '{ v[NR] = $1 } END { printf "%8.2f", v[int((NR + 1) / 2)] / 1e3 }'; }
apart() {
  paste -d' ' "$out/$1" "$out/$2" | awk '{ d = $1 - $3; print d < 0 ? -d : d }' | sort -n |
    awk '{ v[NR] = $1 } END { printf "%8.2f %8.2f", v[int((NR + 1) / 2)] / 1e3, v[NR] / 1e3 }'
}
printf '%-44s %8s %8s   %s\n' 'expiry to first reading, us' median p99 'medians apart from cyclictest: typical, most'
for load in idle load; do
  for series in first second plain traced; do
    case $series in
    first) name='cyclictest' ;;
    second) name='cyclictest once more' ;;
    plain) name='takt wake --user-space' ;;
    traced) name='takt wake, with the kernel events' ;;
    esac
    printf '%-44s %s %s   %s\n' "$name, $load" "$(column $load.$series 1)" "$(column $load.$series 2)" "$([ $series = first ] || apart $load.first $load.$series)"
  done
  if [ -s "$out/$load.timerlat" ]; then sed "s/^/rtla timerlat, $load: /" "$out/$load.timerlat" | tail -n 4; else echo "rtla timerlat, $load: this kernel or system does not have it"; fi
done
