// Protects: what elf::image finds in a sound image of any flavour, and that no damage makes it read outside, run for
// ever or find what is not there. Every image stands at the end of a heap block of its own size, so that the address
// sanitizer sees a single byte read too far.
#include "support/elf_builder.hpp"
#include <takt/kernel/detail/elf_image.hpp>

#include <doctest/doctest.h>
#include <limits>
#include <memory>
#include <ostream>
#include <set>

namespace {

using takt::detail::elf::image;
using takt::detail::elf::symbol_kind;

/// A block of exactly the size of its content.
struct exact {
  std::unique_ptr<std::byte[]> block;
  std::size_t size;
  exact(const std::byte* data, std::size_t n) : block(new std::byte[n]), size(n) {
    if (n != 0) std::memcpy(block.get(), data, n);
  }
  explicit exact(const elf_builder::image& i) : exact(i.bytes.data(), i.bytes.size()) {}
  [[nodiscard]] std::span<const std::byte> span() const { return {block.get(), size}; }
};

std::vector<elf_builder::symbol> some_symbols() {
  return {{.name = "alpha", .value = 0, .size = 16},
          {.name = "beta", .info = (STB_WEAK << 4) | STT_FUNC, .value = 16, .size = 8},
          {.name = "gamma", .info = (STB_GLOBAL << 4) | STT_OBJECT, .value = 24, .size = 4},
          {.name = "delta", .info = (STB_GLOBAL << 4) | STT_NOTYPE, .value = 32, .size = 0},
          {.name = "alphabet", .value = 40, .size = 12},
          {.name = "V_1.0", .info = (STB_GLOBAL << 4) | STT_OBJECT, .section = SHN_ABS, .size = 0},
          {.name = "imported", .section = SHN_UNDEF, .size = 0}};
}
const std::set<std::string> some_exports = {"alpha", "beta", "gamma", "delta", "alphabet", "V_1.0"};

struct flavour {
  const char* name;
  elf_builder::options options;
};
std::vector<flavour> flavours() {
  std::vector<flavour> all;
  for (const bool biased : {false, true}) {
    for (const bool versions : {true, false}) {
      for (const int hashes : {1, 2, 3}) {
        elf_builder::options o;
        o.gnu_hash = (hashes & 1) != 0;
        o.sysv_hash = (hashes & 2) != 0;
        if (!versions) o.versions.clear();
        if (biased) o.bias = 0xffff'ffff'ff70'0000, o.text_bias = 0x3000; // as the prelinked vDSO of Linux 3.x had it
        all.push_back({hashes == 1 ? "gnu" : hashes == 2 ? "sysv" : "both", o});
      }
    }
  }
  return all;
}

bool within(std::string_view text, std::span<const std::byte> bytes) {
  const auto* const begin = reinterpret_cast<const char*>(bytes.data());
  return text.empty() || (text.data() >= begin && text.data() + text.size() <= begin + bytes.size());
}

/// Everything a caller can do with an image; the checks hold for every image, however damaged.
void use(std::span<const std::byte> bytes) {
  const auto parsed = image::try_parse(bytes);
  if (!parsed) return;
  for (const auto& s : parsed.symbols()) {
    REQUIRE(within(s.name, bytes));
    REQUIRE(within(s.version, bytes));
    if (s.address != nullptr) {
      REQUIRE(s.address >= static_cast<const void*>(bytes.data()));
      REQUIRE(s.address < static_cast<const void*>(bytes.data() + bytes.size()));
    }
    (void)parsed.try_find(s.name, s.version);
  }
  REQUIRE_FALSE(parsed.try_find("no_such_symbol"));
  REQUIRE_FALSE(parsed.try_find("", "V_1.0"));
}

TEST_CASE("every flavour: each export is found by name and version, with value, size, kind and address") {
  for (const auto& f : flavours()) {
    CAPTURE(f.name);
    CAPTURE(f.options.bias);
    const bool versioned = !f.options.versions.empty();
    const auto built = elf_builder::build(some_symbols(), f.options);
    const exact e(built);
    std::error_code ec = std::make_error_code(std::errc::io_error);
    const image i = image::parse(e.span(), ec);
    REQUIRE_FALSE(ec);
    CHECK(i.bytes().data() == e.span().data());
    CHECK(i.bytes().size() == e.size);
    for (const auto& expected : built.symbols) {
      CAPTURE(expected.name);
      ec = std::make_error_code(std::errc::io_error);
      const auto found = i.find(expected.name, versioned ? "V_1.0" : "", ec);
      if (expected.section == SHN_UNDEF) {
        CHECK(ec == takt::errc::symbol_not_found);
        CHECK(found.name.empty());
        CHECK(found.address == nullptr);
        continue;
      }
      CHECK_FALSE(ec);
      CHECK(found.name == expected.name);
      CHECK(found.version == (versioned ? "V_1.0" : ""));
      CHECK(found.value == expected.value);
      CHECK(found.size == expected.size);
      CHECK(found.default_version);
      if (expected.section == SHN_ABS) {
        CHECK(found.kind == symbol_kind::absolute);
        CHECK(found.address == nullptr);
      } else {
        CHECK(static_cast<int>(found.kind) == (expected.info & 15));
        const std::uint64_t offset = expected.value - f.options.bias - f.options.text_bias;
        CHECK(found.address == e.span().data() + offset);
      }
      CHECK(i.try_find(expected.name)); // without a version: the default one
      CHECK_FALSE(i.try_find(expected.name, "V_2.0"));
      CHECK_FALSE(i.try_find(expected.name, "linux-test.so.1"));
    }
    for (const char* absent : {"", "alph", "alphab", "alphabets", "omega", "\xff"}) CHECK_FALSE(i.try_find(absent));
    CHECK_FALSE(i.try_find(std::string(5000, 'x')));
    CHECK_FALSE(i.try_find(std::string_view("alpha\0bet", 9)));
  }
}

TEST_CASE("the list of exports is complete and in the order of the symbol table") {
  for (const auto& f : flavours()) {
    CAPTURE(f.name);
    const auto built = elf_builder::build(some_symbols(), f.options);
    const exact e(built);
    const auto symbols = image::try_parse(e.span()).symbols();
    std::size_t next = 0;
    for (const auto& expected : built.symbols) {
      if (expected.section == SHN_UNDEF) continue;
      REQUIRE(next < symbols.size());
      CHECK(symbols[next].name == expected.name);
      CHECK(symbols[next].value == expected.value);
      CHECK(symbols[next].version == (f.options.versions.empty() ? "" : "V_1.0"));
      ++next;
    }
    CHECK(next == symbols.size());
    CHECK(next == some_exports.size());
  }
}

TEST_CASE("what is local, internal or hidden is not exported") {
  for (const int hashes : {1, 2, 3}) {
    elf_builder::options o;
    o.gnu_hash = (hashes & 1) != 0;
    o.sysv_hash = (hashes & 2) != 0;
    const exact e(elf_builder::build({{.name = "shown"},
                                      {.name = "protected", .other = STV_PROTECTED},
                                      {.name = "local_version", .version = VER_NDX_LOCAL},
                                      {.name = "local_hidden_version", .version = VER_NDX_LOCAL | 0x8000},
                                      {.name = "local", .info = (STB_LOCAL << 4) | STT_FUNC},
                                      {.name = "hidden", .other = STV_HIDDEN},
                                      {.name = "internal", .other = STV_INTERNAL},
                                      {.name = "section", .info = (STB_GLOBAL << 4) | STT_SECTION},
                                      {.name = "thread_local", .info = (STB_GLOBAL << 4) | STT_TLS},
                                      {.name = "ifunc", .info = (STB_GLOBAL << 4) | STT_GNU_IFUNC}},
                                     o));
    const image i = image::try_parse(e.span());
    std::set<std::string> names;
    for (const auto& s : i.symbols()) names.emplace(s.name);
    CHECK(names == std::set<std::string>{"shown", "protected"});
    for (const char* absent : {"local_version", "local_hidden_version", "local", "hidden", "internal", "section",
                               "thread_local", "ifunc"})
      CHECK_FALSE(i.try_find(absent));
  }
}

TEST_CASE("of two versions of a name each is found, and without a version the one that is not hidden") {
  for (const int hashes : {1, 2, 3}) {
    elf_builder::options o;
    o.gnu_hash = (hashes & 1) != 0;
    o.sysv_hash = (hashes & 2) != 0;
    o.versions = {"V_1.0", "V_2.0"};
    const exact e(elf_builder::build({{.name = "f", .version = 2 | 0x8000, .size = 1},
                                      {.name = "f", .version = 3, .size = 2},
                                      {.name = "g", .version = 2 | 0x8000, .size = 3},
                                      {.name = "base", .version = VER_NDX_GLOBAL, .size = 4},
                                      {.name = "lost", .version = 9, .size = 5}},
                                     o));
    const image i = image::try_parse(e.span());
    CHECK(i.try_find("f", "V_1.0").size == 1);
    CHECK_FALSE(i.try_find("f", "V_1.0").default_version);
    CHECK(i.try_find("f", "V_2.0").size == 2);
    CHECK(i.try_find("f").size == 2);
    CHECK(i.try_find("g", "V_1.0").size == 3);
    CHECK_FALSE(i.try_find("g"));
    CHECK(i.try_find("base").version.empty());
    CHECK_FALSE(i.try_find("base", "V_1.0"));
    CHECK(i.try_find("lost").version.empty()); // an index that no definition has
    CHECK_FALSE(i.try_find("lost", "V_1.0"));
  }
}

TEST_CASE("a version is known by its index, in whatever order the definitions stand") {
  elf_builder::options o;
  o.versions = {"V_1.0", "V_2.0"};
  auto built = elf_builder::build({{.name = "f", .version = 2}, {.name = "g", .version = 3}}, o);
  const std::size_t each = sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux);
  const std::size_t index = built.at.at("verdef") + offsetof(Elf64_Verdef, vd_ndx);
  built.put<std::uint16_t>(index, 3); // was 1, 2, 3
  built.put<std::uint16_t>(index + 2 * each, 1);
  const exact e(built);
  const image i = image::try_parse(e.span());
  CHECK(i.try_find("f", "V_1.0"));
  CHECK(i.try_find("g").version == "linux-test.so.1");
}

