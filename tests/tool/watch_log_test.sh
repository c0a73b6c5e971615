# takt watch --log: whole lines also of several processes; a file that was renamed, removed or emptied is noticed; one wake-up a
# period; and the unit that runs it. A full disk has its own script, watch_full_disk_test.sh.
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
log=$work/log

# The beginning and the end, whose members programs rely on.
done_by watch --for 100ms --period 20ms --log "$log"
same 'events' "$("$json_value" /event <"$log" | paste -sd' ')" 'start end'
same 'version' "$("$json_value" /takt <"$log" | sort -u)" 1
same 'boot' "$("$json_value" /boot <"$log" | sort -u)" "$(cat /proc/sys/kernel/random/boot_id)"
same 'why' "$(tail -n 1 "$log" | "$json_value" /why)" 'its time was over'
for member in time realtime_ns monotonic_ns boottime_ns pid source synchronised period_ns state_every_ns checks lost_lines; do
  "$json_value" /$member <"$log" >/dev/null || fail "no $member in the log"
done
# Appended, never replaced.
done_by watch --for 20ms --log "$log" --json
same 'two watches' "$("$json_value" /event <"$log" | paste -sd' ')" 'start end start end'
stops 'same "the last word after SIG$signal" "$(tail -n 1 "$log" | "$json_value" /why)" "it was asked to stop"' watch --period 1h --log "$log"

# Several processes write lines and no parts of lines.
rm "$log"
for _ in 1 2 3 4 5 6; do "$takt" watch --for 300ms --period 10ms --log "$log" >/dev/null & done
wait
same 'lines of six processes' "$("$json_value" /takt <"$log" | wc -l)" 12
same 'processes' "$("$json_value" /pid <"$log" | sort -u | wc -l)" 6

# The metrics would replace the log.
cp "$log" "$work/kept"
ln -s "$work" "$work/beside"
for same_one in "$log" "$work/./log" "$work/beside/log"; do
  wrong_usage watch --for 20ms --log "$log" --openmetrics "$same_one"
done
cmp -s "$log" "$work/kept" || fail 'the log was touched'
wrong_usage watch --print-unit --log "$work/new" --openmetrics "$work/beside/new"

# Rotation, of each kind, while it runs.
rm "$log"
start watch --period 20ms --log "$log"
until_true grep -q '"event":"start"' "$log"
mv "$log" "$log.1"
until_true test -s "$log"
same 'a new file begins with the state' "$(head -n 1 "$log" | "$json_value" /event /why | paste -sd' ')" 'state a new file'
same 'the old one is left as it was' "$(wc -l <"$log.1")" 1
rm "$log"
until_true test -s "$log"
until_true grep -q 'a new file' "$log"
: >"$log"
until_true grep -q 'the file was emptied' "$log"
cp "$log" "$log.2"
: >"$log" # as copytruncate does
until_true grep -q 'the file was emptied' "$log"
# Without a place for a new file the lines are kept, and that is said once.
mkdir "$work/place" && mv "$log" "$work/place/log"
stopped TERM
[ ! -s "$err" ] || fail 'something on standard error after rotations'
run 0 "$takt" history "$log.1" "$log.2" "$work/place/log" --json
same 'nothing is broken' "$(json /history/broken)" 0

start watch --period 20ms --log "$work/place/other"
until_true test -s "$work/place/other"
mv "$work/place" "$work/away" # in one step: the watch would make its file again
rm -r "$work/away"
until_true grep -q 'No such file' "$err"
mkdir "$work/place"
until_true test -s "$work/place/other"
until_true grep -q 'it can be written again' "$err"
stopped TERM
same 'said once' "$(grep -c '^takt: ' "$err")" 2
same 'the new file' "$("$json_value" /event <"$work/place/other" | paste -sd' ')" 'state end'

# A line that a crash cut is ended before the next one.
printf '{"takt":1,"event":"sta' >"$log"
done_by watch --for 20ms --log "$log"
same 'lines' "$(wc -l <"$log")" 3
run 0 "$takt" history "$log" --json
same 'broken' "$(json /history/broken)" 1
same 'lines read' "$(json /history/lines)" 3

# What cannot be a log.
could_not watch --for 20ms --log "$work"
could_not watch --for 20ms --log "$work/no/such/file"
mkfifo "$work/pipe"
could_not watch --for 20ms --log "$work/pipe"
complains 'neither a file nor a device'
wrong_usage watch --log -
run 1 "$takt" watch --for 50ms --period 5ms --log /dev/full
same 'a full device is said when it fails and at the end' "$(grep -c 'No space left' "$err")" 2

# One wake-up a period, with all that it writes. The machine may take longer, which makes fewer.
switches() { sed -n 's/^voluntary_ctxt_switches:\t*//p' "/proc/$tool/status"; }
start watch --period 100ms --log "$log" --openmetrics "$work/takt.prom"
until_true test -s "$work/takt.prom"
began=$(date +%s%N) before=$(switches)
sleep 3
after=$(switches) ended=$(date +%s%N)
stopped TERM
[ $((after - before)) -le $(((ended - began) / 100000000 * 5 / 4 + 5)) ] ||
  fail "$((after - before)) wake-ups in $(((ended - began) / 1000000)) ms with a period of 100 ms"
[ $((after - before)) -ge 1 ] || fail 'it does not wake up'

# The unit: the one that is installed, and one that systemd can read with a path of any kind.
done_by watch --print-unit --period 10s --log /var/log/takt/clocks.log
sed '1,2d' "$out" | sed "s|^ExecStart=[^ ]*|ExecStart=takt|" >"$work/takt-watch.service"
cmp "$work/takt-watch.service" "$here/../../examples/takt/takt-watch.service" || fail 'the unit that is installed is another one'
done_by watch --print-unit --log /var/log/takt/clocks.log --json
json /unit/text | grep -q '^ExecStart=' || fail 'no unit in JSON'
wrong_usage watch --print-unit
wrong_usage watch --print-unit --for 1s --log x
mkdir "$work/unit"
if command -v systemd-analyze >/dev/null; then
  number=0
  for path in /var/log/takt/clocks.log relative.log '/var/tmp/a place/100% $HOME "x" \y.log'; do
    number=$((number + 1))
    run 0 "$takt" watch --print-unit --log "$path" --openmetrics /var/lib/prometheus/node-exporter/takt.prom
    cp "$out" "$work/unit/takt-watch$number.service"
    run 0 systemd-analyze verify --man=no "$work/unit/takt-watch$number.service"
    [ ! -s "$err" ] || ! grep -q 'takt-watch' "$err" || fail "systemd complains of the unit for $path"
  done
else
  skip 'units: needs systemd-analyze'
fi
finish
