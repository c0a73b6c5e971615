# takt switch-window: counts what it was asked for, in kinds that add up, and leaves the clock source of this machine alone.
. "$(dirname "$0")/common.sh"
every switch-window --runs 5 --sleep 1ms

done_by switch-window --runs 20 --sleep 1ms --json
same 'runs' "$(grep -c '"event":"run"' "$out")" 20
grep '"event":"run"' "$out" >"$work/runs"
same 'numbers' "$("$json_value" /number <"$work/runs" | paste -sd' ')" "$(seq 0 19 | paste -sd' ')"
same 'summary' "$(grep -c '"event":"summary"' "$out")" 1
"$json_value" /latency_ns <"$work/runs" | awk '$1 < 0 { exit 1 }' || fail 'a wake-up before its time'
grep '"event":"summary"' "$out" >"$work/summary"
total=$("$json_value" /switch_window/rows/0/runs /switch_window/rows/1/runs /switch_window/rows/2/runs /switch_window/rows/3/runs <"$work/summary" |
  awk '{ n += $1 } END { print n }')
same 'the kinds of runs together' "$total" 20

wrong_usage switch-window --provoke
complains '--yes-change-this-machine'
for bad in 0 -1 2147483647 many ''; do wrong_usage switch-window --runs "$bad"; done
for bad in 0s -1ms 2h 5; do wrong_usage switch-window --sleep "$bad"; done

stops 'says "Wake-ups with and without"' switch-window --runs 1000000 --sleep 1ms
finish
