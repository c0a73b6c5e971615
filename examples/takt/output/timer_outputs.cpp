#include "timer_outputs.hpp"
#include "html_page.hpp"
#include "timer_picture.hpp"
#include <absl/strings/str_cat.h>
#include <algorithm>
#include <cmath>
#include <takt/kernel/tick.hpp>

namespace tool {

exit_code timer_outputs::open(const std::string& svg, const std::string& html, const std::string& perfetto,
                              const picture_origin& origin) {
  origin_ = origin;
  if (const exit_code c = svg_.open(svg); c != exit_code::done) return c;
  if (const exit_code c = html_.open(html, "--html"); c != exit_code::done) return c;
  if (const exit_code c = perfetto_.open(perfetto, "--perfetto"); c != exit_code::done) return c;
  if (perfetto_.wanted()) trace_.emplace([this](absl::string_view part) { perfetto_.append(part); }, origin_);
  return exit_code::done;
}

void timer_outputs::event(const takt::trace_event& e) {
  if (!first_) first_ = e.time;
  if (trace_) trace_->event(e);
  if (e.kind == takt::trace_kind::tick_stop && e.success && e.cpu >= 0)
    history_.tick_stopped(static_cast<unsigned>(e.cpu), e.time - *first_);
}

void timer_outputs::step(const takt::timer_trace::step& step, const std::vector<takt::timer_trace::usage>& usages) {
  const takt::timer_trace::usage* const usage = step.usage < usages.size() ? &usages[step.usage] : nullptr;
  if (trace_) trace_->life(step, usage);
  if (step.kind != takt::timer_trace::step::kind_type::expired || step.cpu < 0 || !first_) return;
  const auto cpu = static_cast<unsigned>(step.cpu);
  const auto t = step.time - *first_;
  std::string owner(step.function);
  if (usage != nullptr) {
    using kind = takt::timer_trace::owner::kind_type;
    const bool of_process = usage->owner.kind == kind::process || usage->owner.kind == kind::thread;
    owner = usage->owner.name.empty() ? "?" : usage->owner.name;
    if (of_process) absl::StrAppend(&owner, " (", usage->owner.process, ")");
    if (usage->owner.kind == kind::tick) {
      owner = "the tick";
      history_.tick(cpu, t);
    }
  }
  history_.expiry(cpu, t, step.woke_idle, owner);
}

exit_code timer_outputs::finish(const timer_recording& recording, const document& d) {
  if (trace_) trace_->finish(recording.source.lost);
  if (const exit_code c = perfetto_.finish(); c != exit_code::done) return c;
  if (!svg_.wanted() && !html_.wanted()) return exit_code::done;
  history_.end = std::max(history_.end, recording.lives.last() - recording.lives.first());
  // Of another machine's kernel the length of a jiffy is known from its timers alone.
  std::chrono::nanoseconds period = recording.lives.jiffy();
  if (std::error_code ec; recording.source.live)
    if (const takt::frequency hz = takt::kernel_hz(ec); !ec && hz.hertz() > 0)
      period = std::chrono::nanoseconds(std::llround(1e9 / hz.hertz()));
  if (const exit_code c = svg_.write([&] { return draw_timers_svg(history_, period, {}, origin_); });
      c != exit_code::done)
    return c;
  picture_origin part = origin_;
  part.date.clear();
  return html_.write([&] { return html_page(d, origin_, {draw_timers_svg(history_, period, {}, part)}); });
}

} // namespace tool
