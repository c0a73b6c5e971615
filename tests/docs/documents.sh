#!/bin/sh
# documents.sh SOURCE-TREE [TAKT]: what the documents (*.md) link to and name is there.
#   - README.md has at most 8192 bytes, and its blocks of code at most 10 lines;
#   - the file and the heading that a relative link names exist (addresses of the network are not visited);
#   - `code` and code blocks name paths, headers, takt:: names, TAKT_ options and tests that exist;
#   - `takt NAME --flag` is a command of the tool, and its help knows the flag (asked of TAKT; without it, only the source is).
# Products of the build are named by their place: benchmarks/NAME and examples/NAME are programs, build/ is not checked.
set -u
cd "$1" || exit 1
takt=${2:-}
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-documents.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failures=0
fail() {
  failures=$((failures + 1))
  echo "$document: $*"
}

# anchors FILE: the anchor of each heading, as GitHub makes it; of equal ones the second ends in -1, and so on.
anchors() {
  awk '/^ *```/ { code = !code; next }
    !code && /^#+ / {
      sub(/^#+ +/, ""); $0 = tolower($0); gsub(/[^a-z0-9 _-]/, ""); gsub(/ /, "-")
      print $0 (seen[$0] ? "-" seen[$0] : ""); seen[$0]++
    }' "$1"
}
# links FILE: the targets of its links and pictures, outside code.
links() {
  awk '/^ *```/ { code = !code; next } code || /^    / { next } { gsub(/`[^`]*`/, ""); print }' "$1" | tr '\n' ' ' |
    grep -oE '\]\([^)]*\)|(src|srcset|href)="[^"]*"' | sed -e 's/^](//; s/)$//' -e 's/^[a-z]*="//; s/"$//' -e 's/ .*//'
}
# code FILE: what stands in `quotes`, one a line, and the lines of its code blocks.
code() {
  awk '/^ *```/ { code = !code; next }
    code || /^    [^ ]/ { sub(/^    /, ""); print; next }
    { n = split($0, part, "`"); for (i = 2; i < n; i += 2) print part[i] }' "$1"
}
# exists PATH: a file, a directory, or a program or library that is built from a source of that name.
exists() {
  path=${1%/}
  for form in "$path" "$path.cpp" "$path.sh" "include/takt/$path" "include/$path"; do [ -e "$form" ] && return 0; done
  case $path in
  tests/takt_unit_tests | tests/takt_live_tests | examples/takt) return 0 ;;
  *'*'*) for form in $path include/takt/$path; do [ -e "$form" ] && return 0; done ;;
  esac
  return 1
}

find . -name '*.md' -not -path './build*' -not -path './.git/*' | sed 's/^\.\///' | sort >"$work/documents"
[ -s "$work/documents" ] || { echo "no documents"; exit 1; }
while read -r document; do
  here=$(dirname "$document")

  links "$document" >"$work/links"
  while read -r link; do
    case $link in
    http://* | https://* | mailto:*) continue ;;
    esac
    file=${link%%#*} anchor=
    case $link in *'#'*) anchor=${link#*#} ;; esac
    target=$document
    [ -z "$file" ] || target=$here/$file
    if [ ! -e "$target" ]; then
      fail "links to $link, which does not exist"
    elif [ -n "$anchor" ] && ! anchors "$target" | grep -qxF -e "$anchor"; then
      fail "links to $link, but $target has no such heading"
    fi
  done <"$work/links"

  code "$document" >"$work/code"
  grep -oE '(^|[ "=(<])(\./)?(include|cmake|examples|benchmarks|tests|\.ci|core|cpu|kernel|clock|sleep|scheduler|timer|observe|testing|interop|takt)/[A-Za-z0-9_./*-]*' \
    "$work/code" | sed -e 's/^[ "=(<]//' -e 's/^\.\///' -e 's/[.,:]*$//' | sort -u >"$work/paths"
  while read -r path; do exists "$path" || fail "names $path, which does not exist"; done <"$work/paths"

  grep -oE 'takt(::[a-z_0-9]+)+' "$work/code" | sed 's/^takt:://; s/::/\n/g' | sort -u >"$work/names"
  while read -r name; do grep -rqw -e "$name" include || grep -rq --include=CMakeLists.txt "(takt::$name ALIAS" CMakeLists.txt examples || fail "names takt::$name, which no header does"; done <"$work/names"
  grep -oE '\bTAKT_[A-Z0-9_]+' "$work/code" | sort -u >"$work/options"
  while read -r option; do
    grep -rqw --include='*.cpp' --include='*.hpp' --include='*.h' --include='*.sh' --include='*.cmake' --include=CMakeLists.txt --include=run -e "$option" \
      CMakeLists.txt cmake examples benchmarks tests include .ci || fail "names $option, which nothing reads"
  done <"$work/options"
  grep -oE 'ctest .*-R +[a-z]+\.[a-z_]+' "$work/code" | sed 's/.*-R *//' | sort -u >"$work/tests"
  while read -r name; do
    [ -e "tests/${name%%.*}/${name#*.}_test.cpp" ] || [ -e "tests/${name%%.*}/${name#*.}_test.sh" ] || fail "names the test $name, which does not exist"
  done <"$work/tests"

  # `takt NAME` opens what it stands in, but for a path to the tool, variables, `sudo` and a prompt; so do the lines of a block.
  sed -nE 's/^(\$ )?(sudo )?([A-Z_]+=[^ ]+ )*([a-z.\/]*\/)?takt +([a-z][a-z-]*)(.*)/\5\6/p' "$work/code" | sed -e 's/ -- .*//; s/[|;>].*//' >"$work/commands"
  while read -r command arguments; do
    case $command in help) continue ;; esac
    if [ ! -e "examples/takt/commands/$(echo "$command" | tr - _).cpp" ]; then
      fail "names takt $command, which is no command of the tool"
      continue
    fi
    [ -n "$takt" ] || continue
    "$takt" "$command" --help >"$work/help" 2>&1 || { fail "takt $command --help fails"; continue; }
    for argument in $arguments; do
      case $argument in
      --help | --json) ;;
      --*)
        flag=${argument%%=*}
        grep -qE -e "$flag([^a-z-]|\$)" "$work/help" || fail "names takt $command $flag, which its help does not know"
        ;;
      esac
    done
  done <"$work/commands"
  echo "$document: $(wc -l <"$work/links") links, $(wc -l <"$work/paths") paths, $(wc -l <"$work/names") names, $(wc -l <"$work/commands") commands"
done <"$work/documents"

document=README.md
size=$(wc -c <README.md)
[ "$size" -le 8192 ] || fail "has $size bytes; the first page of takt has at most 8192"
awk '/^```/ { if (inside && FNR - begin > 11) { print "a block of " FNR - begin - 1 " lines in line " begin; bad = 1 } inside = !inside; begin = FNR }
  END { exit bad }' README.md || fail "has a block of code of more than 10 lines"
[ -s README.md ] || fail "is missing"
[ $failures = 0 ] && echo "passed"
exit $((failures > 0))
