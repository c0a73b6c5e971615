#!/bin/sh
# floors.sh INCLUDE-DIRECTORY: the includes only ever point downwards.
#   - a header includes its own room and lower floors; cpu and kernel do not see each other;
#   - only kernel/os.hpp includes anything but the C++ standard library and <time.h>;
#   - only cpu/arch_*.hpp holds assembly.
# interop/ meets other libraries and may include theirs.
set -u
cd "$1" || exit 1
find takt -mindepth 2 -name '*.hpp' | sort | xargs awk '
  BEGIN {
    floor["core"] = 0; floor["cpu"] = 1; floor["kernel"] = 1; floor["clock"] = 2; floor["timer"] = 3
    floor["observe"] = 4; floor["testing"] = 4; floor["interop"] = 5
  }
  function breach(why) { print FILENAME ":" FNR ": " why ": " $0; breaches++ }
  FNR == 1 { split(FILENAME, at, "/"); room = at[2]; files++; if (!(room in floor)) breach("no such room") }
  /^[ \t]*#[ \t]*include/ {
    target = $0; sub(/^[^<"]*[<"]/, "", target); sub(/[>"].*$/, "", target)
    if (target ~ /^takt\//) {
      n = split(target, to, "/")
      if (n < 3) breach("a room may not include a whole-room header")
      else if (to[2] != room && !(floor[to[2]] < floor[room])) breach("points upwards or sideways")
    } else if (target ~ /[\/.]/ && target != "time.h" && FILENAME != "takt/kernel/os.hpp" && room != "interop") {
      breach("neither standard library nor <time.h>")
    }
  }
  /(^|[^_[:alnum:]])(asm|__asm__|__asm|__builtin_ia32_[a-z]+)([^_[:alnum:]]|$)/ && !/^[ \t]*\/\// && FILENAME !~ /^takt\/cpu\/arch_/ {
    breach("assembly outside cpu/arch_*.hpp")
  }
  END { print files " headers, " breaches + 0 " breaches"; exit (breaches > 0 || files == 0) }
'
