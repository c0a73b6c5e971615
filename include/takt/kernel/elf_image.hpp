/// elf_image.hpp - what a 64-bit ELF shared object exports: symbols by name and version, read out of plain bytes.
///
/// A pure function over an image of the machine the program was compiled for, laid out as in the file. Every offset,
/// the sum of any two, and every chain is checked against the image, so that no content makes it read outside or run
/// for ever. `try_parse` and `try_find` allocate nothing, take no lock and call nothing but memcpy and its kin.
///
/// Does not promise: that the image is what a linker would write. Sound means here that what is read lies inside; a
/// damaged symbol may carry another value.
///
/// Sources: System V gABI 4.1 chapters 4 and 5 (ELF header, program header, dynamic section, hash table); LSB Core 5.0
/// "Symbol Versioning"; binutils 2.40 bfd/elflink.c for DT_GNU_HASH, which no standard describes.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI::elf {

// synopsis
enum class symbol_kind : unsigned char {
  unspecified = 0, ///< STT_NOTYPE
  object = 1,      ///< STT_OBJECT
  function = 2,    ///< STT_FUNC
  absolute,        ///< SHN_ABS: a number and no address; linkers leave one for each version, by the version's name
};
struct symbol;
template <class = when_called> class basic_image;
using image = basic_image<>;

// definitions

/// What an image exports under one name. The texts live as long as the bytes of the image.
struct symbol {
  std::string_view name{};
  std::string_view version{};       ///< empty: none, or one that the image does not define
  std::uint64_t value = 0;          ///< st_value: an address as the image was linked
  std::uint64_t size = 0;           ///< in bytes
  symbol_kind kind = symbol_kind::unspecified;
  bool default_version = true;      ///< what is meant when nobody names a version
  const void* address = nullptr;    ///< where it is in the bytes of the image; null outside of them or if absolute

  /// Whether it is a symbol; the empty one, default-constructed, is none.
  [[nodiscard]] explicit constexpr operator bool() const noexcept { return !name.empty(); }
};

namespace gabi { // its names and layouts, as far as needed

#if defined(__x86_64__)
inline constexpr std::uint16_t machine = 62; // EM_X86_64
#elif defined(__aarch64__)
inline constexpr std::uint16_t machine = 183; // EM_AARCH64
#elif defined(__riscv)
inline constexpr std::uint16_t machine = 243; // EM_RISCV
#else
inline constexpr std::uint16_t machine = 0; // EM_NONE: no image is taken and every clock goes by system call
#endif
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

/// The function of DT_GNU_HASH.
[[nodiscard]] constexpr std::uint32_t gnu_hash_of(std::string_view name) noexcept {
  std::uint32_t h = 5381;
  for (const char c : name) h = h * 33 + static_cast<unsigned char>(c);
  return h;
}
/// The function of DT_HASH (gABI 4.1 figure 5-13).
[[nodiscard]] constexpr std::uint32_t sysv_hash_of(std::string_view name) noexcept {
  std::uint32_t h = 0;
  for (const char c : name) {
    h = (h << 4) + static_cast<unsigned char>(c);
    const std::uint32_t high = h & 0xf000'0000;
    h = (h ^ (high >> 24)) & ~high;
  }
  return h;
}

/// Bytes that can be read at any offset.
struct bytes {
  std::span<const std::byte> all{};

  /// Returns: whether `count` entries of `each` bytes from `offset` on are inside. Written so that no sum can overflow.
  [[nodiscard]] constexpr bool hold(std::uint64_t offset, std::uint64_t count, std::uint64_t each) const noexcept {
    return offset <= all.size() && count <= (all.size() - offset) / each;
  }
  /// Returns: the T at `offset`, whatever its alignment; zeros where it is not inside.
  template <class T> [[nodiscard]] T at(std::uint64_t offset) const noexcept {
    T value{};
    if (hold(offset, 1, sizeof(T))) __builtin_memcpy(&value, all.data() + offset, sizeof(T));
    return value;
  }
};

} // namespace gabi

