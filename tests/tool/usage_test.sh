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
