/// counts.hpp - the numbers of `takt run --report`: a file that every process of the program maps, and adds to.
///
/// The file is shared memory. Forked processes share it, and a process that executes another program opens it again.
/// Each number is an atomic of its own; the tool reads them after the program has ended.
#pragma once
#include "wait_list.hpp"
#include <atomic>
#include <cstdint>

namespace preload {

struct wait_counts {
  std::atomic<std::uint64_t> waits{0};      ///< waits with a time-out above zero
  std::atomic<std::uint64_t> moved{0};      ///< waits that were moved
  std::atomic<std::uint64_t> moved_ns{0};   ///< the sum by which they were moved, in ns
  std::atomic<std::uint64_t> longest_ns{0}; ///< the most that one wait was moved, in ns
};

struct counts_file {
  static constexpr std::uint64_t right_layout = 0x74616b7472756e01; // changes with the members
  std::uint64_t layout = right_layout;
  std::atomic<std::uint64_t> programs{0}; ///< programs in which the object was loaded
  wait_counts of[wait_count]{};
};

/// Effects: adds one wait that was moved by `by_ns`. Takes no lock.
inline void add(wait_counts& c, std::uint64_t by_ns) noexcept {
  c.waits.fetch_add(1, std::memory_order_relaxed);
  if (by_ns == 0) return;
  c.moved.fetch_add(1, std::memory_order_relaxed);
  c.moved_ns.fetch_add(by_ns, std::memory_order_relaxed);
  std::uint64_t before = c.longest_ns.load(std::memory_order_relaxed);
  while (before < by_ns && !c.longest_ns.compare_exchange_weak(before, by_ns, std::memory_order_relaxed)) {
  }
}

} // namespace preload
