// Protects: which page is believed to be the vDSO's data page, and by which layout; that everything else is unknown,
// with its reason; what a sequence number says about a reading.
#include <takt/kernel/vdso_data.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using takt::vdso::data_page;
namespace vp = takt::detail::vdso_page;

/// A page as the kernel writes it, with the data at one layout.
struct kernel_page {
  alignas(4096) std::byte bytes[4096]{};
  vp::layout at;

  // 2.6 GHz: 2^24 / 2.6, rounded.
  static constexpr std::uint32_t multiplier = 6'452'776, shift = 24;
  static constexpr std::uint64_t last = 1'000'000'000'000;

  explicit kernel_page(vp::layout l) : at(l) {
    put(at.sequence, std::uint32_t{1234});
    put(at.mode(), std::int32_t{vp::counter});
    put(at.last_cycle(), last);
    if (at.base - at.sequence == 40) put(at.sequence + 16U, std::uint64_t{1} << 40); // max_cycles
    put(at.mask(), ~std::uint64_t{0});
    put(at.multiplier(), multiplier);
    put(at.shift(), shift);
    put(at.seconds(CLOCK_MONOTONIC), std::uint64_t{500});
    put(at.seconds(CLOCK_MONOTONIC) + 8, std::uint64_t{123'456'789} << shift);
    put(at.seconds(CLOCK_MONOTONIC_COARSE), std::uint64_t{500});
    put(at.seconds(CLOCK_MONOTONIC_COARSE) + 8, std::uint64_t{123'456'789});
  }
  template <class T> void put(std::size_t offset, T value) { std::memcpy(bytes + offset, &value, sizeof value); }
  /// The text of /proc/self/maps that shows the page.
  [[nodiscard]] std::string maps(const char* rights = "r--p", const char* name = "[vvar]") const {
    char line[200];
    const auto begin = reinterpret_cast<std::uintptr_t>(bytes);
    std::snprintf(line, sizeof line, "%lx-%lx %s 00000000 00:00 0   %s\n", begin, begin + 4096, rights, name);
    return std::string("00400000-00401000 r-xp 00000000 08:01 77   /bin/true\n") + line;
  }
};

/// The nanoseconds that pass on the page's clock in so many cycles, on the safe side of the rounding.
std::int64_t nanoseconds(std::uint64_t cycles) {
  return static_cast<std::int64_t>((cycles * kernel_page::multiplier) >> kernel_page::shift);
}

template <class Tag> struct machine {
  using os = takt::testing::fake_os<Tag>;
  static inline std::uint64_t cycle = kernel_page::last;
  static inline bool has_vdso = true;

  /// The kernel's clocks as the page has them: `off` nanoseconds beside.
  static data_page find(const kernel_page& page, std::int64_t off = 0, bool checked = true) {
    os::now.files["/proc/self/maps"].value = page.maps();
    return read_page(off, checked);
  }
  static data_page read_page(std::int64_t off = 0, bool checked = true) {
    cycle = kernel_page::last;
    os::now.vdso = has_vdso ? &cycle : nullptr;
    os::now.clocks[CLOCK_MONOTONIC_COARSE] = {{500, 123'456'789}, 0};
    os::now.clocks[CLOCK_MONOTONIC] = {{500, 123'456'789 + off}, 0};
    return vp::finder<os>::find(checked, [off] {
      cycle += 2600;
      const auto passed = 123'456'789 + off + nanoseconds(cycle - kernel_page::last);
      os::now.clocks[CLOCK_MONOTONIC] = {{500 + passed / 1'000'000'000, passed % 1'000'000'000}, 0};
      return cycle;
    });
  }
};

} // namespace

TEST_CASE("each layout is recognised by what the page holds, and read") {
  using m = machine<struct all_layouts>;
  for (const vp::layout& at : vp::layouts) {
    CAPTURE(at.sequence);
    CAPTURE(at.base);
    m::os::reset();
    kernel_page page(at);
    const data_page found = m::find(page);
    CAPTURE(found.why_unknown());
    REQUIRE(found.known());
    CHECK(std::string_view(found.why_unknown()).empty());
    CHECK(found.sequence() == 1234);
    const auto c = found.read();
    REQUIRE(c);
    CHECK(c->sequence == 1234);
    CHECK(c->mode == data_page::clock_mode::counter);
    CHECK(c->last_cycle == kernel_page::last);
    CHECK(c->mask == ~std::uint64_t{0});
    CHECK(c->multiplier == kernel_page::multiplier);
    CHECK(c->shift == 24);
    CHECK(c->rate().hertz() == doctest::Approx(2.6e9).epsilon(1e-7));
    CHECK(c->rate_unit_ppm() == doctest::Approx(0.155).epsilon(0.01));
  }
}

