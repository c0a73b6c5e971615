/// vdso_fuzz.cpp - whatever the bytes are, the ELF reader stays inside them, ends, and agrees with itself; and whatever the
/// headers of a mapped image say, no more is read of it than they say is mapped.
///
/// The corpus holds images of tests/support/elf_builder.hpp for x86-64, one of each flavour: either hash table or both,
/// with and without versions, with and without a bias between addresses and offsets.
#include <takt/kernel/detail/elf_image.hpp>
#include <takt/kernel/vdso.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sys/mman.h>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

constexpr std::size_t page = 4096;
/// The size that the headers may claim: all of it is mapped, with zeros after the input; the page after it is not.
constexpr std::size_t max_mapped = 16 * page;

/// An operating system that maps the input where the kernel would map the vDSO.
struct mapping_os {
  static inline std::byte* base = nullptr;
  static const void* vdso_base() noexcept { return base; }
};

/// Where the last loaded segment ends, in whole pages, as the headers in the first page have it; nothing where they say
/// more than is mapped. Counted here again, in another way: everything that is read must be before it.
std::optional<std::uint64_t> claimed(const std::byte* first) {
  takt::detail::elf::gabi::header h;
  std::memcpy(&h, first, sizeof h);
  std::uint64_t end = 0;
  for (std::uint64_t i = 0; i < h.e_phnum; ++i) {
    takt::detail::elf::gabi::program_header p;
    if (h.e_phoff > page || h.e_phoff + (i + 1) * sizeof p > page) return 0; // refused: not in the first page
    std::memcpy(&p, first + h.e_phoff + i * sizeof p, sizeof p);
    if (p.p_type != 1 /* PT_LOAD */) continue;
    if (p.p_offset > max_mapped || p.p_filesz > max_mapped - p.p_offset) return std::nullopt;
    end = std::max(end, p.p_offset + p.p_filesz);
  }
  return (end + page - 1) / page * page;
}

/// The path of takt::detail::find_vdso over the input, mapped, with a page behind what its headers claim that cannot be read.
void as_mapped(const std::uint8_t* data, std::size_t size) {
  static std::byte* const memory = [] {
    void* const p = mmap(nullptr, max_mapped + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(p != MAP_FAILED);
    return static_cast<std::byte*>(p);
  }();
  size = std::min(size, max_mapped);
  if (size != 0) std::memcpy(memory, data, size);
  std::memset(memory + size, 0, max_mapped - size);
  const auto end = claimed(memory);
  if (!end) return; // a kernel that claims what it has not mapped is not to be survived
  // The first page is there in any case.
  const std::size_t readable = std::max<std::size_t>(*end, page);
  require(mprotect(memory + readable, max_mapped + page - readable, PROT_NONE) == 0);
  mapping_os::base = memory;
  const auto image = takt::detail::find_vdso<mapping_os>();
  require(!image || (image.bytes().data() == memory && image.bytes().size() == *end));
  std::error_code ec;
  require(takt::vdso::current<mapping_os>(ec).bytes().size() == image.bytes().size());
  require(image ? !ec : ec == takt::errc::malformed_image);
  // Not less than the reader of plain bytes takes, which checks all that lies inside.
  require(static_cast<bool>(takt::detail::elf::image::try_parse({memory, static_cast<std::size_t>(*end)})) == static_cast<bool>(image));
  static_cast<void>(takt::detail::vdso_clock_gettime_function<mapping_os>());
  std::size_t left = 50;
  for (const auto& s : image.symbols()) {
    if (left-- == 0) break;
    static_cast<void>(image.try_find(s.name, s.version));
  }
  require(mprotect(memory + readable, max_mapped + page - readable, PROT_READ | PROT_WRITE) == 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  as_mapped(data, size);
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto image = takt::detail::elf::image::try_parse(bytes);
  std::error_code ec;
  require(takt::detail::elf::image::parse(bytes, ec).bytes().empty() == !image);
  if (!image) {
    require(ec == takt::errc::malformed_image);
    return 0;
  }
  const auto inside = [&](const void* p, std::size_t n) {
    const auto* const begin = static_cast<const std::byte*>(p);
    return begin >= bytes.data() && begin + n <= bytes.data() + bytes.size();
  };
  // Each symbol costs a walk over the definitions: a bound keeps the largest inputs quick, and the rest is more of the same.
  std::size_t left = 200;
  for (const auto& s : image.symbols()) {
    if (left-- == 0) break;
    require(!s.name.empty() && inside(s.name.data(), s.name.size() + 1));
    require(s.version.empty() || inside(s.version.data(), s.version.size() + 1));
    require(s.address == nullptr || inside(s.address, 1));
    if (const auto found = image.try_find(s.name, s.version)) {
      require(found.name == s.name);
      require(s.version.empty() ? found.default_version : found.version == s.version);
    }
  }
  for (const char* name : {"", "alpha", "V_1.0", "no_such_symbol"}) {
    for (const char* version : {"", "V_1.0", "V_2.0"}) {
      const auto found = image.try_find(name, version);
      require(image.find(name, version, ec).name.empty() == !found);
      require(!found || found.name == name);
    }
  }
  return 0;
}
