/// elf_builder.hpp - small ELF shared objects made to order, as a linker would lay them out.
///
/// Written with the C library's <elf.h> and its own hash functions, so that a reader tested with it is tested against
/// something other than itself.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <elf.h>

#include <takt/cpu/arch.hpp>

namespace elf_builder {

/// tests/live/arch_test.cpp compares it with the header of a real executable.
inline constexpr std::uint16_t this_machine = takt::detail::arch::elf_machine;

struct symbol {
  std::string name{};
  std::uint16_t version = 2;                                ///< as in DT_VERSYM: 2 is the first of `options::versions`
  unsigned char info = (STB_GLOBAL << 4) | STT_FUNC;
  unsigned char other = STV_DEFAULT;
  std::uint16_t section = 1;
  std::uint64_t value = 0;                                  ///< for section 1 the offset into the text
  std::uint64_t size = 16;
};

struct options {
  bool gnu_hash = true;
  bool sysv_hash = true;
  std::vector<std::string> versions = {"V_1.0"};            ///< none: no version tables at all
  std::uint64_t bias = 0;                                   ///< addresses of the tables minus their offsets in the file
  std::uint64_t text_bias = 0;                              ///< the same for the text, which has a PT_LOAD of its own
  std::uint32_t gnu_buckets = 2;
  std::uint32_t sysv_buckets = 2;
};

/// Where the parts of an image went, as offsets into the file, for tests that damage it.
struct image {
  std::vector<std::byte> bytes;
  std::map<std::string, std::size_t> at;                    ///< "phdr", "dynsym", "dynstr", "gnu", "sysv", ...
  std::vector<symbol> symbols;                              ///< in the order of the symbol table, from index 1 on

  template <class T> [[nodiscard]] T get(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  }
  template <class T> void put(std::size_t offset, T value) { std::memcpy(bytes.data() + offset, &value, sizeof value); }

  /// The offset of the d_val of a tag in the dynamic section.
  [[nodiscard]] std::size_t dynamic(std::int64_t tag) const {
    std::size_t offset = at.at("dynamic");
    while (get<std::int64_t>(offset) != tag) offset += sizeof(Elf64_Dyn);
    return offset + offsetof(Elf64_Dyn, d_un);
  }
  /// The offset of the entry of a symbol in the symbol table; 0 if there is none.
  [[nodiscard]] std::size_t entry(const std::string& name, std::uint16_t version = 2) const {
    for (std::size_t i = 0, offset = at.at("dynsym"); i < symbols.size(); ++i) {
      offset += sizeof(Elf64_Sym);
      if (symbols[i].name == name && symbols[i].version == version) return offset;
    }
    return 0;
  }
};

inline std::uint32_t gnu_hash(const std::string& name) {
  std::uint32_t h = 5381;
  for (const char c : name) h = (h << 5) + h + static_cast<unsigned char>(c);
  return h;
}

/// The text of the gABI, in unsigned long as it stands there.
inline std::uint32_t sysv_hash(const std::string& name) {
  unsigned long h = 0;
  for (const char c : name) {
    h = (h << 4) + static_cast<unsigned char>(c);
    const unsigned long g = h & 0xf0000000UL;
    if (g != 0) h ^= g >> 24;
    h &= ~g;
  }
  return static_cast<std::uint32_t>(h);
}

/// Text is 64 bytes of 0xcc at the end of the file.
inline image build(std::vector<symbol> symbols, const options& o = {}) {
  constexpr std::size_t text_size = 64;
  image result;
  auto& bytes = result.bytes;
  const auto align = [&] { bytes.resize((bytes.size() + 7) / 8 * 8); };
  const auto append = [&](const auto& value) {
    const std::size_t offset = bytes.size();
    bytes.resize(offset + sizeof value);
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    return offset;
  };
  const auto begin = [&](const char* part) {
    align();
    result.at[part] = bytes.size();
  };

  // Undefined symbols first, then the others in the order of their buckets, as DT_GNU_HASH wants it.
  std::vector<symbol> ordered;
  for (const symbol& s : symbols)
    if (s.section == SHN_UNDEF) ordered.push_back(s);
  const auto first_hashed = static_cast<std::uint32_t>(ordered.size() + 1); // after the null symbol
  for (std::uint32_t b = 0; b < o.gnu_buckets; ++b)
    for (const symbol& s : symbols)
      if (s.section != SHN_UNDEF && gnu_hash(s.name) % o.gnu_buckets == b) ordered.push_back(s);
  symbols = std::move(ordered);
  const auto count = static_cast<std::uint32_t>(symbols.size() + 1);
  result.symbols = symbols;

  std::string strings(1, '\0');
  const auto text_of = [&](const std::string& text) {
    const auto offset = static_cast<std::uint32_t>(strings.size());
    strings += text + '\0';
    return offset;
  };

  append(Elf64_Ehdr{}); // filled in at the end
  begin("phdr");
  for (int i = 0; i < 3; ++i) append(Elf64_Phdr{});

  begin("dynsym");
  append(Elf64_Sym{});
  for (const symbol& s : symbols)
    append(Elf64_Sym{text_of(s.name), s.info, s.other, s.section, s.value, s.size}); // the value is completed below

  std::vector<std::uint32_t> version_texts;
  const std::uint32_t own_name = text_of("linux-test.so.1");
  for (const std::string& v : o.versions) version_texts.push_back(text_of(v));
  begin("dynstr");
  for (const char c : strings) append(c);

  if (o.gnu_hash) {
    begin("gnu");
    for (const std::uint32_t word : {o.gnu_buckets, first_hashed, std::uint32_t{1}, std::uint32_t{6}}) append(word);
    std::uint64_t bloom = 0;
    for (std::uint32_t i = first_hashed; i < count; ++i) {
      const std::uint32_t h = gnu_hash(symbols[i - 1].name);
      bloom |= std::uint64_t{1} << (h % 64) | std::uint64_t{1} << ((h >> 6) % 64);
    }
    append(bloom);
    result.at["gnu_buckets"] = bytes.size();
    for (std::uint32_t b = 0; b < o.gnu_buckets; ++b) {
      std::uint32_t first = 0;
      for (std::uint32_t i = count - 1; i >= first_hashed; --i)
        if (gnu_hash(symbols[i - 1].name) % o.gnu_buckets == b) first = i;
      append(first);
    }
    result.at["gnu_chain"] = bytes.size();
    for (std::uint32_t i = first_hashed; i < count; ++i) {
      const std::uint32_t h = gnu_hash(symbols[i - 1].name);
      const bool last = i + 1 == count || gnu_hash(symbols[i].name) % o.gnu_buckets != h % o.gnu_buckets;
      append((h & ~std::uint32_t{1}) | (last ? 1U : 0U));
    }
  }
  if (o.sysv_hash) {
    std::vector<std::uint32_t> buckets(o.sysv_buckets), chain(count);
    for (std::uint32_t i = count - 1; i >= 1; --i) {
      auto& bucket = buckets[sysv_hash(symbols[i - 1].name) % o.sysv_buckets];
      chain[i] = bucket;
      bucket = i;
    }
    begin("sysv");
    append(o.sysv_buckets);
    append(count);
    result.at["sysv_buckets"] = bytes.size();
    for (const auto word : buckets) append(word);
    result.at["sysv_chain"] = bytes.size();
    for (const auto word : chain) append(word);
  }
  if (!o.versions.empty()) {
    begin("versym");
    append(std::uint16_t{0});
    for (const symbol& s : symbols) append(s.version);
    begin("verdef");
    const std::size_t last = o.versions.size();
    for (std::size_t i = 0; i <= last; ++i) {
      const std::string name = i == 0 ? "linux-test.so.1" : o.versions[i - 1];
      const auto flags = static_cast<std::uint16_t>(i == 0 ? VER_FLG_BASE : 0);
      const auto next = static_cast<std::uint32_t>(i == last ? 0 : sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux));
      append(Elf64_Verdef{VER_DEF_CURRENT, flags, static_cast<std::uint16_t>(i + 1), 1, sysv_hash(name),
                          sizeof(Elf64_Verdef), next});
      append(Elf64_Verdaux{i == 0 ? own_name : version_texts[i - 1], 0});
    }
  }