TEST_CASE("a page that does not agree with the kernel's clocks is unknown") {
  using m = machine<struct no_agreement>;
  const vp::layout at = vp::layouts[0];
  const auto unknown = [&](std::size_t offset, auto value) {
    m::os::reset();
    kernel_page page(at);
    page.put(offset, value);
    const data_page found = m::find(page);
    return !found.known() && std::string_view(found.why_unknown()).find("does not agree") != std::string_view::npos;
  };
  CHECK(unknown(at.sequence, std::uint32_t{1235}));               // always being written
  CHECK(unknown(at.mode(), std::int32_t{4}));                     // a mode of a later kernel
  CHECK(unknown(at.mode(), std::int32_t{-1}));
  CHECK(unknown(at.last_cycle(), kernel_page::last + 1'000'000)); // in the future
  CHECK(unknown(at.last_cycle(), kernel_page::last - 1'000'000)); // 385 us too early
  CHECK(unknown(at.mask(), std::uint64_t{0}));
  CHECK(unknown(at.mask(), ~std::uint64_t{1}));
  CHECK(unknown(at.multiplier(), std::uint32_t{0}));
  CHECK(unknown(at.multiplier(), kernel_page::multiplier / 2));
  CHECK(unknown(at.shift(), std::uint32_t{25}));
  CHECK(unknown(at.shift(), std::uint32_t{64}));
  CHECK(unknown(at.seconds(CLOCK_MONOTONIC), std::uint64_t{501}));
  CHECK(unknown(at.seconds(CLOCK_MONOTONIC), ~std::uint64_t{0}));
  CHECK(unknown(at.seconds(CLOCK_MONOTONIC) + 8, ~std::uint64_t{0}));
  CHECK(unknown(at.seconds(CLOCK_MONOTONIC_COARSE), std::uint64_t{501}));
  CHECK(unknown(at.seconds(CLOCK_MONOTONIC_COARSE) + 8, std::uint64_t{123'456'790}));
  // A page of zeros, where a kernel keeps other things.
  m::os::reset();
  kernel_page zeros(at);
  std::memset(zeros.bytes, 0, sizeof zeros.bytes);
  CHECK_FALSE(m::find(zeros).known());
  // One microsecond beside the kernel's own clock is too far.
  kernel_page page(at);
  CHECK(m::find(page).known());
  CHECK_FALSE(m::find(page, 1002).known());
  CHECK_FALSE(m::find(page, -1002).known());
}

TEST_CASE("where the clock source is not read by the vDSO, sequence and mode are known and the rest is not") {
  using m = machine<struct without_counter>;
  for (const vp::layout& at : vp::layouts) {
    kernel_page page(at);
    page.put(at.mode(), std::int32_t{vp::none});
    page.put(at.last_cycle(), ~std::uint64_t{0}); // left behind by an earlier source
    page.put(at.multiplier(), std::uint32_t{0});
    const data_page found = m::find(page);
    REQUIRE(found.known());
    const auto c = found.read();
    REQUIRE(c);
    CHECK(c->mode == data_page::clock_mode::system_call);
    CHECK(c->sequence == 1234);
    CHECK(c->last_cycle == 0);
    CHECK_FALSE(c->rate().known());
    CHECK_FALSE(c->rate_unit_ppm() > 0);
  }
}

TEST_CASE("the cycles of a paravirtual clock are not the counter's") {
  using m = machine<struct paravirtual>;
  for (const auto& [mode, expected] : {std::pair{vp::pvclock, data_page::clock_mode::pvclock},
                                       std::pair{vp::hyperv, data_page::clock_mode::hyperv}}) {
    kernel_page page(vp::layouts[2]);
    page.put(page.at.mode(), std::int32_t{mode});
    page.put(page.at.last_cycle(), ~std::uint64_t{0} / 2);
    const data_page found = m::find(page);
    REQUIRE(found.known());
    REQUIRE(found.read());
    CHECK(found.read()->mode == expected);
  }
}

