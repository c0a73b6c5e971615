/// clock_changes.hpp - what happened to the clocks between two sets of readings.
///
/// Linux keeps four clocks whose differences show what happened. CLOCK_REALTIME is CLOCK_MONOTONIC plus an offset that
/// only a step changes; CLOCK_BOOTTIME is CLOCK_MONOTONIC plus the time slept; CLOCK_MONOTONIC_RAW is what
/// CLOCK_MONOTONIC would show if the kernel did not steer it. The counter is compared with RAW, or with MONOTONIC where
/// there is no RAW.
///
/// The judgement is a pure function of two sets of readings, defined for all values. What was not read is not judged.
///
/// CLOCK_MONOTONIC may go backwards from one CPU to another where the kernel trusts counters that differ. That is an
/// event of its own, wherever it shows: between the two sets, within one, or as a BOOTTIME that lost on MONOTONIC.
///
/// Does not promise: to see what happened and was undone between the two sets; to distinguish a leap second from a step
/// of the same size; to know which of the two is right when counter and kernel disagree.
/// Sources: Linux 6.12 kernel/time/timekeeping.c (timekeeping_inject_sleeptime64, do_settimeofday64,
/// timekeeping_adjust); clock_gettime(2), adjtimex(2), adjtime(3).
#pragma once
#include <takt/clock/detail/rounded_text.hpp>
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace takt::inline TAKT_ABI {

// synopsis

/// The events between two sets of readings, and their amounts. The amounts are set whether or not they are large enough
/// for an event.
struct clock_changes {
  /// The kinds of events.
  enum class kind : std::uint8_t {
    step,         ///< CLOCK_REALTIME was set
    slew,         ///< CLOCK_MONOTONIC has run at another rate than before
    suspend,      ///< the machine slept
    counter_jump, ///< the counter jumped, was reset, went on during a suspend, or changed its rate by far
    disagreement, ///< the rates of counter and kernel are further apart than crystals and NTP explain
    backwards,    ///< CLOCK_MONOTONIC went backwards: the counters of the CPUs differ, and the kernel trusts them
  };

  std::uint8_t bits = 0;                   ///< one bit for each kind
  std::chrono::nanoseconds step{};         ///< how far REALTIME was set, suspends subtracted; positive: forward
  std::chrono::nanoseconds slept{};        ///< how long the machine slept: the gain of BOOTTIME on MONOTONIC
  std::chrono::nanoseconds counter_jump{}; ///< the gain of the counter on the kernel; positive: the counter is ahead
  std::chrono::nanoseconds backwards{};    ///< how far MONOTONIC went back at least; never negative
  double slew_ppm = 0;                     ///< the rate of MONOTONIC against RAW; positive: MONOTONIC is faster
  double disagreement_ppm = 0;             ///< the rate of the counter against the kernel; positive: it is faster

  /// Returns: whether `e` happened.
  [[nodiscard]] constexpr bool has(kind e) const noexcept { return (bits >> static_cast<int>(e) & 1) != 0; }
  /// Returns: whether anything happened.
  [[nodiscard]] constexpr bool any() const noexcept { return bits != 0; }
  /// Effects: marks `e` as something that happened.
  constexpr void add(kind e) noexcept { bits = static_cast<std::uint8_t>(bits | 1 << static_cast<int>(e)); }
  /// Effects: marks `e` as something that did not happen.
  constexpr void remove(kind e) noexcept {
    bits = static_cast<std::uint8_t>(bits & ~(1 << static_cast<int>(e)));
  }
};
[[nodiscard]] constexpr std::string_view to_string(clock_changes::kind e) noexcept;

/// Returns: the events with their amounts, as a line for people.
[[nodiscard]] std::string to_string(const clock_changes& e);

/// Prints `step +1 s, suspend 20 s`, or `nothing`.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const clock_changes& e) {
  return out << to_string(e).c_str();
}

