# takt tick: a recording of which everything is known; this machine, with a thread that hides and one that drifts; from user
# space; its picture and its page.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/picture.sh"
thread=$(dirname "$json_value")/../takt_tick_thread

# Two seconds of three CPUs and a tick of 4 ms. CPU 0: "hider" works from 0.3 to 1.9 ms after each tick, in between a thread
# with a hostile name. CPU 1: it idles, its tick comes every 40 ms and is stopped, or kept for RCU. CPU 2: "drifter" works
# for 40 % of every 4.37 ms.
recording() {
  awk 'function line(t, task, cpu, text) { printf "%09d %16s-%d [%03d] d.h.. %5d.%06d: %s\n", t, name[task], task, cpu, 1000 + t / 1000000, t % 1000000, text }
    function tick(t, task, cpu) { line(t, task, cpu, "hrtimer_expire_entry: hrtimer=000000000000000" cpu " function=tick_nohz_handler now=" 1000000000 + t "000") }
    function change(t, from, to, cpu) { line(t, from, cpu, "sched_switch: prev_comm=" name[from] " prev_pid=" from " prev_prio=120 prev_state=S ==> next_comm=" name[to] " next_pid=" to " next_prio=120") }
    BEGIN {
      name[0] = "<idle>"; name[200] = "hider"; name[300] = "<script>x</s>"; name[400] = "drifter"
      for (k = 0; k < 500; k++) {
        t = k * 4000
        tick(t + 10, 300, 0)
        line(t + 299, 300, 0, "sched_waking: comm=hider pid=200 prio=120 target_cpu=000")
        change(t + 300, 300, 200, 0)
        change(t + 1900, 200, 300, 0)
        tick(t + 11, (t + 11) % 4370 < 1748 && t >= 4370 ? 400 : 0, 2)
      }
      for (k = 1; k * 4370 < 2000000; k++) { change(k * 4370, 0, 400, 2); change(k * 4370 + 1748, 400, 0, 2) }
      for (k = 0; k < 50; k++) {
        tick(k * 40000 + 12, 0, 1)
        line(k * 40000 + 14, 0, 1, k % 5 ? "tick_stop: success=1 dependency=NONE" : "tick_stop: success=0 dependency=RCU")
      }
    }' | sort -s -n -k 1,1 | cut -c 11-
}
recording >"$work/recording"

every tick --from "$work/recording"
concludes tick --from "$work/recording"
done_by tick --from "$work/recording" --json --svg "$work/tick.svg" --html "$work/tick.html"
same CPUs "$(json /cpus/rows/0/cpu /cpus/rows/1/cpu /cpus/rows/2/cpu | paste -sd' ')" '0 1 2'
same 'the period, its smallest distance' "$(json /period/period_ns /period/smallest_ns | paste -sd' ')" '4000000 4000000'
same 'ticks, lost events, unreadable lines' "$(json /period/ticks /period/lost /period/unreadable | paste -sd' ')" '1050 0 0'
json /cpus/rows/0/per_second /cpus/rows/1/per_second /cpus/rows/2/per_second | paste -sd' ' |
  awk '!($1 > 249 && $1 < 251.5 && $2 > 24 && $2 < 26 && $3 > 249 && $3 < 251.5) { exit 1 }' || fail 'ticks a second'
