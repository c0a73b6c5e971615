/// counter_offset.hpp - bounds how far the counters of two CPUs are apart, by messages between two threads.
///
/// A thread on one CPU sends what its counter shows; a thread on the other reads its own when the message has come. The
/// message was not received before it was sent: the receiver's counter, less the offset between the two, is not below
/// the sender's. So each message in one direction bounds the offset from above, and each in the other direction from
/// below. Of thousands of messages, the fastest in each direction give the tightest bounds: they are as far apart as a
/// cache line takes for a round trip.
///
/// A bound that excludes zero is a step back that was *seen*: a stamp from one CPU that was greater than one taken
/// later on the other. Where the bounds include zero, no message between these CPUs was fast enough to show a
/// difference.
///
/// Does not promise: that the offset stays the same later: counters whose rates differ drift apart. Then the bounds of
/// one measurement contradict each other, or those of the next. A hypervisor may move virtual CPUs between the
/// messages.
/// Sources: D. L. Mills, RFC 5905, 8 (the bounds of a round trip); Linux 6.12 arch/x86/kernel/tsc_sync.c, which calls a
/// step back a warp.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>
#include <takt/core/timespec.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/kernel/os.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
namespace detail::exchange_parameters {
/// The round trips of a measurement. After a few thousand the bounds no longer move, so the fastest messages are among
/// these.
inline constexpr std::uint64_t rounds = 20'000;
/// Two threads that do not get their CPUs give up after this, with what they have.
inline constexpr std::chrono::nanoseconds patience = std::chrono::seconds(2);
/// A measurement has at least so many round trips. The first ones run with cold caches, so a measurement with fewer
/// shows nothing.
inline constexpr std::uint64_t min_rounds = 16;
} // namespace detail::exchange_parameters

/// The bounds of the counter of CPU `other`, less that of CPU `cpu` at the same instant.
struct counter_offset {
  /// The bounds of an offset in nanoseconds, rounded outwards.
  struct bounds {
    std::chrono::nanoseconds min{}; ///< the offset is not less
    std::chrono::nanoseconds max{}; ///< the offset is not more
  };

  /// The round trips of a measurement that is given no number.
  static constexpr std::uint64_t default_rounds = detail::exchange_parameters::rounds;

  unsigned cpu = 0;         ///< the CPU that is compared with
  unsigned other = 0;       ///< the CPU whose counter is compared
  ticks min;                ///< the offset is not less; to be read by signed_count()
  ticks max;                ///< the offset is not more; to be read by signed_count()
  std::uint64_t rounds = 0; ///< round trips

  /// Returns: the bounds in nanoseconds, rounded outwards; zeros for an unknown rate.
  [[nodiscard]] constexpr bounds in_nanoseconds(tick_rate rate) const noexcept;
  /// Returns: whether no step back was seen: zero is within the bounds.
  [[nodiscard]] constexpr bool agrees() const noexcept { return min.signed_count() <= 0 && max.signed_count() >= 0; }
  /// Returns: whether the bounds contradict each other: the offset changed meanwhile.
  [[nodiscard]] constexpr bool moved() const noexcept { return min.signed_count() > max.signed_count(); }

  /// Returns: whether all pairs agree, for verdict::facts::cpus_agree; nullopt where no pair was measured.
  /// Pairs: a vector, a span ... of counter_offset.
  template <class Pairs> [[nodiscard]] static constexpr std::optional<bool> all_agree(const Pairs& pairs) noexcept;

  template <class Counter = ordered_counter, class Os = linux_os> [[nodiscard]] static counter_offset
  measure(unsigned cpu, unsigned other, std::uint64_t rounds, std::error_code& ec) noexcept;
#if TAKT_EXCEPTIONS
  template <class Counter = ordered_counter, class Os = linux_os> [[nodiscard]] static counter_offset
  measure(unsigned cpu, unsigned other, std::uint64_t rounds = default_rounds);
#endif
};

// definitions

constexpr counter_offset::bounds counter_offset::in_nanoseconds(tick_rate rate) const noexcept {
  if (!rate.known()) return {};
  const auto outwards = [&](ticks t, int direction) {
    const double ns = static_cast<double>(t.signed_count()) / rate.hertz() * 1e9;
    if (!(ns > -9e18 && ns < 9e18)) return ns < 0 ? std::chrono::nanoseconds::min() : std::chrono::nanoseconds::max();
    const auto whole = static_cast<std::chrono::nanoseconds::rep>(ns);
    const bool outside = direction < 0 ? static_cast<double>(whole) > ns : static_cast<double>(whole) < ns;
    return std::chrono::nanoseconds(outside ? whole + direction : whole);
  };
  return {outwards(min, -1), outwards(max, 1)};
}

template <class Pairs> constexpr std::optional<bool> counter_offset::all_agree(const Pairs& pairs) noexcept {
  if (pairs.empty()) return std::nullopt;
  for (const counter_offset& p : pairs)
    if (!p.agrees()) return false;
  return true;
}

