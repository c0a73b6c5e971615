#!/bin/sh
# one_header.sh SOURCE COMPILER FLAG...: takt as one header (cmake/amalgamate.sh) holds each header once and the licence, compiles
# without a warning, links into two translation units of a program, and is all that the examples need.
set -eu
source=$1
shift
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-one.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }
sh "$source/cmake/amalgamate.sh" >"$work/takt.hpp"

sed -n '1,40p' "$work/takt.hpp" | grep -qF "// $(sed -n 1p "$source/LICENSE")" || fail "it does not begin with the licence"
if grep -nE '^ *# *include *<takt/' "$work/takt.hpp"; then fail "it includes takt"; fi
# All but umbrellas, and what other libraries are needed for.
(cd "$source/include" && find takt -mindepth 2 -name '*.hpp' ! -path 'takt/interop/*' | sort) >"$work/wanted"
sed -n 's/^\/\/ \(takt\/[a-z0-9_\/]*\.hpp\)$/\1/p' "$work/takt.hpp" | sort >"$work/all"
grep -v '^takt/interop/' "$work/all" | diff "$work/wanted" - || fail "the headers of the tree (<) and those in it (>) differ"

# Two units of one program.
printf '#include "takt.hpp"\nint other();\nint main() { return takt::grid_scheduler().pending() == 0 && other() == takt::version ? 0 : 1; }\n' >"$work/main.cpp"
printf '#include "takt.hpp"\nint other();\nint other() { return takt::tsc_clock::now() > takt::tsc_clock::time_point() ? takt::version : 0; }\n' >"$work/other.cpp"
"$@" -I"$work" "$work/main.cpp" "$work/other.cpp" -o "$work/program" -pthread
"$work/program"

# Precompiled once, because it comes into every example; as the first include, where a precompiled header must stand.
echo '#include "takt.hpp"' >"$work/first.hpp"
"$@" -I"$work" -x c++-header "$work/first.hpp" -o "$work/first.hpp.gch"
examples=0
for example in "$source"/examples/*.cpp; do
  absent=$(sed -n 's/^#include <\(takt\/interop\/.*\)>.*/\1/p' "$example" | grep -vxFf "$work/all" || :)
  if [ -n "$absent" ]; then echo "without ${example##*/}: it needs another library"; continue; fi
  case $example in
  */benchmark_timer.cpp) printf '#include <benchmark/benchmark.h>\n' | "$@" -fsyntax-only -x c++ - 2>/dev/null || continue ;;
  esac
  sed 's/^#include <takt\/.*>/#include "takt.hpp"/' "$example" >"$work/example.cpp"
  "$@" -I"$work" -include first.hpp -fsyntax-only "$work/example.cpp" || fail "$example does not compile with takt.hpp alone"
  examples=$((examples + 1))
done
[ $examples -gt 5 ] || fail "only $examples examples were tried"
echo "$(wc -l <"$work/all") headers in one of $(wc -c <"$work/takt.hpp") bytes; $examples examples"
