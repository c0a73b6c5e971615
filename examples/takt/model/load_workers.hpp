/// load_workers.hpp - threads that keep chosen CPUs busy for a while, so that threads that are woken migrate.
#pragma once
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace tool {

/// One worker is pinned to each of the CPUs while this object lives. About half of the workers are busy at any time; which
/// ones changes at random every few milliseconds. So the CPU on which a thread slept is often busy when the thread is
/// woken while another one is idle, which makes a migration likely. With more load the kernel would not even search for an
/// idle CPU (Linux 6.0 and later: kernel/sched/fair.c update_idle_cpu_scan). A single worker is always busy.
class load_workers {
public:
  /// Effects: starts the workers. Errors: what pinning a worker reports, for a CPU that this process may not use.
  load_workers(const std::vector<unsigned>& cpus, std::error_code& ec);
  ~load_workers();
  load_workers(const load_workers&) = delete;
  load_workers& operator=(const load_workers&) = delete;

private:
  void next_turn(unsigned step);

  std::atomic<unsigned> turn_ = 0; ///< decides which workers are busy
  std::atomic<bool> stop_ = false;
  std::vector<std::jthread> threads_;
};

/// Returns: the CPUs that this process may use, ascending.
[[nodiscard]] std::vector<unsigned> usable_cpus();

} // namespace tool
