# takt calibrate: a row for each budget with its error bar, every origin beside the measurement, and what it has when it
# is stopped.
. "$(dirname "$0")/common.sh"
every calibrate --longest-budget 200us --each-budget 1
concludes calibrate --longest-budget 200us --each-budget 1

done_by calibrate --longest-budget 5ms --each-budget 2
says '|-*\*-*|'
says '^  *measured '
says '+/- ppm'
done_by calibrate --longest-budget 5ms --each-budget 2 --json
same 'budgets' "$(json /convergence/rows | tr '{' '\n' | sed -n 's/.*"budget_ns":\([0-9]*\).*/\1/p' | paste -sd' ')" \
  '100000 200000 500000 1000000 2000000 5000000'
json /calibration/hertz /calibration/uncertainty_ppm /convergence/rows/5/hertz /convergence/rows/5/uncertainty_ppm |
  awk '$1 <= 0 { exit 1 }' || fail 'a calibration of nothing'
same 'the measurement' "$(json /origins/rows/0/origin)" measured
# An origin has a rate or the reason why it has none, and is judged if it has one.
json /origins/rows | tr '{' '\n' | grep '"origin"' | grep -v '"measured"' | while read -r row; do
  case $row in
  *'"unavailable":null'*'"raw_hertz":null'* | *'"raw_hertz":null'*'"unavailable":null'*) echo "neither: $row" ;;
  esac
done >"$work/neither"
[ ! -s "$work/neither" ] || fail "$(cat "$work/neither")"
known=$(json /origins/known) agree=$(json /origins/agree)
[ "$agree" -le "$known" ] || fail "$agree of $known origins agree"
grep -q '|-' "$out" && fail 'a picture in what programs read'

# Only a user that is not root has a place of its own for an anchor; a relative one is none, and is named as such.
if can_be_nobody; then
  export XDG_RUNTIME_DIR=relative
  run 0 as_nobody "$takt" calibrate --longest-budget 1ms --each-budget 1
  if grep -q 'shared anchor: /run/takt.anchor: ' "$out"; then
    tr '\n' ' ' <"$out" | tr -s ' ' >"$work/line"
    grep -q 'XDG_RUNTIME_DIR is not an absolute path' "$work/line" || fail 'a relative XDG_RUNTIME_DIR is not named'
  fi
  unset XDG_RUNTIME_DIR
fi
for bad in 0s 1us 11s -1ms 5; do wrong_usage calibrate --longest-budget "$bad"; done
for bad in 0 -1 many; do wrong_usage calibrate --each-budget "$bad"; done
wrong_usage calibrate --budget 5ms
# The shortest budgets may fail on a busy machine; in a second all are tried.
stop_after=1
stops 'json /convergence/rows/0/budget_ns /origins/rows/0/hertz >/dev/null' calibrate --longest-budget 100ms --each-budget 100000 --json
if can_be_nobody; then
  run 0 as_nobody "$takt" calibrate --longest-budget 1ms --each-budget 1 --json
  json /origins/rows/0/hertz >/dev/null
fi
finish
