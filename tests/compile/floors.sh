#!/bin/sh
# floors.sh SOURCE-TREE: the includes only ever point downwards, and what is in detail/ stays there.
#   - a header includes its own room and lower floors; cpu and kernel do not see each other, nor scheduler and timer;
#     but kernel may include cpu/arch.hpp, which holds no code that depends on the rest of cpu/: the kernel's names for
#     the counter and its vDSO differ by architecture, and each architecture has one header of facts;
#   - an umbrella (include/takt/*.hpp) holds includes alone, neither umbrellas nor examples include detail/, and
#     examples do not use takt::detail; but examples/preload, a part of takt that is compiled, does: what it needs without a
#     C++ library (saturating arithmetic, the offsets of a time namespace) has no public form;
#   - what lies in detail/ lives in takt::detail;
#   - only the OS policy, kernel/os.hpp and kernel/os_{files,machine,perf}.hpp, includes anything but the C++ standard library and <time.h>;
#   - no line is longer than 120 columns;
#   - only cpu/arch*.hpp holds assembly or asks which architecture this is, and all others include it by cpu/arch.hpp
#     (core/config.hpp, which refuses what no header could serve, such as 32-bit targets, asks too);
#   - c.h, the C interface, is the only header for C, and includes <stdint.h> and <time.h> alone;
#   - every unit test begins with what it protects.
# interop/ meets other libraries and may include theirs.
set -u
cd "$1" || exit 1
status=0
find include/takt -mindepth 2 -name '*.hpp' | sort | xargs awk '
  BEGIN {
    floor["core"] = 0; floor["cpu"] = 1; floor["kernel"] = 1; floor["clock"] = 2; floor["sleep"] = 3; floor["testing"] = 3
    floor["scheduler"] = 4; floor["timer"] = 4; floor["observe"] = 5; floor["interop"] = 6
  }
  function breach(why) { print FILENAME ":" FNR ": " why ": " $0; breaches++ }
  FNR == 1 {
    split(FILENAME, at, "/"); room = at[3]; files++; inner = FILENAME ~ /\/detail\//
    if (!(room in floor)) breach("no such room")
  }
  /^[ \t]*#[ \t]*include/ {
    target = $0; sub(/^[^<"]*[<"]/, "", target); sub(/[>"].*$/, "", target)
    if (target ~ /^takt\//) {
      n = split(target, to, "/")
      if (n < 3) breach("a room may not include an umbrella")
      else if (target ~ /^takt\/cpu\/arch_/ && FILENAME !~ /^include\/takt\/cpu\/arch\.hpp$/) breach("cpu/arch.hpp chooses the architecture")
      else if (room == "kernel" && target == "takt/cpu/arch.hpp") next
      else if (to[2] != room && !(floor[to[2]] < floor[room])) breach("points upwards or sideways")
    } else if (target ~ /[\/.]/ && target != "time.h" && FILENAME !~ /^include\/takt\/kernel\/os(_files|_machine|_perf)?\.hpp$/ && room != "interop") {
      breach("neither standard library nor <time.h>")
    }
  }
  length > 120 { breach("longer than 120 columns") }
  /^namespace takt/ && inner && !/::detail/ { breach("in detail/ but not in takt::detail") }
  /(^|[^_[:alnum:]])(asm|__asm__|__asm|__builtin_ia32_[a-z]+)([^_[:alnum:]]|$)/ && !/^[ \t]*\/\// && FILENAME !~ /^include\/takt\/cpu\/arch_/ {
    breach("assembly outside cpu/arch_*.hpp")
  }
  /__(x86_64|amd64|i386|aarch64|arm|riscv|riscv_xlen|loongarch|loongarch_grlen|powerpc64|ppc64|s390x|mips|mips64|sparc)(__)?([^_[:alnum:]]|$)/ && !/^[ \t]*\/\// && FILENAME !~ /^include\/takt\/(cpu\/arch|core\/config\.hpp)/ {
    breach("asks for the architecture outside cpu/arch*.hpp")
  }
  END { print files " headers, " breaches + 0 " breaches"; exit (breaches > 0 || files == 0) }
' || status=1

