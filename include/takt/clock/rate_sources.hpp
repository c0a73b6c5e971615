/// rate_sources.hpp - which other sources report the counter's rate, how good each is, and whether it agrees with a
/// measurement.
///
/// Processor, hypervisor, firmware and kernel report the rate that the kernel keeps time by: that of
/// CLOCK_MONOTONIC_RAW. CLOCK_MONOTONIC is RAW steered (kernel/steered_rate.hpp). Linux, once it has settled on a
/// number, keeps whole kilohertz and turns them into a multiplier of 23 bits or so; its rounding is up to 0.03 ppm for
/// each GHz, but the rule of the rounding is known. A source that reports the kilohertz on which Linux settled
/// therefore gives RAW's rate exactly: "2596.146 MHz" in the log of a machine are 2596.145832 MHz, and that is what is
/// measured there. The vDSO's data page has the multiplier by which MONOTONIC runs at this moment, steering included;
/// the kernel moves it by one unit, to and fro. How far the other sources are off depends on whether Linux accepted
/// their rate; rate_source_parameters holds their uncertainties.
///
/// Gathering reads; listing and comparing are pure functions of what was read.
///
/// Does not promise: that a source is right. Hypervisors copy the leaves of a host into guests that run elsewhere,
/// boards have a wrong CNTFRQ_EL0. No source replaces measuring; sources show that something is wrong on a machine.
/// Sources: Linux 6.12 arch/x86/kernel/tsc.c (native_calibrate_tsc, tsc_refine_calibration_work, set_cyc2ns_scale),
/// arch/x86/kernel/kvmclock.c, kernel/time/clocksource.c (clocks_calc_mult_shift), arch/x86/events/core.c
/// (arch_perf_update_userpage); perf_event_open(2); kernel/vdso_data.hpp.
#pragma once
#include <takt/clock/calibration.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/features.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/detail/dmi.hpp>
#include <takt/kernel/kernel_log.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/steered_rate.hpp>
#include <takt/kernel/vdso_data.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis
/// One origin and what it reports.
struct rate_source {
  /// What the sources say; an error code says why one is unavailable.
  struct facts {
    cpu_features processor;              ///< CPUID, or CNTFRQ_EL0
    std::optional<bool> known_frequency; ///< tsc_known_freq: Linux took the rate from processor or hypervisor as it is
    std::string clocksource;             ///< by which Linux keeps time; empty where that is unknown
    kernel_log log;                      ///< the kernel's log
    std::error_code log_error;           ///< why the log is unavailable
    linux_os::perf_clock perf;           ///< the page of a perf event
    std::error_code perf_error;          ///< why the page of perf is unavailable
    vdso::data_page::contents vdso;      ///< the vDSO's data page
    const char* vdso_unknown = "not read"; ///< why it is unknown; empty if it is known
    steered_rate steered;                ///< how CLOCK_MONOTONIC is steered
    std::error_code steered_error;       ///< why the steering is unknown
    frequency kernel_khz;                ///< tsc_freq_khz
    /// Why tsc_freq_khz is unavailable.
    std::error_code kernel_khz_error = std::make_error_code(std::errc::no_such_file_or_directory);
    std::vector<detail::dmi_processor> dmi; ///< the firmware's tables
    /// Why the firmware's tables are unavailable.
    std::error_code dmi_error = std::make_error_code(std::errc::no_such_file_or_directory);

    template <class Os = linux_os> [[nodiscard]] static facts gather();
  };

  /// A source beside a measurement of the counter against CLOCK_MONOTONIC.
  struct agreement {
    bool agrees = false;     ///< within both uncertainties
    double off_ppm = 0;      ///< positive: the source reports more hertz than were measured
    double combined_ppm = 0; ///< both uncertainties
  };

  tsc_calibration::origin_kind origin = tsc_calibration::origin_kind::none; ///< the source
  tick_rate raw;              ///< the counter against CLOCK_MONOTONIC_RAW; unknown where it is unavailable
  tick_rate monotonic;        ///< the counter against CLOCK_MONOTONIC as steered now; unknown without the steering
  double uncertainty_ppm = 0; ///< the uncertainty of each of the two rates
  bool bound = false;         ///< a nominal speed: it can show that a rate is implausible, and nothing else
  std::string unavailable;    ///< why, where a rate is unknown

  /// Returns: how far the source is from a measurement against CLOCK_MONOTONIC; nullopt where either is unknown.
  [[nodiscard]] std::optional<agreement> compare(const tsc_calibration& measured) const noexcept;
};

/// Returns: every origin there is on this architecture, in the order of tsc_calibration::origin_kind, with its rate or
/// with the reason why that is unavailable.
[[nodiscard]] std::vector<rate_source> rate_sources(const rate_source::facts& facts);

