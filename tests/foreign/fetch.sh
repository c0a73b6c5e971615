#!/bin/sh
# fetch.sh PLACE PACKAGE [WHAT...]: leaves the original source that this package of Debian holds in PLACE/PACKAGE. WHAT is for
# tar: patterns of the names to unpack, and options. Without, all is unpacked.
#
# A source package is what the archive serves to this machine's own apt, which is not touched: the lists of sources lie in PLACE.
# A package NAME-source is a binary one with the source of NAME in it; mirrors of a part have these more often. The machine's apt
# downloads it, and it is unpacked, not installed. What is there already is not fetched again. Ends with 77, after a line that
# says why, where the archive is out of reach; under CI that is a failure, because what is not fetched is not tested. An archive
# that answers but does not have the file is a mirror of a part: there the end is 77 under CI, too.
set -u
place=$1 package=$2
shift 2
skip() {
  echo "SKIPPED: foreign tests: $*"
  [ -z "${CI:-}" ] && exit 77
  exit 1
}

mkdir -p "$place" && place=$(cd "$place" && pwd) && cd "$place" || exit 1
case $package in
*-source*) get="download" lock=$package ;;
*) get="source --download-only" lock=apt ;;
esac
exec 9>"$lock.lock"
flock 9
[ ! -d "$package" ] || exit 0
log=$place/$package.log
command -v apt-get >"$log" 2>&1 || skip "no apt-get to fetch the source of $package with"

# use_sources: makes apt-get read lists of the source packages of the distribution alone, because other archives seldom have any.
use_sources() {
  export APT_CONFIG="$place/apt/configuration"
  [ ! -e apt/updated ] || return 0
  rm -rf apt && mkdir -p apt/sources apt/lists/partial apt/cache/archives/partial || exit 1
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    case $file in *.list) from='^deb ' to='deb-src ' ;; *.sources) from='^Types: .*' to='Types: deb-src' ;; *) continue ;; esac
    ! grep -qE '^[^#]*://[^ ]*/(debian|ubuntu)' "$file" 2>/dev/null || sed "s|$from|$to|" "$file" >"apt/sources/${file##*/}"
  done
  cat >apt/configuration <<END
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$place/apt/sources";
Dir::State::Lists "$place/apt/lists";
Dir::Cache "$place/apt/cache";
Acquire::Languages "none";
APT::Update::Error-Mode "any";
APT::Sandbox::User "root";
END
  # Lists that cannot be read are asked for again the next time. This time the others may do.
  ! apt-get update -qq >"$log" 2>&1 || touch apt/updated
}

[ "$get" = download ] || use_sources
rm -rf "$package.part" && mkdir -p "$package.part/source" && cd "$package.part" || exit 1
# shellcheck disable=SC2086 # a list of words
if ! apt-get $get -qq "$package" >>"$log" 2>&1; then
  ! grep -qE '404  Not Found|Unable to locate package' "$log" || CI=
  skip "apt-get cannot fetch the source of $package ($(grep '^E:' "$log" | head -n 1))"
fi
for file in ./*.deb; do [ ! -e "$file" ] || dpkg-deb -x "$file" binary || exit 1; done
archive=$(find . -name '*.orig.tar.*[z2]' -o -path './binary/usr/src/*' -name "${package%%-*}-*.tar.*" | head -n 1)
[ -n "$archive" ] || { echo "fetch.sh: no archive of sources in $package" && exit 1; }
tar -xf "$archive" -C source --strip-components=1 --wildcards "$@" && mv source "../$package" && rm -rf "$place/$package.part"
