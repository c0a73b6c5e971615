/// writer_lock.hpp - one writer at a time, across threads and fork, for what is changed seldom and read without a lock.
///
/// Does not promise: fairness; use in a signal handler that may have interrupted the holder; nor that a child which
/// shares its parent's memory (vfork(2), CLONE_VM) keeps out.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <system_error>

namespace takt::inline TAKT_ABI::detail {

/// Returns: the number of this process for a claim or a lock that a child may inherit while it is held; not 0. It is
/// the fork_count() (os.hpp), except where the process has one thread: then no other thread can fork meanwhile, and the
/// result is a number that no fork_count() has. So a process of one thread starts its clocks without the system calls
/// and the page that counting forks takes. A child that a signal handler makes meanwhile goes on with the claim, as the
/// interrupted thread does.
template <class Os> [[nodiscard]] std::uint32_t writing_process() noexcept {
  constexpr std::uint32_t of_one_thread = ~std::uint32_t{0};
  return Os::single_threaded() ? of_one_thread : Os::fork_count();
}

/// Exclusive use of what writers of the time line change. A thread holds it for about a microsecond. A child that was
/// forked meanwhile takes the lock over, because the thread that holds it does not exist in the child. The word tells
/// parent and child apart by writing_process(), of which it holds the lowest 10 bits. Where the kernel cannot wipe
/// pages, a child of _Fork(3) or clone(2) has the number of its parent (os.hpp, count_forks()). Therefore the word also
/// holds the process id, which differs unless the two are in different pid namespaces.
template <class Os> class writer_lock {
public:
  /// How long a thread waits for another one to release the lock.
  static constexpr std::chrono::nanoseconds patience = std::chrono::seconds(1);
  /// A thread that is not woken tries again after this time. It is longer than a tick, the step of the coarse clock
  /// that measures it.
  static constexpr std::chrono::nanoseconds nap = std::chrono::milliseconds(20);
  /// The number of tries where no clock can be read.
  static constexpr int max_unclocked = static_cast<int>(patience / nap);

  /// Effects: takes the lock that `word` holds; blocks for up to `patience`.
  /// Errors: EAGAIN if another thread held the lock all that time. Signals that interrupt the wait, and a sandbox that
  /// denies system calls, change that time by no more than `nap`.
  writer_lock(std::atomic<std::uint32_t>& word, std::error_code& ec) noexcept : word_(word) {
    constexpr unsigned id_bits = 22; // PID_MAX_LIMIT of Linux
    const std::uint32_t own = writing_process<Os>() << id_bits | static_cast<std::uint32_t>(Os::process_id());
    std::chrono::nanoseconds give_up{};
    for (int attempt = 0; attempt < max_unclocked || give_up.count() != 0; ++attempt) {
      std::uint32_t holder = 0;
      if (word.compare_exchange_strong(holder, own, std::memory_order_acquire, std::memory_order_relaxed) ||
          (holder != own && word.compare_exchange_strong(holder, own, std::memory_order_acquire))) {
        held_ = true;
        return;
      }
      // The vDSO answers in a sandbox that denies the system call, and its coarse clock in a thread that may not read
      // the counter.
      std::error_code unread;
      const std::chrono::nanoseconds shown = read_clock<access::vdso, Os>(CLOCK_MONOTONIC_COARSE, unread);
      const timespec soon = to_timespec(shown + nap), relative = to_timespec(nap);
      if (unread) {
        static_cast<void>(Os::wait_readable(-1, &relative));
        continue;
      }
      if (give_up.count() == 0) give_up = shown + patience;
      if (shown >= give_up) break;
      const int error = Os::wait_until(word, own, CLOCK_MONOTONIC, soon);
      // A sandbox may deny futex(2), and then the wait ends at once.
      if (error == EPERM || error == ENOSYS) static_cast<void>(Os::sleep_until(CLOCK_MONOTONIC, soon));
    }
    ec = errno_code(EAGAIN); // the holder was stopped, or waits for a CPU
  }
  writer_lock(const writer_lock&) = delete;
  writer_lock& operator=(const writer_lock&) = delete;
  ~writer_lock() {
    if (!held_) return;
    word_.store(0, std::memory_order_release);
    if (!Os::single_threaded()) Os::wake_all(word_);
  }
  /// Returns: whether the constructor took the lock.
  [[nodiscard]] explicit operator bool() const noexcept { return held_; }

private:
  std::atomic<std::uint32_t>& word_;
  bool held_ = false;
};

} // namespace takt::inline TAKT_ABI::detail