// definitions
namespace detail {

namespace rate_source_parameters {
/// How far a crystal and the multiplier behind it may be off, in their whole life and at all temperatures. Data sheets
/// of boards promise 50 ppm, and spread spectrum is not used for these clocks.
inline constexpr double crystal_ppm = 100;
/// The error of a rate that Linux measured quickly at boot. Linux keeps that rate if the better measurement a second
/// later differs by more than 1 % or was never made.
inline constexpr double early_calibration_ppm = 10'000;
/// Linux keeps whole kilohertz, rounded down or to nearest.
inline constexpr double kilohertz = 1'000;
/// The error of the speed in the firmware's tables. It is a nominal speed, rounded, and often that of another state of
/// the processor. It can only show that another rate is off by more than this.
inline constexpr double nominal_ppm = 50'000;
} // namespace rate_source_parameters

template <class = for_callers> [[nodiscard]] double kilohertz_ppm(double hertz) noexcept {
  return rate_source_parameters::kilohertz / hertz * 1e6;
}
/// Returns: the rate of RAW of a clock source that is registered with `count` times `scale` hertz.
template <class = for_callers>
[[nodiscard]] constexpr double rate_by_multiplier(std::uint64_t count, std::uint64_t scale) noexcept {
  const kernel_multiplier m = multiplier_of(count, scale);
  return static_cast<double>(std::uint64_t{1} << m.shift) / static_cast<double>(m.value) * 1e9;
}
/// Returns: half the last bit of the multiplier of multiplier_of(), in ppm.
template <class = for_callers>
[[nodiscard]] constexpr double multiplier_ppm(std::uint64_t count, std::uint64_t scale) noexcept {
  return 0.5e6 / static_cast<double>(multiplier_of(count, scale).value);
}

} // namespace detail

/// Returns: what processor, hypervisor, kernel log, perf, adjtimex and firmware report. Never fails: for what is
/// unavailable an error code says why. Cost: some CPUID instructions, reading /proc/cpuinfo, the whole log (some
/// milliseconds) and the firmware's tables, and one event of perf, which is closed again.
template <class Os> rate_source::facts rate_source::facts::gather() {
  detail::dependent<Os, rate_source::facts> f;
  f.processor = cpu_features::read();
  std::error_code ec;
  if (const cpuinfo info = cpuinfo::read<Os>(ec); !ec) f.known_frequency = info.has("tsc_known_freq");
  f.clocksource = clocksource::current<Os>(ec);
  f.log = kernel_log::read<Os>(f.log_error);
  if (const int error = Os::read_perf_clock(f.perf); error != 0) f.perf_error = detail::errno_code(error);
  const auto page = vdso::data_page::find<Os>();
  const auto contents = page.known() ? page.read() : std::nullopt;
  if (contents) f.vdso = *contents;
  f.vdso_unknown = contents ? "" : page.known() ? "the page makes no sense any more" : page.why_unknown();
  f.steered = steered_rate::read<Os>(f.steered_error);
  f.kernel_khz = detail::tsc_freq_khz<Os>(f.kernel_khz_error);
  f.dmi = detail::read_dmi_processors<Os>(f.dmi_error);
  return f;
}

namespace detail {

/// The body of rate_sources().
template <class T> std::vector<rate_source> rate_sources_of(const dependent<T, rate_source::facts>& facts) {
  using namespace detail::rate_source_parameters;
  using enum tsc_calibration::origin_kind;
  std::vector<dependent<T, rate_source>> all;
  const cpu_features& cpu = facts.processor;
  const bool known = facts.known_frequency == true;

  // Two clocks of hypervisors are the counter times what the host says of it; all others have a crystal of their own.
  const bool by_counter = facts.clocksource == verdict::counter_source;
  const bool by_host = facts.clocksource == "kvm-clock" || facts.clocksource == "hyperv_clocksource_tsc_page";
  // `own_ppm`: how far the source may be from what Linux keeps time by; 0: that is what it reports, in units of `scale`
  // hertz.
  const auto add = [&](tsc_calibration::origin_kind origin, double hertz, double own_ppm, double scale = kilohertz) {
    dependent<T, rate_source> s;
    s.origin = origin;
    // The rate that a host reports is rounded to whole kilohertz by the host.
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
      s.unavailable = "against CLOCK_MONOTONIC: adjtimex: " + facts.steered_error.message();
    }
    all.push_back(static_cast<rate_source&&>(s));
  };
  const auto add_none = [&](tsc_calibration::origin_kind origin, dependent<T, std::string> why) {
    dependent<T, rate_source> s;
    s.origin = origin;
    s.unavailable = static_cast<std::string&&>(why);
    all.push_back(static_cast<rate_source&&>(s));
  };

