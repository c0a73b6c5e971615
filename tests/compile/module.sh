#!/bin/sh
# module.sh INCLUDE-DIRECTORY PUBLIC-NAMES [CLANG]: takt/takt.cppm is a module that works and leaves nothing out.
#   - It exports the names of PUBLIC-NAMES that the headers declare, but for those of interop/ and testing/; the operators
#     that are no friends; the enumerators of enumerations that are not scoped.
#   - Its object holds the functions that headers define for callers alone (compiled_for_callers in core/config.hpp).
#   - Programs that import it, and that import and include, compile under strict flags, link with it, and run.
# Without CLANG, the newest clang++-N on the path. Older ones than clang 22 are not promised, and skip.
set -u
include=$1 committed=$2 clang=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
unit=$include/takt/takt.cppm
oldest=22
skip() { echo "SKIPPED: compile.module: $*"; exit 77; }
[ -n "$clang" ] || clang=$(IFS=:; for directory in $PATH; do
  for file in "$directory"/clang++-[0-9]*; do [ ! -x "$file" ] || echo "${file##*-} $file"; done
done | sort -n | tail -n 1 | cut -d' ' -f2)
[ -n "$clang" ] || skip "needs clang $oldest or newer, found none"
major=$("$clang" -dumpversion | cut -d. -f1)
[ "$major" -ge $oldest ] || skip "needs clang $oldest or newer, not $major"
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-module.XXXXXX")
trap 'rm -rf "$work"' EXIT
status=0

# compare WHAT: $work/wanted, which the headers have, against $work/found, which takt.cppm names.
compare() {
  for list in wanted found; do LC_ALL=C sort -u -o "$work/$list" "$work/$list"; done
  [ -s "$work/wanted" ] || { echo "no $1 found in the headers: module.sh does not fit them any more"; status=1; }
  missing=$(LC_ALL=C comm -23 "$work/wanted" "$work/found")
  [ -z "$missing" ] || { echo "takt.cppm lacks these $1:"; echo "$missing"; status=1; }
  gone=$(LC_ALL=C comm -13 "$work/wanted" "$work/found")
  [ -z "$gone" ] || { echo "takt.cppm has these $1, which the headers do not have:"; echo "$gone"; status=1; }
}

# The public names that these headers do not declare are the compiler's errors; a namespace has its name before others.
headers=$(cd "$include" && find takt -name '*.hpp' ! -path '*/detail/*' ! -path 'takt/interop/*' ! -path 'takt/testing/*' | sort)
echo "$headers" | sed 's/.*/#include <&>/' >"$work/names.cpp"
before=$(wc -l <"$work/names.cpp")
sed 's/.*/namespace probe { using &; }/' "$committed" >>"$work/names.cpp"
"$clang" -std=c++20 -I"$include" -fsyntax-only -ferror-limit=0 -fno-caret-diagnostics "$work/names.cpp" 2>&1 |
  sed -n "s|^$work/names.cpp:\([0-9]*\):.* error: .*|\1|p" >"$work/absent"
awk -v before="$before" 'FNR == NR { absent[$1 - before] = 1; next } !(FNR in absent)' "$work/absent" "$committed" >"$work/wanted"
sed -n 's/^using \(takt::[a-z_0-9:]*\);$/\1/p' "$unit" | grep -v operator >"$work/found"
compare names

# shellcheck disable=SC2086 # a list of files
(cd "$include" && sed -n 's/^[^ /][^;]* \(operator[^ a-z(]*\)(.*/\1/p' $headers) >"$work/wanted"
sed -n 's/^using takt::\(operator.*\);$/\1/p' "$unit" >"$work/found"
compare operators

# shellcheck disable=SC2086 # a list of files
(cd "$include" && sed -n '/^enum [^c]/,/^}/ s/^  \([A-Za-z_0-9]*\).*/\1/p' $headers) >"$work/wanted"
sed -n 's/^using takt::\([A-Z_0-9]*\);$/\1/p' "$unit" >"$work/found"
compare enumerators

# shellcheck disable=SC2086 # a list of files
(cd "$include" && awk '
  /^template .*struct compiled_for_callers<.*{$/ { subject = $0; sub(/.*compiled_for_callers</, "", subject); sub(/,.*/, "", subject) }
  /^}/ { subject = "" }
  subject != "" && /^  friend / {
    name = $0; sub(/\(.*/, "", name); sub(/.* /, "", name)
    print name == "to_string" ? "to_string of " subject : name
  }' $headers) >"$work/wanted"
sed -n '/^struct definitions/,/^}/ {
  s/^  text_of<takt::\(.*\)> .* = takt::to_string;$/to_string of \1/p; t
  s/^  .* = takt::\(.*\);$/\1/p
}' "$unit" >"$work/found"
compare "functions for callers"

strict="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror"
cxx() { # shellcheck disable=SC2086 # a list of flags
  "$clang" -std=c++20 $strict "$@"
}
cd "$work" || exit 1
cxx -I"$include" -c "$unit" -fmodule-output=takt.pcm -o takt.o && cxx -fmodule-file=takt=takt.pcm -c "$here/module/imports.cpp" -o imports.o || exit 1
for first in 0 1; do
  if ! cxx -I"$include" -fmodule-file=takt=takt.pcm -DTAKT_FIRST=$first -c "$here/module/mixes.cpp" -o mixes.o ||
    ! cxx imports.o mixes.o takt.o -o program || ! ./program; then
    echo "failed with TAKT_FIRST=$first"
    status=1
  fi
done
[ $status = 0 ] && echo "clang $major: $(grep -c '^using takt::' "$unit") names"
exit $status
