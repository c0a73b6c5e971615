# sources.sh - sourced by run.sh: fetches the kernel's selftests of timers and of the vDSO, and makes a copy of them the current
# directory.
# shellcheck shell=sh disable=SC2086,SC2154 # lists of words; the variables of run.sh

# patch FILE FROM TO: changes each FROM in a copy, a pattern of sed, and there must be one.
patch() {
  grep -q -e "$2" "$1" || { echo "$1 has no $2" && exit 1; }
  sed -i "s|$2|$3|" "$1"
}
# compile TEST.c OBJECT FLAG...
compile() {
  source=$1 object=$2
  shift 2
  flags=$c_flags foreign c -I. "$@" -c "$source" -o "$object" || exit 1
}
# The package is that of this suite's kernel.
source_package=$(apt-cache depends linux-source 2>/dev/null | grep -o 'linux-source-[^ ]*$' || echo linux-source)
selftests=tools/testing/selftests
fetch "$source_package" "*/$selftests/kselftest*.h" "*/$selftests/timers" "*/$selftests/vDSO"
cp -r "$place/$source_package/$selftests" "$work/selftests" && cd "$work/selftests" || exit 1
