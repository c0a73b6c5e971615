// Protects: what is made of the rates that processors, hypervisors, firmware and kernels report: the kernel's own
// rounding, an uncertainty that depends on whether Linux believed it, a reason where there is none, and the comparison
// with a measurement.
#include <takt/clock/rate_sources.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>
#include <support/cpuid_recordings.hpp>

#include <chrono>
#include <cmath>
#include <string>

namespace {

using namespace std::chrono_literals;
using origin_kind = takt::tsc_calibration::origin_kind;
using takt::rate_source;

takt::cpu_features processor(const takt_tests::cpuid_recording& r) {
  return takt::detail::decode_cpuid(takt_tests::cpuid_player(r));
}
rate_source::facts facts(const takt_tests::cpuid_recording& r, std::string clocksource, bool known) {
  rate_source::facts f;
  f.processor = processor(r);
  f.clocksource = static_cast<std::string&&>(clocksource);
  f.known_frequency = known;
  return f;
}
rate_source source(const rate_source::facts& f, origin_kind origin) {
  for (const rate_source& s : takt::rate_sources(f))
    if (s.origin == origin) return s;
  FAIL("not listed: ", takt::to_string(origin));
  return {};
}
double mhz(const rate_source& s) { return s.raw.hertz() / 1e6; }
std::string counter() { return std::string(takt::verdict::counter_source); }

takt::tsc_calibration measured(double hertz, double ppm) {
  takt::detail::rate_estimate e;
  e.rate = takt::tick_rate(takt::frequency(hertz));
  e.uncertainty_ppm = ppm;
  return {e, origin_kind::measured, 20ms};
}

} // namespace

