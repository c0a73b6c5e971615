// The code that counter_code.sh disassembles: one function for each way to read the counter, and the compiler's own for
// comparison.
#include <takt/cpu/counter.hpp>

using takt::ordering;

extern "C" {
std::uint64_t read_bare() { return takt::read_counter().count(); }
std::uint64_t read_bare_policy() { return takt::bare_counter::read().count(); }
std::uint64_t read_ordered() { return takt::read_counter<ordering::ordered>().count(); }
std::uint64_t read_ordered_policy() { return takt::ordered_counter::read().count(); }
std::uint64_t read_begin() { return takt::region_begin().count(); }
std::uint64_t read_end() { return takt::region_end().count(); }
#if defined(__x86_64__)
std::uint64_t read_and_cpu(unsigned* cpu) {
  const takt::counter_reading r = takt::read_counter_and_cpu();
  *cpu = r.cpu;
  return r.at.count();
}
std::uint64_t read_end_and_cpu(unsigned* cpu) {
  const takt::counter_reading r = takt::read_counter_and_cpu<ordering::end>();
  *cpu = r.cpu;
  return r.at.count();
}
std::uint64_t read_by_builtin() { return __builtin_ia32_rdtsc(); }
#endif
}