TEST_CASE("in a time namespace the page is unknown, at once, by any layout") {
  using m = machine<struct time_namespace>;
  for (const vp::layout& at : vp::layouts) {
    kernel_page page(at);
    page.put(at.sequence, std::uint32_t{1});
    page.put(at.mode(), std::int32_t{vp::time_namespace});
    const data_page found = m::find(page);
    CHECK_FALSE(found.known());
    CHECK(std::string_view(found.why_unknown()).find("time namespace") != std::string_view::npos);
  }
  // A page that becomes one while it is known, as in a child.
  kernel_page page(vp::layouts[0]);
  const data_page found = m::find(page);
  REQUIRE(found.known());
  page.put(page.at.sequence, std::uint32_t{1});
  page.put(page.at.mode(), std::int32_t{vp::time_namespace});
  CHECK_FALSE(found.read());
}

TEST_CASE("a page that is known and makes no sense any more is not read") {
  using m = machine<struct sense_lost>;
  kernel_page page(vp::layouts[0]);
  const data_page found = m::find(page);
  REQUIRE(found.known());
  page.put(page.at.mode(), std::int32_t{17});
  CHECK_FALSE(found.read());
  page.put(page.at.mode(), std::int32_t{vp::counter});
  CHECK(found.read());
  page.put(page.at.shift(), std::uint32_t{64});
  CHECK_FALSE(found.read());
  page.put(page.at.shift(), kernel_page::shift);
  page.put(page.at.sequence, std::uint32_t{7}); // a kernel that stopped while it wrote
  CHECK_FALSE(found.read());
}

TEST_CASE("what is not there, not readable or not allowed has its reason") {
  using m = machine<struct reasons>;
  const auto why = [](const data_page& p) {
    CHECK_FALSE(p.known());
    return std::string(p.why_unknown());
  };
  CHECK(why(data_page()).find("find()") != std::string::npos);
  CHECK(why(m::read_page()).find("/proc/self/maps cannot be read") != std::string::npos);
  m::os::now.files["/proc/self/maps"].value = "00400000-00401000 r-xp 00000000 08:01 77 /bin/true\n";
  CHECK(why(m::read_page()).find("no [vvar]") != std::string::npos);
  kernel_page page(vp::layouts[0]);
  CHECK(why(m::find(page, 0, false)).find("architecture") != std::string::npos);
  m::has_vdso = false;
  CHECK(why(m::find(page)).find("no vDSO") != std::string::npos);
  m::has_vdso = true;
  m::os::now.memory_readable = false;
  CHECK(why(m::find(page)).find("cannot be read") != std::string::npos);
  m::os::now.memory_readable = true;
  m::os::now.counter = {false, 0};
  CHECK(why(m::find(page)).find("counter") != std::string::npos);
  m::os::now.counter = {true, EINVAL}; // a kernel without the setting
  CHECK(m::find(page).known());
}

TEST_CASE("a sample during which the kernel wrote decides nothing") {
  kernel_page page(vp::layouts[0]);
  vp::sample s;
  std::memcpy(s.before, page.bytes, sizeof s.before);
  std::memcpy(s.after, page.bytes, sizeof s.after);
  s.cycle = kernel_page::last;
  s.earliest = s.latest = s.coarse = {500, 123'456'789};
  CHECK(vp::fits(vp::layouts[0], s) == true);
  CHECK(vp::fits(vp::layouts[1], s) == false);
  s.after[0] += 2;
  CHECK_FALSE(vp::fits(vp::layouts[0], s).has_value());
  vp::recogniser r;
  for (int i = 0; i < 100; ++i) r.add(s);
  CHECK_FALSE(r.found());
  s.after[0] -= 2;
  for (int i = 0; i < vp::enough_samples - 1; ++i) CHECK_FALSE(r.add(s));
  CHECK_FALSE(r.found());
  CHECK(std::string_view(r.why_not()).find("too often") != std::string_view::npos);
  CHECK(r.add(s));
  REQUIRE(r.found());
  CHECK(r.found()->base == 40);
}

