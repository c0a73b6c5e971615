# --svg FILE, --html FILE, --perfetto FILE: it is there whole or not at all, whatever ends takt; what was there before stays until
# there is a new one.
. "$(dirname "$0")/common.sh"
mkdir "$work/pictures"
whole() { head -n 1 "$1" | grep -q '^<svg ' && tail -n 1 "$1" | grep -q '^</svg>'; }
alone() { same "$1" "$(ls -A "$work/pictures" | paste -sd' ')" "$2"; }

for signal in KILL QUIT SEGV ALRM USR1; do
  start align --processes 2 --threads 2 --each 5s --svg "$work/pictures/new.svg"
  kill -$signal $tool
  wait $tool 2>/dev/null
  alone "after SIG$signal" ''
done
# Impatient: the second signal ends it at once.
start align --processes 2 --threads 2 --each 5s --svg "$work/pictures/new.svg"
kill -STOP $tool # so that it is still there for the second one
kill -INT $tool
sleep 0.8
kill -TERM $tool
kill -CONT $tool
wait $tool
if [ -e "$work/pictures/new.svg" ]; then whole "$work/pictures/new.svg" || fail 'half a picture after two signals'; fi
rm -f "$work/pictures/new.svg"

done_by simulate --machine 2x2 --seeds 1 --length 1s --svg "$work/pictures/new.svg"
whole "$work/pictures/new.svg" || fail 'no picture'
alone 'a picture, and nothing beside it' new.svg
# The mode is that of any file, in which the umask has its say.
(umask 027 && "$takt" simulate --machine 2x2 --seeds 1 --length 1s --svg "$work/pictures/mode.svg" >/dev/null)
same 'its mode' "$(stat -c %a "$work/pictures/mode.svg")" 640
rm "$work/pictures/mode.svg"
# An older file is replaced, also a longer one; a link stays a link.
dd if=/dev/zero of="$work/pictures/new.svg" bs=1M count=1 2>/dev/null
ln -s new.svg "$work/pictures/link.svg"
done_by simulate --machine 2x2 --seeds 1 --length 1s --svg "$work/pictures/link.svg"
whole "$work/pictures/new.svg" || fail 'what was there before is in it'
[ -h "$work/pictures/link.svg" ] || fail 'a link was replaced'

# A file that cannot be written is an error before the work is done.
for bad in "$work/pictures" "$work/pictures/" "$work/no/such/directory.svg" "$work/pictures/none/" "$work/pictures/$(printf '%0300d' 0)"; do
  could_not simulate --machine 2x2 --seeds 1 --length 1s --svg "$bad"
done
ln -s "$work/no/such/place" "$work/pictures/nowhere.svg"
could_not simulate --machine 2x2 --seeds 1 --length 1s --svg "$work/pictures/nowhere.svg"
if can_be_nobody; then
  run 1 as_nobody "$takt" simulate --machine 2x2 --seeds 1 --length 1s --svg "$work/pictures/denied.svg"
  complains 'ermission denied'
  [ ! -s "$out" ] || fail 'the work was done before'
fi
# In a relative path without a directory, and into a pipe.
(cd "$work/pictures" && "$takt" simulate --machine 2x2 --seeds 1 --length 1s --svg here.svg >/dev/null) || fail 'a path without a directory'
whole "$work/pictures/here.svg" || fail 'nothing in the working directory'
mkfifo "$work/pictures/pipe"
cat "$work/pictures/pipe" >"$work/through" &
done_by simulate --machine 2x2 --seeds 1 --length 1s --svg "$work/pictures/pipe"
wait $!
whole "$work/through" || fail 'nothing through a pipe'

# A file that is written part by part, because it is longer than the memory, keeps the same promises.
printf 'a-7 [000] d.h.. 1.000000: hrtimer_start: hrtimer=1 function=hrtimer_wakeup expires=2000000 softexpires=1000000 mode=REL\na-7 [000] d.h.. 1.001000: hrtimer_expire_entry: hrtimer=1 function=hrtimer_wakeup now=1500000\n' >"$work/recording"
whole_trace() { head -c 1 "$1" | grep -q '{' && tail -n 1 "$1" | grep -q '^"lostEvents":0}$'; }
rm -rf "$work/pictures"
mkdir "$work/pictures"
done_by timers --from "$work/recording" --perfetto "$work/pictures/new.json"
whole_trace "$work/pictures/new.json" || fail 'no trace'
alone 'a trace, and nothing beside it' new.json
dd if=/dev/zero of="$work/pictures/new.json" bs=1M count=1 2>/dev/null
ln -s new.json "$work/pictures/link.json"
done_by timers --from "$work/recording" --perfetto "$work/pictures/link.json"
whole_trace "$work/pictures/new.json" || fail 'what was there before is in the trace'
[ -h "$work/pictures/link.json" ] || fail 'a link was replaced'
alone 'a trace and a link' 'link.json new.json'
mkfifo "$work/pictures/pipe"
cat "$work/pictures/pipe" >"$work/through" &
done_by timers --from "$work/recording" --perfetto "$work/pictures/pipe"
wait $!
cmp -s "$work/through" "$work/pictures/new.json" || fail 'another trace through a pipe'
# A recording that is none leaves what was there.
could_not timers --from "$work/pictures" --perfetto "$work/pictures/new.json" --html "$work/pictures/new.html"
whole_trace "$work/pictures/new.json" || fail 'nothing is left of what was there'
[ ! -e "$work/pictures/new.html" ] || fail 'a page of nothing'
for bad in "$work/pictures" "$work/no/such/directory.json"; do
  could_not timers --from "$work/recording" --perfetto "$bad"
  could_not timers --from "$work/recording" --html "$bad"
done
wrong_usage timers --from "$work/recording" --perfetto -
complains '--perfetto wants a file'
# Closed standard descriptors: the file does not get their numbers, and with these the text for standard output.
done_by simulate --machine 2x2 --seeds 1 --length 1s --svg "$work/open.svg"
for closed in 0 1 2; do
  run $((closed == 1)) sh -c 'number=$1; shift; eval "exec \"\$@\" $number>&-"' sh $closed \
    "$takt" simulate --machine 2x2 --seeds 1 --length 1s --svg "$work/closed.svg"
  cmp "$work/open.svg" "$work/closed.svg" || fail "another picture where descriptor $closed is closed"
done
run 1 sh -c 'exec "$@" >&-' sh "$takt" watch --for 20ms --log "$work/watched"
same 'lines of a log where standard output is closed' "$(wc -l <"$work/watched")" 2

run 1 "$takt" timers --from "$work/recording" --perfetto /dev/full
complains '/dev/full: No space left'
finish
