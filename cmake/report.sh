#!/bin/sh
# Builds the command-line tool and runs `takt report`; arguments are passed on to it. Installs what is missing (see packages.sh).
set -eu
cd "$(dirname "$0")/.."
. cmake/packages.sh
. cmake/steps.sh
# shellcheck disable=SC2086 # lists of words
need $build_packages $tool_packages

build=build/report
log=build/report.log
mkdir -p build
# A user's compiler may be newer than this version of takt, and warn of what it did not know: never an error here.
build_tool() {
  cmake -S . -B $build -G Ninja -DTAKT_BUILD_TESTS=OFF -DTAKT_BUILD_EXAMPLES=OFF -DTAKT_BUILD_BENCHMARKS=OFF -DTAKT_BUILD_TOOL=ON \
    -DTAKT_WERROR=OFF && cmake --build $build --target takt_tool takt_manual
}
say "takt: building the tool ($(about report.build "two minutes the first time"); log: $log)" >&2
begin=$(date +%s)
if ! logged $log build_tool; then
  tail -n 30 $log >&2
  say "takt: the build failed; the whole log is in $log" >&2
  exit 1
fi
remember report.build $(($(date +%s) - begin))
exec $build/examples/takt report "$@"
