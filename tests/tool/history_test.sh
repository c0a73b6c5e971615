# takt history: the conclusion first; steps, times without synchronisation and gaps as the lines have them; broken lines are
# counted and passed over, and nothing else is lost. Its arithmetic is tested in tests/unit/watch_history_test.cpp.
. "$(dirname "$0")/common.sh"
# line EVENT UP REALTIME MORE: a line of a log; times in seconds, from boot and from a midnight.
midnight=1795996800 boot=a pid=1
line() {
  printf '{"takt":1,"event":"%s","realtime_ns":%d000000000,"monotonic_ns":%d000000000,"boottime_ns":%d000000000,"half_width_ns":200,"boot":"%s","pid":%d%s}\n' \
    "$1" $((midnight + $3)) "$2" "$2" "$boot" "$pid" "${4:-}"
}
yes=',"synchronised":true,"maximum_error_ns":5000000' no=',"synchronised":false'
state=',"period_ns":1000000000,"state_every_ns":36000000000000'
{
  line start 100 0 "$yes$state"
  line state 3700 3600 "$yes"
  line 'synchronisation lost' 3800 3700 "$no"
  line step 7400 3700 "$no,\"size_ns\":-3600000000123,\"uncertainty_ns\":240,\"text\":\"CLOCK_REALTIME was set by -3600.000000123 s +/- 240 ns\""
  line synchronised 11180 7480 "$yes"
  line 'clock source switched' 11200 7500 "$yes,\"from\":\"tsc\",\"to\":\"hpet\""
  line end 14800 11100 "$yes,\"why\":\"it was asked to stop\""
} >"$work/log.1"
{
  pid=2
  line start 15400 11700 "$yes$state"
  line slew 15500 11800 "$yes,\"rate_ppm\":11.6"
  line state 19000 15300 "$yes"
} >"$work/log"

takes_files=yes
every history "$work/log.1" "$work/log"
concludes history "$work/log" "$work/log.1"

done_by history "$work/log.1" "$work/log"
same 'the conclusion' "$(sed -n '1,/^$/p' "$out" | paste -sd' ')" "The clock was stepped once, by -3600 s, found at 2026-11-30 01:01:40 UTC. It was unsynchronised for 2 h 3 min. Watched for 5 h 5 min, with a gap of 10 min. "
says '^  2026-11-30 01:01:40  step  *-3600 s +/- 240 ns$'
says 'clock source switched  *tsc to hpet$'
says 'slew  *+11.60 ppm$'
says '2 h 3 min$'
says '10 min  *not  *ended: it was asked to stop$'
cp "$out" "$work/screen"
done_by history "$work/log" "$work/log.1"
cmp -s "$out" "$work/screen" || fail 'the order of the files matters'
cat "$work/log.1" "$work/log" | "$takt" history - >"$out" 2>"$err" || fail 'not from standard input'
grep -v '^  files' "$out" >"$work/a" && grep -v '^  files' "$work/screen" | cmp -s - "$work/a" || fail 'standard input is read otherwise'
done_by history -- "$work/log.1" "$work/log"
cmp -s "$out" "$work/screen" || fail 'files behind -- are read otherwise'

done_by history --json "$work/log.1" "$work/log"
for pair in steps:1 largest_step_ns:-3600000000123 unsynchronised_ns:7380000000000 watched_ns:18300000000000 not_watched_ns:600000000000 \
  gaps:1 boots:1 broken:0 repeated:0 maximum_error_ns:5000000 lines:10 'events/step:1' lost:0; do
  same "${pair%:*}" "$(json "/history/${pair%:*}")" "${pair#*:}"
done
same 'the event' "$(json /what_happened/rows/1/text)" 'CLOCK_REALTIME was set by -3600.000000123 s +/- 240 ns'
same 'the gap' "$(json /not_watched/rows/0/length_ns /not_watched/rows/0/ended | paste -sd' ')" '600000000000 ended: it was asked to stop'

