// Protects: that the reader finds in this kernel's vDSO what the dynamic linker finds, and that vdso::answers is right
// where the right answer is known.
#include "support/skip.hpp"
#include <takt/kernel/vdso.hpp>

#include <doctest/doctest.h>
#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <string>

#include <dlfcn.h>

namespace {

/// The mapping [vdso] of this process; both zero if there is none.
struct mapping {
  std::uintptr_t begin = 0, end = 0;
};
mapping vdso_mapping() {
  mapping result;
  std::FILE* const maps = std::fopen("/proc/self/maps", "r");
  if (maps == nullptr) return result;
  char line[4096];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    if (std::string_view(line).find("[vdso]") == std::string_view::npos) continue;
    char* rest = nullptr;
    result.begin = std::strtoull(line, &rest, 16);
    result.end = std::strtoull(rest + 1, nullptr, 16);
  }
  std::fclose(maps);
  return result;
}

/// The vDSO as the dynamic linker sees it, under any of its names.
void* linkers_vdso() {
  for (const char* name : {"linux-vdso.so.1", "linux-gate.so.1"})
    if (void* const handle = ::dlopen(name, RTLD_LAZY | RTLD_NOLOAD); handle != nullptr) return handle;
  return nullptr;
}

TEST_CASE("the image lies where the kernel says it mapped it") {
  std::error_code ec;
  const auto image = takt::vdso::current(ec);
  REQUIRE_FALSE(ec);
  if (image.bytes().empty()) TAKT_SKIP("this kernel gave the process no vDSO");
  const mapping m = vdso_mapping();
  if (m.begin == 0) TAKT_SKIP("/proc/self/maps shows no [vdso]");
  CHECK(reinterpret_cast<std::uintptr_t>(image.bytes().data()) == m.begin);
  CHECK(image.bytes().size() <= m.end - m.begin);
  CHECK_FALSE(image.symbols().empty());
}

TEST_CASE("every symbol has the address that the dynamic linker gives it") {
  std::error_code ec;
  const auto image = takt::vdso::current(ec);
  REQUIRE_FALSE(ec);
  if (image.bytes().empty()) TAKT_SKIP("this kernel gave the process no vDSO");
  void* const handle = linkers_vdso();
  if (handle == nullptr) TAKT_SKIP("the dynamic linker knows no vDSO");
  for (const auto& s : image.symbols()) {
    const std::string name(s.name), version(s.version);
    CAPTURE(name);
    CAPTURE(version);
    const auto found = image.find(s.name, s.version, ec);
    CHECK_FALSE(ec);
    CHECK(found.value == s.value);
    if (s.kind == takt::detail::elf::symbol_kind::absolute) continue; // a number; the linker makes an address of it
    const void* const expected =
        version.empty() ? ::dlsym(handle, name.c_str()) : ::dlvsym(handle, name.c_str(), version.c_str());
    CHECK(s.address == expected);
    if (s.default_version) CHECK(image.try_find(s.name).address == ::dlsym(handle, name.c_str()));
  }
  CHECK_FALSE(image.try_find("no_such_symbol"));
  ::dlclose(handle);
}

TEST_CASE("the vDSO's clock_gettime is found by name and version, and works") {
  std::error_code ec;
  if (takt::vdso::current(ec).bytes().empty()) TAKT_SKIP("this kernel gave the process no vDSO");
  const auto f = takt::detail::vdso_clock_gettime_function();
  const bool found = f != nullptr;
  REQUIRE(found);
  timespec ts{-1, -1};
  CHECK(f(CLOCK_MONOTONIC, &ts) == 0);
  CHECK(ts.tv_sec >= 0);
  CHECK(ts.tv_nsec >= 0);
  CHECK(ts.tv_nsec < 1'000'000'000);
  CHECK(f(9999, &ts) == -EINVAL);
}

TEST_CASE("answers: the coarse clocks always, CPU time never, an unknown clock is an error") {
  std::error_code ec;
  const bool present = takt::detail::vdso_clock_gettime_function() != nullptr;
  const bool coarse = takt::vdso::answers(CLOCK_MONOTONIC_COARSE, ec);
  if (ec) TAKT_SKIP("the experiment cannot be made here: %s", ec.message().c_str());
  CHECK(coarse == present);
  CHECK(takt::vdso::answers(CLOCK_REALTIME_COARSE, ec) == present);
  CHECK_FALSE(takt::vdso::answers(CLOCK_THREAD_CPUTIME_ID, ec));
  CHECK_FALSE(ec);
  CHECK_FALSE(takt::vdso::answers(CLOCK_PROCESS_CPUTIME_ID, ec));
  CHECK_FALSE(ec);
  CHECK_FALSE(takt::vdso::answers(9999, ec));
  CHECK(ec == std::errc::invalid_argument);
}

TEST_CASE("answers: the vDSO reads no clock that the table does not expect it to, but the coarse ones") {
  for (const takt::clock_properties& clock : takt::clock_properties::table) {
    CAPTURE(clock.name);
    std::error_code ec;
    const bool answered = takt::vdso::answers(clock.id, ec);
    if (ec) continue; // not here, or the experiment cannot be made
    if (answered) CHECK((clock.by_counter || clock.shows != clock.id));
  }
}

TEST_CASE("answers: the other clocks as the clock source allows") {
  std::string source;
  if (takt::linux_os::read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", source, 4096) != 0)
    TAKT_SKIP("the current clock source cannot be read");
  if (!source.empty() && source.back() == '\n') source.pop_back();
  std::error_code ec;
  const bool answered = takt::vdso::answers(CLOCK_MONOTONIC, ec);
  if (ec) TAKT_SKIP("the experiment cannot be made here: %s", ec.message().c_str());
  if (takt::detail::vdso_clock_gettime_function() == nullptr) TAKT_SKIP("no vDSO");
  if (source == "tsc") CHECK(answered);
  else if (source == "hpet" || source == "acpi_pm" || source == "jiffies") CHECK_FALSE(answered);
  else TAKT_SKIP("nothing is known of clock source %s", source.c_str());
  // The thread of the experiment is gone, and this one may make the system call as before.
  timespec ts{};
  CHECK(takt::linux_os::clock_gettime(CLOCK_MONOTONIC, ts) == 0);
}

} // namespace
