#!/bin/sh
# manual.sh SOURCE: the manual page of the C library describes each function that the header declares, leaves out none of the
# header's words, and roff has nothing to say against it.
set -u
cd "$1" || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-manual.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
status=0
awk -v version=1.2.3 -f cmake/c_manual.awk include/takt/c.h >"$work/takt_c.3" || exit 1
sed 's/\\-/-/g; s/\\&//g; s/\\e/\\/g' "$work/takt_c.3" >"$work/plain"
sed -n 's/^[a-z][a-z0-9_ ]*[ *]\(takt_[a-z0-9_]*(.*;\)$/\1/p' include/takt/c.h | grep -v '^typedef' >"$work/functions"
[ "$(wc -l <"$work/functions")" -gt 20 ] || { echo "few functions"; status=1; }
while read -r function; do
  # Its declaration, and after that, in .RS, a description.
  grep -A 3 -F -e "$function\"" "$work/plain" | grep -qx '\.RS' || { echo "not described: $function"; status=1; }
done <"$work/functions"
for part in NAME SYNOPSIS DESCRIPTION CLOCKS 'SEE ALSO'; do grep -qx "\.SH $part" "$work/plain" || { echo "no part $part"; status=1; }; done
words() { tr -cs 'A-Za-z0-9_' '\n' | sort | uniq -c; }
sed -n '3,$s/^\/\/\/\{0,1\} //p' include/takt/c.h | grep -v '^struct\|^ *//' | words >"$work/wanted"
words <"$work/plain" >"$work/there"
# The page may have a word more often, because it has declarations too.
awk 'NR == FNR { there[$2] = $1; next } there[$2] < $1 { print "left out: " $2, "(" $1 - there[$2] " times)"; bad = 1 } END { exit bad }' \
  "$work/there" "$work/wanted" || status=1
if command -v groff >/dev/null; then
  LC_ALL=C groff -man -Tascii -ww -z "$work/takt_c.3" 2>"$work/err"
  [ ! -s "$work/err" ] || { cat "$work/err"; status=1; }
else
  echo "SKIPPED: c.manual: roff: needs groff"
  [ $status != 0 ] || status=77
fi
exit $status