/// A sound ELF image: its tables lie inside it. The empty one, default-constructed, exports nothing. Does not own.
/// A class template for compile time alone: its functions are compiled for who calls them.
template <class Lazy> class basic_image {
public:
  constexpr basic_image() noexcept = default;

  /// Whether it is more than the empty one.
  [[nodiscard]] explicit operator bool() const noexcept { return !file_.all.empty(); }

  /// Returns: the image in `file`, the empty one if that is not a 64-bit shared object of this machine or points outside
  /// itself. Precondition: the bytes outlive the image.
  /// Costs one pass over program headers, dynamic section, version definitions and symbols; async-signal-safe.
  [[nodiscard]] static basic_image try_parse(std::span<const std::byte> file) noexcept {
    basic_image result;
    result.file_.all = file;
    return result.read_tables() ? result : basic_image();
  }

  /// Returns: the symbol that is exported by that name in that version, or the empty one; an empty version means the default
  /// one. Costs the few steps of one hash chain, allocates nothing; async-signal-safe.
  [[nodiscard]] symbol try_find(std::string_view name, std::string_view version = {}) const noexcept;

  /// The same with errc::malformed_image and an empty image, errc::symbol_not_found and an empty symbol.
  [[nodiscard]] static basic_image parse(std::span<const std::byte> file, std::error_code& ec) noexcept {
    const auto result = try_parse(file);
    result ? ec.clear() : void(ec = errc::malformed_image);
    return result;
  }
  [[nodiscard]] symbol find(std::string_view name, std::string_view version, std::error_code& ec) const noexcept {
    const auto result = try_find(name, version);
    result ? ec.clear() : void(ec = errc::symbol_not_found);
    return result;
  }
#if TAKT_EXCEPTIONS
  [[nodiscard]] static basic_image parse(std::span<const std::byte> file) {
    return detail::or_throw([&](std::error_code& ec) { return parse(file, ec); },
                            [] { return std::string("ELF image: no shared object of this machine, or damaged"); });
  }
  [[nodiscard]] symbol find(std::string_view name, std::string_view version = {}) const {
    return detail::or_throw([&](std::error_code& ec) { return find(name, version, ec); },
                            [&] {
                              return "ELF image: no " + std::string(name) + (version.empty() ? "" : "@") +
                                     std::string(version) + " among its symbols()";
                            });
  }
#endif

  /// Returns: everything it exports, in the order of the symbol table. Symbol is for compile time alone:
  /// see when_called.
  template <class Symbol = symbol> [[nodiscard]] std::vector<Symbol> symbols() const {
    std::vector<Symbol> result;
    for (std::uint64_t i = 0; i < symbol_count_; ++i)
      if (exported(i)) result.push_back(symbol_at(i));
    return result;
  }

  /// Returns: the bytes it was read from, for the empty image none.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return file_.all; }

private:
  [[nodiscard]] bool read_tables() noexcept;
  [[nodiscard]] bool read_gnu_hash(std::uint64_t at) noexcept;
  [[nodiscard]] bool read_sysv_hash(std::uint64_t at) noexcept;
  [[nodiscard]] bool definitions_are_sound() const noexcept;
  [[nodiscard]] symbol symbol_at(std::uint64_t index) const noexcept;

  template <class T> [[nodiscard]] T entry(std::uint64_t table, std::uint64_t index) const noexcept {
    return file_.at<T>(table + index * sizeof(T)); // tables are known to lie inside: no overflow
  }

  /// An address as linked, as an offset into the file: the PT_LOAD segment that holds it says so.
  [[nodiscard]] bool to_offset(std::uint64_t address, std::uint64_t& offset) const noexcept {
    for (std::uint64_t i = 0; i < program_header_count_; ++i) {
      const auto p = entry<gabi::program_header>(program_headers_, i);
      if (p.p_type != 1 /* PT_LOAD */ || address < p.p_vaddr || address - p.p_vaddr >= p.p_filesz) continue;
      offset = p.p_offset + (address - p.p_vaddr); // less than p_offset + p_filesz, which lies inside the file
      return true;
    }
    return false;
  }
  [[nodiscard]] std::string_view text(std::uint64_t offset) const noexcept {
    return reinterpret_cast<const char*>(file_.all.data() + strings_ + offset); // ends inside: see read_tables
  }
  /// The name of the version with that index (gABI has none; LSB: 0 is local, 1 the image itself, both without a name).
  [[nodiscard]] std::string_view version_name(std::uint16_t index) const noexcept {
    std::uint64_t at = definitions_;
    for (std::uint64_t i = 0; i < definition_count_ && index > 1; ++i) {
      const auto v = file_.at<gabi::version_definition>(at);
      if (v.vd_ndx == index) return text(file_.at<std::uint32_t>(at + v.vd_aux));
      at += v.vd_next;
    }
    return {};
  }
  [[nodiscard]] bool exported(std::uint64_t index) const noexcept {
    const auto s = entry<gabi::symbol>(symbols_, index);
    const int type = s.st_info & 15, binding = s.st_info >> 4, visibility = s.st_other & 3;
    if (s.st_shndx == 0 /* SHN_UNDEF */ || type > 2 /* STT_FUNC */ || text(s.st_name).empty()) return false;
    if (binding != 1 /* STB_GLOBAL */ && binding != 2 /* STB_WEAK */) return false;
    if (visibility != 0 /* STV_DEFAULT */ && visibility != 3 /* STV_PROTECTED */) return false;
    return versions_ == 0 || (entry<std::uint16_t>(versions_, index) & 0x7fff) != 0 /* VER_NDX_LOCAL */;
  }
  [[nodiscard]] bool named(std::uint64_t index, std::string_view name) const noexcept {
    const std::uint64_t offset = entry<gabi::symbol>(symbols_, index).st_name;
    if (name.size() >= strings_size_ - offset) return false;
    const char* const begin = text(offset).data();
    return std::string_view(begin, name.size()) == name && begin[name.size()] == '\0';
  }

  // Offsets into the file; 0 (the place of the ELF header) for a table that is not there.
  gabi::bytes file_{};
  std::uint64_t program_headers_ = 0, program_header_count_ = 0;
  std::uint64_t strings_ = 0, strings_size_ = 0, symbols_ = 0, symbol_count_ = 0;
  std::uint64_t versions_ = 0, definitions_ = 0, definition_count_ = 0;
  std::uint64_t gnu_hash_ = 0, gnu_buckets_ = 0, gnu_chain_ = 0, sysv_hash_ = 0;
  gabi::gnu_hash gnu_{};
  std::uint32_t sysv_buckets_ = 0;
};

