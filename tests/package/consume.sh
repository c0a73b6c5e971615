#!/bin/sh
# consume.sh WAY SOURCE BUILD COMPILER CMAKE GENERATOR: builds and runs the consumer of one packaging way.
set -eu
way=$1 source=$2 build=$3 compiler=$4 cmake=$5 generator=$6
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-package.XXXXXX")
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^#define TAKT_VERSION_[A-Z]* //p' "$source/include/takt/core/config.hpp" | paste -sd.)

strict="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror"

install() { "$cmake" --install "$build" --prefix "$work/prefix" >/dev/null; }
consumer() { # DIRECTORY CMAKE-ARGUMENT...
  directory=$1
  shift
  "$cmake" -S "$source/tests/package/$directory" -B "$work/build" -G "$generator" -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_CXX_FLAGS="$strict" "$@" >/dev/null
  "$cmake" --build "$work/build"
  "$work/build/consumer"
}

case $way in
add_subdirectory) consumer add_subdirectory -DTAKT_SOURCE="$source" ;;
find_package)
  install
  consumer find_package -DCMAKE_PREFIX_PATH="$work/prefix" -DTAKT_VERSION="$version"
  ;;
build_tree) consumer find_package -Dtakt_DIR="$build" -DTAKT_VERSION="$version" ;;
pkg_config)
  install
  export PKG_CONFIG_PATH="$work/prefix/share/pkgconfig"
  [ "$(pkg-config --modversion takt)" = "$version" ]
  # shellcheck disable=SC2046 # a list of flags
  "$compiler" -std=c++20 $strict $(pkg-config --cflags takt) \
    "$source/tests/package/consumer.cpp" -o "$work/consumer" $(pkg-config --libs takt)
  "$work/consumer"
  ;;
headers_alone)
  "$cmake" -S "$source" -B "$work/takt" -G "$generator" -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_DISABLE_FIND_PACKAGE_absl=ON \
    -DCMAKE_DISABLE_FIND_PACKAGE_doctest=ON -DCMAKE_DISABLE_FIND_PACKAGE_benchmark=ON >"$work/log"
  for part in tool tests benchmarks; do grep "takt: without the .*$part" "$work/log"; done
  "$cmake" --install "$work/takt" --prefix "$work/prefix" >/dev/null
  consumer find_package -DCMAKE_PREFIX_PATH="$work/prefix" -DTAKT_VERSION="$version"
  ;;
exporting)
  consumer exporting -DTAKT_SOURCE="$source" -DTAKT_INSTALL=ON
  "$cmake" --install "$work/build" --prefix "$work/prefix" >/dev/null
  [ -e "$work/prefix/include/takt/takt.hpp" ]
  ;;
*) echo "no such way: $way" && exit 1 ;;
esac
