# takt timers: finds exactly what a known script of timers did, live and in the texts of other recorders; gives advice that holds;
# leaves no tracing instance behind.
. "$(dirname "$0")/common.sh"
timers_script=$(dirname "$facts")/takt_timers_script
with_tracefs "$@"

# A recording of a few sleeps, as ftrace prints it, and what it says.
recording=$work/recording
cat >"$recording" <<'TEXT'
# tracer: nop
          <idle>-0       [001] d..2.   100.000000: hrtimer_expire_entry: hrtimer=00000000aaaaaaaa function=tick_nohz_handler now=100000000000
           sleep-4321    [001] .....   100.001000: hrtimer_setup: hrtimer=00000000bbbbbbbb clockid=CLOCK_MONOTONIC mode=REL
           sleep-4321    [001] d..1.   100.001000: hrtimer_start: hrtimer=00000000bbbbbbbb function=hrtimer_wakeup expires=100012000000 softexpires=100011000000 mode=REL was_armed=0
          <idle>-0       [001] d.h1.   100.011050: hrtimer_expire_entry: hrtimer=00000000bbbbbbbb function=hrtimer_wakeup now=100011050000
          <idle>-0       [001] d.h2.   100.011052: sched_waking: comm=sleep pid=4321 prio=120 target_cpu=001
          <idle>-0       [001] d.h1.   100.011054: hrtimer_expire_exit: hrtimer=00000000bbbbbbbb
          <idle>-0       [001] d..2.   100.011060: sched_switch: prev_comm=swapper/1 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=sleep next_pid=4321 next_prio=120
           sleep-4321    [001] d..1.   100.011100: hrtimer_start: hrtimer=00000000bbbbbbbb function=hrtimer_wakeup expires=100022100000 softexpires=100021100000 mode=REL was_armed=0
           sleep-4321    [001] d..1.   100.015100: hrtimer_cancel: hrtimer=00000000bbbbbbbb
           sleep-4321    [001] .....   100.020000: some_event: of=another tracepoint
TEXT
every timers --from "$recording"
concludes timers --from "$recording"
for width in 40 80 120 200; do
  fits $width env COLUMNS=$width "$takt" timers --from "$recording"
  [ $width = 40 ] || fits $width env COLUMNS=$width "$takt" timers --details --from "$recording"
done
done_by timers --from "$recording" --comm sleep --json
row=/timers/rows/0
same 'the only sleeper' "$(json $row/name $row/pid $row/armed $row/expired $row/cancelled $row/woke_idle $row/range_max_ns $row/after_softexpires_max_ns $row/clock/0 $row/kind | paste -sd' ')" \
  'sleep 4321 2 1 1 1 1000000 50000 MONOTONIC hrtimer'
same 'what was passed over' "$(json /timers/other_events /timers/unreadable_lines /timers/lost_events | paste -sd' ')" '1 0 0'
# ftrace remembers the names of 128 tasks, and prints <...> for the others; perf prints the thread's number.
for unknown in '<...>' ':4321'; do
  form="s/ sleep-4321 /$unknown-4321 /"
  [ "$unknown" = '<...>' ] || form='1d; s/^ *sleep-4321 /:4321 4321 /; s/^ *<idle>-0 /swapper 0 /; s/\] [^ ]*/]/; s/: hrtimer_/: timer:hrtimer_/; s/: sched_/: sched:sched_/'
  sed "$form" "$recording" >"$work/unnamed"
  done_by timers --from "$work/unnamed" --comm sleep --json
  same "the only sleeper, where it is $unknown" "$(json $row/name $row/pid $row/armed $row/expired $row/cancelled | paste -sd' ')" 'sleep 4321 2 1 1'
done
"$takt" timers --from - --json <"$recording" >"$work/piped"
same 'from standard input' "$("$json_value" /timers/events <"$work/piped")" "$(json /timers/events)"
done_by timers --from "$recording" --pid 4321 --life
for what in 'arms hrtimer bbbbbbbb (hrtimer_wakeup) for 10 ms from now on MONOTONIC, range 1 ms, relative' 'expires on CPU 1, 50 us after softexpires and 950 us before expires; it woke the idle CPU' \
  'handler done after 4 us' 'it wakes sleep (4321)' 'sleep (4321) runs on CPU 1, 8 us after it was woken' 'cancels hrtimer bbbbbbbb'; do
  tr -s ' \n' ' ' <"$out" | grep -qF "$what" || fail "the life of a timer lacks: $what"
