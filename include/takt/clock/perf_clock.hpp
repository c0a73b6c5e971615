/// perf_clock.hpp - the time by which perf stamps its events, as a function of the counter, and back.
///
///   std::error_code ec;
///   const auto perf = takt::perf_clock::read(ec);        // or ec says why it is unknown: perf_clock::explain(ec)
///   const auto t = perf.from_ticks(takt::read_counter());    // as perf record stamps an event at this moment
///   const auto tick = perf.to_ticks(233'745'332'183ns, ec);  // when perf script prints 233.745332183
///
/// perf's own clock is the kernel's sched_clock, nanoseconds since about the start of the kernel; `perf record` uses it
/// unless -k names another, and ftrace offers it as the trace clock `perf`. Where sched_clock is the counter times a
/// factor, the page of a perf event has the factor. It holds until the kernel calibrates the counter again (a second
/// after the start) or resumes from suspend.
///
/// Does not promise: that the kernel says it. A guest of KVM or Xen often takes sched_clock from the hypervisor, and
/// then the page has no factor; stamp_map (observe/stamp_map.hpp) measures it there. The trace clocks `local` and
/// `global` differ from perf's by a constant that no file shows.
/// Sources: perf_event_open(2) (time_zero, time_cycles); Linux 6.12 include/uapi/linux/perf_event.h,
/// arch/x86/events/core.c arch_perf_update_userpage, kernel/sched/clock.c local_clock, kernel/trace/trace.c
/// trace_clocks.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/perf_event.hpp>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
class perf_clock;

// definitions

/// What perf's clock shows as a function of the counter. Times are nanoseconds since its epoch.
class perf_clock {
public:
  /// The unknown clock.
  constexpr perf_clock() noexcept = default;
  /// A clock by the numbers of a page; unknown if they are none of a clock.
  constexpr explicit perf_clock(const linux_os::perf_clock& page) noexcept {
    const bool masks = page.mask != 0 && (page.mask & (page.mask + 1)) == 0;
    if (page.zero_known && page.multiplier != 0 && page.shift < 64 && masks) page_ = page;
  }

  /// Returns: the clock of the running kernel; the unknown one on error.
  /// Errors: perf_time_unknown if the page has no factor; EACCES, EPERM, ENOSYS and others of perf_event_open(2) and
  /// mmap(2); EAGAIN if the kernel wrote the page all the time. explain() says what they mean. Opens one event, maps
  /// its page, and closes both: some 20 us.
  template <class Os = linux_os> [[nodiscard]] static perf_clock read(std::error_code& ec) noexcept {
    ec.clear();
    linux_os::perf_clock page;
    if (const int error = Os::read_perf_clock(page); error != 0) return ec = detail::errno_code(error), perf_clock();
    const perf_clock c(page);
    if (!c.known()) ec = errc::perf_time_unknown;
    return c;
  }
#if TAKT_EXCEPTIONS
  template <class Os = linux_os> [[nodiscard]] static perf_clock read() {
    return detail::or_throw([](std::error_code& ec) { return read<Os>(ec); },
                            [](std::error_code ec) { return "takt::perf_clock::read: " + explain<Os>(ec); });
  }
#endif
  /// Returns: what is wrong and what would help, as a sentence without a full stop. Reads kernel.perf_event_paranoid if
  /// the error has to do with it.
  template <class Os = linux_os> [[nodiscard]] static std::string explain(std::error_code why) {
    if (why == errc::perf_time_unknown)
      return "the kernel does not say how perf's clock follows the counter (no cap_user_time_zero), as in many guests, "
             "whose sched_clock is the hypervisor's; takt::stamp_map measures it, and perf record -k mono avoids it";
    if (why == std::errc::invalid_argument) return "the process locks its memory, so that no page of it faults";
    detail::dependent<Os, perf_event> dummy;
    dummy.name = "dummy";
    return perf_event::explain<Os>(why, dummy, {});
  }

  /// Returns: whether the clock is known. The conversions have this as their precondition.
  [[nodiscard]] constexpr bool known() const noexcept { return page_.zero_known; }
  /// Returns: ticks per second of perf's clock.
  [[nodiscard]] constexpr tick_rate rate() const noexcept {
    if (!known()) return {};
    const auto period = static_cast<double>(page_.multiplier) / static_cast<double>(std::uint64_t{1} << page_.shift);
    return tick_rate(frequency(1e9 / period));
  }
  /// Returns: how far a conversion may be off, either way: a nanosecond, and the time of a tick.
  [[nodiscard]] constexpr std::chrono::nanoseconds error() const noexcept {
    return std::chrono::nanoseconds(1 + static_cast<std::int64_t>(std::uint64_t{page_.multiplier} >> page_.shift));
  }

  /// Returns: what perf's clock shows at a tick, by the kernel's own arithmetic, which is modulo 2^64. A counter of
  /// fewer bits is taken at its overflow that is nearest to the reading of the page. Costs a multiplication.
  [[nodiscard]] constexpr std::chrono::nanoseconds from_ticks(tick_point t) const noexcept {
    std::uint64_t c = t.count();
    if (page_.mask != ~std::uint64_t{0}) {
      const std::uint64_t ahead = (c - page_.cycles) & page_.mask;
      c = page_.cycles + (ahead > page_.mask / 2 ? ahead - page_.mask - 1 : ahead);
    }
    const auto passed = static_cast<std::uint64_t>((static_cast<detail::uint128>(c) * page_.multiplier) >> page_.shift);
    return std::chrono::nanoseconds(static_cast<std::int64_t>(page_.zero + passed));
  }
  /// Returns: the tick at which perf's clock shows `t`, the middle one if it shows it for several; on error zero.
  /// Errors: ERANGE for a time that the clock never shows, or an overflow away from the reading of the page.
  [[nodiscard]] tick_point to_ticks(std::chrono::nanoseconds t, std::error_code& ec) const noexcept {
    ec.clear();
    std::uint64_t c = 0;
    if (!known() || !tick_of(static_cast<std::uint64_t>(t.count()) - page_.zero, c)) ec = detail::errno_code(ERANGE);
    return tick_point(c);
  }

  friend constexpr bool operator==(const perf_clock& a, const perf_clock& b) noexcept {
    // `cycles` moves on, and means the same clock.
    return a.page_.zero_known == b.page_.zero_known && a.page_.zero == b.page_.zero &&
           a.page_.multiplier == b.page_.multiplier && a.page_.shift == b.page_.shift && a.page_.mask == b.page_.mask;
  }

private:
  /// Effects: sets `c` to the tick that is `passed` nanoseconds after the tick 0. Returns: whether there is one.
  [[nodiscard]] constexpr bool tick_of(std::uint64_t passed, std::uint64_t& c) const noexcept {
    using detail::uint128;
    const auto first_at = [this](uint128 ns) { // the first tick at which so much has passed; ns <= 2^64
      return ((ns << page_.shift) + page_.multiplier - 1) / page_.multiplier;
    };
    const uint128 first = first_at(passed), next = first_at(static_cast<uint128>(passed) + 1);
    const uint128 middle = first + (next > first ? (next - first - 1) / 2 : 0);
    if (middle > ~std::uint64_t{0}) return false;
    const auto found = static_cast<std::uint64_t>(middle), ahead = found - page_.cycles;
    if (ahead > page_.mask / 2 && 0 - ahead > page_.mask / 2 + 1) return false;
    c = found;
    return true;
  }

  linux_os::perf_clock page_{};
};

} // namespace takt::inline TAKT_ABI
