#include "wake_recorder.hpp"
#include "output/terminal.hpp"
#include <absl/strings/str_cat.h>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <thread>
#include <unistd.h>

namespace tool {
namespace {

using std::chrono::nanoseconds;
using monotonic = takt::posix_clock<CLOCK_MONOTONIC>;
using moment = takt::wake_run::moment;
using takt::trace_kind;

constexpr trace_kind needed_kinds[] = {trace_kind::hrtimer_start, trace_kind::hrtimer_expire_entry,
                                       trace_kind::sched_waking, trace_kind::sched_switch};
constexpr trace_kind wanted_kinds[] = {trace_kind::hrtimer_expire_exit, trace_kind::sched_wakeup,
                                       trace_kind::sched_migrate_task,
                                       trace_kind::local_timer_entry, trace_kind::local_timer_exit,
                                       trace_kind::irq_handler_entry, trace_kind::irq_handler_exit};

takt::tick_point ordered() { return takt::read_counter<takt::ordering::ordered>(); }
nanoseconds now() { return monotonic::now().time_since_epoch(); }

/// The counter and the kernel's clock at one moment.
struct reading {
  takt::tick_point before, after; ///< the counter before and after the clock was read
  std::uint32_t sequence_before = 0, sequence_after = 0; ///< of the vDSO's data, next to the clock's reading
  nanoseconds kernel{};
  [[nodiscard]] std::int64_t length() const { return static_cast<std::int64_t>((after - before).count()); }
};
template <class Sequence> reading read_both(const Sequence& sequence) {
  reading r;
  r.before = ordered();
  r.sequence_before = sequence();
  r.kernel = now();
  r.sequence_after = sequence();
  r.after = ordered();
  return r;
}
/// Returns: the narrowest of a few readings.
reading read_narrow() {
  const auto none = [] { return 0U; };
  reading best = read_both(none);
  for (int i = 0; i < 4; ++i)
    if (const reading next = read_both(none); next.length() < best.length()) best = next;
  return best;
}

std::optional<unsigned> cpu_now() {
  unsigned cpu = 0;
  return takt::linux_os::current_cpu(cpu) == 0 ? std::optional(cpu) : std::nullopt;
}

} // namespace

wake_recorder::wake_recorder(std::string why_not_traced, std::error_code& ec)
    : calibration_(takt::calibrate(std::chrono::milliseconds(20), ec)), why_(std::move(why_not_traced)),
      trace_(static_cast<std::int32_t>(gettid())) {
  if (ec) return;
  ns_per_tick_ = 1e9 / calibration_.rate().hertz();
  if (!why_.empty()) return;
  session_ = trace_session::open(needed_kinds, wanted_kinds, why_);
  if (session_ == nullptr) return;
  session_->on_mark([this](std::string_view word, std::uint64_t number, nanoseconds time) {
    if (word == "begin") trace_.begin(number);
    if (word == "end") trace_.end(number, time);
  });
  if (session_->start()) return;
  session_ = nullptr;
  why_ = "the kernel does not start the recording";
}

void wake_recorder::take_events(bool all, const std::function<void(wake_record&&)>& each) {
  if (session_ && all) std::this_thread::sleep_for(std::chrono::milliseconds(3)); // take() leaves the last one
  if (session_) session_->take([this](const takt::trace_event& e) { trace_.add(e); });
  // Runs end in order: a run before one that is complete will not be any more.
  std::size_t done = session_ && !all ? 0 : waiting_.size();
  for (std::size_t i = 0; i < waiting_.size(); ++i)
    if (session_ && trace_.complete(waiting_[i].run)) done = std::max(done, i + 1);
  for (; done > 0; --done) {
    each(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

exit_code wake_recorder::series(int runs, nanoseconds sleep, bool loaded, const before_sleep& prepare,
                                const std::function<void(wake_record&&)>& each) {
  const auto ns = [this](std::int64_t ticks) { return static_cast<double>(ticks) * ns_per_tick_; };
  const auto sequence = [this] { return page_.known() ? page_.sequence() : 0; };
  progress shown(loaded ? "waking up under load" : "waking up");
  nanoseconds last_taken = now();
  exit_code result = exit_code::done;
  takt::run_guard guard; // one for the series: closing its descriptors after each run would keep the tick from stopping
  for (int i = 0; i < runs && !stop_wanted() && !output_error(); ++i) {
    wake_record w;
    takt::wake_run& r = w.run;
    r.id = next_++, r.loaded = loaded;
    if (i > 0) guard.restart();
    const reading before = read_narrow();
    const std::string source = takt::clocksource::current();
    if (session_) session_->mark("begin", r.id);
    r.cpu_before = cpu_now();
    const nanoseconds expiry = now() + sleep;
    const std::uint32_t awake = sequence();
    std::shared_ptr<void> prepared = prepare ? prepare(source, sleep) : nullptr;
    int error = 0;
    do {
      error = takt::linux_os::sleep_until(CLOCK_MONOTONIC, takt::to_timespec(expiry));
    } while (error == EINTR && !stop_wanted());
    const reading first = read_both(sequence);
    const nanoseconds second = now();
    const takt::tick_point after_second = ordered();
    if (session_) session_->mark("end", r.id);
    r.after_mark = now();
    r.cpu_after = cpu_now();
    if (error == EINTR) break; // stopped before the timer expired: that is no wake-up
    if (error != 0) {
      result = could_not("sleeping until the timer expires", {error, std::system_category()});
      break;
    }
    prepared.reset(); // a switch that comes late is inside the run all the same
    const reading after = read_narrow();
    w.guard = guard.finish();
    r.set(moment::expiry, expiry);
    r.set(moment::first_reading, first.kernel), r.set(moment::second_reading, second);
    r.source_before = w.guard.source_before, r.source_after = w.guard.source_after;
    w.first_read_ns = ns(first.length());
    if (page_.known()) {
      r.retried = page_.updates_between(first.sequence_before, first.sequence_after) != 0;
      w.updates = page_.updates_between(awake, first.sequence_before);
    }
    const auto middle = [](const reading& x) { return x.before + takt::ticks(static_cast<std::uint64_t>(x.length()) / 2); };
    w.shift_ns = ns((middle(after) - middle(before)).signed_count()) -
                 static_cast<double>((after.kernel - before.kernel).count());
    w.shift_uncertainty_ns = ns(before.length() + after.length()) / 2;

    // The counter's line begins at the first reading, and goes on at the rate that was measured, give or take its error.
    if (!origin_) origin_ = {middle(before), before.kernel};
    const auto on_line = [&](takt::tick_point t) {
      return origin_->second + nanoseconds(std::llround(ns((t - origin_->first).signed_count())));
    };
    const double passed = static_cast<double>((second - origin_->second).count());
    const nanoseconds doubt(std::llround(passed * calibration_.uncertainty_ppm() * 1e-6));
    w.counter.time = second;
    w.counter.low = second - on_line(after_second) - doubt, w.counter.high = second - on_line(first.after) + doubt;
    const auto known = std::find(sources_.begin(), sources_.end(), r.source_after);
    w.counter.source = static_cast<std::uint32_t>(known - sources_.begin());
    if (known == sources_.end()) sources_.push_back(r.source_after);
    w.counter.loaded = loaded;
    waiting_.push_back(std::move(w));
    if (!session_ || now() - last_taken > session_->pause()) {
      take_events(false, each);
      last_taken = now();
    }
    shown.at(static_cast<double>(i + 1) / runs);
  }
  take_events(true, each);
  return result;
}

} // namespace tool
