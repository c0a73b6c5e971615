// expect: takt cannot read the counter of this architecture
// An architecture without a reader is refused with a sentence, not with a page of undeclared names.
#include <takt/core/ticks.hpp>
#ifndef TAKT_CONTROL
#undef __x86_64__
#undef __aarch64__
#undef __riscv
#endif
#include <takt/cpu/counter.hpp>
