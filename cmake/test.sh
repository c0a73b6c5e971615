#!/bin/sh
# test.sh [quick]: builds and runs takt's tests; installs what is missing first (see packages.sh).
#   quick   g++ alone: unit, live, compile and package tests, and the tool. About ten
#           minutes on two cores, most of it compiling.
#   (none)  everything: also the promised compilers, sanitizers, cross-compiled architectures, fuzzing, and boots of a
#           throw-away guest in which what must not happen here does happen. Most of half an hour.
# Build trees and logs stay in build/ . Prints one summary and ends non-zero when anything failed.
set -u
cd "$(dirname "$0")/.." || exit 1
. cmake/packages.sh

how=${1:-full}
case $how in
quick | full) ;;
*) say "usage: sh cmake/test.sh [quick]" >&2 && exit 2 ;;
esac

# shellcheck disable=SC2086 # lists of words, here and below
need $build_packages $tool_packages $test_packages
newest=
if [ $how = full ]; then
  need $matrix_packages $guest_packages $peer_packages
  newest=$(newest_clang)
  [ -z "$newest" ] || need "clang-$newest" "libclang-rt-$newest-dev"
fi

mkdir -p build
logs=build/logs
rm -rf $logs && mkdir -p $logs
summary=$logs/summary
: >$summary

# step NAME COMMAND...: runs it into a log of its own; prints how it went, and the end of the log when it went wrong.
step() {
  name=$1
  shift
  begin=$(date +%s)
  if "$@" >"$logs/$name.log" 2>&1 </dev/null; then verdict=ok; else verdict=FAILED; fi
  took=$(($(date +%s) - begin))
  printf '%-34s %-7s %4d s\n' "$name" $verdict $took | tee -a $summary
  [ $verdict = ok ] || tail -n 60 "$logs/$name.log"
  [ $verdict = ok ]
}

# suite NAME CTEST-LABELS CMAKE-ARGUMENT...: configures, builds and tests one build tree. A tree that does not build fails
# its test step too, so that the summary never shows less than was asked for.
jobs=$(nproc)
suite() {
  tree=$1 labels=$2
  shift 2
  step "$tree.build" sh -c 'tree=$1; jobs=$2; shift 2; cmake -S . -B "build/$tree" -G Ninja "$@" && cmake --build "build/$tree" -j "$jobs"' \
    sh "$tree" "$jobs" "$@"
  step "$tree.test" ctest --test-dir "build/$tree" --output-on-failure --no-tests=error -j "$jobs" -L "$labels" \
    --output-junit "$PWD/$logs/$tree.test.xml" -V
}

only_tests="-DTAKT_BUILD_EXAMPLES=OFF -DTAKT_BUILD_BENCHMARKS=OFF -DTAKT_TEST_TREE=OFF"
# What only has to be checked, not to be fast, is compiled in half the time.
brisk="-DCMAKE_BUILD_TYPE=Brisk -DCMAKE_CXX_FLAGS_BRISK=-O1"
cxx() { printf -- '-DCMAKE_CXX_COMPILER=%s' "$1"; }

gcc_labels='unit|live|compile|package|tool|example'
if [ $how = quick ]; then
  suite gcc $gcc_labels
else
  suite gcc $gcc_labels -DTAKT_TEST_GUEST=ON
  # The boots come one by one: several at a time would starve each other.
  step gcc.guest ctest --test-dir build/gcc --output-on-failure --no-tests=error -L guest --output-junit "$PWD/$logs/gcc.guest.xml" -V
  suite clang-14 'unit|live|compile' $(cxx clang++-14) -DTAKT_BUILD_EXAMPLES=OFF -DTAKT_BUILD_BENCHMARKS=OFF
  [ -z "$newest" ] || suite clang-newest 'unit|live|compile|tool|example' $(cxx "clang++-$newest") -DTAKT_BUILD_BENCHMARKS=OFF
  suite address 'unit|live' $(cxx clang++-14) -DTAKT_SANITIZE=address,undefined $brisk $only_tests
  # Thread sanitizer runtimes of this age cannot map their shadow where the address space is randomised widely.
  setarch -R true 2>/dev/null && fixed_addresses="setarch -R" || fixed_addresses=
  suite thread 'unit|live' $(cxx clang++-14) -DTAKT_SANITIZE=thread $brisk $only_tests \
    "-DCMAKE_CROSSCOMPILING_EMULATOR=$(printf %s "$fixed_addresses" | tr ' ' ';')"
  for arch in aarch64 riscv64; do
    suite $arch unit $(cxx $arch-linux-gnu-g++) $brisk $only_tests -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=$arch \
      "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-$arch;-L;/usr/$arch-linux-gnu"
  done
  suite fuzz fuzz $(cxx "clang++-${newest:-14}") -DTAKT_TEST_FUZZ=ON -DTAKT_TEST_PROGRAMS=OFF $only_tests
fi

report() { build/gcc/examples/takt report --json >$logs/report.json && build/gcc/tests/takt_report_check $logs/report.json; }
step report report

# The summary: every step, every skip with its reason once, the counts over all suites.
say
say "== summary"
cat $summary
skips=$(cat $logs/*.test.log 2>/dev/null | sed -n 's/^[0-9]*: *SKIPPED: //p' | sort | uniq -c)
[ -z "$skips" ] || { say "skipped:"; say "$skips"; }
# count WHAT FILE...: the sum over these JUnit files.
count() {
  what=$1
  shift
  cat "$@" 2>/dev/null | sed -n "s/.*[[:space:]]$what=\"\([0-9]*\)\".*/\1/p" | awk '{ n += $1 } END { print n + 0 }'
}
# A machine that checks submissions must be able to boot a guest: what is skipped there was not checked.
if [ -n "${CI:-}" ] && grep -q 'SKIPPED:.*guest' $logs/gcc.guest.log 2>/dev/null; then
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
