# takt align: no early wake-ups, consistent figures, a picture of them, and no process left behind however it ends.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/picture.sh"
if ! "$takt" irq --count 1 --interval 1ms >"$out" 2>"$err"; then
  skip_all "timer interrupts: $(cat "$err")"
fi
brief='--processes 3 --threads 2 --each 300ms --shortest 5ms --longest 50ms'
every align $brief
concludes align $brief
run 0 "$facts" align $brief --details
! grep 'on the screen alone: ' "$out" >&2 || fail 'a detail that programs do not get'

done_by align $brief --json --svg "$work/align.svg"
for section in wake_ups quiet lateness beyond; do
  same "policies in $section" "$(for i in 0 1 2 3; do json /$section/rows/$i/policy; done | paste -sd' ')" 'plain slack aligned both'
done
for i in 0 1 2 3; do
  same "early wake-ups of policy $i" "$(json /lateness/rows/$i/early)" 0
  json /wake_ups/rows/$i/programmed_ratio /wake_ups/rows/$i/sleeps_per_second |
    paste -sd' ' | awk '$1 < 1 || $2 <= 0 { exit 1 }' || fail "policy $i does better than the planner, or sleeps never"
done
# Plain sleeping asks for due, the other ways for their windows.
for i in 1 2 3; do same "lateness of policy $i" "$(json /beyond/rows/$i/asked_max_ns)" "$(json /beyond/rows/$i/window_max_ns)"; done
json /beyond/rows/0/asked_max_ns /lateness/rows/0/expiry_max_ns | paste -sd' ' |
  awk '$1 < $2 { exit 1 }' || fail 'plain sleeping was later after its expiry than after due'
for policy in plain slack aligned both; do
  sum=0
  for bin in 0 1 2 3 4 5 6 7 8 9; do sum="$sum + $(json /phase/rows/$bin/$policy)"; done
  awk "BEGIN { s = $sum; exit !(s > 0.999 && s < 1.001) }" || fail "the phases of $policy are not all of them"
done

# The conclusion comes first, with numbers that programs get too.
same 'rows of the result' "$(for i in 0 1 2 3 4; do json /result/rows/$i/policy; done | paste -sd' ')" \
  'plain slack aligned both planner'
same 'the fewest wake-ups' "$(json /result/rows/4/per_second)" "$(json /wake_ups/rows/0/planner_clusters_per_second)"
json /result/rows/0/per_second /result/rows/3/per_second /result/saved_by_grid_per_second | paste -sd' ' |
  awk '{ d = $1 - $2 - $3; exit !(d < 1e-6 && d > -1e-6) }' || fail 'what the grid saves is not the difference'
json /headline | grep -q 'wake-ups a second\|^The grid saves no wake-ups here: ' || fail 'no headline' # the second on a busy machine
json /headline | grep -q 'Other programs used [0-9.]* % of the CPU: ' || fail 'the headline does not say how busy the machine was'
same 'parts of the experiment' "$(for i in 0 1 2 3 4 5; do json /load/rows/$i/run; done | paste -sd' ')" \
  'idle before plain slack aligned both idle after'
json /load/others_share /load/rows/1/others_share | awk '!($1 >= 0 && $1 <= 1) { exit 1 }' || fail 'no share of CPU time'
for time in /experiment/each_ns /experiment/period_ns/0 /result/rows/0/late_p99_ns /quiet/rows/0/median_ns \
  /result/together_ns; do
  json $time | grep -q '^[0-9]*$' || fail "$time is not a whole number of nanoseconds"
done

# By the number of CPUs, calculated from the same windows: the planner is not beaten, and one CPU with slack is the planner.
same 'numbers of CPUs' "$(for i in 0 1 2 3 4 5; do json /slack/rows/$i/cpus; done | paste -sd' ')" '1 2 4 8 16 null'
same 'slack on one CPU' "$(json /slack/rows/0/to_end_ratio)" 1.0
same 'the fewest expiries' "$(json /slack/rows/0/to_end_per_second)" "$(json /wake_ups/rows/0/planner_per_second)"
for i in 0 1 2 3 4 5; do
  json /slack/rows/$i/to_end_ratio /slack/rows/$i/to_roundest_ratio | awk '$1 < 1 { exit 1 }' || fail "CPUs in row $i of the slack"
done

