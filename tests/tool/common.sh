# common.sh - sourced by every script here: how a test runs the tool and says what it expects.
#   sh NAME_test.sh TAKT JSON_VALUE REPORT_CHECK VERSION FACTS
set -u
unset COLUMNS
takt=$1 json_value=$2 report_check=$3 version=$4 facts=$5
python=$(command -v /usr/bin/python3 || command -v python3) # the first is that of Debian's packages
# Not only ours to read: some of it is run as another user.
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-tool.XXXXXX") && chmod 755 "$work" || exit 1
trap 'rm -rf "$work"' EXIT
out=$work/out err=$work/err
failures=0

fail() {
  failures=$((failures + 1))
  echo "FAILED: $*"
  sed 's/^/  stdout: /' "$out" | head -n 20
  sed 's/^/  stderr: /' "$err" | head -n 20
}
# skip REASON: a part of the script; skip_all REASON: what is left is all, and CTest counts a skipped test where nothing failed.
skip() { echo "SKIPPED: $(basename "$0"): $*"; }
skip_all() {
  skip "$@"
  [ $failures != 0 ] || exit 77
  finish
}
finish() {
  [ $failures = 0 ] && echo passed
  exit $((failures > 0))
}

# run STATUS COMMAND...: what it prints is in $out and $err.
run() {
  wanted=$1
  shift
  "$@" >"$out" 2>"$err" </dev/null
  status=$?
  [ $status = "$wanted" ] || fail "status $status instead of $wanted: $*"
}
# done_by, could_not, wrong_usage ARG...: runs the tool, which must end so. An error says why on standard error alone.
done_by() {
  run 0 "$takt" "$@"
  [ ! -s "$err" ] || fail "something on standard error: takt $*"
  [ -s "$out" ] || fail "nothing on standard output: takt $*"
}
refusing() {
  wanted=$1
  shift
  run "$wanted" "$takt" "$@"
  [ ! -s "$out" ] || fail "something on standard output: takt $*"
  [ "$(grep -c '^takt: ' "$err")" = 1 ] && [ "$(wc -l <"$err")" = 1 ] || fail "not one line that says why: takt $*"
}
could_not() { refusing 1 "$@"; }
wrong_usage() { refusing 2 "$@"; }

says() { grep -q -e "$1" "$out" || fail "no \"$1\" in what it printed"; }
complains() { grep -q -e "$1" "$err" || fail "no \"$1\" in what it complained of"; }
# sound_report: $out is what takt report --json prints on some machine.
sound_report() {
  cp "$out" "$work/report.json"
  [ -n "$python" ] || { skip 'no python3, so no report is held against its schema'; return; }
  "$python" -B "$report_check" "$work/report.json" >"$work/check" 2>"$err"
  case $? in
  0) ;;
  77) cat "$work/check" ;;
  *) fail 'not a report' ;;
  esac
}
# json POINTER...: what is there in the documents of $out.
json() { "$json_value" "$@" <"$out" || fail "not JSON, or nothing at $*"; }
# same WHAT A B
same() { [ "$2" = "$3" ] || fail "$1: '$2' is not '$3'"; }

# start ARG...: the tool in the background as $tool, ready to be asked to stop. Such a job ignores some signals unless they
# are made ordinary again.
start() {
  env --default-signal=INT,QUIT,HUP,TERM "$takt" "$@" >"$out" 2>"$err" </dev/null &
  tool=$!
  until_true catches_interrupts $tool
}
catches_interrupts() { grep -q '^SigCgt:.*[4-7c-f][0-9a-f]\{2\}[37bf]$' "/proc/$1/status"; } # HUP, INT and TERM: bits 0, 1, 14
# stopped SIGNAL: what was started ends well when it comes; twice at once, as timeout(1) and shells do it.
stopped() {
  kill "-$1" $tool $tool
  wait $tool
  same "status after SIG$1" $? 0
}

