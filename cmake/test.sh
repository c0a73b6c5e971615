#!/bin/sh
# test.sh [full]: builds and runs takt's tests; installs what is missing first (see packages.sh).
#   (none)  one compiler, g++: unit, live, interop, layout and documentation tests, the examples and the tool. Some minutes,
#           most of them compiling.
#   full    everything: also optimised, code that must not compile, packaging, a hostile world, programs of others under
#           `takt run`, the promised compilers, sanitizers, cross-compiled architectures, fuzzing, the reference,
#           benchmarks, tests of timers and clocks that others wrote for their libraries and for the kernel, a compiler of a
#           newer suite of the distribution, the script that mutates headers, and boots of a throw-away guest in which what
#           must not happen here does happen.
# Build trees and logs stay in build/ . Prints one summary and ends non-zero when anything failed.
# Warnings are errors with CI=true or TAKT_WERROR=ON in the environment, as they are for takt's own submissions (.ci/run).
# For compilers' caches set CMAKE_CXX_COMPILER_LAUNCHER=ccache.
set -u
cd "$(dirname "$0")/.." || exit 1
. cmake/packages.sh
. cmake/steps.sh

how=${1:-quick}
case $how in
quick | full) ;;
*) say "usage: sh cmake/test.sh [full]" >&2 && exit 2 ;;
esac
case ${TAKT_WERROR:-${CI:-}} in
'' | 0 | false | OFF | off) werror=OFF ;;
*) werror=ON ;;
esac

# shellcheck disable=SC2086 # lists of words, here and below
need $build_packages $tool_packages $test_packages
newest=
if [ $how = full ]; then
  need $matrix_packages $guest_packages $peer_packages $foreign_packages $unmodified_packages $(python_tests) $reference_packages
  newest=$(newest_clang)
  [ -z "$newest" ] || need "clang-$newest" "libclang-rt-$newest-dev" $(libcxx_packages "$newest")
fi

mkdir -p build
logs=build/logs
rm -rf $logs && mkdir -p $logs
summary=$logs/summary
: >$summary

# step NAME WHAT TIME COMMAND...: says what it is about to do, where the log is and how long that takes, runs it, prints how it
# went, and the end of the log when it went wrong. TIME is what to say before the first run on this machine.
step() {
  name=$1 what=$2 time=$3
  shift 3
  say "takt: $what ($(about "$name" "$time"); log: $logs/$name.log)"
  begin=$(date +%s)
  if logged "$logs/$name.log" "$@"; then verdict=ok; else verdict=FAILED; fi
  took=$(($(date +%s) - begin))
  printf '%-34s %-7s %4d s\n' "$name" $verdict $took | tee -a $summary
  [ $verdict != ok ] || remember "$name" $took
  [ $verdict = ok ] || what_failed "$logs/$name.log"
  [ $verdict = ok ]
}

# what_failed LOG: the end of it; for ctest's log, what each failed test printed last.
what_failed() {
  failed=$(sed -n '/^The following tests FAILED:/,$ s/^[[:space:]]*\([0-9][0-9]*\) - \(.*\) (.*/\1 \2/p' "$1")
  [ -n "$failed" ] || { tail -n 60 "$1"; return; }
  say "$failed" | while read -r number test; do
    say "--- $test"
    grep "^$number: " "$1" | tail -n 40
  done
}

# suite NAME CTEST-LABELS CMAKE-ARGUMENT...: configures, builds and tests one build tree. A tree that does not build fails
# its test step too, so that the summary never shows less than was asked for. Two tests for each CPU at a time, because many
# wait.
jobs=$(nproc)
build_time= test_time= target=all
suite() {
  tree=$1 labels=$2
  shift 2
  step "$tree.build" "building build/$tree" "$build_time" \
    sh -c 'tree=$1; jobs=$2; target=$3; shift 3; cmake -S . -B "build/$tree" -G Ninja "$@" && cmake --build "build/$tree" -j "$jobs" -t "$target"' \
    sh "$tree" "$jobs" $target -DTAKT_WERROR=$werror "$@"
  step "$tree.test" "testing it: $(say "$labels" | tr '|' ' ')" "$test_time" \
    ctest --test-dir "build/$tree" --output-on-failure --no-tests=error -j $((2 * jobs)) -L "$labels" \
    --output-junit "$PWD/$logs/$tree.test.xml" -V
}

# The C library stays: its tests are for the sanitizers too.
only_tests="-DTAKT_BUILD_EXAMPLES=OFF -DTAKT_BUILD_TOOL=OFF -DTAKT_BUILD_BENCHMARKS=OFF -DTAKT_TEST_TREE=OFF"
# A build that only has to be checked, not to be fast, compiles in half the time; unoptimised, in a third. Sanitizers look at
# optimised code: without, clang does not check the sizes of objects.
brisk="-DCMAKE_BUILD_TYPE=Brisk -DCMAKE_CXX_FLAGS_BRISK=-O1"
plain="-DCMAKE_BUILD_TYPE=Brisk -DCMAKE_CXX_FLAGS_BRISK=-O0"
# See cmake/takt_own.cmake.
precompiled=-DTAKT_PRECOMPILE=ON
[ -z "${CMAKE_CXX_COMPILER_LAUNCHER:-}" ] || precompiled=
cxx() { printf -- '-DCMAKE_CXX_COMPILER=%s' "$1"; }

quick_labels='unit|live|interop|layout|docs|tool|example'
if [ $how = quick ]; then
  main_tree=quick
  build_time="$((10 / jobs + 1)) to $((20 / jobs + 2)) minutes the first time" test_time="$((6 / jobs + 1)) to $((10 / jobs + 2)) minutes"
  suite quick $quick_labels $plain $precompiled -DTAKT_BUILD_BENCHMARKS=OFF -DTAKT_TEST_LONG=OFF
