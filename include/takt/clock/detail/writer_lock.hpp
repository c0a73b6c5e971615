/// writer_lock.hpp - one writer at a time, across threads and fork, for what is changed seldom and read without a lock.
///
/// Does not promise: fairness; use in a signal handler that may have interrupted the holder; nor that a child which
/// shares its parent's memory (vfork(2), CLONE_VM) keeps out.
#pragma once
#include <takt/clock/detail/line_record.hpp>
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

/// Returns: the number of this process for a claim on a record of the time line: its fork_count() (os.hpp), if it has
/// asked for that, else line_record::uncounted. Readers claim too, in signal handlers and under any sandbox, so that
/// they must not be the first who ask.
template <class Os> [[nodiscard]] std::uint32_t claiming_process() noexcept {
  const std::uint32_t counted = Os::fork_mark();
  return counted != 0 ? counted : line_record::uncounted;
}

/// Exclusive use of what writers of the time line change. A thread holds it for about a microsecond. A child that was
/// forked meanwhile takes the lock over, because the thread that holds it does not exist in the child. The word tells
/// parent and child apart by fork_count() (os.hpp), of which it holds the lowest 10 bits. In a process of one thread no
/// other thread can fork meanwhile, so that it starts its clocks without counting, which takes system calls and a page.
/// Where the kernel cannot wipe pages, a child of _Fork(3) or clone(2) has the number of its parent (count_forks()).
/// Therefore the word also holds the process id, which differs unless the two are in different pid namespaces.
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
    const std::uint32_t process = Os::single_threaded() ? line_record::uncounted : Os::fork_count();
    const std::uint32_t own = process << id_bits | static_cast<std::uint32_t>(Os::process_id());
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
