# takt report: every section is there, in both forms, and what is in it can be true.
. "$(dirname "$0")/common.sh"
every report --repetitions 2
concludes report --repetitions 2

done_by report --repetitions 100 --json
cp "$out" "$work/report.json"
run 0 "$report_check" "$work/report.json"
done_by report --repetitions 20
# On one screen, the conclusion first: 40 lines of 80 columns, and no fewer facts than the sections have names.
[ "$(wc -l <"$out")" -le 40 ] || fail "$(wc -l <"$out") lines of 80 columns are no screen"
sed -n 1p "$out" | grep -q '^The counter can' || fail 'it does not begin with the verdict'
same 'what follows the verdict' "$(awk 'NF == 0 { getline; print $1; exit }' "$out")" Recommendation
for title in Counter Calibration Verdict 'Clock sources' 'Clock event' Tick 'Timer slack' vDSO Cost Recommendation; do says "^$title"; done

fits 118 env COLUMNS=118 "$takt" report --repetitions 20
[ "$(wc -l <"$out")" -le 40 ] || fail "$(wc -l <"$out") lines are no screen"
says '^More with --details'
# Everything, with its sources: each clock, and whatever JSON has.
done_by report --repetitions 20 --details
for text in '\[CPUID\|\[the architecture' '\[sysfs current_clocksource\]' '^PROCESS_CPUTIME_ID' '^takt  *version' '^BOOTTIME'; do says "$text"; done
! grep -q 'More with' "$out" || fail 'more than the details'
awk 'length > 80 { exit 1 }' "$out" || fail 'details wider than 80 columns'

# The check would notice: each of these takes or changes one thing.
damaged() {
  sed "$1" "$work/report.json" >"$work/damaged.json"
  cmp -s "$work/report.json" "$work/damaged.json" && fail "$1 changes nothing"
  run 1 "$report_check" "$work/damaged.json"
}
for section in counter calibration verdict clock_sources clock_events tick slack vdso cost recommendation; do
  damaged "s/^  \"$section\": {/  \"x\": {/"
done
damaged '1,/"median_ps"/s/"median_ps": [^,]*/"median_ps": null/'
damaged '1,/"median_ps"/s/"median_ps": [^,]*/"median_ps": -1.0/'
damaged '1,/"p99_ps"/s/"p99_ps": [^,]*/"p99_ps": 0.0/'
damaged 's/"samples_used": [^,]*/"samples_used": -1/'
damaged 's/"uncertainty_ppm": [^,]*/"uncertainty_ppm": "small"/'
damaged 's/"clock": "takt::tsc_clock"/"clock": "takt::other_clock"/'
damaged 's/"hz": [^,]*/"hz": 0.0/'
if ! grep -q '"timer_interrupts_total_per_second": null' "$work/report.json"; then
  damaged 's/"timer_interrupts_total_per_second": \([0-9]*\)/"timer_interrupts_total_per_second": 7\1/'
  damaged 's/"timer_interrupts_counted_s": [^,]*/"timer_interrupts_counted_s": -1.0/'
fi
damaged 's/"current": "[^"]*"/"current": "no_such_source"/'
damaged 's/"counter_trusted": \([a-z]*\)/"counter_trusted": "\1"/'
damaged 's/"recommended_path": "[^"]*"/"recommended_path": "sundial"/'
damaged '$d'

wrong_usage report --repetitions 0
wrong_usage report --interval 1s
start report --repetitions 100000000 --json
stopped INT
json /cost/rows/0/median_ps >/dev/null

if can_be_nobody; then
  run 0 as_nobody "$takt" report --repetitions 20 --json
  cp "$out" "$work/report.json"
  run 0 "$report_check" "$work/report.json"
else
  skip 'without privileges: cannot run the tool as another user'
fi
finish
