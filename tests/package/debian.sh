#!/bin/sh
# debian.sh SOURCE BUILD CMAKE CC: the Debian package of the build tree, in a system that has nothing but what the package depends
# on: dpkg installs it, the tool and a program in C run there, dpkg removes it, and nothing of it is left.
#
# The system is a directory with dpkg's own records and the files of the packages that are depended on, copied from this
# machine. Nothing is installed on this machine.
set -eu
source=$1 build=$2 cmake=$3 cc=$4
skip() { echo "SKIPPED: package.debian: $*"; exit 77; }
for program in file dpkg dpkg-deb dpkg-shlibdeps dpkg-query chroot unshare; do
  command -v $program >/dev/null || skip "there is no $program"
done
if [ "$(id -u)" != 0 ]; then
  unshare --map-root-user true 2>/dev/null || skip "neither root nor a user namespace of its own"
  exec unshare --map-root-user sh "$0" "$@"
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-debian.XXXXXX")
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^#define TAKT_VERSION_[A-Z]* //p' "$source/include/takt/core/config.hpp" | paste -sd.)
architecture=$(dpkg --print-architecture)

# The package.
"${cmake%cmake}cpack" -G DEB --config "$build/CPackConfig.cmake" -B "$work/made" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
deb=$work/made/takt_${version}_$architecture.deb
[ -e "$deb" ] || { echo "there is no $deb, but: $(ls "$work/made")"; exit 1; }
[ "$(dpkg-deb -f "$deb" Version)" = "$version" ]
dpkg-deb --contents "$deb" | awk '{ print $1, $2, $6 }' >"$work/contents"
# Everything belongs to root, all may read it and only root may write; what may be executed are the tool and what is loaded.
awk '$2 != "root/root" || $1 !~ /^(drwxr-xr-x|-rw[-x]r-[-x]r-[-x]|lrwxrwxrwx)$/ { print "owner or mode:", $0; bad = 1 }
  $3 !~ /^\.\/($|usr\/)/ { print "not in /usr:", $0; bad = 1 } END { exit bad }' "$work/contents"
for file in include/takt/takt.hpp include/takt/takt.cppm include/takt/c.h bin/takt share/man/man1/takt.1 lib/systemd/system/takt-watch.service share/takt/grafana-dashboard.json share/takt/report.schema.json share/man/man3/takt_c.3 lib/libtakt_c.a share/doc/takt/LICENSE share/pkgconfig/takt.pc; do
  grep -q " \./usr/$file\$" "$work/contents" || { echo "the package has no $file"; exit 1; }
done
# What `takt run` loads into programs comes along where it was built.
[ -z "$(find "$build" -name libtakt_preload.so)" ] || grep -q ' \./usr/lib/takt/libtakt_preload\.so$' "$work/contents" ||
  { echo "the package has no libtakt_preload.so"; exit 1; }

# A system with the packages that it depends on, and what runs the scripts of packages.
root=$work/root
mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/tmp" "$root/etc"
for directory in bin sbin lib lib64; do ln -s usr/$directory "$root/$directory"; done
: >"$root/var/lib/dpkg/status"
todo="dash libc-bin $(dpkg-deb -f "$deb" Depends | sed 's/([^)]*)//g; s/|[^,]*//g; s/,/ /g')"
done=
while [ -n "$todo" ]; do
  set -- $todo
  package=$1
  shift
  todo=$*
  case " $done " in *" $package "*) continue ;; esac
  done="$done $package"
  dpkg-query -s "$package" >"$work/stanza" 2>/dev/null || { echo "$package, which the package depends on, is not installed here"; exit 1; }
  # What it depends on in turn; alternatives and virtual packages as they are installed here.
  for next in $(sed -nE 's/^(Pre-)?Depends: //p' "$work/stanza" | sed 's/([^)]*)//g; s/:any//g; s/|[^,]*//g; s/,/ /g'); do
    [ "$next" != debconf ] || continue # dash asks it questions, which it has no use for here
    todo="$todo $next"
  done
  cat "$work/stanza" >>"$root/var/lib/dpkg/status"
  echo >>"$root/var/lib/dpkg/status"
  dpkg -L "$package" | while read -r file; do
    if [ -d "$file" ] && [ ! -L "$file" ]; then mkdir -p "$root$file"; elif [ -e "$file" ] && [ ! -e "$root$file" ]; then
      mkdir -p "$root${file%/*}"
      cp -d --preserve=mode "$file" "$root$file"
    fi
  done
  cp /var/lib/dpkg/info/"$package".list /var/lib/dpkg/info/"$package":*.list "$root/var/lib/dpkg/info/" 2>/dev/null || :
done
[ -e "$root/bin/sh" ] || ln -s dash "$root/bin/sh"
ls_root() { (cd "$root" && find . ! -path './var/*' ! -path './etc/ld.so.cache' ! -path './tmp/*' | sort); }
ls_root >"$work/before"

quiet() { "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }; }
quiet dpkg --root="$root" --install "$deb"
dpkg --root="$root" --status takt | grep -q '^Status: install ok installed'
quiet dpkg --root="$root" --verify takt
quiet chroot "$root" /usr/bin/takt --help
quiet chroot "$root" /usr/bin/takt simulate --help
"$cc" -std=c99 -I"$root/usr/include" "$source/tests/package/c/consumer.c" -L"$root/usr/lib" -ltakt_c -o "$root/tmp/consumer"
chroot "$root" /tmp/consumer
# What the package says of the library is what a package of such a program would depend on.
grep -qx "libtakt_c 1 takt .*\|libtakt_c 1 takt" "$root/var/lib/dpkg/info/takt.shlibs"

quiet dpkg --root="$root" --purge takt
ls_root | diff "$work/before" - || { echo "the package left something behind (>)"; exit 1; }
echo "$(wc -l <"$work/contents") files; a system of$done"
