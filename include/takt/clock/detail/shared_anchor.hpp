/// shared_anchor.hpp - a reading of counter and kernel's clocks that one process publishes, and the calibration that
/// follows from it for a process that reads the same clocks later.
///
/// Two such points give the mean rate between them, the better the further apart they are: 20 ns over 10 s are 0.002
/// ppm. An anchor also holds the rate of the counter against CLOCK_MONOTONIC_RAW, which is not steered, as its writer
/// measured it: while the anchor is young that is the better rate, and later it checks the mean.
///
/// Pure functions: they turn text and numbers into a calibration, or into the reason why there is none.
///
/// Does not promise: to notice that the machine was moved, a moment ago, to a processor of another rate (discipline()
/// does at its next call); a right rate on a kernel that was started with ntp_tick_adj=.
/// Sources: adjtimex(2); random(4), boot_id; G. Fowler, L. C. Noll, K.-P. Vo, FNV-1a of 64 bits.
#pragma once
#include <takt/clock/anchor_finding.hpp>
#include <takt/clock/calibration.hpp>
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <takt/kernel/steered_rate.hpp>
#include <takt/kernel/detail/text.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace takt::inline TAKT_ABI::detail {

// synopsis
/// The content of an anchor: what one process read and measured. Times are nanoseconds since the epoch of their clock.
struct shared_anchor {
  std::string boot;        ///< the boot id of the kernel that ran
  std::string clocksource; ///< the clock source of that kernel
  tick_point counter;      ///< the counter at the moment of the reading
  std::chrono::nanoseconds monotonic{}, raw{}, boottime{};
  std::chrono::nanoseconds half_width{}; ///< the error bound of `monotonic` and `raw`
  tick_rate rate;                        ///< the rate of the counter against RAW, as the writer measured it
  double ppm = 0;                        ///< the uncertainty of `rate`
  friend bool operator==(const shared_anchor&, const shared_anchor&) = default;
};

/// What the clocks of an anchor show now, in this process.
struct anchor_sighting {
  clock_point monotonic;
  std::chrono::nanoseconds raw{}, boottime{}; ///< RAW and BOOTTIME when the counter showed monotonic.at
  std::chrono::nanoseconds boottime_half_width{};
  steered_rate steered;
  bool foreign = false; ///< the kernel keeps time by another clock than the counter: two crystals
};

namespace sharing_parameters {
/// An anchor that gives the rate worse than this is worth less than a measurement of a millisecond.
inline constexpr double max_ppm = 0.5;
/// A calibration worse than this is neither published nor used: its uncertainty would hide a jump of the counter.
inline constexpr double max_writer_ppm = 2;
/// Where counter and kernel have different crystals, these warm up and wander apart. This much, in ppm, is allowed for
/// at any age of the anchor.
inline constexpr double wander_ppm = 0.1;
/// Another wander_ppm is allowed for each time of this length that has passed since the anchor.
inline constexpr std::chrono::nanoseconds wander_time = std::chrono::minutes(1);
/// Where the kernel keeps time by the counter, the rates of RAW and the counter differ only by rounding.
inline constexpr double rounding_ppm = 0.01;
/// BOOTTIME and MONOTONIC that moved apart by more than this plus the error bound of the readings show a suspend.
inline constexpr std::chrono::nanoseconds min_sleep = std::chrono::microseconds(1);
/// The maximum length of the text of an anchor.
inline constexpr std::size_t max_bytes = 1024;
} // namespace sharing_parameters

template <class = for_callers> [[nodiscard]] std::string to_text(const shared_anchor& a);
template <class = for_callers>
[[nodiscard]] shared_anchor parse_anchor(std::string_view text, anchor_finding& finding);
template <class = for_callers>
[[nodiscard]] tsc_calibration judge_anchor(const shared_anchor& a, const anchor_sighting& now,
                                           std::chrono::nanoseconds spent, anchor_finding& finding) noexcept;

// definitions

inline constexpr std::string_view anchor_title = "takt anchor ";
inline constexpr std::string_view anchor_version = "1";
inline constexpr std::string_view anchor_checksum = "checksum ";

template <class = for_callers>
[[nodiscard]] constexpr std::uint64_t fnv1a(std::string_view bytes) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

template <class = for_callers> void append_hex(std::string& out, std::uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[value >> shift & 15];
}

