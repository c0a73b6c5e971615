#!/bin/sh
# fetch.sh PLACE PACKAGE...: leaves the original source of each of these source packages of Debian in PLACE/PACKAGE.
#
# It is what the archive serves to this machine's own apt, which is not touched: the lists of sources lie in PLACE. What is
# there already is not fetched again. Ends with 77, after a line that says why, where the archive is out of reach; under CI
# that is a failure, because what is not fetched is not tested. An archive that answers but does not have the file is a mirror
# of a part: there the end is 77 under CI, too.
set -u
place=$1
shift
skip() {
  echo "SKIPPED: foreign tests: $*"
  [ -z "${CI:-}" ] && exit 77
  exit 1
}

mkdir -p "$place" && cd "$place" || exit 1
exec 9>lock
flock 9
for package; do
  [ ! -d "$package" ] || continue
  command -v apt-get >/dev/null 2>&1 || skip "no apt-get to fetch the source of $package with"
  if [ ! -e apt/updated ]; then
    rm -rf apt && mkdir -p apt/sources apt/lists/partial apt/cache/archives/partial || exit 1
    # The distribution's own sources alone: others seldom have source packages.
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
      case $file in *.list) from='^deb ' to='deb-src ' ;; *.sources) from='^Types: .*' to='Types: deb-src' ;; *) continue ;; esac
      ! grep -qE '^[^#]*://[^ ]*/(debian|ubuntu)' "$file" 2>/dev/null || sed "s|$from|$to|" "$file" >"apt/sources/${file##*/}"
    done
    cat >apt/configuration <<END
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$PWD/apt/sources";
Dir::State::Lists "$PWD/apt/lists";
Dir::Cache "$PWD/apt/cache";
Acquire::Languages "none";
APT::Sandbox::User "root";
END
    APT_CONFIG=$PWD/apt/configuration apt-get update -qq >apt/log 2>&1 && touch apt/updated
    [ -e apt/updated ] || skip "apt-get cannot read the lists of source packages ($(tail -n 1 apt/log))"
  fi
  rm -rf "$package.part" && mkdir "$package.part" || exit 1
  if ! (cd "$package.part" && APT_CONFIG=$place/apt/configuration apt-get source -qq --download-only "$package") >apt/log 2>&1; then
    ! grep -q '404  Not Found' apt/log || CI=
    skip "apt-get cannot fetch the source of $package ($(head -n 1 apt/log))"
  fi
  tar -xf "$package.part/"*.orig.tar.* -C "$package.part" --strip-components=1 && rm -f "$package.part/"*.dsc "$package.part/"*.tar.* || exit 1
  mv "$package.part" "$package"
done
