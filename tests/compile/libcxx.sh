#!/bin/sh
# libcxx.sh SOURCE INCLUDE-DIRECTORY [CLANG [FLAG...]]: takt compiles with libc++ under strict flags, and the program runs.
# Without CLANG, the newest clang++-N on the path. FLAGs choose the library where it is not where clang finds it with
# -stdlib=libc++. A libc++ without std::stop_token is refused in words, which targets.sh tests, and skips here.
set -u
source=$1 include=$2 clang=${3:-}
[ $# -lt 3 ] && shift 2 || shift 3
skip() { echo "SKIPPED: compile.libcxx: $*"; exit 77; }
[ -n "$clang" ] || clang=$(IFS=:; for directory in $PATH; do
  for file in "$directory"/clang++-[0-9]*; do [ ! -x "$file" ] || echo "${file##*-} $file"; done
done | sort -n | tail -n 1 | cut -d' ' -f2)
[ -n "$clang" ] || skip 'needs clang, found none'
# Linked statically: in Debian 12 a libc++-N-dev may depend on the shared object of an older N.
[ $# != 0 ] || set -- -stdlib=libc++ -static-libstdc++
found=$(printf '#include <version>\n_LIBCPP_VERSION __cpp_lib_jthread\n' | "$clang" "$@" -std=c++20 -E -P -x c++ - 2>/dev/null | tail -n 1)
case $found in
'' | *_LIBCPP_VERSION*) skip "$clang finds no libc++ (libc++-N-dev)" ;;
*__cpp_lib_jthread*) skip "the libc++ of $clang, ${found%% *}, has no std::stop_token: version 20 has" ;;
esac
# Debian's libc++-N-dev is what every clang finds.
printf '#include <version>\n' | "$clang" "$@" -std=c++20 -Werror -Wno-unused-command-line-argument -fsyntax-only -x c++ - 2>/dev/null ||
  skip "the libc++ that $clang finds, ${found%% *}, does not support it"
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-libcxx.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$clang" -std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I"$include" "$source" -o "$work/program" \
  -pthread "$@" || exit 1
"$work/program"
