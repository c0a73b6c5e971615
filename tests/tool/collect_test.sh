# collect.sh gathers what takt reads and nothing else, in any shell, also where little can be read; takt answers from that what
# files can answer, says what they cannot, and believes nothing that is in them.
. "$(dirname "$0")/common.sh"
in_own_mounts "$@"
collect=$(cd "$(dirname "$0")/../../examples/takt" && pwd)/collect.sh
copy=$work/collect.sh # readable for any user
cp "$collect" "$copy" && chmod 644 "$copy"

if command -v shellcheck >/dev/null 2>&1; then
  run 0 shellcheck -s sh "$collect"
else
  skip 'shellcheck is not installed'
fi

# Its usage.
for arguments in '' '-i 0 x' '-i -1 x' '-i 1s x' '-i 99999999 x' '-x x' 'x y' '-i 1'; do
  # shellcheck disable=SC2086 # words
  run 2 sh "$copy" $arguments
done
run 2 sh "$copy" ''
run 0 sh "$copy" -l
says 'no command line'
mkdir "$work/there"
run 1 sh "$copy" "$work/there"
complains 'is there already'
ln -s /nowhere "$work/link"
run 1 sh "$copy" "$work/link"
run 1 sh "$copy" "$work/no/such/place"
run 1 sh "$copy" "$work/no/such/place.tar"

# A process that lies about its name: as if it were a line of the file, and as if it ended its name.
mkfifo "$work/never"
forge() {
  printf "$1" >"/proc/$(sh -c 'echo $PPID')/comm"
  : >"$2"
  : <"$work/never"
}
forge 'a\n1 1 7 0 0 x' "$work/ready" 2>/dev/null &
forger=$!
forge 'b\\n1 1 7 0 0 y' "$work/ready2" 2>/dev/null &
forger2=$!
trap 'kill $forger $forger2 2>/dev/null; rm -rf "$work"' EXIT
until_true test -e "$work/ready"
until_true test -e "$work/ready2"

# The same in every shell, into a directory and into a tar file.
number=0
for shell in sh dash bash 'busybox sh'; do
  command -v "${shell%% *}" >/dev/null 2>&1 || continue
  number=$((number + 1))
  # shellcheck disable=SC2086 # words
  run 0 $shell "$copy" -i 1 "$work/got$number"
  # shellcheck disable=SC2086
  run 0 $shell "$copy" -i 1 -n "$work/got$number.tar"
  [ ! -e "$work/got$number.tar.$$" ] || fail "$shell leaves something behind"
  for from in "$work/got$number" "$work/got$number.tar"; do
    done_by report --from "$from" --json
    same "kernel of $from" "$(json /collection/release)" "$(uname -r)"
    [ $number != 1 ] || sound_report
  done
  ! grep -E '^1 1 7 ' "$work/got$number/threads" || fail "$shell: a process forged a line"
  grep -q "^[0-9]* $forger " "$work/got$number/threads" || fail "$shell: a process with a strange name is lost"
done
got=$work/got1

# What it takes is on its list, and nothing personal is in it.
run 0 sh "$copy" -l
cp "$out" "$work/list"
(cd "$got" && find . -type f) | sed 's|^\./||' >"$work/files"
while read -r file; do
  case $file in
  takt-collection | kernel-log | threads | proc/interrupts | proc/interrupts.later | proc/cpuinfo | proc/cmdline) name=$file ;;
  boot/config-*) name='boot/config-\*' ;;
  *) name=$(echo "$file" | cut -d/ -f1-4) ;;
  esac
  grep -q "$name" "$work/list" || fail "$file is taken and not on the list"