TEST_CASE("a page that fits two layouts is read by neither") {
  kernel_page page(vp::layouts[0]);
  const vp::layout& other = vp::layouts[2];
  for (const vp::layout& at : {page.at, other}) { // without a counter, of which the two would need the same bytes
    page.put(at.sequence, std::uint32_t{1234});
    page.put(at.mode(), std::int32_t{vp::none});
    page.put(at.seconds(CLOCK_MONOTONIC_COARSE), std::uint64_t{500});
    page.put(at.seconds(CLOCK_MONOTONIC_COARSE) + 8, std::uint64_t{123'456'789});
  }
  vp::sample s;
  std::memcpy(s.before, page.bytes, sizeof s.before);
  std::memcpy(s.after, page.bytes, sizeof s.after);
  s.cycle = kernel_page::last;
  s.earliest = s.latest = s.coarse = {500, 123'456'789};
  REQUIRE(vp::fits(page.at, s) == true);
  REQUIRE(vp::fits(other, s) == true);
  vp::recogniser r;
  for (int i = 0; i < 100; ++i) r.add(s);
  CHECK_FALSE(r.found());
}

TEST_CASE("a page written by a CPU whose counter is a little ahead decides nothing, by one far ahead it does not fit") {
  kernel_page page(vp::layouts[0]);
  vp::sample s;
  std::memcpy(s.before, page.bytes, sizeof s.before);
  std::memcpy(s.after, page.bytes, sizeof s.after);
  s.earliest = s.latest = s.coarse = {500, 123'456'789};
  s.cycle = kernel_page::last - 100;
  CHECK_FALSE(vp::fits(vp::layouts[0], s).has_value());
  s.cycle = kernel_page::last - vp::ahead_limit;
  CHECK(vp::fits(vp::layouts[0], s) == false);
}

TEST_CASE("the mapping [vvar] is the kernel's own, readable, and a whole page") {
  constexpr const char* good = "7ffe1000-7ffe5000 r--p 00000000 00:00 0                          [vvar]\n";
  CHECK(vp::find_vvar(good) == 0x7ffe1000);
  CHECK(vp::find_vvar(std::string("00400000-00401000 r-xp 00000000 08:01 77   /bin/true\n") + good) == 0x7ffe1000);
  for (const char* bad : {
           "", "\n", "7ffe1000-7ffe5000 r--p 00000000 00:00 0 [vvar]", // without its end
           "7ffe1000-7ffe5000 ---p 00000000 00:00 0 [vvar]\n",
           "7ffe1000-7ffe5000 r--p 00000000 00:00 0 [vvar_vclock]\n",
           "7ffe1000-7ffe5000 r--p 00000000 08:01 5 [vvar]\n",
           "7ffe1000-7ffe5000 r--p 00000000 00:00 0 /tmp/ [vvar]\n",
           "7ffe1000 r--p 00000000 00:00 0 [vvar]\n",
           "7ffe5000-7ffe1000 r--p 00000000 00:00 0 [vvar]\n",
           "7ffe1000-7ffe1800 r--p 00000000 00:00 0 [vvar]\n",
           "7ffe1001-7ffe5000 r--p 00000000 00:00 0 [vvar]\n",
           "7ffe1000-zz r--p 00000000 00:00 0 [vvar]\n",
           "17ffe100000000000-17ffe500000000000 r--p 00000000 00:00 0 [vvar]\n",
           "7ffe1000-7ffe5000 r--p [vvar]\n", "[vvar]\n"}) {
    CAPTURE(bad);
    CHECK(vp::find_vvar(bad) == 0);
  }
}

TEST_CASE("updates between two sequence numbers") {
  constexpr auto between = [](std::uint32_t a, std::uint32_t b) { return data_page::updates_between(a, b); };
  static_assert(between(10, 10) == 0);
  static_assert(between(10, 12) == 1);
  static_assert(between(10, 11) == 1); // begun
  static_assert(between(11, 12) == 1); // ended
  static_assert(between(11, 11) == 1); // goes on
  static_assert(between(11, 13) == 2);
  static_assert(between(10, 510) == 250);
  static_assert(between(0xffff'fffe, 2) == 2);
  static_assert(between(0xffff'ffff, 0) == 1);
  CHECK(between(10, 10) == 0);
}
