# takt report: every section is there, in both forms, and what is in it can be true.
. "$(dirname "$0")/common.sh"
every report --report-batches 2

done_by report --report-batches 100 --json
cp "$out" "$work/report.json"
run 0 "$report_check" "$work/report.json"
done_by report --report-batches 20
for title in Counter Calibration Verdict 'Clock sources' 'Clock event' Tick 'Timer slack' vDSO Cost Recommendation; do says "^$title"; done

# One screen: where more is known there is more to show, but not in so many lines.
[ "$(wc -l <"$out")" -le 72 ] || fail "$(wc -l <"$out") lines of 80 columns are no screen"
fits 118 env COLUMNS=118 "$takt" report --report-batches 20
[ "$(wc -l <"$out")" -le 60 ] || fail "$(wc -l <"$out") lines are no screen"

# The check would notice: each of these takes or changes one thing.
spoilt() {
  sed "$1" "$work/report.json" >"$work/spoilt.json"
  cmp -s "$work/report.json" "$work/spoilt.json" && fail "$1 changes nothing"
  run 1 "$report_check" "$work/spoilt.json"
}
for section in counter calibration verdict clock_sources clock_events tick slack vdso cost recommendation; do
  spoilt "s/^  \"$section\": {/  \"x\": {/"
done
spoilt '1,/"median_ns"/s/"median_ns": [^,]*/"median_ns": null/'
spoilt '1,/"median_ns"/s/"median_ns": [^,]*/"median_ns": -1.0/'
spoilt '1,/"p99_ns"/s/"p99_ns": [^,]*/"p99_ns": 0.0/'
spoilt 's/"samples_used": [^,]*/"samples_used": -1/'
spoilt 's/"uncertainty_ppm": [^,]*/"uncertainty_ppm": "small"/'
spoilt 's/"clock": "takt::tsc_clock"/"clock": "takt::other_clock"/'
spoilt 's/"hz": [^,]*/"hz": 0.0/'
if ! grep -q '"timer_interrupts_total_per_second": null' "$work/report.json"; then
  spoilt 's/"timer_interrupts_total_per_second": \([0-9]*\)/"timer_interrupts_total_per_second": 7\1/'
  spoilt 's/"timer_interrupts_counted_s": [^,]*/"timer_interrupts_counted_s": -1.0/'
fi
spoilt 's/"current": "[^"]*"/"current": "no_such_source"/'
spoilt 's/"counter_trusted": \([a-z]*\)/"counter_trusted": "\1"/'
spoilt 's/"recommended_road": "[^"]*"/"recommended_road": "sundial"/'
spoilt '$d'

wrong_usage report --report-batches 0
wrong_usage report --interval 1s
start report --report-batches 100000000 --json
stopped INT
json /cost/rows/0/median_ns >/dev/null

if can_be_nobody; then
  run 0 as_nobody "$takt" report --report-batches 20 --json
  cp "$out" "$work/report.json"
  run 0 "$report_check" "$work/report.json"
else
  skip 'without privileges: cannot run the tool as another user'
fi
finish
