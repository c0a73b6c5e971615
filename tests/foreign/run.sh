#!/bin/sh
# run.sh SUITE PLACE COMPILER FLAG...: fetches a suite into PLACE (fetch.sh), builds its tests of timers and clocks against an
# adapter of ours, which stands in the directory of that name, and runs them. What the adapter leaves out or does in another way
# stands at its top. FLAG is what takt's own programs are compiled with.
set -u
suite=$1 place=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$place" && work=$(mktemp -d "$place/work.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

# fetch PACKAGE [WHAT...]: what cannot be fetched ends this script as fetch.sh says.
fetch() { sh "$here/fetch.sh" "$place" "$@" || exit; }
# Foreign sources are compiled without warnings: they are not ours to mend.
foreign() {
  language=$1
  shift
  "$compiler" $flags -w -x "$language" "$@"
}
compiler=$1
shift
flags=$*
# run CLOCKS TEST...: each test on each of these clocks. They wait most of the time, so they can do that together.
run() {
  clocks=$1
  shift
  for clock in $clocks; do
    for test; do echo "$clock $test"; done
  done | xargs -P 16 -n 2 sh -c '
    if log=$(timeout 120 "$1/tests" "$3" "$4" 2>&1); then echo "passed: $2 $4, $3"; else echo "FAILED: $2 $4, $3
$log" && exit 1; fi' sh "$work" "$suite"
}
c_flags=$(printf '%s\n' $flags | grep -v '^-std=' | tr '\n' ' ')

# shellcheck disable=SC2086 # lists of words
case $suite in
asio)
  # Boost's copy, which mirrors of a part have more often than asio's own source: it only has other names.
  boost=$(apt-cache depends libboost-dev 2>/dev/null | sed -n 's/^ *Depends: lib\(boost[0-9.]*\)-dev$/\1/p')
  boost=${boost:-boost}
  fetch "$boost" --occurrence '*/libs/asio/test/system_timer.cpp' '*/libs/asio/test/unit_test.hpp'
  for file in system_timer.cpp unit_test.hpp; do
    sed 's|boost/asio|asio|; s/boost::asio::system_timer/system_timer/g; s/boost::asio/asio/g; s/boost::system::error/asio::error/g
      s/BOOST_ASIO/ASIO/g; s/int main/int suite/; /namespace boost/d' "$place/$boost/libs/asio/test/$file" >"$work/$file" || exit 1
  done
  foreign c++ -O0 -I"$work" "$here/asio/tests.cpp" -o "$work/tests" -lpthread || exit 1
  run "tsc_clock fast_tsc_clock CLOCK_MONOTONIC CLOCK_BOOTTIME CLOCK_REALTIME grid" system_timer
  ;;
libstdcxx)
  release=$(echo '#include <version>' | "$compiler" $flags -x c++ -E -dM - | sed -n 's/^#define _GLIBCXX_RELEASE //p')
  [ -n "$release" ] || { echo "SKIPPED: foreign tests: $compiler uses another library than libstdc++" && exit 77; }
  testsuite='*/libstdc++-v3/testsuite'
  fetch "gcc-$release-source" "$testsuite/20_util" "$testsuite/30_threads" "$testsuite/util/*.h"
  cd "$place/gcc-$release-source/libstdc++-v3/testsuite" || exit 1
  sed -n 's|^//   \([^ ]*\.cc\): .*|\1|p' "$here/libstdcxx/tests.cpp" >"$work/left_out"
  names=$(grep -rlE '(steady|system)_clock' 20_util 30_threads | xargs grep -LE 'dg-(do compile|error)' |
    grep -vxFf "$work/left_out" | sort)
  grep -h '^#include' $names | grep -v slow_clock | sort -u >"$work/includes.inc"
  for name in $names; do
    space=test_$(echo "$name" | tr -c 'a-zA-Z0-9\n' _)
    echo "{\"$name\", [] { pass($space::body); }}," >&3
    # Some end without a result, which main alone may do.
    printf 'namespace %s {\n#line 1 "%s"\n' "$space" "$name"
    sed -e '/^int *$/N' -e 's/^int[ \n]*main *(/auto body(/' "$name" && echo "}"
  done >"$work/tests.inc" 3>"$work/list"
  echo "const tests all = {$(cat "$work/list")};" >>"$work/tests.inc"
  foreign c++ -O0 -I"$work" -Iutil "$here/libstdcxx/tests.cpp" -o "$work/tests" -lpthread || exit 1
  run "tsc_clock CLOCK_BOOTTIME" $names
  ;;
libuv)
  fetch libuv1
  names=
  for file in test-timer test-timer-again test-timer-from-check; do
    flags=$c_flags foreign c -I"$here/libuv" -I"$place/libuv1/test" -c "$place/libuv1/test/$file.c" -o "$work/$file.o" || exit 1
    names="$names $(sed -n 's/^TEST_IMPL(\(.*\)) {$/\1/p' "$place/libuv1/test/$file.c")"
  done
  "$compiler" $flags "$here/libuv/shim.cpp" "$work"/*.o -o "$work/tests" || exit 1
  run "manual real" $names
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
  run "manual real" $names time
  ;;
linux | linux:*)
  # linux:ROOT only builds those that change clocks, for a guest with that root (tests/guest).
  root=${suite#linux}
  root=${root#:}
  . "$here/linux/sources.sh"
  if [ -z "$root" ]; then . "$here/linux/host.sh"; else . "$here/linux/guest.sh"; fi
  ;;
*) echo "no suite $suite" && exit 2 ;;
esac
