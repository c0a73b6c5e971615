#!/bin/sh
# consume.sh WAY SOURCE BUILD COMPILER CMAKE GENERATOR [C-COMPILER]: builds and runs the consumer of one packaging way.
set -eu
way=$1 source=$2 build=$3 compiler=$4 cmake=$5 generator=$6 c_compiler=${7:-}
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-package.XXXXXX")
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^#define TAKT_VERSION_[A-Z]* //p' "$source/include/takt/core/config.hpp" | paste -sd.)

strict="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror"

# install_from BUILD: installs the headers and the module; nothing is left of what was not built, not even its folder.
install_from() {
  "$cmake" --install "$1" --prefix "$work/prefix" >/dev/null
  empty=$(find "$work/prefix" -type d -empty)
  [ -z "$empty" ] || { echo "empty folders: $empty"; exit 1; }
  for file in takt.hpp takt.cppm; do
    [ -e "$work/prefix/include/takt/$file" ] || { echo "not installed: $file"; exit 1; }
  done
}
install() { install_from "$build"; }
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
  install_from "$work/takt"
  consumer find_package -DCMAKE_PREFIX_PATH="$work/prefix" -DTAKT_VERSION="$version"
  ;;
exporting)
  consumer exporting -DTAKT_SOURCE="$source" -DTAKT_INSTALL=ON
  install_from "$work/build"
  ;;
# The C library: a build tree in which it was built, an install, a download; and a program that is moved finds it all the same.
c_find_package | c_build_tree | c_download)
  case $way in
  c_find_package)
    install
    mv "$work/prefix" "$work/moved"
    set -- -DCMAKE_PREFIX_PATH="$work/moved" -DTAKT_VERSION="$version"
    ;;
  c_build_tree) set -- -Dtakt_DIR="$build" -DTAKT_VERSION="$version" ;;
  c_download) set -- -DTAKT_SOURCE="$source" -DCMAKE_CXX_COMPILER="$compiler" ;;
  esac
  "$cmake" -S "$source/tests/package/c" -B "$work/build" -G "$generator" -DCMAKE_C_COMPILER="$c_compiler" -DCMAKE_C_FLAGS="$strict" "$@" >/dev/null
  "$cmake" --build "$work/build"
  "$work/build/consumer"
  "$work/build/consumer_static"
  ;;
c_pkg_config)
  install
  mv "$work/prefix" "$work/moved"
  library=$(find "$work/moved" -name 'libtakt_c.so')
  library=${library%/*}
  export PKG_CONFIG_PATH="$library/pkgconfig"
  [ "$(pkg-config --modversion takt_c)" = "$version" ]
  # shellcheck disable=SC2046,SC2086 # lists of flags
  "$c_compiler" -std=c99 $strict $(pkg-config --cflags takt_c) "$source/tests/package/c/consumer.c" -o "$work/consumer" $(pkg-config --libs takt_c)
  LD_LIBRARY_PATH=$library "$work/consumer"
  readelf -d "$work/consumer" | grep 'NEEDED.*\[libtakt_c\.so\.[0-9]*\]'
  rm "$library"/libtakt_c.so*
  # shellcheck disable=SC2046,SC2086 # lists of flags
  "$c_compiler" -std=c99 $strict $(pkg-config --cflags takt_c) "$source/tests/package/c/consumer.c" -o "$work/consumer" $(pkg-config --static --libs takt_c)
  "$work/consumer"
  ;;
*) echo "no such way: $way" && exit 1 ;;
esac
