# Rewrites a header for doxygen, line for line:
#   - the inline namespace of the version is left out, so that names appear as a caller writes them;
#   - the first comment of a header describes the file, and not what is declared first;
#   - what a header marks with "namespace detail { // in the reference: A as B" appears as B, the name of its alias, because
#     the rest of detail is left out; where B is CLASS::NAME it appears as that member,
#     in place of its alias, one of those that follow "// in the reference: the type itself";
#   - <name> in a comment is a header's name and no HTML, and #name is a directive and no link.
NR == 1 { heading = 1 }
heading && /^\/\/\/$/ { print "/// @file"; heading = 0; next }
!/^\/\/\// { heading = 0 }
/^ *\/\/\/|\/\/\/</ {
  at = index($0, "///")
  code = substr($0, 1, at + 2)
  text = substr($0, at + 3)
  if (substr(text, 1, 1) == "<") { code = code "<"; text = substr(text, 2) }
  n = split(text, part, "`")
  text = ""
  for (i = 1; i <= n; ++i) {
    if (i % 2) {
      gsub(/<[a-z0-9_.\/]+>/, "`&`", part[i])
      gsub(/#(include|if|ifdef|define|error|pragma)/, "`&`", part[i])
    }
    text = text (i > 1 ? "`" : "") part[i]
  }
  $0 = code text
}
/^  \/\/ in the reference: the type itself$/ { aliases = 1; print ""; next }
aliases && /^  using / { print ""; next }
{ aliases = 0 }
/^namespace detail { \/\/ in the reference: / { inner = $(NF - 2); outer = $NF; print ""; next }
inner != "" && /^} \/\/ namespace detail/ { inner = ""; print ""; next }
inner != "" && outer ~ /::/ {
  if ($0 ~ "^(template <.*> )?(class|struct|enum class) " inner "[ ;:]") {
    sub(/^template <.*> /, "")
    sub(inner, outer)
  }
  gsub(/TimePoint/, "time_point") # of timer_event
  print
  next
}
inner != "" {
  sub(/^template <class T> /, "")
  gsub(inner "<T>", outer)
  gsub(inner, outer)
  while ((at = index($0, "dependent<T, ")) > 0) {
    $0 = substr($0, 1, at - 1) substr($0, at + 13)
    rest = substr($0, at)
    sub(/>/, "", rest)
    $0 = substr($0, 1, at - 1) rest
  }
}
{ sub(/namespace takt::inline TAKT_ABI/, "namespace takt"); print }
