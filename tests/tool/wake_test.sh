# takt wake: as root with tracefs the stages of every run add up to the whole, and the kernel's stamps and the readings are
# on one time line; in a time namespace they are not, and it finds by how much; without tracefs it says what is missing;
# its picture and page; no tracing instance is left behind, whatever signal ends it.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/picture.sh"
with_tracefs "$@"

# Of wake-ups that are known: a bar has the runs that know every moment, or all of its class where none does, so that its
# stages are medians of the same runs.
"$(dirname "$json_value")/../takt_wake_picture_check" >"$work/known.svg" || fail 'no picture of known wake-ups'
same 'the bars of known wake-ups' "$(words "$work/known.svg" figure | paste -sd,)" '11.00 us, median of 3 runs,22.00 us, median of 3 runs'
sed -n 's/^<rect class="\([a-z]*\)" x="[^"]*" y="[^"]*" width="\([0-9.]*\)" height="22.0".*/\1 \2/p' "$work/known.svg" >"$work/stages"
same 'their stages' "$(cut -d' ' -f1 "$work/stages" | paste -sd,)" 'grey,green,pink,purple,orange,blue,ink,blue,ink'
printf '%s\n' 1 1 1 1 1 5 1 20 2 | paste -d' ' "$work/stages" - | cut -d' ' -f2,3 >"$work/bars"
in_proportion "$work/bars"

"$takt" wake --runs 1 --idle >/dev/null 2>"$err" || ! grep -q 'cannot be measured' "$err" || skip_all 'the counter cannot be read here'

every wake --runs 10 --sleep 1ms
concludes wake --runs 10 --sleep 1ms
fits 120 env COLUMNS=120 "$takt" wake --runs 10 --sleep 1ms --details
fits 80 env COLUMNS=80 "$takt" wake --runs 10 --sleep 1ms --details