TEST_CASE("a symbol in the last byte of a segment has an address in the file, and one behind it has none") {
  for (const std::uint64_t bias : {0U, 0x10000U}) {
    elf_builder::options o;
    o.text_bias = bias;
    auto built = elf_builder::build({{.name = "f"}}, o);
    const auto text = built.get<Elf64_Phdr>(built.at.at("phdr") + sizeof(Elf64_Phdr));
    const std::size_t value = built.entry("f") + offsetof(Elf64_Sym, st_value);
    built.put<std::uint64_t>(value, text.p_vaddr + text.p_filesz - 1);
    const exact inside(built);
    CHECK(image::try_parse(inside.span()).try_find("f").address == inside.block.get() + text.p_offset + text.p_filesz - 1);
    built.put<std::uint64_t>(value, text.p_vaddr + text.p_filesz);
    const exact behind(built);
    CHECK(image::try_parse(behind.span()).try_find("f"));
    CHECK(image::try_parse(behind.span()).try_find("f").address == nullptr);
  }
}

TEST_CASE("an index of a version has 15 bits, and the sixteenth hides the symbol") {
  elf_builder::options o;
  o.versions = {"V_1.0"};
  auto built = elf_builder::build({{.name = "f", .version = 0x7fff}, {.name = "g", .version = 0xffff}}, o);
  const std::size_t each = sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux);
  built.put<std::uint16_t>(built.at.at("verdef") + each + offsetof(Elf64_Verdef, vd_ndx), 0x7fff);
  const exact e(built);
  const image i = image::try_parse(e.span());
  CHECK(i.try_find("f", "V_1.0").default_version);
  CHECK(i.try_find("g", "V_1.0"));
  CHECK_FALSE(i.try_find("g", "V_1.0").default_version);
}

