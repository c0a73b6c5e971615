/// time_line.hpp - what turns ticks into nanoseconds: lines, how one follows another, and readers that never wait.
///
/// A line says: from the tick `base` on, the time is `start` plus ticks times a slope. Every correction is a new line in
/// the next of 64 records; `current` is the number of the newest. The promise, for reads in the order of the counter:
/// *no read gives less than a read that came before it*, on any CPU, whatever the new line is, and even if the writer is
/// stopped between any two of its instructions.
///
/// Why that is not trivial. A new line that is slower than the old one lies below it from the point where they meet. A
/// reader that still uses the old line after that point, and hands its stamp to one that uses the new line, shows time
/// running backwards. The writer cannot choose the meeting point: wherever in the future it puts it, it may be preempted
/// until later before its store is seen. So not the writer chooses, but the first who *sees* the new record:
///
///   publish:  1. fill the record, with reach 0 (the fast road refuses it) and a start not yet decided
///             2. current := its number
///             3. decide the start                                   (see below)
///             4. reach := as far as the line goes straight          (the fast road accepts it)
///   read:     a. n := current   b. c := counter   c. the fields of record n   d. current = n and c within reach, or else
///             the slow road, which decides the start if nobody has, and then computes the same thing
///   decide:   y := counter, read now, + order_margin. The old line was never used beyond y (proof below). Move the new line
///             up, if need be, until it is nowhere below the old one from its base to y. Compare-and-swap the start from
///             "undecided, record n" to that. Whoever comes second takes what the first one decided.
///
///   Proof. Take a reader A that uses the old line at tick a. Its step d saw `current` unchanged after it had read the
///   counter, so `a` was read before step 2 became visible, give or take the instructions that its processor has in flight:
///   less than order_margin. The decider read the counter after step 2 was visible to it, hence a <= y. Let A's stamp reach
///   B, which reads the counter, b >= a, and then sees the new record. If b >= base then B gives new(b) >= new(a) >= old(a),
///   because the new line is not below the old one on [base, y]. If b < base, B read its counter before the base was read,
///   and gives new(base) >= old(base) >= old(a). That the records B sees are no older than those A saw is coherence: A's
///   loads of `current` happen before B's.
///
///   The writer may stop anywhere: before 2 it has changed nothing that is read; after 2 the record is complete, readers
///   decide by themselves and take the slow road, some nanoseconds more, until step 4. No reader ever waits for it.
///
/// A line is believed for `life` ticks, and outside of that reads give the kernel's clock, but not less than may have been
/// seen. Where the counter is past the life (nobody renewed the line, the machine slept, the counter leapt), that is the
/// end of the line: a counter that leapt by less than the life may have been read all the way. If the kernel's clock is
/// not there yet, time stands still until it is, which is the price, or until the next line. Where the counter is before
/// the base it was reset, and the kernel's clock is raised by the most that the line may have been ahead of it.
///
/// Memory order. Fields are stored with release and loaded with acquire, `current` likewise: who sees a number sees the
/// record; who sees a field of a later record in the same place sees, in step d, that `current` has moved on, since that
/// store came before (Boehm, "Can seqlocks get along with programming language memory models?", 2012, without its fences,
/// which ThreadSanitizer does not model). On x86-64 all of them are plain moves. Step 2 is an exchange because a plain
/// store may still wait in the writer's store buffer, seen by the writer alone, when the writer goes on to step 3.
///
/// Does not promise: anything about counters that differ between CPUs by more than order_margin; Linux does not keep time
/// by such counters; nor about one that leaps and then is reset, both within one life and before the next line. Steps back
/// of a reference that is not steady are followed at once, and then time runs backwards.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace takt::inline TAKT_ABI {

// synopsis
class tick_scale;
struct time_line;
class line_register;

// definitions

/// Nanoseconds per tick as a whole number and a fraction of 2^64: two multiplications that run side by side, of which the
/// processor needs the upper half of one. No shift lies between the counter and the result.
class tick_scale {
public:
  constexpr tick_scale() noexcept = default;
  constexpr tick_scale(std::uint64_t whole, std::uint64_t fraction) noexcept : whole_(whole), fraction_(fraction) {}

  /// Returns: the scale of a ratio from 0 to 2^32 ns per tick.
  [[nodiscard]] static constexpr tick_scale from(double ns_per_tick) noexcept {
    const double ratio = !(ns_per_tick > 0) ? 0 : ns_per_tick < 0x1p32 ? ns_per_tick : 0x1p32;
    const auto whole = static_cast<std::uint64_t>(ratio);
    return {whole, static_cast<std::uint64_t>((ratio - static_cast<double>(whole)) * 0x1p64)};
  }

