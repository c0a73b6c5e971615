// Protects: what kind of program a file is: `takt run` must not preload where the loader or a sanitizer would complain,
// and a file that is cut short is no reason to crash.
#include "../examples/takt/model/elf_program.hpp"
#include <cstring>
#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace {

/// A program with a loader and the texts of a string table; an empty loader leaves the segment out.
std::vector<std::byte> program(const std::string& loader, const std::string& strings) {
  std::vector<std::byte> file(1024);
  constexpr unsigned char order = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  Elf64_Ehdr h{};
  const unsigned char ident[] = {0x7f, 'E', 'L', 'F', ELFCLASS64, order, 1};
  std::memcpy(h.e_ident, ident, sizeof ident);
  h.e_machine = EM_AARCH64, h.e_phoff = 64, h.e_phentsize = sizeof(Elf64_Phdr), h.e_phnum = 3;
  constexpr std::uint64_t dynamic_at = 256, loader_at = 320, strings_at = 400, base = 0x400000;
  Elf64_Phdr all[3]{};
  all[0].p_type = 1, all[0].p_vaddr = base, all[0].p_filesz = file.size();
  all[1].p_type = 2, all[1].p_offset = dynamic_at, all[1].p_filesz = 3 * sizeof(Elf64_Dyn);
  if (!loader.empty()) all[2].p_type = 3, all[2].p_offset = loader_at, all[2].p_filesz = loader.size() + 1;
  const Elf64_Dyn entries[3] = {{DT_STRSZ, {strings.size() + 1}}, {DT_STRTAB, {base + strings_at}}, {DT_NULL, {0}}};
  std::memcpy(file.data(), &h, sizeof h);
  std::memcpy(file.data() + 64, all, sizeof all);
  std::memcpy(file.data() + dynamic_at, entries, sizeof entries);
  std::memcpy(file.data() + loader_at, loader.data(), loader.size());
  std::memcpy(file.data() + strings_at, strings.data(), strings.size());
  return file;
}

} // namespace

TEST_CASE("a dynamic program names its loader, a static one does not") {
  const auto dynamic = tool::read_elf(program("/lib64/ld-linux-x86-64.so.2", "libc.so.6"));
  REQUIRE(dynamic);
  CHECK(dynamic->same_class);
  CHECK(dynamic->machine == EM_AARCH64);
  CHECK(dynamic->loader == "/lib64/ld-linux-x86-64.so.2");
  CHECK_FALSE(dynamic->address_sanitizer);
  const auto fixed = tool::read_elf(program("", ""));
  REQUIRE(fixed);
  CHECK(fixed->loader.empty());
}

TEST_CASE("AddressSanitizer is seen as a library and as a part of the program") {
  for (const std::string& names : {std::string("libasan.so.8"), std::string("libc.so.6\0__asan_init", 21),
                                   std::string("libc.so.6\0libclang_rt.asan-x86_64.so", 36)})
    CHECK(tool::read_elf(program("/lib/ld.so", names))->address_sanitizer);
  CHECK_FALSE(tool::read_elf(program("/lib/ld.so", "my__asan_init"))->address_sanitizer);
  CHECK_FALSE(tool::read_elf(program("/lib/ld.so", "__asan_initialised"))->address_sanitizer);
}

TEST_CASE("other classes and machines are recognised") {
  auto file = program("/lib/ld.so", "");
  file[4] = std::byte{1};
  CHECK_FALSE(tool::read_elf(file)->same_class);
  file = program("/lib/ld.so", "");
  file[18] = std::byte{0xff};
  CHECK(tool::read_elf(file)->machine == (EM_AARCH64 | 0xff));
}

TEST_CASE("what is cut short or no ELF file is no reason to crash") {
  const auto whole = program("/lib/ld.so", "libasan.so");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(tool::read_elf(cut).has_value() == (size >= sizeof(Elf64_Ehdr)));
  }
  CHECK_FALSE(tool::read_elf(std::vector<std::byte>(2000)));
}

TEST_CASE("the interpreter of a script") {
  std::string argument;
  CHECK(tool::read_script_line("#!/bin/sh\nx", argument) == "/bin/sh");
  CHECK(argument.empty());
  CHECK(tool::read_script_line("#! /usr/bin/env  python3 \n", argument) == "/usr/bin/env");
  CHECK(argument == "python3");
  CHECK(tool::read_script_line("#!/bin/sh -e", argument) == "/bin/sh");
  CHECK(argument == "-e");
  CHECK(tool::read_script_line("#!\n/bin/sh", argument).empty());
  CHECK(tool::read_script_line("", argument).empty());
  CHECK(tool::read_script_line("echo", argument).empty());
}
