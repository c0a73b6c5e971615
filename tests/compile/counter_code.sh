#!/bin/sh
# counter_code.sh SOURCE COMPILER FLAG...: the reads of cpu/counter.hpp are the instructions they promise to be, in that
# order, in place, and nothing else but what joins two halves of a result.
set -u
source=$1
shift
case $("$@" -dumpmachine) in
x86_64*)
  quiet=-fcf-protection=none
  join="(sal|shl)q or[ql] "
  expect="read_bare=rdtsc ${join}retq?
read_bare_policy=rdtsc ${join}retq?
read_by_builtin=rdtsc ${join}retq?
read_ordered=lfence rdtsc ${join}retq?
read_ordered_policy=lfence rdtsc ${join}retq?
read_begin=lfence rdtsc lfence ${join}retq?
read_end=rdtscp lfence ${join}retq?
read_and_cpu=rdtscp ([a-z]+ )*retq?
read_end_and_cpu=rdtscp lfence ([a-z]+ )*retq?"
  ;;
aarch64*)
  quiet=-fno-asynchronous-unwind-tables
  expect="read_bare=mrs ret
read_bare_policy=mrs ret
read_ordered=dsb isb mrs ret
read_ordered_policy=dsb isb mrs ret
read_begin=dsb isb mrs isb ret
read_end=dsb isb mrs isb ret"
  ;;
riscv64*)
  quiet=-fno-asynchronous-unwind-tables
  expect="read_bare=rdtime ret
read_bare_policy=rdtime ret
read_ordered=fence rdtime ret
read_ordered_policy=fence rdtime ret
read_begin=fence rdtime fence ret
read_end=fence rdtime fence ret"
  ;;
*)
  echo "no expectation for this architecture"
  exit 1
  ;;
esac

# One line a function: its name and the mnemonics of its instructions.
code=$("$@" -O2 "$quiet" -S -o - "$source" | awk '
  /^[A-Za-z_][A-Za-z0-9_]*:/ { sub(/:.*/, ""); if (name) print name "=" text; name = $0; text = ""; next }
  name && /^[ \t]+[a-z]/ { text = text (text == "" ? "" : " ") $1 }
  END { if (name) print name "=" text }')

failed=0
count=0
while read -r line; do
  count=$((count + 1))
  if ! printf '%s\n' "$code" | grep -Eqx "$line"; then
    echo "expected $line"
    echo "found    $(printf '%s\n' "$code" | grep "^${line%%=*}=")"
    failed=$((failed + 1))
  fi
done <<END
$expect
END
calls=$(printf '%s\n' "$code" | grep -Ew 'call|callq|bl|jal|jmp' || true)
if [ -n "$calls" ]; then
  echo "a call: $calls"
  failed=$((failed + 1))
fi
echo "$count reads, $failed failed"
[ "$failed" = 0 ]
