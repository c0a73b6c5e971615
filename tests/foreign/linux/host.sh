# host.sh - sourced by run.sh: the kernel's selftests of timers that leave the machine as it is, and those of the vDSO. Each
# runs as it is, and with takt in place of what it tests (clocks.cpp, vdso.cpp).
#
# Changed in the copies that are compiled, because they wait for minutes: raw_skew measures over 10 s, not over 120; nsleep-lat
# sleeps for up to 10 ms, not for up to 1 s; set-timer-lat is a program for each clock, so that they run beside each other. There
# is none for the ALARM clocks: where these have no timers, as on a machine without a real-time clock, it waits for ever.
# shellcheck shell=sh disable=SC2086,SC2154 # lists of words; the variables of run.sh

# late_alone LOG: whether nothing failed but that a wake-up was late, by set-timer-lat's words or nsleep-lat's.
late_alone() { grep -q FAILED "$1" && ! grep FAILED "$1" | grep -qvE 'max latency|Large (rel|abs) latency'; }
# attempt TEST VARIANT PROGRAM ARGUMENT...: leaves TEST.VARIANT.log and TEST.VARIANT.status. A late wake-up counts when it came
# three times: the tests allow 40 ms, which a machine with other work may exceed.
attempt() {
  result=$1.$2
  export TAKT_FOREIGN=$2
  shift 2
  for _ in 1 2 3; do
    timeout 120 "$@" >"$result.log" 2>&1
    echo $? >"$result.status"
    late_alone "$result.log" || break
  done
}
# build TEST [NAME FLAG...]: NAME, by default TEST, as it is, and NAME.takt with the calls of the adapter.
build() {
  test=$1 name=${2:-$1}
  shift $(($# > 1 ? 2 : 1))
  compile "$test.c" "$name.o" -DKTEST "$@"
  "$compiler" "$name.o" -lpthread -o "$name" || exit 1
  calls=
  for call in clock_gettime clock_nanosleep sleep timer_create timer_settime timer_delete; do
    calls="$calls --redefine-sym $call=takt_$call"
  done
  objcopy $calls "$name.o" && "$compiler" "$name.o" clocks.o -lpthread -o "$name.takt" || exit 1
}

"$compiler" $flags -c "$here/linux/clocks.cpp" -o clocks.o && "$compiler" $flags -c "$here/linux/vdso.cpp" -o vdso.o || exit 1

patch timers/raw_skew.c 'sleep(120)' 'sleep(10)'
patch timers/nsleep-lat.c '<= (NSEC_PER_SEC \* 10)' '<= NSEC_PER_SEC / 10'
patch timers/set-timer-lat.c '(clock_id = 0; clock_id < NR_CLOCKIDS;' '(clock_id = TAKT_CLOCK; clock_id <= TAKT_CLOCK;'
for test in nanosleep nsleep-lat raw_skew inconsistency-check threadtest; do build timers/$test; done
vdso_tests="vdso_test_gettimeofday vdso_test_getcpu vdso_test_abi vdso_test_correctness"
compile vDSO/parse_vdso.c parse_vdso.o
for test in $vdso_tests; do
  compile vDSO/$test.c $test.o
  "$compiler" $test.o parse_vdso.o -o vDSO/$test || exit 1
  objcopy --redefine-sym dlopen=takt_dlopen --redefine-sym dlsym=takt_dlsym $test.o &&
    "$compiler" $test.o vdso.o -o vDSO/$test.takt || exit 1
done

# Those that wait do so together. Those that compute go one after the other, and give way to them.
for clock in REALTIME MONOTONIC BOOTTIME TAI; do
  build timers/set-timer-lat timers/set-timer-lat.$clock -DTAKT_CLOCK=CLOCK_$clock
  attempt timers/set-timer-lat.$clock libc timers/set-timer-lat.$clock &
  attempt timers/set-timer-lat.$clock tsc timers/set-timer-lat.$clock.takt &
done
for test in nanosleep nsleep-lat raw_skew; do
  attempt timers/$test libc timers/$test &
  attempt timers/$test tsc timers/$test.takt &
  [ $test = raw_skew ] || attempt timers/$test grid timers/$test.takt &
done
attempt timers/nanosleep fast timers/nanosleep.takt &
for test in $vdso_tests; do
  attempt vDSO/$test libc vDSO/$test
  attempt vDSO/$test vdso vDSO/$test.takt
done
renice -n 19 $$ >/dev/null
attempt timers/inconsistency-check libc timers/inconsistency-check -t 1
attempt timers/inconsistency-check tsc timers/inconsistency-check.takt -t 1
attempt timers/inconsistency-check fast timers/inconsistency-check.takt -t 1 -c 1
attempt timers/threadtest libc timers/threadtest -t 2
attempt timers/threadtest tsc timers/threadtest.takt -t 2
attempt timers/threadtest fast timers/threadtest.takt -t 2 -i
wait

# A test that fails as it is says nothing about takt; nor does the same test with takt. Some that do not find what they test
# skip it and pass: with takt they must not skip more than as they are.
skips() { grep -ciE 'skip|not find|failed to find|unsupported' "$1"; }
failures=0
for result in timers/*.status vDSO/*.status; do
  result=${result%.status} test=${result%.*}
  case ${result##*.} in
  libc) variant="as it is" ;;
  fast) variant="takt, fast_tsc_clock" ;;
  grid) variant="takt, on a grid" ;;
  *) variant=takt ;;
  esac
  status=$(cat $result.status) as_it_is=$(cat "$test.libc.status")
  case $test in
  vDSO/* | */nanosleep | */nsleep-lat)
    [ "$as_it_is" != 0 ] || [ "$(skips "$result.log")" = "$(skips "$test.libc.log")" ] || status=skipped
    ;;
  esac
  if [ "$status" = 0 ]; then
    echo "passed: $suite $test, $variant"
  elif [ "$status" = 4 ]; then # KSFT_SKIP
    echo "SKIPPED: $suite $test, $variant: $(tail -n 1 "$result.log")"
  else
    if [ "$as_it_is" != 0 ]; then
      echo "SKIPPED: $suite $test, $variant: this machine does not pass it as it is"
    else
      echo "FAILED: $suite $test, $variant"
      failures=$((failures + 1))
    fi
    cat $result.log
  fi
done
[ $failures = 0 ] || exit 1
