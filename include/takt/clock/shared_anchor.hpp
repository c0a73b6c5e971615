/// shared_anchor.hpp - a point at which counter and kernel's clocks stood together, as one process leaves it for others,
/// and what follows from it for who reads the same clocks later.
///
/// Two such points give the mean rate between them, the better the further apart they are: 20 ns over 10 s are 0.002 ppm.
/// An anchor also holds the rate that its writer had measured, of the counter against CLOCK_MONOTONIC_RAW, which nobody
/// steers: while the anchor is young that is the better rate, and later it checks the mean.
///
/// All of this is pure: text and numbers in, a calibration or the reason against it out.
///
/// Does not promise: to notice that the machine was moved, a moment ago, to a processor of another rate (discipline() does
/// at its next look); an honest rate on a kernel that was started with ntp_tick_adj=.
/// Sources: adjtimex(2); random(4), boot_id; G. Fowler, L. C. Noll, K.-P. Vo, FNV-1a of 64 bits.
#pragma once
#include <takt/clock/calibration.hpp>
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <takt/kernel/steered_rate.hpp>
#include <takt/kernel/text.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace takt::inline TAKT_ABI {

// synopsis
struct shared_anchor {
  std::string boot;        ///< the boot id of the kernel that ran
  std::string clocksource; ///< by which it kept time
  ticks counter;
  std::chrono::nanoseconds monotonic{}, raw{}, boottime{};
  std::chrono::nanoseconds half_width{}; ///< how far monotonic and raw may be from that
  tick_rate rate;                        ///< of the counter against RAW, as its writer knew it
  double ppm = 0;                        ///< and how well
  friend bool operator==(const shared_anchor&, const shared_anchor&) = default;
};

/// The same clocks here and now.
struct anchor_sighting {
  clock_point monotonic;
  std::chrono::nanoseconds raw{}, boottime{}; ///< at monotonic.at
  std::chrono::nanoseconds boottime_half_width{};
  steered_rate steered;
  bool foreign = false; ///< the kernel keeps time by another clock than the counter: two crystals
};

/// Why an anchor serves or does not.
enum class anchor_finding : std::uint8_t {
  usable,
  no_place,            ///< there is no directory for it: XDG_RUNTIME_DIR is not set
  no_file,
  unreadable,
  symbolic_link,
  not_a_file,          ///< a FIFO, a directory, a device
  someone_elses,       ///< the owner is neither this user nor root
  writable_by_others,
  wrong_size,          ///< empty, or larger than an anchor can be
  other_version,
  bad_checksum,        ///< truncated or changed
  malformed,
  boot_not_told,       ///< this kernel's boot id cannot be read
  other_boot,
  counter_forbidden,   ///< this thread may not read the counter
  other_clocksource,   ///< the kernel keeps time by something else now, or does not offer the counter any more
  clocks_unsound,      ///< counter or clocks stood still or went back while they were read
  counter_went_back,
  from_the_future,     ///< a clock shows less than it did
  suspended,           ///< the machine slept since, or this is another time namespace
  implausible_rate,    ///< since the anchor the counter kept another rate than its writer measured: something jumped
  steering_unknown,    ///< the rate of MONOTONIC now is not told, or changes from second to second
  too_uncertain,       ///< its writer knew too little, or it is too young for what he knew
};
[[nodiscard]] constexpr std::string_view explain(anchor_finding f) noexcept;

namespace shared_rule {
/// An anchor that gives the rate less well than this is worth less than a measurement of a millisecond.
inline constexpr double most_ppm = 0.5;
/// Nor is one left or used whose writer knew the rate less well than this: what leapt since by less would not be noticed.
inline constexpr double most_writer_ppm = 2;
/// The crystals of counter and kernel, where they are two, warm up and wander against each other: by this at once,
inline constexpr double wander_ppm = 0.1;
/// and by as much again in every such time.
inline constexpr std::chrono::nanoseconds wander_time = std::chrono::minutes(1);
/// RAW and the counter, when the kernel keeps time by it, are the same but for rounding.
inline constexpr double rounding_ppm = 0.01;
/// What BOOTTIME and MONOTONIC must have come apart, besides what the readings leave open, to call it a suspend.
inline constexpr std::chrono::nanoseconds least_sleep = std::chrono::microseconds(1);
/// No text of an anchor is longer.
inline constexpr std::size_t most_bytes = 1024;
} // namespace shared_rule

template <class = when_called> [[nodiscard]] std::string to_text(const shared_anchor& a);
template <class = when_called>
[[nodiscard]] shared_anchor parse_anchor(std::string_view text, anchor_finding& finding);
template <class = when_called>
[[nodiscard]] tsc_calibration judge_anchor(const shared_anchor& a, const anchor_sighting& now,
                                           std::chrono::nanoseconds spent, anchor_finding& finding) noexcept;

