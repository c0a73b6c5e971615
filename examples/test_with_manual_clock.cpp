// How to test code that uses timers without sleeping: the code takes a grid_scheduler&, the test gives it one on a
// manual_clock, and an hour passes in a moment, the same way in every run.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <takt/testing/manual_clock.hpp>
#include <takt/scheduler/scheduler.hpp>
#include <utility>

using namespace std::chrono_literals;

/// The code under test: forgets entries that were not used for a minute; a second later is good enough.
class cache {
public:
  explicit cache(takt::grid_scheduler& timers) : timers_(timers) {}

  void put(const std::string& key, std::string value) {
    entries_[key] = {std::move(value), timers_.after(1min, takt::slack(1s), [this, key] { entries_.erase(key); })};
  }
  const std::string* get(const std::string& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    found->second.forget.move(1min, takt::slack(1s));
    return &found->second.value;
  }

private:
  struct entry {
    std::string value;
    takt::timer_handle forget;
  };
  takt::grid_scheduler& timers_;
  std::map<std::string, entry> entries_;
};

void expect(bool sound, const char* what) {
  std::printf("%s: %s\n", sound ? "ok" : "FAILED", what);
  if (!sound) std::exit(1);
}

int main() {
  takt::testing::manual_clock clock;
  takt::grid_scheduler timers(clock);
  cache words(timers);

  words.put("takt", "beat");
  words.put("uhr", "clock");
  clock.advance(59s);
  expect(words.get("takt") != nullptr, "still there before a minute is over");
  clock.advance(3s);
  expect(words.get("uhr") == nullptr, "forgotten after a minute and its slack");
  expect(words.get("takt") != nullptr, "asked for, it stays");
  expect(clock.pending() == 1, "one timer is armed");
  clock.advance_to_next();
  expect(words.get("takt") == nullptr, "the next thing to happen is that it is forgotten");
  expect(clock.advance(1h) == 0, "nothing happens for an hour");
  expect(timers.statistics().max_lateness() == 0ns, "and nothing was late");
}
