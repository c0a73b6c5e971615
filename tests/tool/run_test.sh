# takt run: programs that know nothing of takt keep every promise of the functions they call, and are started as by exec.
. "$(dirname "$0")/common.sh"
with_tracefs "$@"
every run --explain -- true
concludes run --explain
beside=$(dirname "$takt") tests=$(dirname "$facts")
object=$beside/libtakt_preload.so waits=$tests/takt_run_waits

# The object needs libc alone, binds at load, and stands in front of the functions that it moves and of no others.
readelf -d "$object" >"$out"
same NEEDED "$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$out")" libc.so.6
says 'BIND_NOW\|NOW'
nm -D --defined-only "$object" | awk '{ print $3 }' | sort >"$work/exported"
{
  echo '__nanosleep __poll __poll_chk __ppoll_chk __select __sigtimedwait syscall timer_create timerfd_create' | tr ' ' '\n'
  sed -n 's/^    {"\(.*\)/{"\1/p' "$(dirname "$0")/../../examples/preload/wait_list.hpp" | grep -o '{"[a-z_0-9]*", family' |
    sed 's/{"//; s/",.*//' | grep -v '^futex$'
} | sort >"$work/wanted"
cmp "$work/exported" "$work/wanted" || fail "what the object exports: $(diff "$work/exported" "$work/wanted" | tr '\n' ' ')"
# syscall() is a jump that leaves no frame and writes nothing to the stack, which a vfork shares.
objdump -d "$object" | awk '/<syscall>:$/ { inside = 1; next } /^$/ { inside = 0 } inside' >"$out"
[ -s "$out" ] && ! grep -E '[[:space:]](push|callq?|sub) |,(-?0x[0-9a-f]+)?\(%rsp\)$|\[sp' "$out" >&2 || fail 'syscall() in the object has a frame'
same 'who may read the object' "$(stat -c %A "$object" | cut -c 8)" r

# What the program becomes: its process, its status, its signals, its environment.
same 'a process of its own' "$(sh -c 'echo $$; exec "$1" run --quiet -- sh -c "echo \$\$"' sh "$takt" | uniq | wc -l)" 1
run 7 "$takt" run -- sh -c 'exit 7'
run 141 sh -c '"$1" run --quiet -- sh -c "kill -PIPE \$\$"; exit $?' sh "$takt"
could_not run -- "$work/no-such-program"
run 0 "$takt" run --quiet -- cat /proc/self/timerslack_ns
same 'slack beside the object' "$(cat "$out" "$err")" 1000000
run 0 "$takt" run --quiet --slack 300us -- cat /proc/self/timerslack_ns
same 'a small slack' "$(cat "$out")" 300000
run 0 "$takt" run --quiet --kernel-only --slack 7ms -- sh -c 'cat /proc/self/timerslack_ns; echo "${LD_PRELOAD-none}${TAKT_RUN-}"'
same 'the kernel alone' "$(paste -sd' ' "$out")" '7000000 none'
run 0 "$takt" run --quiet -- "$takt" run --quiet --kernel-only -- sh -c 'echo "${TAKT_RUN-nothing}"'
same 'the kernel alone, in a run with the object' "$(cat "$out" "$err")" nothing
run 0 env LD_PRELOAD=libm.so.6 "$takt" run --quiet -- sh -c 'echo "$LD_PRELOAD"'
same 'behind what is preloaded already' "$(cat "$out")" "libm.so.6:$object"
run 0 "$takt" run --quiet -- "$takt" run --quiet --slack 5ms --waits poll,timerfd --share 2.5% -- sh -c 'echo "$LD_PRELOAD $TAKT_RUN"'
same 'run in run' "$(cat "$out")" "$object slack=5000000,share=25000,waits=poll+timerfd"
run 0 "$takt" run --quiet -- printf '%s,' --json -- --help
same 'arguments' "$(cat "$out" "$err")" '--json,--,--help,'
for how in --default-signal --ignore-signal=PIPE,XFSZ,INT --block-signal=USR1; do
  env $how grep -E '^Sig(Ign|Blk|Cgt):' /proc/self/status >"$work/before"
  env $how "$takt" run --quiet -- grep -E '^Sig(Ign|Blk|Cgt):' /proc/self/status >"$work/after"
  cmp "$work/before" "$work/after" || fail "the signals of a program, with $how"
done
# Said on standard error, and not at all if it is not wanted.
run 0 "$takt" run -- true
complains 'preloaded object moves'
[ ! -s "$out" ] || fail 'something on standard output'

