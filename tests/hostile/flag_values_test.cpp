// Protects: no value of any flag, by itself or in the place of a sensible one, crashes the tool, makes it hang or disturbs the
// terminal: it is refused with status 2 and a line that names the flag, or the command runs.
#include "places.hpp"
#include <doctest/doctest.h>

#include <algorithm>

namespace {

using namespace hostile;

std::vector<std::string> hostile_values() {
  std::vector<std::string> values = {
      "", " ", "0", "-0", "-1", "1", "2", "5", "+7", "007", "0x10", "1e3", "1.5", ".5", "5.", "1,5", "1_000", "1'000",
      "2147483647", "2147483648", "-2147483649", "4294967296", "9223372036854775807", "9223372036854775808",
      "-9223372036854775808", "18446744073709551616", "99999999999999999999999999", "1e400", "-1e400", "1e-400",
      "nan", "NaN", "-nan", "inf", "-inf", "infinity", "true", "false", "null", "none", "all",
      "0s", "0ns", "-0s", "1ns", "-1ns", "999us", "1ms", "20ms", "-5ms", "5 ms", "5MS", "5Ms", "ms", "5m", "5min", "5minmin", "5h",
      "5d", "5y", "5parsec", "1ms1us", "1ms 1us", "1e3ms", "1e999s", "0x5ms", ".ms", "1..5s", "292y", "99999999999999h",
      "9223372036854775807ns", "9223372036854775808ns", "106751d", "1s\n", "\n", "\t", "\x01", "\x7f", "\x1b[2J\x1b]0;x\x07",
      "\r", "\xff\xfe", "\xc2\x9b", "\xe6\x97\xa5\xe6\x9c\xac", "\xe2\x80\xae" "5ms", "%s%s%n", "%99999999d", "{}", "$(true)", "; true", "../..", "/", ".",
      "..", "/dev/null", "/dev/full", "/proc/self/mem", "/dev/fd/99", "no/such/directory/file", "-", "--", "--json", "-h", "=", "=5", "a=b", "*", "\\", "'", "\"",
      "1-2", "2-1", "-1-5", "0-0", "1-", "-", "1--2", "1-2-3", "0-4294967295", "0,0,0", ",", "0,", "1-101", "50-50", "0-100",
      "1x1", "0x0", "1x", "x1", "1x1x1", "-1x-1", "99999x99999", "2147483648x2", "1x2147483647x2147483647", "1ms-2ms", "2ms-1ms", "0s-0s", "1ns-290y",
      "fifo", "rr", "FIFO", "tsc", "monotonic", "clock"};
  values.push_back(std::string(10'000, '9'));
  values.push_back(std::string(10'000, '9') + "ms");
  values.push_back(std::string(100'000, 'x'));
  values.push_back(std::string(1'000, '-'));
  return values;
}

bool has_control_character(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return (c < ' ' && c != '\n') || c == 0x7f; });
}

/// The arguments without `name` and its value.
std::vector<std::string> without(std::vector<std::string> line, const std::string& name) {
  const auto found = std::find(line.begin(), line.end(), name);
  if (found != line.end()) line.erase(found, found + 2);
  return line;
}

} // namespace

TEST_CASE("hostile values of every flag") {
  const auto values = hostile_values();
  // Nothing that changes the machine is agreed to.
  const auto dangerous = [](const flag& f) { return f.name == "--yes-change-this-machine"; };
  sample one_in(60);
  std::size_t tried = 0, refused = 0;
  for (const command& c : commands()) {
    for (const flag& f : c.flags) {
      if (dangerous(f)) continue;
      for (const std::string& value : values) {
        for (const bool joined : {true, false}) {
          if (!joined && f.value.empty()) continue; // a switch takes its value behind =
          if (!one_in()) continue;
          const scratch directory; // for files of that name
          std::vector<std::string> line = without(brief(c), f.name);
          if (joined) line.push_back(f.name + "=" + value);
          else line.insert(line.end(), {f.name, value});
          place there;
          there.enter = [&directory] { must(chdir(directory.path().c_str()) == 0); };
          // A command that runs for long is asked to end.
          there.meanwhile = [](pid_t child) {
            for (int i = 0; i < 100; ++i) {
              siginfo_t how{};
              if (waitid(P_PID, static_cast<id_t>(child), &how, WEXITED | WNOHANG | WNOWAIT) == 0 && how.si_pid == child) return;
              usleep(5'000);
            }
            kill(child, SIGINT);
          };
          const ending e = run(line, there);
          ++tried, refused += e.status == 2;
          INFO(shown(line, e));
          if (e.signal == SIGINT) continue; // of a command that ends at once, but not on this machine at this moment
          if (f.name == "--dump" && value == "-" && e.status == 0) continue; // an image, and no text
          CHECK(wrong_with(e) == "");
          CHECK_FALSE(has_control_character(e.err));
          CHECK(e.err.size() < 4000);
          if (e.status != 0) CHECK(std::count(e.err.begin(), e.err.end(), '\n') == 1);
          if (e.status == 2) {
            const bool stray = value.substr(0, 1) == "-" && !joined; // "what is '-h'?", or the help
            if (!stray) CHECK(e.err.find(f.name) != e.err.npos);
          }
        }
      }
    }
  }
  CHECK(refused > tried / 4);
  CHECK(tried > (thorough() ? 3000U : 50U));
}
