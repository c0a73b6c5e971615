/// arch.hpp - the one place that chooses the processor's architecture.
///
/// Each cpu/arch_*.hpp holds every fact that differs between architectures, under the same names, in
/// takt::detail::arch. All other code uses these names and never asks which architecture this is. The headers hold
/// constants and single instructions. They include nothing but core/, so that kernel/ may include them too.
///
/// To add an architecture, loongarch64 for instance:
///   1. Write cpu/arch_loongarch64.hpp with all names of arch_riscv64.hpp, the shortest: the reads (rdtime.d, with the
///      `dbar` that each ordering needs), the rate (CPUCFG words 4 and 5), clocksource "Constant", EM_LOONGARCH = 258,
///      __vdso_clock_gettime in version LINUX_5.10.
///   2. Add a branch to the conditions in arch.hpp: `elif defined(__loongarch__) && __loongarch_grlen == 64`.
///   3. Give tests/compile/counter_code.sh the instructions that each read compiles to. tests/unit/arch_test.cpp checks
///      that no name is missing. tests/live/arch_test.cpp checks the facts against the running kernel.
///      tests/compile/floors.sh checks that no other header asks for the architecture.
#pragma once

#if defined(__x86_64__)
#include <takt/cpu/arch_x86.hpp>
#elif defined(__aarch64__)
#include <takt/cpu/arch_aarch64.hpp>
#elif defined(__riscv) && __riscv_xlen == 64
#include <takt/cpu/arch_riscv64.hpp>
#else
#error "takt cannot read the counter of this architecture: include/takt/cpu has an arch_*.hpp for each that it knows"
#endif
