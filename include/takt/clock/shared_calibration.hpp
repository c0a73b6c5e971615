/// shared_calibration.hpp - calibrations that the processes of a machine share, so that only the first one measures.
///
///   takt::shared_calibration shared;
///   takt::tsc_clock::calibrate(shared, 5ms);    // tens of microseconds where an anchor lies ready, otherwise 5 ms
///
/// An anchor (detail/shared_anchor.hpp) is a small file: root's /run/takt.anchor serves all users, that of another user
/// in XDG_RUNTIME_DIR serves this user. A process that finds no usable anchor measures, and publishes one for later
/// processes. Files are replaced as a whole, never changed. A file that another user might have written is not trusted:
/// no symbolic link is followed; the file must be a regular one, belong to root or this user and be writable by its
/// owner alone. Its content is checked every time, against the boot id, the clocks and its own checksum.
///
/// Does not promise: any protection against root or against a process of the same user. Between containers that share
/// the directory but not the time namespace, anchors are refused. Nothing in takt reads or writes anchors unless the
/// program asks for it.
/// Sources: open(2) O_NOFOLLOW, O_NONBLOCK; rename(2); XDG Base Directory Specification 0.8; random(4) boot_id.
#pragma once
#include <takt/clock/calibration.hpp>
#include <takt/clock/detail/shared_anchor.hpp>
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
namespace detail {
inline constexpr char root_anchor_path[] = "/run/takt.anchor"; ///< the place of root's anchor
inline constexpr char anchor_name[] = "takt.anchor";           ///< the name of a user's anchor, in XDG_RUNTIME_DIR
} // namespace detail

template <class Os> class basic_shared_calibration;
/// The calibrations that processes share on Linux.
using shared_calibration = basic_shared_calibration<linux_os>;

// definitions

/// The places of anchors. Not to be shared between threads; each may have its own object.
template <class Os> class basic_shared_calibration {
public:
  // in the reference: the type itself
  using finding = detail::anchor_finding; ///< why an anchor is usable, or why not

  /// What load() found at one place.
  struct attempt {
    std::string path; ///< the place; empty: there is none
    detail::anchor_finding finding = detail::anchor_finding::no_file; ///< whether the anchor was usable
    std::error_code error; ///< why it could not be read
  };

  /// The places by convention: root's first, then this user's.
  basic_shared_calibration() {
    paths_.emplace_back(detail::root_anchor_path);
    if (Os::user_id() == 0) return;
    const std::string own = Os::environment("XDG_RUNTIME_DIR");
    relative_ = !own.empty() && own.front() != '/';
    paths_.push_back(own.empty() || relative_ ? std::string() : own + '/' + detail::anchor_name);
  }
  /// Uses this place alone, for processes that agree on one. Precondition: no other user can rename files in its
  /// directory.
  explicit basic_shared_calibration(std::string path) { paths_.push_back(static_cast<std::string&&>(path)); }

  /// Returns: the calibration that follows from the first usable anchor and one bracketed reading of the clocks now; an
  /// empty one where there is none, and attempts() says why. Takes no long measurement and changes nothing. Costs 10
  /// to 25 us, most of it for three small files; the first call of a process, with cold code and files, 40 to 100 us,
  /// half of it in the same system calls.
  template <class Reference, class Counter> [[nodiscard]] tsc_calibration load();

  /// Effects: publishes an anchor, made from a calibration against CLOCK_MONOTONIC that was just measured: as root in
  /// /run/takt.anchor, readable by all; as another user in XDG_RUNTIME_DIR, readable by that user alone.
  /// Errors: what writing the file reports; ENOENT without a place; counter_forbidden; what reading the boot id, the
  /// clock source and the clocks reports; EPERM where the kernel's steering of MONOTONIC is unknown; EINVAL for an
  /// empty calibration, and for one worse than 2 ppm. Costs some 50 us.
  template <class Reference, class Counter> void publish(const tsc_calibration& c, std::error_code& ec);

  /// Returns: what the last load() found, one entry for each place, up to the usable one.
  [[nodiscard]] const std::vector<attempt>& attempts() const noexcept { return attempts_; }
  /// Returns: what attempts() says, as text for people: "/run/takt.anchor: was written before the last boot".
  [[nodiscard]] std::string why() const;

private:
  static constexpr std::size_t burst = 16; ///< readings of each clock, some 65 ns each

  [[nodiscard]] static detail::shared_anchor fetch(const std::string& path, const std::string& boot,
                                                   attempt& found);
  [[nodiscard]] static bool counter_still_kept(const detail::shared_anchor& a);
  template <class Counter> [[nodiscard]] static detail::anchor_sighting
  sight(tick_rate rate, std::chrono::nanoseconds& half_width, std::error_code& ec);

  std::vector<std::string> paths_;
  bool relative_ = false; ///< XDG_RUNTIME_DIR is set, but is not an absolute path
  std::vector<attempt> attempts_;
};