json /cpus/rows/0/stopped /cpus/rows/1/stopped | paste -sd' ' | awk '!($1 == 0 && $2 > 0.6 && $2 <= 1) { exit 1 }' || fail 'time stopped'
same 'why the tick of an idle CPU went on' "$(json /cpus/rows/1/because_of)" RCU
same 'which thread the ticks of a busy one found' "$(json /cpus/rows/0/because_of)" '<script>x</s>'
json /cpus/rows/0/busy /cpus/rows/2/busy | paste -sd' ' | awk '!($1 == 1 && $2 > 0.38 && $2 < 0.42) { exit 1 }' || fail 'how busy the CPUs were'
# row_of NAME FIELD...: of that thread's row.
row_of() {
  wanted=$1 i=0
  shift
  while found=$("$json_value" /threads/rows/$i/name <"$out" 2>/dev/null); do
    if [ "$found" = "$wanted" ]; then
      for field in "$@"; do json "/threads/rows/$i/$field"; done | paste -sd' '
      return
    fi
    i=$((i + 1))
  done
}
same 'hider: found, listed' "$(row_of hider found follows charged_ns)" '0 true 0'
row_of hider run_share tick_share | awk '!($1 > 0.15 && $1 < 0.45 && $2 == 0) { exit 1 }' || fail "the shares of hider: $(row_of hider run_share tick_share)"
row_of hider ran_ns | awk '!($1 > 790000000 && $1 < 810000000) { exit 1 }' || fail 'how long hider ran'
same 'drifter is not listed' "$(row_of drifter follows)" false
row_of drifter found expected | awk '!($1 > 0.8 * $2 && $1 < 1.2 * $2 && $1 > 100) { exit 1 }' || fail "ticks that found drifter: $(row_of drifter found expected)"
same 'the thread that is found too often is listed' "$(row_of '<script>x</s>' follows)" true
# Threads are woken 0.3 ms after the tick: in another slot.
json /phases/peak_ns /phases/ticks_at_peak /phases/woken_at_peak /phases/rows/0/ticks /phases/rows/7/wakings | paste -sd' ' |
  awk '!($1 < 100000 && $2 == 1 && $3 == 0 && $4 == 1050 && $5 == 500) { exit 1 }' || fail 'the histograms over one period'
# What was judged is said: a drifter alone, of which enough is known, and the first 100 ms of all, in which hider hides too.
grep '\[002\]' "$work/recording" >"$work/drifts"
done_by tick --from "$work/drifts" --json
same 'a thread that drifts, alone: listed' "$(json /threads/listed)" 0
json /threads/judged /threads/listed_from | paste -sd' ' | awk '!($1 > 400 && $1 < 500 && $2 < 0.03) { exit 1 }' || fail 'what was judged of a thread that drifts'
json /headline | grep -q "No thread hides behind it: $(json /threads/judged) of 500 ticks judged" || fail "the headline: $(json /headline)"
sed '/ 1000\.1[0-9]*: /,$d' "$work/recording" >"$work/few"
done_by tick --from "$work/few" --json
json /threads/judged | awk '!($1 > 0 && $1 < 60) { exit 1 }' || fail 'ticks judged in a short recording'
same 'nothing is said of threads' "$(json /threads/listed)" null
json /headline | grep -q "Whether a thread hides is unknown: $(json /threads/judged) of 53 ticks judged" || fail "the headline: $(json /headline)"
concludes tick --from "$work/few"
grep -v sched_ "$work/recording" >"$work/unswitched"
done_by tick --from "$work/unswitched" --json
same 'ticks judged without switches' "$(json /threads/judged)" 0
json /headline | grep -q 'is unknown: 0 of 1 050 ticks judged' || fail "the headline: $(json /headline)"

# ftrace remembers the names of 128 threads, and prints <...> for the others; the scheduler's events name them, too.
sed -E 's/^.{16}-(200|300|400) /           <...>-\1 /' "$work/recording" >"$work/unnamed"
grep -q '<\.\.\.>-300 .*tick_nohz_handler' "$work/unnamed" || fail 'no recording without names'
cp "$out" "$work/named.json"
done_by tick --from "$work/unnamed" --json
same 'which thread the ticks found, by the events' "$(json /cpus/rows/0/because_of)" '<script>x</s>'
same 'hider by the events' "$(row_of hider found follows charged_ns)" '0 true 0'
cp "$work/named.json" "$out"

