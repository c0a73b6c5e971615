#!/bin/sh
# standards.sh SOURCE CC CXX...: takt/c.h alone compiles without a warning as each C from C99 and as each C++ from C++11, also
# where <time.h> does not define struct timespec; the examples do in C99 and C17.
set -u
source=$1 cc=$2
shift 2
strict="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Werror -fsyntax-only"
status=0
checks=0
try() {
  checks=$((checks + 1))
  "$@" || { echo "fails: $*"; status=1; }
}
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-standards.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
printf '#include <takt/c.h>\n#include <takt/c.h>\nint use(void);\nint use(void) { return takt_version(); }\n' >"$work/alone.c"
cp "$work/alone.c" "$work/alone.cpp"

# shellcheck disable=SC2086 # a list of flags
for compiler in "$cc" clang clang-14; do
  command -v "$compiler" >/dev/null || continue
  for standard in c99 gnu99 c11 c17 c2x; do try "$compiler" -std=$standard $strict -Wstrict-prototypes -I"$source/include" "$work/alone.c"; done
  for standard in c99 c17; do
    for file in "$source"/examples/c/*.c; do try "$compiler" -std=$standard $strict -I"$source/include" "$file"; done
  done
done
# shellcheck disable=SC2086 # a list of flags
for compiler in "$@" clang++ clang++-14; do
  command -v "$compiler" >/dev/null || continue
  for standard in c++11 c++14 c++17 c++20; do
    try "$compiler" -std=$standard $strict -fno-exceptions -I"$source/include" "$work/alone.cpp"
  done
  printf '#include <takt/takt.hpp>\n#include <takt/c.h>\nint main() { return takt_version() != takt::version; }\n' >"$work/both.cpp"
  try "$compiler" -std=c++20 $strict -I"$source/include" "$work/both.cpp"
done
[ $status = 0 ] && echo "$checks compilations"
exit $status
