#!/bin/sh
# bare_system.sh PLACE SUITE COMPILER PACKAGE...: leaves in PLACE/root what a bare system of that suite of the distribution
# has when COMPILER, with all that it depends on, and the files of these PACKAGEs, without what they depend on, are installed.
# Leaves the name of the compiler there in PLACE/compiler: g++ and clang++ alone stand for the newest of the suite.
#
# Packages are unpacked and not configured, which a compiler does not need. So nothing is mounted and no program of that
# system runs meanwhile: whatever ends this script, PLACE is all that is left, and rm -r removes it.
#
# Ends as suite.sh in tests/support does.
set -u
place=$1 suite=$2 compiler=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$place/root" && cd "$place" || exit 1
apt=$PWD/apt
sh "$here/../support/suite.sh" "$apt" "$suite" "$compiler of $suite" || exit
unavailable() {
  echo "SKIPPED: $compiler of $suite: $*"
  [ -z "${CI:-}" ] && exit 77
  exit 1
}
newest() { apt-cache -c "$apt/configuration" search --names-only "^$1-[0-9]+\$" | sed 's/ .*//; s/.*-//' | sort -n | tail -n 1; }
case $compiler in
g++) compiler=g++-$(newest 'g\+\+') ;;
clang++) compiler=clang++-$(newest clang) ;;
esac
case $compiler in
clang++*) package=clang${compiler#clang++} ;;
*) package=$compiler ;;
esac
if ! apt-get -c "$apt/configuration" install -qq -y --download-only "$package" >"$apt/log" 2>&1 ||
  ! (cd "$apt/cache/archives" && apt-get -c "$apt/configuration" download -qq "$@") >>"$apt/log" 2>&1; then
  ! grep -q '40[34]  \|410  ' "$apt/log" || CI= # a mirror that is being updated
  unavailable "apt-get cannot fetch its packages ($(grep '^E:' "$apt/log" | head -n 1))"
fi
# What packages of older suites have in /lib belongs in /usr/lib, and so on.
for directory in bin sbin lib lib64; do mkdir -p "root/usr/$directory" && ln -s "usr/$directory" "root/$directory" || exit 1; done
mkdir -p root/dev root/tmp || exit 1
for file in "$apt"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$file" | tar -xf - -C root --keep-directory-symlink --no-same-owner || exit 1
done
rm -rf "$apt"
# A file system may have devices that cannot be opened.
mknod -m 666 root/dev/null c 1 3 2>/dev/null && : 2>/dev/null <root/dev/null || { rm -f root/dev/null && : >root/dev/null; }
[ -x "root/usr/bin/$compiler" ] || { echo "no $compiler in $package of $suite"; exit 1; }
echo "$compiler" >compiler
