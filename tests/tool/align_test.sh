# takt align: nothing early, figures that fit each other, a picture, and nobody left behind however it ends.
. "$(dirname "$0")/common.sh"
if ! "$takt" irq --count 1 --interval 1ms >"$out" 2>"$err"; then
  skip_all "timer interrupts: $(cat "$err")"
fi
brief='--processes 3 --threads 2 --each 300ms --shortest 5ms --longest 50ms'
every align $brief

done_by align $brief --json --svg "$work/align.svg"
for section in wake_ups quiet lateness beyond; do
  same "policies in $section" "$(for i in 0 1 2 3; do json /$section/rows/$i/policy; done | paste -sd' ')" 'plain slack aligned both'
done
for i in 0 1 2 3; do
  same "early wake-ups of policy $i" "$(json /lateness/rows/$i/early)" 0
  json /wake_ups/rows/$i/programmed_ratio /wake_ups/rows/$i/sleeps_per_second |
    paste -sd' ' | awk '$1 < 1 || $2 <= 0 { exit 1 }' || fail "policy $i does better than the planner, or sleeps never"
done
# Who sleeps plainly asked for due, the others for their windows.
for i in 1 2 3; do same "lateness of policy $i" "$(json /beyond/rows/$i/asked_max_ns)" "$(json /beyond/rows/$i/window_max_ns)"; done
json /beyond/rows/0/asked_max_ns /lateness/rows/0/expiry_max_ns | paste -sd' ' |
  awk '$1 < $2 { exit 1 }' || fail 'who slept plainly was later after expiry than after due'
for policy in plain slack aligned both; do
  sum=0
  for bin in 0 1 2 3 4 5 6 7 8 9; do sum="$sum + $(json /phase/rows/$bin/$policy)"; done
  awk "BEGIN { s = $sum; exit !(s > 0.999 && s < 1.001) }" || fail "the phases of $policy are not all of them"
done
head -n 1 "$work/align.svg" | grep -q '^<svg ' && tail -n 1 "$work/align.svg" | grep -q '^</svg>' || fail 'no SVG'
grep -q '500 us of the first' "$work/align.svg" || fail 'nothing says what is drawn'
same 'the planner serves the same windows in all four ways' "$(for i in 0 1 2 3; do json /wake_ups/rows/$i/planner_per_second; done | sort -u | wc -l)" 1
same 'panels in the picture' "$(grep -c 'class="h"' "$work/align.svg")" 4
same 'rows in the picture' "$(grep -c '<path' "$work/align.svg")" 16

done_by align $brief
for policy in plain slack aligned both 'idle before' 'idle after'; do says "^  $policy "; done
says 'Beyond what was asked for, by median, p99 and most: plain sleeping '
says 'The first 300 ms'
says ' all together '
says ' process 3 '

could_not align $brief --svg "$work/no/such/directory"
wrong_usage align --processes 0
wrong_usage align --threads 1001
wrong_usage align --each 1ms
wrong_usage align --shortest 1us
wrong_usage align --shortest 1s --longest 10ms
wrong_usage align --slack-share 50-10
wrong_usage align --slack-share most
wrong_usage align --slack-share 101
wrong_usage align --phase-grid 0s
wrong_usage align --real-time batch
wrong_usage align --processes 1000 --threads 5
wrong_usage align --shortest 1h --longest 1h --each 100ms
wrong_usage align --processes 1000 --threads 4 --shortest 100us --longest 100us --each 1h

# However it is asked to stop, it stops with what it has, and takes its processes along.
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
# Stopped before anybody has slept: there is nothing to draw, and no heading for it.
start align --processes 3 --each 1s
stopped INT
says '^Does it help'
! grep -q '^The first' "$out" || fail 'the heading of an empty picture'
echo 'what was there' >"$work/kept.svg"
start align --processes 3 --each 1s --svg "$work/kept.svg"
until_true has_children
family=$(children)
kill -KILL $tool
wait $tool 2>/dev/null
until_true gone "$family"
same 'a picture that was not drawn anew' "$(cat "$work/kept.svg")" 'what was there'

# A process that dies is missed, whether before it begins or while it runs.
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