done <"$work/files"
for word in "$(uname -n)" "$(cat /etc/machine-id 2>/dev/null)" "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"; do
  [ ${#word} -lt 6 ] || ! grep -r -F -e "$word" "$got" >"$out" || fail 'it took the name or an id of this machine'
done
! grep -q 'root=\|UUID' "$got/proc/cmdline" || fail 'it took the disk from the command line'
! grep -q '@' "$got/kernel-log" 2>/dev/null || fail 'it took who built the kernel'
for tar in "$work"/got?.tar; do
  [ -z "$(tar --version 2>/dev/null | grep GNU)" ] || [ "$tar" != "$work/got1.tar" ] || [ -z "$(dd if="$tar" bs=1 skip=265 count=32 2>/dev/null | tr -d '\0')" ] ||
    fail 'the tar file holds the name of the user'
done

# It is what takt reads itself.
if [ -r /sys/devices/system/clocksource/clocksource0/current_clocksource ]; then
  done_by report --from "$got" --json
  same 'clock source' "$(json /clock_sources/current)" "$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
fi
if "$takt" irq --count 1 --interval 10ms >/dev/null 2>&1; then
  done_by irq --from "$got" --json
  same 'the row' "$(json /row)" mean
  [ "$(json /length_s | cut -d. -f1)" -ge 1 ] || fail 'it counted for less than a second'
  done_by irq --from "$got"
  says '^ *mean '
  fits 80 env COLUMNS=80 "$takt" irq --from "$got"
  if gzip -k "$work/got1.tar" 2>/dev/null; then done_by irq --from "$work/got1.tar.gz"; fi
fi
before=$(cat /proc/$$/timerslack_ns 2>/dev/null)
done_by slack --from "$got"
done_by slack --from "$got" --all --json
done_by slack --from "$got" --pid $forger
says 'name *a?1 1 7 0 0 x'
done_by slack --from "$got" --pid $forger2
says 'name *b\\n1 1 7 0 0 y'
if [ -n "$before" ] && cat /proc/$forger/timerslack_ns >/dev/null 2>&1; then
  done_by slack --from "$got" --pid $forger --json
  same 'slack' "$(json /slack/slack_ns)" "$(cat /proc/$forger/timerslack_ns)"
fi
could_not slack --from "$got" --pid 2147483647
complains 'the collection has no process'
wrong_usage slack --from "$got" --set 1us --pid $$
wrong_usage slack --from "$got" --set 1us -- true
could_not slack --from "$work/got1.tar"
complains 'no threads'
says_all() { done_by report --from "$1"; says 'not in files'; says 'what reading a'; fits 80 env COLUMNS=80 "$takt" report --from "$1"; }
says_all "$got"
says_all "$work/got1.tar"
for name in 'report' 'irq' 'slack'; do
  "$takt" $name --from "$got" >/dev/null 2>&1 || continue
  run 0 "$facts" $name --from "$got"
  ! grep 'on the screen alone: ' "$out" >&2 || fail "facts on the screen alone: $name --from"
done

# Any user may collect; what only root sees is said to be missing.
if can_be_nobody; then
  mkdir -m 777 "$work/open"
  if [ "$(id -u)" = 0 ]; then set -- setpriv --reuid=65534 --regid=65534 --clear-groups; else set --; fi
  run 0 "$@" sh "$copy" -i 1 "$work/open/got"
  done_by report --from "$work/open/got" --json
  same 'collected by root' "$(json /collection/root)" false
  if [ "$(id -u)" = 0 ]; then
    could_not slack --from "$work/open/got" --pid $forger
    complains 'collect as root'
    done_by slack --from "$work/open/got" --all
    says 'needs CAP_SYS_NICE'
  fi
fi

# Where there is no /proc and no /sys.
mkdir "$work/empty"
if mount --bind "$work/empty" /sys 2>/dev/null; then
  if mount --bind "$work/empty" /proc 2>/dev/null; then
    run 0 sh "$copy" -i 1 "$work/bare"
    says 'missing proc/interrupts'
    says 'missing threads'
    umount /proc
    done_by report --from "$work/bare"
    says 'not collected:.*interrupts'
    says 'cannot be trusted'
    done_by report --from "$work/bare" --json
    same 'what is unknown' "$(json /clock_sources/current /tick/timer_interrupts_total_per_second | paste -sd' ')" 'null null'
    could_not irq --from "$work/bare"
    could_not slack --from "$work/bare"
  fi
  umount /sys
else
  skip '/proc and /sys cannot be covered here'
fi

# Collections that are none, and those that lie.
for name in report irq slack; do
  could_not $name --from "$work/no/such"
  could_not $name --from "$work/empty"
  complains 'collect.sh did not make it'
  could_not $name --from /dev/null
  could_not $name --from "$copy"
done
mkfifo "$work/pipe"
could_not report --from "$work/pipe"
head -c 1000 "$work/got1.tar" >"$work/cut.tar"
could_not report --from "$work/cut.tar"
head -c 3000 "$work/got1.tar" >"$work/cut.tar" # behind the mark, or before it
"$takt" report --from "$work/cut.tar" >"$out" 2>"$err" </dev/null
[ $? -le 1 ] || fail 'a tar file that is cut'
printf 'takt-collection 2\n' >"$work/there/takt-collection"
could_not report --from "$work/there"
complains 'format is unknown'
lie() { printf "$2" >"$work/there/$1"; }
mkdir -p "$work/there/proc" "$work/there/sys/devices/system/clocksource/clocksource0" "$work/there/sys/devices/system/clockevents/clockevent0"
lie takt-collection "takt-collection 1\nrelease ../../../etc\033[31m\nmachine x86_64\ninterrupts 1.00 1.00\ninterrupts.later 1e300 nan\nmissing \033[2J\nunknown line\n\n"
lie threads "1 1 50000 0 0 \033[31mred\n1 2 18446744073709551615 1 0 a b\n-1 2 3 4 5 x\n1 99999999999 1 1 1 x\n2 3\n4 4 - 0 2097152 kthread\n\n"
lie proc/interrupts '           CPU0\nLOC:         12   Local timer interrupts\n'
lie proc/interrupts.later '           CPU0\nLOC:         12   Local timer interrupts'
lie proc/cpuinfo 'processor : 0\nmodel name : \033[31mred\nflags : tsc constant_tsc nonstop_tsc\n\n'
lie kernel-log '\377\376 no log\n'
lie sys/devices/system/clocksource/clocksource0/current_clocksource '../../x y\n'
lie sys/devices/system/clockevents/clockevent0/current_device 'lapic\n'
ln -s /etc/passwd "$work/there/proc/cmdline"
done_by report --from "$work/there"
! grep -q "$(printf '\033')" "$out" || fail 'a collection controls the terminal'
done_by report --from "$work/there" --json
same 'a clock source that is no name' "$(json /clock_sources/current)" null
sound_report
could_not irq --from "$work/there"
done_by slack --from "$work/there" --json
same 'what can be read of threads' "$(json /slack/rows/0/pid /slack/rows/0/slack_ns /kernel_threads/not_permitted | paste -sd' ')" '1 50000 1'
done_by slack --from "$work/there"
! grep -q "$(printf '\033')" "$out" || fail 'a name in a collection controls the terminal'
done_by slack --from "$work/there" --pid 2 --json
same 'a slack above 63 bits' "$(json /slack/slack_ns)" 9223372036854775807
lie takt-collection 'takt-collection 1\ninterrupts 1.00 1.00\ninterrupts.later 3.00 3.00\n'
could_not irq --from "$work/there"
lie proc/interrupts.later '           CPU0\nLOC:         14   Local timer interrupts\n'
done_by irq --from "$work/there" --json
same 'one a second' "$(json /interrupts /per_second | paste -sd' ')" '2 1.0'
# The counter of another architecture is not judged by what holds for this one.
lie takt-collection 'takt-collection 1\nrelease 6.1.0\nmachine another\ninterrupts 1.00 1.00\ninterrupts.later 3.00 3.00\n'
done_by report --from "$work/there"
says 'takt judges'
! grep -q '^Verdict' "$out" || fail 'a verdict on another architecture'
fits 40 env COLUMNS=40 "$takt" report --from "$work/there"
# The kernel's log may be one that people saved in another form.
lie kernel-log 'Sep 23 21:33:08 host kernel: Linux version 6.1.0\nSep 23 21:33:09 host kernel: tsc: Marking TSC unstable due to clocksource watchdog\n'
done_by report --from "$work/there" --json
same 'an unstable counter' "$(json /counter/marked_unstable)" true
# A link in a collection leads nowhere.
rm "$work/there/proc/interrupts" && ln -s /proc/interrupts "$work/there/proc/interrupts"
could_not irq --from "$work/there"
finish
