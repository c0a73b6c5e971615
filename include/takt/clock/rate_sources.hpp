/// rate_sources.hpp - who else tells the counter's rate, how far each is to be believed, and whether it agrees with a
/// measurement.
///
/// Processor, hypervisor, firmware and kernel tell the rate that the kernel keeps time by: that of CLOCK_MONOTONIC_RAW.
/// CLOCK_MONOTONIC is RAW steered (kernel/steered_rate.hpp). Linux, once it has settled on a number, keeps whole kilohertz
/// and turns them into a multiplier of 23 bits or so; that is rounded by up to 0.03 ppm for each GHz, but it is no secret how.
/// Who tells the kilohertz that Linux settled on therefore tells RAW's rate exactly: "2596.146 MHz" in the log of a machine
/// are 2596.145832 MHz, and that is what is measured there. How far the others are off depends on whether Linux believed
/// them; that is what the named uncertainties are about.
///
/// Gathering asks; listing and comparing are pure functions of what was told.
///
/// Does not promise: that a source is right. Hypervisors copy the leaves of a host into guests that run elsewhere, boards
/// have a wrong CNTFRQ_EL0. None of these replaces measuring; they tell a machine on which something is amiss.
/// Sources: Linux 6.12 arch/x86/kernel/tsc.c (native_calibrate_tsc, tsc_refine_calibration_work, set_cyc2ns_scale),
/// arch/x86/kernel/kvmclock.c, kernel/time/clocksource.c (clocks_calc_mult_shift), arch/x86/events/core.c
/// (arch_perf_update_userpage); perf_event_open(2).
#pragma once
#include <takt/clock/calibration.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/features.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/kernel_log.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/steered_rate.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis
namespace rate_source_rule {
/// What a crystal and the multiplier behind it are off by, their whole life and all temperatures: data sheets of boards
/// promise 50 ppm, and spread spectrum is not switched on for these.
inline constexpr double crystal_ppm = 100;
/// A rate that Linux had measured in a hurry while it started: it goes on with that as long as the better measurement a
/// second later differs by more than 1 % or was never made.
inline constexpr double early_calibration_ppm = 10'000;
/// Linux keeps whole kilohertz, rounded down or to nearest.
inline constexpr double kilohertz = 1'000;
} // namespace rate_source_rule

/// What there is to be told; an error code says why something was not.
struct rate_facts {
  cpu_features processor;
  std::optional<bool> known_frequency; ///< tsc_known_freq: Linux took the rate from processor or hypervisor as it is
  std::string clocksource;             ///< by which Linux keeps time; empty where that is not told
  kernel_log log;
  std::error_code log_error;
  linux_os::perf_clock perf;
  std::error_code perf_error;
  steered_rate steered;
  std::error_code steered_error;
};

/// One origin and what it tells.
struct rate_source {
  calibration_origin origin = calibration_origin::none;
  tick_rate raw;              ///< of the counter against CLOCK_MONOTONIC_RAW; unknown where it was not told
  tick_rate monotonic;        ///< against CLOCK_MONOTONIC as it is steered now; unknown where the steering was not told
  double uncertainty_ppm = 0; ///< of either
  std::string not_told;       ///< why, where it was not
};

/// A source beside a measurement of the counter against CLOCK_MONOTONIC.
struct rate_agreement {
  bool agrees = false;     ///< within both uncertainties
  double off_ppm = 0;      ///< positive: the source tells more hertz than were measured
  double combined_ppm = 0; ///< both uncertainties
};

template <class Os = linux_os> [[nodiscard]] rate_facts gather_rate_facts();
// Source and Agreement are for compile time alone: see when_called.
template <class Source = rate_source> [[nodiscard]] std::vector<Source> rate_sources(const rate_facts& facts);
template <class Agreement = rate_agreement>
[[nodiscard]] std::optional<Agreement> cross_check(const rate_source& source, const tsc_calibration& measured) noexcept;

// definitions
namespace detail {

[[nodiscard]] inline double kilohertz_ppm(double hertz) noexcept { return rate_source_rule::kilohertz / hertz * 1e6; }
/// Returns: the rate of RAW of a clock source that is registered with `count` times `scale` hertz.
[[nodiscard]] constexpr double rate_by_multiplier(std::uint64_t count, std::uint64_t scale) noexcept {
  const kernel_multiplier m = multiplier_of(count, scale);
  return static_cast<double>(std::uint64_t{1} << m.shift) / static_cast<double>(m.value) * 1e9;
}
/// Half the last bit of that multiplier.
[[nodiscard]] constexpr double multiplier_ppm(std::uint64_t count, std::uint64_t scale) noexcept {
  return 0.5e6 / static_cast<double>(multiplier_of(count, scale).value);
}

} // namespace detail

/// Returns: what processor, hypervisor, kernel log, perf and adjtimex tell. Nothing fails: what is not told says so.
/// Costs a few CPUID, /proc/cpuinfo, the whole log (some milliseconds), one event of perf that is closed again.
template <class Os> rate_facts gather_rate_facts() {
  rate_facts f;
  f.processor = read_cpu_features();
  std::error_code ec;
  if (const cpuinfo info = read_cpuinfo<Os>(ec); !ec) f.known_frequency = info.has("tsc_known_freq");
  f.clocksource = clocksource::current<Os>(ec);
  f.log = read_kernel_log<Os>(f.log_error);
  if (const int error = Os::read_perf_clock(f.perf); error != 0) f.perf_error = detail::errno_code(error);
  f.steered = read_steered_rate<Os>(f.steered_error);
  return f;
}