TEST_CASE("a name that ends with the string table ends there") {
  elf_builder::options o;
  o.gnu_hash = false;
  o.sysv_buckets = 1; // whatever the hash, the chain is walked
  auto built = elf_builder::build({{.name = "f"}}, o);
  const auto end = static_cast<std::uint32_t>(built.get<std::uint64_t>(built.dynamic(DT_STRSZ)));
  built.put<std::uint32_t>(built.entry("f") + offsetof(Elf64_Sym, st_name), end - 6);
  const exact e(built);
  const image i = image::try_parse(e.span());
  CHECK(i.try_find("V_1.0"));
  CHECK_FALSE(i.try_find(std::string_view("V_1.0\0", 6)));
  CHECK_FALSE(i.try_find(std::string_view("V_1.0\0\0", 7)));
}

TEST_CASE("an image without exports exports nothing, and so does the empty image") {
  for (const int hashes : {1, 2, 3}) {
    elf_builder::options o;
    o.gnu_hash = (hashes & 1) != 0;
    o.sysv_hash = (hashes & 2) != 0;
    const exact e(elf_builder::build({{.name = "imported", .section = SHN_UNDEF}}, o));
    const image i = image::try_parse(e.span());
    CHECK(i.symbols().empty());
    CHECK_FALSE(i.try_find("imported"));
  }
  CHECK(image().symbols().empty());
  CHECK(image().bytes().empty());
  CHECK_FALSE(image().try_find("alpha"));
  CHECK_FALSE(image().try_find(""));
}