wrong_usage run
wrong_usage run --json -- true
wrong_usage run --once -- true
wrong_usage run --explain --report -- true
wrong_usage run --print-unit x -- true
for bad in 0s -1ms 2h; do wrong_usage run --slack $bad -- true; done
for bad in 0 -1 0% 101% x 10%% nan ''; do wrong_usage run --share "$bad" -- true; done
for bad in x sleep, ,sleep 'sleep poll' SLEEP; do wrong_usage run --waits "$bad" -- true; done
for bad in '' -x ../x 'a b' 'a
b'; do wrong_usage run --print-unit "$bad"; done

# The contract of each function. Alone first: what fails there is not takt's.
judge() {
  run 0 "$@"
  grep '^SKIPPED' "$out"
}
for what in never_early interrupted cancelled children early own_slack 'refused 38' 'refused 1'; do
  # shellcheck disable=SC2086 # words
  judge "$waits" $what
  for how in '--slack 10ms' '--slack 100ms' '--slack 100ms --share 100%'; do
    # shellcheck disable=SC2086
    judge "$takt" run --quiet $how -- "$waits" $what
  done
done
judge "$takt" run --quiet -- "$tests/takt_run_waits_static" never_early
if chrt -f 10 true 2>/dev/null; then
  judge chrt -f 10 "$takt" run --quiet --slack 100ms -- "$waits" never_early
else
  skip 'needs the right to be real-time'
fi
"$waits" answers >"$work/plain"
for how in '--slack 10ms' '--slack 100ms --share 100%'; do
  # shellcheck disable=SC2086
  run 0 "$takt" run --quiet $how -- "$waits" answers
  cmp "$work/plain" "$out" || fail "what functions answer, with $how"
done
# Settings that make no sense move nothing, and disturb nothing.
for text in '' slack slack=x slack=99999999999999999999 'slack=1,waits=none' =; do
  judge env LD_PRELOAD="$object" TAKT_RUN="$text" "$waits" never_early
done
run 0 env LD_PRELOAD="$object" sh -c 'sleep 0.01'
same 'without settings' "$(cat "$out" "$err")" ''

# The point is one of the machine's grid, in a time namespace too. A machine may be too late to show it once.
near() { # near WANTED COMMAND...: the command prints a number that is it, or up to 3 more
  wanted=$1
  shift
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    got=$("$@") || return $?
    [ "$got" -lt "$wanted" ] || [ "$got" -gt $((wanted + 3)) ] || return 0
  done
  fail "$got instead of $wanted: $*"
}
near 0 "$takt" run --quiet --slack 100ms --share 100% -- "$waits" point 100
near 37 "$waits" shifted 37 "$takt" run --quiet --slack 100ms --share 100% -- "$waits" point 100
[ $? != 77 ] || skip 'needs a time namespace'

# Counts of every function, over forks and execs.
run 0 "$takt" run --report --once --quiet --json --slack 100ms --share 100% -- sh -c '"$1" never_early; exec "$1" never_early' sh "$waits"
for i in $(seq 0 23); do
  [ "$(json "/waits/rows/$i/waits")" = "$(json "/waits/rows/$i/moved")" ] || fail "moved: $(json "/waits/rows/$i/function")"
done
same 'programs' "$(json /waits/programs)" 3
! ls /dev/shm/takt-run.* 2>/dev/null || fail 'the file of counts is left behind'
run 5 "$takt" run --report --once --quiet -- sh -c 'echo mine; sleep 0.05; exit 5'
same 'the output is the program'"'"'s' "$(cat "$out")" mine
complains 'nanosleep *1 *1 '
could_not run --report --once --quiet -- "$work/no-such-program"
with_root_tracing() { [ "$(id -u)" = 0 ] && [ -d /sys/kernel/tracing/instances ]; }
if with_root_tracing; then
  run 0 "$takt" run --report --quiet --json -- sleep 0.2
  same 'both ways' "$(json /wakeups/rows/0/run /wakeups/rows/1/run | paste -sd' ')" 'without with'
else
  skip 'comparing needs root and tracefs'
fi

