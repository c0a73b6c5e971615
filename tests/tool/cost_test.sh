# takt cost: the paths that were asked for, and what it has when it is stopped.
. "$(dirname "$0")/common.sh"
every cost --repetitions 2
concludes cost --repetitions 2

done_by cost --repetitions 2 --clocks MONOTONIC_RAW,tai --json
same 'clocks' "$(sed -n 's/.*"clock": "\(.*\)".*/\1/p' "$out" | sort -u | paste -sd' ')" 'CLOCK_MONOTONIC_RAW CLOCK_TAI'
same 'no 99th percentile of two' "$(json /cost/rows/0/p99_ps)" null
done_by cost --repetitions 100 --clocks MONOTONIC_RAW --json
json /cost/rows/0/median_ps /cost/rows/0/p99_ps | awk '$1 <= 0 { exit 1 }' || fail 'a read that takes no time'

done_by cost --repetitions 2 --clocks tsc_clock --json
same 'its own clocks' "$(sed -n 's/.*"clock": "\(.*\)".*/\1/p' "$out" | sort -u | paste -sd' ')" 'takt::fast_tsc_clock takt::tsc_clock'
# Each path to the counter is a row of the short table, and goes by that name too.
done_by cost --repetitions 2 --json
if [ "$(json /cost/rows/0/clock)" = counter ]; then
  path=$(json /cost/rows/0/path)
  done_by cost --repetitions 2 --clocks "$(echo "$path" | tr '[:lower:]' '[:upper:]')" --json
  same 'the clock of that path' "$(json /cost/rows/0/path /cost/rows/1/clock | paste -sd' ')" "$path counter"
fi
wrong_usage cost --clocks no_such_clock --repetitions 2
for bad in , ' ' ,,; do wrong_usage cost --clocks "$bad"; done
wrong_usage cost --clocks tai,no_such_clock --repetitions 2
complains no_such_clock
# Before anything is changed, and before permission is checked.
wrong_usage cost --clocks no_such_clock --each-source
complains no_such_clock
for bad in 0 -1 many '' 99999999999; do wrong_usage cost --repetitions "$bad"; done
wrong_usage cost --each-source
complains '--yes-change-this-machine'
wrong_usage cost --select tsc

stops 'json /cost/rows/0/median_ps >/dev/null' cost --repetitions 100000000 --json
if can_be_nobody; then
  run 0 as_nobody "$takt" cost --repetitions 2 --json
  json /cost/rows/0/median_ps >/dev/null
else
  skip 'without privileges: cannot run the tool as another user'
fi
finish
