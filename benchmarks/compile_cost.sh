#!/bin/bash
# compile_cost.sh [COMPILER] [ROUNDS]: what including takt costs a translation unit, net of an empty one, as a ratio to
# <chrono> <thread> <system_error> <atomic> <span> <optional> together: CPU time, which a busy machine changes less than
# the time by the clock. The candidates take turns; medians are compared.
set -eu
compiler=${1:-g++}
rounds=${2:-15}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/empty.cpp"
printf '#include <%s>\n' chrono thread system_error atomic span optional >"$work/standard.cpp"
for header in takt/takt.hpp takt/cpu/counter.hpp takt/core/ticks.hpp takt/kernel/posix_clock.hpp; do
  printf '#include <%s>\n' $header >"$work/$(echo $header | tr / _).cpp"
done

TIMEFORMAT='%3U %3S'
i=0
while [ $i -lt "$rounds" ]; do
  for source in "$work"/*.cpp; do
    { time "$compiler" -std=c++20 -I"$root/include" -fsyntax-only "$source"; } 2>&1 |
      awk '{ print int(($1 + $2) * 1000 + 0.5) }' >>"$source.times"
  done
  i=$((i + 1))
done

median() { sort -n "$1.times" | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'; }
empty=$(median "$work/empty.cpp")
standard=$(($(median "$work/standard.cpp") - empty))
printf '%-32s %8s %8s\n' header 'net ms' ratio
for source in "$work"/*.cpp; do
  name=$(basename "$source" .cpp)
  [ "$name" != empty ] || continue
  net=$(($(median "$source") - empty))
  awk -v n="$name" -v net=$net -v s=$standard 'BEGIN { printf "%-32s %8d %8.3f\n", n, net, net / s }'
done
