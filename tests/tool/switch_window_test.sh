# takt switch-window: counts what it was asked for, in kinds that add up, and leaves the clock source of this machine alone.
. "$(dirname "$0")/common.sh"
every switch-window --runs 5 --sleep 1ms
concludes switch-window --runs 5 --sleep 1ms
fits 80 env COLUMNS=80 "$takt" switch-window --runs 5 --sleep 1ms --details

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

# All that takt wake records: the stages of each run add up to the whole.
awk '{ sum = 0; line = $0; if (!match(line, /"whole_ns":[0-9]+/)) exit 1; whole = substr(line, RSTART + 11, RLENGTH - 11)
    while (match(line, /"to_[a-z_]*_ns":-?[0-9]+/)) { part = substr(line, RSTART, RLENGTH); sub(/.*:/, "", part); sum += part; line = substr(line, RSTART + RLENGTH) }
    if (sum - whole > 1000 || whole - sum > 1000) exit 1 }' "$work/runs" || fail 'stages that do not add up to the whole'

# A cold reading is no retry. By chance the kernel writes during one of a thousand readings in one run of ten or twenty.
done_by switch-window --runs 1000 --sleep 1ms --json
retried=$(grep -c '"retried":true' "$out")
[ "$retried" -le 3 ] || fail "$retried of 1000 first readings were counted as retries"

wrong_usage switch-window --provoke
complains '--yes-change-this-machine'
for bad in 0 -1 2147483647 many ''; do wrong_usage switch-window --runs "$bad"; done
for bad in 0s -1ms 2h 5; do wrong_usage switch-window --sleep "$bad"; done

stops 'says "Wake-ups with and without"' switch-window --runs 1000000 --sleep 1ms
finish
