/// writer_lock.hpp - one writer at a time, across threads and fork, for what is changed seldom and read without a lock.
///
/// Does not promise: fairness, or use in a signal handler that may have interrupted the holder.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <system_error>

namespace takt::inline TAKT_ABI::detail {

/// Exclusive use of what the writer of a line changes. Held for a microsecond; a process that was forked meanwhile takes it
/// from the thread that it does not have.
template <class Os> class writer_lock {
public:
  writer_lock(std::atomic<std::uint32_t>& word, std::error_code& ec) noexcept : word_(word) {
    const auto own = static_cast<std::uint32_t>(Os::process_id());
    for (int attempt = 0; attempt < 1000; ++attempt) {
      std::uint32_t holder = 0;
      if (word.compare_exchange_strong(holder, own, std::memory_order_acquire, std::memory_order_relaxed) ||
          (holder != own && word.compare_exchange_strong(holder, own, std::memory_order_acquire))) {
        held_ = true;
        return;
      }
      timespec now{};
      if (Os::clock_gettime(CLOCK_MONOTONIC, now) != 0) continue;
      const auto soon = to_nanoseconds(now) + std::chrono::milliseconds(1);
      static_cast<void>(Os::wait_until(word, own, CLOCK_MONOTONIC, to_timespec(soon)));
    }
    ec = errno_code(EAGAIN); // a second: whoever holds it does not run
  }
  writer_lock(const writer_lock&) = delete;
  writer_lock& operator=(const writer_lock&) = delete;
  ~writer_lock() {
    if (!held_) return;
    word_.store(0, std::memory_order_release);
    Os::wake_all(word_);
  }
  [[nodiscard]] explicit operator bool() const noexcept { return held_; }

private:
  std::atomic<std::uint32_t>& word_;
  bool held_ = false;
};

} // namespace takt::inline TAKT_ABI::detail
