# takt report --json of many machines: equal to the committed references, which hold to the schema that is installed beside the
# tool; and the schema refuses what is damaged (report_machines.py).
. "$(dirname "$0")/common.sh"
[ -n "$python" ] || skip_all 'no python3'
"$python" -B "$(dirname "$0")/report_machines.py" "$takt" >"$out" 2>"$err"
case $? in
0) ;;
77) cat "$out" && exit 77 ;;
*) fail 'a report is not what its reference or its schema says' ;;
esac
finish
