// calibration_accuracy [RUNS]: how far calibrate(budget) is from the truth, beside the usual method, on this machine.
//
// The truth is the rate over 20 s around each run, between bursts of readings that are located to a nanosecond or so:
// 0.0001 ppm. The usual method is that of the small TSC clocks: the narrowest of three brackets around a reading at either
// end of the budget, two points, one division; its brackets are bare rdtsc, as theirs are. Both methods take turns.
// Run it while NTP does not steer the kernel's clock, or the truth of 20 s is not that of the window.
#include "arguments.hpp"
#include <takt/clock/calibration.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using reference = takt::posix_clock<CLOCK_MONOTONIC>;
constexpr nanoseconds budgets[] = {1ms, 5ms, 20ms};
constexpr nanoseconds baseline = 20s;

struct run {
  nanoseconds when;
  double ours, usual; // hertz
  double stated_ppm;
  nanoseconds spent;
};

takt::detail::bracketed_reading narrowest_of_three() {
  auto best = takt::detail::take_sample<reference, takt::bare_counter>();
  for (int i = 0; i < 2; ++i) {
    const auto s = takt::detail::take_sample<reference, takt::bare_counter>();
    if (s.after - s.before < best.after - best.before) best = s;
  }
  return best;
}

double usual_method(nanoseconds budget) {
  const auto middle = [](const takt::detail::bracketed_reading& s) { return s.before.count() + (s.after - s.before).count() / 2; };
  const auto a = narrowest_of_three();
  while (reference::now().time_since_epoch() < a.reference + budget) {}
  const auto b = narrowest_of_three();
  return static_cast<double>(middle(b) - middle(a)) * 1e9 / static_cast<double>((b.reference - a.reference).count());
}

takt::clock_point anchor() {
  std::vector<takt::detail::bracketed_reading> samples(2000);
  for (auto& s : samples) s = takt::detail::take_sample<reference, takt::ordered_counter>();
  std::error_code ec;
  return takt::detail::locate(samples, takt::tick_rate(takt::frequency(1e9)), ec);
}

/// The slope of the anchors within `baseline` of which `when` is in the middle, or near the ends of the run the nearest such.
double rate_around(const std::vector<takt::clock_point>& anchors, nanoseconds when) {
  const nanoseconds first = anchors.front().reference, last = anchors.back().reference;
  const nanoseconds from = std::clamp(when - baseline / 2, first, std::max(first, last - baseline));
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  takt::tick_point origin;
  for (const auto& a : anchors) {
    if (a.reference < from || a.reference > from + baseline) continue;
    if (n == 0) origin = a.at;
    const auto x = static_cast<double>((a.reference - from).count()), y = static_cast<double>((a.at - origin).count());
    n += 1, sx += x, sy += y, sxx += x * x, sxy += x * y;
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx) * 1e9;
}

struct percentiles {
  double p50, p90, p99, most;
};
percentiles of(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  const auto at = [&](double q) { return v[static_cast<std::size_t>(q * static_cast<double>(v.size() - 1))]; };
  return {at(0.5), at(0.9), at(0.99), v.back()};
}

} // namespace

int main(int argc, char** argv) {
  const std::int64_t wanted = arguments(argc, argv, "calibration_accuracy [RUNS]", 1).number(1, 1, 200);
  std::vector<takt::clock_point> anchors;
  std::vector<run> runs[std::size(budgets)];
  nanoseconds next_anchor{};
  const auto begin = reference::now();
  for (std::int64_t i = 0; i < wanted || reference::now() - begin < baseline; ++i) {
    for (std::size_t k = 0; k < std::size(budgets); ++k) {
      const nanoseconds now = reference::now().time_since_epoch();
      if (now >= next_anchor) anchors.push_back(anchor()), next_anchor = now + 500ms;
      std::error_code ec;
      const auto c = takt::calibrate(budgets[k], ec);
      if (ec) {
        std::printf("calibrate: %s\n", ec.message().c_str());
        continue;
      }
      runs[k].push_back({now, c.rate().hertz(), usual_method(budgets[k]), c.uncertainty_ppm(), c.time_spent()});
    }
  }
  anchors.push_back(anchor());

  std::printf("%-7s %-7s %8s %8s %8s %8s   %s\n", "budget", "method", "p50", "p90", "p99", "max", "ppm of the rate over 20 s");
  for (std::size_t k = 0; k < std::size(budgets); ++k) {
    std::vector<double> ours, usual, stated, spent;
    int missed = 0;
    for (const run& r : runs[k]) {
      const double truth = rate_around(anchors, r.when);
      ours.push_back(std::abs(r.ours / truth - 1) * 1e6);
      usual.push_back(std::abs(r.usual / truth - 1) * 1e6);
      stated.push_back(r.stated_ppm);
      spent.push_back(static_cast<double>(r.spent.count()) * 1e-6);
      if (ours.back() > r.stated_ppm) {
        ++missed;
        std::printf("  missed: error %.4f stated %.4f\n", ours.back(), r.stated_ppm);
      }
    }
    const auto o = of(ours), u = of(usual), s = of(stated), t = of(spent);
    const int ms = static_cast<int>(budgets[k] / 1ms);
    std::printf("%4d ms %-7s %8.4f %8.4f %8.4f %8.4f   time spent: median %.2f ms, p99 %.2f ms\n", ms, "takt", o.p50, o.p90, o.p99, o.most, t.p50, t.p99);
    std::printf("%4d ms %-7s %8.4f %8.4f %8.4f %8.4f   p90 is %.0f times ours\n", ms, "usual", u.p50, u.p90, u.p99, u.most, u.p90 / o.p90);
    std::printf("%4d ms %-7s %8.4f %8.4f %8.4f %8.4f   missed the truth in %d of %zu runs; median is %.1f times the p90 error\n", ms,
                "stated", s.p50, s.p90, s.p99, s.most, missed, ours.size(), s.p50 / o.p90);
  }
}
