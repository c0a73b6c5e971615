/// simulated_samples.hpp - bracketed readings of two clocks as machines really give them, from a seed.
#pragma once
#include <takt/clock/detail/rate_estimate.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

/// A machine whose counter jumps by `granule` ticks at a time and whose reference is made from that counter.
struct simulated_machine {
  double hertz = 2.596145832e9;
  double granule = 26;          ///< ticks; 1: every tick is counted
  double before_ns = 16, after_ns = 21; ///< from the first read to the reference, from there to the second read
  double jitter_ns = 0.4;       ///< mean of what either part takes longer, exponentially distributed
  double pause_ns = 25;         ///< from one sample to the next
  double beat_ns = 0;           ///< samples begin at multiples of that; 0: at any time
  double late = 0.001;          ///< share of the brackets that something long happens in
  double late_ns = 3000;
  bool reference_from_counter = true; ///< or else it is another, finer clock
  double tick_ns = 0;           ///< the reference advances by that; 0: by a nanosecond
  double bend_ppm = 0;          ///< the reference's rate changes by that in the middle of the window

  /// Returns: samples until `window_ns` of true time have passed.
  std::vector<takt::detail::bracketed_reading> take(double window_ns, std::uint64_t seed) const {
    std::mt19937_64 random(seed);
    std::exponential_distribution<double> longer(1 / jitter_ns);
    std::uniform_real_distribution<double> share(0, 1);
    const double start = 1e9 + 1e9 * share(random);
    const auto counter = [&](double t) { return std::floor(t * hertz * 1e-9 / granule) * granule; };
    const auto reference = [&](double t) {
      const double seen = reference_from_counter ? counter(t) / (hertz * 1e-9) : t;
      const double bent = seen - (start + window_ns / 2);
      const double shown = std::floor(seen + (bent > 0 ? bent * bend_ppm * 1e-6 : 0));
      return tick_ns > 0 ? std::floor(shown / tick_ns) * tick_ns : shown;
    };
    std::vector<takt::detail::bracketed_reading> samples;
    for (double t = start; t < start + window_ns;) {
      if (beat_ns > 0) t = std::ceil(t / beat_ns) * beat_ns;
      takt::detail::bracketed_reading s;
      s.before = takt::tick_point(static_cast<std::uint64_t>(counter(t)));
      t += before_ns + longer(random);
      const bool is_late = share(random) < late;
      const bool first_half = share(random) < 0.5;
      if (is_late && first_half) t += late_ns * share(random);
      s.reference = std::chrono::nanoseconds(static_cast<std::int64_t>(reference(t)));
      t += after_ns + longer(random);
      if (is_late && !first_half) t += late_ns * share(random);
      s.after = takt::tick_point(static_cast<std::uint64_t>(counter(t)));
      t += pause_ns + longer(random);
      samples.push_back(s);
    }
    return samples;
  }
};
