#include "run_measure.hpp"
#include "stop.hpp"
#include "model/timer_recording.hpp"
#include "model/trace/trace_session.hpp"
#include "model/watched_command.hpp"
#include <unistd.h>

namespace tool {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

namespace {

/// Counts instants, from expiries in the order of their times.
class instant_counter : public recording_listener {
public:
  void step(const takt::timer_trace::step& e, const std::vector<takt::timer_trace::usage>& usages) override {
    if (e.kind != takt::timer_trace::step::kind_type::expired) return;
    if (e.usage != takt::timer_trace::no_usage && usages[e.usage].owner.process == getpid()) return; // takt's own
    ++counts.expiries;
    if (counts.instants != 0 && e.time - last_ < instant_width) return;
    ++counts.instants, last_ = e.time;
  }
  wakeup_counts counts;

private:
  nanoseconds last_{};
};

} // namespace

bool can_measure_wakeups() {
  std::string why;
  return trace_session::open(needed_events, watched_events, why) != nullptr;
}

std::optional<run_result> run_measured(std::span<char*> command_line, bool output_to_error, bool watches,
                                       std::string& why, const std::function<void()>& prepare) {
  timer_recording recording(getpid());
  instant_counter counter;
  recording.listen(counter);
  run_result result;
  const termination_guard guard; // the tracing instance and the file of counts are to be removed first
  const auto session = watches ? trace_session::open(needed_events, watched_events, why) : nullptr;
  if (watches && session == nullptr) return std::nullopt;
  const auto command = watched_command::prepare(command_line, output_to_error, why, prepare);
  if (command == nullptr) return std::nullopt;
  if (session != nullptr && !session->start()) return why = "the recording of events cannot be started", std::nullopt;
  const auto take = [&](const takt::trace_event& e) { recording.add(e); };
  const auto begin = steady_clock::now();
  if (!command->start(why)) return std::nullopt;
  while (!command->ended()) {
    const auto pause = session != nullptr ? session->pause() : nanoseconds(std::chrono::hours(1));
    // Without a descriptor of the process (a kernel before 5.3) its end is seen within 20 ms.
    const auto next = command->descriptor() >= 0 ? pause : nanoseconds(std::chrono::milliseconds(20));
    if (!sleep_until(steady_clock::now() + next, command->descriptor()) && !command->ended()) {
      if (!result.stopped) static_cast<void>(command->finish()); // SIGTERM, once
      result.stopped = true;
      usleep(10'000); // a program may take its time to end
    }
    if (session != nullptr) session->take(take);
  }
  result.status = command->finish().value_or(1);
  result.length = steady_clock::now() - begin;
  if (session == nullptr) return result;
  session->stop(take);
  recording.finish();
  result.wakeups = counter.counts;
  result.wakeups.seen = true;
  result.wakeups.from_idle = recording.lives.idle_wakeups();
  return result;
}

} // namespace tool
