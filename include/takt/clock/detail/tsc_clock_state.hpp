/// tsc_clock_state.hpp - the state that all tsc_clocks of one reference and one family of counters share.
///
/// Readers use the segments alone (line_register). Writers hold the writer's lock while they replace what they know.
#pragma once
#include <takt/clock/calibration.hpp>
#include <takt/clock/detail/line_register.hpp>
#include <takt/clock/detail/steering.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <new>
#include <system_error>

namespace takt::inline TAKT_ABI::detail {

// synopsis
struct tsc_writer_state;
struct tsc_clock_state;
template <class Reference> struct by_system_call;

// definitions

/// What writers know of a clock, and readers do not need.
struct tsc_writer_state {
  tsc_calibration calibration{};
  clock_estimate anchor{};                  ///< the reading from which on the rate is measured
  bool anchor_after_jump = false;           ///< a clock jumped there
  std::chrono::nanoseconds renewed_every{}; ///< the period that calibrate(), install() or discipline() was given last
};

/// The clock state of one reference and one family of counters. Constant-initialised: it serves before main.
struct tsc_clock_state {
  /// Why the kernel's path may not go through the vDSO, which reads the counter. They are bits of one word, because a
  /// thread that finds the counter trusted clears `untrusted` alone.
  static constexpr std::uint32_t untrusted = 1, forbidden = 2;

  std::atomic<std::uint32_t> by_system_call{0}; ///< `untrusted` and `forbidden`; no thread clears `forbidden`
  std::atomic<std::uint32_t> writer{0};         ///< the word of writer_lock, 0 if no thread holds the lock

  /// Returns: what writers know. Precondition: the caller holds the writer's lock.
  [[nodiscard]] const tsc_writer_state& known() const noexcept {
    return copies_[active_.load(std::memory_order_acquire)];
  }
  /// Effects: replaces what writers know. A child that is forked meanwhile has either what was known before or `next`.
  /// Precondition: the caller holds the writer's lock.
  void commit(const tsc_writer_state& next) noexcept {
    const unsigned other = 1 - active_.load(std::memory_order_relaxed);
    copies_[other] = next;
    active_.store(other, std::memory_order_release);
  }

private:
  tsc_writer_state copies_[2]{}; ///< the writer's lock guards both
  std::atomic<unsigned> active_{0};

public:
  line_register lines; ///< last, so that a start touches one page or two: what is above, and the first records
};

// Default visibility, with any -fvisibility, as the types that are its keys: a program and its shared objects share it.
template <class Reference, class Family, class Os>
[[gnu::visibility("default")]] inline constinit tsc_clock_state tsc_state{};

/// The clock `Reference` by a path that does not read the counter in user space.
template <class Reference> struct by_system_call {
  using type = Reference;
};
template <clockid_t Id, class Os> struct by_system_call<posix_clock<Id, access::vdso, Os>> {
  using type = posix_clock<Id, access::syscall, Os>;
};

/// Returns: what `f` returns; without memory a value-initialised result, with ENOMEM in `ec`.
template <class F> TAKT_UNWINDS auto or_no_memory(F&& f, std::error_code& ec) noexcept -> decltype(f()) {
#if TAKT_EXCEPTIONS
  try {
    return f();
  } catch (const std::bad_alloc&) {
    ec = errno_code(ENOMEM);
    return {};
  }
#else
  static_cast<void>(ec);
  return f();
#endif
}

} // namespace takt::inline TAKT_ABI::detail
