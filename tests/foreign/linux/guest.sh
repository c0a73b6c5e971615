# guest.sh - sourced by run.sh: leaves the kernel's selftests that change clocks in the directory selftests of $root, the root of
# a throw-away guest, for tests/guest/selftests_test.cpp. They are static programs, because there is no dynamic linker.
#
# Changed in the copies that are compiled, because the guest has no shell, and computes slowly: what other tests start runs for
# seconds, and on one clock where it computes; set-tai waits for 150 ms after each change, so that a watch can see each by itself;
# freq-step takes readings of the clocks that are good to 10 us, not to 0.5, and the kernel may be off by 1 ppm, not by 0.02.
# shellcheck shell=sh disable=SC2086,SC2154 # lists of words; the variables of run.sh

patch timers/raw_skew.c 'sleep(120)' 'sleep(60)'
patch timers/change_skew.c '"./inconsistency-check"' '"./inconsistency-check -c 1 -t 1"'
patch timers/skew_consistency.c '-c 1 -t 600' '-c 1 -t 10'
patch timers/clocksource-switch.c 'run_tests(5)' 'run_tests(1)'
patch timers/set-tai.c 'ret = set_tai(i);' 'ret = set_tai(i); usleep(150000);'
patch timers/freq-step.c 'MAX_PRECISION .*e-9' 'MAX_PRECISION 10e-6'
patch timers/freq-step.c 'MAX_FREQ_ERROR .*e-6' 'MAX_FREQ_ERROR 1e-6'
mkdir -p "$root/selftests" || exit 1
compile "$here/linux/system.c" system.o
for test in leap-a-day leapcrash set-tai clocksource-switch change_skew skew_consistency freq-step inconsistency-check \
  nanosleep raw_skew; do
  compile timers/$test.c $test.o -DKTEST
  objcopy --redefine-sym system=takt_system $test.o &&
    "$compiler" -static $test.o system.o -lpthread -lm -o "$root/selftests/$test" || exit 1
done
