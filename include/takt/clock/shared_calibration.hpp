/// shared_calibration.hpp - calibrations that the processes of a machine leave each other, so that only the first measures.
///
///   takt::shared_calibration shared;
///   takt::tsc_clock::calibrate(shared, 5ms);    // tens of microseconds where an anchor lies ready, otherwise 5 ms
///
/// An anchor (shared_anchor.hpp) lies in a small file: root's /run/takt.anchor serves everybody, that of another user in
/// XDG_RUNTIME_DIR serves this user. Who finds none that is usable measures, and leaves an anchor for those who come after.
/// Files are replaced at once, never changed. What somebody else might have written is not believed: no symbolic link is
/// followed; the file must be a regular one, belong to root or this user and be writable by its owner alone. What is in it
/// is checked every time, against the boot id, the clocks and itself.
///
/// Does not promise: anything against root or against who runs as the same user. Between containers that share the
/// directory but not the time namespace anchors are refused. Opt-in: nothing of takt does this unless asked.
/// Sources: open(2) O_NOFOLLOW, O_NONBLOCK; rename(2); XDG Base Directory Specification 0.8; random(4) boot_id.
#pragma once
#include <takt/clock/calibration.hpp>
#include <takt/clock/shared_anchor.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/kernel/boot_id.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/steered_rate.hpp>

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis
inline constexpr char root_anchor_path[] = "/run/takt.anchor";
inline constexpr char anchor_name[] = "takt.anchor"; ///< in XDG_RUNTIME_DIR

template <class Os> class basic_shared_calibration;
using shared_calibration = basic_shared_calibration<linux_os>;

// definitions

/// What recall() found at one place.
struct anchor_attempt {
  std::string path;
  anchor_finding finding = anchor_finding::no_file;
  std::error_code error; ///< why it could not be read
};

/// Where anchors lie. Not to be shared between threads; each may have its own.
template <class Os> class basic_shared_calibration {
public:
  /// The places by convention: root's first, then this user's.
  basic_shared_calibration() {
    paths_.emplace_back(root_anchor_path);
    if (Os::user_id() == 0) return;
    const std::string own = Os::environment("XDG_RUNTIME_DIR");
    paths_.push_back(own.empty() || own.front() != '/' ? std::string() : own + '/' + anchor_name);
  }
  /// This place alone, for processes that agree on one. Its directory must be one in which no other user can rename files.
  explicit basic_shared_calibration(std::string path) { paths_.push_back(static_cast<std::string&&>(path)); }

  /// Returns: the calibration that follows from the first usable anchor and one bracketed reading of the clocks now; an
  /// empty one where there is none, and attempts() tells why. Measures nothing for long, changes nothing.
  /// Costs some 25 us, most of it for three small files; the first call of a process, whose code and files nobody has
  /// touched yet, 60 to 110 us, and more than half of that the same system calls.
  template <class Reference, class Counter> [[nodiscard]] tsc_calibration recall();

  /// Effects: leaves an anchor for others, made from a calibration against CLOCK_MONOTONIC that was just measured: root in
  /// its place, readable by all, another user in the own, readable by nobody else.
  /// Errors: what the writing of the file reports; ENOENT without a place; counter_forbidden; clocks that cannot be read; EINVAL for
  /// an empty calibration, and for one that is less sure than shared_rule::most_writer_ppm. Some 50 us.
  template <class Reference, class Counter> void leave(const tsc_calibration& c, std::error_code& ec);

  /// What the last recall() found, one a place, up to the usable one.
  [[nodiscard]] const std::vector<anchor_attempt>& attempts() const noexcept { return attempts_; }
  /// The same for people: "/run/takt.anchor: was left before the machine was started".
  [[nodiscard]] std::string why() const;

private:
  static constexpr std::size_t burst = 16; ///< readings of each clock, some 65 ns each

  [[nodiscard]] static shared_anchor fetch(const std::string& path, const std::string& boot, anchor_attempt& found);
  [[nodiscard]] static bool counter_still_kept(const shared_anchor& a);
  template <class Counter>
  [[nodiscard]] static anchor_sighting sight(tick_rate rate, std::chrono::nanoseconds& half_width, std::error_code& ec);

  std::vector<std::string> paths_;
  std::vector<anchor_attempt> attempts_;
};

