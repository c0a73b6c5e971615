// A logger for hot paths: a record is the bare counter, 10 ns, and what happened. Nothing is converted while the program
// runs. Beside the log it keeps a history of the counter, by which any program dates the records: another process, on
// another machine, after a reboot.
//
//   log_stamps FILE            logs to FILE and keeps FILE.ticks, for half a second
//   log_stamps --print FILE    prints FILE by FILE.ticks; needs neither the process nor the machine that wrote them
//   log_stamps                 both, one after the other, in a directory for temporary files
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <takt/clock/tick_history.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/timer/keeper.hpp>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

constexpr int no_stamps = 77; // this machine's counter is no clock: nothing went wrong, but there is nothing to show

struct record {
  std::uint64_t ticks = 0;
  int number = 0;
  char what[12]{};
};

class log_of_a_thread {
public:
  log_of_a_thread() { records_.reserve(1000); }
  void add(std::string_view what, int number) {
    record r{takt::read_counter().count(), number};
    what.copy(r.what, sizeof(r.what) - 1);
    records_.push_back(r);
  }
  void append_to(const std::string& path) {
    std::ofstream out(path, std::ios::binary | std::ios::app);
    for (const record& r : records_) out.write(reinterpret_cast<const char*>(&r), sizeof(r));
    records_.clear();
  }

private:
  std::vector<record> records_;
};

int write_log(const std::string& path) {
  const takt::clock_keeper keeper;
  if (takt::tsc_clock::source() != takt::clock_path::counter)
    return std::printf("this machine's counter makes no stamps: %s\n", keeper.report().first_error.message().c_str()),
           no_stamps;

  takt::tick_history::writer history(path + ".ticks", 24h); // it shall reach back a day
  log_of_a_thread log;
  for (int i = 1; i <= 5; ++i) {
    log.add("order", i);
    log.add("executed", i);
    std::this_thread::sleep_for(100ms);
    // A thread that may wait for the disk does this now and then. With the history saved first, a log that was written
    // half can be dated as well.
    std::error_code ec;
    history.save(ec);
    if (ec) return std::printf("%s.ticks: %s\n", path.c_str(), ec.message().c_str()), 1;
    log.append_to(path);
  }
  return 0; // the destructor saves the end
}

int print_log(const std::string& path) {
  std::error_code ec;
  const auto history = takt::tick_history::load(path + ".ticks", ec);
  if (ec) std::printf("%s.ticks: %s; what was readable serves\n", path.c_str(), ec.message().c_str());
  std::ifstream in(path, std::ios::binary);
  if (!in || history.empty()) return std::printf("%s: there is no log, or no history\n", path.c_str()), 1;
  record r;
  while (in.read(reinterpret_cast<char*>(&r), sizeof(r))) {
    const auto when = history.date(takt::tick_point(r.ticks));
    const auto second = std::chrono::floor<std::chrono::seconds>(when.system);
    const std::time_t seconds = second.time_since_epoch().count();
    std::tm local{};
    localtime_r(&seconds, &local);
    r.what[sizeof(r.what) - 1] = '\0';
    std::printf("%02d:%02d:%02d.%09lld  +/- %3lld ns  %s %d\n", local.tm_hour, local.tm_min, local.tm_sec,
                static_cast<long long>((when.system - second).count()), static_cast<long long>(when.error.count()),
                r.what, r.number);
  }
  return 0;
}

} // namespace

int main(int count, char** arguments) {
  if (count == 3 && std::string_view(arguments[1]) == "--print") return print_log(arguments[2]);
  if (count == 2) return write_log(arguments[1]);
  if (count != 1) return std::printf("log_stamps [[--print] FILE]\n"), 2;
  std::string directory = (std::filesystem::temp_directory_path() / "log_stamps.").string() +
                          std::to_string(takt::read_counter().count());
  std::filesystem::create_directory(directory);
  const std::string path = directory + "/log";
  int status = write_log(path);
  if (status == 0) status = print_log(path);
  std::filesystem::remove_all(directory);
  return status == no_stamps ? 0 : status;
}