picture "$work/tick.svg" 'tick --from '
axis "$work/tick.svg" '^offset in the period (ms)'
axis "$work/tick.svg" '^time since the start of the recording (s)$'
axis "$work/tick.svg" '^height: distance of two ticks (ms, logarithmic)'
words "$work/tick.svg" figure | grep -q '^25[0-9.]* ticks a second, stopped 0.0 %$' || fail 'no figure at a row'
# A page of its own, on which nothing of others runs.
head -n 1 "$work/tick.html" | grep -q '^<!DOCTYPE html>' && tail -n 1 "$work/tick.html" | grep -q '^</html>' || fail 'no whole page'
! grep -qi '<script\|<link\|<img\|src=\|href=\|@import\|url(' "$work/tick.html" || fail 'something foreign in the page'
grep -q '&lt;script&gt;x&lt;/s&gt;' "$work/tick.html" || fail 'the hostile name is not in the page'
grep -q "default-src 'none'" "$work/tick.html" || fail 'the browser may fetch'
grep -q 'prefers-color-scheme:dark' "$work/tick.html" && grep -q '@media print' "$work/tick.html" || fail 'not for dark pages or paper'
same 'pictures in the page' "$(grep -c '^<svg ' "$work/tick.html")" 1
if command -v python3 >/dev/null; then
  python3 - "$work/tick.html" >"$out" 2>"$err" <<'END' || fail 'tags that do not match'
import html.parser, sys
class check(html.parser.HTMLParser):
    open = []
    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br"): self.open.append(tag)
    def handle_startendtag(self, tag, attributes): pass
    def handle_endtag(self, tag): assert self.open.pop() == tag, tag
c = check()
c.feed(open(sys.argv[1]).read())
assert not c.open, c.open
END
fi

# The size of a picture does not grow with the recording: the same two seconds, forty times.
awk '{ line[NR] = $0 } END { for (k = 0; k < 40; k++) for (i = 1; i <= NR; i++) { match(line[i], / [0-9]+\.[0-9]+: /); s = substr(line[i], RSTART + 1, RLENGTH - 3)
  printf "%s%.6f%s\n", substr(line[i], 1, RSTART), s + 2 * k, substr(line[i], RSTART + RLENGTH - 2) } }' "$work/recording" >"$work/long"
done_by tick --from "$work/long" --svg "$work/long.svg"
[ "$(wc -c <"$work/long.svg")" -lt $((4 * $(wc -c <"$work/tick.svg"))) ] || fail "the picture grows: $(wc -c <"$work/tick.svg") and $(wc -c <"$work/long.svg") bytes"

"$takt" tick --from - <"$work/recording" >"$out" 2>"$err" || fail 'not from standard input'
says 'hider'
# Without a tick, without sense, without a file.
grep sched_switch "$work/recording" >"$work/no-tick"
done_by tick --from "$work/no-tick"
says '^No tick came'
: >"$work/nothing"
could_not tick --from "$work/nothing"
could_not tick --from "$work/no/such/file"
could_not tick --from "$work"
head -c 100000 /dev/urandom >"$work/noise"
could_not tick --from "$work/noise"
wrong_usage tick --from "$work/recording" --probe
wrong_usage tick --probe --svg "$work/probe.svg"
wrong_usage tick --for -1s
wrong_usage tick --html -
complains '--html wants a file'
could_not tick --from "$work/recording" --html "$work/no/such/directory.html"

# From user space: of what the kernel says, with any rights. A tick that is stopped, or a host that is too busy, is not found.
found=no
for attempt in 1 2 3; do
  done_by tick --probe --for 500ms --json
  if [ "$(json /probe/found)" = true ]; then found=yes && break; fi
done
if [ $found = no ]; then skip 'the probe: no tick stands out among the gaps of this CPU'
else
  json /probe/per_second /probe/hz | paste -sd' ' | awk '!($1 > 0.97 * $2 && $1 < 1.03 * $2) { exit 1 }' || fail "the probe found $(json /probe/per_second /probe/hz | paste -sd' ')"
fi
if can_be_nobody; then
  run 0 as_nobody "$takt" tick --for 100ms
  says 'because '
fi

