#!/bin/sh
# screens.sh TAKT: makes the screens and the picture of examples/takt/README.md anew, with this tool and on this machine.
#
# A screen is a block of code (```text) that begins with `$ takt ...`: that command is run in 80 columns, and its output
# replaces the rest of the block. Run it where nothing else runs, and read the result before you commit it.
set -eu
[ $# = 1 ] || { echo "usage: sh cmake/screens.sh TAKT" >&2; exit 2; }
directory=$(cd "$(dirname "$1")" && pwd)
cd "$(dirname "$0")/../examples/takt"
PATH=$directory:$PATH COLUMNS=80
export PATH COLUMNS
[ "$(command -v takt)" = "$directory/takt" ] || { echo "screens.sh: $directory/takt is not the tool" >&2; exit 1; }
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
awk '
  /^```text$/ { print; fresh = 1; next }
  fresh && /^\$ takt / {
    print; command = "( " substr($0, 3) " ) 2>/dev/null"; print "screens.sh: " substr($0, 3) >"/dev/stderr"
    while ((command | getline line) > 0) print line
    close(command); skipping = 1; fresh = 0; next
  }
  { fresh = 0 }
  skipping && /^```$/ { skipping = 0 }
  !skipping { print }' README.md >"$work/README.md"
cp "$work/README.md" README.md
takt simulate --svg pictures/rules.svg >/dev/null
