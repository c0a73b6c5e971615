// Joins what perf recorded with a log of takt's stamps: which page faults happened in which section of a program, where
// perf knows nothing of sections and the program nothing of faults. The counter is what they have in common: the program
// stores ticks, and before it writes its log it converts them to the time by which perf stamps.
//
//   join_perf                            all of this, in a directory for temporary files
//   perf record -e page-faults:u -c 1 join_perf --work LOG
//   perf script --ns -F time,event | join_perf --join LOG
//
// The same joins a recording of ftrace: take the clock of its file trace_clock instead of clock::perf.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/wait.h>
#include <takt/clock/tsc_clock.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/observe/stamp_map.hpp>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using namespace std::chrono_literals;

constexpr int cannot = 77; // perf or the counter is not to be had here: nothing went wrong, but there is nothing to show
constexpr std::size_t pages = 64;

struct record {
  takt::tick_point at;
  const char* what;
};

/// The program: it fills fresh memory, which faults, and reads it, which does not.
int work(const std::string& path) {
  std::error_code ec;
  takt::tsc_clock::calibrate(20ms, ec);
  if (ec) return std::printf("this machine's counter makes no stamps: %s\n", ec.message().c_str()), cannot;
  takt::stamp_map stamps;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<record> log;
  log.reserve(16);
  for (int round = 0; round < 3; ++round) {
    stamps.sample(ec); // before, after, and now and then
    if (ec) return std::printf("stamp_map: %s\n", ec.message().c_str()), cannot;
    std::this_thread::sleep_for(100ms);
    void* const fresh = mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) return std::perror("mmap"), 1;
    madvise(fresh, pages * page, MADV_NOHUGEPAGE); // a fault a page
    volatile char* const bytes = static_cast<char*>(fresh);
    log.push_back({takt::read_counter(), "fill"});
    for (std::size_t i = 0; i < pages; ++i) bytes[i * page] = 1;
    log.push_back({takt::read_counter(), "read"});
    int sum = 0;
    for (int again = 0; again < 1000; ++again)
      for (std::size_t i = 0; i < pages; ++i) sum += bytes[i * page];
    log.push_back({takt::read_counter(), sum > 0 ? "other" : "nothing"});
    munmap(fresh, pages * page);
  }
  std::this_thread::sleep_for(100ms);
  stamps.sample(ec);

  using clock = takt::stamp_map::clock;
  if (const auto why = stamps.why(clock::perf))
    return std::printf("perf's clock is unknown: %s\n", takt::perf_clock::explain(why).c_str()), cannot;
  std::ofstream out(path); // time of perf in ns, error in ns, section that begins
  for (const record& r : log) {
    const auto s = stamps.from_ticks(r.at, clock::perf, ec);
    out << s.time.count() << ' ' << s.error.count() << ' ' << r.what << '\n';
  }
  return out.flush() ? 0 : 1;
}

struct entry {
  std::int64_t time = 0, error = 0;
  std::string what;
  int faults = 0;
};

/// Reads "   233.745332183: page-faults:u: ". Returns: the time in ns; -1 for any other line.
std::int64_t time_of(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  std::int64_t seconds = 0, part = 0;
  const char* const end = line.data() + line.size();
  const auto whole = std::from_chars(line.data(), end, seconds);
  if (whole.ec != std::errc() || whole.ptr == end || *whole.ptr != '.' || seconds < 0 || seconds > 9'000'000'000) return -1;
  const auto rest = std::from_chars(whole.ptr + 1, end, part);
  if (rest.ec != std::errc() || rest.ptr != whole.ptr + 10 || rest.ptr == end || *rest.ptr != ':' || part < 0) return -1;
  return seconds * 1'000'000'000 + part;
}

/// Prints the log with the events of perf in each section. Events within the error of a stamp may belong to either side.
int join(const std::string& path, std::istream& script) {
  std::vector<entry> sections;
  std::ifstream log(path);
  for (entry e; log >> e.time >> e.error >> e.what;) sections.push_back(e);
  if (sections.empty()) return std::printf("%s: there is no log\n", path.c_str()), 1;
  int before = 0, unsure = 0, unread = 0;
  for (std::string line; std::getline(script, line);) {
    const std::int64_t t = time_of(line);
    if (t < 0) {
      unread += !line.empty();
      continue;
    }
    const auto after = std::upper_bound(sections.begin(), sections.end(), t,
                                        [](std::int64_t time, const entry& e) { return time < e.time; });
    const bool close_before = after != sections.begin() && t - (after - 1)->time <= (after - 1)->error;
    const bool close_after = after != sections.end() && after->time - t <= after->error;
    unsure += close_before || close_after;
    if (after == sections.begin()) ++before;
    else ++(after - 1)->faults;
  }
  std::printf("perf's time            +/- ns  page faults  section\n");
  for (const entry& e : sections)
    std::printf("%10lld.%09lld  %6lld  %11d  %s\n", static_cast<long long>(e.time / 1'000'000'000),
                static_cast<long long>(e.time % 1'000'000'000), static_cast<long long>(e.error), e.faults, e.what.c_str());
  std::printf("%d before the first section, %d within the error of a stamp, %d lines not read\n", before, unsure, unread);
  int wrong = 0;
  for (const entry& e : sections) {
    // Code and stack may fault too, and a fault at a stamp counts on one side of it.
    if (e.what == "fill") wrong += e.faults + unsure < static_cast<int>(pages);
    if (e.what == "read") wrong += e.faults > static_cast<int>(pages) / 2 + unsure;
  }
  if (wrong != 0) std::printf("the faults are not where they happened\n");
  return wrong != 0;
}

int all(const char* self) {
  const std::string directory = (std::filesystem::temp_directory_path() / "join_perf.").string() + std::to_string(getpid());
  std::filesystem::create_directory(directory);
  const auto run = [&](const std::string& command) {
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  };
  const std::string program = std::filesystem::exists("/proc/self/exe") ? std::filesystem::read_symlink("/proc/self/exe").string() : self;
  const auto quoted = [](const std::string& path) { return "'" + path + "'"; };
  const std::string data = quoted(directory + "/perf.data"), log = directory + "/log";
  int status = cannot;
  if (run("command -v perf >/dev/null") != 0) {
    std::printf("perf is not installed (Debian: linux-perf): nothing to join\n");
  } else if (run("perf record -q -e page-faults:u -c 1 -o " + data + " true >/dev/null 2>&1") != 0) {
    std::error_code denied = std::make_error_code(std::errc::permission_denied);
    std::printf("perf cannot record here: %s\n", takt::perf_clock::explain(denied).c_str());
  } else {
    status = run("perf record -q -e page-faults:u -c 1 -o " + data + " " + quoted(program) + " --work " + quoted(log));
    if (status == 0) status = run("perf script -i " + data + " --ns -F time,event >" + quoted(directory + "/text") + " 2>/dev/null");
    if (status == 0) {
      std::ifstream script(directory + "/text");
      status = join(log, script);
    }
  }
  std::filesystem::remove_all(directory);
  return status;
}

} // namespace

int main(int count, char** arguments) {
  const std::string_view what = count == 3 ? arguments[1] : "";
  if (what == "--work") return work(arguments[2]);
  if (what == "--join") return join(arguments[2], std::cin);
  if (count != 1) return std::printf("join_perf [--work LOG | --join LOG]\n"), 2;
  const int status = all(arguments[0]);
  return status == cannot ? 0 : status;
}
