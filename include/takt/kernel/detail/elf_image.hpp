/// elf_image.hpp - what a 64-bit ELF shared object exports: symbols by name and version, read from plain bytes.
///
/// The functions are pure. They work on an image for the machine that the program was compiled for, laid out as in the
/// file. Every offset, the sum of any two, and every chain is checked against the image, so no content makes them read
/// outside of it or run for ever. `try_parse` and `try_find` allocate nothing, take no lock and call no function but
/// memcpy and memcmp.
///
/// Does not promise: that the image is one that a linker would write. An image counts as sound if its tables lie inside
/// it; a damaged symbol may still have a wrong value.
///
/// Sources: those of elf_gabi.hpp.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/cpu/arch.hpp>
#include <takt/kernel/detail/elf_gabi.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI::detail::elf {

// synopsis

/// What a symbol names. The first three numbers are those of the ELF type.
enum class symbol_kind : unsigned char {
  unspecified = 0, ///< STT_NOTYPE
  object = 1,      ///< STT_OBJECT
  function = 2,    ///< STT_FUNC
  absolute,        ///< SHN_ABS: a number and not an address; linkers write one for each version, named like the version
};
struct symbol;
template <class = for_callers> class basic_image;
using image = basic_image<>;

// definitions

/// A symbol that an image exports. Its texts point into the bytes of the image.
struct symbol {
  std::string_view name{};
  std::string_view version{};       ///< empty if the symbol has no version, or one that the image does not define
  std::uint64_t value = 0;          ///< st_value: the address that the linker gave it, or the number if it is absolute
  std::uint64_t size = 0;           ///< the size in bytes
  symbol_kind kind = symbol_kind::unspecified;
  bool default_version = true;      ///< whether a lookup without a version finds this symbol
  const void* address = nullptr;    ///< its place in the bytes of the image; null if it is absolute or outside of them

  /// Returns: whether this is a symbol; a default-constructed object is not.
  [[nodiscard]] explicit constexpr operator bool() const noexcept { return !name.empty(); }
};

/// A sound ELF image, which means that its tables lie inside it. A default-constructed one is empty and exports
/// nothing. It does not own the bytes.
template <class T> class basic_image {
public:
  using image = basic_image;
  using symbol = elf::symbol;           ///< a function or object that the image exports
  using symbol_kind = elf::symbol_kind; ///< unspecified, object, function, or absolute, which is a number

  constexpr basic_image() noexcept = default;

  /// Returns: whether this is not the empty image.
  [[nodiscard]] explicit operator bool() const noexcept { return file_.size != 0; }

  /// Returns: the image in `file`; the empty image if `file` is not a 64-bit shared object for this machine, or if a
  /// table reaches outside. Precondition: the bytes outlive the image. Costs one pass over program headers, dynamic
  /// section, version definitions and symbols; async-signal-safe.
  [[nodiscard]] static image try_parse(std::span<const std::byte> file) noexcept {
    image result;
    result.file_ = {file.data(), file.size()};
    return result.read_tables() ? result : image();
  }

  /// Returns: the exported symbol of that name and version; an empty symbol if there is none. An empty version means
  /// the default version. Costs a few steps along one hash chain, allocates nothing; async-signal-safe.
  [[nodiscard]] symbol try_find(std::string_view name, std::string_view version = {}) const noexcept;

  /// Returns: the image as try_parse() does. Errors: malformed_image, with the empty image.
  [[nodiscard]] static image parse(std::span<const std::byte> file, std::error_code& ec) noexcept {
    const auto result = try_parse(file);
    result ? ec.clear() : void(ec = errc::malformed_image);
    return result;
  }
  /// Returns: the symbol as try_find() does. Errors: symbol_not_found, with the empty symbol.
  [[nodiscard]] symbol find(std::string_view name, std::string_view version, std::error_code& ec) const noexcept {
    const auto result = try_find(name, version);
    result ? ec.clear() : void(ec = errc::symbol_not_found);
    return result;
  }
#if TAKT_EXCEPTIONS
  [[nodiscard]] static image parse(std::span<const std::byte> file) {
    return or_throw([&](std::error_code& ec) { return parse(file, ec); },
                            [] { return "ELF image: no shared object of this machine, or damaged"; });
  }
  [[nodiscard]] symbol find(std::string_view name, std::string_view version = {}) const {
    return or_throw([&](std::error_code& ec) { return find(name, version, ec); },
                            [&] {
                              return "ELF image: no " + std::string(name) + (version.empty() ? "" : "@") +
                                     std::string(version) + " among its symbols()";
                            });
  }
#endif

  /// Returns: all symbols that the image exports, in the order of the symbol table.
  [[nodiscard]] std::vector<dependent<T, symbol>> symbols() const {
    std::vector<dependent<T, symbol>> result;
    for (std::uint64_t i = 0; i < symbol_count_; ++i)
      if (exported(i)) result.push_back(symbol_at(i));
    return result;
  }

  /// Returns: the bytes from which the image was read; none for the empty image.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return std::span<const dependent<T, std::byte>>(file_.data, file_.size);
  }