namespace detail {

/// All clocks as of one moment, give or take `half_width`.
struct clock_readings {
  tick_point counter;                                ///< what the counter showed
  std::optional<std::chrono::nanoseconds> monotonic; ///< CLOCK_MONOTONIC
  std::optional<std::chrono::nanoseconds> raw;       ///< CLOCK_MONOTONIC_RAW
  std::optional<std::chrono::nanoseconds> boottime;  ///< CLOCK_BOOTTIME
  std::optional<std::chrono::nanoseconds> realtime;  ///< CLOCK_REALTIME
  std::chrono::nanoseconds half_width{};             ///< the error bound of each reading
  std::optional<std::chrono::nanoseconds> tai{};     ///< CLOCK_TAI
  std::chrono::nanoseconds backwards{};              ///< how far MONOTONIC went back while they were read
};

/// Stands for a counter that may not be read: the kernel's clocks are compared with each other alone.
struct no_counter {
  using family = no_counter;
  [[nodiscard]] static tick_point read() noexcept { return tick_point(); }
};

/// The rates as they were known before the two sets of readings.
struct clock_expectations {
  tick_rate rate;      ///< the counter against RAW, or against MONOTONIC where RAW is not read
  double slew_ppm = 0; ///< how much faster MONOTONIC ran than RAW
};

namespace clock_change_parameters {
/// A step, a suspend or a jump has to exceed this plus the error bound of the readings.
inline constexpr std::chrono::nanoseconds min_change = std::chrono::microseconds(1);
/// A rate of MONOTONIC that differs by more than this from the known one is a slew. Normal polling by NTP changes it by
/// less.
inline constexpr double slew_ppm = 5;
/// NTP may steer by 500 ppm and adjtime(3) by another 500 ppm. A counter that is further off than both together has
/// failed.
inline constexpr double jump_ppm = 1000;
/// The width of a set of readings counts as this at most; a set that wide shows nothing anyway. A counter that goes
/// backwards between the readings would make it centuries wide.
inline constexpr std::chrono::nanoseconds widest_set = std::chrono::hours(1);
/// RAW is not steered. So the counter is off by no more than the error of its calibration, unless the two run by
/// different crystals, which wander apart by less than this in a day.
inline constexpr double disagreement_ppm = 20;
} // namespace clock_change_parameters

template <class = for_callers>
[[nodiscard]] constexpr clock_changes classify(const clock_readings& before, const clock_readings& after,
                                              const clock_expectations& known) noexcept;
template <class Counter = ordered_counter, class Os = linux_os>
[[nodiscard]] clock_readings read_all_clocks(tick_rate rate, access path = access::vdso) noexcept;

} // namespace detail

// definitions

namespace detail {

/// Returns: 2 * (a + b), saturating.
[[nodiscard]] constexpr std::chrono::nanoseconds both_twice(std::chrono::nanoseconds a,
                                                            std::chrono::nanoseconds b) noexcept {
  const std::chrono::nanoseconds sum = saturating_add(a, b);
  return saturating_add(sum, sum);
}

/// Returns: what happened between the two sets of readings. Precondition: `before` was taken before `after`.
/// The counter is judged only if known.rate is.
template <class>
constexpr clock_changes classify(const clock_readings& before, const clock_readings& after,
                                const clock_expectations& known) noexcept {
  using namespace clock_change_parameters;
  using std::chrono::nanoseconds;
  using kind = clock_changes::kind;
  clock_changes found;
  // An amount is calculated from two readings of each set, and each reading may be off by the half width of its set.
  const nanoseconds open = both_twice(before.half_width, after.half_width);
  nanoseconds limit = saturating_add(open, min_change);
  const auto passed = [](const auto& from, const auto& to) -> std::optional<nanoseconds> {
    if (!from || !to) return {};
    return saturating_subtract(*to, *from);
  };
  const auto exceeds = [&](nanoseconds amount) { return amount > limit || amount < -limit; };

  const auto monotonic = passed(before.monotonic, after.monotonic);
  const auto raw = passed(before.raw, after.raw);
  const auto opposite = [](nanoseconds d) { return saturating_subtract(nanoseconds::zero(), d); };
  found.backwards = later(after.backwards, opposite(monotonic.value_or(nanoseconds::zero())));
  if (const auto boot = passed(before.boottime, after.boottime); boot && monotonic) {
    found.slept = saturating_subtract(*boot, *monotonic);
    if (exceeds(found.slept)) {
      if (found.slept > nanoseconds::zero()) {
        found.add(kind::suspend);
      } else { // BOOTTIME never loses on MONOTONIC: some of the clocks were read on a CPU whose counter is behind
        found.backwards = later(found.backwards, saturating_subtract(opposite(found.slept), open));
        limit = saturating_add(limit, opposite(found.slept));
        found.slept = nanoseconds::zero();
      }
    }
  }
  found.backwards = later(found.backwards, nanoseconds::zero());
  if (found.backwards != nanoseconds::zero()) found.add(kind::backwards);
  if (const auto real = passed(before.realtime, after.realtime); real && monotonic) {
    found.step = saturating_subtract(*real, *monotonic);
    if (found.has(kind::suspend)) found.step = saturating_subtract(found.step, found.slept);
    if (exceeds(found.step)) found.add(kind::step);
  }
  if (monotonic && raw && *raw > nanoseconds::zero()) {
    const auto length = static_cast<double>(raw->count());
    found.slew_ppm = static_cast<double>(saturating_subtract(*monotonic, *raw).count()) / length * 1e6;
    const double unsure = static_cast<double>(open.count()) / length * 1e6;
    const double change = found.slew_ppm - known.slew_ppm;
    if ((change < 0 ? -change : change) > slew_ppm + unsure) found.add(kind::slew);
  }
  const auto kernel = raw ? raw : monotonic;
  if (known.rate.known() && kernel) {
    const double counted =
        static_cast<double>((after.counter - before.counter).signed_count()) / known.rate.hertz() * 1e9;
    const auto length = static_cast<double>(kernel->count());
    const double off = counted - length;
    found.counter_jump = saturating_cast<nanoseconds>(std::chrono::duration<double, std::nano>(off));
    if (length > 0) found.disagreement_ppm = off / length * 1e6;
    const double longer = counted > length ? counted : length;
    const auto unsure = static_cast<double>(limit.count());
    if (counted < 0 || length < 0 || (off < 0 ? -off : off) > longer * jump_ppm * 1e-6 + unsure) {
      found.add(kind::counter_jump);
    } else if (raw && (off < 0 ? -off : off) > length * disagreement_ppm * 1e-6 + unsure) {
      found.add(kind::disagreement);
    }
  }
  return found;
}

} // namespace detail

