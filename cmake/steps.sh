# steps.sh - how the scripts here run what takes minutes, and say what it does meanwhile. Sourced, not run.

# logged LOG COMMAND...: runs it with its output in LOG. On a terminal, the last line of that is shown meanwhile and then
# wiped out; elsewhere, nothing is. The command stays in the foreground, so that Ctrl-C reaches it.
progress=
logged() {
  log=$1
  shift
  : >"$log"
  if [ -t 2 ]; then
    # A signal may come before a subshell can take it, so what ends this one is that its file is gone, or the script is.
    progress=$log.running
    : >"$progress"
    (
      while sleep 1 && [ -e "$progress" ] && kill -0 $$ 2>/dev/null; do
        line=$(tail -c 2000 "$log" | tr -cd '[:print:]\n' | grep . | tail -n 1 | cut -c 1-76)
        printf '\r\033[K  %s' "$line" >&2
      done
    ) &
  fi
  "$@" >"$log" 2>&1 </dev/null
  status=$?
  end_progress
  return $status
}
end_progress() {
  [ -n "$progress" ] || return 0
  rm -f "$progress"
  progress=
  wait
  printf '\r\033[K' >&2
}
trap end_progress EXIT
trap 'end_progress; exit 129' HUP
trap 'end_progress; exit 130' INT
trap 'end_progress; exit 143' TERM

# about NAME: how long this step took the last time it succeeded in build/, in words.
about() {
  took=$(awk -v name="$1" '$1 == name { t = $2 } END { print t }' build/times 2>/dev/null) || :
  if [ -z "$took" ]; then
    printf '%s' "${2:-no time known yet}"
  elif [ "$took" -lt 120 ]; then
    printf 'last time %d s' "$took"
  else
    printf 'last time %d min' $(((took + 30) / 60))
  fi
}
remember() {
  { grep -v "^$1 " build/times 2>/dev/null || :; echo "$1 $2"; } >build/times.new && mv build/times.new build/times
}
