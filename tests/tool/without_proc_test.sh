# takt report where neither /proc nor /sys is: an answer by what can be known, with what is missing called unknown.
. "$(dirname "$0")/common.sh"
in_own_mounts "$@"
mount -t tmpfs none /sys || skip_all '/sys cannot be covered here'
mount -t tmpfs none /proc || skip_all '/proc cannot be covered here'
done_by report --repetitions 10 --json
for unknown in /tick/timer_interrupts_per_second /tick/timer_interrupts_total_per_second /clock_sources/current \
  /clock_sources/available /clock_events/devices; do
  same "$unknown" "$(json $unknown)" null
done
sound_report
done_by report --repetitions 10
could_not irq --count 1 --interval 1ms
complains '/proc/interrupts'
umount /proc
# The processor's own word and a vDSO that reads the clock without a system call stand in for the clock sources.
done_by report --repetitions 10 --json
if [ "$(json /counter/invariant_tsc)" = true ] && [ "$(json /vdso/answers)" = true ] && [ "$(json /counter/allowed)" = true ] &&
  [ "$(json /counter/marked_unstable)" != true ]; then
  same 'trusted without /sys' "$(json /verdict/counter_trusted)" true
  grep -q 'clock sources cannot be read' "$out" || fail 'does not name what is missing'
fi
umount /sys
finish
