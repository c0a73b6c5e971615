# Whatever ends takt while it holds another clock source, the one before comes back. The kernel's files are replaced by
# ordinary ones that nobody else sees: no real clock source is touched.
. "$(dirname "$0")/common.sh"
in_own_mounts "$@"
sysfs=/sys/devices/system/clocksource/clocksource0
fake=$work/sysfs
mkdir "$fake"
mount --bind "$fake" $sysfs || skip_all "$sysfs cannot be covered here"
# sysfs replaces what is written to it, a file does not: the names have one length.
printf 'old\n' >$sysfs/current_clocksource
printf 'old new \n' >$sysfs/available_clocksource
now() { cat $sysfs/current_clocksource; }
is_new() { [ "$(now)" = new ]; }
yes=--yes-change-this-machine

wrong_usage clocksource --select new
same 'without permission' "$(now)" old
could_not clocksource --select nix $yes
same 'a name the kernel does not offer' "$(now)" old

# In time, and by itself.
done_by clocksource --select new $yes --for 200ms
same 'after --for' "$(now)" old
says 'new'
says 'echo old > /sys/.*/current_clocksource$'
done_by clocksource --select new $yes --for 100ms --json
same 'events' "$(json /event | paste -sd' ')" 'selected restored'
same 'current' "$(json /current | paste -sd' ')" 'new old'

# By signals.
hold() {
  start clocksource --select new $yes
  until_true is_new
}
ended() {
  wait $tool
  same "status after $1" $? 0
  same "clock source after $1" "$(now)" old
}
for signal in INT TERM HUP QUIT; do
  hold
  kill -$signal $tool
  ended SIG$signal
done
hold
for _ in 1 2 3 4 5; do kill -INT $tool 2>/dev/null; done
ended 'an impatient Ctrl-C'

# Held up in its output, with the change made: even the impatient wait for it to be undone.
full_pipe
env --default-signal=INT,HUP,TERM "$takt" clocksource --select new $yes >&3 2>"$err" &
tool=$!
until_true is_new
kill -INT $tool
sleep 0.8
kill -INT $tool
sleep 0.2
kill -0 $tool 2>/dev/null || fail 'an impatient Ctrl-C ends it before it has gone back'
emptied_pipe "$out"
ended 'two Ctrl-C while its output is held up'

# A reader that goes away.
start_pipe() { mkfifo "$work/pipe"; : <"$work/pipe" & exec 3>"$work/pipe"; wait $!; }
start_pipe
"$takt" clocksource --select new $yes --for 100ms >&3 2>"$err"
same 'status at a closed pipe' $? 1
same 'clock source after a closed pipe' "$(now)" old
exec 3>&-

# The kernel's refusal, before and after.
mount --bind $sysfs/current_clocksource $sysfs/current_clocksource
mount -o remount,bind,ro $sysfs/current_clocksource
could_not clocksource --select new $yes --for 100ms
complains 'Read-only'
umount $sysfs/current_clocksource
same 'after a refusal' "$(now)" old

hold
mount --bind $sysfs/current_clocksource $sysfs/current_clocksource
mount -o remount,bind,ro $sysfs/current_clocksource
kill -INT $tool
wait $tool
same 'status when going back is refused' $? 1
complains 'echo old > '
umount $sysfs/current_clocksource
printf 'old\n' >$sysfs/current_clocksource

# takt cost --each-source visits all and goes back, at its end and before.
wrong_usage cost --each-source
done_by cost --each-source $yes --repetitions 3 --clocks monotonic --json
json /cost_on_old/rows/0/median_ns /cost_on_new/rows/0/median_ns >/dev/null
same 'after --each-source' "$(now)" old
start cost --each-source $yes --repetitions 100000000 --json
kill -INT $tool
ended 'Ctrl-C in --each-source'

# Files that are not what they should be.
printf 'ol' >$sysfs/current_clocksource
could_not clocksource
: >$sysfs/current_clocksource
could_not clocksource --select new $yes
same 'an empty file' "$(now)" ''
rm $sysfs/current_clocksource
could_not clocksource
complains 'current_clocksource'
could_not clocksource --select new $yes

umount $sysfs
finish
