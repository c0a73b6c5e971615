#!/bin/sh
# refused.sh SOURCE COMPILER FLAG...: the compiler refuses SOURCE, and with the message its first line expects.
# With -DTAKT_CONTROL the same file must compile: a typo in it cannot pass for a refusal.
set -u
source=$1
shift
expected=$(sed -n '1s,^// expect: ,,p' "$source")
[ -n "$expected" ] || { echo "$source: no '// expect: REGEX' in its first line"; exit 1; }
if ! message=$("$@" -DTAKT_CONTROL -fsyntax-only "$source" 2>&1); then
  printf '%s\n' "$message"
  echo "$source: does not compile even with -DTAKT_CONTROL"
  exit 1
fi
if message=$("$@" -fsyntax-only "$source" 2>&1); then
  echo "$source: compiles"
  exit 1
fi
printf '%s\n' "$message" | grep -Eq -- "$expected" && exit 0
printf '%s\n' "$message"
echo "$source: refused, but not with: $expected"
exit 1