TEST_CASE("many symbols in chains of every length are all found") {
  std::vector<elf_builder::symbol> many;
  for (int n = 0; n < 300; ++n)
    many.push_back({.name = "symbol_" + std::to_string(n), .size = static_cast<std::uint64_t>(n)});
  for (const std::uint32_t buckets : {1U, 3U, 64U, 1024U}) {
    for (const bool gnu : {true, false}) {
      elf_builder::options o;
      o.gnu_hash = gnu;
      o.sysv_hash = !gnu;
      o.gnu_buckets = o.sysv_buckets = buckets;
      const exact e(elf_builder::build(many, o));
      const image i = image::try_parse(e.span());
      for (int n = 0; n < 300; ++n)
        REQUIRE(i.try_find("symbol_" + std::to_string(n), "V_1.0").size == static_cast<std::uint64_t>(n));
      CHECK_FALSE(i.try_find("symbol_300"));
      CHECK(i.symbols().size() == 300);
    }
  }
}

TEST_CASE("another class, byte order, machine or kind of file is malformed") {
  const auto sound = elf_builder::build(some_symbols());
  const auto refused = [&](std::size_t offset, auto value) {
    auto damaged = sound;
    damaged.put(offset, value);
    const exact e(damaged);
    std::error_code ec;
    const image i = image::parse(e.span(), ec);
    return ec == takt::errc::malformed_image && i.bytes().empty();
  };
  using u8 = unsigned char;
  using u16 = std::uint16_t;
  CHECK(refused(EI_MAG0, u8{0}));
  CHECK(refused(EI_MAG3, u8{'G'}));
  CHECK(refused(EI_CLASS, u8{ELFCLASS32}));
  CHECK(refused(EI_DATA, u8{ELFDATA2MSB}));
  CHECK(refused(EI_VERSION, u8{2}));
  CHECK(refused(offsetof(Elf64_Ehdr, e_type), u16{ET_EXEC}));
  CHECK(refused(offsetof(Elf64_Ehdr, e_machine), u16{EM_386}));
  CHECK(refused(offsetof(Elf64_Ehdr, e_version), std::uint32_t{0}));
  CHECK(refused(offsetof(Elf64_Ehdr, e_phentsize), u16{32}));
  CHECK(refused(offsetof(Elf64_Ehdr, e_phnum), u16{0}));      // nothing loaded, no dynamic section
  CHECK(refused(offsetof(Elf64_Ehdr, e_phnum), u16{0xffff})); // more than the file has
}