# runs_of FIELD...: of each run in $out, a line each. A process for each value would take minutes.
runs_of() {
  awk -v wanted="$*" '
    BEGIN { n = split(wanted, names, " ") }
    /^  "runs": \{/ { inside = 1 }
    inside && /^        "/ {
      name = $1; gsub(/[":]/, "", name)
      value = $0; sub(/^[^:]*: /, "", value); sub(/,$/, "", value); gsub(/"/, "", value)
      found[name] = value
    }
    inside && /^      \}/ { for (i = 1; i <= n; i++) printf "%s%s", found[names[i]], i < n ? " " : "\n" }' "$out"
}
stages='to_interrupt_ns to_handler_ns to_waking_ns to_wakeup_ns to_running_ns to_first_reading_ns to_second_reading_ns'
# The sum of the stages is the whole in every run, give or take a microsecond; an unknown stage is part of the next one.
stages_add_up() {
  runs_of whole_ns $stages | awk '{ sum = 0; for (i = 2; i <= NF; i++) sum += $i; if (sum - $1 > 1000 || $1 - sum > 1000) exit 1 }' ||
    fail "stages that do not add up: $*"
}

# The three numbers take a line for each series and one for the offset, whatever the numbers are.
run 0 env COLUMNS=80 "$takt" wake --runs 40 --sleep 1ms
time='[0-9.]+ [mun]?s' one="([0-9.]+( [mun]?s)? [+]/- $time|$time|unknown)"
line="(waking|expiry) to reading (migrated [(][0-9.]+ %[)] )?$one(, migrated ([(][0-9.]+ %[)] $one|[0-9.]+ %))?[.]"
head -n 4 "$out" | paste -sd@ | grep -qE "^Idle: $line@Load: $line@(Kernel|Clock)'s offset: [^@]+[.]@\$" || fail 'three lines for the three numbers'
# They are those of the table: the median, and the end of its interval that is farther away.
done_by wake --runs 40 --sleep 1ms --idle --json
json /headline | grep -qE "^Idle: $line (Kernel|Clock)'s offset: " || fail "the headline: $(json /headline)"
key=waking && [ "$(json /setting/traced)" = true ] || key=latency
if [ "$(json /classes/rows/0/migrated)" = false ]; then
  median=waking_to_first && [ $key = waking ] || median=latency
  { json /classes/rows/0/${median}_ns /classes/rows/0/${key}_low_ns /classes/rows/0/${key}_high_ns | paste -sd' '; json /headline; } | awk '
    function ns(x, unit) { return x * (unit ~ /^ns/ ? 1 : unit ~ /^us/ ? 1e3 : unit ~ /^ms/ ? 1e6 : 1e9) }
    function near(a, b) { return a - b <= 0.06 * b + 1 && b - a <= 0.06 * b + 1 }
    NR == 1 { middle = $1; half = $3 - $1 > $1 - $2 ? $3 - $1 : $1 - $2; next }
    { i = $6 == "+/-" ? 6 : 7; exit !($i == "+/-" && near(ns($5, $(i == 6 ? 8 : 6)), middle) && near(ns($(i + 1), $(i + 2)), half)) }' ||
    fail "the median and its interval: $(json /headline)"
fi

done_by wake --runs 40 --sleep 1ms --json --svg "$work/wake.svg" --html "$work/wake.html"
same 'runs' "$(runs_of number | wc -l)" 80
same 'series' "$(runs_of series | sort | uniq -c | awk '{ print $1, $2 }' | paste -sd,)" '40 idle,40 load'
same 'the numbers of the runs' "$(runs_of number | paste -sd' ')" "$(seq 0 79 | paste -sd' ')"
stages_add_up 'idle and load'
runs_of latency_ns first_read_ns | awk '$1 < 0 || $2 <= 0 { exit 1 }' || fail 'a wake-up before its time, or a reading that costs nothing'
same 'the counter is on the line of the clock' "$(json /offsets/rows | grep -c '"drift"\|"constant"')" 0
runs_of source_before source_after suspended stepped | sort -u >"$work/sources"
same 'one clock source, and clocks that nothing happened to' "$(wc -l <"$work/sources")" 1
runs_of guard | grep -q 'trusted' || fail 'no run guard'
for fact in migrated_idle migrated_load; do json /classes/$fact >/dev/null; done

picture "$work/wake.svg" 'wake --runs 40 --sleep 1ms'
axis "$work/wake.svg" '^time since the expiry (us)$'
axis "$work/wake.svg" '^height: from the expiry to the first reading (us, logarithmic)$'
same 'bars and points' "$(words "$work/wake.svg" panel | paste -sd,)" 'The stages of a wake-up, in the median of each class,All runs, idle,All runs, load'
head -n 1 "$work/wake.html" | grep -q '^<!DOCTYPE html>' && tail -n 1 "$work/wake.html" | grep -q '^</html>' || fail 'no whole page'
! grep -q '<script' "$work/wake.html" || fail 'a script on the page'

# One series alone.
done_by wake --runs 5 --sleep 1ms --idle --json
same 'idle alone' "$(runs_of series | sort -u)" idle
done_by wake --runs 5 --sleep 1ms --load --json
same 'load alone' "$(runs_of series | sort -u)" load
done_by wake --runs 5 --sleep 1ms --load-cpus 0 --json
same 'load on one CPU' "$(json /setting/load_cpus | tr -d ' \n')" '[0]'
done_by wake --runs 5 --sleep 1ms --idle --user-space --json
same "without the kernel's events" "$(json /setting/traced)" false
same 'and without their stages' "$(runs_of to_waking_ns kernel_migrated | sort -u)" 'null null'
stages_add_up 'from user space'
for bad in 0 -1 2147483647 many ''; do wrong_usage wake --runs "$bad"; done
for bad in 0s -1ms 2h 5; do wrong_usage wake --sleep "$bad"; done
for bad in x 3-1 0, ''; do wrong_usage wake --load-cpus "$bad"; done
wrong_usage wake --idle --load
wrong_usage wake --idle --load-cpus 0
wrong_usage wake --priority 100
could_not wake --runs 1 --load-cpus 1023
complains 'CPU 1023 is not online; those that are: 0'

# A real-time thread has no timer slack to be set; both series are taken all the same.
if [ "$(id -u)" = 0 ]; then
  done_by wake --runs 5 --sleep 1ms --priority 1 --json
  same 'series of a real-time thread' "$(runs_of series | sort | uniq -c | awk '{ print $1, $2 }' | paste -sd,)" '5 idle,5 load'
fi

# In what it has until it is stopped.
stops 'says "^Idle: \|Stopped before"' wake --runs 1000000 --sleep 1ms

if can_be_nobody; then
  run 0 as_nobody "$takt" wake --runs 5 --sleep 1ms
  says "the kernel's events  *no"
  says 'are$\|missing'
  says '^Idle: expiry to reading '
else
  skip 'without privileges: cannot become another user'
fi

"$takt" wake --runs 1 --idle --json >"$out" 2>"$err"
[ "$(json /setting/traced)" = true ] || skip_all "tracefs cannot be used here: $(json /setting/why_not)"

done_by wake --runs 200 --json
stages_add_up 'with the kernel'
same 'lost events' "$(json /setting/lost)" 0
# One run or another finds its timer expired before it slept. On a quiet machine up to a quarter lack the switch to the
# thread, which is then part of the next stage; once half of them did. The kernel does not record it: a second recording of
# the same moments lacks it too.
runs_of to_wakeup_ns | grep -c -v null | awk '$1 < 360 { exit 1 }' || fail "runs without their wake-up: $(runs_of to_wakeup_ns | grep -c null) of 400"
runs_of to_running_ns | grep -c -v null | awk '$1 < 100 { exit 1 }' || fail "runs without a switch to the thread: $(runs_of to_running_ns | grep -c null) of 400"
# An interrupt may have begun before the expiry, for another timer.
runs_of $stages | awk '/null/ { next } { for (i = 2; i <= NF; i++) if ($i < -1000) exit 1 }' || fail 'a stage that ends before it begins'
same "the kernel's stamps are on the line of the readings" "$(json /offsets/rows/0/offset)" none
json /offsets/rows/0/uncertainty_ns | awk '$1 > 20000 { exit 1 }' || fail 'bounds of the offset wider than 20 us'
# The kernel and user space agree on who migrated, but for threads that were moved again.
runs_of kernel_migrated user_migrated moved_later | awk '$1 != "null" && $1 != $2 && $3 == 0 { n++ } END { exit n > 8 }' || fail 'the kernel and user space do not agree on migrations'
same 'shares are of all runs' "$(json /series/rows/0/runs /series/rows/1/runs | paste -sd' ')" '200 200'

# A time namespace sets CLOCK_MONOTONIC apart from the kernel's stamps, by a constant.
if unshare -T --monotonic 1111 true 2>/dev/null; then
  run 0 unshare -T --monotonic 1111 "$takt" wake --runs 40 --sleep 1ms --json
  same 'the offset of a time namespace' "$(json /offsets/rows/0/offset)" constant
  json /offsets/rows/0/size_ns | awk '{ off = $1 + 1111e9; exit !(off > -20000 && off < 20000) }' || fail "the size of the offset: $(json /offsets/rows/0/size_ns)"
  same 'it does not go with load' "$(json /offsets/rows/0/with_load)" false
  json /headline | grep -q 'constant -1111 s +/- [0-9.]* [a-z]*, not with \(migration, \)\?load' || fail "the headline: $(json /headline)"
  stages_add_up 'in a time namespace'
  runs_of to_interrupt_ns | awk '$1 != "null" && ($1 < -1e8 || $1 > 1e9) { exit 1 }' || fail 'stages that hold the offset'
else
  skip 'time namespaces cannot be made here'
fi

# Instances are removed whatever signal comes, at whatever moment.
# Those of $tool alone: other tests make some of their own.
instances() { ls $tracing/instances | grep -c "^takt\.$tool\."; }
has_instance() { [ "$(instances)" = 1 ]; }
for signal in INT TERM HUP QUIT ABRT ALRM USR1 USR2 VTALRM PROF XCPU PWR IO TRAP SYS 34 64; do
  start wake --runs 1000000 --sleep 1ms
  until_true has_instance
  kill -$signal $tool
  wait $tool
  same "status after SIG$signal" $? 0
  same "instances after SIG$signal" "$(instances)" 0
done
# SIGKILL cannot be caught: the next run removes what is left.
start wake --runs 1000000 --sleep 1ms
until_true has_instance
kill -KILL $tool
wait $tool 2>/dev/null
done_by wake --runs 1 --idle
same 'instances after SIGKILL and another run' "$(instances)" 0
finish
