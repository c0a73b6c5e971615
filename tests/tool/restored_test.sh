# takt watch on a machine whose hypervisor, boot id or time namespace shows that it was restored: an event of its own, with how
# it is known. The page of VMClock and the boot id are ordinary files in a mount namespace of their own.
. "$(dirname "$0")/common.sh"
in_own_mounts "$@"
dev=$work/dev
mkdir "$dev"
mount -t tmpfs nodev "$dev" || skip_all 'no tmpfs can be mounted here'
for file in null zero; do
  : >"$dev/$file"
  mount --bind "/dev/$file" "$dev/$file" || skip_all 'devices cannot be covered here'
done
# put OFFSET OCTAL-BYTES: writes them into the page.
put() { printf "$2" | dd of="$dev/vmclock0" bs=1 seek="$1" conv=notrunc 2>/dev/null; }
dd if=/dev/zero of="$dev/vmclock0" bs=65536 count=1 2>/dev/null
put 0 'VCLK\0\020\0\0\001' # 4096 bytes, version 1
put 25 '\001'              # it counts generations
put 34 '\002'              # synchronised
mount --rbind "$dev" /dev || skip_all '/dev cannot be covered here'
echo 0f0c9f0e-5dc1-4b7b-9d7f-3d9a3a1f0001 >"$work/boot_id"
mount --bind "$work/boot_id" /proc/sys/kernel/random/boot_id || skip_all 'the boot id cannot be covered here'

done_by watch --for 20ms --json
same 'VMClock' "$(json /watch/vmclock)" synchronised
done_by watch --for 20ms
says 'VMClock *synchronised *\[it counts restores\]$'

# restored_by COMMAND...: runs it until the watch has seen an event, which is in $work/event then. What ends the watch is no part of it.
restored_by() {
  : >"$out" # the child empties it too, but perhaps later than it is read here
  "$takt" watch --period 10ms --json >"$out" 2>"$err" </dev/null &
  watch=$!
  n=0
  until grep -q '"event":"restored"' "$out" || [ $n = 60 ]; do # the watch may begin late: another change is another event
    n=$((n + 1))
    "$@" $n
    sleep 0.2
  done
  kill -TERM $watch
  wait $watch
  grep '"event":"restored"' "$out" | head -n 1 >"$work/event"
  [ -s "$work/event" ] || fail "no event: $*"
}
of_event() { "$json_value" "$1" <"$work/event" || fail "nothing at $1"; }
byte() { printf '\\%03o' "$1"; }
generation() { # as a hypervisor does it: nothing is to be read before both are written
  put 12 '\001'
  put 104 "$(byte "$1")"
  put 16 "$(byte "$1")"
  put 12 '\002'
}
disruption() { put 16 "$(byte $((200 - $1)))"; }
other_boot() { printf '%08d-5dc1-4b7b-9d7f-3d9a3a1f0001\n' "$1" >"$work/boot_id"; }

restored_by generation
same 'inferred' "$(of_event /inferred)" false
same 'the sign' "$(of_event /signs/0)" 'VMClock generation'
of_event /text | grep -q '^the machine was restored from a snapshot (VMClock generation' || fail "the text: $(of_event /text)"
of_event /uncertainty_ns | awk '$1 <= 0 { exit 1 }' || fail 'no uncertainty'
[ "$(tail -n 1 "$out" | "$json_value" /watch/restored)" -ge 1 ] || fail 'the summary does not count it'
grep -q '"event":"step"' "$out" && fail 'a restore is called a step'

restored_by disruption
same 'the sign' "$(of_event /signs/0)" 'VMClock disruption marker'
of_event /text | grep -q '^the machine was migrated' || fail "the text: $(of_event /text)"

restored_by other_boot
same 'the sign' "$(of_event /signs/0)" 'boot id'

# A page that is none: no VMClock, no event, and nothing breaks.
put 0 'X'
done_by watch --for 50ms --period 5ms --json
same 'a malformed page' "$(json /watch/vmclock)" none
put 0 'V'
put 12 '\001' # the hypervisor never ends to write
done_by watch --for 50ms --period 5ms --json
same 'a page that is being written' "$(json /watch/vmclock)" none
put 12 '\002'
put 24 '\004'
done_by watch --for 20ms
says 'disruption is to come within about an'
# Another thing in its place: no VMClock, no signal, and nothing waits.
for thing in ': >' mkfifo mkdir; do
  rm "$dev/vmclock0" 2>/dev/null || rmdir "$dev/vmclock0"
  eval "$thing \"$dev/vmclock0\""
  run 0 timeout 20 "$takt" watch --for 20ms --json
  same "VMClock, made by $thing" "$(json /watch/vmclock)" none
done
umount -l /dev
umount -R -l "$dev"
finish
