#!/bin/sh
# versions.sh DIRECTORY INCLUDE-DIRECTORY COMPILER FLAG...: two versions of takt in one process share no state. The other
# version is this one with another number and another layout of the clock's state.
set -eu
source=$1 include=$2
shift 2
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-versions.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp -r "$include" "$work/other"
config=$work/other/takt/core/config.hpp
clock=$work/other/takt/clock/detail/tsc_clock_state.hpp
sed -i 's/^#define TAKT_VERSION_MINOR .*/#define TAKT_VERSION_MINOR 99/' "$config"
sed -i 's/^struct tsc_clock_state {/&\n  char other_layout[4096] = {1};/' "$clock"
if cmp -s "$config" "$include/takt/core/config.hpp" || cmp -s "$clock" "$include/takt/clock/detail/tsc_clock_state.hpp"; then
  echo "the other version is no other: tests/compile/versions.sh does not fit the headers any more"
  exit 1
fi
"$@" -fPIC -shared -DUSE=use_this -I"$include" "$source/library.cpp" -o "$work/libthis.so"
"$@" -fPIC -shared -DUSE=use_other -I"$work/other" "$source/library.cpp" -o "$work/libother.so"
"$@" "$source/main.cpp" "$work/libthis.so" "$work/libother.so" -Wl,-rpath,"$work" -o "$work/program"
"$work/program"
