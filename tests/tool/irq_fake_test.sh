# takt irq where /proc/interrupts is not what it should be: an error that names it, never a number. And the machines whose
# CPUs are woken by something else than the usual timer.
. "$(dirname "$0")/common.sh"
in_own_mounts "$@"
fake=$work/interrupts devices=$work/clockevents
: >"$fake"
mkdir -m 755 "$devices"
mount --bind "$fake" /proc/interrupts || skip_all '/proc/interrupts cannot be covered here'
mount --bind "$devices" /sys/devices/system/clockevents || skip_all 'clock event devices cannot be covered here'
# woken_by DEVICE CPU...
woken_by() {
  name=$1
  shift
  rm -rf "${devices:?}"/*
  for cpu; do mkdir "$devices/clockevent$cpu" && echo "$name" >"$devices/clockevent$cpu/current_device"; done
}
with() { printf "$1" >"$fake"; could_not irq --count 1 --interval 1ms; complains '/proc/interrupts'; }

woken_by lapic 0 1
with ''
with '           CPU0       CPU1\n'
with '           CPU0       CPU1\nNMI:          1          2   Non-maskable interrupts\n'
with 'nonsense\n'
with '           CPU0       CPU1\nLOC:         12          3'
with '           CPU0       CPU1\nLOC:         12   Local timer interrupts\n'
with '           CPU0       CPU1\nLOC:         12   x   Local timer interrupts\n'
# A row that stands still since boot is not what wakes the CPUs: unknown, and not 0.
with '           CPU0       CPU1\nLOC:          0          0   Local timer interrupts\n'
complains 'unknown'
printf '           CPU0       CPU1\nLOC:         12   5   Local timer interrupts\n' >"$fake"
done_by irq --count 1 --interval 1ms --json
same 'interrupts that do not come' "$(json /interrupts)" 0
same 'the row' "$(json /source)" 'LOC of lapic'

woken_by 'Hyper-V clockevent' 0 1
with '           CPU0       CPU1\nLOC:         12   5   Local timer interrupts\n'
complains 'Hyper-V clockevent'
printf '           CPU0       CPU1\nLOC:  0  0   Local timer interrupts\nHVS:  7  8   Hyper-V stimer0 interrupts\n' >"$fake"
done_by irq --count 1 --interval 1ms --json
same 'the row of Hyper-V' "$(json /source)" 'HVS of Hyper-V clockevent'
woken_by xen 0
printf '     CPU0\n 48:  773698  xen-percpu    -virq      timer0\nLOC:  0   Local timer interrupts\n' >"$fake"
done_by irq --count 1 --interval 1ms --json
same 'the row of Xen' "$(json /source)" 'timerN of xen'

# More CPUs than fit beside each other.
woken_by lapic $(seq 0 299)
{ printf '%11s' ''; for cpu in $(seq 0 299); do printf ' CPU%d' "$cpu"; done; echo
  printf 'LOC: '; for cpu in $(seq 0 299); do printf ' 4294967295'; done; echo '  Local timer interrupts'; } >"$fake"
done_by irq --count 1 --interval 1ms
says 'CPU294\.\.'
awk 'length > 80 { exit 1 }' "$out" || fail 'lines wider than a screen'
umount /sys/devices/system/clockevents
umount /proc/interrupts
finish
