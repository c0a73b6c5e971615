/// recorder.hpp - what clock_watch reports while it lives, in a thread of its own, and when.
#pragma once
#include "guest.hpp"

#include <takt/observe/clock_watch.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

namespace guest {

struct reported_event {
  takt::watch_event event;
  nanoseconds at; ///< when wait() had returned, on CLOCK_MONOTONIC
};

class recorder {
public:
  explicit recorder(nanoseconds period = std::chrono::seconds(1)) : period_(period), thread_([this] { record(); }) {
    while (!begun_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~recorder() { end(); }
  recorder(const recorder&) = delete;
  recorder& operator=(const recorder&) = delete;

  /// Returns: all that was reported, after one more check.
  const std::vector<reported_event>& end() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return reported_;
  }
  [[nodiscard]] std::string description() const {
    std::string text = std::to_string(checks_) + " checks, " + std::to_string(by_kernel_) + " notified by the kernel, sets good to " +
                       std::to_string(half_width_.count()) + " ns";
    for (const reported_event& t : reported_) text += "\n  " + to_string(t.event);
    return text;
  }
  [[nodiscard]] std::size_t count(takt::watch_event::kind_type k) const {
    std::size_t n = 0;
    for (const reported_event& t : reported_) n += t.event.kind == k;
    return n;
  }
  /// Returns: the first of that kind; ends the test case if there is none.
  [[nodiscard]] const reported_event& first(takt::watch_event::kind_type k) const {
    const auto found = std::find_if(reported_.begin(), reported_.end(), [&](const reported_event& t) { return t.event.kind == k; });
    REQUIRE(found != reported_.end());
    return *found;
  }
  [[nodiscard]] std::uint64_t checks() const noexcept { return checks_; }

private:
  void record() {
    std::error_code ec;
    takt::clock_watch watch(period_, ec);
    if (ec) std::abort();
    begun_ = true;
    const auto take = [&](const std::vector<takt::watch_event>& events) {
      const nanoseconds at = read(CLOCK_MONOTONIC);
      for (const takt::watch_event& e : events) reported_.push_back({e, at});
    };
    while (!stop_ && !ec) take(watch.wait(period_, ec));
    take(watch.check(ec));
    if (ec) std::abort();
    checks_ = watch.checks(), by_kernel_ = watch.notifications();
    half_width_ = watch.history().last()->readings.half_width;
  }

  nanoseconds period_;
  std::atomic<bool> begun_{false}, stop_{false};
  std::vector<reported_event> reported_;
  std::uint64_t checks_ = 0, by_kernel_ = 0;
  nanoseconds half_width_{};
  std::thread thread_; ///< the last member: it uses the others
};

/// The event's size is `truth`, within the uncertainty that it states.
inline void check_size(const takt::watch_event& e, nanoseconds truth, nanoseconds truth_known_to = nanoseconds::zero()) {
  CAPTURE(to_string(e));
  CHECK(e.size - truth <= e.uncertainty + truth_known_to);
  CHECK(truth - e.size <= e.uncertainty + truth_known_to);
}
inline void check_rate(const takt::watch_event& e, double ppm) {
  CAPTURE(to_string(e));
  CHECK(e.rate_ppm - ppm <= e.rate_uncertainty_ppm);
  CHECK(ppm - e.rate_ppm <= e.rate_uncertainty_ppm);
}

/// Steps CLOCK_REALTIME by exactly that.
inline void step_exactly(nanoseconds by) {
  timex t{};
  t.modes = ADJ_SETOFFSET | ADJ_NANO;
  const auto whole = std::chrono::floor<std::chrono::seconds>(by);
  t.time.tv_sec = whole.count();
  t.time.tv_usec = (by - whole).count();
  adjust(t);
}

} // namespace guest
