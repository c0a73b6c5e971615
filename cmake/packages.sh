# packages.sh - which Debian packages takt's programs need, and how they get onto a machine. Sourced, not run.
#
# The names are those of Debian 12 and Ubuntu 24.04.

build_packages="g++ cmake ninja-build"
tool_packages="libabsl-dev nlohmann-json3-dev zlib1g-dev pkg-config libtracefs-dev libtraceevent-dev"
test_packages="doctest-dev libbenchmark-dev libasio-dev libuv1-dev libsystemd-dev libglib2.0-dev python3 python3-jsonschema dpkg-dev file shellcheck"
# The oldest clang promised, cross compilers with the emulator that runs what they make.
matrix_packages="clang-14 libclang-rt-14-dev g++-aarch64-linux-gnu g++-riscv64-linux-gnu qemu-user"
# The programs and libraries that benchmarks compare takt with. Comparisons with a missing one are left out.
peer_packages="libevent-dev rt-tests"
# The programs that unpack the source packages whose tests are run.
foreign_packages="bzip2 xz-utils"
# Programs that `takt run` is tested with; they know nothing of takt. Tests skip what is missing.
unmodified_packages="redis-tools busybox-static procps libglib2.0-dev musl-tools"
# The tool that makes the reference.
reference_packages="doxygen"
# The emulator and tools of a throw-away guest; its kernel is downloaded, never installed.
guest_packages="qemu-system-x86 cpio"

say() { printf '%s\n' "$*"; }

# Runs a command as root: as it is, or through sudo where that needs no password or a terminal can ask for it.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    sudo "$@"
  else
    return 1
  fi
}

# need PACKAGE...: installs what is missing after saying so; where that is not possible, names it and exits.
# TAKT_NO_INSTALL=1 skips the check, for systems without dpkg on which the same things came by another path.
need() {
  [ -z "${TAKT_NO_INSTALL:-}" ] || return 0
  if ! command -v dpkg-query >/dev/null 2>&1; then
    say "takt: this system has no dpkg, so it is unknown what is missing. These are needed, by their Debian names:" >&2
    say "  $*" >&2
    say "takt: with all of them at hand, run this again with TAKT_NO_INSTALL=1." >&2
    exit 1
  fi
  missing=
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null 2>&1; then
    say "takt: missing packages:$missing" >&2
    say "takt: there is no apt-get here to install them with." >&2
    exit 1
  fi
  say "takt: installing with apt-get:$missing" >&2
  # shellcheck disable=SC2086 # a list of words
  if ! as_root apt-get update -qq || ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
    say "takt: could not install. Missing packages:$missing" >&2
    say "takt: as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
  fi
}

# newest_clang: the largest N for which Debian offers clang-N with its sanitizer runtime; nothing if there is none.
newest_clang() {
  apt-cache search --names-only '^libclang-rt-[0-9]+-dev$' 2>/dev/null | sed -n 's/^libclang-rt-\([0-9]*\)-dev .*/\1/p' | sort -n | tail -n 1
}
# libcxx_packages N: those of libc++ for clang-N; nothing if they are not offered, or would take the place of another version.
libcxx_packages() {
  others=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' 'libc++*-dev' 2>/dev/null | grep ' installed$' | grep -cv -- "-$1-dev ")
  [ "$others" = 0 ] && apt-cache show "libc++-$1-dev" "libc++abi-$1-dev" >/dev/null 2>&1 || return 0
  say "libc++-$1-dev libc++abi-$1-dev"
}
# python_tests: the package with the tests of this system's own Python; nothing if there is none.
python_tests() {
  apt-cache search --names-only '^libpython3[.0-9]*-testsuite$' 2>/dev/null | sed 's/ .*//' | sort -V | tail -n 1
}
