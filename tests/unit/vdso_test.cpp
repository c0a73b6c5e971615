// Protects: how the image is found and measured in a process, which of its symbols is taken for clock_gettime, and what
// vdso::answers makes of an experiment. The reader itself is in elf_image_test.cpp.
#include "support/elf_builder.hpp"
#include <takt/kernel/vdso.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>
#include <limits>
#include <memory>
#include <ostream>

namespace {

constexpr std::size_t page = 4096;

/// An image as the kernel maps it: whole pages, zeros behind the end. The blocks are of exactly that size.
struct mapped {
  std::unique_ptr<std::byte[]> block;
  explicit mapped(const elf_builder::image& i, std::size_t pages = 1) : block(new std::byte[pages * page]{}) {
    REQUIRE(i.bytes.size() <= pages * page);
    std::memcpy(block.get(), i.bytes.data(), i.bytes.size());
  }
};

elf_builder::image vdso_like(std::uint64_t bias = 0, elf_builder::symbol changes = {}) {
  elf_builder::options o;
  o.versions = {takt::detail::arch::vdso_version};
  o.bias = bias;
  changes.name = takt::detail::arch::vdso_clock_gettime;
  changes.value = 16;
  return elf_builder::build({{.name = "other"}, changes}, o);
}

template <class Os> bool has_clock() { return takt::detail::vdso_clock_gettime_function<Os>() != nullptr; }

TEST_CASE("no vDSO: the empty image, no error, no function") {
  using os = takt::testing::fake_os<struct without_vdso>;
  std::error_code ec = std::make_error_code(std::errc::io_error);
  CHECK(takt::vdso::current<os>(ec).bytes().empty());
  CHECK_FALSE(ec);
  CHECK(takt::detail::find_vdso<os>().symbols().empty());
  CHECK_FALSE(has_clock<os>());
}

TEST_CASE("the image of the process is as long as its segments, in whole pages") {
  using os = takt::testing::fake_os<struct with_vdso>;
  for (const std::uint64_t bias : {std::uint64_t{0}, std::uint64_t{0xffff'ffff'ff70'0000}}) {
    const auto built = vdso_like(bias);
    const mapped m(built);
    os::now.vdso = m.block.get();
    std::error_code ec = std::make_error_code(std::errc::io_error);
    const auto image = takt::vdso::current<os>(ec);
    CHECK_FALSE(ec);
    CHECK(image.bytes().data() == m.block.get());
    CHECK(image.bytes().size() == page);
    CHECK(image.symbols().size() == 2);
    const void* const expected = m.block.get() + built.at.at("text") + 16;
    CHECK(reinterpret_cast<const void*>(takt::detail::vdso_clock_gettime_function<os>()) == expected);
  }
  std::vector<elf_builder::symbol> many;
  for (int n = 0; n < 200; ++n) many.push_back({.name = "symbol_" + std::to_string(n)});
  const auto large = elf_builder::build(many);
  const std::size_t pages = (large.bytes.size() + page - 1) / page;
  REQUIRE(pages > 1);
  const mapped m(large, pages);
  os::now.vdso = m.block.get();
  CHECK(takt::detail::find_vdso<os>().bytes().size() == pages * page);
  CHECK(takt::detail::find_vdso<os>().symbols().size() == 200);
}

TEST_CASE("headers that do not tell where the image ends are malformed, and nothing beyond its first page is read") {
  using os = takt::testing::fake_os<struct bad_headers>;
  const auto sound = vdso_like();
  const auto refused = [&](std::size_t offset, auto value) {
    auto damaged = sound;
    damaged.put(offset, value);
    const mapped m(damaged);
    os::now.vdso = m.block.get();
    std::error_code ec;
    const bool empty = takt::vdso::current<os>(ec).bytes().empty();
    return empty && ec == takt::errc::malformed_image && !has_clock<os>();
  };
  const std::size_t load = sound.at.at("phdr");
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  CHECK(refused(0, '\0'));
  CHECK(refused(offsetof(Elf64_Ehdr, e_phoff), std::uint64_t{page - 56}));
  CHECK(refused(offsetof(Elf64_Ehdr, e_phoff), std::uint64_t{page}));
  CHECK(refused(offsetof(Elf64_Ehdr, e_phoff), most));
  CHECK(refused(offsetof(Elf64_Ehdr, e_phnum), std::uint16_t{0}));
  CHECK(refused(offsetof(Elf64_Ehdr, e_phnum), std::uint16_t{100}));
  for (const std::uint64_t wrong : {most, most - 1, most - page + 1}) {
    CHECK(refused(load + offsetof(Elf64_Phdr, p_filesz), wrong));
    CHECK(refused(load + offsetof(Elf64_Phdr, p_offset), wrong));
  }
  CHECK(refused(offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_386}));
}

TEST_CASE("clock_gettime must have this machine's name and version, and be code") {
  using os = takt::testing::fake_os<struct wrong_symbols>;
  const auto found = [](const elf_builder::image& i) {
    const mapped m(i);
    os::now.vdso = m.block.get();
    return has_clock<os>();
  };
  CHECK(found(vdso_like()));
  CHECK(found(vdso_like(0, {.info = (STB_WEAK << 4) | STT_NOTYPE})));
  CHECK_FALSE(found(vdso_like(0, {.info = (STB_GLOBAL << 4) | STT_OBJECT})));
  CHECK_FALSE(found(vdso_like(0, {.section = SHN_ABS})));
  CHECK_FALSE(found(vdso_like(0, {.section = SHN_UNDEF})));
  CHECK_FALSE(found(vdso_like(0, {.version = VER_NDX_GLOBAL})));
  auto outside = vdso_like();
  outside.put<std::uint64_t>(outside.entry(takt::detail::arch::vdso_clock_gettime) + offsetof(Elf64_Sym, st_value),
                             outside.bytes.size());
  CHECK_FALSE(found(outside));
}

TEST_CASE("answers: false without a vDSO, what the experiment showed with one, its error otherwise") {
  using os = takt::testing::fake_os<struct experiments>;
  os::reset();
  std::error_code ec = std::make_error_code(std::errc::io_error);
  CHECK_FALSE(takt::vdso::answers<os>(CLOCK_MONOTONIC, ec));
  CHECK(ec == std::errc::invalid_argument); // a clock the kernel does not know
  os::now.clocks[CLOCK_MONOTONIC] = {{5, 0}, 0};
  CHECK_FALSE(takt::vdso::answers<os>(CLOCK_MONOTONIC, ec));
  CHECK_FALSE(ec);

  const mapped m(vdso_like());
  os::now.vdso = m.block.get();
  CHECK(takt::vdso::answers<os>(CLOCK_MONOTONIC, ec));
  CHECK_FALSE(ec);
  os::now.user_space_clock = {false, 0};
  CHECK_FALSE(takt::vdso::answers<os>(CLOCK_MONOTONIC, ec));
  CHECK_FALSE(ec);
  os::now.user_space_clock = {true, EACCES};
  CHECK_FALSE(takt::vdso::answers<os>(CLOCK_MONOTONIC, ec));
  CHECK(ec == std::errc::permission_denied);
  CHECK_FALSE(takt::vdso::answers<os>(CLOCK_TAI, ec));
  CHECK(ec == std::errc::invalid_argument);
  // A thread that may not read the counter would be killed.
  os::now.user_space_clock = {true, 0};
  os::now.counter = {false, 0};
  os::now.clocks[CLOCK_MONOTONIC_COARSE] = os::now.clocks[CLOCK_MONOTONIC];
  CHECK_FALSE(takt::vdso::answers<os>(CLOCK_MONOTONIC, ec));
  CHECK(ec == takt::errc::counter_forbidden);
  CHECK(takt::vdso::answers<os>(CLOCK_MONOTONIC_COARSE, ec));
  CHECK_FALSE(ec);
#if TAKT_EXCEPTIONS
  CHECK_THROWS_WITH_AS((void)takt::vdso::answers<os>(CLOCK_MONOTONIC), doctest::Contains("PR_TSC_ENABLE"), std::system_error);
  os::now.counter = {true, 0};
  CHECK_THROWS_WITH_AS((void)takt::vdso::answers<os>(CLOCK_TAI), doctest::Contains("not known"), std::system_error);
  CHECK_THROWS_AS((void)takt::vdso::answers<os>(CLOCK_TAI), std::system_error);
  os::now.user_space_clock = {true, 0};
  CHECK(takt::vdso::answers<os>(CLOCK_MONOTONIC));
#endif
}

} // namespace
