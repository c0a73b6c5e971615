#!/bin/sh
# public_names.sh [--list] SOURCE-TREE CLANG FLAG...: the names at namespace scope that takt offers are those of
# tests/compile/public_names.txt, so that a name becomes public on purpose. Counted are types, functions, variables, aliases,
# concepts and namespaces in takt:: and below, of all public headers; what lies in detail, members, enumerators (they come
# and go with their enumeration, also where C's shape wants them unscoped), macros, operators and compiled_for_callers
# (core/config.hpp) are not. --list prints the names that are there.
# Headers of interop/ declare nothing where their library is not installed: then no name counts as gone.
set -u
list=
if [ "$1" = --list ]; then
  list=yes
  shift
fi
tree=$1
shift
committed=$tree/tests/compile/public_names.txt
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-names.XXXXXX")
trap 'rm -rf "$work"' EXIT
includes() { (cd "$tree/include" && find takt -name '*.hpp' ! -path '*/detail/*' "$@" | sort | sed 's/.*/#include <&>/'); }
includes >"$work/all.cpp"
includes ! -path 'takt/interop/*' >"$work/own.cpp" # which compiles in a third of the time
# shellcheck disable=SC2046 # a list of flags
set -- "$@" $(pkg-config --cflags glib-2.0 2>/dev/null)
absent=
for library in $(sed -n 's/^#if __has_include(<\([^>]*\)>).*/\1/p' "$tree"/include/takt/interop/*.hpp); do
  printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$library" | "$@" -fsyntax-only -x c++ - 2>/dev/null || absent="$absent $library"
done

# names_in NAMESPACE CLANG FLAG...: a line for each name in it, "name" or, for a namespace, "name namespace", from the compiler's own tables.
names_in() {
  namespace=$1
  shift
  sources=$work/own.cpp
  [ "$namespace" != takt ] && ! grep -q "^namespace ${namespace##*::} {" "$tree"/include/takt/interop/*.hpp || sources=$work/all.cpp
  "$@" -std=c++20 -I"$tree/include" -fsyntax-only -Xclang -ast-dump-lookups -Xclang -ast-dump-filter -Xclang "$namespace" "$sources" |
    awk -v wanted="'${namespace##*::}'" -v quote="'" '
      /^StoredDeclsMap/ { inside = $2 == "Namespace" && $4 == wanted; next }
      /^(Dumping|Lookup|$)/ { inside = 0; next }
      !inside { next }
      /DeclarationName/ { split($0, part, quote); name = part[2]; next }
      name ~ /^[A-Za-z_][A-Za-z0-9_]*$/ && name !~ /^operator/ {
        if ($0 !~ /-EnumConstant 0x/) print name ($0 ~ /-Namespace 0x/ ? " namespace" : "")
        name = ""
      }'
}
todo=takt
: >"$work/names"
while [ -n "$todo" ]; do
  namespace=${todo%% *}
  todo=${todo#"$namespace"}
  todo=${todo# }
  names_in "$namespace" "$@" | sort -u >"$work/scope"
  while read -r name kind; do
    case $name in detail | compiled_for_callers | v[0-9]*_[0-9]*) continue ;; esac
    echo "$namespace::$name" >>"$work/names"
    [ -z "$kind" ] || todo="$todo${todo:+ }$namespace::$name"
  done <"$work/scope"
done
LC_ALL=C sort -u "$work/names" >"$work/found"
if [ "$(wc -l <"$work/found")" -lt 50 ]; then
  echo "the compiler shows too few names; is this clang? $*"
  exit 1
fi
if [ -n "$list" ]; then
  cat "$work/found"
  exit 0
fi
if [ -n "$absent" ]; then
  echo "SKIPPED: public names of interop/, without$absent"
  diff "$committed" "$work/found" | grep '^>' >"$work/difference"
else
  diff "$committed" "$work/found" >"$work/difference"
fi
if [ -s "$work/difference" ]; then
  echo "The public names of takt:: are not those of tests/compile/public_names.txt:"
  sed -n 's/^> /  new:  /p; s/^< /  gone: /p' "$work/difference"
  echo "A name that only takt itself needs belongs in takt::detail. If the change is meant:"
  echo "  sh tests/compile/public_names.sh --list . $* >tests/compile/public_names.txt"
  exit 1
fi
echo "$(wc -l <"$committed") public names"