/// Returns: the anchor at `path` if it is trusted and of this boot. The clocks are not compared yet.
template <class Os> detail::shared_anchor
basic_shared_calibration<Os>::fetch(const std::string& path, const std::string& boot, attempt& found) {
  const auto refuse = [&](finding f) {
    found.finding = f;
    return detail::shared_anchor{};
  };
  if (path.empty()) return refuse(finding::no_place);
  char text[detail::sharing_parameters::max_bytes];
  std::size_t length = 0;
  typename Os::file_facts facts;
  if (const int error = Os::read_guarded(path.c_str(), text, sizeof(text), length, facts); error != 0) {
    found.error = detail::errno_code(error);
    if (error == ENOENT || error == ENOTDIR) return refuse(finding::no_file);
    if (error == ENXIO) return refuse(finding::not_a_file); // a socket
    return refuse(error == ELOOP ? finding::symbolic_link : finding::unreadable);
  }
  constexpr unsigned others_write = 022;
  if (!facts.regular) return refuse(finding::not_a_file);
  if (facts.owner != 0 && facts.owner != Os::user_id()) return refuse(finding::foreign_owner);
  if ((facts.permissions & others_write) != 0) return refuse(finding::writable_by_others);
  if (facts.size == 0 || facts.size > detail::sharing_parameters::max_bytes) return refuse(finding::wrong_size);
  detail::shared_anchor a = detail::parse_anchor(detail::text_in(text, length), found.finding);
  if (found.finding != detail::anchor_finding::usable) return a;
  if (boot.empty()) return refuse(finding::boot_unknown);
  return a.boot == boot ? a : refuse(finding::other_boot);
}

/// Returns: whether the kernel, which compares the counter with other clocks, judges it as it did when the anchor was
/// written. Its writer had the whole verdict.
template <class Os> bool basic_shared_calibration<Os>::counter_still_kept(const detail::shared_anchor& a) {
  std::error_code ec;
  if (clocksource::current<Os>(ec) != a.clocksource || ec) return false;
  if (a.clocksource == verdict::counter_source) return true;
  const std::vector<std::string> offered = clocksource::available<Os>(ec);
  return !ec && detail::offers_counter(offered);
}

/// Returns: all clocks that are compared, as they stand at one tick. Errors: those of locate().
template <class Os>
template <class Counter>
detail::anchor_sighting basic_shared_calibration<Os>::sight(tick_rate rate, std::chrono::nanoseconds& half_width,
                                                    std::error_code& ec) {
  using monotonic = posix_clock<CLOCK_MONOTONIC, access::vdso, Os>;
  using boottime = posix_clock<CLOCK_BOOTTIME, access::vdso, Os>;
  using std::chrono::nanoseconds;
  detail::anchor_sighting s;
  detail::bracketed_reading samples[burst];
  for (detail::bracketed_reading& one : samples) one = detail::take_sample<monotonic, Counter>();
  s.monotonic = detail::locate(samples, rate, ec);
  if (ec) return s;
  for (detail::bracketed_reading& one : samples)
    one = detail::take_sample<posix_clock<CLOCK_MONOTONIC_RAW, access::vdso, Os>, Counter>();
  const clock_point raw = detail::locate(samples, rate, ec);
  if (ec) return s;
  // Microseconds lie between the two: the error of the rate, and the difference between the two rates, do not matter.
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
  std::error_code unavailable;
  s.steered = steered_rate::read<Os>(unavailable);
  return s;
}

