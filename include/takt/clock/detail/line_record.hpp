/// line_record.hpp - the memory of one segment of the time line, which one thread fills while others read.
///
/// Does not promise: that the fields of one read belong to one segment. The reader checks that afterwards, as
/// line_register.hpp says, which also gives the reasons for the memory orders.
#pragma once
#include <takt/clock/detail/time_line.hpp>
#include <takt/core/config.hpp>

#include <atomic>
#include <cstdint>

namespace takt::inline TAKT_ABI::detail {

/// The fields that the fast path needs are in one cache line; the rest is in the next two.
struct alignas(64) line_record {
  std::atomic<std::uint64_t> reach{0}; ///< ticks for which base, start and slope alone give the time; 0: slow path
  std::atomic<std::uint64_t> base{0};
  std::atomic<std::int64_t> start{0};
  std::atomic<std::uint64_t> fraction{0}, whole{0}; ///< the slope
  /// Where the fast path begins, in ticks after the base of the segment: 0, or its turn.
  alignas(64) std::atomic<std::uint64_t> fast_from{0};
  std::atomic<std::uint64_t> slope_fraction{0}, slope_whole{0}, cruise_fraction{0}, cruise_whole{0};
  std::atomic<std::uint64_t> turn{0}, life{0}, margin{0};
  std::atomic<std::int64_t> line_start{0}; ///< the start of the segment, before the decision raises it
  std::atomic<std::int64_t> reference{0}, half_width{0};
  std::atomic<double> ppm{0};
  std::atomic<std::uint64_t> previous{0}; ///< the number of the segment before this one
  /// The number of the process of which a thread publishes here, 0 if none. 32 bits wide, because g++ 12 has no
  /// 1-byte compare-exchange on riscv64.
  std::atomic<std::uint32_t> claimed{0};

  /// The number of a process that does not count forks. A claim with it may be that of another thread of this process,
  /// also where this one has counted since; so no process takes it over.
  static constexpr std::uint32_t uncounted = ~std::uint32_t{0};
  /// Returns: whether `process` inherited the claim of `holder`.
  [[nodiscard]] static constexpr bool inherited(std::uint32_t holder, std::uint32_t process) noexcept {
    return holder != 0 && holder != process && holder != uncounted;
  }
  /// Returns: whether the caller may publish here now.
  [[nodiscard]] bool claim(std::uint32_t process) noexcept {
    constexpr auto taken = std::memory_order_acquire, refused = std::memory_order_relaxed;
    std::uint32_t holder = 0;
    return claimed.compare_exchange_strong(holder, process, taken, refused) ||
           (inherited(holder, process) && claimed.compare_exchange_strong(holder, process, taken, refused));
  }

  /// Effects: stores `line`, whose predecessor is segment `before`. The fast path serves the part that begins `from`
  /// ticks after the base, at the time `at`; if `from` is 0, it is closed for now. Precondition: the caller has the
  /// claim.
  template <class = for_callers>
  void fill(const time_line& line, std::uint64_t from, std::int64_t at, std::uint64_t before) noexcept {
    constexpr auto order = std::memory_order_release;
    const tick_scale& fast = from == 0 ? line.slope : line.cruise;
    reach.store(from == 0 ? 0 : line.life - from, order);
    base.store(line.base + from, order);
    start.store(at, order);
    whole.store(fast.whole(), order);
    fraction.store(fast.fraction(), order);
    fast_from.store(from, order);
    line_start.store(line.start, order);
    slope_whole.store(line.slope.whole(), order);
    slope_fraction.store(line.slope.fraction(), order);
    cruise_whole.store(line.cruise.whole(), order);
    cruise_fraction.store(line.cruise.fraction(), order);
    turn.store(line.turn, order);
    life.store(line.life, order);
    reference.store(line.reference, order);
    half_width.store(line.half_width, order);
    ppm.store(line.ppm, order);
    margin.store(line.margin, order);
    previous.store(before, order);
  }
  /// Effects: loads the segment into `line`, with the start of the fast path's part, which may be undecided, and the
  /// number of its predecessor into `before`. Returns: where the fast path begins.
  template <class = for_callers> std::uint64_t load(time_line& line, std::uint64_t& before) const noexcept {
    constexpr auto order = std::memory_order_acquire;
    const std::uint64_t from = fast_from.load(order);
    line.base = base.load(order) - from;
    line.start = start.load(order);
    line.slope = tick_scale(slope_whole.load(order), slope_fraction.load(order));
    line.cruise = tick_scale(cruise_whole.load(order), cruise_fraction.load(order));
    line.turn = turn.load(order);
    line.life = life.load(order);
    line.reference = reference.load(order);
    line.half_width = half_width.load(order);
    line.ppm = ppm.load(order);
    line.margin = margin.load(order);
    before = previous.load(order);
    return from;
  }
};

} // namespace takt::inline TAKT_ABI::detail