/// Takes the line "NAME VALUE" off the front of `text`. Returns: the value; empty if that is not the next line.
template <class = for_callers> std::string_view take_field(std::string_view& text, std::string_view name) noexcept {
  std::string_view line;
  static_cast<void>(next_line(text, line));
  if (line.size() < name.size() + 2 || line.substr(0, name.size()) != name || line[name.size()] != ' ') return {};
  return line.substr(name.size() + 1);
}

template <class = for_callers>
[[nodiscard]] inline double relative_ppm(double a, double b) noexcept { return magnitude(a / b - 1) * 1e6; }

/// Returns: the text of the file: lines of a name and a number, the last one a checksum of those before.
template <class> std::string to_text(const shared_anchor& a) {
  std::string text(anchor_title);
  const auto line = [&](std::string_view name, const std::string& value) {
    ((text += name) += ' ') += value + '\n';
  };
  const auto time = [](std::chrono::nanoseconds t) { return std::to_string(t.count()); };
  const auto whole = [](double x) { return std::to_string(static_cast<std::uint64_t>(x < 1.8e19 ? x + 0.5 : 1.8e19)); };
  (text += anchor_version) += '\n';
  line("boot", a.boot);
  line("clocksource", a.clocksource);
  line("counter", std::to_string(a.counter.count()));
  line("monotonic_ns", time(a.monotonic));
  line("raw_ns", time(a.raw));
  line("boottime_ns", time(a.boottime));
  line("half_width_ns", time(a.half_width));
  line("microhertz", whole(a.rate.hertz() * 1e6));
  line("uncertainty_ppt", whole(a.ppm * 1e6)); // parts in 10^12
  const std::uint64_t sum = fnv1a(text);
  append_hex(text += anchor_checksum, sum);
  return text += '\n';
}

/// Returns: the anchor in a text of to_text(), with `finding` usable; otherwise an empty one, and what is wrong.
template <class T> shared_anchor parse_anchor(std::string_view text, anchor_finding& finding) {
  finding = anchor_finding::wrong_size;
  if (text.empty() || text.size() > sharing_parameters::max_bytes) return {};
  std::string_view rest = text;
  std::string_view title;
  finding = anchor_finding::bad_checksum; // a text without a first line was truncated
  if (!next_line(rest, title)) return {};
  finding = anchor_finding::malformed;
  if (title.substr(0, anchor_title.size()) != anchor_title) return {};
  finding = anchor_finding::other_version;
  if (title.substr(anchor_title.size()) != anchor_version) return {};

  finding = anchor_finding::bad_checksum;
  const std::size_t tail = anchor_checksum.size() + 16 + 1;
  if (rest.size() < tail) return {};
  std::string sum(anchor_checksum);
  append_hex(sum, fnv1a(text.substr(0, text.size() - tail)));
  if (text.substr(text.size() - tail) != sum + '\n') return {};
  rest.remove_suffix(tail);

  shared_anchor a;
  bool sound = true;
  const auto word = [&](std::string_view name) {
    const std::string_view value = take_field(rest, name);
    sound &= is_name(value);
    return std::string(value);
  };
  const auto number = [&](std::string_view name) {
    const auto value = parse_number<dependent<T, std::uint64_t>>(take_field(rest, name));
    sound &= value.has_value();
    return value.value_or(0);
  };
  const auto time = [&](std::string_view name) {
    const std::uint64_t ns = number(name);
    sound &= ns <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return std::chrono::nanoseconds(static_cast<std::int64_t>(ns));
  };
  a.boot = word("boot");
  a.clocksource = word("clocksource");
  a.counter = tick_point(number("counter"));
  a.monotonic = time("monotonic_ns"), a.raw = time("raw_ns"), a.boottime = time("boottime_ns");
  a.half_width = time("half_width_ns");
  sound &= a.half_width <= std::chrono::seconds(1);
  a.rate = tick_rate(frequency(static_cast<double>(number("microhertz")) / 1e6));
  a.ppm = static_cast<double>(number("uncertainty_ppt")) / 1e6;
  finding = anchor_finding::malformed;
  if (!sound || !rest.empty()) return {};
  if (!(a.rate.hertz() >= calibration_parameters::min_hertz && a.rate.hertz() <= calibration_parameters::max_hertz))
    return {};
  finding = anchor_finding::usable;
  return a;
}

