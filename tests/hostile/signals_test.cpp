// Protects: whatever signal comes, at whatever moment, the tool ends as documented and leaves nothing behind: no other clock
// source, no half of a picture, no process.
#include "places.hpp"
#include <doctest/doctest.h>
#include <support/skip.hpp>

namespace {

using namespace hostile;

constexpr int none = 0;

/// Sends `signal` some time after the start, chosen from [0, within).
std::function<void(pid_t)> sends(int signal, std::mt19937_64& random, std::chrono::microseconds within) {
  const auto wait = static_cast<useconds_t>(random() % static_cast<std::uint64_t>(within.count()));
  return [signal, wait](pid_t child) {
    usleep(wait);
    kill(child, signal);
    if (signal == SIGSTOP) {
      usleep(20'000);
      kill(child, SIGCONT);
    }
  };
}

bool whole(const std::string& picture) {
  return picture.substr(0, 5) == "<svg " && picture.size() > 7 && picture.substr(picture.size() - 7) == "</svg>\n";
}

} // namespace

TEST_CASE("signals at any moment of any command") {
  std::mt19937_64 random(seed());
  for (const command& c : commands()) {
    bool draws = false;
    for (const flag& f : c.flags) draws = draws || f.name == "--svg";
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGSTOP, SIGKILL, SIGUSR1}) {
      for (int turn = 0; turn < (thorough() ? 10 : 1); ++turn) {
        const scratch directory;
        REQUIRE(!directory.path().empty());
        const bool json = random() % 2 == 0;
        std::vector<std::string> line = brief(c);
        if (json) line.emplace_back("--json");
        if (draws) line.insert(line.end(), {"--svg", "picture.svg"});
        place there;
        there.enter = [&directory] { must(chdir(directory.path().c_str()) == 0); };
        there.meanwhile = sends(signal, random, std::chrono::milliseconds(draws ? 300 : 60));
        const ending e = run(line, there);
        INFO("signal " << signal << "\n" << shown(line, e));
        // Before its handlers are there, and where a command ends at once anyway, a signal does what it does to any program.
        const bool killed = e.signal != none && e.signal == signal;
        if (killed) {
          CHECK_FALSE(e.left);
        } else {
          CHECK(wrong_with(e, {.json = json}) == "");
          CHECK(e.status != 2);
        }
        for (const std::string& name : directory.names()) {
          CHECK(name == "picture.svg");
          CHECK(whole(directory.read(name)));
        }
      }
    }
  }
}

TEST_CASE("signals at any moment while another clock source is selected") {
  // The kernel's files are covered by ordinary ones that the tool alone sees: no real clock source is touched.
  constexpr char sysfs[] = "/sys/devices/system/clocksource/clocksource0";
  const scratch fake;
  REQUIRE(!fake.path().empty());
  const auto reset = [&fake] {
    fake.write("current_clocksource", "old\n");
    fake.write("available_clocksource", "old new \n");
  };
  place there;
  there.enter = [&fake, sysfs] {
    own_mounts();
    must(mount(fake.path().c_str(), sysfs, nullptr, MS_BIND, nullptr) == 0);
  };
  const std::vector<std::string> lines[] = {
      {tool, "clocksource", "--select", "new", "--yes-change-this-machine", "--for", "100ms"},
      {tool, "cost", "--each-source", "--yes-change-this-machine", "--repetitions", "300", "--clocks", "monotonic"},
      {tool, "switch-window", "--provoke", "--yes-change-this-machine", "--runs", "40", "--sleep", "1ms"},
  };
  reset();
  {
    const ending e = run(lines[0], there);
    if (e.status == no_such_place) TAKT_SKIP("sysfs cannot be covered here");
    INFO(shown(lines[0], e));
    REQUIRE(e.status == 0);
    REQUIRE(fake.read("current_clocksource") == "old\n");
  }
  std::mt19937_64 random(seed());
  for (const auto& line : lines) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGABRT, SIGXCPU, SIGXFSZ, SIGPROF, SIGIO, SIGPIPE,
                             SIGSTOP, SIGRTMIN}) {
      for (int turn = 0; turn < (thorough() ? 20 : 1); ++turn) {
        reset();
        there.meanwhile = sends(signal, random, std::chrono::milliseconds(120));
        const ending e = run(line, there);
        INFO("signal " << signal << "\n" << shown(line, e));
        CHECK_FALSE(e.hung);
        CHECK_FALSE(e.left);
        if (e.signal != none) CHECK(e.signal == signal); // before there was anything to undo
        CHECK(fake.read("current_clocksource") == "old\n");
        CHECK(e.err.find("NOT BACK") == e.err.npos);
      }
    }
  }
}
