# takt vdso: the symbols are those that binutils finds in the image, and the image is one.
. "$(dirname "$0")/common.sh"
every vdso
concludes vdso

if ! done_by vdso || grep -q 'gave this process no vDSO' "$out"; then
  could_not vdso --dump "$work/vdso.so"
  skip 'the kernel gives this process no vDSO'
  finish
fi
says 'clock_gettime'

done_by vdso --dump "$work/vdso.so" --json
same 'size of the image' "$(wc -c <"$work/vdso.so")" "$(json /image/size)"
same 'name of the file' "$work/vdso.so" "$(json /image/file)"
same 'magic' "$(head -c 4 "$work/vdso.so" | od -An -tx1 | tr -d ' \n')" 7f454c46

# Name, version, value and size of every exported symbol. readelf marks the default version with @@, others with @.
readelf -W --dyn-syms "$work/vdso.so" 2>/dev/null | awk '
  $1 ~ /^[0-9]+:$/ && $5 ~ /GLOBAL|WEAK/ && $7 != "UND" {
    n = split($8, name, "@"); version = name[n > 1 ? n : 1]; if (n == 1) version = ($7 == "ABS") ? name[1] : "-"
    print name[1], version, $2, $3 }' >"$work/readelf"
done_by vdso
sed -n '/^Symbols/,/^$/p' "$out" | awk 'NR > 2 && NF { v = substr($4, 3); if ($4 == "0") v = "0"
  while (length(v) < 16) v = "0" v; print $1, $2, v, $5 }' | sort >"$work/ours"
[ -s "$work/readelf" ] || fail 'readelf found no symbols'
sort "$work/readelf" | diff - "$work/ours" >"$err" || fail 'not the symbols that readelf finds'

done_by vdso --json
i=0
while clock=$("$json_value" "/clocks/rows/$i/clock" <"$out" 2>/dev/null); do
  answers=$(json "/clocks/rows/$i/in_user_space")
  case $clock/$answers in
  *_CPUTIME_ID/false | *_CPUTIME_ID/null) ;;
  *_CPUTIME_ID/*) fail "$clock needs the kernel" ;;
  */true | */false | */null) ;;
  *) fail "$clock: $answers" ;;
  esac
  [ "$answers" != null ] || skip "whether the vDSO answers for $clock: $(json "/clocks/rows/$i/why_unknown")"
  i=$((i + 1))
done
same 'clocks' $i 9

could_not vdso --dump "$work/no-such-directory/vdso.so"
complains 'No such file'
could_not vdso --dump /dev/full
complains 'No space left'
# To standard output, with nothing else on it.
"$takt" vdso --dump - >"$work/piped.so" 2>"$err"
same 'status of --dump -' $? 0
[ ! -s "$err" ] || fail 'something on standard error'
cmp -s "$work/vdso.so" "$work/piped.so" || fail '--dump - is another image'
run 1 sh -c 'exec "$1" vdso --dump - >/dev/full' sh "$takt"
complains 'No space left'
wrong_usage vdso --dump - --json
[ ! -e ./- ] || fail 'a file of the name -'
wrong_usage vdso --dump
wrong_usage vdso --dump=
wrong_usage vdso --interval 1s
finish