  /// Returns: the nanoseconds of `t` ticks, rounded down. Precondition: t <= most().
  [[nodiscard]] constexpr std::uint64_t operator()(std::uint64_t t) const noexcept {
    return t * whole_ + static_cast<std::uint64_t>((static_cast<detail::uint128>(t) * fraction_) >> 64);
  }
  /// Returns: the most ticks whose time surely fits into 63 bits.
  [[nodiscard]] constexpr std::uint64_t most() const noexcept { return (~std::uint64_t{0} >> 1) / (whole_ + 1); }
  [[nodiscard]] constexpr std::uint64_t whole() const noexcept { return whole_; }
  [[nodiscard]] constexpr std::uint64_t fraction() const noexcept { return fraction_; }
  friend constexpr bool operator==(tick_scale, tick_scale) noexcept = default;

private:
  std::uint64_t whole_ = 0, fraction_ = 0;
};

/// One line with everything that is known about it. Times are nanoseconds since the reference's epoch.
struct time_line {
  std::uint64_t base = 0;      ///< the tick from which on it holds
  std::int64_t start = 0;      ///< the time at that tick
  tick_scale slope;            ///< up to `turn`: slower than the reference while a lead is worked off
  tick_scale cruise;           ///< from then on, the rate of the reference
  std::uint64_t turn = 0;      ///< ticks after `base`
  std::uint64_t life = 0;      ///< ticks after `base` for which it is believed; 0: not at all
  std::int64_t reference = 0;  ///< the reference at `base`, as well as it was known
  std::int64_t half_width = 0; ///< how well that was
  double ppm = 0;              ///< how well the rate is known
  std::uint64_t margin = 0;    ///< order_margin in ticks

  /// Returns: the time `t` ticks after the base, for all t, stopping where the scale does.
  [[nodiscard]] constexpr std::int64_t after(std::uint64_t t) const noexcept {
    const std::uint64_t d = t < slope.most() ? t : slope.most();
    const std::uint64_t ns = d <= turn ? slope(d) : slope(turn) + cruise(d - turn);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(start) + ns);
  }
  [[nodiscard]] constexpr bool holds_at(std::uint64_t c) const noexcept { return c - base < life; }

  /// Whether the counter, which shows `c`, has left the line by its end, not by its beginning. Of a line without a life
  /// nothing was read but the start.
  [[nodiscard]] constexpr bool is_past(std::uint64_t c) const noexcept {
    const std::uint64_t since = c - base;
    return life == 0 || (since >= life && since <= ~std::uint64_t{0} >> 1);
  }

  /// Returns: a time that no read under this line has exceeded, and that is not before the reference, which shows `now`,
  /// while the counter shows `c`, where the line does not hold. Past the life: the end of the line, or `now` if that is
  /// later. Before the base: the reference raised by the lead, which may have grown by 1000 ppm (twice what NTP may steer),
  /// but not past the end of the line. It grows with `now`.
  [[nodiscard]] constexpr std::int64_t kernel_road(std::int64_t now, std::uint64_t c) const noexcept {
    const std::int64_t lead = start - reference + half_width;
    const std::int64_t elapsed = now > reference ? now - reference : 0;
    const std::int64_t raised = now + (lead > 0 ? lead : 0) + elapsed / 1024;
    const std::int64_t end = after(life);
    const std::int64_t most = is_past(c) || raised > end ? end : raised;
    return most > now ? most : now;
  }
};

/// What a processor may have in flight across a read of its counter, store buffers and what little the counters of two
/// CPUs differ by: all of it is far below a microsecond, and the price of a large margin is next to nothing.
inline constexpr std::int64_t order_margin_ns = 10'000;

/// The lines of one clock: readers, and one writer at a time (the caller sees to that).
class line_register {
public:
  static constexpr std::uint64_t size = 64; ///< lines kept; a read that meets fewer new ones is never disturbed

  /// What the fast road needs of a line, in one cache line; the rest lies in the next.
  struct alignas(64) record {
    std::atomic<std::uint64_t> reach{0}; ///< ticks for which base, start, slope are the whole truth; 0: slow road
    std::atomic<std::uint64_t> base{0};
    std::atomic<std::int64_t> start{0};
    std::atomic<std::uint64_t> fraction{0}, whole{0}; ///< the slope
    std::atomic<std::uint64_t> cruise_fraction{0}, cruise_whole{0};
    alignas(64) std::atomic<std::uint64_t> turn{0}, life{0}, margin{0};
    std::atomic<std::int64_t> least_start{0}; ///< from which the decision starts
    std::atomic<std::int64_t> reference{0}, half_width{0};
    std::atomic<double> ppm{0};
  };

