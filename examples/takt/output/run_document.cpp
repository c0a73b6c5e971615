#include "run_document.hpp"
#include "model/preload_object.hpp"
#include "terminal.hpp"
#include "timers_document.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <cstdio>
#include <unistd.h>
#include <vector>

namespace tool {

using std::chrono::nanoseconds;

namespace {
std::string percent(std::uint32_t ppm) {
  std::string text = decimal(ppm / 10'000.0, 4);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " %";
}
std::string in_words(const run_plan& plan) {
  return absl::StrCat("by up to ", time_value(plan.wanted.allowed.slack).text, ", and ",
                      percent(plan.wanted.allowed.share_ppm), " of a wait");
}
} // namespace

std::string headline_of(const run_plan& plan) {
  const std::string slack = time_value(plan.kernel_slack).text;
  const std::string who = plan.name.empty() ? "the program" : plan.name;
  if (plan.preloads)
    return absl::StrCat("A preloaded object moves the waits of ", who, " ", in_words(plan), "; the kernel may add ",
                        slack, " of timer slack.");
  const std::string kernel = absl::StrCat("The kernel alone moves its waits, by a timer slack of ", slack,
                                          ", which real-time threads, timerfd and POSIX timers ignore.");
  if (plan.kernel_only) return kernel;
  return absl::StrCat(who, " ", as_absl(reason_of(plan.program->obstacle)), ": nothing can be preloaded. ", kernel);
}

document run_document(const run_plan& plan) {
  document d;
  d.headline = headline_of(plan);
  section s{"run", "What is done", {}, {}, {}};
  if (!plan.name.empty()) s.add("program", "program", word(plan.name));
  if (plan.program) {
    s.add("path", "file", word(plan.program->path));
    if (!plan.program->interpreter.empty()) s.add("interpreter", "run by", word(plan.program->interpreter));
    s.add("loader", "loader", plan.program->loader.empty() ? value{"none", nullptr} : word(plan.program->loader));
    const bool reached = plan.program->obstacle == obstacle::none;
    s.add("reached", "an object can be preloaded",
          {reached ? "yes" : absl::StrCat("no: it ", as_absl(reason_of(plan.program->obstacle))), reached});
  }
  s.add("object", "preloaded object", plan.preloads ? word(plan.object) : value{"none", nullptr});
  s.add("kernel_slack_ns", "kernel's timer slack", time_value(plan.kernel_slack));
  s.add("slack_ns", "slack", time_value(plan.wanted.allowed.slack));
  // The kernel knows no share.
  if (plan.preloads)
    s.add("share_percent", "share of a wait",
          {percent(plan.wanted.allowed.share_ppm), plan.wanted.allowed.share_ppm / 10'000.0});
  if (plan.preloads) s.add("waits", "waits", list(names_of(plan.wanted.families)));
  d.sections.push_back(std::move(s));
  return d;
}

namespace {

section counts_section(const preload::counts_file& counts, unsigned long long& waits, unsigned long long& moved) {
  section s{"waits", "Waits with a time-out, by function", {}, table{}, {}};
  s.table->columns = {{"function", "function"},
                      {"waits", "waits", true},
                      {"moved", "moved", true},
                      {"mean_ns", "moved by,\nmean", true},
                      {"longest_ns", "moved by,\nmax", true}};
  for (std::size_t i = 0; i < preload::wait_count; ++i) {
    const preload::wait_counts& c = counts.of[i];
    const auto n = c.waits.load(), m = c.moved.load();
    if (n == 0) continue;
    waits += n, moved += m;
    const nanoseconds mean(m == 0 ? 0 : static_cast<std::int64_t>(c.moved_ns.load() / m));
    const nanoseconds longest(static_cast<std::int64_t>(c.longest_ns.load()));
    s.table->rows.push_back(
        {word(as_absl(preload::wait_list[i].name)), count(n), count(m), brief_time(mean), brief_time(longest)});
  }
  s.add("programs", "programs with the object", count(counts.programs.load()));
  if (s.table->rows.empty()) s.table.reset();
  return s;
}

value per_second(std::uint64_t n, nanoseconds length) {
  return number(
      length <= nanoseconds::zero() ? 0 : static_cast<double>(n) / std::chrono::duration<double>(length).count(), 1);
}

section comparison(const run_result& without, const run_result& with) {
  section s{"wakeups", "What woke this machine, without and with takt", {}, table{}, {}};
  s.table->columns = {{"run", "run"},
                      {"length_ns", "time", true},
                      {"status", "exit status", true},
                      {"expiries_per_s", "expiries/s", true},
                      {"instants_per_s", "wake-up instants/s", true},
                      {"from_idle_per_s", "from idle/s", true}};
  for (const auto& [name, r] : {std::pair("without", &without), std::pair("with", &with)})
    s.table->rows.push_back({word(name),
                             brief_time(r->length),
                             {absl::StrCat(r->status), r->status},
                             per_second(r->wakeups.expiries, r->length),
                             per_second(r->wakeups.instants, r->length),
                             per_second(r->wakeups.from_idle, r->length)});
  s.remarks.push_back(
      "The program ran twice, one run after the other. All processes of the machine are counted but takt "
      "itself. Differences below 10 %, and of a few wake-ups, are noise.");
  return s;
}

} // namespace

document report_document(const run_plan& plan, const preload::counts_file& counts,
                         const std::optional<run_result>& without, const run_result& with) {
  document d;
  unsigned long long waits = 0, moved = 0;
  section s = counts_section(counts, waits, moved);
  s.add("status", "exit status", {absl::StrCat(with.status), with.status});
  s.add("length_ns", "time", brief_time(with.length));
  d.headline = !plan.preloads ? absl::StrCat("Waits were not counted: ", headline_of(plan))
                              : absl::StrCat(plan.name, " made ", count(waits).text,
                                             waits == 1 ? " wait" : " waits", " with a time-out, of which ",
                                             count(moved).text, moved == 1 ? " was moved." : " were moved.");
  constexpr std::uint64_t enough = 100; // of so many, a difference of 10 % is not chance alone
  if (without && with.wakeups.seen && std::max(without->wakeups.from_idle, with.wakeups.from_idle) < enough)
    absl::StrAppend(&d.headline, " Too few wake-ups from idle to compare: ", count(without->wakeups.from_idle).text,
                    " without takt, ", count(with.wakeups.from_idle).text, " with it.");
  else if (without && with.wakeups.seen)
    absl::StrAppend(&d.headline, " Wake-ups from idle: ", per_second(without->wakeups.from_idle, without->length).text,
                    " a second without takt, ", per_second(with.wakeups.from_idle, with.length).text, " with it.");
  d.sections.push_back(std::move(s));
  if (without) d.sections.push_back(comparison(*without, with));
  return d;
}

void say_on_error(absl::string_view text) {
  print_hanging(stderr, text, 0, line_width(STDERR_FILENO));
  std::fflush(stderr);
}
void print_on_error(const document& d) {
  print_text(d, stderr, line_width(STDERR_FILENO));
  std::fflush(stderr);
}

} // namespace tool
