# takt slack: shows what the kernel's own files show, sets what it says, and passes refusals on.
. "$(dirname "$0")/common.sh"
every slack
concludes slack
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
run 0 "$takt" slack --set 999999999ns -- "$takt" slack
says 'up to 1 s late' # and not 1000 ms, which the same digits are
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
wrong_usage slack --threads
wrong_usage slack --threads --pid $$
wrong_usage slack --threads --set 1us
could_not slack --pid 2147483647
complains 'no process'

# A command finds the dispositions of signals as they were when takt was started.
dispositions() { grep -E '^Sig(Ign|Blk|Cgt):' /proc/self/status; }
for how in --default-signal --ignore-signal=PIPE,XFSZ,INT --ignore-signal=HUP --block-signal=USR1; do
  env $how grep -E '^Sig(Ign|Blk|Cgt):' /proc/self/status >"$work/before"
  env $how "$takt" slack --set 1us -- grep -E '^Sig(Ign|Blk|Cgt):' /proc/self/status >"$work/after"
  cmp "$work/before" "$work/after" || fail "the signals of a command, with $how"
done

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
  # Threads have slack of their own: the helper gives its second one 1 s.
  "$(dirname "$facts")/takt_slack_thread" >"$work/thread" &
  threads=$!
  until_true test -s "$work/thread"
  thread=$(cat "$work/thread")
  done_by slack --pid $threads --json
  # All threads are listed, the longest slack first.
  same 'threads' "$(json /slack/threads /slack/differing_threads /slack/rows/0/thread /slack/rows/0/slack_ns /slack/rows/0/differs/0 /slack/rows/1/thread /slack/rows/1/slack_ns | paste -sd' ')" \
    "2 1 $thread 1000000000 slack $threads $(slack_ns $threads)"
  same 'the first thread does not differ from itself' "$(json /slack/rows/1/differs)" '[]'
  same 'the first thread' "$(json /slack/slack_ns)" "$(slack_ns $threads)"
  run 0 env COLUMNS=200 "$takt" slack --pid $threads
  says "^The kernel may wake process .* Of its 2 threads 1 differs: $thread (takt_slack_thre) has 1 s"
  says "^ *$thread  .* 1 s .* slack$"
  says "^ *$threads  .* us  SCHED_OTHER *$"
  fits 80 env COLUMNS=80 "$takt" slack --pid $threads
  if chrt -f -p 1 $thread 2>/dev/null; then
    run 0 env COLUMNS=200 "$takt" slack --pid $threads
    says "1 differs: $thread (.*) is under"
    says "^ *$thread  .* SCHED_FIFO  .*policy$"
    chrt -o -p 0 $thread
    run 0 "$takt" slack --set 1s --pid $thread
  fi
  run 0 env COLUMNS=200 "$takt" slack --pid $other
  says 'It has no other thread'
  run 0 env COLUMNS=200 "$takt" slack --pid $thread
  says "^The kernel may wake thread $thread of process $threads up to 1 s late"
  done_by slack --pid $thread --json
  same 'a thread' "$(json /slack/thread /slack/pid /slack/slack_ns | paste -sd' ')" "$thread $threads 1000000000"
  done_by slack --pid $threads --set 7ms --threads --json
  same 'all threads' "$(json /slack/slack_ns /slack/threads_set | paste -sd' ') $(slack_ns $threads) $(slack_ns $thread)" '7000000 1 7000000 7000000'
  kill $threads
  done_by slack --all --json
  # Processes come and go: only the own one must be in the list. The longest slack is first.
  awk '/"kernel_threads"/ { exit } /"slack_ns": / && rows { if (seen && $2 + 0 > last) bad = 1; last = $2 + 0; seen = 1 } /"rows"/ { rows = 1 } END { exit bad || !seen }' "$out" || fail 'not sorted by slack'
  # No thread of the kernel has a program; where it shows any, each is in the other list.
  "$json_value" /kernel_threads/rows <"$out" | grep -o '"pid": *[0-9]*' | grep -o '[0-9]*$' >"$work/kernel"
  while read -r pid; do ! readlink "/proc/$pid/exe" >/dev/null || fail "$pid is no thread of the kernel"; done <"$work/kernel"
  [ ! -e /proc/2/comm ] || [ "$(cat /proc/2/comm)" != kthreadd ] || grep -q -x 2 "$work/kernel" || fail 'kthreadd is not among the threads of the kernel'
  i=0
  while pid=$("$json_value" "/slack/rows/$i/pid" <"$out" 2>/dev/null) && [ "$pid" != $other ]; do i=$((i + 1)); done
  same "row of $other" "$pid $(json "/slack/rows/$i/name" "/slack/rows/$i/slack_ns" | paste -sd' ')" "$other sleep 4000000"
else
  skip "another process's slack: this user may not read it"
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
  run 0 chrt -f 1 "$takt" report --repetitions 1
  says '^Timer slack .* under SCHED_FIFO'
else
  skip 'slack under a real-time policy: this user may not set one'
fi

if can_be_nobody; then
  run 1 as_nobody "$takt" slack --pid $other
  complains 'CAP_SYS_NICE'
  before=$(slack_ns $other 2>/dev/null)
  run 1 as_nobody "$takt" slack --pid $other --set 8ms
  same 'slack that the user nobody may not set' "$(slack_ns $other 2>/dev/null)" "$before"
  run 0 as_nobody "$takt" slack --all --json
  [ "$(json /slack/not_permitted)" -gt 0 ] || fail 'the user nobody may read every process'
  run 0 as_nobody "$takt" slack --all
  says 'others is not known: reading theirs needs CAP_SYS_NICE'
  run 0 as_nobody "$takt" slack --all --json
  [ "$(json /slack/processes)" -ge 1 ] || fail 'the user nobody may not read its own process'
  run 0 as_nobody "$takt" slack --set 7us -- cat /proc/self/timerslack_ns
  same 'slack that the user nobody sets' "$(cat "$out")" 7000
else
  skip 'without privileges: cannot run the tool as another user'
fi
finish
