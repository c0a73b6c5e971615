// Protects: that what the header of this architecture says is true of the running machine.
#include <takt/cpu/arch.hpp>
#include <takt/kernel/vdso.hpp>

#include "support/skip.hpp"
#include <doctest/doctest.h>
#include <cstddef>
#include <elf.h>
#include <ostream>
#include <string>

namespace {

namespace arch = takt::detail::arch;

TEST_CASE("this executable is of the ELF class and machine that the architecture's header names") {
  std::string program;
  if (takt::linux_os::read_file("/proc/self/exe", program, std::size_t{1} << 30) != 0) TAKT_SKIP("no /proc/self/exe");
  REQUIRE(program.size() >= sizeof(Elf64_Ehdr));
  Elf64_Ehdr header;
  program.copy(reinterpret_cast<char*>(&header), sizeof(header));
  CHECK(header.e_ident[EI_CLASS] == arch::elf_class);
  CHECK(header.e_machine == arch::elf_machine);
}

TEST_CASE("the vDSO exports clock_gettime by the name and version that the architecture's header names") {
  std::error_code ec;
  const auto image = takt::vdso::current(ec);
  REQUIRE_FALSE(ec);
  if (!image) TAKT_SKIP("this kernel gave the process no vDSO");
  CHECK(image.find(arch::vdso_clock_gettime, arch::vdso_version, ec).kind != takt::vdso::image::symbol_kind::object);
  CHECK_FALSE(ec);
}

} // namespace