// Recorded in a Firecracker guest on an EPYC, Linux 6.18, clock source tsc: the log said 2596.146 MHz, and many calibrations of
// 20 ms 2596.145832 MHz +/- 0.006 ppm.
TEST_CASE("the kilohertz of the log and the kernel's own arithmetic give what is measured") {
  rate_source::facts f = facts(takt_tests::kvm_guest(), counter(), true);
  f.log.processor = takt::frequency(2'596'146'000);
  const auto s = source(f, origin_kind::kernel_log);
  CHECK(s.raw.hertz() == doctest::Approx(2'596'145'832.286).epsilon(1e-12));
  CHECK(s.monotonic == s.raw);
  CHECK(s.uncertainty_ppm < 0.0001);
  const auto a = s.compare(measured(2'596'145'832, 0.006));
  REQUIRE(a);
  CHECK(a->agrees);
  CHECK(std::abs(a->off_ppm) < 0.001);
  CHECK(a->combined_ppm == doctest::Approx(0.006).epsilon(0.02));
}

TEST_CASE("the multiplier that clocks_calc_mult_shift makes") {
  CHECK(takt::detail::rate_by_multiplier(2'596'146, 1000) == 0x1p24 / 6'462'355 * 1e9);
  CHECK(takt::detail::rate_by_multiplier(1'000'000, 1000) == 1e9);
  CHECK(takt::detail::rate_by_multiplier(24'000'000, 1) == doctest::Approx(24e6).epsilon(1e-7)); // a board's
  for (std::uint64_t khz = 1; khz < 6'000'000; khz = khz * 9 / 8 + 1) {
    const double ratio = takt::detail::rate_by_multiplier(khz, 1000) / (static_cast<double>(khz) * 1000);
    CHECK(std::abs(ratio - 1) * 1e6 <= takt::detail::multiplier_ppm(khz, 1000) * 1.000001);
    const auto m = takt::detail::multiplier_of(khz, 1000);
    CHECK(static_cast<double>(khz) * 600e3 * static_cast<double>(m.value) < 0x1p64); // what the shift is made for
    CHECK((m.shift == 32 || m.value >> 20 != 0));
  }
}

TEST_CASE("a log that tells a rate which Linux did not keep") {
  rate_source::facts f = facts(takt_tests::haswell(), counter(), false);
  f.log.processor = takt::frequency(3'400'000'000);
  CHECK(source(f, origin_kind::kernel_log).uncertainty_ppm >= 10'000);
  f.log.refined_tsc = takt::frequency(3'392'144'000);
  const auto s = source(f, origin_kind::kernel_log);
  CHECK(s.uncertainty_ppm < 0.0001);
  CHECK(mhz(s) == doctest::Approx(3392.144).epsilon(1e-7));
  f.clocksource = "hpet"; // another crystal
  CHECK(source(f, origin_kind::kernel_log).uncertainty_ppm == doctest::Approx(100.1).epsilon(0.01));
  f.clocksource = "kvm-clock"; // the counter, rounded by the hypervisor, to whole kilohertz
  CHECK(source(f, origin_kind::kernel_log).uncertainty_ppm == doctest::Approx(0.101 + 0.295).epsilon(0.02));
  f.clocksource.clear();
  CHECK(source(f, origin_kind::kernel_log).uncertainty_ppm >= 100);
  f.log = {};
  CHECK(source(f, origin_kind::kernel_log).unavailable.find("not in it any more") != std::string::npos);
  f.log_error = std::make_error_code(std::errc::operation_not_permitted);
  CHECK(source(f, origin_kind::kernel_log).unavailable.find("dmesg_restrict") != std::string::npos);
  CHECK(!source(f, origin_kind::kernel_log).raw.known());
}

TEST_CASE("CPUID 0x15: complete, without the crystal, empty, missing") {
  auto s = source(facts(takt_tests::ice_lake(), counter(), true), origin_kind::cpuid_crystal);
  CHECK(mhz(s) == doctest::Approx(1497.6)); // 38.4 * 78 / 2
  CHECK(s.uncertainty_ppm == doctest::Approx(1e9 / 1497.6e6 + 0.5e6 * 1.4976 / 16777216).epsilon(0.001)); // a kilohertz
  s = source(facts(takt_tests::ice_lake(), counter(), false), origin_kind::cpuid_crystal);
  CHECK(s.uncertainty_ppm > 100);
  s = source(facts(takt_tests::skylake(), counter(), false), origin_kind::cpuid_crystal);
  CHECK(mhz(s) == doctest::Approx(2208)); // by the crystal of its model
  CHECK(s.uncertainty_ppm > 100);
  auto unknown_model = takt_tests::skylake();
  unknown_model[1].eax = 0x000a0655;
  s = source(facts(unknown_model, counter(), false), origin_kind::cpuid_crystal);
  CHECK(!s.raw.known());
  CHECK(s.unavailable.find("ratio") != std::string::npos);
  for (const auto& r : {takt_tests::haswell(), takt_tests::kvm_guest()}) {
    s = source(facts(r, counter(), false), origin_kind::cpuid_crystal);
    CHECK(!s.raw.known());
    CHECK(s.unavailable.find("does not have the leaf") != std::string::npos);
  }
}

TEST_CASE("the hypervisor's leaf, where it has that meaning") {
  auto s = source(facts(takt_tests::vmware_guest(), counter(), true), origin_kind::hypervisor_leaf);
  CHECK(mhz(s) == doctest::Approx(2208.006));
  CHECK(s.uncertainty_ppm == doctest::Approx(0.453 + 0.066).epsilon(0.01));
  s = source(facts(takt_tests::kvm_guest_with_timing_leaf(), "kvm-clock", false), origin_kind::hypervisor_leaf);
  CHECK(mhz(s) == doctest::Approx(2596.145));
  CHECK(s.uncertainty_ppm > 100);
  s = source(facts(takt_tests::hyper_v_guest(), counter(), true), origin_kind::hypervisor_leaf);
  CHECK(!s.raw.known());
  CHECK(s.unavailable.find("Microsoft Hv") != std::string::npos);
  s = source(facts(takt_tests::haswell(), counter(), true), origin_kind::hypervisor_leaf);
  CHECK(s.unavailable.find("no hypervisor") != std::string::npos);
}

TEST_CASE("perf's page: whole kilohertz behind a multiplier of its own") {
  rate_source::facts f = facts(takt_tests::haswell(), counter(), false);
  f.perf = {true, 633'047'621, 31}; // 1e6 * 2^31 / 3392294, rounded down: set_cyc2ns_scale of 3392294 kHz
  auto s = source(f, origin_kind::perf_page);
  CHECK(s.raw.hertz() == takt::detail::rate_by_multiplier(3'392'294, 1000));
  CHECK(s.uncertainty_ppm < 0.0001);
  f.clocksource = "hpet";
  CHECK(source(f, origin_kind::perf_page).uncertainty_ppm > 100);
  for (const takt::linux_os::perf_clock nonsense :
       {takt::linux_os::perf_clock{true, 0, 31}, {true, 5, 64}, {true, 0, 99}}) {
    f.perf = nonsense;
    s = source(f, origin_kind::perf_page);
    CHECK(!s.raw.known());
    CHECK(s.unavailable.find("makes sense") != std::string::npos);
  }
  f.perf = {true, 1, 63}; // absurd, and no crash
  CHECK(source(f, origin_kind::perf_page).raw.known());
  f.perf = {};
  CHECK(source(f, origin_kind::perf_page).unavailable.find("cap_user_time") != std::string::npos);
  f.perf_error = std::make_error_code(std::errc::permission_denied);
  CHECK(source(f, origin_kind::perf_page).unavailable.find("perf_event_paranoid") != std::string::npos);
}

TEST_CASE("the vDSO's page: the rate of MONOTONIC, to one unit of the multiplier") {
  rate_source::facts f = facts(takt_tests::kvm_guest(), counter(), true);
  const auto page = [&] { return source(f, origin_kind::vdso_page); };
  CHECK(page().unavailable == "not read");
  f.vdso = {1234, takt::vdso::data_page::clock_mode::counter, 1, ~std::uint64_t{0}, 6'462'384, 24};
  f.vdso_unknown = "";
  f.steered = {10, 0.25};
  auto s = page();
  CHECK(s.monotonic.hertz() == doctest::Approx(0x1p24 / 6'462'384 * 1e9).epsilon(1e-12));
  CHECK(s.raw.hertz() == doctest::Approx(s.monotonic.hertz() * (1 + 10e-6)).epsilon(1e-12));
  CHECK(s.uncertainty_ppm == doctest::Approx(0.155 + 0.25).epsilon(0.01));
  CHECK(s.unavailable.empty());
  CHECK_FALSE(s.bound);
  f.steered_error = std::make_error_code(std::errc::operation_not_permitted);
  s = page();
  CHECK(s.monotonic.known());
  CHECK_FALSE(s.raw.known());
  CHECK(s.uncertainty_ppm == doctest::Approx(0.155).epsilon(0.01));
  CHECK(s.unavailable.find("RAW") != std::string::npos);
  f.vdso = {};
  CHECK(page().unavailable.find("by the counter") != std::string::npos);
  CHECK_FALSE(page().monotonic.known());
  f.vdso_unknown = "the process is in a time namespace";
  CHECK(page().unavailable.find("namespace") != std::string::npos);
}

TEST_CASE("a processor of aarch64 tells by a register, in whole hertz") {
  rate_source::facts f;
  f.processor = takt::detail::decode_generic_timer(takt::frequency(31'250'000));
  f.clocksource = counter();
  const auto all = takt::rate_sources(f);
  REQUIRE(all.size() == 3);
  CHECK(all[0].origin == origin_kind::firmware);
  CHECK(all[0].raw.hertz() == 31'250'000); // 32 ns: a multiplier without remainder
  CHECK(all[1].origin == origin_kind::perf_page);
  CHECK(all[2].origin == origin_kind::vdso_page);
  f.processor = takt::detail::decode_generic_timer(takt::frequency(0));
  CHECK(!takt::rate_sources(f)[0].unavailable.empty());
}

TEST_CASE("tsc_freq_khz is what Linux keeps time by") {
  rate_source::facts f = facts(takt_tests::haswell(), counter(), false);
  CHECK(source(f, origin_kind::kernel_khz).unavailable.find("no module") != std::string::npos);
  f.kernel_khz = takt::frequency(2'596'146'000);
  f.kernel_khz_error.clear();
  const auto s = source(f, origin_kind::kernel_khz);
  CHECK(s.raw.hertz() == doctest::Approx(2'596'145'832.286).epsilon(1e-12));
  CHECK(s.uncertainty_ppm < 0.0001);
  CHECK_FALSE(s.bound);
}

TEST_CASE("the firmware's tables give a bound in whole MHz, where they are of this machine and agree") {
  const auto mega = [](double m) { return std::optional(takt::frequency(m * 1e6)); };
  rate_source::facts f = facts(takt_tests::haswell(), counter(), false);
  const auto why = [&] { return source(f, origin_kind::dmi).unavailable; };
  CHECK(why().find("cannot be read") != std::string::npos);
  f.dmi_error.clear();
  CHECK(why().find("no speed") != std::string::npos);
  f.dmi = {{mega(100), {}, {}}};
  CHECK(why().find("no speed") != std::string::npos);
  f.dmi = {{mega(100), mega(3900), mega(3400)}, {mega(100), mega(3900), mega(3400)}};
  auto s = source(f, origin_kind::dmi);
  CHECK(mhz(s) == 3400);
  CHECK(s.bound);
  CHECK(s.uncertainty_ppm >= 50'000);
  CHECK(s.compare(measured(3'392'144'000, 0.1))->agrees);
  CHECK_FALSE(s.compare(measured(2'596'146'000, 0.1))->agrees);
  f.dmi[1].current_speed = mega(2000);
  CHECK(why().find("different") != std::string::npos);
  f.dmi = {{{}, mega(3900), {}}};
  CHECK(mhz(source(f, origin_kind::dmi)) == 3900);
  f.processor.hypervisor = true;
  CHECK(why().find("hypervisor") != std::string::npos);
  for (const rate_source& other : takt::rate_sources(f))
    if (other.origin != origin_kind::dmi) CHECK_FALSE(other.bound);
}

TEST_CASE("MONOTONIC is RAW as it is steered now") {
  rate_source::facts f = facts(takt_tests::kvm_guest(), counter(), true);
  f.log.refined_tsc = takt::frequency(2'596'146'000);
  f.steered = {25, 0.5};
  auto s = source(f, origin_kind::kernel_log);
  CHECK(s.monotonic.hertz() == doctest::Approx(s.raw.hertz() / (1 + 25e-6)).epsilon(1e-12));
  CHECK(s.uncertainty_ppm == doctest::Approx(0.5).epsilon(0.001));
  f.steered_error = std::make_error_code(std::errc::operation_not_permitted);
  s = source(f, origin_kind::kernel_log);
  CHECK(s.raw.known());
  CHECK(!s.monotonic.known());
  CHECK(s.unavailable.find("adjtimex") != std::string::npos);
  CHECK(!s.compare(measured(2.6e9, 1)));
}

TEST_CASE("the cross-check: off by how much, and whether that is within what both leave open") {
  rate_source s;
  s.monotonic = takt::tick_rate(takt::frequency(2e9 + 2000));
  s.uncertainty_ppm = 0.7;
  auto a = s.compare(measured(2e9, 0.4));
  REQUIRE(a);
  CHECK(a->off_ppm == doctest::Approx(1));
  CHECK(a->combined_ppm == doctest::Approx(1.1));
  CHECK(a->agrees);
  CHECK(!s.compare(measured(2e9, 0.2))->agrees);
  a = s.compare(measured(2e9 + 4000, 0.2));
  CHECK(a->off_ppm == doctest::Approx(-1));
  CHECK(!a->agrees);
  CHECK(!s.compare({}));
  CHECK(!rate_source().compare(measured(2e9, 0.2)));
}

TEST_CASE("gathering reads every source, and none that is unavailable is an error") {
  struct tag;
  using os = takt::testing::fake_os<tag>;
  os::reset();
  auto f = takt::rate_source::facts::gather<os>();
  CHECK(f.log_error == std::errc::operation_not_permitted);
  CHECK(f.perf_error == std::errc::permission_denied);
  CHECK(f.clocksource.empty());
  CHECK(!f.known_frequency);
  CHECK(f.dmi_error == std::errc::no_such_file_or_directory);
  CHECK(f.kernel_khz_error == std::errc::no_such_file_or_directory);
  os::now.files[takt::detail::tsc_freq_khz_path] = {"2596146\n", 0};
  os::now.log = {"<6>[    0.000062] tsc: Detected 2596.146 MHz processor\n", 0};
  os::now.perf = {{true, 7, 8}, 0};
  os::now.files[takt::detail::current_clocksource_path] = {"tsc\n", 0};
  os::now.files["/proc/cpuinfo"] = {"processor\t: 0\nflags\t\t: fpu tsc tsc_known_freq\n\n", 0};
  timex t{};
  t.tick = 10'001;
  os::now.adjtimex = {t, 0};
  f = takt::rate_source::facts::gather<os>();
  CHECK(f.log.tsc_frequency() == takt::frequency(2'596'146'000));
  CHECK(f.perf.known);
  CHECK(f.kernel_khz == takt::frequency(2'596'146'000));
  CHECK(f.clocksource == "tsc");
  CHECK(f.known_frequency == true);
  CHECK(f.steered.ppm == 100);
  for (const rate_source& s : takt::rate_sources(f)) CHECK(s.raw.known() != !s.unavailable.empty());
}

TEST_CASE("every origin has a name") {
  for (int o = 0; o <= static_cast<int>(origin_kind::dmi); ++o)
    CHECK(takt::to_string(static_cast<origin_kind>(o)) != "unknown");
}
