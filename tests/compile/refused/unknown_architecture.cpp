// expect: takt reads the counter of x86-64, aarch64 and riscv64
// An architecture without a reader is refused with a sentence, not with a page of undeclared names.
#include <cstdint>
#undef __x86_64__
#undef __aarch64__
#undef __riscv
#include <takt/cpu/counter.hpp>
int main() {}