# stops CHECK ARG...: the tool, stopped by each of the signals that ask it to, ends well with what it has: CHECK tests that.
# Before it is asked it has stop_after seconds, 0.1 where that is not set.
stops() {
  check=$1
  shift
  for signal in INT TERM HUP; do
    start "$@"
    sleep "${stop_after:-0.1}"
    stopped $signal
    eval "$check"
  done
}

# full_pipe: a pipe on descriptor 3 that takes no more; `emptied_pipe FILE` lets it go on, into FILE.
full_pipe() {
  mkfifo "$work/full"
  sleep 60 <"$work/full" >/dev/null &
  full_pipe_reader=$!
  exec 3>"$work/full"
  dd if=/dev/zero of="$work/full" bs=4096 count=4096 oflag=nonblock 2>/dev/null
}
emptied_pipe() {
  exec 4<"$work/full"
  cat <&4 >"$1" 3>&- &
  exec 3>&- 4<&-
  kill $full_pipe_reader
  rm "$work/full"
}

# fits WIDTH COMMAND...: no line of it is longer.
fits() {
  wide=$1
  shift
  run 0 "$@"
  awk -v wide="$wide" 'length > wide { exit 1 }' "$out" || fail "lines of more than $wide columns: $*"
}

# Values that each flag in a command's help must refuse.
strict() {
  wrong_usage "$1" --
  sed -n 's/^  \(--[a-z-]*\)  .*/\1/p' "$work/help" | grep -v '^--help$' >"$work/switches"
  sed -n 's/^  \(--[a-z-]*\) \([A-Z][A-Zx-]*\) .*/\1 \2/p' "$work/help" >"$work/values"
  while read -r flag; do
    wrong_usage "$1" "$flag=perhaps"
    wrong_usage "$1" "$flag="
    wrong_usage "$1" "$flag" "$flag"
    complains "$flag is given twice"
    wrong_usage "$1" "$(echo "$flag" | sed 's/\(.*[a-z]\)-/\1_/')x"
  done <"$work/switches"
  while read -r flag kind; do
    case $kind in TIME) value=20ms ;; N | PID) value=1 ;; *) value=x ;; esac
    wrong_usage "$1" "$flag"
    wrong_usage "$1" "$flag="
    wrong_usage "$1" "$flag" ''
    wrong_usage "$1" "$flag" --json
    complains "$flag wants a value"
    wrong_usage "$1" "$flag" $value "$flag=$value"
    complains "$flag is given twice"
    case $kind in
    TIME) bad='inf -inf 99999999999999h 1e999s 5 0x5ms 1ms1 -' ;;
    N | PID) bad='99999999999999999999 -99999999999999999999 1.5 1e3 nan -' ;;
    *) bad= ;;
    esac
    for value in $bad; do wrong_usage "$1" "$flag" "$value"; done
  done <"$work/values"
}

# concludes COMMAND ARG...: it begins with its conclusion, in three lines at most and an empty one, and speaks the field's
# language. Its help, $work/help, does too.
concludes() {
  done_by "$@" --json
  [ -n "$(tail -n 1 "$out" | "$json_value" /headline 2>/dev/null || json /headline)" ] || fail "no headline: takt $*"
  run 0 env COLUMNS=80 "$takt" "$@"
  awk 'NF == 0 { empty = NR; exit } END { exit !(empty >= 2 && empty <= 4) }' "$out" || fail "no conclusion of one to three lines: takt $*"
  ! grep -q 'More with --details' "$out" || grep -q '^  --details' "$work/help" || fail "points at a flag that it does not have: takt $*"
  COLUMNS=1000 "$takt" "$@" | cat - "$work/help" >"$out"
  ! grep -n -i -w -E 'not told|tells?|told|roads?|looks?|somebody|nobody|anybody' "$out" || fail "words that this field does not use: takt $*"
}

