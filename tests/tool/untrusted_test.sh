# A machine whose kernel does not offer the counter as a clock source: the tool says so, recommends the other path, and
# keeps no time by the counter. The kernel's list is replaced in a mount namespace of its own.
. "$(dirname "$0")/common.sh"
in_own_mounts "$@"
sysfs=/sys/devices/system/clocksource/clocksource0
mkdir "$work/sysfs"
mount --bind "$work/sysfs" $sysfs || skip_all "$sysfs cannot be covered here"
echo hpet >$sysfs/current_clocksource
echo hpet acpi_pm >$sysfs/available_clocksource

could_not drift --for 10ms
complains 'takt report'
done_by calibrate --longest-budget 1ms --each-budget 1 --json
same 'may it be a clock' "$(json /calibration/counter_trusted)" false
json /convergence/rows/0/hertz >/dev/null
done_by report --repetitions 20 --json
sound_report
same 'the verdict' "$(json /verdict/counter_trusted /calibration/origin /calibration/hertz | paste -sd' ')" 'false none null'
grep -q '"clock": "takt::tsc_clock"' "$out" || [ "$(json /counter/allowed)" = false ] || fail 'tsc_clock costs something on its other path too'
done_by report --repetitions 20
grep -A2 '^Recommendation' "$out" | grep -q 'takt::' && fail 'it recommends a clock that is none'
finish
