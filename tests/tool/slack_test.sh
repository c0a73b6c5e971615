# takt slack: shows what the kernel's own files show, sets what it says, and passes refusals on.
. "$(dirname "$0")/common.sh"
every slack
slack_ns() { cat "/proc/$1/timerslack_ns"; }

# Its own: inherited, as that of cat here.
done_by slack --json
same 'own slack' "$(json /slack/slack_ns)" "$(cat /proc/self/timerslack_ns)"
done_by slack --set 3ms --json
same 'slack after' "$(json /slack/slack_ns)" 3000000
same 'slack before' "$(json /slack/before_ns)" "$(cat /proc/self/timerslack_ns)"

# A command: inherits the slack, and is on its own otherwise.
done_by slack --set 1.5ms -- cat /proc/self/timerslack_ns
same 'slack of a command' "$(cat "$out")" 1500000
done_by slack --set 2500ms -- "$takt" slack --json
same 'slack beyond 31 bits' "$(json /slack/slack_ns)" 2500000000
run 7 "$takt" slack --set 1us -- sh -c 'exit 7'
run 0 "$takt" slack --set=1us -- printf '%s,' --json -- --help
same 'arguments of a command' "$(cat "$out")" '--json,--,--help,'
run 141 sh -c '"$1" slack --set 1us -- sh -c "kill -PIPE \$\$"; exit $?' sh "$takt"
could_not slack --set 1us -- "$work/no-such-program"
wrong_usage slack -- true
wrong_usage slack --set 1us --pid $$ -- true
wrong_usage slack --set 1us --json -- true
wrong_usage slack --set 1us true
wrong_usage slack --set 1us --
complains 'wants a command'
wrong_usage slack --pid 1 --pid $$
complains 'twice'

for bad in 0ns 0 -1us 5 many 1parsec ''; do wrong_usage slack --set "$bad"; done
for bad in 0 -1 x '' 99999999999; do wrong_usage slack --pid "$bad"; done
wrong_usage slack --all --pid 1
wrong_usage slack --all --set 1us
could_not slack --pid 2147483647
complains 'no process'

# Others. Whether this user may is the kernel's to say.
sleep 300 &
other=$!
trap 'kill $other 2>/dev/null; rm -rf "$work"' EXIT
before=$(slack_ns $other 2>/dev/null)
if [ -n "$before" ]; then
  done_by slack --pid $other --json
  same 'slack of another' "$(json /slack/slack_ns)" "$before"
  done_by slack --pid $other --set 4ms --json
  same 'slack of another before' "$(json /slack/before_ns)" "$before"
  same 'slack of another after' "$(slack_ns $other)" 4000000
  done_by slack --all --json
  # Processes come and go: only the own one must be in the list.
  i=0
  while pid=$("$json_value" "/slack/rows/$i/pid" <"$out" 2>/dev/null) && [ "$pid" != $other ]; do i=$((i + 1)); done
  same "row of $other" "$pid $(json "/slack/rows/$i/name" "/slack/rows/$i/slack_ns" | paste -sd' ')" "$other sleep 4000000"
else
  skip "another process's slack: this user may not look at it"
  could_not slack --pid $other
  complains 'CAP_SYS_NICE'
fi

if chrt -f -p 1 $other 2>/dev/null && [ -n "$before" ]; then
  could_not slack --pid $other --set 6ms
  complains 'real-time'
  # It says why there is none, whether the kernel shows 0 or what was set before.
  done_by slack --pid $other
  says 'slack  .*, which the kernel ignores under SCHED_FIFO\|slack  .*: the kernel grants none under SCHED_FIFO'
  says 'in effect  *no: the kernel ignores slack under a real-time policy'
  done_by slack --pid $other --json
  same 'in effect' "$(json /slack/policy /slack/in_effect | paste -sd' ')" 'SCHED_FIFO false'
  done_by slack --all
  says 'under a real-time policy  *[1-9].*ignores'
  says "^ *$other  sleep .* SCHED_FIFO"
  run 0 chrt -f 1 "$takt" slack
  says ' under SCHED_FIFO'
  run 0 chrt -f 1 "$takt" report --report-batches 1
  says '^Timer slack .* under SCHED_FIFO'
else
  skip 'slack under a real-time policy: this user may not set one'
fi

if can_be_nobody; then
  run 1 as_nobody "$takt" slack --pid $other
  complains 'CAP_SYS_NICE'
  before=$(slack_ns $other 2>/dev/null)
  run 1 as_nobody "$takt" slack --pid $other --set 8ms
  same 'slack that nobody may set' "$(slack_ns $other 2>/dev/null)" "$before"
  run 0 as_nobody "$takt" slack --all --json
  [ "$(json /slack/not_permitted)" -gt 0 ] || fail 'nobody may look at every process'
  [ "$(json /slack/processes)" -ge 1 ] || fail 'nobody may not look at the own process'
  run 0 as_nobody "$takt" slack --set 7us -- cat /proc/self/timerslack_ns
  same 'slack that nobody sets' "$(cat "$out")" 7000
else
  skip 'without privileges: cannot run the tool as another user'
fi
finish
