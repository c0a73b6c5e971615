#!/bin/sh
# collect.sh - gathers on any Linux what takt reads, for `takt report --from`, `takt irq --from` and `takt slack --from`.
#
#   sh collect.sh [-i SECONDS] [-n] OUTPUT   into the directory OUTPUT, or into a tar file if OUTPUT ends with .tar
#   sh collect.sh -l                         lists what it takes, and takes nothing
#
#   -i SECONDS   count interrupts for so long, 3 without it
#   -n           leave out the threads, and with them the names of programs
#
# Needs sh, cat, grep, sed, mkdir, rm, sleep and uname, as POSIX has them; dmesg for the kernel's log, gzip for
# /proc/config.gz, tar for a tar file. Changes nothing on the machine. Root sees more: the timer slack of all threads, and
# the kernel's log where kernel.dmesg_restrict is set.
set -u
LC_ALL=C
export LC_ALL
umask 077

taken() {
  cat <<'END'
takt-collection  format, kernel release and architecture, whether root ran this, uptime at both counts, what was missing
proc/interrupts, proc/interrupts.later
                 the counts of timers and of the kernel's own rows; no row of another device
proc/cpuinfo     number, maker, model name and flags of each processor; no serial number
proc/cmdline     the parameters that decide about clocks, ticks and idle states; no other
sys/devices/system/clocksource, sys/devices/system/clockevents
                 the names of clock sources and clock event devices
sys/devices/system/cpu
                 the lists online, isolated and nohz_full
boot/config-*    the lines of the kernel's configuration about HZ, ticks, timers and CPU accounting
kernel-log       the lines of the kernel's log about its version, clocks and the TSC
threads          process, thread, timer slack, scheduling policy, flags and name of each thread; no command line, no user
Nothing else: no host name, user name, address, machine id, serial number or file name.
END
}
fail() {
  echo "collect.sh: $*" >&2
  exit 1
}
usage() {
  echo 'usage: sh collect.sh [-i SECONDS] [-n] OUTPUT, or sh collect.sh -l' >&2
  exit 2
}

interval=3 threads=yes
while getopts i:nl option; do
  case $option in
  i) interval=$OPTARG ;;
  n) threads=no ;;
  l) taken && exit 0 ;;
  *) usage ;;
  esac
done
shift $((OPTIND - 1))
if [ $# != 1 ] || [ -z "$1" ]; then usage; fi
case $interval in '' | *[!0-9]* | ???????*) usage ;; esac
[ "$interval" -gt 0 ] || usage
case $1 in
-*) output=./$1 ;;
*) output=$1 ;;
esac
if [ -e "$output" ] || [ -L "$output" ]; then fail "$output is there already"; fi
case $output in
*.tar) place=$output.$$ ;;
*) place=$output ;;
esac
mkdir "$place" || fail "$place cannot be made"
trap 'rm -rf "$place"' EXIT
trap 'exit 1' HUP INT TERM
root=$place/takt-collection.d
mkdir "$root" "$root/proc" "$root/sys" "$root/sys/devices" "$root/sys/devices/system" "$root/boot" || fail "$root cannot be filled"

about=$root/takt-collection
missing() { echo "missing $*" >>"$about"; }
# take FILE: the whole of a small file below its own path.
take() {
  [ -e "/$1" ] || return 0
  cat "/$1" >"$root/$1" 2>/dev/null || { rm -f "$root/$1"; missing "$1"; }
}

{
  echo 'takt-collection 1'
  echo "release $(uname -r)"
  echo "machine $(uname -m)"
  echo "root $([ "$(id -u 2>/dev/null)" = 0 ] && echo yes || echo no)"
} >"$about"

# Clock sources and clock event devices.
for directory in clocksource clocksource/clocksource0 clockevents cpu; do
  [ ! -d "/sys/devices/system/$directory" ] || mkdir "$root/sys/devices/system/$directory"
done
for file in clocksource/clocksource0/current_clocksource clocksource/clocksource0/available_clocksource cpu/online cpu/isolated \
  cpu/nohz_full; do
  take "sys/devices/system/$file"