  /// Returns: the number of the newest line, 0 before the first.
  [[nodiscard]] std::uint64_t newest() const noexcept { return current_.load(std::memory_order_acquire); }

  /// The fast road. `c` is what Read answers; Read is called after `number` was taken and before the fields are.
  /// Returns: whether `out` is the time at `c`. A false costs nothing but the slow road.
  template <class Read>
  [[nodiscard, gnu::always_inline]] bool try_read(std::uint64_t number, Read&& read, std::uint64_t& c,
                                                  std::int64_t& out) const noexcept {
    c = read();
    // For the compiler alone: a bare read of the counter is no memory access, and it must not sink below the loads.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    const record& r = records_[number % size];
    const std::uint64_t reach = r.reach.load(std::memory_order_acquire); // first: it vouches for `start`
    const std::uint64_t ticks_since = c - r.base.load(std::memory_order_acquire);
    const std::uint64_t start = static_cast<std::uint64_t>(r.start.load(std::memory_order_acquire));
    const std::uint64_t fraction = r.fraction.load(std::memory_order_acquire);
    const std::uint64_t whole = r.whole.load(std::memory_order_acquire);
    // tick_scale, but for counters above 1 GHz without the multiplication by nothing, which the other one would wait for:
    // half a nanosecond, since an ordered read waits for all of this call before it.
    std::uint64_t ns = start;
    if (whole != 0) [[unlikely]] ns += ticks_since * whole;
    ns += tick_scale(0, fraction)(ticks_since);
    out = static_cast<std::int64_t>(ns);
    if (ticks_since >= reach) [[unlikely]] return false;
    return current_.load(std::memory_order_relaxed) == number; // this load last
  }

  /// The slow road: the time at `c`, a reading of the counter that came before this call. `counter` and `reference` read
  /// the two clocks; `steady`: the reference never steps back.
  template <bool Steady, class Counter, class Reference>
  [[nodiscard]] std::int64_t read(std::uint64_t c, Counter&& counter, Reference&& reference) noexcept;

  /// Returns: whether line `number` is still kept; if so it is in `out`, its start decided (or else `decided` is false).
  [[nodiscard]] bool get(std::uint64_t number, time_line& out, bool& decided) const noexcept;

  /// Makes `line` the newest; its start becomes what the decision raises it to. Preconditions: one writer at a time; the
  /// newest line is settled(), for the decision rests on it, and its writer may have died; line.base is a reading of the
  /// counter from before this call, and line.start not less than the newest line shows there.
  template <bool Steady, class Counter, class Reference>
  void publish(const time_line& line, Counter&& counter, Reference&& reference) noexcept;

  /// The newest line with its start decided. Precondition: newest() != 0.
  template <bool Steady, class Counter, class Reference>
  [[nodiscard]] time_line settled(Counter&& counter, Reference&& reference) noexcept;

private:
  static constexpr std::int64_t undecided(std::uint64_t number) noexcept {
    return std::numeric_limits<std::int64_t>::min() + static_cast<std::int64_t>(number % (std::uint64_t{1} << 62));
  }
  static constexpr bool is_undecided(std::int64_t start) noexcept { return start < -(std::int64_t{1} << 62); }

  template <bool Steady, class Counter, class Reference>
  [[nodiscard]] bool decide(std::uint64_t number, time_line& line, Counter&& counter, Reference&& reference) noexcept;

  alignas(64) std::atomic<std::uint64_t> current_{0};
  record records_[size]{};
};

inline bool line_register::get(std::uint64_t number, time_line& out, bool& decided) const noexcept {
  const record& r = records_[number % size];
  constexpr auto order = std::memory_order_acquire;
  out.base = r.base.load(order);
  out.start = r.start.load(order);
  out.slope = tick_scale(r.whole.load(order), r.fraction.load(order));
  out.cruise = tick_scale(r.cruise_whole.load(order), r.cruise_fraction.load(order));
  out.turn = r.turn.load(order);
  out.life = r.life.load(order);
  out.reference = r.reference.load(order);
  out.half_width = r.half_width.load(order);
  out.ppm = r.ppm.load(order);
  out.margin = r.margin.load(order);
  decided = !is_undecided(out.start);
  if (!decided) out.start = r.least_start.load(order);
  // Record n is overwritten while n + size - 1 is the newest.
  return number != 0 && current_.load(std::memory_order_relaxed) - number < size - 1;
}