private:
  [[nodiscard]] bool read_tables() noexcept;
  [[nodiscard]] bool read_gnu_hash(std::uint64_t at) noexcept;
  [[nodiscard]] bool read_sysv_hash(std::uint64_t at) noexcept;
  [[nodiscard]] bool definitions_are_sound() const noexcept;
  [[nodiscard]] symbol symbol_at(std::uint64_t index) const noexcept;

  template <class Entry> [[nodiscard]] Entry entry(std::uint64_t table, std::uint64_t index) const noexcept {
    return file_.at<Entry>(table + index * sizeof(Entry)); // tables are known to lie inside: no overflow
  }

  /// Turns an address of the linked image into an offset in the file, by the PT_LOAD segment that contains the address.
  /// Returns: whether there is such a segment.
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
    return reinterpret_cast<const char*>(file_.data + strings_ + offset); // its NUL lies inside: see read_tables
  }
  /// Returns: the name of the version with that index. By the LSB, index 0 means local and 1 the image itself; neither
  /// has a name.
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

  // Offsets in the file. 0, where the ELF header is, means that there is no such table.
  gabi::bytes file_{};
  std::uint64_t program_headers_ = 0, program_header_count_ = 0;
  std::uint64_t strings_ = 0, strings_size_ = 0, symbols_ = 0, symbol_count_ = 0;
  std::uint64_t versions_ = 0, definitions_ = 0, definition_count_ = 0;
  std::uint64_t gnu_hash_ = 0, gnu_buckets_ = 0, gnu_chain_ = 0, sysv_hash_ = 0;
  gabi::gnu_hash gnu_{};
  std::uint32_t sysv_buckets_ = 0;
};

template <class T> bool basic_image<T>::read_tables() noexcept {
  constexpr unsigned char ident[7] = {0x7f, 'E', 'L', 'F', arch::elf_class, gabi::data, 1 /* EV_CURRENT */};
  const auto h = file_.at<gabi::header>(0);
  if (__builtin_memcmp(h.e_ident, ident, sizeof ident) != 0 || h.e_machine != arch::elf_machine ||
      h.e_type != 3 /* ET_DYN */ || h.e_version != 1 || h.e_phentsize != sizeof(gabi::program_header) ||
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

  // The string table must end with a NUL, so that a text that starts inside the table ends inside it.
  if (strings_size_ == 0 || !file_.hold(strings_, strings_size_, 1)) return false;
  if (file_.at<char>(strings_ + strings_size_ - 1) != '\0') return false;

  // No table of the dynamic section says how many symbols there are; a hash table does.
  if (gnu != 0 && !read_gnu_hash(gnu)) return false;
  if (sysv != 0 && !read_sysv_hash(sysv)) return false;
  if (!file_.hold(symbols_, symbol_count_, sizeof(gabi::symbol))) return false;
  for (std::uint64_t i = 0; i < symbol_count_; ++i) // also fails if a wrong count reaches into the string table
    if (entry<gabi::symbol>(symbols_, i).st_name >= strings_size_) return false;

  if ((definitions_ == 0) != (definition_count_ == 0)) return false;
  if (versions_ != 0 && !file_.hold(versions_, symbol_count_, sizeof(std::uint16_t))) return false;
  return definitions_are_sound();
}

/// Reads DT_GNU_HASH. Layout: the header, bloom_size words of 64 bits, nbuckets words of 32 bits, and then the chain of
/// words of 32 bits. The chain has one word for each symbol from symoffset on. The lowest bit of a word marks the last
/// symbol of a bucket.
template <class T> bool basic_image<T>::read_gnu_hash(std::uint64_t at) noexcept {
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

/// Reads DT_HASH. Layout: nbucket, nchain, the buckets, and then the chain, which has for each symbol the next symbol
/// of the same bucket.
template <class T> bool basic_image<T>::read_sysv_hash(std::uint64_t at) noexcept {
  if (!file_.hold(at, 2, sizeof(std::uint32_t))) return false;
  sysv_buckets_ = entry<std::uint32_t>(at, 0);
  const auto chain = entry<std::uint32_t>(at, 1);
  if (sysv_buckets_ == 0) return false;
  if (!file_.hold(at, 2 + std::uint64_t{sysv_buckets_} + chain, sizeof(std::uint32_t))) return false;
  if (symbol_count_ > chain) return false; // this table counts every symbol; DT_GNU_HASH only up to its last one
  sysv_hash_ = at;
  symbol_count_ = chain;
  return true;
}

template <class T> bool basic_image<T>::definitions_are_sound() const noexcept {
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

template <class T> symbol basic_image<T>::symbol_at(std::uint64_t index) const noexcept {
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
  if (!absolute && to_offset(s.st_value, offset)) result.address = file_.data + offset;
  return result;
}

template <class T>
elf::symbol basic_image<T>::try_find(std::string_view name, std::string_view version) const noexcept {
  symbol found;
  const auto matches = [&](std::uint64_t index) {
    if (!named(index, name) || !exported(index)) return false;
    found = symbol_at(index);
    return version.empty() ? found.default_version : found.version == version;
  };
  if (gnu_hash_ != 0) {
    // The Bloom filter would only speed up lookups of absent names. The chain alone decides.
    const std::uint32_t hash = gabi::gnu_hash_of(name);
    std::uint64_t i = entry<std::uint32_t>(gnu_buckets_, hash % gnu_.nbuckets);
    for (bool last = i == 0; !last && i < symbol_count_; ++i) {
      const auto chain = entry<std::uint32_t>(gnu_chain_, i - gnu_.symoffset);
      if ((chain | 1) == (hash | 1) && matches(i)) return found;
      last = (chain & 1) != 0;
    }
  } else if (sysv_hash_ != 0) {
    std::uint64_t i = entry<std::uint32_t>(sysv_hash_ + 8, gabi::sysv_hash_of(name) % sysv_buckets_);
    // No chain is longer than there are symbols. One that goes on after so many steps is a loop.
    for (std::uint64_t steps = 0; i != 0 && i < symbol_count_ && steps < symbol_count_; ++steps) {
      if (matches(i)) return found;
      i = entry<std::uint32_t>(sysv_hash_ + 8 + std::uint64_t{sysv_buckets_} * 4, i);
    }
  }
  return {};
}

} // namespace takt::inline TAKT_ABI::detail::elf