# This machine.
"$takt" tick --for 1s --json >"$out" 2>"$err" || fail 'it does not run'
"$json_value" /cpus/rows/0/cpu <"$out" >"$work/cpu" 2>/dev/null || skip_all "the kernel's events: $(json /probe/why)"
json /cpus/rows/0/per_second /period/hz | paste -sd' ' | awk '!($1 <= 1.05 * $2) { exit 1 }' || fail 'more ticks than HZ'
period=$(json /period/hz_period_ns 2>/dev/null)
stops 'says "ticks"' tick --for 0s
# beside NAME PERIOD PHASE OFFSET WORK TIME: what takt says in TIME while that thread of ours and its companion run.
beside() {
  : >"$work/policy"
  "$thread" "$1" "$2" "$3" "$4" "$5" >"$work/policy" &
  worker=$!
  until_true test -s "$work/policy"
  "$takt" tick --for "$6" --json >"$out" 2>"$err"
  kill $worker
  wait $worker 2>/dev/null
  read -r policy cpu <"$work/policy"
}
# of_cpu CPU FIELD: of that CPU's row; nothing where no event came from it.
of_cpu() {
  i=0
  while found=$("$json_value" /cpus/rows/$i/cpu <"$out" 2>/dev/null); do
    if [ "$found" = "$1" ]; then json "/cpus/rows/$i/$2" && return; fi
    i=$((i + 1))
  done
}
# judge NAME PERIOD: what takt says of a thread that works for 40 % of each PERIOD, from a little behind the tick on, is in
# $seen; why that is no evidence is in $unfit. The ticks of its CPU must have come while it slept, and few of its runs may
# be late. Where it has no chance here, that is in $impossible.
judge() {
  seen= unfit=
  # When the tick comes, on the CPU that is meant: there it is not stopped.
  beside takt-phase "$period" 0 $((period / 2)) $((period / 100)) 500ms
  phase=$(json /phases/peak_ns) at_peak=$(json /phases/ticks_at_peak)
  beside "$1" "$2" "$phase" $((period / 13)) $((period * 4 / 10)) 2s
  [ "$policy" = SCHED_FIFO ] || impossible='needs SCHED_FIFO: other threads delay it until it runs across the tick'
  [ "$(of_cpu "$cpu" nohz_full)" != true ] || impossible='all CPUs that it may use are of nohz_full'
  seen=$(row_of "$1" run_share tick_share follows expected)
  echo "$at_peak" | awk '!($1 > 0.8) { exit 1 }' || unfit="the ticks of the CPUs come at different times: $at_peak of them at $phase ns"
  of_cpu "$cpu" per_second | awk -v period="$period" '!($1 > 0.8e9 / period) { exit 1 }' ||
    unfit="the tick of CPU $cpu came $(of_cpu "$cpu" per_second) times a second, and was stopped for $(of_cpu "$cpu" stopped)"
  echo "$seen" | awk -v period="$period" '!($4 > 0.3e9 / period) { exit 1 }' || unfit="it hardly ran: $seen"
  # The smallest share that takt lists is 0.5 % of the ticks of all CPUs.
  echo "$seen" | awk '!($1 > 0.01) { exit 1 }' || unfit="its share of all CPUs is too small: $seen"
}
# scene WHAT NAME PERIOD CONDITION: some attempt fits, and there CONDITION holds of $seen.
scene() {
  impossible= why= wrong=
  for attempt in 1 2 3; do
    judge "$2" "$3"
    if [ -n "$impossible" ]; then skip "$1: $impossible" && return; fi
    if [ -n "$unfit" ]; then why="${why:+$why; }$unfit"
    elif echo "$seen" | awk "!($4) { exit 1 }"; then return
    else why="${why:+$why; }shares of time and ticks, listed, ticks expected: $seen" wrong=yes
    fi
  done
  if [ -n "$wrong" ]; then fail "$1: $why"; else skip "$1: $why"; fi
}
scene 'a thread that hides is listed' takt-hides "$period" '$3 == "true" && $2 < $1 / 4'
# One report in a thousand lists it by chance.
scene 'a thread that drifts is not listed' takt-drifts $((period * 1093 / 1000)) '$3 == "false" && $2 > $1 / 2 && $2 < 2 * $1'
finish
