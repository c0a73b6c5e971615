#!/bin/sh
# targets.sh INCLUDE-DIRECTORY COMPILER FLAG...: a target or standard library that takt does not support is refused by one
# error that says so. The C library of the target need not be installed: the error comes before its first header.
set -u
include=$1
shift
failed=0
tried=0
# refuse WORDS FLAG...: compiling takt.hpp ends with one error, which has these words.
refuse() {
  words=$1
  shift
  tried=$((tried + 1))
  errors=$(printf '#include <takt/takt.hpp>\n' | "$@" -I"$include" -fsyntax-only -x c++ - 2>&1 | grep -E '(^|[^"])error: ' | grep -v '^ ')
  if [ "$(printf '%s\n' "$errors" | wc -l)" != 1 ] || ! printf '%s\n' "$errors" | grep -qF "$words"; then
    printf 'expected one error with "%s", found:\n%s\n' "$words" "$errors"
    failed=$((failed + 1))
  fi
}

case $("$@" -dumpmachine) in
x86_64*)
  refuse 'takt does not support 32-bit targets' "$@" -m32
  refuse 'takt does not support x32' "$@" -mx32
  ;;
esac
# An older libc++, as config.hpp sees it: it has <__config>, and <version> does not announce std::stop_token.
old=$(mktemp -d "${TMPDIR:-/tmp}/takt-targets.XXXXXX")
trap 'rm -rf "$old"' EXIT
: >"$old/__config"
printf '#define _LIBCPP_VERSION 190107\n' >"$old/version"
refuse 'takt needs std::stop_token: libc++ has it from version 20 on' "$@" -I"$old" -fmax-errors=1
echo "$tried targets, $failed not refused as they should be"
[ "$failed" = 0 ]