// definitions
namespace detail {

inline constexpr std::string_view anchor_title = "takt anchor ";
inline constexpr std::string_view anchor_version = "1";
inline constexpr std::string_view anchor_checksum = "checksum ";

[[nodiscard]] constexpr std::uint64_t fnv1a(std::string_view bytes) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

inline void append_hex(std::string& out, std::uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[value >> shift & 15];
}

/// Takes the line "NAME VALUE" off the front of `text`. Returns: the value; empty if that is not the next line.
inline std::string_view take_field(std::string_view& text, std::string_view name) noexcept {
  std::string_view line;
  static_cast<void>(next_line(text, line));
  if (line.size() < name.size() + 2 || line.substr(0, name.size()) != name || line[name.size()] != ' ') return {};
  return line.substr(name.size() + 1);
}

[[nodiscard]] inline double relative_ppm(double a, double b) noexcept { return magnitude(a / b - 1) * 1e6; }

} // namespace detail

constexpr std::string_view explain(anchor_finding f) noexcept {
  switch (f) {
  case anchor_finding::usable: return "usable";
  case anchor_finding::no_place: return "no directory to share in: XDG_RUNTIME_DIR is not set";
  case anchor_finding::no_file: return "nobody has left an anchor yet";
  case anchor_finding::unreadable: return "cannot be read";
  case anchor_finding::symbolic_link: return "is a symbolic link";
  case anchor_finding::not_a_file: return "is no regular file";
  case anchor_finding::someone_elses: return "belongs to another user";
  case anchor_finding::writable_by_others: return "can be written by others";
  case anchor_finding::wrong_size: return "is empty, or larger than an anchor";
  case anchor_finding::other_version: return "is of another version";
  case anchor_finding::bad_checksum: return "is truncated or was changed: the checksum is wrong";
  case anchor_finding::malformed: return "does not have the form of an anchor";
  case anchor_finding::boot_not_told: return "the kernel's boot id cannot be read";
  case anchor_finding::other_boot: return "was left before the machine was started";
  case anchor_finding::counter_forbidden: return "this thread may not read the counter";
  case anchor_finding::other_clocksource: return "the kernel keeps time by another clock source than it did";
  case anchor_finding::clocks_unsound: return "counter or clocks stand still or go back";
  case anchor_finding::counter_went_back: return "the counter has gone backwards since";
  case anchor_finding::from_the_future: return "is from the future";
  case anchor_finding::suspended: return "the machine was suspended since, or this is another time namespace";
  case anchor_finding::implausible_rate: return "the rate since is not the one that was measured: a clock has jumped";
  case anchor_finding::steering_unknown: return "how the kernel steers its clock now is not told, or changes too fast";
  case anchor_finding::too_uncertain: return "is no better than a measurement: too young, or by a writer who knew too little";
  }
  return "unknown";
}

/// Returns: the anchor as it stands in a file: lines of a name and a number, the last a checksum of those before.
template <class> std::string to_text(const shared_anchor& a) {
  std::string text(detail::anchor_title);
  const auto line = [&](std::string_view name, const std::string& value) {
    ((text += name) += ' ') += value + '\n';
  };
  const auto time = [](std::chrono::nanoseconds t) { return std::to_string(t.count()); };
  const auto whole = [](double x) { return std::to_string(static_cast<std::uint64_t>(x < 1.8e19 ? x + 0.5 : 1.8e19)); };
  (text += detail::anchor_version) += '\n';
  line("boot", a.boot);
  line("clocksource", a.clocksource);
  line("counter", std::to_string(a.counter.count()));
  line("monotonic_ns", time(a.monotonic));
  line("raw_ns", time(a.raw));
  line("boottime_ns", time(a.boottime));
  line("half_width_ns", time(a.half_width));
  line("microhertz", whole(a.rate.hertz() * 1e6));
  line("uncertainty_ppt", whole(a.ppm * 1e6)); // parts in 10^12
  const std::uint64_t sum = detail::fnv1a(text);
  detail::append_hex(text += detail::anchor_checksum, sum);
  return text += '\n';
}

