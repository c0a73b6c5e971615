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

for form in --version --help -h help; do
  wrong_usage $form extra
  complains "what is 'extra'"
  wrong_usage $form --json
done

# A terminal says how wide it is, whatever COLUMNS says.
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
  for width in 40 60 80 132; do
    COLUMNS=200 script -qec "stty cols $width && '$takt' slack && '$takt' vdso && '$takt' cost --repetitions 2 2>/dev/null" /dev/null </dev/null |
      tr -d '\r' >"$out"
    says '^Timer slack'
    says '^Symbols'
    says '^Cost of one read'
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
  # A terminal is no place for an ELF image.
  script -qec "'$takt' vdso --dump -; echo status \$?" /dev/null </dev/null | tr -d '\r' >"$out"
  says '^status [12]'
else
  skip 'terminals: needs script(1)'
fi
for nonsense in 0 -5 x 1 99999999999999999999 ''; do
  run 0 env COLUMNS="$nonsense" "$takt" slack
  awk 'length > 80 { exit 1 }' "$out" || fail "COLUMNS=$nonsense makes lines long"
done

wrong_usage no-such-command
complains "no-such-command"
wrong_usage --no-such-flag
wrong_usage ''
# Every command that a help text or the README names, in backquotes or with flags at the beginning of a line, helps.
commands=$(sed -n 's/^  \([a-z-]*\)  .*/\1/p' "$work/help")
for command in $commands; do done_by "$command" --help; cat "$out"; done >"$work/helps"
named=$(cat "$work/helps" "$(dirname "$0")/../../README.md" | grep -oE '`takt [a-z-]+|^ *takt [a-z-]+ -' | sed 's/ -$//; s/.* //' |
  grep -v '^-' | sort -u)
for command in $named; do done_by "$command" --help; done
run 1 sh -c 'exec "$1" --help >/dev/full' sh "$takt"
finish
