#!/bin/sh
# boot.sh TREE PROGRAM TOOL SUITE NAME CPU CPUS TIMEOUT TESTS QEMU-ARGUMENTS KERNEL-ARGUMENTS
#
# Boots a throw-away machine whose init is PROGRAM, the static test binary, and ends as its tests did: 0 passed, 1 not,
# 77 skipped because there is no emulator or no kernel to boot. Nothing of it touches the machine it runs on: the kernel
# is downloaded and unpacked into TREE, never installed, and the disk is an initrd.
#   TOOL               the command-line tool, laid beside PROGRAM with its shared objects; may be empty
#   SUITE              the suite of the distribution that the kernel is of; empty: that of this machine
#   NAME               what stands behind `guest.` in the name of the test
#   CPU CPUS           as qemu takes them for -cpu and -smp
#   TIMEOUT            seconds until the whole of it counts as failed; takt.seconds= among the kernel's arguments is the
#                      guest's own limit, where its time is not the host's
#   TESTS              the first words of the test cases to run, with commas between them; each in a process of its own
# The last two are lists of words. TAKT_GUEST_SELFTESTS in the environment, PLACE COMPILER as tests/foreign/run.sh takes them, lays
# the kernel's selftests into the guest.
set -u
tree=$1 program=$2 tool=$3 suite=$4 name=$5 cpu=$6 cpus=$7 timeout=$8 tests=$9
shift 9
qemu_arguments=$1 kernel_arguments=$2
kernel=$tree/kernel${suite:+.$suite}

skip() {
  printf 'SKIPPED: guest.%s: %s\n' "$name" "$*"
  exit 77
}

# read_lists: makes apt read the package lists of $suite. A suite that is out of reach is asked for once in half an hour, not by
# each boot.
read_lists() {
  away=$kernel.away
  if [ -z "$(find "$away" -mmin -30 2>/dev/null)" ]; then
    sh "$(dirname "$0")/../support/suite.sh" "$kernel/apt" "$suite" "guests with the kernel of $suite" >"$away.new"
    status=$?
    [ $status != 0 ] || { rm -f "$away" "$away.new" && return; }
    echo "$status" >>"$away.new" && mv "$away.new" "$away"
  fi
  sed '$d' "$away"
  exit "$(tail -n 1 "$away")"
}

