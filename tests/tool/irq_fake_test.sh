# takt irq where /proc/interrupts is not what it should be: an error that names it, never a number.
. "$(dirname "$0")/common.sh"
in_own_mounts "$@"
fake=$work/interrupts
: >"$fake"
mount --bind "$fake" /proc/interrupts || skip_all '/proc/interrupts cannot be covered here'
with() { printf "$1" >"$fake"; could_not irq --count 1 --interval 1ms; complains '/proc/interrupts'; }

with ''
with '           CPU0       CPU1\n'
with '           CPU0       CPU1\nNMI:          1          2   Non-maskable interrupts\n'
with 'nonsense\n'
case $(uname -m) in
x86_64)
  with '           CPU0       CPU1\nLOC:         12          3'
  with '           CPU0       CPU1\nLOC:         12   Local timer interrupts\n'
  with '           CPU0       CPU1\nLOC:         12   x   Local timer interrupts\n'
  printf '           CPU0       CPU1\nLOC:         12   5   Local timer interrupts\n' >"$fake"
  done_by irq --count 1 --interval 1ms --json
  same 'interrupts that do not come' "$(json /interrupts)" 0
  # More CPUs than fit beside each other.
  { printf '%11s' ''; for cpu in $(seq 0 299); do printf ' CPU%d' "$cpu"; done; echo
    printf 'LOC: '; for cpu in $(seq 0 299); do printf ' 4294967295'; done; echo '  Local timer interrupts'; } >"$fake"
  done_by irq --count 1 --interval 1ms
  says 'CPU294\.\.'
  awk 'length > 80 { exit 1 }' "$out" || fail 'lines wider than a screen'
  ;;
esac
umount /proc/interrupts
finish
