# takt simulate: the same seed gives the same figures and pictures, no rule beats the planner, errors name the line of a
# hostile file, and however it is stopped it prints what it has.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/picture.sh"
every simulate --machine 3x2 --seeds 2 --length 2s
for question in '--machine 3x2 --length 2s' '--fleet 20x2 --length 5s'; do concludes simulate $question; done
for question in '--machine 3x2 --length 2s' '--seeds 1' '--fleet 20x2 --length 5s'; do
  run 0 "$facts" simulate $question --details
  ! grep 'on the screen alone: ' "$out" >&2 || fail "a detail that programs do not get: $question"
  # The conclusion comes first and is short; the rest stands behind --details.
  done_by simulate $question
  grep -n -m1 '^$' "$out" | grep -q '^[234]:' || fail "a conclusion of more than three lines: $question"
  ! grep -q '^The simulation' "$out" || fail "details that were not asked for: $question"
  cp "$out" "$work/short"
  done_by simulate $question --details
  says '^The simulation'
  says '^  seed '
  same "the conclusion with details: $question" "$(sed '/^$/q' "$out")" "$(sed '/^$/q' "$work/short")"
done

# All kinds of machines, drawn once each.
policies=$(seq -s' ' 0 19) drawn='0 1 2 4 6 7 8 9 10 11 12 13 15 17 18 19' # the picture keeps to 1, 2 and 8 CPUs
done_by simulate --seeds 1 --json --svg "$work/kinds.svg"
cp "$out" "$work/first"
same 'kinds of machines' "$(json /simulation/kinds)" 72
same machines "$(json /simulation/machines)" 72
same 'run to the end' "$(json /simulation/whole)" true
same policies "$(for i in $policies; do json /policies/rows/$i/policy; done | paste -sd' ')" \
  "plain kernel_1 kernel_2 kernel_4 kernel_8 kernel_16 tens systemd latest first_of_rung last_of_rung decimal joined_1 \
joined_2 joined_4 joined_8 joined_16 binary both_ladders planner"
for i in $policies; do
  json /policies/rows/$i/best /policies/rows/$i/mean /policies/rows/$i/worst |
    paste -sd' ' | awk '$1 < 1 || $2 < $1 || $3 < $2 { exit 1 }' || fail "policy $i beats the planner, or its mean is none"
done
for pointer in mean worst best; do
  same "the kernel's $pointer on one CPU" "$(json /policies/rows/1/$pointer)" 1.0
done
# The kernel's slack by the number of CPUs: to the end of the window it gets worse with each; to the roundest point it is
# hardly worse than the grid alone on any number. The figures are those of the policies; real-time threads have no slack.
same 'numbers of CPUs' "$(for i in 0 1 2 3 4 5; do json /slack/rows/$i/cpus; done | paste -sd' ')" '1 2 4 8 16 null'
for i in 0 1 2 3 4; do
  for way in to_end to_roundest; do json /slack/rows/$i/${way}_mean; done
  json /policies/rows/$((i + 1))/mean /policies/rows/$((i + 12))/mean /policies/rows/11/mean
done | paste -d' ' - - - - - >"$work/slack"
awk '$1 != $3 || $2 != $4 || $2 > $5 * 1.005 || $1 < end || $2 < point { exit 1 } { end = $1; point = $2 }
  NR > 2 && $2 > $1 { exit 1 }' "$work/slack" || fail "the kernel's slack: $(paste -sd';' "$work/slack")"
same 'real-time threads' "$(json /slack/rows/5/to_end_worst /slack/rows/5/to_roundest_worst | paste -sd' ')" \
  "$(json /policies/rows/0/worst /policies/rows/11/worst | paste -sd' ')"
# Where every process has one timer, no common rule that does not talk beats the best one by more than chance.
same 'rules of single timers' "$(for i in 0 1 2 3; do json /single_timers/rows/$i/policy; done | paste -sd' ')" \
  'best_common decimal binary latest'
json /single_timers/rows/0/mean /single_timers/rows/1/mean /single_timers/rows/2/mean /single_timers/rows/3/mean |
  paste -sd' ' | awk '$1 < 1 || $2 < $1 * 0.99 || $3 < $1 * 0.99 || $4 < $2 * 1.5 { exit 1 }' || fail 'the best rule is not the best'
picture "$work/kinds.svg" 'simulate --seed 1 --seeds 1$'
axis "$work/kinds.svg" 'multiple of the fewest possible (logarithmic)$'
words "$work/kinds.svg" figure >"$work/figures"
for i in $drawn; do
  json /policies/rows/$i/mean /policies/rows/$i/worst | paste -sd' ' | awk '{ printf "mean %.2f, worst %.2f\n", $1, $2 }'
