# takt timers --svg, --html, --perfetto: a recording of which everything is known, with names that would break each of them.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/picture.sh"
trace_check=$(dirname "$json_value")/../takt_trace_check

# One second of two CPUs. "<script>" sleeps 100 times, and each time wakes CPU 0 from idle; "a\"b\\c" arms 40 timers and
# cancels them; on CPU 1 the tick comes 250 times while a thread works whose name is no UTF-8.
recording() {
  awk 'function line(t, task, cpu, text) { printf "%09d %16s-%d [%03d] d.h.. %5d.%06d: %s\n", t, name[task], task, cpu, 1000 + t / 1000000, t % 1000000, text }
    function change(t, from, to, cpu) { line(t, from, cpu, "sched_switch: prev_comm=" name[from] " prev_pid=" from " prev_prio=120 prev_state=S ==> next_comm=" name[to] " next_pid=" to " next_prio=120") }
    BEGIN {
      name[0] = "<idle>"; name[200] = "<script>"; name[300] = "a\"b\\c"; name[400] = "z\377"
      change(1, 0, 200, 0)
      change(2, 0, 400, 1)
      for (k = 0; k < 100; k++) {
        t = k * 10000
        if (k % 5 < 2) {
          change(t + 10, 200, 300, 0)
          line(t + 20, 300, 0, "hrtimer_start: hrtimer=00000000000000bb function=hrtimer_wakeup expires=9000000000 softexpires=9000000000 mode=ABS")
          line(t + 30, 300, 0, "hrtimer_cancel: hrtimer=00000000000000bb")
          change(t + 40, 300, 200, 0)
        }
        line(t + 100, 200, 0, "hrtimer_start: hrtimer=00000000000000aa function=hrtimer_wakeup expires=" t + 1050 "000 softexpires=" t + 1000 "000 mode=REL")
        change(t + 110, 200, 0, 0)
        line(t + 1060, 0, 0, "local_timer_entry: vector=236")
        line(t + 1061, 0, 0, "hrtimer_cancel: hrtimer=00000000000000aa")
        line(t + 1062, 0, 0, "hrtimer_expire_entry: hrtimer=00000000000000aa function=hrtimer_wakeup now=" t + 1060 "000")
        line(t + 1063, 0, 0, "sched_waking: comm=<script> pid=200 prio=120 target_cpu=000")
        line(t + 1065, 0, 0, "hrtimer_expire_exit: hrtimer=00000000000000aa")
        line(t + 1066, 0, 0, "local_timer_exit: vector=236")
        change(t + 1070, 0, 200, 0)
      }
      for (k = 0; k < 250; k++) {
        t = k * 4000 + 10
        line(t, 400, 1, "hrtimer_cancel: hrtimer=00000000000000cc")
        line(t + 1, 400, 1, "hrtimer_expire_entry: hrtimer=00000000000000cc function=tick_nohz_handler now=" t "000")
        line(t + 4, 400, 1, "hrtimer_expire_exit: hrtimer=00000000000000cc")
        line(t + 5, 400, 1, "hrtimer_start: hrtimer=00000000000000cc function=tick_nohz_handler expires=" t + 3990 "000 softexpires=" t + 3990 "000 mode=ABS")
      }
    }' | sort -s -n -k 1,1 | cut -c 11-
}
recording >"$work/recording"
done_by timers --from "$work/recording" --json --svg "$work/timers.svg" --html "$work/timers.html" --perfetto "$work/timers.json"
cp "$out" "$work/alone"

picture "$work/timers.svg" 'timers --from '
axis "$work/timers.svg" '^height: expiries in [0-9]* ms, on the same scale in all rows$'
axis "$work/timers.svg" '^expiries in [0-9]* ms (logarithmic'
axis "$work/timers.svg" '^height: distance of two ticks (ms, logarithmic)'
words "$work/timers.svg" figure >"$work/figures"
sed -n 1,2p "$work/figures" | paste -sd'|' | grep -qE '^(99.9|10[01]\.[0-9]) from idle, of (99.9|10[01]\.[0-9]) a second\|0.0 from idle, of 25[01]\.[0-9] a second$' || fail "figures of the CPUs: $(cat "$work/figures")"
words "$work/timers.svg" legend | grep -q '^the tick: 25[01]' || fail 'the tick is no owner'
words "$work/timers.svg" legend | grep -q '^&lt;script&gt; (200): ' || fail 'the name of a process is not in the legend'

! grep -qi '<script\|<link\|<img\|src=\|href=\|@import\|url(' "$work/timers.html" || fail 'something foreign in the page'
grep -q '&lt;script&gt;' "$work/timers.html" || fail 'the hostile name is not in the page'
grep -q 'class="name">a&quot;b\\c<' "$work/timers.html" || fail 'quotes in a name'
! LC_ALL=C grep -q "$(printf '\377')" "$work/timers.html" "$work/timers.svg" || fail 'bytes that are no UTF-8'

