#!/bin/sh
# unwinding.sh SOURCE COMPILER FLAG...: the rule of TAKT_UNWINDS (core/config.hpp) holds for every function that SOURCE uses.
# A function of takt that has the same symbol with and without exceptions is shared by units of both kinds, so
#   - with exceptions, it neither throws nor catches;
#   - without exceptions, it does not call a function that is marked.
# Compiled without optimisation, so that each call shows.
set -u
source=$1
shift
work=$(mktemp -d "${TMPDIR:-/tmp}/takt-unwinding.XXXXXX")
trap 'rm -rf "$work"' EXIT
keep=
case $("$@" --version) in *clang*) ;; *) keep=-fkeep-inline-functions ;; esac
# shellcheck disable=SC2086 # no flag or one
"$@" $keep -O0 -S -fexceptions "$source" -o "$work/with.s" && "$@" $keep -O0 -S -fno-exceptions "$source" -o "$work/without.s" || exit 1
# A label begins a function; what takt defines has its name at the head of the symbol.
awk '
  /^[A-Za-z_][A-Za-z0-9_.$]*:/ { f = $1; sub(/:.*/, "", f); own = f ~ /^_ZZ*N[VKRO]*4takt/ }
  !own || /^[ \t]*[.#]/ { next }
  FILENAME ~ /without.s$/ {
    without[f] = 1
    if (f ~ /B8noexcept/) marked[f] = 1
    else if (match($0, /_Z[A-Za-z0-9_]*B8noexcept[A-Za-z0-9_]*/))
      breach["shared, but calls what is marked: " f " -> " substr($0, RSTART, RLENGTH)] = 1
    next
  }
  /__cxa_begin_catch|__cxa_throw|__cxa_rethrow|rethrow_exception/ { throws[f] = 1 }
  END {
    for (f in throws) if (f in without) breach["shared, but throws or catches: " f] = 1
    for (b in breach) { print b; breaches++ }
    for (f in without) shared++
    for (f in marked) marks++
    print shared - marks " functions shared, " marks + 0 " marked, " breaches + 0 " breaches"
    exit breaches > 0 || marks == 0 || shared - marks < 100
  }' "$work/without.s" "$work/with.s" >"$work/result"
status=$?
c++filt <"$work/result"
exit $status
