#include "load_workers.hpp"
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <pthread.h>
#include <random>
#include <sched.h>
#include <takt/kernel/posix_clock.hpp>

namespace tool {

load_workers::load_workers(const std::vector<unsigned>& cpus, std::error_code& ec) {
  const auto workers = static_cast<unsigned>(cpus.size());
  const unsigned busy = std::max(1U, workers * 3 / 5);
  for (unsigned mine = 0; mine < workers; ++mine) {
    threads_.emplace_back([this, mine, workers, busy] {
      while (!stop_.load(std::memory_order_relaxed)) {
        const unsigned turn = turn_.load(std::memory_order_relaxed);
        if ((mine + turn) % workers < busy) static_cast<void>(takt::posix_clock<CLOCK_MONOTONIC>::now());
        else turn_.wait(turn);
      }
    });
    cpu_set_t one;
    CPU_ZERO(&one);
    int error = EINVAL;
    if (cpus[mine] < CPU_SETSIZE) {
      CPU_SET(cpus[mine], &one);
      error = pthread_setaffinity_np(threads_.back().native_handle(), sizeof one, &one);
    }
    if (error != 0) {
      ec.assign(error, std::generic_category());
      return;
    }
  }
  if (workers < 2) return;
  threads_.emplace_back([this, workers] {
    std::minstd_rand random(1);
    while (!stop_) {
      constexpr std::chrono::microseconds shortest(500), spread(4500);
      std::this_thread::sleep_for(shortest + spread * static_cast<int>(random() % 1000) / 1000);
      next_turn(1 + static_cast<unsigned>(random() % (workers - 1)));
    }
  });
}

load_workers::~load_workers() {
  stop_ = true;
  next_turn(1);
}

void load_workers::next_turn(unsigned step) {
  turn_ += step;
  turn_.notify_all();
}

std::vector<unsigned> usable_cpus() {
  std::vector<unsigned> cpus;
  cpu_set_t all;
  CPU_ZERO(&all);
  if (sched_getaffinity(0, sizeof all, &all) != 0) return cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &all)) cpus.push_back(cpu);
  return cpus;
}

} // namespace tool
