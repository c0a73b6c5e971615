# takt irq: as many lines as asked for, sums that fit, and an end at Ctrl-C with what there is.
. "$(dirname "$0")/common.sh"
if ! "$takt" irq --count 1 --interval 1ms >"$out" 2>"$err"; then
  grep -q 'has no row' "$err" || fail 'it does not run'
  skip_all "timer interrupts: $(cat "$err")"
fi
every irq --count 1 --interval 10ms
concludes irq --count 2 --interval 10ms
done_by irq --count 2 --interval 20ms
grep -q "^The CPUs' timers interrupt [0-9.]* times a second" "$out" || fail 'it does not begin with how often'
done_by irq --count 2 --interval 20ms --json
same 'conclusions for programs' "$(grep -c headline "$out")" 1
done_by irq --count 1 --interval 20ms --json
same 'conclusions for programs, of one line' "$(grep -c headline "$out")" 1

done_by irq --count 3 --interval 20ms --json
same 'rows' "$(json /row | paste -sd' ')" 'interval interval interval mean'
total=$(json /interrupts | head -n 3 | paste -sd+)
same 'the mean is over all intervals' "$(json /interrupts | tail -n 1)" $(($total))
for line in 1 2 3 4; do
  sed -n ${line}p "$out" >"$work/line"
  sum=0 i=0
  while n=$("$json_value" "/cpus/$i/interrupts" <"$work/line" 2>/dev/null); do sum=$((sum + n)) i=$((i + 1)); done
  [ $i -gt 0 ] || fail 'no CPUs'
  same 'sum over CPUs' "$("$json_value" /interrupts <"$work/line")" $sum
done
json /seconds /length_s | awk '$1 <= 0 { exit 1 }' || fail 'time stands still'

done_by irq --count 2 --interval 20ms
same 'lines below the conclusion: title, heading, two, mean' "$(sed '1,/^$/d' "$out" | wc -l)" 5
done_by irq --count 1 --interval 20ms
same 'lines below the conclusion: title, heading, one' "$(sed '1,/^$/d' "$out" | wc -l)" 3

# However it is asked to stop, it stops with what it has.
stops 'says "^ *mean "' irq --interval 10ms
stops 'same "rows after SIG$signal in the first interval" "$(json /row)" mean' irq --interval 1h --json
# Where it cannot stop, because its output is not read, two signals at once are one wish and a later one is the end.
full_pipe
env --default-signal=INT,HUP,TERM "$takt" irq --interval 10ms --json >&3 2>"$err" &
tool=$!
until_true catches_interrupts $tool
kill -INT $tool $tool
sleep 1
kill -0 $tool 2>/dev/null || fail 'the first Ctrl-C loses what it has'
kill -INT $tool
wait $tool
same 'status after an impatient Ctrl-C' $? 130
emptied_pipe /dev/null
# A command that was started to ignore a hangup ignores it.
nohup "$takt" irq --interval 100ms --count 5 --json >"$out" 2>"$err" </dev/null &
tool=$!
until_true grep -q interval "$out"
stopped HUP
same 'lines under nohup' "$(json /row | grep -c interval)" 5

for bad in 0ns 0 1 -1s 999us soon ''; do wrong_usage irq --interval "$bad"; done
for bad in -1 many 99999999999 ''; do wrong_usage irq --count "$bad"; done
wrong_usage irq --interval
wrong_usage irq --all

if can_be_nobody; then
  run 0 as_nobody "$takt" irq --count 1 --interval 10ms --json
  json /per_second >/dev/null
else
  skip 'without privileges: cannot run the tool as another user'
fi
finish
