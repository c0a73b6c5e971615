#!/bin/sh
# symbols.sh HEADER SHARED STATIC ABI LIST: the shared C library exports what the header declares and nothing else, each with the
# version of the ABI, which the SONAME has too; it needs the C and C++ run time alone; the static one has no other global names
# that could clash with those of a program in C: those of C++ and of the compiler (clang's __clang_call_terminate) are reserved.
# What LIST has of the header stays in it: functions, enumerators and fields, in the same order. LIST grows with the header:
#   sed -E '/^ *(\/\/|#|\/\*|$)/d; s/ *\/\/.*//' include/takt/c.h
set -u
header=$1 shared=$2 static=$3 abi=$4 list=$5
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-symbols.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
status=0
fail() { echo "$*"; status=1; }

# A function is a line that starts with a type and names takt_...(
sed -n 's/^[a-z][a-z0-9_ ]*[ *]\(takt_[a-z0-9_]*\)(.*/\1/p' "$header" | grep -v '^typedef' | sort >"$work/declared"
[ "$(wc -l <"$work/declared")" -gt 20 ] || fail "the header declares almost nothing: $(wc -l <"$work/declared") functions"
nm -D --defined-only "$shared" | awk '$2 != "A" { print $3 }' | sort >"$work/exported"
sed "s/\$/@@TAKT_C_$abi/" "$work/declared" | diff - "$work/exported" || fail "declared (<) and exported (>) differ"
readelf -dW "$shared" >"$work/dynamic"
grep -q "SONAME.*\[libtakt_c\.so\.$abi\]" "$work/dynamic" || fail "the SONAME is not libtakt_c.so.$abi"
grep NEEDED "$work/dynamic" | sed 's/.*\[\(.*\)\]/\1/' | grep -vE '^(libc|libm|libgcc_s|libstdc\+\+|libpthread|ld-linux[a-z0-9-]*)\.so\.[0-9]+$' && fail "needs more than the run time"
grep -q 'TEXTREL' "$work/dynamic" && fail "has text relocations"
nm --defined-only -g "$static" | awk 'NF == 3 && $3 !~ /^(_Z|__|DW\.ref\.)/ { print $3 }' | sort >"$work/static"
diff "$work/declared" "$work/static" || fail "declared (<) and in the static library (>) differ"
sed -E '/^ *(\/\/|#|\/\*|$)/d; s/ *\/\/.*//' "$header" >"$work/interface"
diff "$list" "$work/interface" >"$work/changes"
grep '^<' "$work/changes" && fail "these lines of version $abi changed or are gone"
grep '^>' "$work/changes" && fail "these lines are new: add them to $list"
[ $status = 0 ] && echo "$(wc -l <"$work/declared") functions, version TAKT_C_$abi"
exit $status
