// takt clocksource - which counter the kernel keeps time by; another one for a while or until the next boot; and advice.
#include "command.hpp"
#include "stop.hpp"
#include "model/clocksource_advice.hpp"
#include "model/scoped_clocksource.hpp"
#include "output/document.hpp"
#include "output/terminal.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <algorithm>
#include <takt/clock/verdict.hpp>
#include <takt/cpu/features.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/kernel_log.hpp>
#include <takt/kernel/os.hpp>
#include <unistd.h>

namespace tool {
namespace {

struct : flag_set {
  flag<std::string> select{this, "select", "NAME", "Make NAME the clock source of the whole machine, and go back at the end"};
  flag<std::optional<duration>> for_time{this, "for", "TIME", "End after TIME, as 10s; by default, at Ctrl-C"};
  flag<bool> stay{this, "stay", "With --select: leave it so until the next boot, and print how to have it then"};
  flag<std::string> advice{this, "advice", "NAME", "Print how to have NAME at the next boot, and what an untrusted TSC needs"};
  agreement_flag agreed{this, "Agree that this changes a setting of the whole machine; it is undone on exit, but for --stay"};
} flags;

using std::chrono::steady_clock;

exit_code show() {
  const std::string current = takt::clocksource::current();
  const std::vector<std::string> available = takt::clocksource::available();
  document d;
  d.headline = absl::StrCat("The kernel keeps time by ", current,
                            available.empty()              ? "."
                            : available.size() == 1        ? ", the only clock source it offers."
                            : available.front() == current ? absl::StrCat(", the best of the ", available.size(), " clock sources it offers.")
                                                           : absl::StrCat(", although it rates ", available.front(), " higher."));
  section s{"clock_sources", "Clock sources", {}, {}, {}};
  s.add("current", "current", word(current));
  s.add("available", "available", list(available));
  s.add_aside("offered", count(available.size()), "");
  const bool counter_missing = takt::cpu_features::read().cpuid && std::find(available.begin(), available.end(), takt::verdict::counter_source) == available.end();
  if (counter_missing)
    s.remarks.push_back(absl::StrCat("What can be done about the missing ", as_absl(takt::verdict::counter_source), ": takt clocksource --advice ",
                                     as_absl(takt::verdict::counter_source)));
  d.sections.push_back(std::move(s));
  print(d);
  return exit_code::done;
}

// Advice: printed, never written.

clocksource_facts gather_facts(const std::string& wanted, const std::vector<std::string>& offered) {
  clocksource_facts facts;
  facts.wanted = wanted;
  facts.offered = std::find(offered.begin(), offered.end(), wanted) != offered.end();
  const takt::cpu_features cpu = takt::cpu_features::read();
  facts.is_counter = cpu.cpuid && wanted == takt::verdict::counter_source;
  facts.invariant = cpu.invariant_tsc;
  facts.hypervisor = std::string(cpu.hypervisor_vendor.view());
  if (facts.hypervisor.empty() && cpu.hypervisor == true) facts.hypervisor = "unknown";
  std::error_code ec;
  if (const takt::kernel_log log = takt::kernel_log::read(ec); !ec && log.found_unstable()) facts.unstable = log.unstable_tsc;
  facts.grubby = access("/usr/sbin/grubby", X_OK) == 0 || access("/sbin/grubby", X_OK) == 0;
  for (const char* file : {"/etc/kernel/cmdline", "/boot/firmware/cmdline.txt"})
    if (access(file, F_OK) == 0) facts.command_line_file = file;
  return facts;
}

section advice_section(absl::string_view key, absl::string_view title, const std::vector<remedy>& all) {
  section s{std::string(key), std::string(title), {}, table{}, {}};
  s.table->columns = {{"what", "what"}, {"how", "how"}, {"where", "where"}, {"risk", "risk"}, {"source", "source"}};
  for (const remedy& r : all) s.table->rows.push_back({word(r.what), word(r.how), word(r.where), word(r.risk), word(r.source)});
  return s;
}

/// For people not as tables: what is to be copied stands in lines of its own, none of them wrapped.
void say_advice(const section& s) {
  print_title(s.title);
  for (const auto& row : s.table->rows) {
    const std::string &what = row[0].text, &how = row[1].text, &where = row[2].text, &risk = row[3].text, &source = row[4].text;
    say(absl::StrCat("- ", what, " [", source, "]", how.empty() ? "" : where.empty() ? ":" : absl::StrCat("; ", where, ":")), 2);
    for (std::size_t at = 0; !how.empty() && at <= how.size();) {
      const std::size_t end = std::min(how.find('\n', at), how.size());
      absl::PrintF("%s%s\n", end > at ? "      " : "", how.substr(at, end - at));
      at = end + 1;
    }
    if (risk.empty()) continue;
    std::fputs("  ", stdout);
    print_hanging(stdout, absl::StrCat("Risk: ", risk), 2, line_width(STDOUT_FILENO));
  }
}

document advice_on(const clocksource_facts& facts, const std::string& current) {
  document d;
  const bool untrusted = facts.is_counter && (!facts.offered || (facts.unstable && !facts.unstable->empty()));
  d.headline = absl::StrCat("The kernel keeps time by ", current, facts.offered ? "" : absl::StrCat(" and does not offer ", facts.wanted), ".");
  if (untrusted && facts.unstable && !facts.unstable->empty()) {
    const value why = word(*facts.unstable);
    absl::StrAppend(&d.headline, " It found the TSC unstable: ", why.text, ".");
  }
  if (!untrusted && current == facts.wanted) absl::StrAppend(&d.headline, " That is what was asked for: nothing has to be done.");
  absl::StrAppend(&d.headline, " takt only prints what follows and writes none of it.");
  if (untrusted) {
    d.sections.push_back(advice_section("untrusted", "What can be done about the TSC", for_untrusted_counter(facts)));
    d.sections.push_back(advice_section("parameters", "The kernel parameters tsc=, and what each risks", counter_parameters()));
  }
  if (facts.is_counter && !untrusted && current != facts.wanted && facts.invariant != true)
    d.sections.push_back(advice_section("hypervisor", "What the hypervisor can do", for_hypervisor(facts.hypervisor)));
  d.sections.push_back(advice_section("next_boot", absl::StrCat(untrusted ? "Once the kernel trusts it, to" : "To", " have ", facts.wanted, " at the next boot, one of these"), for_next_boot(facts)));
  std::erase_if(d.sections, [](const section& s) { return s.table->rows.empty(); });
  return d;
}

void print_advice(const document& d, bool at_the_end) {
  if (json_wanted()) return at_the_end ? print_summary(d) : print(d);
  if (!at_the_end) print_title(d.headline);
  for (const section& s : d.sections) {
    say("");
    say_advice(s);
  }
}

exit_code advise(const std::string& name) {
  std::error_code ec;
  const std::string current = takt::clocksource::current(ec);
  const std::vector<std::string> offered = ec ? std::vector<std::string>() : takt::clocksource::available(ec);
  if (ec) return could_not(current_clocksource_path, ec);
  const clocksource_facts facts = gather_facts(name, offered);
  if (!facts.offered && !facts.is_counter)
    return could_not(absl::StrCat("the kernel offers no clock source '", name, "', but ", absl::StrJoin(offered, ", ")));
  print_advice(advice_on(facts, current), false);
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
  say(absl::StrCat("The clock source is ", name, ", was ", source.original(), ". It will be ", source.original(), " again ",
                   span ? absl::StrCat("after ", AbslUnparseFlag(*span), " or at Ctrl-C") : "at Ctrl-C", ", SIGTERM or SIGHUP."));
  absl::PrintF("After SIGKILL, by hand:\n  %s\n", source.by_hand()); // to be copied: in one line
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

/// Leaves the machine with the clock source that was selected, and says how to go back and how to have it again.
exit_code leave(const std::string& name, scoped_clocksource& source, const std::vector<std::string>& offered) {
  std::error_code ec;
  if (const std::string now = takt::clocksource::current(ec); ec || now != name)
    return could_not(absl::StrCat("the kernel took the clock source '", name, "' and went on to '", now, "'; its log may say why"));
  source.keep();
  if (json_wanted()) {
    print_line({{"event", "selected"}, {"current", name}, {"before", source.original()}, {"held_s", nullptr}, {"by_hand", source.by_hand()}, {"stays", true}});
  } else {
    say(absl::StrCat("The clock source is ", name, ", was ", source.original(), ", and stays until the next boot, unless the kernel finds it unstable."));
    absl::PrintF("To go back:\n  %s\n", source.by_hand());
  }
  print_advice(advice_on(gather_facts(name, offered), name), true);
  return exit_code::done;
}

exit_code select(const std::string& name) {
  const std::optional<duration> span = *flags.for_time;
  if (span && span->value <= std::chrono::nanoseconds::zero()) return wrong_usage("--for wants a time above zero");
  if (!may_change_this_machine(flags.agreed, "--select")) return exit_code::wrong_usage;

  const auto offered = takt::clocksource::available();
  if (std::find(offered.begin(), offered.end(), name) == offered.end()) {
    // Not left to the kernel: it takes an unknown name without a word and goes to the best source it has.
    return could_not(
        absl::StrCat("the kernel offers no clock source '", name, "', but ", absl::StrJoin(offered, ", ")));
  }
  std::error_code ec;
  scoped_clocksource source(ec);
  if (ec) return cannot_hold(ec);
  if (source.original() == name) {
    if (json_wanted()) print_line({{"event", "kept"}, {"current", name}});
    else say(absl::StrCat("The clock source is ", name, " already; nothing changed."));
    return exit_code::done;
  }
  source.select(name, ec);
  if (ec == std::errc::permission_denied) return could_not(absl::StrCat("selecting ", name, " needs root"), ec);
  if (ec) return could_not(absl::StrCat("the kernel refuses the clock source '", name, "'"), ec);
  if (*flags.stay) return leave(name, source, offered);
  say_selected(name, source, span);
  hold(name, span);

  if (const exit_code back = source.restore(); back != exit_code::done) {
    if (json_wanted()) print_line({{"event", "not restored"}, {"current", takt::clocksource::current(ec)}, {"before", source.original()}});
    return back;
  }
  if (json_wanted()) print_line({{"event", "restored"}, {"current", source.original()}});
  else say(absl::StrCat("The clock source is ", source.original(), " again."));
  return exit_code::done;
}

exit_code run() {
  const std::string name = *flags.select, wanted = *flags.advice;
  if (*flags.stay && name.empty()) return wrong_usage("--stay says how long --select lasts, and there is none");
  if (*flags.stay && *flags.for_time) return wrong_usage("--stay and --for exclude each other");
  if (!wanted.empty() && !name.empty()) return wrong_usage("--advice changes nothing: it does not go with --select");
  if (!name.empty()) return select(name);
  if (*flags.for_time) return wrong_usage("--for says how long --select lasts, and there is none");
  return wanted.empty() ? show() : advise(wanted);
}

const registered entry({
    .name = "clocksource",
    .group = group::machine,
    .place = 6,
    .summary = "the clock source by which the kernel keeps time, and the others that it offers",
    .description = "Shows the clock source in use and those the kernel offers, the best first.\n\n"
                   "--select makes another one the clock source of the whole machine. takt undoes this change: it "
                   "holds the setting until Ctrl-C (or the end of --for, or SIGTERM, or SIGHUP), and then goes "
                   "back. If the kernel itself had chosen the earlier source, the kernel chooses again; otherwise "
                   "takt selects the earlier source by name. Needs root and --yes-change-this-machine. If the "
                   "kernel refuses, takt passes its error on. While one takt holds a clock source, a second one "
                   "that wants another is refused. SIGKILL leaves no time to go back; the first lines say how to "
                   "do that by hand. With --json each event is a line of its own.\n\n"
                   "With --stay takt ends at once and leaves the setting until the next boot. It then prints, and never "
                   "writes, what to write where for the next boot: a kernel parameter, GRUB's file, a unit of systemd. "
                   "--advice prints that without any change. For the TSC it adds what the hypervisor can do and, where "
                   "the kernel does not trust the TSC, what can be done about it, by the reason in the kernel's log, and "
                   "what each parameter tsc= risks. Each piece of advice names its source.",
    .example = "takt clocksource --select acpi_pm --for 30s --yes-change-this-machine   # how does my program do on a slow one?",
    .flags = &flags,
    .run = &run,
});

} // namespace
} // namespace tool