# A part of the time.
done_by history --since 2026-11-30T00:00 --until '2026-11-30 00:30' --json "$work/log.1"
same 'half an hour' "$(json /history/watched_ns /history/steps /history/unsynchronised_ns | paste -sd' ')" '1800000000000 0 0'
done_by history --since 2026-11-30T02:30:00.5Z --json "$work/log.1" "$work/log"
same 'from half past two' "$(json /history/steps /history/events | paste -sd' ')" '0 {"slew":1}'
done_by history --since 2026-11-29 --until 2026-12-01 --json "$work/log.1"
same 'the whole day' "$(json /history/steps)" 1
done_by history --until 876000h "$work/log"
says 'Nothing is known of this time'
wrong_usage history --since 1h --until 2h "$work/log"
complains 'after --until'
for bad in x 2026-13-01 2026-11-30T25:00 -1h 12 9999-01-01 yesterday; do wrong_usage history --since "$bad" "$work/log"; done

# A step that came while no watch ran.
{
  line start 100 0 "$yes$state"
  line end 200 100 "$yes"
  pid=2
  line start 260 660 "$yes$state"
  line end 300 700 "$yes"
} >"$work/gap"
done_by history "$work/gap"
says 'stepped once, by +500 s'
says 'of these while not watched *1 '
# A log of now, and what ran.
done_by watch --for 100ms --period 10ms --log "$work/now"
done_by history --since 1h --json "$work/now"
same 'boots of now' "$(json /history/boots)" 1
watched=$(json /history/watched_ns)
[ "$watched" -ge 90000000 ] || fail "$watched ns watched in 100 ms"

# Damage: counted, and nothing else lost.
{
  cat "$work/log.1"
  echo 'not a line'
  printf '{"takt":1,"event":"step","realtime_ns":17959'
  cat "$work/log"
  printf '\000\000\000'
  line state 19100 15400 "$yes"
  printf '\033[2J\033]0;x\007\n'
  echo '{"takt":2,"event":"of a newer takt"}'
  pid=2
  line 'a new kind' 19200 15500 ',"from":"\u001b[2J\u0000\u009b","to":"\u202e"'
  cat "$work/log.1"
  printf '{"takt":1,"event":"sta'
} >"$work/damaged"
done_by history --json "$work/damaged"
same 'damage' "$(json /history/broken /history/newer /history/repeated /history/steps | paste -sd' ')" '4 1 7 1'
done_by history "$work/damaged"
says '^  broken  *4 '
same 'no command for the terminal' "$(LC_ALL=C tr -d '\n -~' <"$out" | wc -c)" 0
awk 'length > 80 { exit 1 }' "$out" || fail 'damaged lines make the screen wide'
# A file of many events: the last rows, unless all are wanted.
for i in $(seq 60); do line step $((200 + i)) $((100 + i)) "$yes,\"size_ns\":1000000"; done >"$work/many"
done_by history "$work/many"
[ "$(grep -c ' step ' "$out")" = 20 ] || fail "$(grep -c ' step ' "$out") rows of 60"
says 'More with --details'
done_by history "$work/many" --details
[ "$(grep -c ' step ' "$out")" = 60 ] || fail 'not all rows with --details'

# The screen of the README: of a log that a guest made whose clock was set, see tests/guest/weeks_test.cpp.
readme=$(dirname "$0")/../../examples/takt/README.md
done_by history "$(dirname "$0")/../../examples/takt/night.log"
sed -n '/^\$ takt history night.log$/,/^```$/p' "$readme" | sed '1d;$d' >"$work/readme"
[ -s "$work/readme" ] && cmp "$out" "$work/readme" || fail 'the README shows another screen'

# What is no log.
: >"$work/empty"
for bad in "$work/empty" /bin/sh "$work" "$work/no/such/file"; do could_not history "$bad"; done
could_not history "$work/log" "$work/no/such/file"
echo '{"takt":2}' >"$work/newer"
could_not history "$work/newer"
complains 'newer takt'
wrong_usage history
complains 'a log wanted'
wrong_usage history ''
wrong_usage history -x
finish
