#!/bin/sh
# headers_alone.sh [--together] INCLUDE-DIRECTORY COMPILER FLAG...: every header compiles as the only include of a file; with
# --together, all of them as the includes of one file, which takes a fiftieth of the time and finds what a switch of the
# compiler changes in them.
# Headers of interop/ are left out when the library they meet is not installed (their own __has_include says so).
set -u
together=
[ "$1" != --together ] || { together=yes && shift; }
include=$1
shift
if [ -n "$together" ]; then
  headers=$(cd "$include" && find takt -name '*.hpp' | sort)
  [ -n "$headers" ] || exit 1
  printf '#include <%s>\n' $headers | "$@" -I"$include" -fsyntax-only -x c++ -
  exit
fi
failed=0
count=0
for header in $(cd "$include" && find takt -name '*.hpp' | sort); do
  count=$((count + 1))
  if ! printf '#include <%s>\n#include <%s>\n' "$header" "$header" | "$@" -I"$include" -fsyntax-only -x c++ -; then
    echo "does not compile alone: $header"
    failed=$((failed + 1))
  fi
done
echo "$count headers, $failed failed"
[ "$count" -gt 0 ] && [ "$failed" = 0 ]