/// The anchor at `path` if it is one of this boot that may be believed; no look at the clocks yet.
template <class Os>
shared_anchor basic_shared_calibration<Os>::fetch(const std::string& path, const std::string& boot, anchor_attempt& found) {
  const auto refuse = [&](anchor_finding f) {
    found.finding = f;
    return shared_anchor{};
  };
  if (path.empty()) return refuse(anchor_finding::no_place);
  char text[shared_rule::most_bytes];
  std::size_t length = 0;
  typename Os::file_facts facts;
  if (const int error = Os::read_guarded(path.c_str(), text, sizeof(text), length, facts); error != 0) {
    found.error = detail::errno_code(error);
    if (error == ENOENT || error == ENOTDIR) return refuse(anchor_finding::no_file);
    if (error == ENXIO) return refuse(anchor_finding::not_a_file); // a socket
    return refuse(error == ELOOP ? anchor_finding::symbolic_link : anchor_finding::unreadable);
  }
  constexpr unsigned others_write = 022;
  if (!facts.regular) return refuse(anchor_finding::not_a_file);
  if (facts.owner != 0 && facts.owner != Os::user_id()) return refuse(anchor_finding::someone_elses);
  if ((facts.permissions & others_write) != 0) return refuse(anchor_finding::writable_by_others);
  if (facts.size == 0 || facts.size > shared_rule::most_bytes) return refuse(anchor_finding::wrong_size);
  shared_anchor a = parse_anchor({text, length}, found.finding);
  if (found.finding != anchor_finding::usable) return a;
  if (boot.empty()) return refuse(anchor_finding::boot_not_told);
  return a.boot == boot ? a : refuse(anchor_finding::other_boot);
}

/// Whether the kernel, which compares the counter with other clocks, thinks of it as it did when the anchor was left: its
/// writer had asked for the whole verdict.
template <class Os> bool basic_shared_calibration<Os>::counter_still_kept(const shared_anchor& a) {
  std::error_code ec;
  if (clocksource::current<Os>(ec) != a.clocksource || ec) return false;
  if (a.clocksource == counter_clocksource) return true;
  const std::vector<std::string> offered = clocksource::available<Os>(ec);
  return !ec && offers_counter(offered);
}

/// All that is compared, as of one tick.
template <class Os>
template <class Counter>
anchor_sighting basic_shared_calibration<Os>::sight(tick_rate rate, std::chrono::nanoseconds& half_width,
                                                    std::error_code& ec) {
  using monotonic = posix_clock<CLOCK_MONOTONIC, access::vdso, Os>;
  using boottime = posix_clock<CLOCK_BOOTTIME, access::vdso, Os>;
  using std::chrono::nanoseconds;
  anchor_sighting s;
  clock_sample samples[burst];
  for (clock_sample& one : samples) one = detail::take_sample<monotonic, Counter>();
  s.monotonic = locate(samples, rate, ec);
  if (ec) return s;
  for (clock_sample& one : samples) one = detail::take_sample<posix_clock<CLOCK_MONOTONIC_RAW, access::vdso, Os>, Counter>();
  const clock_point raw = locate(samples, rate, ec);
  if (ec) return s;
  // Microseconds lie between the two: whatever the rate is wrong by, and the two clocks differ in rate, is nothing.
  const double between = static_cast<double>((s.monotonic.at - raw.at).signed_count()) / rate.hertz() * 1e9;
  s.raw = raw.reference + detail::rounded(between);
  half_width = (s.monotonic.half_width > raw.half_width ? s.monotonic.half_width : raw.half_width) + nanoseconds(1);

  nanoseconds narrowest = nanoseconds::max();
  for (int again = 0; again < 5; ++again) {
    const nanoseconds before = monotonic::now().time_since_epoch(), slept = boottime::now().time_since_epoch();
    const nanoseconds width = monotonic::now().time_since_epoch() - before;
    if (width >= narrowest) continue;
    narrowest = width;
    s.boottime = slept - (before + width / 2) + s.monotonic.reference;
    s.boottime_half_width = width / 2 + nanoseconds(1);
  }
  std::error_code not_told;
  s.steered = read_steered_rate<Os>(not_told);
  return s;
}