for umbrella in include/takt/*.hpp; do
  awk -v umbrella="$umbrella" '
    /\/detail\// { print umbrella ":" FNR ": includes detail/: " $0; bad = 1 }
    length > 120 { print umbrella ":" FNR ": longer than 120 columns: " $0; bad = 1 }
    !/^\/\/\// && !/^#pragma once$/ && !/^#include <takt\// { print umbrella ":" FNR ": more than includes: " $0; bad = 1 }
    END { exit bad }' "$umbrella" || status=1
done
[ "$(find include -type f ! -name '*.hpp' | LC_ALL=C sort | paste -sd" ")" = "include/takt/c.h include/takt/takt.cppm" ] ||
  { echo "include/ holds more than headers, takt/c.h and takt/takt.cppm"; status=1; }
awk '
  length > 120 { print FILENAME ":" FNR ": longer than 120 columns: " $0; bad = 1 }
  /^[ \t]*#[ \t]*include/ && !/^#include <(stdint|time)\.h>$/ { print FILENAME ":" FNR ": neither <stdint.h> nor <time.h>: " $0; bad = 1 }
  END { exit bad }' include/takt/c.h || status=1
# Every public header is in the umbrella of its room, and every umbrella but testing and interop in takt.hpp. Exceptions
# are below.
for header in $(cd include && find takt -mindepth 2 -maxdepth 2 -name '*.hpp' | sort); do
  room=$(echo "$header" | cut -d/ -f2)
  case $header in takt/testing/* | takt/interop/* | takt/cpu/arch* | takt/core/format.hpp) continue ;; esac
  # Few programs need them, and they would cost each includer of takt.hpp; the umbrella names them instead.
  case $header in
    takt/clock/tick_history.hpp | takt/clock/bounded_clock.hpp | takt/clock/bounded_time.hpp | takt/sleep/wait_until_past.hpp | \
      takt/kernel/perf_event.hpp | takt/kernel/perf_group.hpp | takt/clock/counting_stopwatch.hpp | takt/clock/perf_clock.hpp | \
      takt/clock/rate_sources.hpp | takt/clock/counter_offset.hpp | takt/kernel/interrupts.hpp | takt/kernel/vdso_data.hpp | \
      takt/observe/clock_watch.hpp | takt/observe/clock_history.hpp | takt/observe/restore_signs.hpp | takt/observe/watch_event.hpp)
      grep -q "[ (]${header##*/}" "include/takt/$room.hpp" || { echo "include/takt/$room.hpp: does not name $header"; status=1; }
      continue ;;
  esac
  # The analysis of recordings: too expensive for takt.hpp; observe.hpp names these headers instead.
  case $header in
    takt/observe/trace_* | takt/observe/timer_* | takt/observe/tick_* | takt/observe/wake_* | takt/observe/stamp_map.hpp | takt/observe/line_offset.hpp | takt/observe/coalescing.hpp | takt/observe/duration_histogram.hpp)
      grep -q "[ (]${header##*/}" include/takt/observe.hpp || { echo "include/takt/observe.hpp: does not name $header"; status=1; }
      continue ;;
  esac
  grep -qF "#include <$header>" "include/takt/$room.hpp" || { echo "include/takt/$room.hpp: does not include $header"; status=1; }
  grep -qF "#include <takt/$room.hpp>" include/takt/takt.hpp || { echo "include/takt/takt.hpp: does not include $room.hpp"; status=1; }
done
if grep -rnE '#[ \t]*include[ \t]*[<"]takt/[a-z]+/detail/|takt::detail' examples --exclude-dir=preload; then
  echo "examples use detail"
  status=1
fi
if grep -rnE '^[ \t]*#.*__(x86_64|amd64|i386|aarch64|arm|riscv|loongarch)' examples; then
  echo "examples ask for the architecture, which only include/takt/cpu/arch*.hpp may"
  status=1
fi
tests=0
for test in tests/unit/*_test.cpp; do
  tests=$((tests + 1))
  head -n 1 "$test" | grep -q '^// Protects: [^ ]' || { echo "$test: does not begin with \"// Protects: \" and what it protects"; status=1; }
done
[ $tests -gt 50 ] || { echo "only $tests unit tests found"; status=1; }
exit $status