/// Decides the start of line `number`, of which `line` is an undecided copy. Returns: false when it was overwritten.
template <bool Steady, class Counter, class Reference>
bool line_register::decide(std::uint64_t number, time_line& line, Counter&& counter, Reference&& reference) noexcept {
  std::int64_t start = line.start;
  if constexpr (Steady) {
    time_line old;
    bool old_decided = true;
    if (number != 1 && !get(number - 1, old, old_decided)) return false;
    // How high the line must begin to show `time` at tick `y`. 2 ns: both sides round down.
    const auto start_for = [&](std::int64_t time, std::uint64_t y) {
      return time + 2 - static_cast<std::int64_t>(y - line.base <= line.slope.most() ? line.slope(y - line.base) : 0);
    };
    std::uint64_t now = counter(); // the heart of the proof: after `current` was seen
    std::int64_t least = 0;
    if (number != 1 && old.holds_at(now + line.margin)) {
      least = start_for(old.after(now + line.margin - old.base), now + line.margin);
    } else {
      // Before this line the kernel's clock was read. No margin is needed: the two clocks keep the same rate, so what was
      // in flight when one was compared with the other changes nothing. A comparison errs upwards, by the time between the
      // two reads; of five the lowest will do.
      least = std::numeric_limits<std::int64_t>::max();
      for (int again = 0; again < 5; ++again, now = counter()) {
        const std::int64_t shown = reference();
        const std::int64_t one = start_for(number == 1 ? shown : old.kernel_road(shown, now + line.margin), now);
        if (one < least) least = one;
      }
      // The end of a line stands still where clocks go on: not even the beginning of the new one may lie below it.
      if (number != 1 && old.is_past(now + line.margin) && least < old.after(old.life)) least = old.after(old.life);
    }
    if (least > start) start = least;
  } else {
    static_cast<void>(counter), static_cast<void>(reference);
  }
  // Release and acquire: whoever reads the decided start may be asked what it rests on, and does so in step 4.
  std::int64_t expected = undecided(number);
  if (records_[number % size].start.compare_exchange_strong(expected, start, std::memory_order_acq_rel,
                                                            std::memory_order_acquire)) {
    line.start = start;
    return true;
  }
  if (is_undecided(expected)) return false; // of a later line in the same place
  line.start = expected;
  return current_.load(std::memory_order_relaxed) - number < size - 1;
}

template <bool Steady, class Counter, class Reference>
time_line line_register::settled(Counter&& counter, Reference&& reference) noexcept {
  for (;;) {
    const std::uint64_t number = newest();
    time_line line;
    bool decided = false;
    if (!get(number, line, decided)) continue;
    if (decided || decide<Steady>(number, line, counter, reference)) return line;
  }
}

template <bool Steady, class Counter, class Reference>
void line_register::publish(const time_line& line, Counter&& counter, Reference&& reference) noexcept {
  const std::uint64_t number = newest() + 1;
  record& r = records_[number % size];
  constexpr auto order = std::memory_order_release;
  r.reach.store(0, order);
  r.base.store(line.base, order);
  r.start.store(undecided(number), order);
  r.least_start.store(line.start, order);
  r.whole.store(line.slope.whole(), order);
  r.fraction.store(line.slope.fraction(), order);
  r.cruise_whole.store(line.cruise.whole(), order);
  r.cruise_fraction.store(line.cruise.fraction(), order);
  r.turn.store(line.turn, order);
  r.life.store(line.life, order);
  r.reference.store(line.reference, order);
  r.half_width.store(line.half_width, order);
  r.ppm.store(line.ppm, order);
  r.margin.store(line.margin, order);
  current_.exchange(number, std::memory_order_acq_rel);
  static_cast<void>(settled<Steady>(counter, reference));
  r.reach.store(line.turn < line.life ? line.turn : line.life, order);
}

template <bool Steady, class Counter, class Reference>
std::int64_t line_register::read(std::uint64_t c, Counter&& counter, Reference&& reference) noexcept {
  // A turn of this loop is lost only to a reader that was stopped while a line, or all 64, were published.
  for (;; c = counter()) {
    const std::uint64_t number = newest();
    if (number == 0) {
      const std::int64_t now = reference();
      if (newest() == 0) return now;
      continue;
    }
    time_line line;
    bool decided = false;
    if (!get(number, line, decided)) continue;
    if (!decided && !decide<Steady>(number, line, counter, reference)) continue;
    if (line.holds_at(c)) return line.after(c - line.base);
    // Read before the line began and overtaken by it: the line's beginning is between then and now.
    const bool early = line.life != 0 && counter() - line.base + line.margin < line.life + line.margin;
    if (early && c - line.base > line.life) return line.start;
    const std::int64_t now = reference();
    if (newest() != number) continue;
    return Steady ? line.kernel_road(now, c) : now;
  }
}

} // namespace takt::inline TAKT_ABI
