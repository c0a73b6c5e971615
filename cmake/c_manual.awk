# c_manual.awk: makes the manual page takt_c(3) of include/takt/c.h:
#   awk -v version=0.2.0 -f cmake/c_manual.awk include/takt/c.h >takt_c.3
#
# The comment at the top is the description. Then each part of the header, which a /* comment */ names, is a section: its
# declarations, each followed by the comment that stands before it.
function escaped(text) {
  gsub(/\\/, "\\e", text); gsub(/-/, "\\-", text); gsub(/`/, "", text)
  if (text ~ /^[.']/) text = "\\&" text
  return text
}
# Prints the lines of a comment: labels in bold, what is indented as it is.
function prose(lines, n,   i, text, code) {
  for (i = 1; i <= n; ++i) {
    text = lines[i]
    if ((text ~ /^  [^ -]/) != code + 0) { code = !code; print code ? ".PP\n.nf" : ".fi\n.PP" }
    if (text == "") print ".PP"
    else if (code) print escaped(text)
    else if (text ~ /^  - /) print ".br\n\\(bu " escaped(substr(text, 5))
    else if (match(text, /^(RETURN VALUE|[A-Z]+|Returns|Does not promise):/)) print ".br\n.B " escaped(substr(text, 1, RLENGTH)) "\n" escaped(substr(text, RLENGTH + 2))
    else { sub(/^ +/, "", text); print escaped(text) }
  }
  if (code) print ".fi"
}
NR == 1 {
  print ".TH takt_c 3 \"\" \"takt " version "\" \"takt\""
  print ".SH NAME\ntakt_c \\- takt for programs in C: sleep and run timers on a common grid, read time cheaply"
  print ".SH SYNOPSIS\n.nf\n.B #include <takt/c.h>\n.PP\ncc example.c $(pkg\\-config \\-\\-cflags \\-\\-libs takt_c)\n.fi\n.SH DESCRIPTION"
  sub(/^\/\/\/ c\.h - takt/, "/// This is takt")
}
/^#/ { if (!started) { prose(comment, n); n = 0; started = 1 } next }
/^extern "C"|^}$|^$/ { if (n > 0 && /^$/) { print ".PP"; prose(comment, n); n = 0 } next }
/^\/\*/ { sub(/^\/\* /, ""); sub(/ \*\/$/, ""); print ".SH " toupper($0); next }
/^\/\// { text = $0; sub(/^\/\/\/? ?/, "", text); comment[++n] = text; next }
/^struct timespec;/ { n = 0; next }
/^enum takt_slack : int/ { next }
{
  if (!inside) print ".PP\n.nf"
  # Comments of enumerators and fields stay, as C.
  line = $0; sub(/\/\/\/< /, "/* ", line); if (line != $0) line = line " */"
  print ".B \"" escaped(line) "\""
  inside = /{$/ || (inside && !/^}/)
  if (inside) next
  print ".fi"
  if (n > 0) { print ".RS"; prose(comment, n); print ".RE" }
  n = 0
}
END { print ".SH SEE ALSO\n.BR nanosleep (2),\n.BR clock_nanosleep (2),\n.BR timerfd_create (2),\n.BR epoll (7)" }
