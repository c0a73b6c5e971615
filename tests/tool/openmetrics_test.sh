# takt watch --openmetrics and takt report --openmetrics: what Prometheus's own checker accepts, replaced as a whole and never
# in part; and the dashboard asks for nothing that they do not write.
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
dashboard=$here/../../examples/takt/prometheus/grafana-dashboard.json

done_by report --openmetrics
cp "$out" "$work/report.prom"
for name in build_info tick_rate_hertz tick_rate_error_hertz realtime_synchronised leap_second_state ticks_trusted; do
  [ -n "$(grep "^takt_$name[{ ]" "$work/report.prom")" ] || case $name in
  tick_rate_*) skip "$name: not measured here" ;;
  *) fail "no takt_$name of takt report" ;;
  esac
done
for bad in --json --details --from=x; do wrong_usage report --openmetrics "$bad"; done

# Of a watch. A reader at any moment sees a whole file.
prom=$work/takt.prom
start watch --period 20ms --openmetrics "$prom" --log "$work/log"
until_true test -s "$prom"
for _ in 1 2 3 4 5; do
  tail -n 1 "$prom" >"$work/last"
  grep -q '^takt_watch_lost_lines_total 0$' "$work/last" || fail 'a part of a file'
done
grep -q '^takt_watch_running 1$' "$prom" || fail 'a watch that runs does not say so'
sleep 0.3
stopped TERM
same 'files left beside it' "$(ls "$work" | grep -c '^takt\.prom.')" 0
same 'the mode, for the exporter' "$(stat -c %a "$prom")" 644
grep -q '^takt_watch_running 0$' "$prom" || fail 'a watch that has ended does not say so'
# value NAME: the sample of that name and labels.
value() { awk -v name="$1" '$1 == name { print $2 }' "$prom"; }
same 'the clock source' "$(sed -n 's/^takt_clock_source_info{source="\(.*\)"} 1$/\1/p' "$prom")" "$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource 2>/dev/null)"
same 'steps' "$(value takt_realtime_steps_total)" "$(value 'takt_watch_events_total{event="step"}')"
[ "$(value takt_watch_checks_total)" -ge 3 ] || fail 'few checks'
[ "$(value takt_wakeup_latency_seconds_count)" -ge 1 ] || fail 'no wake-up latency'
same 'the last bucket' "$(value 'takt_wakeup_latency_seconds_bucket{le="+Inf"}')" "$(value takt_wakeup_latency_seconds_count)"
same 'one state of leap seconds' "$(grep -c '^takt_leap_second_state{.*} 1$' "$prom")" 1
# The kernel counts the same interrupts, later more.
if grep -q '^ *LOC:' /proc/interrupts && grep -q '^takt_timer_interrupts_total{cpu="0",device="LOC' "$prom"; then
  first=$(awk '$1 == "LOC:" { print $2 }' /proc/interrupts)
  awk -v now="$first" '/^takt_timer_interrupts_total\{cpu="0",device="LOC/ { exit !($NF > 0 && $NF <= now) }' "$prom" ||
    fail "not the interrupts of CPU 0 ($first): $(grep 'timer_interrupts_total{cpu="0"' "$prom")"
fi

# The process number alone names no file beside it: in a container a watch that was killed had the same one.
run 0 sh -c ': >"$1.$$.part" && exec "$2" watch --for 20ms --openmetrics "$1"' sh "$work/again.prom" "$takt"
grep -q '^takt_watch_running 0$' "$work/again.prom" || fail 'stopped by a file that a killed watch left'

# What is no file is not replaced; what cannot be written is said at the start, and survived later.
for place in "$work" /dev/null /dev/full "$work/no/such/place.prom"; do
  could_not watch --for 20ms --openmetrics "$place"
done
[ -c /dev/null ] || fail '/dev/null was replaced'
ln -s "$prom" "$work/link.prom"
could_not watch --for 20ms --openmetrics "$work/link.prom"
wrong_usage watch --openmetrics -
mkdir "$work/place"
start watch --period 20ms --openmetrics "$work/place/takt.prom"
until_true test -s "$work/place/takt.prom"
rm -r "$work/place"
kill -TERM $tool
wait $tool
same 'status without a place to write' $? 1
complains 'No such file'

# The dashboard: JSON, and every metric that it asks for is written by a watch or a report.
"$json_value" /title <"$dashboard" >/dev/null || fail 'the dashboard is not JSON'
grep -o '"expr": "[^"]*\(\\"[^"]*\)*"' "$dashboard" | sed 's/^"expr": "//; s/"$//; s/\\"/"/g' >"$work/expressions"
[ "$(wc -l <"$work/expressions")" -ge 15 ] || fail 'few expressions in the dashboard'
{ cat "$prom" "$work/report.prom"; } | sed -n 's/^# TYPE \([a-z_]*\) \(.*\)/\1 \2/p' |
  while read -r name type; do
    echo "$name"
    [ "$type" != histogram ] || printf '%s_bucket\n%s_sum\n%s_count\n' "$name" "$name" "$name"
  done | sort -u >"$work/written"
# These are written where the clock is synchronised, was stepped or knows TAI; the source has them in any case.
for name in takt_realtime_maximum_error_seconds takt_realtime_estimated_error_seconds takt_realtime_last_step_seconds takt_tai_offset_seconds; do
  grep -q "\"$name\"" "$here/../../examples/takt/output/clock_metrics.cpp" && echo "$name"
done >>"$work/written"
grep -o 'takt_[a-z_]*' "$work/expressions" | sort -u >"$work/asked"
[ "$(wc -l <"$work/asked")" -ge 15 ] || fail 'few metrics in the dashboard'
while read -r name; do grep -qx "$name" "$work/written" || fail "the dashboard asks for $name, which is not written"; done <"$work/asked"
while read -r expression; do
  echo "$expression" | grep -q 'takt_[a-z_]*' || fail "an expression without a metric of takt: $expression"
done <"$work/expressions"
# The check would notice.
! grep -qx takt_no_such_metric "$work/written" || fail 'anything counts as written'

promtool=$(sh "$here/fetch_promtool.sh" "$(dirname "$takt")/../promtool" 2>"$err")
case $? in
0) ;;
77) skip_all "$(sed 's/^SKIPPED: //' "$err")" ;;
*) fail 'promtool cannot be fetched' ;;
esac
for file in "$prom" "$work/report.prom"; do
  "$promtool" check metrics <"$file" >"$out" 2>"$err" || fail "promtool complains of $file"
  [ ! -s "$out" ] && [ ! -s "$err" ] || fail "promtool has something to say of $file"
done
# It would complain.
printf '# HELP takt_a_counter x\n# TYPE takt_a_counter gauge\ntakt_a_counter 1\n' | "$promtool" check metrics >"$out" 2>&1 && fail 'promtool accepts anything'
# Its parser reads every expression of the dashboard, with a value for each variable of Grafana.
{
  printf 'groups:\n- name: dashboard\n  rules:\n'
  n=0
  while read -r expression; do
    n=$((n + 1))
    printf '  - record: takt:expression_%d\n    expr: %s\n' $n "'$(echo "$expression" | sed 's/\$__rate_interval/5m/g; s/\$__range/1h/g; s/\$instance/a/g')'"
  done <"$work/expressions"
} >"$work/rules.yml"
run 0 "$promtool" check rules "$work/rules.yml"
says "$(wc -l <"$work/expressions") rules found"
finish