done
rows='^ *CPU[0-9]|^ *[A-Za-z][A-Za-z0-9_]*:|timer|hpet|rtc|twd|MCT|mct_| gt$'
for directory in /sys/devices/system/clockevents/*/; do
  directory=${directory%/}
  [ -e "$directory/current_device" ] || continue
  mkdir "$root$directory"
  take "${directory#/}/current_device"
  # A row of /proc/interrupts ends with the name of a device; what is special in a pattern stands for any character.
  name=$(sed 's/[^A-Za-z0-9 _-]/./g' "$root$directory/current_device" 2>/dev/null)
  case "|$rows|" in *"|$name|"*) ;; *) [ -z "$name" ] || rows="$rows|$name" ;; esac
done
[ -e /sys/devices/system/clocksource ] || missing 'sys: is it mounted?'

# Timer interrupts, counted twice.
count() {
  if [ -r /proc/uptime ] && [ -r /proc/interrupts ]; then
    read -r before _ </proc/uptime
    cat /proc/interrupts >"$place/interrupts"
    read -r after _ </proc/uptime
    grep -E "$rows" "$place/interrupts" >"$root/proc/$1"
    rm "$place/interrupts"
    echo "$1 $before $after" >>"$about"
  else
    missing 'proc/interrupts'
  fi
}
count interrupts
[ ! -e "$root/proc/interrupts" ] || sleep "$interval"
[ ! -e "$root/proc/interrupts" ] || count interrupts.later

# The processors, and what the kernel was started and built with.
if [ -r /proc/cpuinfo ]; then
  grep -E '^(processor|vendor_id|model name|flags|Features|isa|uarch|CPU implementer|CPU part)[[:space:]]*:|^$' /proc/cpuinfo \
    >"$root/proc/cpuinfo"
else
  missing 'proc/cpuinfo'
fi
if [ -r /proc/cmdline ]; then
  set -f
  # shellcheck disable=SC2013 # the words are wanted
  for word in $(cat /proc/cmdline); do
    case $word in
    tsc=* | notsc | tsc_early_khz=* | clocksource=* | clocksource.* | nohz=* | nohz_full=* | highres=* | hpet=* | nohpet | pmtmr=* | \
      acpi_pm_good | idle=* | processor.max_cstate=* | intel_idle.max_cstate=* | isolcpus=* | rcu_nocbs=* | skew_tick=* | threadirqs | \
      preempt=* | lapic | lapic=* | nolapic | nolapic_timer | no-kvmclock | no-kvmclock-vsyscall | no_timer_check | nosmp | maxcpus=* | nr_cpus=*)
      printf '%s ' "$word"
      ;;
    esac
  done >"$root/proc/cmdline"
  echo >>"$root/proc/cmdline"
  set +f
fi
config=$root/boot/config-$(uname -r)
lines='CONFIG_(HZ|HZ_.*|NO_HZ.*|HIGH_RES_TIMERS|TICK_.*|VIRT_CPU_ACCOUNTING.*|IRQ_TIME_ACCOUNTING|PREEMPT.*)[= ]'
if [ -r /proc/config.gz ]; then
  gzip -dc /proc/config.gz 2>/dev/null | grep -E "$lines" >"$config"
elif [ -r "/boot/config-$(uname -r)" ]; then
  grep -E "$lines" "/boot/config-$(uname -r)" >"$config"
fi
[ -s "$config" ] || { rm -f "$config"; missing "the kernel's configuration"; }

# The kernel's log, with the facility of each line where dmesg can show it.
dmesg -r >"$place/log" 2>/dev/null || dmesg >"$place/log" 2>/dev/null
grep -E 'Linux version|tsc|TSC|[Cc]locksource|clock source|Hypervisor detected|hpet|timekeeping|sched_clock' "$place/log" |
  sed 's/\(Linux version [^ ]*\).*/\1/' >"$root/kernel-log" # who built the kernel stands behind it
rm -f "$place/log"
[ -s "$root/kernel-log" ] || { rm -f "$root/kernel-log"; missing "the kernel's log: root may read it, with dmesg"; }

# Threads. A process chooses its name, so a line of its own file may be several.
if [ $threads = yes ]; then
  for process in /proc/[0-9]*; do
    for thread in "$process"/task/[0-9]*; do
      stat=
      { while IFS= read -r line || [ -n "$line" ]; do stat=$stat${stat:+?}$line; done <"$thread/stat"; } 2>/dev/null
      slack=
      { read -r slack <"/proc/${thread##*/}/timerslack_ns"; } 2>/dev/null
      name=${stat#*\(}
      name=${name%\)*}
      set -f
      # shellcheck disable=SC2086 # the fields behind the name, from the third on
      set -- ${stat##*\)}
      set +f
      [ $# -ge 39 ] || continue # it has ended
      printf '%s %s %s %s %s %s\n' "${process##*/}" "${thread##*/}" "${slack:--}" "${39}" "$7" "$name" # echo may read \n in a name
    done
  done >"$root/threads"
  [ -s "$root/threads" ] || { rm -f "$root/threads"; missing 'threads: /proc shows none'; }
else
  missing 'threads: left out by -n'
fi

case $output in
*.tar)
  # Not every tar can leave out who made the file.
  (cd "$place" && { tar --owner=0 --group=0 --numeric-owner -cf - takt-collection.d 2>/dev/null ||
    tar --uid 0 --gid 0 --numeric-owner -cf - takt-collection.d 2>/dev/null ||
    { echo 'collect.sh: this tar writes the name of the user into the file' >&2 && tar -cf - takt-collection.d; }; }) >"$output" ||
    { rm -f "$output"; fail 'tar failed; a directory needs none'; }
  rm -rf "$place"
  ;;
*)
  for entry in "$root"/*; do mv "$entry" "$place" || fail "$place cannot be filled"; done
  rmdir "$root"
  ;;
esac
trap - EXIT
echo "$output"
grep '^missing ' "$about" 2>/dev/null || grep '^missing ' "$output/takt-collection" 2>/dev/null
exit 0