done
done_by timers --from "$recording" --pid 4321 --life --json
same 'the steps of a life' "$(json /event | paste -sd' ')" 'set_up armed expired woke handler_done ran armed cancelled summary'
done_by timers --from "$recording" --save "$work/again" --json
done_by timers --from "$work/again" --comm sleep --json
same 'what was saved is read again' "$(json $row/armed $row/expired $row/cancelled $row/range_max_ns | paste -sd' ')" '2 1 1 1000000'
done_by timers --from "$recording" --what-if comm=sleep:slack=2ms --json
says '"change": "2 ms of slack, sleep alone"'

# No change needs more wake-ups than there were, and none is more than is possible.
for i in 0 1 2 3 4; do
  a=/advice/rows/$i
  json $a/then $a/now $a/fewest | paste -sd' ' | awk '{ exit !($1 <= $2 && $3 <= $1) }' || fail "change $i needs more wake-ups than there were"
done

# Files that are no recordings are refused.
: >"$work/empty"
could_not timers --from "$work/empty"
could_not timers --from "$takt"
could_not timers --from "$work/no-such-file"
could_not timers --from "$work"
could_not timers --from "$recording" --save "$work/no-such-directory/file"
for bad in -1s soon 5 ''; do wrong_usage timers --for "$bad"; done
for bad in 0s -1s 1ms 5 ''; do wrong_usage timers --interval "$bad"; done
for bad in 0 -1 x ''; do wrong_usage timers --pid "$bad"; done
for bad in -1 x ''; do wrong_usage timers --top "$bad"; done
for bad in x comm=foo slack=1ms comm=foo:slack=1 comm=foo:slack=0s comm=:slack=1ms pid=0:slack=1ms pid=x:slack=1ms all:1ms all:slack=-1ms; do
  wrong_usage timers --from "$recording" --what-if "$bad"
done
wrong_usage timers --life
wrong_usage timers --from "$recording" --for 1s
wrong_usage timers --from "$recording" --interval 1s
wrong_usage timers --from "$recording" -- true
wrong_usage timers --for 1s -- true
wrong_usage timers stray

if can_be_nobody; then
  run 1 as_nobody "$takt" timers --for 10ms
  grep -qE 'tracing is for root|not mounted|built without' "$err" || fail 'nothing of root'
fi
# Where tracefs is not mounted it says with which command it would be.
if ! unshare -m true 2>/dev/null; then
  skip 'where tracefs is not mounted: needs mount namespaces (unshare -m), which this user or container may not make'
elif unshare -m sh -c "umount -l $tracing 2>/dev/null; umount -l /sys/kernel/debug 2>/dev/null; ! grep -q ' tracefs ' /proc/mounts && \"\$1\" timers --for 10ms" sh "$takt" >"$out" 2>"$err"; then
  fail 'it watches without tracefs'
elif [ -s "$err" ]; then
  grep -qE 'mount -t tracefs nodev|built without|Operation not permitted' "$err" || fail 'nothing of mount'
fi

# From here on this machine is watched.
if ! "$takt" timers --for 10ms --json >"$out" 2>"$err"; then
  skip_all "watching this machine: $(cat "$err")"
