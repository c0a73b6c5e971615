# takt(1): made from the tool's own help, so it names every command and flag, and roff has nothing to say against it.
. "$(dirname "$0")/common.sh"
done_by help --man
cp "$out" "$work/takt.1"
sed 's/\\-/-/g; s/\\f[RI]//g' "$work/takt.1" >"$work/plain"
done_by --help
commands=$(sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' "$out")
[ "$(echo "$commands" | wc -l)" -ge 13 ] || fail 'few commands in the help'
for command in $commands; do
  grep -qx "\.SS $command" "$work/plain" || fail "no $command in the manual page"
  "$takt" help "$command" | sed -n 's/^  \(--[a-z-]*\).*/\1/p' >"$work/flags"
  sed -n "/^\.SS $command\$/,/^\.S[SH] /p" "$work/plain" >"$work/part"
  while read -r flag; do
    case $flag in
    --json | --help) grep -q "^\.B $flag\$" "$work/plain" ;;
    *) grep -q "^\.B $flag\( \|\$\)" "$work/part" ;;
    esac || fail "no $flag of $command in the manual page"
  done <"$work/flags"
done
for part in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' SIGNALS ENVIRONMENT 'SEE ALSO'; do
  grep -qx "\.SH $part" "$work/takt.1" || fail "no part $part"
done
for word in NO_COLOR COLUMNS XDG_RUNTIME_DIR SIGTERM "$version"; do grep -q "$word" "$work/plain" || fail "no $word in it"; done
# The page of the build is that of the tool's help.
built=$(dirname "$takt")/tool/takt.1
if [ -e "$built" ]; then cmp "$built" "$work/takt.1" || fail 'the page of the build is another one'; fi
# What report.sh has built, `cmake --install` installs: the page too.
sed -n 's/.* --target //p' "$(dirname "$0")/../../cmake/report.sh" | grep -qw takt_manual || fail 'report.sh does not build the manual page'
# No macro, escape or character that roff does not know.
if command -v groff >/dev/null; then
  LC_ALL=C groff -man -Tascii -ww -z "$work/takt.1" 2>"$err"
  [ ! -s "$err" ] || fail 'groff warns of it'
else
  skip 'roff: needs groff'
fi
if command -v man >/dev/null && man --help 2>/dev/null | grep -q -e --warnings; then
  LC_ALL=C MANWIDTH=80 man --warnings -l "$work/takt.1" >"$out" 2>"$err"
  [ ! -s "$err" ] || fail 'man warns of it'
  [ ! -s "$out" ] || says '^NAME\|NAME'
else
  skip 'man: is not here'
fi
finish
