/// elf_gabi.hpp - the layouts of a 64-bit ELF file, the hashes of its symbol tables, and its bytes.
///
/// The names are those of the gABI, as far as elf_image.hpp needs them.
/// Does not promise: anything about the content of a file. elf_image.hpp checks it.
///
/// Sources: System V gABI 4.1 chapters 4 and 5 (ELF header, program header, dynamic section, hash table); LSB Core 5.0
/// "Symbol Versioning"; binutils 2.40 bfd/elflink.c for DT_GNU_HASH, which no standard describes.
#pragma once
#include <takt/core/config.hpp>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace takt::inline TAKT_ABI::detail::elf::gabi {

inline constexpr unsigned char data = std::endian::native == std::endian::little ? 1 : 2; // ELFDATA2LSB, ELFDATA2MSB

struct header { // Elf64_Ehdr
  unsigned char e_ident[16];
  std::uint16_t e_type, e_machine;
  std::uint32_t e_version;
  std::uint64_t e_entry, e_phoff, e_shoff;
  std::uint32_t e_flags;
  std::uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
};
struct program_header { // Elf64_Phdr
  std::uint32_t p_type, p_flags;
  std::uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
};
struct dynamic { // Elf64_Dyn
  std::uint64_t d_tag, d_val;
};
struct symbol { // Elf64_Sym
  std::uint32_t st_name;
  unsigned char st_info, st_other;
  std::uint16_t st_shndx;
  std::uint64_t st_value, st_size;
};
struct version_definition { // Elf64_Verdef
  std::uint16_t vd_version, vd_flags, vd_ndx, vd_cnt;
  std::uint32_t vd_hash, vd_aux, vd_next;
};
struct gnu_hash {
  std::uint32_t nbuckets, symoffset, bloom_size, bloom_shift;
};
static_assert(sizeof(header) == 64 && sizeof(program_header) == 56 && sizeof(dynamic) == 16 && sizeof(symbol) == 24 &&
              sizeof(version_definition) == 20 && sizeof(gnu_hash) == 16);

/// Returns: the hash of a name in the table DT_GNU_HASH.
template <class = for_callers>
[[nodiscard]] constexpr std::uint32_t gnu_hash_of(std::string_view name) noexcept {
  std::uint32_t h = 5381;
  for (const char c : name) h = h * 33 + static_cast<unsigned char>(c);
  return h;
}
/// Returns: the hash of a name in the table DT_HASH (gABI 4.1 figure 5-13).
template <class = for_callers>
[[nodiscard]] constexpr std::uint32_t sysv_hash_of(std::string_view name) noexcept {
  std::uint32_t h = 0;
  for (const char c : name) {
    h = (h << 4) + static_cast<unsigned char>(c);
    const std::uint32_t high = h & 0xf000'0000;
    h = (h ^ (high >> 24)) & ~high;
  }
  return h;
}

/// The bytes of an image. Reading at any offset is allowed. It is no std::span, because a copy of that checks the
/// concepts of ranges, and an includer would pay for it.
struct bytes {
  const std::byte* data = nullptr;
  std::size_t size = 0;

  /// Returns: whether `count` entries of `each` bytes from `offset` on are inside. Written so that no sum can overflow.
  [[nodiscard]] constexpr bool hold(std::uint64_t offset, std::uint64_t count, std::uint64_t each) const noexcept {
    return offset <= size && count <= (size - offset) / each;
  }
  /// Returns: the T at `offset`, which need not be aligned; a T of zeros if it does not lie inside the bytes.
  template <class T> [[nodiscard]] T at(std::uint64_t offset) const noexcept {
    T value{};
    if (hold(offset, 1, sizeof(T))) __builtin_memcpy(&value, data + offset, sizeof(T));
    return value;
  }
};

} // namespace takt::inline TAKT_ABI::detail::elf::gabi
