# The tool by itself: help, version, and what it does not know.
. "$(dirname "$0")/common.sh"

done_by --help
for command in report cost calibrate drift clocksource irq slack vdso align simulate; do says "^  $command "; done
cp "$out" "$work/help"
for form in -h help; do
  done_by $form
  cmp -s "$out" "$work/help" || fail "$form is not --help"
done
run 2 "$takt"
cmp -s "$out" "$work/help" || fail "without a command it does not help"

done_by --version
same version "$(cat "$out")" "takt $version"

for form in --version --help -h; do
  wrong_usage $form extra
  complains "what is 'extra'"
  wrong_usage $form --json
done
done_by help help
cmp -s "$out" "$work/help" || fail 'help help is not --help'
wrong_usage help extra
complains "no command 'extra'"
wrong_usage help report cost
for command in $(sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' "$work/help"); do
  done_by "$command" --help
  cp "$out" "$work/help_of_it"
  done_by help "$command"
  cmp -s "$out" "$work/help_of_it" || fail "help $command is not $command --help"
done
# A subcommand is a file in commands/ and a script here; nothing else need be touched for one.
here=$(dirname "$0")
same 'a file for each command' "$(cd "$here/../../examples/takt/commands" && ls *.cpp | sed 's/\.cpp$//; s/_/-/g' | sort | paste -sd' ')" \
  "$(sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' "$work/help" | sort | paste -sd' ')"
for command in $(sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' "$work/help" | tr - _); do
  [ -e "$here/${command}_test.sh" ] || fail "no test of takt $command"
done
# In the order of their groups, and a job of a script learns how to be stopped.
same 'the first of each group' "$(grep -A1 '^[WH].*:$' "$work/help" | sed -n 's/^  \([a-z-]*\) .*/\1/p' | paste -sd' ')" 'report irq slack'
grep -q SIGTERM "$work/help" || fail 'nothing of SIGTERM in the help'

# A word that is nearly right is suggested, one that is not is not.
for pair in reprot:report repor:report sim:simulate aling:align clock-source:clocksource hlep:help; do
  wrong_usage "${pair%:*}"
  complains "did you mean ${pair#*:}?"
  wrong_usage help "${pair%:*}"
done
wrong_usage irq --intervall 1s
complains 'did you mean --interval?'
wrong_usage slack --jsno
complains 'did you mean --json?'
for far in nonsense q; do
  wrong_usage $far
  ! grep -q 'did you mean' "$err" || fail "a suggestion for $far"
  wrong_usage slack --$far
  ! grep -q 'did you mean' "$err" || fail "a suggestion for --$far"
done

# Complaints quote their subject as text: one line, no escapes for the terminal, and not all of a huge argument.
wrong_usage "$(printf '\033[2J\nx')"
complains "no command '.x1b\[2J.x0ax'"
wrong_usage watch --for "$(printf '%0100000d' 0)"
complains "\.\.\. .*see takt help watch"
[ "$(wc -c <"$err")" -lt 4000 ] || fail 'a complaint that fills the screen'

# Flags belong to their command: two have one of the same name, with defaults of their own.
done_by help watch
says '--for TIME'
done_by help drift
says '--for TIME'
wrong_usage irq --for 1s

# A signal that was ignored at the start stays ignored, as in a job that a script puts into the background.
sh -c '"$1" watch --period 50ms >"$2" 2>&1 & echo $!' sh "$takt" "$work/background" >"$work/pid"
job=$(cat "$work/pid")
until_true grep -q '^Watching' "$work/background"
kill -INT "$job"
sleep 0.3
kill -0 "$job" 2>/dev/null || fail 'SIGINT ends a job that ignores it'
kill -TERM "$job"
until_true sh -c '! kill -0 "$1" 2>/dev/null' sh "$job"
cp "$work/background" "$out"
says '^What happened to the clocks'

# A terminal says how wide it is, whatever COLUMNS says.
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
  for width in 40 60 80 132; do
    COLUMNS=200 script -qec "stty cols $width && '$takt' slack && '$takt' vdso && '$takt' cost --repetitions 2 2>/dev/null" /dev/null </dev/null |
      tr -d '\r' >"$out"
    says 'Timer slack'
    says 'Symbols'
    says 'Cost of one read'
    sed -i 's/\x1b\[[01]m//g' "$out"
    awk -v wide=$width 'length > wide { exit 1 }' "$out" || fail "lines of more than $width columns on a terminal of as many"
  done
  # The full table where there is room for it, a shorter one where not.
  for width in 132 80; do
    script -qec "stty cols $width && '$takt' cost --repetitions 2 2>/dev/null" /dev/null </dev/null | tr -d '\r' >"$out"
    [ $width = 80 ] || says 'in user space'
    [ $width = 132 ] || ! grep -q 'in user space' "$out" || fail 'the full table on 80 columns'
  done
  # A terminal that does not tell its width, and an environment that lies about it, when there is progress to show.
  run 0 env COLUMNS=4000000000 script -qec "stty cols 0 && '$takt' calibrate --longest-budget 400ms --each-budget 4" /dev/null
  says 'calibrating \['
  # Nothing is left of it when the result comes: the last thing before that takes it away.
  tr '\r' '\n' <"$out" | sed 's/\x1b\[[01]m//g' | grep -v '^ *$' >"$work/lines"
  grep -B1 '^The counter runs at' "$work/lines" | head -n 1 | grep -q '%$' || fail 'no progress before the result'
  grep '^The counter runs at' "$work/lines" >/dev/null || fail 'the result does not begin a line'
  tr '\r' '\n' <"$out" | grep -A1 '%$' | tail -n 1 | grep -q '^ *$' || fail 'the last line of progress is not taken away'
  # Headings are bold on a terminal, unless it or its user wants none, and nowhere else.
  bold() { printf '\033[1mTimer slack\033[0m'; }
  script -qec "TERM=xterm NO_COLOR= '$takt' slack" /dev/null </dev/null >"$out"
  grep -qF "$(bold)" "$out" || fail 'no bold heading on a terminal'
  for plain in 'TERM=xterm NO_COLOR=1' 'TERM=dumb NO_COLOR=' 'TERM= NO_COLOR='; do
    script -qec "env $plain '$takt' slack" /dev/null </dev/null >"$out"
    says 'Timer slack'
    ! grep -q "$(printf '\033')" "$out" || fail "escapes with $plain"
  done
  # A terminal is no place for an ELF image.
  script -qec "'$takt' vdso --dump -; echo status \$?" /dev/null </dev/null | tr -d '\r' >"$out"
  says '^status [12]'
else
  skip 'terminals: needs script(1)'
fi
TERM=xterm "$takt" slack >"$out"
! grep -q "$(printf '\033')" "$out" || fail 'escapes in a file'
for nonsense in 0 -5 x 1 99999999999999999999 ''; do
  run 0 env COLUMNS="$nonsense" "$takt" slack
  awk 'length > 80 { exit 1 }' "$out" || fail "COLUMNS=$nonsense makes lines long"
done

wrong_usage no-such-command
complains "no-such-command"
wrong_usage --no-such-flag
wrong_usage ''
# Every command that a help text or the README names, in backquotes or with flags at the beginning of a line, helps.
commands=$(sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' "$work/help")
for command in $commands; do done_by "$command" --help; cat "$out"; done >"$work/helps"
named=$(cat "$work/helps" "$(dirname "$0")/../../README.md" | grep -oE '`takt [a-z-]+|^ *takt [a-z-]+ -' | sed 's/ -$//; s/.* //' |
  grep -v '^-' | sort -u)
for command in $named; do done_by "$command" --help; done
run 1 sh -c 'exec "$1" --help >/dev/full' sh "$takt"
finish