template <class Os>
template <class Reference, class Counter>
tsc_calibration basic_shared_calibration<Os>::load() {
  static_assert(Reference::id == CLOCK_MONOTONIC, "anchors are of CLOCK_MONOTONIC");
  using measuring = typename detail::measuring_counter<Counter>::type;
  attempts_.clear();
  bool allowed = true;
  const bool forbidden =
      Os::counter_allowed(allowed) == 0 && !allowed; // asked first: the vDSO reads the counter as well
  const auto begin = forbidden ? typename Reference::time_point() : Reference::now();
  std::error_code unavailable;
  const std::string boot = forbidden ? std::string() : read_boot_id<Os>(unavailable);
  for (const std::string& path : paths_) {
    attempt& found = attempts_.emplace_back();
    found.path = path;
    if (forbidden) {
      found.finding = finding::counter_forbidden;
      continue;
    }
    const detail::shared_anchor a = fetch(path, boot, found);
    if (relative_ && found.finding == finding::no_place) found.finding = finding::relative_place;
    if (found.finding != finding::usable) continue;
    if (!counter_still_kept(a)) {
      found.finding = finding::other_clocksource;
      continue;
    }
    std::chrono::nanoseconds half_width{};
    detail::anchor_sighting now = sight<measuring>(a.rate, half_width, found.error);
    if (found.error) {
      found.finding = finding::clocks_failed;
      continue;
    }
    now.monotonic.half_width = half_width;
    now.foreign = a.clocksource != verdict::counter_source;
    const tsc_calibration c = detail::judge_anchor(a, now, Reference::now() - begin, found.finding);
    if (found.finding == finding::usable) return c;
  }
  return {};
}

template <class Os>
template <class Reference, class Counter>
void basic_shared_calibration<Os>::publish(const tsc_calibration& c, std::error_code& ec) {
  static_assert(Reference::id == CLOCK_MONOTONIC, "anchors are of CLOCK_MONOTONIC");
  using measuring = typename detail::measuring_counter<Counter>::type;
  ec = errc::counter_forbidden;
  if (bool allowed = true; Os::counter_allowed(allowed) == 0 && !allowed) return;
  ec = detail::errno_code(ENOENT);
  const std::string& path = paths_.back();
  if (path.empty()) return;
  detail::shared_anchor a;
  a.boot = read_boot_id<Os>(ec);
  if (ec) return;
  a.clocksource = clocksource::current<Os>(ec);
  if (ec) return;
  ec = detail::errno_code(EINVAL);
  if (!c.rate().known()) return;
  const detail::anchor_sighting now = sight<measuring>(c.rate(), a.half_width, ec);
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
  if (!(a.ppm <= detail::sharing_parameters::max_writer_ppm)) return;
  const unsigned permissions = Os::user_id() == 0 ? 0644 : 0600;
  const int error = Os::replace_file(path, to_text(a), permissions);
  ec = error != 0 ? detail::errno_code(error) : std::error_code();
}

template <class Os> std::string basic_shared_calibration<Os>::why() const {
  std::string text;
  for (const attempt& a : attempts_) {
    if (!text.empty()) text += "; ";
    if (!a.path.empty()) (text += a.path) += ": ";
    text += explain(a.finding);
    if (a.error && a.finding == finding::unreadable) (text += ": ") += a.error.message();
  }
  return text;
}

} // namespace takt::inline TAKT_ABI
