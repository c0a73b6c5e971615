// takt clocksource - which counter the kernel keeps time by; another one for a while.
#include "command.hpp"
#include "document.hpp"
#include "scoped_clocksource.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <algorithm>
#include <takt/kernel/clocksource.hpp>

ABSL_FLAG(std::string, select, "", "NAME: Make NAME the clock source of the whole machine, and go back at the end");
ABSL_FLAG(std::optional<tool::duration>, for, std::nullopt, "TIME: End after TIME, as 10s, and not at Ctrl-C alone");

namespace tool {
namespace {

using std::chrono::steady_clock;

exit_code show() {
  section s{"clock_sources", "Clock sources", {}, {}, {}};
  s.add("current", "current", word(takt::clocksource::current()));
  s.add("available", "available", list(takt::clocksource::available()));
  print({{std::move(s)}});
  return exit_code::done;
}

void say_selected(const std::string& name, const scoped_clocksource& source, std::optional<duration> span) {
  if (json_wanted()) {
    const json held = span ? json(std::chrono::duration<double>(span->value).count()) : json(nullptr);
    print_line({{"event", "selected"},
                {"current", name},
                {"before", source.original()},
                {"held_s", held},
                {"by_hand", source.by_hand()}});
    return;
  }
  section s{"", "", {}, {}, {}};
  s.add("", "clock source", {absl::StrCat(name, ", was ", source.original()), {}});
  s.add("", "until", {span ? absl::StrCat(AbslUnparseFlag(*span), " have passed, or Ctrl-C") : "Ctrl-C", {}});
  s.add("", "then", {absl::StrCat(source.original(), " again"), {}});
  print({{std::move(s)}});
  absl::PrintF("  if killed, by hand:\n    %s\n", source.by_hand()); // to be copied: in one line
  static_cast<void>(flush_output());
}

void hold(const std::string& name, std::optional<duration> span) {
  const auto start = steady_clock::now();
  const auto left_of_time = steady_clock::time_point::max() - start;
  const auto end = !span || span->value >= left_of_time ? steady_clock::time_point::max() : start + span->value;
  progress shown(absl::StrCat("on ", name));
  for (auto now = start; now < end; now = steady_clock::now()) {
    // Without an end there is nothing to be shown and no reason to wake up.
    if (!sleep_until(span ? std::min(end, now + std::chrono::seconds(1)) : end)) break;
    if (span)
      shown.at(std::chrono::duration<double>(steady_clock::now() - start) / std::chrono::duration<double>(span->value));
  }
}

exit_code select(const std::string& name) {
  const std::optional<duration> span = absl::GetFlag(FLAGS_for);
  if (span && span->value <= std::chrono::nanoseconds::zero()) return wrong_usage("--for wants a time above zero");
  if (!may_change_this_machine("--select")) return exit_code::wrong_usage;

  const auto offered = takt::clocksource::available();
  if (std::find(offered.begin(), offered.end(), name) == offered.end()) {
    // Not left to the kernel: it takes an unknown name without a word and goes to the best source it has.
    return could_not(
        absl::StrCat("the kernel offers no clock source '", name, "', but ", absl::StrJoin(offered, ", ")));
  }
  scoped_clocksource source;
  if (source.original() == name) {
    if (json_wanted()) print_line({{"event", "kept"}, {"current", name}});
    else print({{{"", "", {{"", "clock source", {absl::StrCat(name, " already; nothing changed"), {}}, ""}}, {}, {}}}});
    return exit_code::done;
  }
  std::error_code ec;
  source.select(name, ec);
  if (ec == std::errc::permission_denied) return could_not(absl::StrCat("selecting ", name, " needs root"), ec);
  if (ec) return could_not(absl::StrCat("the kernel refuses the clock source '", name, "'"), ec);
  say_selected(name, source, span);
  hold(name, span);

  source.restore(ec);
  if (ec)
    return could_not(absl::StrCat("could not go back to ", source.original(), "; by hand: ", source.by_hand()), ec);
  if (json_wanted()) print_line({{"event", "restored"}, {"current", source.original()}});
  else print({{{"", "", {{"", "clock source", {absl::StrCat(source.original(), " again"), {}}, ""}}, {}, {}}}});
  return exit_code::done;
}

exit_code run() {
  const std::string name = absl::GetFlag(FLAGS_select);
  if (!name.empty()) return select(name);
  if (absl::GetFlag(FLAGS_for)) return wrong_usage("--for says how long --select lasts, and there is none");
  return show();
}

} // namespace

extern const command clocksource_command{
    "clocksource",
    "the counter the kernel keeps time by, and what else it could",
    "Shows the clock source in use and those the kernel offers, the best first.\n\n"
    "--select puts the whole machine on another one. What takt changes it undoes, so it holds the setting until Ctrl-C (or\n"
    "until --for is over, or SIGTERM or SIGHUP comes) and then goes back. Where the source before was the kernel's own first\n"
    "choice, the choice is its own again; another one is selected by name. Needs root and --yes-change-this-machine. What the\n"
    "kernel refuses is passed on. SIGKILL leaves no time to go back; how to do that by hand is said at the start. With --json\n"
    "each event is a line of its own.",
    "takt clocksource --select acpi_pm --for 30s --yes-change-this-machine   # how does my program do on a slow one?",
    {"select", "for", "yes_change_this_machine"},
    &run};

} // namespace tool