else
  main_tree=gcc
  suite gcc "$quick_labels|compile|package|unmodified|hostile|mutation" -DTAKT_TEST_GUEST=ON -DTAKT_TEST_FOREIGN=ON -DTAKT_TEST_MUTATION=ON -DTAKT_TEST_SYSTEMS=trixie:g++-14
  # They wait for their timers most of the time, so they can do that together.
  step gcc.foreign "testing timers and clocks with what others wrote for theirs" "" \
    ctest --test-dir build/gcc --output-on-failure --no-tests=error -j $((4 * jobs)) -L foreign \
    --output-junit "$PWD/$logs/gcc.foreign.xml" -V
  step gcc.systems "testing with a newer compiler, in a bare system of its suite" "2 minutes" \
    ctest --test-dir build/gcc --output-on-failure --no-tests=error -L systems --output-junit "$PWD/$logs/gcc.systems.xml" -V
  # They wait half of the time. One that the others starved boots again, and the summary names it.
  step gcc.guest "booting guests in which clocks jump, stop and lie" "" \
    ctest --test-dir build/gcc --output-on-failure --no-tests=error -j $((jobs + 1)) --repeat until-pass:2 -L guest --output-junit "$PWD/$logs/gcc.guest.xml" -V
  # What clang 14 makes of the tests runs below, under its sanitizers.
  suite clang-14 compile $(cxx clang++-14) $brisk -DTAKT_TEST_PROGRAMS=OFF -DTAKT_BUILD_EXAMPLES=OFF -DTAKT_BUILD_TOOL=OFF -DTAKT_BUILD_BENCHMARKS=OFF
  # Not optimised: what clang makes of optimised code shows below, under the sanitizers. The tool is built, and tested above alone.
  [ -z "$newest" ] || suite clang-newest 'unit|live|interop|compile|example' $(cxx "clang++-$newest") $plain $precompiled -DTAKT_BUILD_BENCHMARKS=OFF
  suite address 'unit|live|interop' $(cxx clang++-14) -DCMAKE_C_COMPILER=clang-14 -DTAKT_SANITIZE=address,undefined $brisk $precompiled $only_tests
  # Thread sanitizer runtimes of this age cannot map their shadow where the address space is randomised widely.
  setarch -R true 2>/dev/null && fixed_addresses="setarch -R" || fixed_addresses=
  suite thread 'unit|live|interop' $(cxx clang++-14) -DCMAKE_C_COMPILER=clang-14 -DTAKT_SANITIZE=thread $brisk $precompiled $only_tests \
    "-DCMAKE_CROSSCOMPILING_EMULATOR=$(printf %s "$fixed_addresses" | tr ' ' ';')"
  target=takt_unit_tests # the other programs cannot run there
  for arch in aarch64 riscv64; do
    suite $arch unit $(cxx $arch-linux-gnu-g++) $brisk $only_tests -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=$arch \
      "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-$arch;-L;/usr/$arch-linux-gnu"
  done
  target=all
  suite fuzz fuzz $(cxx "clang++-${newest:-14}") -DTAKT_TEST_FUZZ=ON -DTAKT_TEST_PROGRAMS=OFF $only_tests
fi

report() {
  build/$main_tree/examples/takt report --json >$logs/report.json || return
  python=$(command -v /usr/bin/python3 || command -v python3) || { say "SKIPPED: report: no python3" && return; }
  "$python" -B tests/tool/report_check.py $logs/report.json || [ $? = 77 ]
}
step report "reporting on this machine" "a second" report

# The summary: every step, every skip with its reason once, the counts over all suites.
say
say "== summary"
cat $summary
skips=$(cat $logs/*.test.log $logs/gcc.foreign.log $logs/gcc.systems.log $logs/gcc.guest.log $logs/report.log 2>/dev/null |
  sed -n 's/^\([0-9]*: *\)\{0,1\}SKIPPED: //p' | sort | uniq -c)
[ -z "$skips" ] || { say "skipped:"; say "$skips"; }
# The first run of what was run twice is not in the JUnit file.
again=$(sed -n 's/.* Test *#[0-9]*: \(guest[^ ]*\) \.*\*\*\*\([A-Z][a-z]*\).*/\1 \2/p' $logs/gcc.guest.log 2>/dev/null | grep -v Skipped | sort | uniq -c)
[ -z "$again" ] || { say "boots that failed, of two:"; say "$again"; }
# count WHAT FILE...: the sum over these JUnit files.
count() {
  what=$1
  shift
  cat "$@" 2>/dev/null | sed -n "s/.*[[:space:]]$what=\"\([0-9]*\)\".*/\1/p" | awk '{ n += $1 } END { print n + 0 }'
}
# A machine that checks submissions must be able to boot a guest: what is skipped there was not checked. But an archive need not
# have the suites of newer kernels ("SKIPPED: guests with ...", tests/support/suite.sh).
if [ -n "${CI:-}" ] && grep -q 'SKIPPED: guest[.]' $logs/gcc.guest.log 2>/dev/null; then
  printf '%-34s FAILED\n' 'guest: skipped under CI' | tee -a $summary
fi
failed_steps=$(grep -c FAILED $summary)
tests=$(count tests $logs/*.xml) failures=$(count failures $logs/*.xml) skipped=$(count skipped $logs/*.xml)
# A step that failed is one more failure, unless its tests are counted already.
others=0
for name in $(sed -n 's/ *FAILED.*//p' $summary | tr -d ' '); do
  [ "$(count failures "$logs/$name.xml")" != 0 ] || others=$((others + 1))
done
say "$((tests - failures - skipped)) passed, $((failures + others)) failed, $skipped skipped"
[ "$failed_steps" = 0 ] && [ "$tests" -gt 0 ]