fi
# No instance is left of a process that has ended; others may be watching too.
no_instance() { until_true none_left_behind; }
none_left_behind() {
  for i in $tracing/instances/takt.[0-9]*; do
    pid=${i##*/takt.}
    [ ! -d "$i" ] || kill -0 "${pid%.*}" 2>/dev/null || return 1
  done
}
no_instance

# found NAME ARMED MOVED CANCELLED EXPIRED RANGE CLOCK KIND: the row of a part in the document $out.
found() {
  wanted_name=$1
  shift
  line=$("$json_value" $(seq -f '/timers/rows/%g/name' 0 400) <"$out" 2>/dev/null | grep -n -x "$wanted_name" | head -n 1 | cut -d: -f1)
  [ -n "$line" ] || { echo "no row of $wanted_name"; return; }
  r=/timers/rows/$((line - 1))
  json $r/armed $r/moved $r/cancelled $r/expired $r/range_min_ns $r/range_max_ns $r/clock/0 $r/kind | paste -sd' '
}
# Everything that the script said of itself, in the lines of $1, stands in $out.
same_as_script() {
  while read -r part pid armed moved cancelled expired range clock kind; do
    same "$2: $part" "$(found "$part")" "$armed $moved $cancelled $expired $range $range $clock $kind"
  done <"$1"
}

# has_all_of_script DID TEXT: a recorder wrote every start and every end of the timers in the lines of DID. Some kernels
# record nothing while certain threads run, interrupts included, and no count of lost events says so. What is counted here
# are lines of the text alone, by the thread that started the timer at an address.
has_all_of_script() {
  awk '
    NR == FNR { starts[$2] = $3 + $4; cancels[$2] = $4 + $5; expiries[$2] = $6; next }
    !match($0, /hrtimer=[0-9a-fx]+/) { next }
    { timer = substr($0, RSTART + 8, RLENGTH - 8) }
    /hrtimer_start:/ {
      owner[timer] = ""
      if (!/function=(hrtimer_wakeup|timerfd_tmrproc|it_real_fn|posix_timer_fn)[^a-z_]/) next
      if (!match($0, /[0-9]+ +(\( *[0-9-]+\) +)?\[[0-9]+\]/)) next
      split(substr($0, RSTART, RLENGTH), thread, " ")
      owner[timer] = thread[1]
      ++started[thread[1]]
    }
    /hrtimer_cancel:/ && owner[timer] { ++cancelled[owner[timer]] }
    /hrtimer_expire_entry:/ && owner[timer] { ++expired[owner[timer]] }
    END {
      # Where the kernel dequeues a timer for its expiry, some versions call this a cancellation, too.
      for (p in starts)
        if (started[p] + 0 != starts[p] || expired[p] + 0 != expiries[p] ||
            (cancelled[p] + 0 != cancels[p] && cancelled[p] + 0 != cancels[p] + expiries[p])) exit 1
    }' "$1" "$2"
}

# Live. A machine that was too busy for the script gets another try: its own numbers are then not the nominal ones.
"$timers_script" --nominal | cut -d' ' -f1,3- | sort >"$work/nominal"
as_planned() { cut -d' ' -f1,3- "$1" | sort | grep -v tk-realtime | cmp -s - "$work/planned"; }
grep -v tk-realtime "$work/nominal" >"$work/planned"
for attempt in 1 2 3 4 5; do
  run 0 "$takt" timers --json --save "$work/saved" -- "$timers_script"
  cp "$err" "$work/did"
  if as_planned "$work/did"; then
    # takt is the recorder here: what it lacks each time is its failure.
    has_all_of_script "$work/did" "$work/saved" && break
    echo "again: the kernel has not recorded every event"
  else
    [ $attempt = 5 ] && skip 'the script of timers: this machine is too busy to perform it'
    echo "again: the machine was too busy for the script of timers"
  fi
done
: >"$err"
same 'events lost' "$(json /timers/lost_events)" 0
same 'status of the command' "$(json /timers/command_status)" 0
same_as_script "$work/did" live
grep -q tk-realtime "$work/did" || skip 'a real-time thread: this user may not have one'
done_by timers --from "$work/saved" --json
same_as_script "$work/did" 'what was saved'

# The recorders of others, of the same script.
events='hrtimer_setup hrtimer_init hrtimer_start hrtimer_cancel hrtimer_expire_entry hrtimer_expire_exit itimer_state itimer_expire'
if command -v perf >/dev/null; then
  list=
  for e in $events; do [ ! -d $tracing/events/timer/$e ] || list="$list -e timer:$e"; done
  for e in irq_vectors:local_timer_entry irq_vectors:local_timer_exit sched:sched_waking sched:sched_switch; do
    [ ! -d "$tracing/events/$(echo $e | tr : /)" ] || list="$list -e $e"
  done
  recorded=
  for attempt in 1 2 3 4 5; do
    # shellcheck disable=SC2086 # a list of words
    perf record -q -a -m 4096 -o "$work/perf.data" $list -- "$timers_script" >"$work/did" 2>"$err" || break
    perf script -i "$work/perf.data" >"$work/text" 2>/dev/null
    recorded=incomplete
    has_all_of_script "$work/did" "$work/text" && recorded=yes && break
    echo "again: perf has not recorded every event"
  done
  if [ "$recorded" = yes ]; then
    for form in '' --reltime '-F comm,pid,tid,cpu,time,event,trace'; do
      # shellcheck disable=SC2086
      perf script -i "$work/perf.data" $form >"$work/text" 2>/dev/null
      : >"$err"
      done_by timers --from "$work/text" --json
      same_as_script "$work/did" "perf script $form"
      same "unreadable lines of perf script $form" "$(json /timers/unreadable_lines)" 0
    done
  fi
  if [ -n "$recorded" ]; then
    # The kernel counts itself; what the two start and stop apart is a few milliseconds.
    perf stat -x, -a -e timer:hrtimer_start,timer:hrtimer_expire_entry -o "$work/stat" -- "$takt" timers --for 2s --json >"$out" 2>"$err"
    for pair in start:hrtimer_starts expire_entry:hrtimer_expiries; do
      counted=$(sed -n "s/^\([0-9]*\),.*hrtimer_${pair%:*},.*/\1/p" "$work/stat")
      seen=$(json "/timers/${pair#*:}")
      awk -v a="$counted" -v b="$seen" 'BEGIN { exit !(b <= a && b >= 0.8 * a - 200) }' || fail "perf stat counts $counted of hrtimer_${pair%:*}, takt $seen"
    done
    [ "$recorded" = yes ] || skip 'the text of perf script: perf missed events of the script each time'
  else
    skip "the text of perf script: $(head -n 1 "$err")"
  fi
else
  skip 'the text of perf script: there is no perf'
fi

own=$tracing/instances/takt-test-$$
if mkdir "$own" 2>"$err"; then
  trap 'rmdir "$own" 2>/dev/null; rm -rf "$work"' EXIT
  echo mono >"$own/trace_clock"
  echo 16384 >"$own/buffer_size_kb"
  for e in $events; do [ ! -d "$own/events/timer/$e" ] || echo 1 >"$own/events/timer/$e/enable"; done
  for e in irq_vectors/local_timer_entry irq_vectors/local_timer_exit sched/sched_waking sched/sched_switch; do
    [ ! -d "$own/events/$e" ] || echo 1 >"$own/events/$e/enable"
  done
  recorded=
  for attempt in 1 2 3 4 5; do
    echo >"$own/trace"
    echo 1 >"$own/tracing_on"
    "$timers_script" >"$work/did"
    echo 0 >"$own/tracing_on"
    cat "$own/trace" >"$work/text"
    has_all_of_script "$work/did" "$work/text" && recorded=yes && break
    echo "again: ftrace has not recorded every event"
  done
  rmdir "$own"
  trap 'rm -rf "$work"' EXIT
  : >"$err"
  done_by timers --from "$work/text" --json
  if [ -n "$recorded" ]; then
    same_as_script "$work/did" "ftrace's trace"
  else
    skip "ftrace's file trace: it missed events of the script each time"
  fi
  same "unreadable lines of ftrace's trace" "$(json /timers/unreadable_lines)" 0
else
  skip "ftrace's file trace: $(cat "$err")"
fi
if command -v trace-cmd >/dev/null && trace-cmd record -q -o "$work/trace.dat" -C mono -e timer:hrtimer_start -e timer:hrtimer_cancel -e timer:hrtimer_expire_entry \
  -e timer:hrtimer_expire_exit -e timer:itimer_state -e timer:itimer_expire -e sched:sched_waking -e sched:sched_switch "$timers_script" >"$work/did" 2>"$err"; then
  trace-cmd report -i "$work/trace.dat" >"$work/text" 2>/dev/null
  : >"$err"
  done_by timers --from "$work/text" --json
  same_as_script "$work/did" 'trace-cmd report'
else
  skip 'the text of trace-cmd report: there is no trace-cmd, or it cannot trace here'
fi

# A command: its signals and its status are its own, and it is watched until its end.
for how in --default-signal --ignore-signal=PIPE,INT --ignore-signal=HUP --block-signal=USR1; do
  env $how grep -E '^Sig(Ign|Blk|Cgt):' /proc/self/status >"$work/before"
  env $how "$takt" timers --json -- grep -E '^Sig(Ign|Blk|Cgt):' /proc/self/status >"$out" 2>"$work/after"
  cmp "$work/before" "$work/after" || fail "the signals of a command, with $how"
done
done_by timers --json -- sh -c 'exit 7'
same 'status of a command' "$(json /timers/command_status)" 7
done_by timers --json -- sh -c 'kill -KILL $$'
same 'status of a command that a signal ended' "$(json /timers/command_status)" 137
could_not timers -- "$work/no-such-program"
no_instance
done_by timers --json -- sleep 0.2
json /timers/watched_ns | awk '{ exit !($1 >= 2e8) }' || fail 'a command is not watched to its end'

# Intervals: a document a line, and one at the end, each of the whole time so far.
done_by timers --for 500ms --interval 100ms --json
json /timers/watched_ns >"$work/lengths"
[ "$(wc -l <"$work/lengths")" = "$(wc -l <"$out")" ] || fail 'not a document a line'
[ "$(wc -l <"$out")" -ge 3 ] || fail 'hardly a line for 500 ms of 100 ms each'
sort -n "$work/lengths" | cmp -s - "$work/lengths" || fail 'time runs backwards'

# However it is asked to stop, it stops with what it has and leaves nothing behind.
stop_after=0.3
stops 'json /headline >"$work/headline"; no_instance' timers --for 0s --json
stops 'says "^Timers by who armed them"; no_instance' timers --for 1h
start timers --for 0s --interval 50ms --json
until_true test -s "$out"
stopped QUIT
no_instance
began=$(date +%s)
timeout 20 "$takt" timers --for 0s --interval 50ms --json 2>"$err" | head -n 1 >"$out"
json /headline >/dev/null
[ $(($(date +%s) - began)) -lt 10 ] || fail 'timers | head -n 1 does not end'
no_instance
# One that was killed leaves an instance, which stands still, and which the next run removes.
start timers --for 0s --json
until_true sh -c "[ -d $tracing/instances/takt.$tool.* ]"
kill -KILL $tool
wait $tool 2>/dev/null
done_by timers --for 10ms --json
[ ! -d "$(echo $tracing/instances/takt.$tool.*)" ] || fail 'the next run does not remove what a killed one left'
# But not that of one that runs.
start timers --for 0s --json
until_true sh -c "[ -d $tracing/instances/takt.$tool.* ]"
first=$tool
run 0 "$takt" timers --for 10ms --json
[ -d "$(echo $tracing/instances/takt.$first.*)" ] || fail 'a run removes the instance of another'
tool=$first
stopped TERM

# On a terminal the table is refreshed, and the last one stands.
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
  TERM=xterm script -qec "stty cols 80 rows 24 && '$takt' timers --for 500ms --interval 100ms" /dev/null </dev/null | tr -d '\r' >"$out"
  [ "$(grep -c "$(printf '\033')\[H" "$out")" -ge 3 ] || fail 'the table is not refreshed'
  sed 's/.*\x1b\[H\x1b\[J//; s/\x1b\[[01]m//g' "$out" >"$work/plain"
  awk 'length > 80 { exit 1 }' "$work/plain" || fail 'lines of more than 80 columns on a terminal of as many'
  # The last screen is the whole answer.
  grep -q 'Who would save most' "$work/plain" || fail 'no advice at the end'
else
  skip 'terminals: needs script(1)'
fi
finish
