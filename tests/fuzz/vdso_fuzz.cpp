/// vdso_fuzz.cpp - whatever the bytes are, the ELF reader stays inside them, ends, and agrees with itself.
///
/// The corpus holds images of tests/support/elf_builder.hpp for x86-64, one of each flavour: either hash table or both,
/// with and without versions, with and without a bias between addresses and offsets.
#include <takt/kernel/elf_image.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto image = takt::elf::image::try_parse(bytes);
  std::error_code ec;
  require(takt::elf::image::parse(bytes, ec).bytes().empty() == !image);
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
