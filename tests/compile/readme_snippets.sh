#!/bin/sh
# readme_snippets.sh README COMPILER FLAG...: every block of C++ in the README compiles as the body of a function, with no
# includes and using-directives but those of the README, and with the reader's own functions declared.
set -u
readme=$1
shift
program=$(awk '
  /^```cpp$/ { inside = 1; ++blocks; body = body "void block_" blocks "() {\n#line " NR + 1 "\n"; next }
  /^```$/ && inside { inside = 0; body = body "}\n"; next }
  inside && /^(#include|using namespace)/ { includes = includes $0 "\n"; body = body "\n"; next }
  inside { body = body $0 "\n" }
  END {
    if (!blocks) exit 1
    printf "%s", includes
    print "void work(); void flush(); void flush_log(); void expire(); void close();"
    print "template <class T> void control(T); template <class T> void busy_until(T);"
    print "extern int loop; void epoll_add(int, int); extern const std::stop_token stop_token;"
    printf "%s", body
  }' "$readme") || { echo "no C++ in $readme"; exit 1; }
printf '%s' "$program" | "$@" -fsyntax-only -x c++ - && exit 0
echo "the README's C++ does not compile (lines are the README's)"
exit 1
