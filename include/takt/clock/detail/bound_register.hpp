/// bound_register.hpp - the newest sample of bounded_clock, which one thread replaces while others read.
///
/// Sample n is in record n % 4. A writer has the claim, fills the next record, and then makes it the newest. A reader
/// loads the number of the newest, its fields, and the number again. Record n is filled again only when n + 3 is the
/// newest. The fields are stored with release and loaded with acquire, so a reader that sees a field of n + 4 sees, in
/// its last load, that the newest is n + 3 or later, and rejects what it loaded. line_register.hpp, which works in the
/// same manner, gives the reasons at length.
///
/// No thread waits for the claim: who does not get it uses the sample that there is, or measures for itself. A claim
/// bears the number of the process that made it, as in line_record.hpp, so that a forked child takes it over.
///
/// Does not promise: that the memory of a claim that was taken over is whole; the writer that takes it over resets it,
/// all but the generation.
#pragma once
#include <takt/clock/detail/time_bound.hpp>
#include <takt/core/config.hpp>

#include <atomic>
#include <cstdint>

namespace takt::inline TAKT_ABI::detail {

/// The samples of one clock. Any number of threads may read, and one at a time writes. Constant-initialised.
class bound_register {
public:
  static constexpr std::uint64_t size = 4; ///< the number of records

  /// Effects: loads the newest sample. Returns: whether there is one, and it was loaded whole.
  [[nodiscard, gnu::always_inline]] bool load(bound_sample& s) const noexcept {
    constexpr auto order = std::memory_order_acquire;
    const std::uint64_t number = current_.load(order);
    const record& r = records_[number % size];
    s.segment = r.segment.load(order);
    s.at = r.at.load(order);
    s.lowest = r.lowest.load(order);
    s.highest = r.highest.load(order);
    s.growth = r.growth.load(order);
    s.max_age = r.max_age.load(order);
    const std::uint64_t facts = r.facts.load(order);
    s.status = static_cast<bounded_time::status_kind>(facts & 0xff);
    s.reason = static_cast<bounded_time::reason_kind>(facts >> 8 & 0xff);
    s.leap = static_cast<leap_facts::phase_kind>(facts >> 16 & 0xff);
    s.generation = static_cast<std::uint32_t>(facts >> 32);
    return number != 0 && current_.load(std::memory_order_relaxed) - number < size - 1;
  }

  /// Effects: gives the caller the claim if no thread of this process has it. `process` is its fork_count(), not 0.
  /// Returns: the memory, which the caller may use until publish(); null if another thread has the claim.
  [[nodiscard]] bound_memory* claim(std::uint32_t process) noexcept {
    constexpr auto taken = std::memory_order_acquire, refused = std::memory_order_relaxed;
    std::uint32_t holder = 0;
    if (claimed_.compare_exchange_strong(holder, process, taken, refused)) return &memory_;
    if (holder == process || !claimed_.compare_exchange_strong(holder, process, taken, refused)) return nullptr;
    // Its writer stayed with the parent, in the middle. A step since its last sample would not be noticed, and a
    // number that the parent has used must not come again, so the generation grows.
    const std::uint32_t used = memory_.generation;
    memory_ = bound_memory{};
    memory_.generation = used + 1;
    return &memory_;
  }
  /// Effects: makes `s` the newest sample and releases the claim. Precondition: the caller has the claim.
  template <class = for_callers> void publish(const bound_sample& s) noexcept {
    constexpr auto order = std::memory_order_release;
    const std::uint64_t number = current_.load(std::memory_order_relaxed) + 1;
    record& r = records_[number % size];
    r.segment.store(s.segment, order);
    r.at.store(s.at, order);
    r.lowest.store(s.lowest, order);
    r.highest.store(s.highest, order);
    r.growth.store(s.growth, order);
    r.max_age.store(s.max_age, order);
    r.facts.store(static_cast<std::uint64_t>(s.status) | static_cast<std::uint64_t>(s.reason) << 8 |
                      static_cast<std::uint64_t>(s.leap) << 16 | std::uint64_t{s.generation} << 32,
                  order);
    current_.store(number, order);
    claimed_.store(0, order);
  }

private:
  struct alignas(64) record {
    std::atomic<std::uint64_t> segment{0}, growth{0}, max_age{0}, facts{0};
    std::atomic<std::int64_t> at{0}, lowest{0}, highest{0};
  };

  alignas(64) std::atomic<std::uint64_t> current_{0};
  record records_[size]{};
  std::atomic<std::uint32_t> claimed_{0}; ///< the process of which a thread writes, 0 if none
  bound_memory memory_{};                 ///< guarded by the claim
};

} // namespace takt::inline TAKT_ABI::detail
