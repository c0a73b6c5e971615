# takt sync: bounds for each pair of CPUs that hold together, and wrong lists refused.
. "$(dirname "$0")/common.sh"

for bad in 0 x 0-x 3-1 0,0 1,0 -1 99999999; do wrong_usage sync --cpus "$bad"; done
for bad in 0 -5 many ''; do wrong_usage sync --rounds "$bad"; done
wrong_usage sync --cpu 0-1

if [ "$(nproc)" -lt 2 ]; then
  every sync
  says 'nothing to compare'
  skip 'one CPU: nothing to compare'
  finish
fi
every sync --rounds 100
concludes sync --rounds 100

done_by sync --rounds 500 --json
rows=$(json /sync/pairs)
[ "$rows" -ge 1 ] || fail 'no pair'
least=$(json /sync/rows/0/min_ns) most=$(json /sync/rows/0/max_ns)
if [ "$(json /sync/rows/0/agree)" = true ]; then
  [ "$least" -le 0 ] && [ "$most" -ge 0 ] || fail "agree, but $least to $most"
  same 'there and back' "$(json /sync/rows/0/round_trip_ns)" $((most - least))
fi
first=$(json /sync/rows/0/cpu) other=$(json /sync/rows/0/other)
done_by sync --cpus "$first,$other" --rounds 100 --json
same 'one pair' "$(json /sync/pairs)" 1
could_not sync --cpus "$first,60000" --rounds 100
complains 'CPU 60000 is not online'
finish