template <class Lazy> bool basic_image<Lazy>::read_tables() noexcept {
  constexpr unsigned char ident[7] = {0x7f, 'E', 'L', 'F', 2 /* ELFCLASS64 */, gabi::data, 1 /* EV_CURRENT */};
  const auto h = file_.at<gabi::header>(0);
  if (__builtin_memcmp(h.e_ident, ident, sizeof ident) != 0 || h.e_machine != gabi::machine || h.e_type != 3 /* ET_DYN */ ||
      h.e_version != 1 || h.e_phentsize != sizeof(gabi::program_header) ||
      !file_.hold(h.e_phoff, h.e_phnum, sizeof(gabi::program_header)))
    return false;
  program_headers_ = h.e_phoff;
  program_header_count_ = h.e_phnum;

  std::uint64_t dynamic = 0, dynamic_count = 0;
  for (std::uint64_t i = 0; i < program_header_count_; ++i) {
    const auto p = entry<gabi::program_header>(program_headers_, i);
    if (p.p_type != 1 /* PT_LOAD */ && p.p_type != 2 /* PT_DYNAMIC */) continue;
    if (!file_.hold(p.p_offset, p.p_filesz, 1)) return false;
    if (p.p_type != 2) continue;
    dynamic = p.p_offset;
    dynamic_count = p.p_filesz / sizeof(gabi::dynamic);
  }

  std::uint64_t gnu = 0, sysv = 0;
  bool ended = false;
  for (std::uint64_t i = 0; i < dynamic_count && !ended; ++i) {
    const auto d = entry<gabi::dynamic>(dynamic, i);
    bool sound = true;
    switch (d.d_tag) {
    case 0: ended = true; break;                                             // DT_NULL
    case 4: sound = to_offset(d.d_val, sysv); break;                         // DT_HASH
    case 5: sound = to_offset(d.d_val, strings_); break;                     // DT_STRTAB
    case 6: sound = to_offset(d.d_val, symbols_); break;                     // DT_SYMTAB
    case 10: strings_size_ = d.d_val; break;                                 // DT_STRSZ
    case 11: sound = d.d_val == sizeof(gabi::symbol); break;                  // DT_SYMENT
    case 0x6ffffef5: sound = to_offset(d.d_val, gnu); break;                 // DT_GNU_HASH
    case 0x6ffffff0: sound = to_offset(d.d_val, versions_); break;           // DT_VERSYM
    case 0x6ffffffc: sound = to_offset(d.d_val, definitions_); break;        // DT_VERDEF
    case 0x6ffffffd: definition_count_ = d.d_val; break;                     // DT_VERDEFNUM
    default: break;
    }
    if (!sound) return false;
  }
  if (!ended || strings_ == 0 || symbols_ == 0 || (gnu == 0 && sysv == 0)) return false;

  // The string table ends with a null byte, so that a text that starts inside ends inside.
  if (strings_size_ == 0 || !file_.hold(strings_, strings_size_, 1)) return false;
  if (file_.at<char>(strings_ + strings_size_ - 1) != '\0') return false;

  // No table of the dynamic section says how many symbols there are; a hash table does.
  if (gnu != 0 && !read_gnu_hash(gnu)) return false;
  if (sysv != 0 && !read_sysv_hash(sysv)) return false;
  if (!file_.hold(symbols_, symbol_count_, sizeof(gabi::symbol))) return false;
  for (std::uint64_t i = 0; i < symbol_count_; ++i) // fails too if the count runs on into the letters of a string table
    if (entry<gabi::symbol>(symbols_, i).st_name >= strings_size_) return false;

  if ((definitions_ == 0) != (definition_count_ == 0)) return false;
  if (versions_ != 0 && !file_.hold(versions_, symbol_count_, sizeof(std::uint16_t))) return false;
  return definitions_are_sound();
}

