# Whatever ends takt while it holds another clock source, the one before comes back. The kernel's files are replaced by
# ordinary ones in a mount namespace of their own: no real clock source is touched.
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

# --stay leaves it, says how to go back, and prints how to have it at the next boot.
wrong_usage clocksource --stay
wrong_usage clocksource --stay $yes
wrong_usage clocksource --select new --stay
same 'without permission to stay' "$(now)" old
wrong_usage clocksource --select new --stay --for 1s $yes
wrong_usage clocksource --select new --advice new $yes
could_not clocksource --select nix --stay $yes
same 'a name the kernel does not offer, to stay' "$(now)" old
done_by clocksource --select new --stay $yes
same 'after --stay' "$(now)" new
says 'stays until the next boot'
says 'echo old > /sys/.*/current_clocksource$'
says 'clocksource=new'
says '/etc/default/grub'
says '^      WantedBy=multi-user.target$'
printf 'old\n' >$sysfs/current_clocksource
done_by clocksource --select new --stay $yes --json
same 'events of --stay' "$(json /event | paste -sd' ')" 'selected summary'
same 'what stays' "$(head -n 1 "$out" | "$json_value" /current /before /stays | paste -sd' ')" 'new old true'
same 'the parameter' "$(tail -n 1 "$out" | "$json_value" /next_boot/rows/0/how)" 'clocksource=new'
done_by clocksource --select new --stay $yes
says 'new already'
same 'what was there already' "$(now)" new
printf 'old\n' >$sysfs/current_clocksource
# Output that cannot be written does not take back what was asked for.
run 1 sh -c 'exec "$@" >/dev/full' sh "$takt" clocksource --select new --stay $yes
same 'after --stay to a full disk' "$(now)" new
printf 'old\n' >$sysfs/current_clocksource

# Advice changes nothing, for any user, and the TSC that is not offered has its own.
before=$(cd $sysfs && cat ./* | cksum)
done_by clocksource --advice new
fits 80 env COLUMNS=80 "$takt" clocksource --advice new
could_not clocksource --advice nix
complains 'but old, new'
case $(uname -m) in
x86_64)
  done_by clocksource
  says 'takt clocksource --advice tsc'
  done_by clocksource --advice tsc
  says 'does not offer tsc'
  says 'tsc=reliable'
  fits 80 env COLUMNS=80 "$takt" clocksource --advice tsc
  done_by clocksource --advice tsc --json
  same 'the parameters' "$(json /parameters/rows/0/how)" 'tsc=reliable'
  # No statement without a source.
  ! "$json_value" /untrusted/rows /next_boot/rows /parameters/rows <"$out" | grep -q '"source":""' || fail 'advice without a source'
  ;;
esac
same 'the files after advice' "$(cd $sysfs && cat ./* | cksum)" "$before"

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
# Each that ends a program, and is not the sign of a fault; 16, 34 and 64 have names that not every shell knows.
for signal in INT TERM HUP QUIT ABRT ALRM USR1 USR2 VTALRM PROF XCPU PWR IO TRAP SYS 16 34 64; do
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

# A limit on the size of files, which its output exceeds.
(ulimit -f 0 && exec "$takt" clocksource --select new $yes --for 100ms >"$work/limited" 2>/dev/null)
same 'status beyond the limit on files' $? 1
same 'clock source beyond the limit on files' "$(now)" old

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

# Going back is refused, and what is asked of the kernel after that is not: the error is not overwritten. Whatever the order in
# which the sources are offered, and which user changes them.
refused_on_the_way_back() {
  printf 'old\n' >$sysfs/current_clocksource
  printf "$1" >$sysfs/available_clocksource
  shift
  start "$@"
  until_true is_new
  mount --bind $sysfs/current_clocksource $sysfs/current_clocksource
  mount -o remount,bind,ro $sysfs/current_clocksource
  kill -INT $tool
  wait $tool
  same "status of $* when going back is refused" $? 1
  complains 'THE CLOCK SOURCE IS NOT BACK: it was old and is new'
  complains 'echo old > '
  umount $sysfs/current_clocksource
}
for offered in 'nix old new \n' 'old nix new \n' 'nix new old \n'; do
  refused_on_the_way_back "$offered" clocksource --select new $yes
  refused_on_the_way_back "$offered" clocksource --select new $yes --json
  same 'the events' "$(json /event | paste -sd,)" 'selected,not restored'
  same 'what it is' "$(json /current | paste -sd,)" 'new,new'
done
refused_on_the_way_back 'new old \n' cost --each-source $yes --repetitions 100000000
# Sleeps between the changes are long, so that the file is not made read-only in the middle of one.
printf 'old\n' >$sysfs/current_clocksource
printf 'old new \n' >$sysfs/available_clocksource
if "$takt" calibrate --longest-budget 1ms --each-budget 1 >/dev/null 2>&1; then
  refused_on_the_way_back 'old new \n' switch-window --runs 3 --sleep 4s --provoke $yes
fi

# A source that the kernel has dropped meanwhile is named.
printf 'old\n' >$sysfs/current_clocksource
printf 'old new \n' >$sysfs/available_clocksource
hold
printf 'new \n' >$sysfs/available_clocksource
mount --bind $sysfs/current_clocksource $sysfs/current_clocksource
mount -o remount,bind,ro $sysfs/current_clocksource
kill -INT $tool
wait $tool
same 'status when the source has gone' $? 1
complains 'no longer offers old'
umount $sysfs/current_clocksource
printf 'old\n' >$sysfs/current_clocksource
printf 'old new \n' >$sysfs/available_clocksource

# Two at once: the second is refused, and the machine ends where it began, however the first one ends.
hold
first=$tool
for second in "clocksource --select old" "clocksource --select new" "cost --each-source" "switch-window --provoke --runs 2"; do
  run 1 "$takt" $second $yes
  complains 'another takt holds the clock source'
  same "after a second: $second" "$(now)" new
done
tool=$first
"$takt" clocksource >/dev/null || fail 'it cannot even be shown meanwhile'
kill -INT $tool
ended 'the first of two'
hold
kill -KILL $tool
wait $tool 2>/dev/null
printf 'old\n' >$sysfs/current_clocksource
done_by clocksource --select new $yes --for 50ms
same 'the lock dies with its holder' "$(now)" old

# takt cost --each-source visits all and goes back, at its end and before.
wrong_usage cost --each-source
done_by cost --each-source $yes --repetitions 3 --clocks monotonic --json
json /cost_on_old/rows/0/median_ps /cost_on_new/rows/0/median_ps >/dev/null
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
