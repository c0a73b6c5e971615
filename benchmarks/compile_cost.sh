#!/bin/bash
# compile_cost.sh [COMPILER] [ROUNDS]: what including takt costs a translation unit, net of an empty one, as a ratio to
# <chrono> <thread> <system_error> <atomic> <span> <optional> together. Two measures: CPU time, which a busy machine changes
# less than the time by the clock (the candidates take turns; medians are compared), and the compiler's instructions by
# valgrind, if that is installed, which a busy machine does not change. With clang 22 or newer, importing takt too: alone, with
# one use (a compiler reads of a module what is used), with that use and <chrono>; beside the same use with takt.hpp.
# included_by_takt: the headers of the library and of Linux that takt.hpp includes, without takt. ROUNDS of 0 counts
# instructions alone.
set -eu
compiler=${1:-g++}
rounds=${2:-15}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c++20 "-I$root/include" -fsyntax-only)
: >"$work/empty.cpp"
printf '#include <%s>\n' chrono thread system_error atomic span optional >"$work/standard.cpp"
for header in takt/takt.hpp takt/cpu/counter.hpp takt/core/ticks.hpp takt/kernel/posix_clock.hpp; do
  printf '#include <%s>\n' $header >"$work/$(echo $header | tr / _).cpp"
done
"$compiler" "${flags[@]}" -M "$work/takt_takt.hpp.cpp" | tr ' ' '\n' | grep "^$root/include/takt/" |
  xargs grep -hoE '^ *# *include <[^>]+>' | grep -v '<takt/' | sort -u >"$work/included_by_takt.cpp"
use='auto stamp() { return takt::tsc_clock::now().time_since_epoch().count(); }'
if "$compiler" --version | grep -q clang && [ "$("$compiler" -dumpversion | cut -d. -f1)" -ge 22 ]; then
  "$compiler" -std=c++20 "-I$root/include" -c "$root/include/takt/takt.cppm" "-fmodule-output=$work/takt.pcm" -o "$work/takt.o"
  flags+=("-fmodule-file=takt=$work/takt.pcm")
  echo 'import takt;' >"$work/import_takt.cpp"
  printf '#include <chrono>\n' >"$work/chrono.cpp"
  printf 'import takt;\n%s\n' "$use" >"$work/import_takt_use.cpp"
  printf '#include <chrono>\nimport takt;\n%s\n' "$use" >"$work/chrono_import_takt_use.cpp"
  printf '#include <takt/takt.hpp>\n%s\n' "$use" >"$work/takt_takt.hpp_use.cpp"
fi

TIMEFORMAT='%3U %3S'
i=0
while [ $i -lt "$rounds" ]; do
  for source in "$work"/*.cpp; do
    { time "$compiler" "${flags[@]}" "$source"; } 2>&1 |
      awk '{ print int(($1 + $2) * 1000 + 0.5) }' >>"$source.times"
  done
  i=$((i + 1))
done
# The sum over the compiler's processes, in millions.
if command -v valgrind >/dev/null; then
  for source in "$work"/*.cpp; do
    valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null --trace-children=yes "$compiler" "${flags[@]}" "$source" 2>&1 |
      awk '/ I +refs:/ { gsub(/,/, "", $NF); sum += $NF } END { print sum / 1e6 }' >"$source.instructions"
  done
fi

# measure NAME KIND: the median of the values of a kind, or nothing.
measure() { sort -n "$work/$1.cpp.$2" 2>/dev/null | awk '{ t[NR] = $1 } END { if (NR) print t[int((NR + 1) / 2)] }'; }
# net_and_ratio NAME KIND: "-" for what was not measured.
net_and_ratio() {
  awk -v v="$(measure "$1" "$2")" -v e="$(measure empty "$2")" -v s="$(measure standard "$2")" '
    BEGIN { if (v == "") print "- -"; else printf "%.0f %.3f\n", v - e, (v - e) / (s - e) }'
}
printf '%-32s %8s %8s %12s %8s\n' header 'net ms' ratio 'net 1e6 inst' ratio
for source in "$work"/*.cpp; do
  name=$(basename "$source" .cpp)
  [ "$name" != empty ] || continue
  # shellcheck disable=SC2046,SC2183 # four words
  printf '%-32s %8s %8s %12s %8s\n' "$name" $(net_and_ratio "$name" times) $(net_and_ratio "$name" instructions)
done
