# takt drift: the clock beside the kernel's, left alone and kept; what it has when it is stopped.
. "$(dirname "$0")/common.sh"
if ! "$takt" drift --for 1ms >"$out" 2>"$err" && grep -q 'takt report' "$err"; then
  skip_all "the counter of this machine is not trusted: $(cat "$err")"
fi
every drift --for 20ms
concludes drift --for 20ms

done_by drift --for 300ms --keeper 50ms
for text in 'Left alone' 'Kept every 50 ms' 'a keeper checked' '####'; do says "$text"; done
done_by drift --for 300ms --keeper 50ms --budget 2ms --json
same 'the keeper' "$(json /drift/keeper_period_ns)" 50000000
[ "$(json /drift/keeper_checks)" -ge 1 ] || fail 'the keeper never checked'
json /drift/hertz /drift/uncertainty_ppm | awk '$1 <= 0 { exit 1 }' || fail 'a calibration of nothing'
json /over_time/rows/11/until_s | awk '$1 < 0.3 { exit 1 }' || fail 'it compared for less than was asked'
for clock in left_alone kept; do
  all=$(json /$clock/readings)
  # Every reading stands in one bin, and the bins are as wide as one another.
  bins=$(sed -n "/\"$clock\": {/,/^  }/p" "$out" | sed -n 's/.*"readings": \([0-9]*\).*/\1/p' | tail -n +2 | awk '{ n += $1 } END { print n }')
  same "readings of $clock" "$bins" "$all"
done
grep -q '"bar"\|#' "$out" && fail 'a picture in what programs read'
done_by drift --for 0.0005min
grep -q 'Kept' "$out" && fail 'a keeper without its flag'

for bad in 0s -1s 10 soon min 9000000h; do wrong_usage drift --for "$bad"; done
for bad in 0s 1us -1s fast; do wrong_usage drift --for 10ms --keeper "$bad"; done
for bad in 0s -5ms 5; do wrong_usage drift --for 10ms --budget "$bad"; done
wrong_usage drift --period 1s
stopped_early() {
  json /left_alone/median_ns >/dev/null
  json /drift/seconds | awk '$1 > 100 { exit 1 }' || fail 'it went on'
}
stops stopped_early drift --for 1000s --keeper 1s --json
finish
