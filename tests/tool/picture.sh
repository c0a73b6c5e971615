# picture.sh - sourced behind common.sh by tests of commands that draw: what every picture has.

# picture FILE COMMAND: a well-formed SVG file with title, command, machine, date and legend, for light and dark pages.
picture() {
  if command -v xmllint >/dev/null; then xmllint --noout "$1" 2>"$err" || fail "not well-formed: $1"
  elif command -v python3 >/dev/null; then
    python3 -c 'import sys, xml.dom.minidom as d; d.parse(sys.argv[1])' "$1" 2>"$err" || fail "not well-formed: $1"
  else skip 'well-formed XML: no xmllint and no python3'
  fi
  grep -q '^<svg [^>]*viewBox="0 0 640 ' "$1" || fail "no SVG of the usual width: $1"
  same "colours for dark pages in $1" "$(grep -c '^@media (prefers-color-scheme:dark){.*\.blue{fill:#58a6ff}' "$1")" 1
  [ -n "$(sed -n 's/^<title>\(.*\)<\/title>$/\1/p' "$1")" ] || fail "no title for screen readers: $1"
  same "titles in $1" "$(words "$1" title)" "$(sed -n 's/^<title>\(.*\)<\/title>$/\1/p' "$1")"
  words "$1" note | grep -q "^takt $2" || fail "no command in $1"
  words "$1" date | grep -q '^20[0-9][0-9]-[01][0-9]-[0-3][0-9]$' || fail "no date in $1"
  [ "$(words "$1" legend | wc -l)" -ge 2 ] || fail "no legend in $1"
  [ "$(words "$1" axis | wc -l)" -ge 1 ] || fail "no name of an axis in $1"
  ! words "$1" '' | grep -q 'nan\|inf$\|inf ' || fail "a number that is none in $1"
}
# words FILE CLASS: the texts of a class, one a line; with an empty class all.
words() { sed -n "s/^<text class=\"\([^\"]* \)*$2[^\"]*\"[^>]*>\(.*\)<\/text>$/\2/p" "$1"; }
# axis FILE NAME: it has an axis of that name.
axis() { words "$1" axis | grep -q -e "$2" || fail "no axis \"$2\" in $1"; }
# undated FILE: the picture without the day on which it was drawn.
undated() { grep -v '^<text class="note date"' "$1"; }
# in_proportion FILE: lines of a length in the picture and the number it stands for; one scale has one factor for all.
in_proportion() {
  awk '$2 > 0 { f = $1 / $2; if (!n++ || f < low) low = f; if (f > high) high = f }
       END { exit !(n >= 2 && low > 0 && high <= low * 1.03) }' "$1" || fail "more than one scale: $(paste -sd' ' "$1")"
}
