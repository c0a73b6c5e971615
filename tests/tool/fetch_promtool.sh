#!/bin/sh
# fetch_promtool.sh PLACE: prints the path of promtool, which checks metrics for Prometheus: this machine's, or one that is left
# in PLACE.
#
# Debian has it in the package of the server, of 96 MB, which would start that server: so the package is fetched and only this
# program of it kept. Nothing is installed, and apt's own lists are not touched. Ends with 77, after a line that says why, where
# the archive is out of reach; under CI that is a failure, because what is not fetched is not tested. A mirror of a part of the
# archive, which answers but does not have the file, makes it 77 under CI, too.
set -u
skip() {
  echo "SKIPPED: promtool: $*" >&2
  [ -z "${CI:-}" ] && exit 77
  exit 1
}
! command -v promtool || exit 0
mkdir -p "$1" && cd "$1" || exit 1
exec 9>lock
flock 9
if [ ! -x promtool ]; then
  command -v apt-get >/dev/null 2>&1 || skip 'it is not installed, and there is no apt-get to fetch it with'
  rm -rf part && mkdir -p part/lists/partial part/cache/archives/partial && cd part || exit 1
  printf 'Dir::State::Lists "%s";\nDir::Cache "%s";\nAcquire::Languages "none";\nAPT::Sandbox::User "root";\n' "$PWD/lists" "$PWD/cache" >configuration
  if ! apt-get download -qq -o APT::Sandbox::User=root prometheus >log 2>&1; then # with lists of its own
    APT_CONFIG=$PWD/configuration apt-get update -qq >log 2>&1 || skip "apt-get cannot read the lists of packages ($(tail -n 1 log))"
    if ! APT_CONFIG=$PWD/configuration apt-get download -qq prometheus >log 2>&1; then
      ! grep -q '404  Not Found' log || CI=
      skip "apt-get cannot fetch the package prometheus ($(head -n 1 log))"
    fi
  fi
  dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool && mv usr/bin/promtool ../promtool && cd .. && rm -rf part || exit 1
fi
echo "$PWD/promtool"
