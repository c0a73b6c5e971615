#!/bin/sh
# run.sh SUITE PLACE COMPILER FLAG...: fetches a suite into PLACE (fetch.sh), builds its tests of timers against an adapter of
# ours, which stands in the directory of that name, and runs them. What the adapter leaves out or does in another way stands at
# its top. FLAG is what takt's own programs are compiled with.
#   asio:CLOCK[:grid]   one test for each of takt's clocks
#   libuv, libevent     on a manual clock and in real time
set -u
suite=$1 place=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$place" && work=$(mktemp -d "$place/work.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

# fetch PACKAGE: what cannot be fetched ends this script as fetch.sh says.
fetch() { sh "$here/fetch.sh" "$place" "$1" || exit; }
# Foreign sources are compiled without warnings: they are not ours to mend.
foreign() {
  language=$1
  shift
  "$compiler" $flags -w -x "$language" "$@"
}
compiler=$1
shift
flags=$*
failures=0
# both TEST...: each test on a manual clock and in real time.
both() {
  for clock in manual real; do
    for name; do
      if "$work/tests" $clock "$name" >"$work/log" 2>&1; then
        echo "passed: $suite $name, $clock"
      else
        echo "FAILED: $suite $name, $clock"
        cat "$work/log"
        failures=$((failures + 1))
      fi
    done
  done
}
c_flags=$(printf '%s\n' $flags | grep -v '^-std=' | tr '\n' ' ')

# shellcheck disable=SC2086 # lists of words
case $suite in
asio:*)
  fetch asio
  test=$(find "$place/asio" -path '*/tests/unit/system_timer.cpp' | head -n 1)
  [ -n "$test" ] || { echo "asio has no tests/unit/system_timer.cpp"; exit 1; }
  clock=${suite#asio:}
  grid=
  case $clock in *:grid) grid=-DTAKT_FOREIGN_GRID clock=${clock%:grid} ;; esac
  case $clock in *clock) clock="takt::$clock" ;; *) clock="takt::posix_clock<$clock>" ;; esac
  foreign c++ "-DTAKT_FOREIGN_CLOCK=$clock" $grid -I"$(dirname "$test")" -include "$here/asio/takt_timer.hpp" "$test" \
    -o "$work/tests" -lpthread || exit 1
  "$work/tests" || exit 1
  ;;
libuv)
  fetch libuv1
  names=
  for file in test-timer test-timer-again test-timer-from-check; do
    flags=$c_flags foreign c -I"$here/libuv" -I"$place/libuv1/test" -c "$place/libuv1/test/$file.c" -o "$work/$file.o" || exit 1
    names="$names $(sed -n 's/^TEST_IMPL(\(.*\)) {$/\1/p' "$place/libuv1/test/$file.c")"
  done
  "$compiler" $flags "$here/libuv/shim.cpp" "$work"/*.o -o "$work/tests" || exit 1
  both $names
  ;;
libevent)
  fetch libevent
  test=$place/libevent/test
  names="simpletimeout persistent_timeout persistent_timeout_jump persistent_active_timeout"
  needed="timeout_cb periodic_timeout_cb persist_active_timeout_called activate_cb persist_active_timeout_cb"
  awk -v names="$needed$(for n in $names; do printf ' test_%s' "$n"; done)" -f "$here/libevent/extract.awk" "$test/regress.c" \
    >"$work/regress_timers.inc" || exit 1
  flags=$c_flags foreign c -I"$here/libevent" -I"$work" -c "$here/libevent/regress.c" -o "$work/regress.o" || exit 1
  flags=$c_flags foreign c -Dmain=test_time_main -I"$here/libevent" -c "$test/test-time.c" -o "$work/time.o" || exit 1
  "$compiler" $flags -I"$here/libevent" "$here/libevent/shim.cpp" "$work"/*.o -o "$work/tests" || exit 1
  both $names time
  ;;
*) echo "no suite $suite" && exit 2 ;;
esac
exit $((failures > 0))
