// Time-outs of connections: each owns its timer, so arming one allocates nothing, and every message that arrives postpones
// it. It does not matter whether an idle connection is closed after 3.0 or 3.3 seconds. With that slack, one wake-up
// serves all connections that are due at about the same time. Arguments: connections (10000), seconds (10).
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <random>
#include <takt/scheduler/scheduler.hpp>

using namespace std::chrono_literals;

class connection {
public:
  connection(takt::grid_scheduler& timers, int& open) : open_(open), idle_(timers, [this] { close(); }) {
    ++open_;
    received();
  }
  void received() {
    if (closed_) return;
    idle_.arm(3s, takt::slack(300ms)); // armed already: moved
  }

private:
  void close() {
    closed_ = true;
    --open_;
  }

  int& open_;
  bool closed_ = false;
  takt::grid_timer idle_; // cancelled when the connection dies
};

int main(int argc, char** argv) {
  const auto count = static_cast<std::size_t>(argc > 1 ? std::atol(argv[1]) : 10'000);
  const std::chrono::seconds run_for(argc > 2 ? std::atol(argv[2]) : 10);

  takt::grid_scheduler timers;
  int open = 0;
  std::deque<connection> connections; // does not move what it holds
  for (std::size_t i = 0; i < count; ++i) connections.emplace_back(timers, open);

  // Messages arrive at a fifth of the connections a second, at fewer of them each second.
  std::mt19937 random(1);
  std::size_t messages = 0, busy = count;
  auto traffic = timers.every(100ms, takt::slack(20ms), [&] {
    for (std::size_t i = 0; i < count / 50; ++i, ++messages) connections[random() % busy].received();
  });
  auto decline = timers.every(1s, takt::slack(100ms), [&] {
    busy = busy * 3 / 4 + 1;
    std::printf("%6zu messages, %6d connections open, %6zu timers armed\n", messages, open, timers.pending());
    std::fflush(stdout);
  });
  auto end = timers.after(run_for, takt::slack(0s), [&] { timers.stop(); });
  timers.run();

  const auto s = timers.statistics();
  std::printf("%llu timers fired in %llu wake-ups; plain timers would have needed %llu\n",
              static_cast<unsigned long long>(s.fired()), static_cast<unsigned long long>(s.wakeups()),
              static_cast<unsigned long long>(s.plain_wakeups()));
}