run 0 "$trace_check" "$work/timers.json"
same 'arrows to woken threads' "$(json /arrows)" 100
same 'timers armed' "$(json /timers)" $((100 + 40 + 250))
same 'timers that were cancelled' "$(grep -c '"end":"cancelled"' "$work/timers.json")" 40
same 'timers that expired' "$(grep -c '"end":"expired"' "$work/timers.json")" $((100 + 249))
same 'timers still armed' "$(grep -c '"end":"still armed"' "$work/timers.json")" 1
# Two CPUs and three threads.
same 'tracks' "$(json /tracks)" 5
"$json_value" /otherData/command /lostEvents <"$work/timers.json" | paste -sd' ' | grep -q '^takt timers --from .* 0$' || fail 'the trace does not say where it is from'

# Handlers that do not end in the order of a textbook: an interrupt in the middle of a softirq's timer, an exit that was
# lost before a switch, a recording that ends inside of a handler. On a busy machine each of them happens.
cat >"$work/nested" <<'EOF'
           <idle>-0 [000] d....  1000.000001: sched_switch: prev_comm=<idle> prev_pid=0 prev_prio=120 prev_state=S ==> next_comm=w next_pid=7 next_prio=120
                w-7 [000] ..s..  1000.001000: timer_expire_entry: timer=00000000000000dd function=process_timeout now=4294900000 baseclk=4294900000
                w-7 [000] d.h..  1000.001010: hrtimer_expire_entry: hrtimer=00000000000000cc function=tick_nohz_handler now=1000001010000
                w-7 [000] d.h..  1000.001015: hrtimer_expire_exit: hrtimer=00000000000000cc
                w-7 [000] ..s..  1000.001030: timer_expire_exit: timer=00000000000000dd
                w-7 [000] d.h..  1000.002010: hrtimer_expire_entry: hrtimer=00000000000000cc function=tick_nohz_handler now=1000002010000
                w-7 [000] d....  1000.003000: sched_switch: prev_comm=w prev_pid=7 prev_prio=120 prev_state=S ==> next_comm=v next_pid=8 next_prio=120
                v-8 [000] d.h..  1000.004010: hrtimer_expire_entry: hrtimer=00000000000000cc function=tick_nohz_handler now=1000004010000
EOF
run 0 "$takt" timers --from "$work/nested" --perfetto "$work/nested.json"
run 0 "$trace_check" "$work/nested.json"
same 'slices of three switches and four handlers' "$(json /slices)" $((2 * 2 + 4))
grep -q '"ph":"E","ts":1029.000,.*"name":"process_timeout"' "$work/nested.json" || fail 'the interrupted handler does not end at its exit'

# A thread that was running when the recording began, of a process whose main thread sleeps all the time.
cat >"$work/threads" <<'EOF'
                b-9     (      5) [000] d.h..  1000.000001: local_timer_entry: vector=236
                b-9     (      5) [000] d....  1000.000010: sched_switch: prev_comm=b prev_pid=9 prev_prio=120 prev_state=R ==> next_comm=v next_pid=8 next_prio=120
                v-8     (      8) [000] d....  1000.000020: sched_switch: prev_comm=v prev_pid=8 prev_prio=120 prev_state=S ==> next_comm=b next_pid=9 next_prio=120
EOF
run 0 "$takt" timers --from "$work/threads" --perfetto "$work/threads.json"
run 0 "$trace_check" "$work/threads.json"

# The trace is written as the events come: a recording ten times as long needs no more memory.
measured() { /usr/bin/time -f %M "$takt" timers --from "$1" --perfetto "$work/measured.json" 2>&1 >/dev/null | tail -n 1; }
awk '{ line[NR] = $0 } END { for (k = 0; k < 40; k++) for (i = 1; i <= NR; i++) { match(line[i], / [0-9]+\.[0-9]+: /); s = substr(line[i], RSTART + 1, RLENGTH - 3)
  printf "%s%.6f%s\n", substr(line[i], 1, RSTART), s + k, substr(line[i], RSTART + RLENGTH - 2) } }' "$work/recording" >"$work/long"
run 0 "$takt" timers --from "$work/long" --perfetto "$work/long.json" --svg "$work/long.svg"
run 0 "$trace_check" "$work/long.json"
[ "$(wc -c <"$work/long.svg")" -lt $((3 * $(wc -c <"$work/timers.svg"))) ] || fail "the picture grows: $(wc -c <"$work/timers.svg") and $(wc -c <"$work/long.svg") bytes"
if [ -x /usr/bin/time ]; then
  short=$(measured "$work/recording") long=$(measured "$work/long")
  [ "$long" -lt $((short + 8192)) ] || fail "memory grows with the recording: $short and $long KiB"
fi

# The same by events of this machine, where they may be recorded.
if "$takt" timers --for 300ms --json --perfetto "$work/live.json" --html "$work/live.html" >"$out" 2>"$err"; then
  run 0 "$trace_check" "$work/live.json"
  [ "$(json /slices)" -gt 0 ] || fail 'nothing in the trace of this machine'
  tail -n 1 "$work/live.html" | grep -q '^</html>' || fail 'no page of this machine'
else
  skip "this machine: $(cat "$err")"
  [ ! -e "$work/live.json" ] || fail 'a trace of nothing'
fi
finish
