#!/bin/sh
# snippets.sh CC SOURCE DOCUMENT...: every block of C in the documents compiles, as the body of a function, after the #include lines
# of its document and the functions of the reader.
set -u
cc=$1 source=$2
shift 2
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-c-snippets.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
status=0
for document in "$@"; do
  awk -v document="$document" '
    /^```c$/ { inside = 1; body = body "void block_" ++blocks "(void);\nvoid block_" blocks "(void) {\n#line " FNR + 1 " \"" document "\"\n"; next }
    /^```$/ && inside { inside = 0; body = body "}\n"; next }
    inside && /^#include/ { includes = includes $0 "\n"; body = body "\n"; next }
    inside { body = body $0 "\n" }
    END {
      print "#define _POSIX_C_SOURCE 200809L\n" includes "#include <stdio.h>\n#include <time.h>\n" \
        "void close_connection(takt_timer *timer, void *data);\nvoid epoll_add(int loop, int descriptor);\nextern int loop;\n" body
      print blocks + 0 >"/dev/stderr"
    }' "$source/$document" >"$work/snippets.c" 2>"$work/blocks"
  echo "$document: $(cat "$work/blocks") blocks of C"
  [ "$(cat "$work/blocks")" -gt 0 ] || status=1
  "$cc" -std=c99 -Wall -Wextra -Werror -Wno-unused -I"$source/include" -fsyntax-only "$work/snippets.c" || status=1
done
exit $status
