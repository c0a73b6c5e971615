// Protects: this kernel's /proc/cpuinfo and list of CPUs read as the parser expects them.
#include <takt/kernel/cpuinfo.hpp>
#include <support/skip.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <system_error>
#include <unistd.h>

TEST_CASE("cpuinfo: flags") {
  std::error_code ec;
  const auto info = takt::cpuinfo::read(ec);
  if (ec == std::errc::no_such_file_or_directory) TAKT_SKIP("%s is not there", takt::detail::cpuinfo_path);
  REQUIRE_FALSE(ec);
#if defined(__x86_64__)
  CHECK(info.has("lm") == true); // long mode: this is a 64-bit program
  CHECK(info.has("no_such_flag") == false);
#else
  CHECK(info.has("lm") == std::nullopt);
#endif
}

TEST_CASE("cpuinfo: as many CPUs online as the C library counts") {
  std::error_code ec;
  const auto online = takt::online_cpus(ec);
  if (ec == std::errc::no_such_file_or_directory) TAKT_SKIP("%s is not there", takt::detail::online_cpus_path);
  REQUIRE_FALSE(ec);
  CHECK(static_cast<long>(online.size()) == ::sysconf(_SC_NPROCESSORS_ONLN));
}