/// Layout: header, bloom_size words of 64 bits, nbuckets and then the chain, of 32 bits each; the chain has one entry
/// for each symbol from symoffset on, whose lowest bit marks the last one of a bucket.
template <class Lazy> bool basic_image<Lazy>::read_gnu_hash(std::uint64_t at) noexcept {
  if (!file_.hold(at, 1, sizeof(gabi::gnu_hash))) return false;
  gnu_ = file_.at<gabi::gnu_hash>(at);
  gnu_buckets_ = at + sizeof(gabi::gnu_hash) + gnu_.bloom_size * sizeof(std::uint64_t);
  if (gnu_.nbuckets == 0 || !file_.hold(gnu_buckets_, gnu_.nbuckets, sizeof(std::uint32_t))) return false;
  gnu_chain_ = gnu_buckets_ + gnu_.nbuckets * sizeof(std::uint32_t);

  std::uint32_t last = 0; // the symbol with which the last bucket begins
  for (std::uint32_t i = 0; i < gnu_.nbuckets; ++i) {
    const auto first = entry<std::uint32_t>(gnu_buckets_, i);
    if (first != 0 && first < gnu_.symoffset) return false;
    if (first > last) last = first;
  }
  std::uint64_t count = gnu_.symoffset;
  if (last != 0) {
    count = last;
    do { // until the end of that bucket's chain
      if (!file_.hold(gnu_chain_, count - gnu_.symoffset + 1, sizeof(std::uint32_t))) return false;
    } while ((entry<std::uint32_t>(gnu_chain_, count++ - gnu_.symoffset) & 1) == 0);
  }
  gnu_hash_ = at;
  symbol_count_ = count;
  return true;
}

