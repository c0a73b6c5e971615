// Ordering transactions of many machines without a message between them: each gets the latest time that UTC may be, and
// is visible only when that has certainly passed. A transaction that begins after it is visible, on any machine whose
// bound is true, then gets a later time. Without a time daemon that states its error there is no bound, and the program
// says why.
#include <chrono>
#include <cstdio>
#include <takt/clock/bounded_clock.hpp>
#include <takt/sleep/wait_until_past.hpp>
#include <takt/timer/keeper.hpp>

int main() {
  using takt::bounded_clock, takt::bounded_time;
  takt::clock_keeper keeper;

  const bounded_time now = bounded_clock::now();
  std::printf("%s\n", explain(now).c_str());
  if (now.error() > std::chrono::seconds(1)) {
    std::printf("no commits: nothing is known of the clock, or too little\n");
    return 0;
  }
  for (int i = 0; i < 5; ++i) {
    const bounded_time::time_point stamp = bounded_clock::now().latest;
    std::error_code ec;
    takt::wait_until_past(stamp, ec);
    if (ec) {
      std::printf("not committed: %s\n", ec.message().c_str());
      return 0;
    }
    const bounded_time then = bounded_clock::now();
    std::printf("committed at %lld ns; a transaction that begins now gets at least %lld ns more\n",
                static_cast<long long>(stamp.time_since_epoch().count()),
                static_cast<long long>((then.earliest - stamp).count()));
  }
}
