#!/bin/sh
# headers_alone.sh INCLUDE-DIRECTORY COMPILER FLAG...: every header compiles as the only include of a file.
# Headers of interop/ are left out when the library they meet is not installed (their own __has_include says so).
set -u
include=$1
shift
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