template <class Os>
template <class Reference, class Counter>
tsc_calibration basic_shared_calibration<Os>::recall() {
  static_assert(Reference::id == CLOCK_MONOTONIC, "anchors are of CLOCK_MONOTONIC");
  using measuring = typename detail::measuring_counter<Counter>::type;
  attempts_.clear();
  bool allowed = true;
  const bool forbidden = Os::counter_allowed(allowed) == 0 && !allowed; // asked first: the vDSO reads the counter as well
  const auto begin = forbidden ? typename Reference::time_point() : Reference::now();
  std::error_code not_told;
  const std::string boot = forbidden ? std::string() : read_boot_id<Os>(not_told);
  for (const std::string& path : paths_) {
    anchor_attempt& found = attempts_.emplace_back();
    found.path = path;
    if (forbidden) {
      found.finding = anchor_finding::counter_forbidden;
      continue;
    }
    const shared_anchor a = fetch(path, boot, found);
    if (found.finding != anchor_finding::usable) continue;
    if (!counter_still_kept(a)) {
      found.finding = anchor_finding::other_clocksource;
      continue;
    }
    std::chrono::nanoseconds half_width{};
    anchor_sighting now = sight<measuring>(a.rate, half_width, found.error);
    if (found.error) {
      found.finding = anchor_finding::clocks_unsound;
      continue;
    }
    now.monotonic.half_width = half_width;
    now.foreign = a.clocksource != counter_clocksource;
    const tsc_calibration c = judge_anchor(a, now, Reference::now() - begin, found.finding);
    if (found.finding == anchor_finding::usable) return c;
  }
  return {};
}

template <class Os>
template <class Reference, class Counter>
void basic_shared_calibration<Os>::leave(const tsc_calibration& c, std::error_code& ec) {
  static_assert(Reference::id == CLOCK_MONOTONIC, "anchors are of CLOCK_MONOTONIC");
  using measuring = typename detail::measuring_counter<Counter>::type;
  ec = errc::counter_forbidden;
  if (bool allowed = true; Os::counter_allowed(allowed) == 0 && !allowed) return;
  ec = detail::errno_code(ENOENT);
  const std::string& path = paths_.back();
  if (path.empty()) return;
  shared_anchor a;
  a.boot = read_boot_id<Os>(ec);
  if (ec) return;
  a.clocksource = clocksource::current<Os>(ec);
  if (ec) return;
  ec = detail::errno_code(EINVAL);
  if (!c.rate().known()) return;
  const anchor_sighting now = sight<measuring>(c.rate(), a.half_width, ec);
  if (ec) return;
  if (!now.steered.known()) {
    ec = detail::errno_code(EPERM);
    return;
  }
  a.counter = now.monotonic.at;
  a.monotonic = now.monotonic.reference, a.raw = now.raw, a.boottime = now.boottime;
  a.rate = tick_rate(frequency(c.rate().hertz() * (1 + now.steered.ppm * 1e-6)));
  a.ppm = c.uncertainty_ppm() + now.steered.unsure_ppm;
  ec = detail::errno_code(EINVAL);
  if (!(a.ppm <= shared_rule::most_writer_ppm)) return;
  const unsigned permissions = Os::user_id() == 0 ? 0644 : 0600;
  const int error = Os::replace_file(path, to_text(a), permissions);
  ec = error != 0 ? detail::errno_code(error) : std::error_code();
}

template <class Os> std::string basic_shared_calibration<Os>::why() const {
  std::string text;
  for (const anchor_attempt& a : attempts_) {
    if (!text.empty()) text += "; ";
    if (!a.path.empty()) (text += a.path) += ": ";
    text += explain(a.finding);
    if (a.error && a.finding == anchor_finding::unreadable) (text += ": ") += a.error.message();
  }
  return text;
}

} // namespace takt::inline TAKT_ABI
