// A logger for hot paths: a record is the bare counter, 10 ns, and what happened; the time is worked out when somebody
// reads the log, by the line that was in force when the record was made. A keeper renews that line once a second, and the
// last 63 lines are kept: records of the last minute come out as well as new ones. Older ones are reckoned back from the
// oldest line, and their error says so: who keeps a log for longer works the times out once a minute.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <takt/clock/tsc_clock.hpp>
#include <takt/timer/keeper.hpp>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

struct record {
  takt::ticks at;
  const char* what;
  int number;
};

class log_of_a_thread {
public:
  log_of_a_thread() { records_.reserve(1000); }
  void add(const char* what, int number) { records_.push_back({takt::read_counter(), what, number}); }

  void print() const {
    // Once for all records: how the system clock stands to the line now. If somebody stepped it since a record was made,
    // the record comes out in today's reckoning, and records stay in their order.
    const auto now = takt::tsc_clock::now();
    const auto system = takt::tsc_clock::to_sys(now) - now.time_since_epoch();
    for (const record& r : records_) {
      const auto when = takt::tsc_clock::date(r.at);
      const auto wall = (system + when.time.time_since_epoch()).time_since_epoch();
      const auto second = std::chrono::floor<std::chrono::seconds>(wall);
      const std::time_t seconds = second.count();
      std::tm local{};
      localtime_r(&seconds, &local);
      std::printf("%02d:%02d:%02d.%09lld  +/- %3lld ns  %s %d\n", local.tm_hour, local.tm_min, local.tm_sec,
                  static_cast<long long>((wall - second).count()), static_cast<long long>(when.error.count()), r.what,
                  r.number);
    }
  }

private:
  std::vector<record> records_;
};

} // namespace

int main() {
  std::error_code ec;
  takt::tsc_clock::calibrate(5ms, ec, 1s);
  if (ec) return std::printf("this machine's counter makes no stamps: %s\n", ec.message().c_str()), 0;
  const takt::clock_keeper<> keeper(1s, ec);

  log_of_a_thread log;
  for (int i = 1; i <= 5; ++i) {
    log.add("order", i);
    log.add("executed", i);
    std::this_thread::sleep_for(20ms);
  }
  log.print();
}
