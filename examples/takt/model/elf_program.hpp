/// elf_program.hpp - how a program is loaded, from the bytes of its file. Pure.
///
/// No content makes the functions read outside of the bytes; a damaged file gives facts that are wrong, never a crash.
/// Sources: System V gABI 4.1 chapters 4 and 5, execve(2).
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tool {

/// What an ELF file says of how it is loaded.
struct elf_facts {
  bool same_class = false;        ///< of 64 bits and this byte order, as the tool
  unsigned machine = 0;           ///< e_machine
  std::string loader;             ///< the program that loads it; empty for a static one
  bool address_sanitizer = false; ///< it refuses to start behind another object
};
/// Returns: what the bytes of a file say; nullopt where they are no ELF file.
[[nodiscard]] std::optional<elf_facts> read_elf(std::span<const std::byte> file);

/// Returns: the interpreter that the first line of a script names; empty where the text is none. `argument` receives
/// the rest of the line.
[[nodiscard]] std::string read_script_line(std::string_view text, std::string& argument);

/// Whether `name` stands at the beginning of one of the texts of a string table.
[[nodiscard]] inline bool has_text(std::string_view strings, std::string_view name) {
  return strings.substr(0, name.size()) == name || strings.find(std::string(1, '\0').append(name)) != strings.npos;
}
inline std::optional<elf_facts> read_elf(std::span<const std::byte> file) {
  const auto hold = [&](std::uint64_t offset, std::uint64_t count, std::uint64_t each) { // no sum can overflow
    return offset <= file.size() && count <= (file.size() - offset) / each;
  };
  const auto read_at = [&]<class T>(std::uint64_t offset, T& out) {
    if (hold(offset, 1, sizeof(T))) std::memcpy(&out, file.data() + offset, sizeof(T));
  };
  Elf64_Ehdr h{};
  read_at(0, h);
  if (file.size() < sizeof h || std::memcmp(h.e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  elf_facts facts;
  constexpr unsigned char order = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  facts.same_class = h.e_ident[EI_CLASS] == ELFCLASS64 && h.e_ident[EI_DATA] == order;
  if (!facts.same_class) return facts; // the offsets of another class mean other things
  facts.machine = h.e_machine;
  if (h.e_phentsize != sizeof(Elf64_Phdr)) return facts;
  const auto text_at = [&](std::uint64_t offset, std::uint64_t size) {
    return hold(offset, size, 1) ? std::string_view(reinterpret_cast<const char*>(file.data() + offset), size)
                                 : std::string_view();
  };
  std::uint64_t dynamic = 0, entries = 0;
  std::vector<Elf64_Phdr> loaded;
  for (std::uint64_t i = 0; i < h.e_phnum && hold(h.e_phoff, i + 1, sizeof(Elf64_Phdr)); ++i) {
    Elf64_Phdr p{};
    read_at(h.e_phoff + i * sizeof(Elf64_Phdr), p);
    if (p.p_type == PT_LOAD) loaded.push_back(p);
    if (p.p_type == PT_DYNAMIC) dynamic = p.p_offset, entries = p.p_filesz / sizeof(Elf64_Dyn);
    if (p.p_type == PT_INTERP) facts.loader = text_at(p.p_offset, p.p_filesz).substr(0, p.p_filesz - 1); // with its NUL
  }
  std::uint64_t strings = 0, size = 0;
  for (std::uint64_t i = 0; i < entries && hold(dynamic, i + 1, sizeof(Elf64_Dyn)); ++i) {
    Elf64_Dyn d{};
    read_at(dynamic + i * sizeof(Elf64_Dyn), d);
    if (d.d_tag == DT_NULL) break;
    if (d.d_tag == DT_STRSZ) size = d.d_un.d_val;
    if (d.d_tag != DT_STRTAB) continue;
    for (const auto& p : loaded)
      if (d.d_un.d_val >= p.p_vaddr && d.d_un.d_val - p.p_vaddr < p.p_filesz)
        strings = p.p_offset + (d.d_un.d_val - p.p_vaddr);
  }
  // gcc's runtime is a library, clang's a part of the program that exports its functions.
  const std::string_view names = text_at(strings, size);
  facts.address_sanitizer = has_text(names, "libasan.so") || has_text(names, "libclang_rt.asan") ||
                            has_text(names, std::string_view("__asan_init\0", 12));
  return facts;
}

inline std::string read_script_line(std::string_view text, std::string& argument) {
  argument.clear();
  if (text.substr(0, 2) != "#!") return {};
  text = text.substr(2, text.find('\n') == text.npos ? text.npos : text.find('\n') - 2);
  const auto trim = [](std::string_view t) {
    while (!t.empty() && (t.front() == ' ' || t.front() == '\t')) t.remove_prefix(1);
    while (!t.empty() && (t.back() == ' ' || t.back() == '\t')) t.remove_suffix(1);
    return t;
  };
  text = trim(text);
  const std::size_t end = text.find_first_of(" \t");
  if (end != text.npos) argument = trim(text.substr(end));
  return std::string(text.substr(0, end));
}

} // namespace tool
