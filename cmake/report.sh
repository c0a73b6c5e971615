#!/bin/sh
# Builds the command-line tool and runs `takt report`; arguments are passed on to it. Installs what is missing (see packages.sh).
set -eu
cd "$(dirname "$0")/.."
. cmake/packages.sh
# shellcheck disable=SC2086 # lists of words
need $build_packages $tool_packages

build=build/report
log=build/report.log
mkdir -p build
say "takt: building (about a minute the first time)" >&2
if ! { cmake -S . -B $build -G Ninja -DTAKT_BUILD_TESTS=OFF -DTAKT_BUILD_BENCHMARKS=OFF && cmake --build $build --target takt_tool; } >$log 2>&1; then
  tail -n 30 $log >&2
  say "takt: the build failed; the whole log is in $log" >&2
  exit 1
fi
exec $build/examples/takt report "$@"