# Programs out of reach are recognised from their files.
recognised() { # recognised WHY PROGRAM ARG...
  why=$1
  shift
  done_by run --slack 20ms --json --explain -- "$@"
  same "$1 is out of reach" "$(json /run/reached) $(json /run/kernel_slack_ns)" 'false 20000000'
  run 0 "$takt" run --explain -- "$@"
  tr '\n' ' ' <"$out" | grep -q "$why" || fail "not said of $1: $why"
}
reached() {
  done_by run --json --explain -- "$@"
  same "$1 is in reach" "$(json /run/reached)" true
}
reached sleep 1
reached "$waits"
recognised 'statically linked' "$tests/takt_run_waits_static"
recognised 'clears the environment' env -i true
recognised 'clears the environment' env -u X -i A=b true
recognised 'clears the environment' env -iuX true
reached env A=b grep -i x
reached env -umail -C/bin true
reached env -u -i true
printf '#!/bin/sh\n' >"$work/script"
printf '#! /usr/bin/env sh\n' >"$work/script_by_env"
printf '#!%s x\n' "$tests/takt_run_waits_static" >"$work/script_static"
printf 'exit 0\n' >"$work/script_bare"
printf '\177ELF\001\001\001\0\0\0\0\0\0\0\0\0\002\0\003\0%0100d' 0 >"$work/program_32"
chmod 755 "$work"/script* "$work/program_32"
for script in script script_by_env script_bare; do reached "$work/$script"; done
recognised 'statically linked' "$work/script_static"
recognised '32 bits' "$work/program_32"
could_not run --explain -- "$work"
could_not run --explain -- no-such-program-anywhere
if [ "$(id -u)" = 0 ]; then
  cp "$(command -v sleep)" "$work/gains" && chown 65534 "$work/gains" && chmod 4755 "$work/gains"
  recognised 'gains rights' "$work/gains"
  run 0 "$takt" run --quiet --slack 20ms -- "$work/gains" 0.01
  same 'a set-user-ID program is started in silence' "$(cat "$out" "$err")" ''
else
  skip 'only root makes a set-user-ID program of another user'
fi
if compiler=$(command -v musl-gcc); then
  # musl's select writes back nothing: a loop may keep its time-out, even in a constant.
  printf '#include <%s.h>\n' unistd poll sys/select >"$work/musl.c"
  printf 'int main(void) { static const struct timeval t = {0, 5000}; usleep(3000); select(0, 0, 0, 0, (void*)&t); return poll(0, 0, 5); }\n' >>"$work/musl.c"
  "$compiler" -o "$work/musl" "$work/musl.c" && reached "$work/musl"
  run 0 "$takt" run --report --once -- "$work/musl"
  complains 'poll  *1  *1 '
  complains 'select  *1  *1 '
  # musl has not all that glibc has, and what the object looked for in vain is not the program's error.
  printf '#include <dlfcn.h>\nint main(void) { return dlerror() != 0; }\n' >"$work/no_error.c"
  "$compiler" -o "$work/no_error" "$work/no_error.c" && run 0 "$takt" run --quiet -- "$work/no_error"
else
  skip 'needs musl-gcc for a program without glibc'
fi

# For systemd: the conclusion is a comment, and the rest is what a unit file takes.
done_by run --print-unit nginx --slack 20ms
same 'unit' "$(grep -v '^#' "$out" | grep . | paste -sd';')" \
  "[Service];TimerSlackNSec=1000000ns;Environment=\"LD_PRELOAD=$object\";Environment=\"TAKT_RUN=slack=20000000,share=100000\""
says 'nginx.service.d'
done_by run --print-unit nginx.service --kernel-only --json
same 'unit of the kernel alone' "$(json /unit/drop_in)" '[Service]
TimerSlackNSec=10000000ns'

# Installed, the object lies in ../lib/takt.
mkdir -p "$work/prefix/bin" "$work/prefix/lib/takt"
cp "$takt" "$work/prefix/bin/takt" && run 1 "$work/prefix/bin/takt" run -- true
complains 'neither in'
cp "$object" "$work/prefix/lib/takt/" && run 0 "$work/prefix/bin/takt" run --quiet -- sh -c 'echo "$LD_PRELOAD"'
same 'installed' "$(cat "$out")" "$work/prefix/lib/takt/libtakt_preload.so"
# The loader would complain in the program's output of an object that it cannot load.
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
  run 1 unshare -m sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,noexec "$1" && shift && exec "$@"' sh \
    "$work/prefix/lib" "$work/prefix/bin/takt" run --quiet -- true
  complains 'mounted noexec'
else
  skip 'only root mounts'
fi
mkdir "$work/a\$b" && cp -r "$work/prefix/." "$work/a\$b" && run 1 "$work/a\$b/bin/takt" run --quiet -- true
complains 'a dollar sign'
finish