/// Returns: the rate of the counter against CLOCK_MONOTONIC as of now, with `finding` usable; otherwise an empty
/// calibration, and what is wrong. There are two ways, and the one with the smaller uncertainty is taken:
///   - the mean rate of MONOTONIC since the anchor; its distance from the rate that the kernel steers now counts as
///     uncertainty;
///   - the rate of RAW, the mean since the anchor or the measured one, times the kernel's steering of this moment.
/// The distance between the mean and the measured rate counts as uncertainty of the mean: part of it may be a jump.
/// Where the kernel keeps time by another clock, a jump may also hide in the uncertainty of the measured rate, and the
/// crystals have wandered.
template <class>
tsc_calibration judge_anchor(const shared_anchor& a, const anchor_sighting& now, std::chrono::nanoseconds spent,
                             anchor_finding& finding) noexcept {
  using std::chrono::nanoseconds;
  finding = anchor_finding::too_uncertain;
  if (!(a.ppm <= sharing_parameters::max_writer_ppm)) return {};
  const std::int64_t passed = (now.monotonic.at - a.counter).signed_count();
  finding = anchor_finding::counter_went_back;
  if (passed <= 0) return {};
  finding = anchor_finding::from_the_future;
  if (now.monotonic.reference <= a.monotonic || now.raw <= a.raw || now.boottime < a.boottime) return {};
  finding = anchor_finding::suspended;
  const nanoseconds monotonic = now.monotonic.reference - a.monotonic, raw = now.raw - a.raw;
  const nanoseconds slept = now.boottime - a.boottime - monotonic;
  const nanoseconds limit = sharing_parameters::min_sleep + 2 * (now.boottime_half_width + a.half_width);
  if (slept > limit || slept < -limit) return {};

  const double bracket_ns =
      static_cast<double>(now.monotonic.half_width.count()) + static_cast<double>(a.half_width.count());
  const auto ticks_passed = static_cast<double>(passed);
  const double mean_raw = ticks_passed / static_cast<double>(raw.count()) * 1e9;
  const double read_ppm = bracket_ns / static_cast<double>(raw.count()) * 1e6 + arithmetic_ppm;
  const double age = static_cast<double>(raw.count()) / static_cast<double>(sharing_parameters::wander_time.count());
  const double wander = now.foreign ? sharing_parameters::wander_ppm * (1 + age) : 0;
  finding = anchor_finding::implausible_rate;
  const double off = relative_ppm(mean_raw, a.rate.hertz());
  if (!(off <= read_ppm + a.ppm + wander + sharing_parameters::rounding_ppm)) return {};
  const double hidden = off + wander + (now.foreign ? a.ppm : 0), mean_raw_ppm = read_ppm + hidden,
               measured_ppm = a.ppm + wander;

  finding = anchor_finding::steering_unknown;
  if (!now.steered.known()) return {};
  const bool by_mean = mean_raw_ppm <= measured_ppm;
  const double steered = (by_mean ? mean_raw : a.rate.hertz()) / (1 + now.steered.ppm * 1e-6);
  const double steered_ppm = (by_mean ? mean_raw_ppm : measured_ppm) + now.steered.unsure_ppm + arithmetic_ppm;
  const double mean = ticks_passed / static_cast<double>(monotonic.count()) * 1e9;
  const double mean_ppm = bracket_ns / static_cast<double>(monotonic.count()) * 1e6 + arithmetic_ppm + hidden +
                          relative_ppm(mean, mean_raw / (1 + now.steered.ppm * 1e-6)) + now.steered.unsure_ppm;
  rate_estimate e;
  const bool mean_wins = mean_ppm <= steered_ppm;
  e.rate = tick_rate(frequency(mean_wins ? mean : steered));
  e.uncertainty_ppm = mean_wins ? mean_ppm : steered_ppm;
  e.point = now.monotonic;
  e.used = 2;
  e.span = monotonic;
  if (now.steered.unsure_ppm > sharing_parameters::max_ppm) return {};
  finding = anchor_finding::too_uncertain;
  if (e.uncertainty_ppm > sharing_parameters::max_ppm) return {};
  finding = anchor_finding::usable;
  return {e, tsc_calibration::origin_kind::shared_anchor, spent};
}

} // namespace takt::inline TAKT_ABI::detail
