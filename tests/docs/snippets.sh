#!/bin/sh
# snippets.sh DOCUMENT PRELUDE COMPILER FLAG...: every block of C++ in the document compiles, as the body of a function.
#
# The #include and using lines of all blocks come first, as a reader would write them once for the file; then the prelude,
# which declares the reader's own functions; then a function for each block. The blocks without #include lines are compiled
# a second time, with those of the document's first block alone: a reader who takes one of them has no others. A document
# without C++ passes, except README.md at the root, which must have some. One that shows another library is skipped where
# that is not installed.
set -u
document=$1 prelude=$2
shift 2
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-snippets.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
awk -v document="$document" -v prelude="$prelude" -v plain="$work/plain.cpp" '
  function place() { return "#line " FNR + 1 " \"" document "\"\n" }
  /^ *```cpp$/ { inside = 1; own = 0; ++blocks; block = "void block_" blocks "() {\n" place(); next }
  /^ *```$/ && inside {
    inside = 0; body = body block "}\n"
    if (!own) without = without block "}\n"
    next
  }
  inside && /^ *(#include|using namespace)/ {
    if (!($0 in seen)) includes = includes $0 "\n"
    if (!first) first = blocks
    if (first == blocks) of_first = of_first $0 "\n"
    seen[$0]; own = 1; block = block "\n"; next
  }
  inside { block = block $0 "\n" }
  END {
    if (inside) { print document ": a block of C++ does not end" >"/dev/stderr"; exit 1 }
    printf "%s#include \"%s\"\n%s", includes, prelude, body
    printf "%s#include \"%s\"\n%s", of_first, prelude, without >plain
    print blocks + 0 >"/dev/stderr"
  }' "$document" >"$work/snippets.cpp" 2>"$work/blocks" || { cat "$work/blocks"; exit 1; }
blocks=$(cat "$work/blocks")
echo "$document: $blocks blocks of C++"
if [ "$blocks" = 0 ]; then
  [ ! -e "$(dirname "$document")/CMakeLists.txt" ] || [ ! -d "$(dirname "$document")/include" ] || { echo "none in the README"; exit 1; }
  exit 0
fi
for library in $(sed -n 's/^#include <\([^>]*\.hp*\)>.*/\1/p' "$work/snippets.cpp" | grep -v '^takt/'); do
  printf '#include <%s>\n' "$library" | "$@" -fsyntax-only -w -x c++ - 2>/dev/null || { echo "SKIPPED: $document: needs <$library>"; exit 77; }
done
"$@" -fsyntax-only "$work/snippets.cpp" || { echo "the C++ of $document does not compile"; exit 1; }
"$@" -fsyntax-only "$work/plain.cpp" || { echo "a block of $document needs an #include line that it does not have"; exit 1; }
