/// rate_history.hpp - the rate of one clock against another, for clock_history.hpp: when the rate changed, and when an
/// offset came.
#pragma once
#include <takt/clock/clock_changes.hpp>
#include <takt/core/config.hpp>
#include <chrono>

namespace takt::inline TAKT_ABI::detail {

namespace watch_parameters {
/// The rates of crystals and the kernel's steering change by less than this from one stretch to the next.
inline constexpr double wander_ppm = 1;
} // namespace watch_parameters

/// How one clock runs against another, stretch after stretch of time. A gain that the known rate does not explain is a
/// suspicion. The next stretch shows whether the rate has changed, or an offset came and stayed.
class rate_history {
public:
  using nanoseconds = std::chrono::nanoseconds;

  /// A stretch of time and what was gained in it, with the error bound `open`, all in ns.
  struct stretch {
    double gained = 0, length = 0, open = 0;
    nanoseconds after{}, before{};
  };
  struct verdict {
    bool rate = false, shift = false; ///< `rate`: the rate has changed; `shift`: an offset came
    double rate_ppm = 0, change_ppm = 0, rate_uncertainty_ppm = 0;
    double size = 0, uncertainty = 0; ///< the offset and its error bound, in ns
    double mean_ppm = 0;              ///< the mean rate in the stretch in which the offset came
    nanoseconds after{}, before{};
  };

  constexpr explicit rate_history(double report_ppm) noexcept : report_ppm_(report_ppm) {}

  /// Returns: what `s` shows. `suspect`: the caller knows of an event in `s` that may have changed the rate.
  template <class = for_callers> constexpr verdict add(const stretch& s, bool suspect) noexcept;
  /// Effects: forgets a suspicion that cannot be decided, because the series of stretches broke.
  constexpr void interrupt() noexcept { suspected_ = false; }
  /// Effects: forgets everything.
  constexpr void restart() noexcept { *this = rate_history(report_ppm_); }
  [[nodiscard]] constexpr bool known() const noexcept { return known_; }
  [[nodiscard]] constexpr bool suspects() const noexcept { return suspected_; }
  [[nodiscard]] constexpr double ppm() const noexcept { return ppm_; }
  /// Returns: by how much the next stretch may differ from ppm() without a suspicion.
  [[nodiscard]] constexpr double doubt_ppm() const noexcept { return unsure_ + watch_parameters::wander_ppm; }

private:
  static constexpr double min_ = static_cast<double>(clock_change_parameters::min_change.count());
  static constexpr double magnitude(double x) noexcept { return x < 0 ? -x : x; }
  constexpr void absorb(double ppm, double unsure) noexcept {
    const double weight = !known_ || unsure * 4 < unsure_ ? 1 : 0.25;
    ppm_ += weight * (ppm - ppm_), unsure_ += weight * (unsure - unsure_);
    if (!known_) reported_ = ppm_, reported_unsure_ = unsure_;
    known_ = true;
  }

  double report_ppm_;
  bool known_ = false, suspected_ = false;
  double ppm_ = 0, unsure_ = 0;      ///< the rate, a mean over some stretches, and its uncertainty
  double reported_ = 0, reported_unsure_ = 0; ///< the rate that was reported last
  stretch suspicion_{};
  nanoseconds previous_after_{};      ///< the beginning of the stretch before
};

template <class> constexpr auto rate_history::add(const stretch& s, bool suspect) noexcept -> verdict {
  verdict v;
  const double ppm = s.gained / s.length * 1e6, unsure = s.open / s.length * 1e6;
  const nanoseconds earlier = known_ ? previous_after_ : s.after;
  previous_after_ = s.after;
  if (!known_) return absorb(ppm, unsure), v;

  const double doubt = doubt_ppm();
  const double off = s.gained - ppm_ * 1e-6 * s.length;
  if (!suspected_ || suspect) {
    if (suspected_) { // two stretches disturbed in a row: the first can only be compared with the rate before it
      v.shift = magnitude(suspicion_.gained) > suspicion_.open + min_;
      v.size = suspicion_.gained, v.uncertainty = suspicion_.open, v.after = suspicion_.after,
      v.before = suspicion_.before;
    }
    suspected_ = suspect || magnitude(off) > s.open + min_ + doubt * 1e-6 * s.length;
    if (suspected_) {
      // From here on `gained` is what the rate does not explain, and `open` is its error bound.
      suspicion_ = {off, s.length, s.open + doubt * 1e-6 * s.length, s.after, s.before};
      if (!suspect) suspicion_.after = earlier; // a rate that changed late in the stretch before was not seen there
      return v;
    }
    absorb(ppm, unsure);
    // The rate may have wandered far in small steps.
    v.rate = magnitude(ppm_ - reported_) > report_ppm_ + unsure_ + reported_unsure_;
    v.after = earlier, v.before = s.before;
  } else {
    suspected_ = false;
    const double change = ppm - ppm_;
    const bool same = magnitude(change) <= unsure + doubt;
    // The rate may have changed at any moment of the stretch: half of what it could explain, give or take that half.
    const double half = same ? 0 : change * 1e-6 * suspicion_.length / 2;
    v.size = suspicion_.gained - half;
    v.uncertainty = suspicion_.open + magnitude(half) + (same ? 0 : (unsure + unsure_) * 1e-6 * suspicion_.length);
    v.shift = magnitude(v.size) > v.uncertainty + min_;
    v.mean_ppm = ppm_ + suspicion_.gained / suspicion_.length * 1e6;
    v.after = suspicion_.after, v.before = suspicion_.before;
    if (same) absorb(ppm, unsure);
    else ppm_ = ppm, unsure_ = unsure;
    v.rate = magnitude(ppm_ - reported_) > report_ppm_ + unsure_ + reported_unsure_;
  }
  if (v.rate) {
    v.rate_ppm = ppm_, v.change_ppm = ppm_ - reported_, v.rate_uncertainty_ppm = unsure_ + reported_unsure_;
    reported_ = ppm_, reported_unsure_ = unsure_;
  }
  return v;
}

} // namespace takt::inline TAKT_ABI::detail
