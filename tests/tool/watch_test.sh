# takt watch: it watches as long as it was asked to, says what it saw, and stops with that when it is asked to.
# What it tells of events is tested where they can be made to happen, in tests/guest/.
. "$(dirname "$0")/common.sh"
every watch --for 30ms --period 5ms

done_by watch --for 300ms --period 10ms --json
tail -n 1 "$out" >"$work/summary"
same 'the last line' "$("$json_value" /event <"$work/summary")" summary
looks=$("$json_value" /watch/looks <"$work/summary")
[ "$looks" -ge 3 ] && [ "$looks" -le 40 ] || fail "$looks looks in 300 ms of a period of 10 ms"
watched=$("$json_value" /watch/watched_ns <"$work/summary")
awk -v ns="$watched" 'BEGIN { exit !(ns >= 300e6) }' || fail 'it ends before its time'
"$json_value" /watch/half_width_ns /watch/widest_ns <"$work/summary" | awk '$1 <= 0 { exit 1 }' || fail 'readings that took no time'
# Each line is an event with its sentence.
lines=$(wc -l <"$out")
same 'events counted' "$("$json_value" /watch/events <"$work/summary")" $((lines - 1))

done_by watch --for 20ms
says '^Watching the clocks'
says '^What happened to the clocks'
says ' events *[0-9]'

stops 'says "^What happened to the clocks"' watch --period 10ms
stops 'same "the last line after SIG$signal" "$(json /event | tail -n 1)" summary' watch --period 1h --json

for bad in 0s -1s 999us 1 soon ''; do wrong_usage watch --period "$bad"; done
for bad in 0s -1s 5 ''; do wrong_usage watch --for "$bad"; done
finish
