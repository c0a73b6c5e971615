#!/bin/sh
# wakeup_error.sh PROGRAM [ROUNDS]: the wake-up error at points of a 10 ms grid, with default slack and with 1 ns, beside
# cyclictest (rt-tests) in the same minute. PROGRAM is wakeup_error. The three take turns of 2 s each, so that
# whatever else the machine does falls on all alike; none has a real-time policy.
set -u
program=${1:?usage: wakeup_error.sh PROGRAM [ROUNDS]}
rounds=${2:-10}
sleeps=200 # a turn
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
command -v cyclictest >/dev/null && have_cyclictest=1 || have_cyclictest=0

i=0
while [ "$i" -lt "$rounds" ]; do
  "$program" 0 $sleeps >>"$out/default" || exit 1
  "$program" 1 $sleeps >>"$out/tight" || exit 1
  if [ $have_cyclictest = 1 ]; then
    # -v prints every wake-up, "thread: number: value"; -N in nanoseconds.
    cyclictest -q -v -N -t1 -i 10000 -l $sleeps --default-system 2>/dev/null |
      awk -F: 'NF == 3 && $3 + 0 > 0 { print $3 + 0 }' >>"$out/cyclictest"
  fi
  i=$((i + 1))
done

row() {
  [ -s "$2" ] || { printf '%-34s not installed\n' "$1"; return; }
  sort -n "$2" | awk -v name="$1" '{ v[NR] = $1 } END {
    printf "%-34s %9.1f %9.1f %9.1f %9.1f  %7d\n", name, v[1] / 1e3, v[int((NR + 1) / 2)] / 1e3, v[int(NR * 0.99 + 0.5)] / 1e3, v[NR] / 1e3, NR
  }'
}
printf '%-34s %9s %9s %9s %9s  %7s\n' 'wake-up error in us' least median p99 most sleeps
row 'takt, default slack (50 us)' "$out/default"
row 'takt, slack 1 ns' "$out/tight"
row 'cyclictest, as it comes' "$out/cyclictest"
