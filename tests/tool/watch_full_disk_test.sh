# takt watch --log on a disk that is full, on a file system of its own: that is said once, what cannot be written is kept and
# written when there is room again, and a line that was cut costs no other line.
. "$(dirname "$0")/common.sh"
in_own_mounts "$@"
disk=$work/disk
mkdir "$disk"
mount -t tmpfs -o size=64k tmpfs "$disk" 2>/dev/null || skip_all 'needs a tmpfs of its own'
trap 'umount "$disk"; rm -rf "$work"' EXIT
fill() { dd if=/dev/zero of="$disk/filler" bs=4096 2>/dev/null; }

# Full from the beginning.
fill
start watch --period 20ms --log "$disk/log"
until_true grep -q 'No space left' "$err"
same 'nothing is written' "$(wc -c <"$disk/log")" 0
rm "$disk/filler"
until_true grep -q '"event":"state"' "$disk/log"
until_true grep -q 'can be written again' "$err"
stopped TERM
same 'what was kept is written' "$("$json_value" /event <"$disk/log" | paste -sd' ')" 'start state end'
same 'said once each' "$(grep -c '^takt: ' "$err")" 2
same 'no line is lost' "$("$json_value" /lost_lines <"$disk/log" | sort -u)" 0

# A line that finds room for its beginning.
rm "$disk/log"
done_by watch --for 20ms --log "$work/lines"
size=$(wc -c <"$work/lines")
# Whole lines up to less than a line before the end of a page.
: >"$disk/log"
while [ "$(($(wc -c <"$disk/log") + size))" -lt 3900 ]; do cat "$work/lines" >>"$disk/log"; done
while [ "$(wc -c <"$disk/log")" -lt 3900 ]; do echo >>"$disk/log"; done
before=$(wc -c <"$disk/log")
fill
start watch --period 20ms --log "$disk/log"
until_true grep -q 'No space left' "$err"
[ "$(wc -c <"$disk/log")" -gt "$before" ] || skip 'a cut line: this file system wrote no part of it'
rm "$disk/filler"
until_true grep -q '"event":"state"' "$disk/log"
stopped TERM
run 0 "$takt" history "$disk/log" --json
[ "$(json /history/broken)" -le 1 ] || fail 'more than the line that was cut is broken'
same 'the lines behind it' "$(tail -n 3 "$disk/log" | "$json_value" /event | paste -sd' ')" 'start state end'

# Metrics of which only the beginning finds room.
fill
truncate -s -8192 "$disk/filler"
run 1 "$takt" watch --period 20ms --for 200ms --openmetrics "$disk/takt.prom"
complains 'No space left'
same 'parts left on a full disk' "$(ls "$disk" | grep -c '^takt\.prom.')" 0
rm "$disk/filler"

# Still full at the end: the exit status says so.
rm "$disk/log"
fill
start watch --period 20ms --log "$disk/log"
until_true grep -q 'No space left' "$err"
kill -TERM $tool
wait $tool
same 'status with a full disk' $? 1
finish