# fetch_kernel: leaves the image that linux-image-cloud-amd64 stands for in $kernel/vmlinuz. That package is empty; those that
# it depends on are named after the kernel's ABI, which moves. Newer kernels have the image one package further on.
fetch_kernel() {
  [ -e "$kernel/vmlinuz" ] && return 0
  rm -rf "$kernel" && mkdir -p "$kernel" || return 1
  apt=
  [ -z "$suite" ] || { read_lists && apt="-c $kernel/apt/configuration"; }
  package=linux-image-cloud-amd64
  until [ -e "$kernel/vmlinuz" ]; do
    # shellcheck disable=SC2086 # a list of words, here and below
    package=$(apt-cache $apt depends "$package" 2>/dev/null |
      sed -n 's/^ *Depends: *\(linux-image-[^ ]*\|linux-binary-[^ ]*\)$/\1/p' | head -n 1)
    [ -n "$package" ] || return 1
    # shellcheck disable=SC2086
    (
      cd "$kernel" && apt-get $apt download -qq "$package" 2>/dev/null && dpkg -x ./*.deb unpacked && rm -f ./*.deb &&
        find unpacked -type f -name 'vmlinuz*' -exec mv {} vmlinuz ';' && rm -rf unpacked
    ) || return 1
  done
  rm -rf "$kernel/apt"
}

command -v qemu-system-x86_64 >/dev/null 2>&1 || skip "no qemu-system-x86_64 (package qemu-system-x86)"
command -v cpio >/dev/null 2>&1 || skip "no cpio"
mkdir -p "$tree"
exec 9>"$kernel.lock"
flock 9
if ! fetch_kernel; then
  why="no kernel image: apt-get cannot download what linux-image-cloud-amd64 depends on"
  [ -z "$suite" ] || { echo "SKIPPED: guests with the kernel of $suite: $why" && exit 77; }
  skip "$why"
fi
exec 9>&-

place=$tree/$name
rm -rf "$place" && mkdir -p "$place/root" || exit 1
trap 'rm -rf "$place"' EXIT
for directory in proc sys dev tmp etc; do mkdir "$place/root/$directory"; done
cp "$program" "$place/root/init" || exit 1
if [ -n "$tool" ]; then
  cp "$tool" "$place/root/takt" || exit 1
  # Debian's Abseil is linked as shared objects: each goes where the dynamic linker of the guest searches for it.
  ldd "$tool" | sed -n 's/.*=> \(\/[^ ]*\) (.*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' | while read -r object; do
    cp -L --parents "$object" "$place/root" || exit 1
  done
fi
# shellcheck disable=SC2086 # a list of words
[ -z "${TAKT_GUEST_SELFTESTS:-}" ] || sh "$(dirname "$0")/../foreign/run.sh" "linux:$place/root" $TAKT_GUEST_SELFTESTS || exit
(cd "$place/root" && find . | cpio --quiet -o -H newc -R 0:0) >"$place/initrd" || exit 1

# Software emulation alone: whether the host may virtualise must not decide what is tested. In one thread: with a thread for each
# emulated CPU, one of them was seen to run a breakpoint that Linux 7.2 had already removed, when it patches its code for another
# clock source ("Oops: int3"). The kernel's tests of its own cryptography, a fifth of its start, are left out.
# shellcheck disable=SC2086 # lists of words
timeout -k 2 "$timeout" qemu-system-x86_64 -accel tcg,thread=single -M q35 -cpu "$cpu" -smp "$cpus" -m 128 \
  -kernel "$kernel/vmlinuz" -initrd "$place/initrd" \
  -append "console=ttyS0,115200 quiet panic=-1 cryptomgr.notests=1 \
takt.guest=$name takt.tests=$tests $kernel_arguments takt.seconds=$timeout" \
  -nodefaults -no-user-config -display none -no-reboot -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 \
  $qemu_arguments </dev/null >"$place/output" 2>"$place/errors"
status=$?
tr -d '\r' <"$place/output"
grep -v 'warning: TCG doesn.t support requested feature' "$place/errors" >&2

# hold_report: checks the report that the guest printed, if any; with TAKT_RECORD in the environment it becomes the reference.
hold_report() {
  tr -d '\r' <"$place/output" | sed -n '/^report begins$/,/^report ends$/p' | sed '1d; $d' >"$place/report.json"
  [ -s "$place/report.json" ] && [ -n "$python" ] || return 0
  machines=$(dirname "$0")/../tool/machines
  [ -z "${TAKT_RECORD:-}" ] ||
    "$python" -m json.tool --indent 1 "$place/report.json" "$machines/guest_$(echo "$name" | tr . _).json"
  "$python" -B "$machines/../report_check.py" "$place/report.json"
  case $? in 0 | 77) ;; *) echo "guest.$name: no sound report" && return 1 ;; esac
}
python=$(command -v /usr/bin/python3 || command -v python3) # the first is that of Debian's packages

# The device makes 2n + 1 of what init wrote. 32 is a pass, so that an error of qemu (1) cannot be taken for one.
case $status in
65) hold_report && exit 0 ;;
67) echo "guest.$name: tests failed" ;;
69) echo "guest.$name: the test program was killed" ;;
71) echo "guest.$name: the test program took too long" ;;
73) echo "guest.$name: the guest's init could not set the machine up" ;;
0) echo "guest.$name: the guest went down: a panic, most likely" ;;
124 | 137) echo "guest.$name: no end after $timeout s" ;;
*) echo "guest.$name: qemu ended with status $status" ;;
esac
exit 1
