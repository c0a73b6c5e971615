#!/bin/sh
# compiler.sh [--whole] TREE PLACE SUITE COMPILER [JOBS]: takt with a compiler and the libraries of another suite of the
# distribution, in a bare system of that suite, which bare_system.sh makes in PLACE and which is gone afterwards. COMPILER is
# g++-N or clang++-N; g++ and clang++ stand for the newest there. Warnings are errors, the same as in takt's own programs.
#   - All headers in one translation unit, in C++20, 23 and 26.
#   - Every public header alone, in C++20.
#   - The tests of interop/, and the unit tests of core/ and of clock_cast, compile in C++26: these meet most of the names that
#     a library may have next.
# With --whole, which takes three times as long, also the headers of detail/ and the other unit tests; these are built and run.
# By hand, for example: sh tests/systems/compiler.sh --whole . build/systems sid clang++
# Needs root, or a kernel that lets its users have namespaces.
set -u
whole=
[ "$1" != --whole ] || { whole=yes && shift; }
tree=$(cd "$1" && pwd) place=$2 suite=$3 compiler=$4 jobs=${5:-$(nproc)}
here=$(cd "$(dirname "$0")" && pwd)
skip() {
  echo "SKIPPED: $compiler of $suite: $*"
  exit 77
}
if [ "$(id -u)" = 0 ] && chroot / true 2>/dev/null; then
  enter=chroot
elif unshare --map-root-user true 2>/dev/null; then
  enter='unshare --map-root-user chroot'
else
  skip "needs root, or namespaces of users, to work in a system of its own"
fi
command -v ninja >/dev/null 2>&1 || skip "no ninja"

mkdir -p "$place" && place=$(cd "$place" && pwd)/$suite || exit 1
exec 9>"$place.lock"
flock 9
rm -rf "$place" # what a killed run left
clean() { rm -rf "$place"; }
trap clean EXIT
for signal in HUP INT TERM; do trap 'exit 1' $signal; done
begin=$(date +%s)
# The compiler and what takt's tests and interop/ include of other libraries.
sh "$here/bare_system.sh" "$place" "$suite" "$compiler" doctest-dev nlohmann-json3-dev libabsl-dev libasio-dev \
  libbenchmark-dev libglib2.0-dev libsystemd-dev libuv1-dev || exit
compiler=$(cat "$place/compiler")
root=$place/root
echo "$suite: $($enter "$root" "$compiler" --version | head -n 1), after $(($(date +%s) - begin)) s"
mkdir -p "$root/takt/examples" "$root/takt/tests" "$root/out" || exit 1
cp -r "$tree/include" "$root/takt" && cp -r "$tree/examples/takt" "$tree/examples/preload" "$root/takt/examples" &&
  cp -r "$tree/tests/unit" "$tree/tests/interop" "$tree/tests/support" "$root/takt/tests" || exit 1

headers() { (cd "$tree/include" && find takt -name '*.hpp' | LC_ALL=C sort); }
headers | sed 's/.*/#include <&>/' >"$root/takt/all.cpp"
# What most of the unit tests include, once.
{
  grep -h '^#include <[a-z_]*>' "$tree"/tests/unit/*_test.cpp | sort -u
  printf '#include <doctest/doctest.h>\n#include <takt/takt.hpp>\n'
} >"$root/takt/common.hpp"
glib=$(cd "$root" && find usr/include usr/lib -name glib-2.0 -type d | sed 's|.*|-I/&|; /lib/ s|$|/include|' | tr '\n' ' ')
objects=
flags="-O0 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror -pthread"
case $compiler in
g++*) alone="-Wfloat-equal -Wuseless-cast" use="-include /takt/common.hpp" precompiled=/takt/common.hpp.gch ;;
*) alone='' use="-include-pch /takt/common.hpp.pch" precompiled=/takt/common.hpp.pch flags="$flags -Wno-unknown-warning-option -Wno-c2y-extensions" ;;
esac
flags="$flags -I/takt/include $(printf %s "$glib" | sed 's/-I/-isystem /g')"

# build NAME DEPENDENCIES FLAG...: what ninja needs for one run of the compiler.
build() {
  built=$1 dependencies=$2
  shift 2
  printf 'build %s: compile %s\n  flags = %s\n' "$built" "$dependencies" "$*"
}
{
  printf 'rule compile\n  command = %s %s %s %s $flags\n  description = $flags\n' "$enter" "$root" "$compiler" "$flags"
  for standard in 20 23 26; do
    build all$standard "" -std=c++$standard -fsyntax-only /takt/all.cpp
  done
  for source in "$tree"/tests/interop/*_test.cpp; do
    name=$(basename "$source")
    build "interop/$name" "" "-std=c++26 -I/takt/tests -fsyntax-only /takt/tests/interop/$name"
  done
  for header in $(headers | if [ -n "$whole" ]; then cat; else grep -v /detail/; fi); do
    build "$header" "" -std=c++20 $alone -fsyntax-only -include "$header" -include "$header" -x c++ /dev/null
  done
  build precompiled "" -std=c++26 -x c++-header /takt/common.hpp -o $precompiled
  for source in "$tree"/tests/unit/*.cpp; do
    name=$(basename "$source" .cpp)
    to=-fsyntax-only
    if [ -n "$whole" ]; then
      to="-c -o /out/$name.o" objects="$objects /out/$name.o"
    elif [ "$name" != clock_cast_test ] && [ ! -e "$tree/include/takt/core/${name%_test}.hpp" ]; then
      continue
    fi
    case $name in # of which the first holds doctest itself, and the other checks what its header includes
    main | counter_test) build "$name" "" "-std=c++26 -I/takt/tests $to /takt/tests/unit/$name.cpp" ;;
    *) build "$name" "| precompiled" "-std=c++26 $use -I/takt/tests $to /takt/tests/unit/$name.cpp" ;;
    esac
  done
} >"$place/build.ninja"
ninja -C "$place" -k 0 -j "$jobs" --quiet || exit 1
echo "$(grep -c '^build' "$place/build.ninja") compilations without a warning, after $(($(date +%s) - begin)) s"
[ -n "$whole" ] || exit 0
# Statically, so that the program runs here, where there is a /proc.
# shellcheck disable=SC2086 # a list of words
$enter "$root" "$compiler" $objects -static -o /out/tests -pthread && "$root/out/tests" --no-version || exit 1
echo "the unit tests passed, after $(($(date +%s) - begin)) s"