  begin("dynamic");
  const auto entry = [&](std::int64_t tag, std::uint64_t value) { append(Elf64_Dyn{tag, {value}}); };
  entry(DT_SONAME, own_name);
  if (o.sysv_hash) entry(DT_HASH, result.at["sysv"] + o.bias);
  if (o.gnu_hash) entry(DT_GNU_HASH, result.at["gnu"] + o.bias);
  entry(DT_STRTAB, result.at["dynstr"] + o.bias);
  entry(DT_SYMTAB, result.at["dynsym"] + o.bias);
  entry(DT_STRSZ, strings.size());
  entry(DT_SYMENT, sizeof(Elf64_Sym));
  if (!o.versions.empty()) {
    entry(DT_VERSYM, result.at["versym"] + o.bias);
    entry(DT_VERDEF, result.at["verdef"] + o.bias);
    entry(DT_VERDEFNUM, o.versions.size() + 1);
  }
  entry(DT_NULL, 0);

  begin("text");
  const std::size_t text = bytes.size();
  const std::uint64_t text_address = text + o.bias + o.text_bias;
  bytes.resize(text + text_size, std::byte{0xcc});

  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (symbols[i].section != 1) continue;
    const std::size_t value = result.at["dynsym"] + (i + 1) * sizeof(Elf64_Sym) + offsetof(Elf64_Sym, st_value);
    result.put<std::uint64_t>(value, symbols[i].value + text_address);
    result.symbols[i].value += text_address;
  }

  Elf64_Ehdr h{};
  std::memcpy(h.e_ident, ELFMAG, SELFMAG);
  h.e_ident[EI_CLASS] = ELFCLASS64;
  h.e_ident[EI_DATA] = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  h.e_ident[EI_VERSION] = EV_CURRENT;
  h.e_type = ET_DYN;
  h.e_machine = this_machine;
  h.e_version = EV_CURRENT;
  h.e_phoff = result.at["phdr"];
  h.e_ehsize = sizeof(Elf64_Ehdr);
  h.e_phentsize = sizeof(Elf64_Phdr);
  h.e_phnum = 3;
  result.put(0, h);
  const std::size_t dynamic = result.at["dynamic"];
  const Elf64_Phdr headers[3] = {
      {PT_LOAD, PF_R, 0, o.bias, o.bias, text, text, 0x1000},
      {PT_LOAD, PF_R | PF_X, text, text_address, text_address, text_size, text_size, 0x1000},
      {PT_DYNAMIC, PF_R, dynamic, dynamic + o.bias, dynamic + o.bias, text - dynamic, text - dynamic, 8},
  };
  for (std::size_t i = 0; i < 3; ++i) result.put(result.at["phdr"] + i * sizeof(Elf64_Phdr), headers[i]);
  return result;
}

} // namespace elf_builder
