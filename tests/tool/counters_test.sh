# takt counters: each event has a row with its count or its reason, for CPUs, a process and a command; nothing stays behind.
. "$(dirname "$0")/common.sh"
every counters --for 30ms
concludes counters --for 30ms

events='task-clock cpu-clock cpu-cycles instructions ref-cycles bus-cycles msr/aperf/ msr/mperf/ msr/pperf/ msr/tsc/'
# row EVENT KEY: what the document in $out has there.
row() {
  n=0
  for name in $events; do
    [ "$name" = "$1" ] && json "/counters/rows/$n/$2" && return
    n=$((n + 1))
  done
}
done_by counters --for 200ms --json
n=0
for name in $events; do
  same "event $n" "$(json /counters/rows/$n/event)" $name
  # Counted, or not and with a reason.
  case $(row $name value) in
  null) [ "$(row $name unavailable)" != null ] || fail "$name has neither a count nor a reason" ;;
  *) same "reason of $name, which is counted" "$(row $name unavailable)" null ;;
  esac
  for key in kind counts follows_frequency in_idle whose use; do
    [ -n "$(row $name $key)" ] || fail "$name has no $key"
  done
  n=$((n + 1))
done
same 'no more events' "$("$json_value" /counters/rows/$n/event <"$out" 2>/dev/null)" ''
for name in THREAD CORE REF_TSC; do json /counters | grep -q "\.$name" || fail "CPU_CLK_UNHALTED.$name is nowhere"; done
same 'task-clock of CPUs' "$(row task-clock value)" null
if [ "$(row cpu-clock value)" != null ]; then
  # One second of a CPU in each second: the clock of a CPU goes on while it idles.
  row cpu-clock per_second | awk '$1 < 0.99e9 || $1 > 1.01e9 { exit 1 }' || fail 'cpu-clock is no clock'
  json /meaning/cpu_time_share | awk '$1 < 0.99 || $1 > 1.01 { exit 1 }' || fail 'cpu-clock against elapsed'
else
  skip "cpu-clock: $(row cpu-clock unavailable)"
fi
if [ "$(row msr/tsc/ value)" != null ]; then
  # A machine that is busy may hold up each reading: three tries.
  for try in 1 2 3; do
    done_by counters --for 300ms --json
    [ "$(json /meaning/tsc_agrees)" = true ] && break
  done
  same 'the TSC by perf and by takt agree' "$(json /meaning/tsc_agrees)" true
else
  skip "msr/tsc/: $(row msr/tsc/ unavailable)"
fi
done_by counters --for 30ms --cpu 0 --json
same 'the CPUs that were asked for' "$(json /meaning/cpus/0)" 0

# A command, from its start to its end; what it starts is counted with it.
busy='i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done'
done_by counters --json -- sh -c "$busy"
same 'status of the command' "$(json /meaning/command_status)" 0
if [ "$(row task-clock value)" != null ]; then
  alone=$(row task-clock value)
  done_by counters --json -- sh -c "sh -c '$busy' & sh -c '$busy' & sh -c '$busy' & wait"
  awk -v all="$(row task-clock value)" -v one="$alone" 'BEGIN { exit !(all > 1.5 * one) }' ||
    fail "children are not counted: $(row task-clock value) ns in three, $alone ns in one"
  done_by counters --json -- sleep 0.2
  row task-clock per_second | awk '$1 > 0.5e9 { exit 1 }' || fail 'sleeping is CPU time'
else
  skip "task-clock: $(row task-clock unavailable)"
fi
run 0 "$takt" counters -- sh -c 'echo printed; exit 3'
says '^printed'
says 'exit status of the command  *3'
could_not counters -- "$work/no-such-command"
# The command has no descriptor of ours.
run 0 "$takt" counters --json -- sh -c 'ls -l /proc/self/fd >&2'
! grep -q perf_event "$err" || fail 'the command has descriptors of perf'

# A process that runs already.
sleep 60 &
sleeper=$!
done_by counters --for 50ms --pid $sleeper --json
same 'the process' "$(json /meaning/tasks)" "process $sleeper"
same 'cpu-clock of a task' "$(row cpu-clock value)" null
kill $sleeper

# Its end ends the count: time in which there is no process is not counted.
sleep 0.3 &
done_by counters --for 100s --pid $! --json
json /meaning/elapsed_ns | awk '$1 > 50e9 { exit 1 }' || fail 'it counts on after the end of the process'

wrong_usage counters --for 0s
wrong_usage counters --pid 0
wrong_usage counters --cpu 99999
could_not counters --cpu 1023
complains 'CPU 1023 is not online; those that are: 0'
wrong_usage counters --cpu 1-0
wrong_usage counters --cpu 0 --pid 1
wrong_usage counters --cpu 0 -- true
could_not counters --pid 999999999

# Whatever signal ends it, it ends with what it has; the kernel closes the counters with it.
whole() { [ "$(json /meaning/elapsed_ns)" -gt 0 ] || fail 'no time passed'; }
stops whole counters --for 1000s --json
stops whole counters --json -- sleep 1000
for signal in KILL QUIT ALRM; do
  start counters --for 1000s
  if [ "$(id -u)" = 0 ]; then
    ls -l /proc/$tool/fd >"$work/open"
    grep -q perf_event "$work/open" || fail 'it has no counters open'
  fi
  kill -$signal $tool
  wait $tool 2>/dev/null
  [ ! -e /proc/$tool ] || fail "SIG$signal leaves the tool"
done

if can_be_nobody; then
  # Without privileges there is a document with reasons, and own tasks are counted where the kernel allows it.
  run 0 as_nobody "$takt" counters --for 20ms --json
  for name in cpu-clock msr/tsc/; do
    [ "$(row $name value)" != null ] || row $name unavailable | grep -q -e 'perf_event_paranoid' -e 'no perf device' -e 'not supported' ||
      fail "$name has no reason that helps: $(row $name unavailable)"
  done
  run 0 as_nobody "$takt" counters --json -- sh -c "$busy"
  level=$(cat /proc/sys/kernel/perf_event_paranoid 2>/dev/null || echo unknown)
  case $level in
  -1 | 0 | 1 | 2) [ "$(row task-clock value)" != null ] || skip "task-clock as another user: $(row task-clock unavailable)" ;;
  esac
else
  skip 'without privileges: cannot run the tool as another user'
fi
finish
