# takt report: every section is there, in both forms, and what is in it can be true.
. "$(dirname "$0")/common.sh"
every report --repetitions 2
concludes report --repetitions 2

done_by report --repetitions 100 --json
sound_report
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

wrong_usage report --repetitions 0
wrong_usage report --interval 1s
start report --repetitions 100000000 --json
stopped INT
json /cost/rows/0/median_ps >/dev/null

if can_be_nobody; then
  run 0 as_nobody "$takt" report --repetitions 20 --json
  sound_report
else
  skip 'without privileges: cannot run the tool as another user'
fi
finish