  if (cpu.system_counter) {
    if (cpu.counter_frequency) add(firmware, cpu.counter_frequency->hertz(), 0, 1); // Linux takes it as it is
    else add_none(firmware, "no register of this processor has it");
  } else {
    // A rate that Linux accepted is off by its rounding to kilohertz alone; another one also by the error of a crystal.
    const auto believed = [&](double hertz) { return detail::kilohertz_ppm(hertz) + (known ? 0 : crystal_ppm); };
    if (cpu.tsc_frequency) add(cpuid_crystal, cpu.tsc_frequency->hertz(), believed(cpu.tsc_frequency->hertz()));
    else if (cpu.tsc_ratio.known())
      add_none(cpuid_crystal, "the leaf has the ratio to the crystal, and the crystal of this model is unknown");
    else add_none(cpuid_crystal, "the processor does not have the leaf, or leaves it empty");

    const auto& leaf = cpu.hypervisor_tsc_frequency;
    if (leaf) add(hypervisor_leaf, leaf->hertz(), believed(leaf->hertz()));
    else if (cpu.hypervisor != true) add_none(hypervisor_leaf, "no hypervisor says that it is there");
    else
      add_none(hypervisor_leaf, "hypervisor \"" + std::string(cpu.hypervisor_vendor.view()) +
                                    "\" does not have the leaf, or gives it no such meaning");

    const auto logged = facts.log.tsc_frequency();
    // The log has the kilohertz themselves, once they are final.
    const bool final = facts.log.refined_tsc || known;
    if (logged) add(kernel_log, logged->hertz(), final ? 0 : early_calibration_ppm);
    else if (facts.log_error)
      add_none(kernel_log, "cannot be read: " + facts.log_error.message() + " (kernel.dmesg_restrict)");
    else if (facts.log.reaches_boot) add_none(kernel_log, "no line of it has a rate");
    else add_none(kernel_log, "the lines of the start are not in it any more");
  }

  if (facts.perf_error) {
    add_none(perf_page, "perf_event_open: " + facts.perf_error.message() + " (kernel.perf_event_paranoid)");
  } else if (!facts.perf.known) {
    add_none(perf_page, "cap_user_time is not set: the kernel's sched_clock does not run by the counter alone");
  } else if (facts.perf.multiplier == 0 || facts.perf.shift > 63) {
    add_none(perf_page, "the page holds no multiplier that makes sense");
  } else {
    const auto multiplier = static_cast<double>(facts.perf.multiplier);
    const double hertz = static_cast<double>(std::uint64_t{1} << facts.perf.shift) / multiplier * 1e9;
    // sched_clock gets the refined kilohertz when the clock source does, and rounds them by one unit of its own
    // multiplier, which is finer: they can be read off.
    const bool readable = !cpu.system_counter && hertz / multiplier < kilohertz / 4;
    add(perf_page, hertz, readable ? 0 : 1 / multiplier * 1e6);
  }

  // The only source that reports the rate of MONOTONIC itself: the multiplier follows each steering.
  if (facts.vdso_unknown[0] != '\0') {
    add_none(vdso_page, facts.vdso_unknown);
  } else if (facts.vdso.mode != vdso::data_page::clock_mode::counter) {
    add_none(vdso_page, "the vDSO does not read time by the counter alone now");
  } else {
    dependent<T, rate_source> s;
    s.origin = vdso_page;
    s.monotonic = facts.vdso.rate();
    s.uncertainty_ppm = facts.vdso.rate_unit_ppm();
    if (!facts.steered_error) {
      s.raw = tick_rate(frequency(s.monotonic.hertz() * (1 + facts.steered.ppm * 1e-6)));
      s.uncertainty_ppm += facts.steered.unsure_ppm;
    } else {
      s.unavailable = "against CLOCK_MONOTONIC_RAW: adjtimex: " + facts.steered_error.message();
    }
    all.push_back(static_cast<rate_source&&>(s));
  }
  if (cpu.system_counter) return all;

  if (!facts.kernel_khz_error && facts.kernel_khz.hertz() > 0) add(kernel_khz, facts.kernel_khz.hertz(), 0);
  else add_none(kernel_khz, "no module offers it: " + facts.kernel_khz_error.message());

  std::optional<frequency> speed;
  bool alike = true;
  for (const auto& p : facts.dmi) {
    const auto one = p.current_speed ? p.current_speed : p.max_speed;
    alike = alike && (!speed || speed == one);
    speed = one;
  }
  if (facts.dmi_error) add_none(dmi, "the firmware's tables cannot be read: " + facts.dmi_error.message());
  else if (cpu.hypervisor == true) add_none(dmi, "the speed in the tables of a hypervisor is one of its own");
  else if (!alike) add_none(dmi, "the processors of this machine have different speeds");
  else if (!speed) add_none(dmi, "the firmware's tables name no speed");
  else {
    add(dmi, speed->hertz(), nominal_ppm);
    all.back().bound = true;
  }
  return all;
}

} // namespace detail

template <class T> struct compiled_for_callers<rate_source, T> {
  friend std::vector<rate_source> rate_sources(const rate_source::facts& facts) {
    return detail::rate_sources_of<T>(facts);
  }
};
static_assert(sizeof(compiled_for_callers<rate_source>) != 0);

inline std::optional<rate_source::agreement> rate_source::compare(const tsc_calibration& measured) const noexcept {
  if (!monotonic.known() || !measured.rate().known()) return std::nullopt;
  agreement a;
  a.off_ppm = (monotonic.hertz() / measured.rate().hertz() - 1) * 1e6;
  a.combined_ppm = uncertainty_ppm + measured.uncertainty_ppm();
  a.agrees = detail::magnitude(a.off_ppm) <= a.combined_ppm;
  return a;
}

} // namespace takt::inline TAKT_ABI
