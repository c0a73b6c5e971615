# takt watch: it watches as long as it was asked to, says what it saw, and stops with that when it is asked to.
# Its reports of events are tested in tests/guest/, where events can be provoked.
. "$(dirname "$0")/common.sh"
every watch --for 30ms --period 5ms

done_by watch --for 300ms --period 10ms --json
tail -n 1 "$out" >"$work/summary"
same 'the last line' "$("$json_value" /event <"$work/summary")" summary
samples=$("$json_value" /watch/samples <"$work/summary")
[ "$samples" -ge 3 ] && [ "$samples" -le 40 ] || fail "$samples samples in 300 ms of a period of 10 ms"
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

# It ends when its output has no reader any more, although there is no event.
began=$(date +%s)
timeout 20 "$takt" watch --period 1h 2>"$err" | head -n 1 >"$out"
says '^Watching the clocks'
[ $(($(date +%s) - began)) -lt 10 ] || fail 'watch | head -n 1 does not end'
timeout 20 "$takt" irq --interval 1h | head -n 1 >"$out"
[ $(($(date +%s) - began)) -lt 15 ] || fail 'irq | head -n 1 does not end'

# So do commands that are busy, and print at their end.
if "$takt" switch-window --runs 1 >/dev/null 2>&1; then busy='switch-window --runs 1000000'; else busy=; fi
for command in "cost --repetitions 10000000" "report --repetitions 10000000" "drift --for 1h" "align --each 1h" "$busy"; do
  [ -n "$command" ] || continue
  began=$(date +%s)
  timeout 60 "$takt" $command 2>/dev/null | true
  [ $(($(date +%s) - began)) -lt 30 ] || fail "$command | true does not end"
done

stops 'says "^What happened to the clocks"' watch --period 10ms
stops 'same "the last line after SIG$signal" "$(json /event | tail -n 1)" summary' watch --period 1h --json

for bad in 0s -1s 999us 1 soon ''; do wrong_usage watch --period "$bad"; done
for bad in 0s -1s 5 ''; do wrong_usage watch --for "$bad"; done
finish