TEST_CASE("offsets and sizes beyond the end are malformed, also those whose sum overflows") {
  elf_builder::options o;
  const auto sound = elf_builder::build(some_symbols(), o);
  const std::uint64_t size = sound.bytes.size();
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const auto refused = [&](std::size_t offset, auto value) {
    auto damaged = sound;
    damaged.put(offset, value);
    const exact e(damaged);
    return !image::try_parse(e.span());
  };
  for (const std::uint64_t wrong : {size, size + 1, most, most - 7, most - size, std::uint64_t{1} << 63}) {
    CAPTURE(wrong);
    CHECK(refused(offsetof(Elf64_Ehdr, e_phoff), wrong));
    for (std::size_t segment = 0; segment < 3; ++segment) {
      const std::size_t header = sound.at.at("phdr") + segment * sizeof(Elf64_Phdr);
      CHECK(refused(header + offsetof(Elf64_Phdr, p_offset), wrong));
      if (segment == 0 && wrong == size) continue; // the whole file: that is sound
      CHECK(refused(header + offsetof(Elf64_Phdr, p_filesz), wrong));
    }
    for (const std::int64_t tag : {std::int64_t{DT_STRTAB}, std::int64_t{DT_SYMTAB}, std::int64_t{DT_HASH},
                                   std::int64_t{DT_GNU_HASH}, std::int64_t{DT_VERSYM}, std::int64_t{DT_VERDEF},
                                   std::int64_t{DT_STRSZ}, std::int64_t{DT_SYMENT}, std::int64_t{DT_VERDEFNUM}}) {
      CAPTURE(tag);
      CHECK(refused(sound.dynamic(tag), wrong));
    }
  }
  // Tables that begin inside and end outside.
  for (const std::int64_t tag : {std::int64_t{DT_SYMTAB}, std::int64_t{DT_STRTAB}, std::int64_t{DT_HASH},
                                 std::int64_t{DT_GNU_HASH}, std::int64_t{DT_VERSYM}, std::int64_t{DT_VERDEF}})
    CHECK(refused(sound.dynamic(tag), size - 1));
  // Fields of 32 bits.
  const auto strings_size = sound.get<std::uint64_t>(sound.dynamic(DT_STRSZ));
  CHECK(refused(sound.entry("alpha") + offsetof(Elf64_Sym, st_name), static_cast<std::uint32_t>(strings_size)));
  for (const std::uint32_t wrong : {0xffff'ffffU, 0x7fff'ffffU, 0x1000'0000U, static_cast<std::uint32_t>(size)}) {
    CAPTURE(wrong);
    CHECK(refused(sound.entry("alpha") + offsetof(Elf64_Sym, st_name), wrong));
    for (const std::size_t word : {0U, 4U, 8U}) CHECK(refused(sound.at.at("gnu") + word, wrong));
    CHECK(refused(sound.at.at("gnu_buckets"), wrong));
    for (const std::size_t word : {0U, 4U}) CHECK(refused(sound.at.at("sysv") + word, wrong));
    CHECK(refused(sound.at.at("verdef") + offsetof(Elf64_Verdef, vd_aux), wrong));
    CHECK(refused(sound.at.at("verdef") + offsetof(Elf64_Verdef, vd_next), wrong));
    CHECK(refused(sound.at.at("verdef") + sizeof(Elf64_Verdef), wrong)); // vda_name
  }
  CHECK(refused(sound.at.at("gnu"), std::uint32_t{0}));      // no buckets
  CHECK(refused(sound.at.at("gnu") + 4, std::uint32_t{99})); // the first hashed symbol is behind the first bucket's
  CHECK(refused(sound.at.at("gnu_buckets"), std::uint32_t{1})); // a bucket that begins with the symbol not hashed
  CHECK(refused(sound.at.at("verdef") + offsetof(Elf64_Verdef, vd_version), std::uint16_t{2}));
  CHECK(refused(sound.at.at("verdef") + offsetof(Elf64_Verdef, vd_cnt), std::uint16_t{0}));
  CHECK(refused(sound.at.at("sysv"), std::uint32_t{0}));
  CHECK(refused(sound.at.at("sysv") + 4, std::uint32_t{1})); // fewer symbols than the other table knows
  CHECK(refused(sound.at.at("dynstr") + strings_size - 1, 'x')); // unterminated
  CHECK(refused(sound.dynamic(DT_STRSZ), std::uint64_t{0}));
}

TEST_CASE("a count of symbols that runs into the string table is malformed") {
  elf_builder::options o;
  o.gnu_hash = false;
  const auto sound = elf_builder::build(some_symbols(), o);
  const auto count = static_cast<std::uint32_t>(sound.symbols.size() + 1);
  for (const std::uint32_t wrong : {count + 1, count + 2}) {
    auto damaged = sound;
    damaged.put(sound.at.at("sysv") + 4, wrong);
    CHECK_FALSE(image::try_parse(exact(damaged).span()));
  }
}

TEST_CASE("a dynamic section that does not end, or lacks what it must have, is malformed") {
  const auto sound = elf_builder::build(some_symbols());
  const auto without = [&](std::initializer_list<std::int64_t> tags) {
    auto damaged = sound;
    for (const auto tag : tags) damaged.put<std::int64_t>(sound.dynamic(tag) - 8, DT_DEBUG);
    const exact e(damaged);
    return !image::try_parse(e.span());
  };
  CHECK_FALSE(without({}));
  CHECK(without({DT_NULL}));
  CHECK(without({DT_STRTAB}));
  CHECK(without({DT_STRSZ}));
  CHECK(without({DT_SYMTAB}));
  CHECK(without({DT_VERDEFNUM}));
  CHECK(without({DT_VERDEF}));
  CHECK_FALSE(without({DT_HASH}));
  CHECK_FALSE(without({DT_GNU_HASH}));
  CHECK(without({DT_HASH, DT_GNU_HASH}));
  CHECK_FALSE(without({DT_SYMENT}));
  CHECK_FALSE(without({DT_VERSYM}));
  auto no_segment = sound;
  no_segment.put<std::uint32_t>(sound.at.at("phdr") + 2 * sizeof(Elf64_Phdr), PT_NOTE);
  CHECK_FALSE(image::try_parse(exact(no_segment).span()));
}

TEST_CASE("chains that loop end") {
  elf_builder::options o;
  o.gnu_hash = false;
  o.sysv_buckets = 1;
  auto looped = elf_builder::build(some_symbols(), o);
  const std::size_t chain = looped.at.at("sysv_chain");
  const auto count = static_cast<std::uint32_t>(looped.symbols.size() + 1);
  for (std::uint32_t from = 1; from < count; ++from) {
    for (std::uint32_t to = 1; to < count; ++to) {
      auto damaged = looped;
      damaged.put(chain + from * 4, to);
      const exact e(damaged);
      const image i = image::try_parse(e.span());
      CHECK_FALSE(i.try_find("no_such_symbol"));
      CHECK_FALSE(i.try_find("alpha", "V_2.0"));
    }
  }
  // A chain that leaves the table, to where nothing is and to where something has the form of a symbol.
  const std::size_t link = chain + looped.get<std::uint32_t>(looped.at.at("sysv_buckets")) * 4;
  looped.put<std::uint32_t>(link, 0xffff'fff0U);
  use(exact(looped).span());
  const std::size_t symbols = looped.at.at("dynsym"), each = sizeof(Elf64_Sym);
  const std::size_t outside = (looped.at.at("text") - symbols + each - 1) / each;
  auto lookalike = looped.get<Elf64_Sym>(looped.entry("alpha"));
  lookalike.st_name += 1;
  looped.put(symbols + outside * each, lookalike);
  looped.put(link, static_cast<std::uint32_t>(outside));
  const exact e(looped);
  CHECK_FALSE(image::try_parse(e.span()).try_find("lpha"));

  // A version definition that is its own successor in all but name: the chain ends too soon, or late.
  auto versions = elf_builder::build(some_symbols());
  versions.put<std::uint32_t>(versions.at.at("verdef") + offsetof(Elf64_Verdef, vd_next), 0);
  CHECK_FALSE(image::try_parse(exact(versions).span()));
  versions.put<std::uint32_t>(versions.at.at("verdef") + offsetof(Elf64_Verdef, vd_next), 1);
  CHECK_FALSE(image::try_parse(exact(versions).span()));

  // A GNU chain without an end.
  o = {};
  o.sysv_hash = false;
  o.versions.clear();
  auto endless = elf_builder::build(some_symbols(), o);
  for (std::size_t at = endless.at.at("gnu_chain"); at + 4 <= endless.bytes.size(); at += 4) {
    if (at == endless.at.at("dynamic")) break;
    endless.put(at, endless.get<std::uint32_t>(at) & ~1U);
  }
  use(exact(endless).span());
}

TEST_CASE("truncated at every byte it is malformed") {
  for (const auto& f : flavours()) {
    const auto built = elf_builder::build(some_symbols(), f.options);
    for (std::size_t n = 0; n < built.bytes.size(); ++n) {
      const exact e(built.bytes.data(), n);
      std::error_code ec;
      const image i = image::parse(e.span(), ec);
      REQUIRE(ec == takt::errc::malformed_image);
      REQUIRE(i.bytes().empty());
    }
  }
}

TEST_CASE("no damaged byte makes up a symbol: what is found bears the name asked for and the value it had") {
  for (const auto& f : flavours()) {
    CAPTURE(f.name);
    const auto built = elf_builder::build(some_symbols(), f.options);
    const std::string_view version = f.options.versions.empty() ? "" : "V_1.0";
    exact e(built);
    for (std::size_t at = 0; at < e.size; ++at) {
      for (const unsigned mask : {0x00U, 0xffU, 0x100U, 0x101U}) {
        const std::byte before = e.block[at];
        e.block[at] = mask < 0x100 ? std::byte(mask) : mask == 0x100 ? before ^ std::byte{1} : before ^ std::byte{0x80};
        CAPTURE(at);
        use(e.span());
        if (const auto parsed = image::try_parse(e.span())) {
          for (const auto& s : built.symbols) {
            const auto found = parsed.try_find(s.name, version);
            if (!found) continue;
            REQUIRE(found.name == s.name);
            REQUIRE(found.version == version);
            const std::size_t own = built.entry(s.name);
            if (at < own || at >= own + sizeof(Elf64_Sym)) {
              REQUIRE(s.section != SHN_UNDEF);
              REQUIRE(found.value == s.value);
              REQUIRE(found.size == s.size);
            }
          }
        }
        e.block[at] = before;
      }
    }
  }
}

TEST_CASE("the hash functions are the standard's") {
  // Values of the gABI's and of glibc's functions for these names.
  CHECK(takt::detail::elf::gabi::sysv_hash_of("") == 0);
  CHECK(takt::detail::elf::gabi::sysv_hash_of("printf") == 0x077905a6);
  CHECK(takt::detail::elf::gabi::gnu_hash_of("") == 5381);
  CHECK(takt::detail::elf::gabi::gnu_hash_of("printf") == 0x156b2bb8);
  for (const char* name : {"__vdso_clock_gettime", "a_name_long_enough_to_push_bits_out_at_the_top", "\xff\xfe\x80"}) {
    CHECK(takt::detail::elf::gabi::sysv_hash_of(name) == elf_builder::sysv_hash(name));
    CHECK(takt::detail::elf::gabi::gnu_hash_of(name) == elf_builder::gnu_hash(name));
  }
}

#if TAKT_EXCEPTIONS
TEST_CASE("the throwing overloads say what was looked for") {
  const exact e(elf_builder::build(some_symbols()));
  const image i = image::parse(e.span());
  CHECK(i.find("alpha").name == "alpha");
  CHECK(i.find("alpha", "V_1.0").version == "V_1.0");
  try {
    (void)i.find("omega", "V_3");
    FAIL("found");
  } catch (const std::system_error& error) {
    CHECK(error.code() == takt::errc::symbol_not_found);
    CHECK(std::string(error.what()).find("omega@V_3") != std::string::npos);
  }
  CHECK_THROWS_AS((void)image::parse({}), std::system_error);
}
#endif

} // namespace