/// Layout: nbucket, nchain, the buckets, and then the chain: for each symbol the next one with the same hash.
template <class Lazy> bool basic_image<Lazy>::read_sysv_hash(std::uint64_t at) noexcept {
  if (!file_.hold(at, 2, sizeof(std::uint32_t))) return false;
  sysv_buckets_ = entry<std::uint32_t>(at, 0);
  const auto chain = entry<std::uint32_t>(at, 1);
  if (sysv_buckets_ == 0) return false;
  if (!file_.hold(at, 2 + std::uint64_t{sysv_buckets_} + chain, sizeof(std::uint32_t))) return false;
  if (symbol_count_ > chain) return false; // this table counts every symbol, the other one only up to its last
  sysv_hash_ = at;
  symbol_count_ = chain;
  return true;
}

template <class Lazy> bool basic_image<Lazy>::definitions_are_sound() const noexcept {
  std::uint64_t at = definitions_;
  for (std::uint64_t i = 0; i < definition_count_; ++i) {
    if (!file_.hold(at, 1, sizeof(gabi::version_definition))) return false;
    const auto v = file_.at<gabi::version_definition>(at);
    if (v.vd_version != 1 || v.vd_cnt == 0 || !file_.hold(at + v.vd_aux, 1, 2 * sizeof(std::uint32_t))) return false;
    if (file_.at<std::uint32_t>(at + v.vd_aux) >= strings_size_) return false; // vda_name
    if (v.vd_next == 0) return i + 1 == definition_count_;
    at += v.vd_next; // only ever forward: the chain cannot loop
  }
  return true;
}

template <class Lazy> symbol basic_image<Lazy>::symbol_at(std::uint64_t index) const noexcept {
  const auto s = entry<gabi::symbol>(symbols_, index);
  const auto version = versions_ == 0 ? std::uint16_t{1} : entry<std::uint16_t>(versions_, index);
  symbol result;
  result.name = text(s.st_name);
  result.version = version_name(version & 0x7fff);
  result.default_version = (version & 0x8000) == 0; // VERSYM_HIDDEN
  result.value = s.st_value;
  result.size = s.st_size;
  const bool absolute = s.st_shndx == 0xfff1; // SHN_ABS
  result.kind = absolute ? symbol_kind::absolute : static_cast<symbol_kind>(s.st_info & 15); // see exported
  std::uint64_t offset = 0;
  if (!absolute && to_offset(s.st_value, offset)) result.address = file_.all.data() + offset;
  return result;
}

template <class Lazy> symbol basic_image<Lazy>::try_find(std::string_view name, std::string_view version) const noexcept {
  symbol found;
  const auto matches = [&](std::uint64_t index) {
    if (!named(index, name) || !exported(index)) return false;
    found = symbol_at(index);
    return version.empty() ? found.default_version : found.version == version;
  };
  if (gnu_hash_ != 0) {
    // The Bloom filter would only make the absent faster; the chain alone decides.
    const std::uint32_t hash = gabi::gnu_hash_of(name);
    std::uint64_t i = entry<std::uint32_t>(gnu_buckets_, hash % gnu_.nbuckets);
    for (bool last = i == 0; !last && i < symbol_count_; ++i) {
      const auto chain = entry<std::uint32_t>(gnu_chain_, i - gnu_.symoffset);
      if ((chain | 1) == (hash | 1) && matches(i)) return found;
      last = (chain & 1) != 0;
    }
  } else if (sysv_hash_ != 0) {
    std::uint64_t i = entry<std::uint32_t>(sysv_hash_ + 8, gabi::sysv_hash_of(name) % sysv_buckets_);
    // No chain is longer than there are symbols: what goes on after that is a loop.
    for (std::uint64_t steps = 0; i != 0 && i < symbol_count_ && steps < symbol_count_; ++steps) {
      if (matches(i)) return found;
      i = entry<std::uint32_t>(sysv_hash_ + 8 + std::uint64_t{sysv_buckets_} * 4, i);
    }
  }
  return {};
}

} // namespace takt::inline TAKT_ABI::elf
