#include "command.hpp"
#include "output/document.hpp"
#include "output/terminal.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/os.hpp>
#include <thread>
#include <tuple>
#include <unistd.h>

namespace tool {
namespace {
std::vector<command>& registry() {
  static std::vector<command> all; // constructed at the first use, whichever file comes first
  return all;
}
} // namespace

registered::registered(const command& c) {
  auto& all = registry();
  const auto order = [](const command& x) { return std::tie(x.group, x.place, x.name); };
  all.insert(std::upper_bound(all.begin(), all.end(), c, [&](const auto& a, const auto& b) { return order(a) < order(b); }), c);
}

const std::vector<command>& commands() { return registry(); }

namespace {
/// A complaint may quote an argument or the name of a file: nothing of it reaches the terminal as a command,
/// and no argument of 100 kB fills the screen.
std::string printable(absl::string_view text) {
  constexpr std::size_t beginning = 1000, end = 500;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.size() > beginning + end && i == beginning) {
      absl::StrAppend(&out, " ... ");
      i = text.size() - end;
    }
    const auto c = static_cast<unsigned char>(text[i]), next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    const bool control = c < ' ' || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0); // U+0080 to U+009F
    if (control) absl::StrAppendFormat(&out, "\\x%02x", c);
    else out += text[i];
  }
  return out;
}
void complain(const std::string& what) {
  progress::clear();
  const std::string line = absl::StrCat("takt: ", printable(what));
  if (isatty(STDERR_FILENO) != 0) print_hanging(stderr, line, 6, line_width(STDERR_FILENO));
  else absl::FPrintF(stderr, "%s\n", line);
}
} // namespace

exit_code could_not(absl::string_view what) {
  complain(std::string(what));
  return exit_code::could_not;
}
exit_code could_not(absl::string_view what, std::error_code why) {
  return could_not(absl::StrCat(what, ": ", why.message()));
}

exit_code wrong_usage(absl::string_view what) {
  complain(std::string(what));
  return exit_code::wrong_usage;
}

std::string why_unusable(const std::vector<unsigned>& cpus) {
  std::error_code ec;
  const std::vector<unsigned> online = takt::online_cpus(ec);
  for (const unsigned cpu : cpus) {
    if (!ec && !std::binary_search(online.begin(), online.end(), cpu))
      return absl::StrCat("CPU ", cpu, " is not online; those that are: ", cpu_list(online));
    int refused = 0;
    std::thread([&] { refused = takt::linux_os::pin_thread(cpu); }).join();
    if (refused == EINVAL) return absl::StrCat("CPU ", cpu, " may not be used by this process (cpuset)");
    if (refused != 0) return absl::StrCat("CPU ", cpu, ": ", std::generic_category().message(refused));
  }
  return {};
}

} // namespace tool
