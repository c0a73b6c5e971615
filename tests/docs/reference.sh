#!/bin/sh
# reference.sh SOURCE-TREE BUILD-TREE CMAKE [--list]: the reference can be made, and every public name is documented in it.
#
# A name is documented when one of its declarations is: overloads share a description, and a constructor has that of its
# class. These need none:
#   - what the C++ standard describes: operators, the member types of durations, clocks, containers and iterators;
#   - members of the policy of the operating system: each is named after the system call that kernel/os.hpp makes of it;
#   - namespaces of named numbers, *_parameters, in which each number has a description;
#   - what undocumented.txt names, a list of names that waits for descriptions and must not grow.
# Every warning of doxygen fails too. --list prints the undocumented names instead, to make undocumented.txt anew:
#   sh tests/docs/reference.sh . build/quick cmake --list
set -u
source=$1 build=$2 cmake=$3
command -v doxygen >/dev/null || { echo "SKIPPED: docs.reference: doxygen is not installed"; exit 77; }
rm -rf "$build/reference/xml" "$build/reference/warnings"
"$cmake" --build "$build" --target takt_reference >"$build/reference.log" 2>&1 || { cat "$build/reference.log"; exit 1; }
[ -s "$build/reference/html/index.html" ] && [ -s "$build/reference/xml/index.xml" ] || { echo "no reference was made"; exit 1; }

status=0
# doxygen 1.9.4 does not find the scope of a specialisation in std, which the reference leaves out anyway.
grep -v 'Internal inconsistency: scope for class std::' "$build/reference/warnings" && { echo "doxygen warns"; status=1; }

undocumented=$(find "$build/reference/xml" -name '*.xml' | sort | xargs awk '
  # doxygen writes one element a line, so the first lines of an element tell all that is asked here.
  function text(line) { gsub(/<[^>]*>/, "", line); gsub(/^[ \t]+|[ \t]+$/, "", line); gsub(/&lt;/, "<", line); gsub(/&gt;/, ">", line); return line }
  function plain(name) { sub(/[ ]*<.*/, "", name); return name }
  /<compounddef / { inner = 0; scope = ""; kind = $0; sub(/.* kind="/, "", kind); sub(/".*/, "", kind)
    shown = $0 !~ /prot="private"/ && kind ~ /^(class|struct|namespace)$/ }
  /<compoundname>/ { scope = plain(text($0)); if (shown && scope ~ /^takt/) { names[scope]; of_scope[scope] = 1 } }
  /<memberdef / { inner = 1; name = ""; public = $0 ~ /prot="public"/ && shown && scope ~ /^takt/
    deleted = 0; kind_of_member = $0; sub(/.* kind="/, "", kind_of_member); sub(/".*/, "", kind_of_member) }
  inner && /^        <name>/ { name = text($0); key = scope "::" plain(name)
    last = scope; sub(/.*::/, "", last)
    if (name == last || name == "~" last) key = scope
    described = public && name !~ /^operator/ && kind_of_member != "friend"
    if (described) names[key] }
  /<(brief|detailed|inbody)description>/ { reading = 1 }
  reading && /<para>/ { if (inner && public && name != "") documented[key]; else if (!inner && shown) documented[scope] }
  /<\/(brief|detailed|inbody)description>/ { reading = 0 }
  /<\/memberdef>/ { inner = 0 }
  END {
    for (name in names) {
      last = name; sub(/.*::/, "", last)
      if (last ~ /^(rep|period|duration|time_point|is_steady|value_type|reference|pointer|difference_type|iterator_category|iterator_concept|iterator|const_iterator|sentinel|begin|end|size|empty|native_handle_type)$/ && !(name in of_scope)) continue
      if (name ~ /^takt::(linux_os|testing::fake_os)::/ || name ~ /_parameters$/) continue
      if (!(name in documented)) print name
    }
  }' | LC_ALL=C sort -u)

if [ "${4:-}" = --list ]; then
  echo "# Public names that wait for a description; see reference.sh. This list must not grow."
  printf '%s\n' "$undocumented"
  exit $status
fi
list=$source/tests/docs/undocumented.txt
fresh=$(printf '%s\n' "$undocumented" | grep -v '^$' | grep -vxF -f "$list")
gone=$(grep -v '^#' "$list" | grep -v '^$' | while read -r name; do printf '%s\n' "$undocumented" | grep -qxF "$name" || echo "$name"; done)
[ -z "$gone" ] || { echo "documented meanwhile, or gone; take these off $list:"; echo "$gone"; }
[ -z "$fresh" ] || { echo "public names without a description:"; echo "$fresh"; status=1; }
exit $status