# The checks for every subcommand. every COMMAND ARG...: the arguments make it short and able to print JSON. takes_files is set
# for a command whose operands are files.
every() {
  name=$1
  shift
  done_by "$name" --help
  says '^Usage: takt'
  says '^Example:'
  says '^  takt '
  says '--json'
  cp "$out" "$work/help"
  strict "$name"
  wrong_usage "$name" --no-such-flag
  wrong_usage "$name" --no-such-flag=1
  [ -n "${takes_files:-}" ] || wrong_usage "$name" stray
  wrong_usage "$name" --json=perhaps
  # It can be read on any terminal, and where there is none.
  done_by "$name" "$@"
  awk 'length > 80 { exit 1 }' "$out" || fail "lines of more than 80 columns: takt $name $*"
  for width in 40 72; do fits $width env COLUMNS=$width "$takt" "$name" "$@"; done
  done_by "$name" --json "$@"
  json >/dev/null
  # Nanoseconds are whole.
  ! grep -E '"[a-z_]*_[np]s": ?-?[0-9]+[.e]' "$out" || fail "a fraction of a nanosecond: takt $name --json"

  # Facts for people are facts for programs too.
  run 0 "$facts" "$name" "$@"
  ! grep 'on the screen alone: ' "$out" >&2 || fail "facts on the screen alone: $name"

  # A command that a reader may copy is in one line.
  for width in 40 80; do
    COLUMNS=$width "$takt" "$name" --help | sed '/^Example:/,$d' | awk -v wide=$width 'length > wide { exit 1 }' ||
      fail "help wider than $width columns: $name"
  done

  # Output that cannot be written is a failure, and no signal.
  run 1 sh -c 'exec "$@" >/dev/full' sh "$takt" "$name" "$@"
  complains 'No space left'
  run 1 sh -c 'exec "$@" >&-' sh "$takt" "$name" "$@"
  mkfifo "$work/pipe"
  : <"$work/pipe" &
  exec 3>"$work/pipe"
  wait $! # now there is no reader
  for form in --json=false --json; do
    "$takt" "$name" $form "$@" >&3 2>"$err"
    same "status of $name $form at a closed pipe" $? 1
    same "$name $form at a closed pipe is silent" "$(cat "$err")" ''
  done
  exec 3>&-
  rm "$work/pipe"
}

# as_nobody COMMAND...: runs it without privileges. Precondition: can_be_nobody.
can_be_nobody() {
  [ "$(id -u)" = 0 ] || return 0
  cp "$takt" "$work/takt" && setpriv --reuid=65534 --regid=65534 --clear-groups "$work/takt" --version >/dev/null 2>&1
}
as_nobody() {
  if [ "$(id -u)" = 0 ]; then
    shift
    setpriv --reuid=65534 --regid=65534 --clear-groups "$work/takt" "$@"
  else
    "$@"
  fi
}

# in_own_mounts "$@": starts the script again where it can lay files over those of the kernel without any other process
# seeing it; ends it with a skip where that is not possible.
in_own_mounts() {
  [ -z "${TAKT_OWN_MOUNTS:-}" ] || return 0
  for how in 'unshare -m' 'unshare -rm'; do
    if $how mount --bind "$work" "$work" 2>/dev/null; then
      TAKT_OWN_MOUNTS=yes $how sh "$0" "$@"
      exit $?
    fi
  done
  skip_all 'needs mount namespaces (unshare -m), which this user or container may not make'
}

# with_tracefs "$@": starts the script again where tracefs is mounted, if root may do that without any other process seeing it.
tracing=/sys/kernel/tracing
with_tracefs() {
  [ "$(id -u)" = 0 ] && ! grep -q ' tracefs ' /proc/mounts || return 0
  if [ -z "${TAKT_OWN_MOUNTS:-}" ]; then
    unshare -m true 2>/dev/null || return 0
    in_own_mounts "$@"
  fi
  mount -t tracefs nodev $tracing 2>/dev/null
}

# until_true COMMAND...: waits some seconds for it.
until_true() {
  for _ in $(seq 200); do
    "$@" && return 0
    sleep 0.05
  done
  fail "waited in vain for: $*"
}
