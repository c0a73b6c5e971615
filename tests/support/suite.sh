#!/bin/sh
# suite.sh PLACE SUITE WHAT-FOR: leaves in PLACE/configuration what apt-get and apt-cache take with -c to serve that suite of
# the distribution, from empty, as if on a machine with nothing installed.
#
# Sources, proxies and keys are those of this machine's own apt, which is not touched: lists and packages lie in PLACE.
#
# Ends with 77, after a line that says why WHAT-FOR is skipped, where the archive is out of reach; under CI that is a failure,
# because what is not fetched is not tested. An archive that answers but does not have the suite is one of another
# distribution, or a mirror of a part: there the end is 77 under CI, too.
set -u
place=$1 suite=$2 what=$3
skip() {
  echo "SKIPPED: $what: $*"
  [ -z "${CI:-}" ] && exit 77
  exit 1
}
for program in apt-get apt-cache dpkg dpkg-deb; do
  command -v $program >/dev/null 2>&1 || skip "no $program"
done
rm -rf "$place" && mkdir -p "$place/sources" "$place/lists/partial" "$place/cache/archives/partial" && cd "$place" || exit 1

# The distribution's own first source, under the name of the suite: stanzas of .sources, lines of .list.
for file in /etc/apt/sources.list.d/*.sources; do
  [ -e "$file" ] && [ ! -s sources/own.sources ] || continue
  awk -v suite="$suite" 'BEGIN { RS = "" }
    /(^|\n)URIs:[^\n]*:\/\/[^\n]*\/(debian|ubuntu)\/?([ \n]|$)/ && !/(^|\n)Enabled: *no/ {
      gsub(/(^|\n)Types:[^\n]*/, "\nTypes: deb"); gsub(/(^|\n)Suites:[^\n]*/, "\nSuites: " suite)
      print; exit
    }' "$file" >sources/own.sources
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -e "$file" ] && [ ! -s sources/own.sources ] && [ ! -s sources/own.list ] || continue
  sed -n "s%^\(deb \(\[[^]]*\] *\)\{0,1\}[^ ]*://[^ ]*/\(debian\|ubuntu\)/\{0,1\} \) *[^ ]* %\1$suite %p" "$file" | head -n 1 \
    >sources/own.list
done
[ -s sources/own.sources ] || [ -s sources/own.list ] || { CI=; skip "this machine's apt has no source of the distribution"; }
: >status
cat >configuration <<END
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$PWD/sources";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$PWD";
Dir::State::Lists "$PWD/lists";
Dir::State::Status "$PWD/status";
Dir::Cache "$PWD/cache";
Acquire::Languages "none";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
#clear APT::Default-Release;
#clear APT::Architectures;
APT::Architectures:: "$(dpkg --print-architecture)";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
if ! apt-get -c configuration update -qq --error-on=any >log 2>&1; then
  ! grep -q '40[34]  \|410  \|does not have a Release file' log || CI=
  skip "apt-get cannot read the lists of $suite ($(grep . log | head -n 1))"
fi
