#!/bin/sh
# amalgamate.sh: prints all of takt as one header, for places where one file is all that fits (compiler explorer, a small
# project, a bug report):
#   sh cmake/amalgamate.sh >takt.hpp
# It holds takt/takt.hpp and the headers that takt.hpp leaves out, but for those of interop/ that include another library.
# Each header stands where it is included first. Where that is under an #if, what it includes itself comes before.
set -eu
cd "$(dirname "$0")/../include"
version=$(sed -n 's/^#define TAKT_VERSION_[A-Z]* //p' takt/core/config.hpp | paste -sd.)

printf '// takt %s in one header, made by cmake/amalgamate.sh from include/takt. Do not edit it.\n//\n' "$version"
sed 's/^/\/\/ /; s/ *$//' ../LICENSE
printf '#pragma once\n'
# What takt.hpp includes first, then the others.
{
  echo takt/takt.hpp
  find takt -mindepth 2 -maxdepth 2 -name '*.hpp' ! -name 'arch_*' | LC_ALL=C sort | while read -r header; do
    case $header in
    takt/interop/*) grep -qE '^ *# *include *[<"]([^t]|t[^a])[^>"]*[/.]' "$header" || echo "$header" ;;
    *) echo "$header" ;;
    esac
  done
} | awk '
  function load(file, lines,   n, line, status) {
    while ((status = (getline line < file)) > 0) lines[++n] = line
    close(file)
    if (status < 0) { print "amalgamate.sh: cannot read " file > "/dev/stderr"; exit (failed = 1) }
    return n
  }
  # How an #if or #endif changes the depth.
  function step(line) { return line ~ /^ *# *if/ ? 1 : line ~ /^ *# *endif/ ? -1 : 0 }
  # The header of takt that a line includes, or nothing.
  function inner(line) {
    if (line !~ /^ *# *include *<takt\//) return ""
    sub(/^[^<]*</, "", line); sub(/>.*/, "", line)
    return line
  }
  function say(file, line) {
    if (file != speaking) print "\n// " file (said[file]++ ? " goes on" : "")
    speaking = file
    print line
  }
  # Prints a header where it is included first. `outer`: under how many #if that is.
  function header(file, outer,   lines, n, i, depth, one) {
    if (begun[file]++) return
    n = load(file, lines)
    for (i = 1; i <= n; ++i) {
      depth += step(lines[i])
      one = inner(lines[i])
      if (one != "" && depth > 0) dependencies(one)
    }
    for (i = 1; i <= n; ++i) {
      depth += step(lines[i])
      one = inner(lines[i])
      if (lines[i] ~ /^ *# *pragma once/) continue
      else if (one != "") header(one, depth + outer)
      else if (lines[i] ~ /^ *# *include *</ && depth + outer == 0 && standard[lines[i]]++) continue
      else if (file ~ /\/.*\//) say(file, lines[i]) # an umbrella holds includes alone
    }
  }
  # Prints what a header includes that is itself included under an #if.
  function dependencies(file,   lines, n, i) {
    n = load(file, lines)
    for (i = 1; i <= n; ++i) if (inner(lines[i]) != "") header(inner(lines[i]), 0)
  }
  { header($0, 0) }
  END { exit failed }
'