namespace detail {

/// The exchange of messages between one pair of CPUs. Thread 0 asks and thread 1 answers, each on its CPU.
template <class Counter, class Os> class counter_exchange {
public:
  counter_exchange(unsigned cpu, unsigned other, std::uint64_t rounds) noexcept : cpus_{cpu, other}, rounds_(rounds) {}

  [[nodiscard]] counter_offset run(std::error_code& ec) noexcept {
    typename Os::thread threads[2]{};
    side sides[2] = {{this, 0}, {this, 1}};
    int started = 0;
    int error = 0;
    for (; started < 2 && error == 0; ++started)
      error = Os::thread_start(threads[started], &counter_exchange::body, &sides[started]);
    if (error != 0) --started, abandoned_.store(true);
    for (int i = 0; i < started; ++i) Os::thread_join(threads[i]);
    for (const int refused : errors_)
      if (error == 0) error = refused;
    ec = error != 0 ? errno_code(error) : std::error_code();
    if (!ec && done_ < exchange_parameters::min_rounds) ec = errc::too_few_samples;
    if (ec) return {};
    return {cpus_[0], cpus_[1], ticks(static_cast<std::uint64_t>(min_)), ticks(static_cast<std::uint64_t>(max_)),
            done_};
  }

private:
  struct side {
    counter_exchange* exchange;
    int which;
  };
  /// A message: what the sender's counter showed, and a number, stored after it, which says that it is complete. Both
  /// are in one cache line, so there is one transfer.
  struct alignas(64) message {
    std::atomic<std::uint64_t> number{0};
    std::atomic<std::uint64_t> sent{0};
  };

  static void* body(void* argument) noexcept {
    const side& s = *static_cast<side*>(argument);
    s.exchange->take_part(s.which);
    return nullptr;
  }
  [[nodiscard]] static std::int64_t since_start(const timespec& start) noexcept {
    timespec now{};
    return Os::clock_gettime(CLOCK_MONOTONIC, now) != 0 ? 0 : (to_nanoseconds(now) - to_nanoseconds(start)).count();
  }
  void send(message& m, std::uint64_t number) noexcept {
    m.sent.store(Counter::read().count(), std::memory_order_relaxed); // depends on the read
    m.number.store(number, std::memory_order_release);
  }
  /// Effects: waits for message `number`, then sets `ahead` to how far the receiver's counter is ahead of the sender's
  /// stamp, in ticks. The counter is read after the number was seen, never before, because Counter is ordered.
  /// Returns: whether the message came. If it did not, the exchange is over.
  [[nodiscard]] bool receive(const message& m, std::uint64_t number, const timespec& start,
                             std::int64_t& ahead) noexcept {
    for (std::uint64_t spins = 1; m.number.load(std::memory_order_acquire) != number; ++spins) {
      if (abandoned_.load(std::memory_order_relaxed)) return false;
      if (spins % 4096 == 0 && since_start(start) > exchange_parameters::patience.count()) return false;
    }
    const tick_point received = Counter::read();
    ahead = (received - tick_point(m.sent.load(std::memory_order_relaxed))).signed_count();
    return true;
  }
  void take_part(int which) noexcept {
    if (errors_[which] = Os::pin_thread(cpus_[which]); errors_[which] != 0) {
      abandoned_.store(true);
      return;
    }
    timespec start{};
    static_cast<void>(Os::clock_gettime(CLOCK_MONOTONIC, start));
    std::int64_t best = std::numeric_limits<std::int64_t>::max();
    std::uint64_t number = 1;
    for (; number <= rounds_; ++number) {
      if (which == 0) send(ask_, number);
      std::int64_t ahead = 0;
      if (!receive(which == 0 ? answer_ : ask_, number, start, ahead)) break;
      if (ahead < best) best = ahead;
      if (which == 1) send(answer_, number);
    }
    if (number <= rounds_) abandoned_.store(true);
    if (which == 1) max_ = best; // the answerer received: its counter, less the offset, is not below the asker's
    else min_ = -best, done_ = number - 1;
  }

  message ask_, answer_;
  alignas(64) std::atomic<bool> abandoned_{false};
  unsigned cpus_[2];
  std::uint64_t rounds_;
  int errors_[2]{};
  std::int64_t min_ = 0, max_ = 0; ///< each written by one thread, read after both have ended
  std::uint64_t done_ = 0;
};

} // namespace detail

/// Effects: exchanges messages between two threads of its own, each kept on one of the CPUs, for `rounds` round trips,
/// at least 16, or two seconds at most. A round trip takes some 0.2 us, so counter_offset::default_rounds take 5 ms.
/// The caller sleeps meanwhile.
/// Returns: the bounds; on error an empty offset.
/// Errors: EINVAL when the CPUs are the same, one of them is offline or forbidden, or rounds is 0; counter_forbidden;
/// too_few_samples when the threads did not get their CPUs; what the starting of a thread reports.
template <class Counter, class Os>
counter_offset counter_offset::measure(unsigned cpu, unsigned other, std::uint64_t rounds,
                                       std::error_code& ec) noexcept {
  ec = detail::errno_code(EINVAL);
  if (cpu == other || rounds == 0) return {};
  if (bool allowed = true; Os::counter_allowed(allowed) == 0 && !allowed)
    return ec = errc::counter_forbidden, counter_offset{};
  // A bare read of the counter may take place before the message has come, and would show a step back that did not
  // happen.
  using measuring = typename detail::measuring_counter<Counter>::type;
  using detail::exchange_parameters::min_rounds;
  const std::uint64_t enough = rounds < min_rounds ? min_rounds : rounds;
  detail::counter_exchange<measuring, Os> exchange(cpu, other, enough);
  return exchange.run(ec);
}

#if TAKT_EXCEPTIONS
template <class Counter, class Os>
counter_offset counter_offset::measure(unsigned cpu, unsigned other, std::uint64_t rounds) {
  return detail::or_throw(
      [&](std::error_code& ec) { return measure<Counter, Os>(cpu, other, rounds, ec); },
      [&] {
        return "comparing the counters of CPUs " + std::to_string(cpu) + " and " + std::to_string(other) +
               ": needs two CPUs that are online, allowed to this process and not taken up by real-time threads";
      });
}
#endif

} // namespace takt::inline TAKT_ABI
