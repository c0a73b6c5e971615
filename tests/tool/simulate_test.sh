# takt simulate: the same seed gives the same figures, nobody beats the planner, hostile files name their line, and
# however it is stopped it tells what it has.
. "$(dirname "$0")/common.sh"
every simulate --machine 3x2 --seeds 2 --length 2s

# All kinds of machines, drawn once each.
done_by simulate --seeds 1 --json --svg "$work/kinds.svg"
cp "$out" "$work/first"
same 'kinds of machines' "$(json /simulation/kinds)" 72
same machines "$(json /simulation/machines)" 72
same 'run to the end' "$(json /simulation/whole)" true
same policies "$(for i in 0 1 2 3 4 5 6 7 8 9 10 11 12; do json /policies/rows/$i/policy; done | paste -sd' ')" \
  'plain kernel_1 kernel_2 kernel_8 tens systemd latest first_of_rung last_of_rung decimal binary both_ladders planner'
for i in 0 1 2 3 4 5 6 7 8 9 10 11 12; do
  json /policies/rows/$i/best /policies/rows/$i/mean /policies/rows/$i/worst |
    paste -sd' ' | awk '$1 < 1 || $2 < $1 || $3 < $2 { exit 1 }' || fail "policy $i beats the planner, or its mean is none"
done
for pointer in mean worst best; do
  same "the kernel's $pointer on one CPU" "$(json /policies/rows/1/$pointer)" 1.0
done
[ "$(grep -c '<circle' "$work/kinds.svg")" = 13 ] && tail -n 1 "$work/kinds.svg" | grep -q '^</svg>' || fail 'no SVG of all policies'
done_by simulate --seeds 1 --json
cmp -s "$out" "$work/first" || fail 'the same seed, and other figures'
done_by simulate --seeds 1 --seed 2 --json
! cmp -s "$out" "$work/first" || fail 'another seed, and the same figures'

# One machine, a fleet.
done_by simulate --machine 8x4 --seeds 1 --svg "$work/machine.svg"
says '^  roundest, decimal: takt  *[0-9]'
says '^  process 8 '
says '^roundest, decimal'
same 'panels in the picture' "$(grep -c 'class="h"' "$work/machine.svg")" 5
done_by simulate --machine 20x1 --seeds 1 --uniform --periods 100ms-200ms --slack-share 100 --length 5s --json
same 'periods' "$(json /simulation/period_ns)" '[100000000,200000000]'
done_by simulate --fleet 100x5x2 --json --svg "$work/fleet.svg"
same 'machines of the fleet' "$(json /simulation/machines)" 100
json /policies/rows/4/phase /policies/rows/4/peak /policies/rows/5/phase /policies/rows/5/peak | paste -sd' ' |
  awk '!($1 == "false" && $3 == "true" && $2 > 3 * $4) { exit 1 }' || fail 'a phase does not take the machines apart'
grep -q 'peak' "$work/fleet.svg" || fail 'no SVG of the fleet'
done_by simulate --fleet 10 --length 1s --phase 1s --clock-error 0s --together 10ms

# Windows that somebody wrote down.
printf '# two that can meet, one that cannot\n0 1000000 1900000\n1 1500000 2500000\r\n\n1 5000000 5000000\n' >"$work/windows"
done_by simulate --windows "$work/windows" --json --svg "$work/windows.svg"
same windows "$(json /simulation/windows)" 3
same processes "$(json /simulation/processes)" 2
same 'ratio of plain timers' "$(json /policies/rows/0/mean)" 1.5
printf '0 7 7\n' >"$work/windows"
done_by simulate --windows "$work/windows"
refused() { # LINE TEXT
  printf "$2" >"$work/windows"
  could_not simulate --windows "$work/windows"
  complains "line $1 "
}
refused 2 '0 1 2\n0 2 1\n'
refused 1 '0 1\n'
refused 3 '0 1 2\n\n0 1 2 3\n'
refused 1 '0 1 2ms\n'
refused 1 '0 -1 2\n'
refused 2 '# hm\n5000000000 1 2\n'
refused 1 '0 1 99999999999999999999\n'
refused 1 '\0\0\0'
: >"$work/windows"
could_not simulate --windows "$work/windows"
complains 'no window'
could_not simulate --windows "$work/none"
could_not simulate --windows "$work"
could_not simulate --seeds 1 --svg "$work/no/such/directory"
wrong_usage simulate --seeds 1 --svg -

for bad in 8 x 0x1 1x0 1x1x1 axb 1000000x1 ''; do wrong_usage simulate --machine "$bad"; done
for bad in 0 x 1x1x1x1 100001 1000x1000 1x1x1001; do wrong_usage simulate --fleet "$bad"; done
for bad in 1ms 1us-1s 1s-1ms 1s-2s-3s 5-6 1s-2h ''; do
  [ "$bad" = 1ms ] || wrong_usage simulate --machine 1x1 --periods "$bad"
done
wrong_usage simulate --machine 1x1 --fleet 5
wrong_usage simulate --seeds -1
wrong_usage simulate --length 0s
wrong_usage simulate --slack-share 200
wrong_usage simulate --machine 100000x100
wrong_usage simulate --fleet 5 --phase 0s
wrong_usage simulate --fleet 5 --clock-error -1s
wrong_usage simulate --fleet 5 --together 1ns

for question in '' '--machine 8x4' '--fleet 100000 --length 600s'; do
  stops 'same "the run after SIG$signal" "$(json /simulation/whole)" false' simulate --json --seeds 10000 $question
done
finish