/// Returns: the anchor in a text of to_text(), with `finding` usable; otherwise an empty one, and what is wrong.
template <class> shared_anchor parse_anchor(std::string_view text, anchor_finding& finding) {
  finding = anchor_finding::wrong_size;
  if (text.empty() || text.size() > shared_rule::most_bytes) return {};
  std::string_view rest = text;
  std::string_view title;
  finding = anchor_finding::bad_checksum; // what does not even have a first line was truncated
  if (!detail::next_line(rest, title)) return {};
  finding = anchor_finding::malformed;
  if (title.substr(0, detail::anchor_title.size()) != detail::anchor_title) return {};
  finding = anchor_finding::other_version;
  if (title.substr(detail::anchor_title.size()) != detail::anchor_version) return {};

  finding = anchor_finding::bad_checksum;
  const std::size_t tail = detail::anchor_checksum.size() + 16 + 1;
  if (rest.size() < tail) return {};
  std::string sum(detail::anchor_checksum);
  detail::append_hex(sum, detail::fnv1a(text.substr(0, text.size() - tail)));
  if (text.substr(text.size() - tail) != sum + '\n') return {};
  rest.remove_suffix(tail);

  shared_anchor a;
  bool sound = true;
  const auto word = [&](std::string_view name) {
    const std::string_view value = detail::take_field(rest, name);
    sound &= detail::is_name(value);
    return std::string(value);
  };
  const auto number = [&](std::string_view name) {
    const auto value = detail::parse_number<std::uint64_t>(detail::take_field(rest, name));
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
  a.counter = ticks(number("counter"));
  a.monotonic = time("monotonic_ns"), a.raw = time("raw_ns"), a.boottime = time("boottime_ns");
  a.half_width = time("half_width_ns");
  sound &= a.half_width <= std::chrono::seconds(1);
  a.rate = tick_rate(frequency(static_cast<double>(number("microhertz")) / 1e6));
  a.ppm = static_cast<double>(number("uncertainty_ppt")) / 1e6;
  finding = anchor_finding::malformed;
  if (!sound || !rest.empty()) return {};
  if (!(a.rate.hertz() >= calibration_rule::least_hertz && a.rate.hertz() <= calibration_rule::most_hertz)) return {};
  finding = anchor_finding::usable;
  return a;
}

/// Returns: the rate of the counter against CLOCK_MONOTONIC as of now, with `finding` usable; otherwise an empty
/// calibration, and what is wrong. Of the two honest ways the one with the smaller uncertainty is taken:
///   - the mean of MONOTONIC since the anchor; how far that is from what the kernel makes of RAW now counts as uncertainty;
///   - RAW's rate, the mean since the anchor or the one its writer measured, times the kernel's steering of this moment.
/// What means and the writer's rate are apart counts as uncertainty of the means: part of it may be a leap. Where the kernel
/// keeps time by another clock, a leap may also hide in what the writer did not know, and the crystals have wandered.
template <class> tsc_calibration judge_anchor(const shared_anchor& a, const anchor_sighting& now, std::chrono::nanoseconds spent,
                                    anchor_finding& finding) noexcept {
  using std::chrono::nanoseconds;
  finding = anchor_finding::too_uncertain;
  if (!(a.ppm <= shared_rule::most_writer_ppm)) return {};
  const std::int64_t passed = (now.monotonic.at - a.counter).signed_count();
  finding = anchor_finding::counter_went_back;
  if (passed <= 0) return {};
  finding = anchor_finding::from_the_future;
  if (now.monotonic.reference <= a.monotonic || now.raw <= a.raw || now.boottime < a.boottime) return {};
  finding = anchor_finding::suspended;
  const nanoseconds monotonic = now.monotonic.reference - a.monotonic, raw = now.raw - a.raw;
  const nanoseconds slept = now.boottime - a.boottime - monotonic;
  const nanoseconds most = shared_rule::least_sleep + 2 * (now.boottime_half_width + a.half_width);
  if (slept > most || slept < -most) return {};

  const double bracket_ns = static_cast<double>(now.monotonic.half_width.count()) + static_cast<double>(a.half_width.count());
  const auto ticks_passed = static_cast<double>(passed);
  const double mean_raw = ticks_passed / static_cast<double>(raw.count()) * 1e9;
  const double read_ppm = bracket_ns / static_cast<double>(raw.count()) * 1e6 + detail::arithmetic_ppm;
  const double age = static_cast<double>(raw.count()) / static_cast<double>(shared_rule::wander_time.count());
  const double wander = now.foreign ? shared_rule::wander_ppm * (1 + age) : 0;
  finding = anchor_finding::implausible_rate;
  const double off = detail::relative_ppm(mean_raw, a.rate.hertz());
  if (!(off <= read_ppm + a.ppm + wander + shared_rule::rounding_ppm)) return {};
  const double hidden = off + wander + (now.foreign ? a.ppm : 0), mean_raw_ppm = read_ppm + hidden, told_ppm = a.ppm + wander;

  finding = anchor_finding::steering_unknown;
  if (!now.steered.known()) return {};
  const bool by_mean = mean_raw_ppm <= told_ppm;
  const double steered = (by_mean ? mean_raw : a.rate.hertz()) / (1 + now.steered.ppm * 1e-6);
  const double steered_ppm = (by_mean ? mean_raw_ppm : told_ppm) + now.steered.unsure_ppm + detail::arithmetic_ppm;
  const double mean = ticks_passed / static_cast<double>(monotonic.count()) * 1e9;
  const double mean_ppm = bracket_ns / static_cast<double>(monotonic.count()) * 1e6 + detail::arithmetic_ppm + hidden +
                          detail::relative_ppm(mean, mean_raw / (1 + now.steered.ppm * 1e-6)) + now.steered.unsure_ppm;
  rate_estimate e;
  const bool mean_wins = mean_ppm <= steered_ppm;
  e.rate = tick_rate(frequency(mean_wins ? mean : steered));
  e.uncertainty_ppm = mean_wins ? mean_ppm : steered_ppm;
  e.point = now.monotonic;
  e.used = 2;
  e.span = monotonic;
  if (now.steered.unsure_ppm > shared_rule::most_ppm) return {};
  finding = anchor_finding::too_uncertain;
  if (e.uncertainty_ppm > shared_rule::most_ppm) return {};
  finding = anchor_finding::usable;
  return {e, calibration_origin::shared_anchor, spent};
}

} // namespace takt::inline TAKT_ABI
