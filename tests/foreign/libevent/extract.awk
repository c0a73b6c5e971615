# extract.awk - prints the functions and structures of libevent's regress.c that are listed in `names`, separated by spaces.
BEGIN { n = split(names, list, " "); for (i = 1; i <= n; ++i) wanted[list[i]] }
/^(static )?(void|int)$/ { result = $0; next }
/^struct [a-z_]+ \{$/ && ($2 in wanted) { inside = 1; ++found }
/^[a-z_]+\(/ { name = $0; sub(/\(.*/, "", name); if (name in wanted) { print result; inside = 1; ++found } }
inside { print }
/^}/ { inside = 0 }
END { if (found != n) { print "only " found " of " n " were found" >"/dev/stderr"; exit 1 } }