constexpr std::string_view to_string(clock_changes::kind e) noexcept {
  using enum clock_changes::kind;
  switch (e) {
  case step: return "step";
  case slew: return "slew";
  case suspend: return "suspend";
  case counter_jump: return "counter jump";
  case disagreement: return "disagreement";
  case backwards: return "backwards";
  }
  return "unknown";
}

namespace detail {

/// The body of to_string().
template <class T> std::string clock_changes_text(const dependent<T, clock_changes>& e) {
  dependent<T, std::string> text;
  using kind = clock_changes::kind;
  for (const kind c : {kind::step, kind::slew, kind::suspend, kind::counter_jump, kind::disagreement,
                       kind::backwards}) {
    if (!e.has(c)) continue;
    text += text.empty() ? "" : ", ";
    text += to_string(c);
    switch (c) {
    case kind::step: text += " " + detail::signed_duration<T>(e.step); break;
    case kind::slew: text += " " + detail::signed_number<T>(e.slew_ppm) + " ppm"; break;
    case kind::suspend: text += " " + detail::short_duration<T>(e.slept); break;
    case kind::counter_jump: text += " " + detail::signed_duration<T>(e.counter_jump); break;
    case kind::disagreement: text += " " + detail::signed_number<T>(e.disagreement_ppm) + " ppm"; break;
    case kind::backwards: text += " " + detail::short_duration<T>(e.backwards); break;
    }
  }
  return text.empty() ? "nothing" : text;
}

} // namespace detail

template <class T> struct compiled_for_callers<clock_changes, T> {
  friend std::string to_string(const clock_changes& e) { return detail::clock_changes_text<T>(e); }
};
static_assert(sizeof(compiled_for_callers<clock_changes>) != 0);

namespace detail {

/// Returns: all clocks, read between two reads of the counter, the narrowest of three tries. The half width comes from
/// the time that passed by the counter or by MONOTONIC, whichever is more: neither a counter that jumps nor a clock
/// that shows the same for milliseconds (jiffies) makes it seem narrow. Where the counter's rate is not known,
/// MONOTONIC alone gives it. Costs some 20 reads by the vDSO. `path`: how the kernel's clocks are read; access::syscall
/// for a thread that may not read the counter.
template <class Counter, class Os> clock_readings read_all_clocks(tick_rate rate, access path) noexcept {
  using clock_change_parameters::widest_set;
  using std::chrono::nanoseconds;
  const auto read = [&]<clockid_t Id>() -> nanoseconds {
    if (path == access::syscall) return posix_clock<Id, access::syscall, Os>::now().time_since_epoch();
    return posix_clock<Id, access::vdso, Os>::now().time_since_epoch();
  };
  clock_readings best;
  std::uint64_t narrowest = ~std::uint64_t{0};
  std::optional<nanoseconds> last; // what MONOTONIC showed last
  nanoseconds backwards{};
  const auto read_monotonic = [&] {
    const nanoseconds now = read.template operator()<CLOCK_MONOTONIC>();
    if (last && now < *last) backwards = later(backwards, saturating_subtract(*last, now));
    return *(last = now);
  };
  for (int again = 0; again < 3; ++again) {
    clock_readings r;
    const tick_point begin = Counter::read();
    r.monotonic = read_monotonic();
    r.raw = read.template operator()<CLOCK_MONOTONIC_RAW>();
    r.boottime = read.template operator()<CLOCK_BOOTTIME>();
    r.realtime = read.template operator()<CLOCK_REALTIME>();
    r.tai = read.template operator()<CLOCK_TAI>();
    const nanoseconds passed = saturating_subtract(read_monotonic(), *r.monotonic);
    // Going backwards is an error of the readings, too.
    const nanoseconds by_monotonic = later(passed, saturating_subtract(nanoseconds::zero(), passed));
    const ticks width = Counter::read() - begin;
    const nanoseconds by_counter = rate.to<nanoseconds>(width); // zero for an unknown rate
    const nanoseconds longer = by_counter > by_monotonic ? by_counter : by_monotonic;
    const nanoseconds whole = longer < widest_set ? longer : widest_set;
    const bool by_ticks = !rate.known() && width != ticks();
    const std::uint64_t size = by_ticks ? width.count() : static_cast<std::uint64_t>(whole.count());
    if (size >= narrowest) continue;
    narrowest = size;
    r.counter = begin + ticks(width.count() / 2);
    r.half_width = whole / 2 + nanoseconds(1);
    best = r;
  }
  best.backwards = backwards;
  return best;
}

} // namespace detail

} // namespace takt::inline TAKT_ABI
