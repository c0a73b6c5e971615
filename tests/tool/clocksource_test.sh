# takt clocksource on this machine: tells what the kernel's files tell, and changes nothing that it was not allowed to.
. "$(dirname "$0")/common.sh"
sysfs=/sys/devices/system/clocksource/clocksource0
if ! [ -r $sysfs/current_clocksource ]; then
  could_not clocksource
  complains 'current_clocksource'
  skip 'no clock sources in /sys'
  finish
fi
before=$(cat $sysfs/current_clocksource)
every clocksource
concludes clocksource

done_by clocksource --json
same 'current' "$(json /clock_sources/current)" "$before"
same 'available' "$(json /clock_sources/available)" "$(sed 's/ *$/"]/; s/ /","/g; s/^/["/' $sysfs/available_clocksource)"
done_by clocksource
says " $before"

for name in $(cat $sysfs/available_clocksource) no_such_source; do
  wrong_usage clocksource --select "$name"
  complains '--yes-change-this-machine'
  wrong_usage clocksource --select "$name" --yes-change-this-machine=false
done
wrong_usage clocksource --select "$before" --stay
could_not clocksource --advice no_such_source
done_by clocksource --advice "$before"
says "clocksource=$before"
could_not clocksource --select no_such_source --yes-change-this-machine
complains "$before"
could_not clocksource --select "$before $before" --yes-change-this-machine
wrong_usage clocksource --select '' --yes-change-this-machine
wrong_usage clocksource --select
wrong_usage clocksource --for 1s
wrong_usage clocksource --yes-change-this-machine --for 1s
for bad in 0s -1s 5 soon ''; do wrong_usage clocksource --select "$before" --yes-change-this-machine --for "$bad"; done

done_by clocksource --select "$before" --yes-change-this-machine
says 'nothing changed'

if can_be_nobody; then
  run 0 as_nobody "$takt" clocksource --advice "$before"
  says "clocksource=$before"
  run 0 as_nobody "$takt" clocksource --json
  same 'current for the user nobody' "$(json /clock_sources/current)" "$before"
  other=$(tr ' ' '\n' <$sysfs/available_clocksource | grep -vx -e "$before" -e '' | head -n 1)
  if [ -n "$other" ]; then
    run 1 as_nobody "$takt" clocksource --select "$other" --yes-change-this-machine --for 1s
    complains 'ermission denied'
  else
    skip 'the refusal for want of privileges: there is a single clock source'
  fi
else
  skip 'without privileges: cannot run the tool as another user'
fi
same 'the clock source after all that' "$(cat $sysfs/current_clocksource)" "$before"
finish