/// Returns: every origin there is on this architecture, in the order of calibration_origin, with its rate or with the
/// reason why it tells none.
template <class Source> std::vector<Source> rate_sources(const rate_facts& facts) {
  using namespace rate_source_rule;
  using enum calibration_origin;
  std::vector<Source> all;
  const cpu_features& cpu = facts.processor;
  const bool known = facts.known_frequency == true;

  // Two clocks of hypervisors are the counter times what the host says of it; all others have a crystal of their own.
  const bool by_counter = facts.clocksource == counter_clocksource;
  const bool by_host = facts.clocksource == "kvm-clock" || facts.clocksource == "hyperv_clocksource_tsc_page";
  /// `own_ppm`: how far the source may be from what Linux keeps time by; 0: that is what it tells, in units of `scale` Hz.
  const auto told = [&](calibration_origin origin, double hertz, double own_ppm, double scale = kilohertz) {
    rate_source s;
    s.origin = origin;
    // What a host says of the counter rests on whole kilohertz of its own.
    s.uncertainty_ppm = own_ppm + (by_counter ? 0 : by_host ? detail::kilohertz_ppm(hertz) : crystal_ppm);
    if (const double counts = hertz / scale + 0.5; counts >= 1 && counts < 0x1p31) {
      const auto count = static_cast<std::uint64_t>(counts), unit = static_cast<std::uint64_t>(scale);
      const bool exact = !(own_ppm > 0) && by_counter;
      s.uncertainty_ppm += exact ? detail::arithmetic_ppm : detail::multiplier_ppm(count, unit);
      if (exact) hertz = detail::rate_by_multiplier(count, unit);
    }
    s.raw = tick_rate(frequency(hertz));
    if (!facts.steered_error) {
      s.monotonic = tick_rate(frequency(hertz / (1 + facts.steered.ppm * 1e-6)));
      s.uncertainty_ppm += facts.steered.unsure_ppm;
    } else {
      s.not_told = "against CLOCK_MONOTONIC: adjtimex: " + facts.steered_error.message();
    }
    all.push_back(static_cast<rate_source&&>(s));
  };
  const auto silent = [&](calibration_origin origin, std::string why) {
    rate_source s;
    s.origin = origin;
    s.not_told = static_cast<std::string&&>(why);
    all.push_back(static_cast<rate_source&&>(s));
  };

  if (cpu.system_counter) {
    if (cpu.counter_frequency) told(firmware, cpu.counter_frequency->hertz(), 0, 1); // Linux takes it as it is
    else silent(firmware, "no register of this processor tells it");
  } else {
    // A rate that Linux believed is off by nothing but the kilohertz; another one by what crystals are.
    const auto believed = [&](double hertz) { return detail::kilohertz_ppm(hertz) + (known ? 0 : crystal_ppm); };
    if (cpu.tsc_frequency) told(cpuid_crystal, cpu.tsc_frequency->hertz(), believed(cpu.tsc_frequency->hertz()));
    else if (cpu.tsc_ratio.known()) silent(cpuid_crystal, "the leaf tells the ratio to the crystal, not the crystal's frequency");
    else silent(cpuid_crystal, "the processor does not have the leaf, or leaves it empty");

    const auto& leaf = cpu.hypervisor_tsc_frequency;
    if (leaf) told(hypervisor_leaf, leaf->hertz(), believed(leaf->hertz()));
    else if (cpu.hypervisor != true) silent(hypervisor_leaf, "no hypervisor says that it is there");
    else silent(hypervisor_leaf, "hypervisor \"" + std::string(cpu.hypervisor_vendor.view()) +
                                     "\" does not have the leaf, or gives it no such meaning");

    const auto logged = facts.log.tsc_frequency();
    // The log tells the kilohertz themselves, once they are final.
    const bool final = facts.log.refined_tsc || known;
    if (logged) told(kernel_log, logged->hertz(), final ? 0 : early_calibration_ppm);
    else if (facts.log_error) silent(kernel_log, "cannot be read: " + facts.log_error.message() + " (kernel.dmesg_restrict)");
    else silent(kernel_log, "the lines of the start are not in it any more");
  }

  if (facts.perf_error) {
    silent(perf_page, "perf_event_open: " + facts.perf_error.message() + " (kernel.perf_event_paranoid)");
  } else if (!facts.perf.told) {
    silent(perf_page, "cap_user_time is not set: the kernel's sched_clock does not run by the counter alone");
  } else if (facts.perf.multiplier == 0 || facts.perf.shift > 63) {
    silent(perf_page, "the page holds no multiplier that makes sense");
  } else {
    const auto multiplier = static_cast<double>(facts.perf.multiplier);
    const double hertz = static_cast<double>(std::uint64_t{1} << facts.perf.shift) / multiplier * 1e9;
    // sched_clock gets the refined kilohertz when the clock source does, and rounds them by one unit of its own multiplier,
    // which is finer: they can be read off.
    const bool readable = !cpu.system_counter && hertz / multiplier < kilohertz / 4;
    told(perf_page, hertz, readable ? 0 : 1 / multiplier * 1e6);
  }
  return all;
}

/// Returns: how far the source is from a measurement against CLOCK_MONOTONIC; nothing where either is not known.
template <class Agreement>
std::optional<Agreement> cross_check(const rate_source& source, const tsc_calibration& measured) noexcept {
  if (!source.monotonic.known() || !measured.rate().known()) return std::nullopt;
  Agreement a;
  a.off_ppm = (source.monotonic.hertz() / measured.rate().hertz() - 1) * 1e6;
  a.combined_ppm = source.uncertainty_ppm + measured.uncertainty_ppm();
  a.agrees = detail::magnitude(a.off_ppm) <= a.combined_ppm;
  return a;
}

} // namespace takt::inline TAKT_ABI