# The picture shows the same figures, all on one scale.
picture "$work/align.svg" 'align --processes 3 --threads 2 --each 300ms '
words "$work/align.svg" note | paste -sd' ' | grep -q ' CPUs\{0,1\}, Linux [0-9].*; other programs used .* of the CPU time' || fail 'no machine in the picture'
words "$work/align.svg" legend | grep -q '500 us count as one' || fail 'nothing says what is one wake-up'
axis "$work/align.svg" '^wake-ups of the machine per second'
axis "$work/align.svg" '^time since the start of the run (ms)$'
words "$work/align.svg" figure >"$work/figures"
for i in 0 1 2 3 4; do
  json /result/rows/$i/per_second /result/rows/$i/to_planner | paste -sd' ' |
    awk -v i=$i '{ printf i < 4 ? "%.1f per second, %.2f x the fewest\n" : "%.1f per second\n", $1, $2 }'
done >"$work/wanted"
cmp -s "$work/figures" "$work/wanted" || fail "the picture says $(paste -sd';' "$work/figures"), not $(paste -sd';' "$work/wanted")"
sed -n 's/^<rect class="[a-z]*" .* width="\([0-9.]*\)" height="12.0"\/>$/\1/p' "$work/align.svg" >"$work/lengths"
for i in 0 1 2 3 4; do json /result/rows/$i/per_second; done | paste -d' ' "$work/lengths" - >"$work/bars"
in_proportion "$work/bars"
same 'the planner serves the same windows in all four ways' "$(for i in 0 1 2 3; do json /wake_ups/rows/$i/planner_per_second; done | sort -u | wc -l)" 1
same 'panels in the picture' "$(words "$work/align.svg" panel | wc -l)" 4
same 'rows in the picture' "$(grep -c '<path' "$work/align.svg")" 16

done_by align $brief
for policy in plain slack aligned both planner; do says "^  $policy "; done
grep -n -m1 '^$' "$out" | grep -q '^[234]:' || fail 'a conclusion of more than three lines'
! grep -q 'idle before\|process 3' "$out" || fail 'details that were not asked for'
[ "$(wc -l <"$out")" -le 16 ] || fail 'more than a few lines without --details'
done_by align $brief --details
for policy in plain slack aligned both 'idle before' 'idle after'; do says "^  $policy "; done
says '^Wake-ups in the first 300 ms'
says ' the machine '
says ' process 3 '

could_not align $brief --svg "$work/no/such/directory"
wrong_usage align --processes 0
wrong_usage align --threads 1001
wrong_usage align --each 1ms
wrong_usage align --shortest 1us
wrong_usage align --shortest 1s --longest 10ms
wrong_usage align --slack-share 50-10
wrong_usage align --slack-share much
wrong_usage align --slack-share 101
wrong_usage align --phase-grid 0s
wrong_usage align --real-time batch
wrong_usage align --processes 1000 --threads 5
wrong_usage align --shortest 1h --longest 1h --each 100ms
wrong_usage align --processes 1000 --threads 4 --shortest 100us --longest 100us --each 1h

# However it is asked to stop, it stops with what it has and ends its processes.
children() { cat "/proc/$tool/task/$tool/children" 2>/dev/null; }
has_children() { [ -n "$(children)" ]; }
gone() {
  for pid in $1; do
    # A process that took the number of another is not one of ours.
    ! grep -q '^State:.[^ZX]' "/proc/$pid/status" 2>/dev/null || ! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q align || return 1
  done
}
for signal in INT TERM HUP; do
  start align --processes 3 --each 1s --json
  until_true has_children
  family=$(children)
  stopped $signal
  same "the run after SIG$signal" "$(json /experiment/whole)" false
  until_true gone "$family"
done
# Stopped before the first run: there is nothing to draw, and no heading for it.
start align --processes 3 --each 1s --details
stopped INT
says '^Stopped before all four runs'
! grep -q '^Wake-ups in the first' "$out" || fail 'the heading of an empty picture'
echo 'what was there' >"$work/kept.svg"
start align --processes 3 --each 1s --svg "$work/kept.svg"
until_true has_children
family=$(children)
kill -KILL $tool
wait $tool 2>/dev/null
until_true gone "$family"
same 'a picture that was not drawn anew' "$(cat "$work/kept.svg")" 'what was there'

# A process that dies is noticed, whether before it begins or while it runs.
start align --processes 3 --each 1s --json
until_true has_children
sleep 0.5
victim=$(children | cut -d' ' -f1)
if grep -q '^State:.[RSD]' "/proc/$victim/status" 2>/dev/null && kill -KILL "$victim"; then
  wait $tool
  case $? in
  0) same 'the run that lost a process' "$(json /experiment/whole)" false ;;
  1) complains 'threads were ready in time' ;;
  *) fail 'a process that died ended the tool in a way of its own' ;;
  esac
else
  wait $tool # it had come to its end
fi
finish