done >"$work/wanted"
cmp -s "$work/figures" "$work/wanted" || fail "the picture's figures are not those of the table"
# One logarithmic scale: from the left edge at 18, means lie in proportion to their logarithms.
sed -n 's/^<circle class="orange" cx="\([0-9.]*\)".*/\1/p' "$work/kinds.svg" | sed 1d >"$work/dots" # the first is the legend's
for i in $drawn; do json /policies/rows/$i/mean; done | paste -d' ' "$work/dots" - |
  awk '$2 > 1.2 { print $1 - 18, log($2) }' >"$work/bars"
in_proportion "$work/bars"
undated "$work/kinds.svg" >"$work/kinds.first"
done_by simulate --seeds 1 --json --svg "$work/kinds.svg"
undated "$work/kinds.svg" | cmp -s - "$work/kinds.first" || fail 'the same seed, and another picture'
cmp -s "$out" "$work/first" || fail 'the same seed, and other figures'
done_by simulate --seeds 1 --seed 2 --json
! cmp -s "$out" "$work/first" || fail 'another seed, and the same figures'

# One machine, a fleet.
done_by simulate --machine 8x4 --seeds 1 --details
says '^  roundest, decimal: takt  *[0-9]'
says '^  process 8 '
says '^roundest, decimal'
done_by simulate --machine 8x4 --seeds 1 --json --svg "$work/machine.svg"
picture "$work/machine.svg" 'simulate --machine 8x4 '
axis "$work/machine.svg" '^wake-ups of the machine per second'
axis "$work/machine.svg" '^time since the start of the run (ms)$'
same 'panels in the picture' "$(words "$work/machine.svg" panel | wc -l)" 5
words "$work/machine.svg" figure >"$work/figures"
for i in 0 4 8 11 19; do
  json /policies/rows/$i/per_second /policies/rows/$i/mean | paste -sd' ' |
    awk -v i=$i '{ printf i < 19 ? "%.1f per second, %.2f x the fewest\n" : "%.1f per second\n", $1, $2 }'
done >"$work/wanted"
cmp -s "$work/figures" "$work/wanted" || fail "the picture says $(paste -sd';' "$work/figures"), not $(paste -sd';' "$work/wanted")"
same 'length in whole nanoseconds' "$(json /simulation/length_ns)" 60000000000
done_by simulate --machine 20x1 --seeds 1 --uniform --periods 100ms-200ms --slack-share 100 --length 5s --json
same 'periods' "$(json /simulation/period_ns)" '[100000000,200000000]'
done_by simulate --fleet 100x5x2 --json --svg "$work/fleet.svg"
same 'machines of the fleet' "$(json /simulation/machines)" 100
json /policies/rows/4/phase /policies/rows/4/peak /policies/rows/5/phase /policies/rows/5/peak | paste -sd' ' |
  awk '!($1 == "false" && $3 == "true" && $2 > 3 * $4) { exit 1 }' || fail 'a phase does not take the machines apart'
picture "$work/fleet.svg" 'simulate --fleet 100x5x2 '
axis "$work/fleet.svg" '^height: requests in a moment of 1 ms, on the same scale in all rows$'
axis "$work/fleet.svg" '^time (s)$'
words "$work/fleet.svg" figure | sed 's/^at most //; s/ in 1 ms$//; s/ //g' >"$work/figures"
for i in 0 1 2 3 4 5 6 7; do json /policies/rows/$i/peak; done >"$work/peaks"
cmp -s "$work/figures" "$work/peaks" || fail "the picture says $(paste -sd' ' "$work/figures"), not $(paste -sd' ' "$work/peaks")"
# The height of a row's highest moment, from "Mx bottomVtop...", is to its number what it is in all rows.
sed -n 's/^<path class="[a-z]*" d="M[0-9.]* \([^h]*h.*\)z"\/>$/\1/p' "$work/fleet.svg" | tr 'h' ' ' |
  awk '{ split($0, part, "V"); bottom = part[1] + 0; top = bottom
         for (i in part) if (i > 1 && part[i] + 0 < top) top = part[i] + 0
         print bottom - top }' | paste -d' ' - "$work/peaks" | awk '$1 > 4' >"$work/bars" # a low one has a minimum height
in_proportion "$work/bars"
done_by simulate --fleet 10 --length 1s --phase 1s --clock-error 0s --together 10ms

# Windows from a file.
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
