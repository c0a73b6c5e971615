// Protects: two versions of takt in one process, whose states differ in layout, use different ones.
#include "used.hpp"
#include <cstdio>
#include <initializer_list>
#include <unistd.h>

extern "C" used use_this(int checks);
extern "C" used use_other(int checks);

int main() {
  alarm(60);
  int failed = 0;
  const auto check = [&](bool holds, const char* what) {
    if (!holds) std::printf("does not hold: %s\n", what), ++failed;
  };
  for (const int checks : {3, 300, 3}) {
    const used a = use_this(checks), b = use_other(checks);
    check(a.version != b.version, "two versions");
    check(a.size != b.size, "two layouts");
    check(a.state != b.state, "two states of tsc_clock");
    check(a.category != b.category, "two error categories");
    check(a.right && b.right, "both clocks are right");
  }
  return failed;
}
