/// recorder.hpp - what clock_watch tells while it lives, in a thread of its own, and when it told it.
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

struct told_event {
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

  /// Returns: all that was told, after one more look.
  const std::vector<told_event>& end() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return told_;
  }
  [[nodiscard]] std::string description() const {
    std::string text = std::to_string(looks_) + " looks, " + std::to_string(by_kernel_) + " told by the kernel, sets good to " +
                       std::to_string(half_width_.count()) + " ns";
    for (const told_event& t : told_) text += "\n  " + to_string(t.event);
    return text;
  }
  [[nodiscard]] std::size_t count(takt::watch_kind k) const {
    std::size_t n = 0;
    for (const told_event& t : told_) n += t.event.kind == k;
    return n;
  }
  /// Returns: the first of that kind; ends the test case if there is none.
  [[nodiscard]] const told_event& first(takt::watch_kind k) const {
    const auto found = std::find_if(told_.begin(), told_.end(), [&](const told_event& t) { return t.event.kind == k; });
    REQUIRE(found != told_.end());
    return *found;
  }
  [[nodiscard]] std::uint64_t looks() const noexcept { return looks_; }

private:
  void record() {
    std::error_code ec;
    takt::clock_watch watch(period_, ec);
    if (ec) std::abort();
    begun_ = true;
    const auto take = [&](const std::vector<takt::watch_event>& events) {
      const nanoseconds at = read(CLOCK_MONOTONIC);
      for (const takt::watch_event& e : events) told_.push_back({e, at});
    };
    while (!stop_ && !ec) take(watch.wait(period_, ec));
    take(watch.look(ec));
    if (ec) std::abort();
    looks_ = watch.looks(), by_kernel_ = watch.told();
    half_width_ = watch.history().last()->readings.half_width;
  }

  nanoseconds period_;
  std::atomic<bool> begun_{false}, stop_{false};
  std::vector<told_event> told_;
  std::uint64_t looks_ = 0, by_kernel_ = 0;
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
