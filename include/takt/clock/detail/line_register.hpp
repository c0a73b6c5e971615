/// line_register.hpp - how one segment of the time line follows another, and readers that never wait.
///
/// A segment (time_line) says: from the tick `base` on, the time is `start` plus ticks times a slope. Every correction
/// is a new segment in one of 64 records; `current` is the number of the newest. The promise, for reads in the order of
/// the counter: *no read gives less than a read that came before it*, on any CPU, whatever the new segment is, and even
/// if its publisher is stopped between any two of its instructions.
///
/// Why that is not trivial. A new segment that is slower than the old one lies below it from the point where they meet.
/// A reader that still uses the old segment after that point, and hands its stamp to a reader that uses the new one,
/// shows time running backwards. The publisher cannot choose the meeting point: wherever in the future it puts it, it
/// may be preempted until later before its store is seen. So the first thread that *sees* the new record chooses:
///
///   publish:  1. claim a record that is no longer kept; fill it, with reach 0 (the fast path refuses it) and a start
///                that is not yet decided
///             2. if `current` is still the number of the segment that this one was drawn after, then
///                current := the new number; otherwise give up
///             3. decide the start                                   (see below)
///             4. reach := as far as the segment goes straight       (the fast path accepts it); release the claim
///   read:     a. n := current   b. c := counter   c. the fields of record n   d. current = n and c within reach, or
///             else the slow path, which decides the start if that is open, and then computes the same thing
///   decide:   y := counter, read now, + order_margin. The old segment was never used beyond y (proof below). Move the
///             new segment up, if need be, until it is nowhere below the old one from its base to y. Compare-and-swap
///             the start from "undecided, record n" to that. A thread that comes second takes what the first decided.
///
///   Proof. Take a reader A that uses the old segment at tick a. Its step d saw `current` unchanged after it had read
///   the counter, so `a` was read before step 2 became visible, or after it by what its processor has in flight, which
///   is less than order_margin. The decider read the counter after step 2 was visible to it, hence a <= y. Let A's
///   stamp reach B, which reads the counter, b >= a, and then sees the new record. If b >= base then B gives new(b) >=
///   new(a) >= old(a), because the new segment is not below the old one on [base, y]. If b < base, B read its counter
///   before the base was read, and gives new(base) >= old(base) >= old(a). That the records B sees are no older than
///   those A saw is coherence: A's loads of `current` happen before B's.
///
///   The proof does not ask who publishes. Segments form one order, because step 2 is a compare-and-swap on the number
///   of the predecessor, and each rests on its predecessor alone: a segment whose predecessor is no longer the newest
///   is never published. One record has one publisher at a time, because of the claim. After the claim the publisher
///   reads `current` again: if that is still the predecessor, the record's old content is no longer kept, and no other
///   thread can make this record the newest, since that takes the claim. So any number of threads may publish at once.
///   One of them succeeds; the others drop what they drew.
///
///   A publisher may stop anywhere, for ever. Before step 2 it has changed nothing that is read. After step 2 the
///   record is complete; readers decide by themselves and take the slow path, some nanoseconds more, until step 4. No
///   reader and no other publisher waits for it: they use another record. A signal handler that interrupts a publisher
///   is one more thread in this respect. The stopped publisher may also be a thread of the parent: in a child that was
///   forked during the publication, that thread does not exist. A claim bears the number of the process that made it,
///   so the child sees that. It takes the claim over when it publishes, and finishes step 4 when it reads
///   (finish_inherited). Where the process did not count forks (line_record::uncounted), the child leaves the record
///   alone, as that of a publisher which stopped: its readers take the slow path until one of them, or a writer,
///   publishes the next segment.
///
/// Renewal by readers. A reader past the life has read both clocks, so it knows what a new segment needs, and it
/// publishes one as above (basic_tsc_clock::renew; steering.hpp, renewed_line, chooses it). Its own stamp was computed
/// under the old segment before that; it is a stamp of a read that began earlier, and the decision counts it among
/// those that the new segment must not fall below: the decider reads the reference again, after this reader did, and a
/// steady reference does not show less. So the order of stamps is kept by the same proof.
///
/// The second part of a segment. The fast path knows one slope. Of a segment that slews it serves the part up to the
/// turn, which is a second of ten minutes. A reader that finds the turn well behind it publishes the same segment once
/// more, in a record whose fast path serves the part after the turn (publish_turned). That changes no time: by either
/// record, a read of the counter gives exactly the same. So the order of stamps is kept, nothing is left to decide, and
/// the record is complete before step 2 makes it the newest.
///
/// Memory order. Fields are stored with release and loaded with acquire, `current` likewise: a thread that sees a
/// number sees the record; a thread that sees a field of a later record in the same place sees, in step d, that
/// `current` has moved on. The publisher of the later record read, before it stored that field, a `current` that was at
/// least `kept` numbers ahead of the record's old number; the acquire load of the field makes that value visible to the
/// reader (Boehm, "Can seqlocks get along with programming language memory models?", 2012, without its fences, which
/// ThreadSanitizer does not model). On x86-64 all of them are plain moves. Step 2 is a read-modify-write because a
/// plain store may still wait in the publisher's store buffer, seen by the publisher alone, when it goes on to step 3.
/// The claim is taken with acquire and released with release: a later publisher of the record sees all that its
/// predecessor did, also that `current` was there.
///
/// Does not promise: anything about counters that differ between CPUs by more than order_margin; Linux does not keep
/// time by such counters; nor about one that jumps and then is reset, both within one life and before the next segment.
/// Steps back of a reference that is not steady are followed at once, and then time runs backwards.
#pragma once
#include <takt/clock/detail/line_record.hpp>
#include <takt/clock/detail/time_line.hpp>
#include <takt/core/config.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace takt::inline TAKT_ABI::detail {

// synopsis
struct ended_line;
class line_register;

// definitions

/// The newest segment, and a reading of both clocks by a thread that found that this segment does not hold.
struct ended_line {
  std::uint64_t number = 0;   ///< the number of that segment; 0: there is none, the segment held
  time_line line;
  std::uint64_t before = 0;   ///< the counter, read before `reference`
  std::int64_t reference = 0; ///< the reference, in ns since its epoch
  std::uint64_t after = 0;    ///< the counter, read after `reference`
};

/// Two reads of the counter at most this many ticks apart, with a read of the reference between them, were not
/// disturbed: 200 ns.
[[nodiscard]] constexpr std::uint64_t narrow_bracket(std::uint64_t margin) noexcept { return margin / 50; }

/// The segments of one clock. Any number of threads may read and publish at a time.
class line_register {
public:
  /// The number of records.
  static constexpr std::uint64_t size = 64;
  /// How many records stopped publishers may hold at a time. If they hold more, publish() fails.
  static constexpr std::uint64_t max_skipped = 8;
  /// How many of the newest segments can be read. A record is not filled again before this many newer segments were
  /// published.
  static constexpr std::uint64_t kept = size - max_skipped;

  /// Returns: the number of the newest segment, 0 before the first. Numbers grow; some may be left out.
  [[nodiscard]] std::uint64_t newest() const noexcept { return current_.load(std::memory_order_acquire); }

  /// The fast path. Effects: calls `read`, which reads the counter, and sets `c` to what it returned; then loads the
  /// fields of record `number`. Precondition: `number` is what newest() returned before.
  /// Returns: whether `out` is the time at `c`. The result false only sends the caller to the slow path.
  template <class Read>
  [[nodiscard, gnu::always_inline]] bool try_read(std::uint64_t number, Read&& read, std::uint64_t& c,
                                                  std::int64_t& out) const noexcept {
    c = read();
    // For the compiler alone: a bare read of the counter is no memory access, and it must not sink below the loads.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    const line_record& r = records_[number % size];
    const std::uint64_t reach = r.reach.load(std::memory_order_acquire); // first: it guards `start`
    const std::uint64_t ticks_since = c - r.base.load(std::memory_order_acquire);
    const std::uint64_t start = static_cast<std::uint64_t>(r.start.load(std::memory_order_acquire));
    const std::uint64_t fraction = r.fraction.load(std::memory_order_acquire);
    const std::uint64_t whole = r.whole.load(std::memory_order_acquire);
    // The arithmetic of tick_scale. For counters above 1 GHz the whole part is zero, and that multiplication is left
    // out. This saves half a nanosecond, because the next ordered read of the counter waits until this arithmetic has
    // finished.
    std::uint64_t ns = start;
    if (whole != 0) [[unlikely]] ns += ticks_since * whole;
    ns += tick_scale(0, fraction)(ticks_since);
    out = static_cast<std::int64_t>(ns);
    if (ticks_since >= reach) [[unlikely]] return false;
    return current_.load(std::memory_order_relaxed) == number; // this load last
  }

  /// The slow path. Returns: the time at `c`, a reading of the counter that came before this call. `counter` and
  /// `reference` read the two clocks. `Steady`: the reference never steps back. Where the newest segment does not hold,
  /// and is one that was valid once, `ended` gets what was read.
  template <bool Steady, class Counter, class Reference>
  [[nodiscard]] std::int64_t read(std::uint64_t c, Counter&& counter, Reference&& reference,
                                  ended_line* ended = nullptr) noexcept;

  /// Returns: whether segment `number` is still kept; if so it is in `out`. `decided` says whether its start is
  /// decided; `previous` is the number of the segment before it, 0 for the first.
  template <class = for_callers>
  [[nodiscard]] bool get(std::uint64_t number, time_line& out, bool& decided, std::uint64_t& previous) const noexcept;
  template <class = for_callers>
  [[nodiscard]] bool get(std::uint64_t number, time_line& out, bool& decided) const noexcept {
    std::uint64_t previous = 0;
    return get(number, out, decided, previous);
  }

  /// Effects: makes `line` the newest, if the newest is `after`; its start becomes what the decision raises it to.
  /// Takes no lock and waits for no thread; safe in signal handlers. `process` is the number of this process
  /// (claiming_process()): not 0; line_record::uncounted, or not that of a process whose claim this one may have
  /// inherited.
  /// Returns: whether it did; false if another segment is the newest, or if max_skipped publishers were stopped.
  /// Preconditions: the start of `after` is decided, for the decision rests on it; line.base is a reading of the
  /// counter from before this call, and line.start not less than `after` shows there.
  template <bool Steady, class Counter, class Reference>
  bool publish(const time_line& line, std::uint64_t after, Counter&& counter, Reference&& reference,
               std::uint32_t process = 1) noexcept;

  /// Returns: whether the fast path should go on to the part of the newest segment after its turn, for a counter that
  /// shows `c`. A kept clock draws its next segment at about the turn. So this waits for half as long as the slew took:
  /// the additional record would only shorten the history.
  [[nodiscard]] bool has_turned(std::uint64_t c) const noexcept {
    const line_record& r = records_[newest() % size];
    constexpr auto order = std::memory_order_relaxed; // publish_turned() loads them again
    const std::uint64_t turn = r.turn.load(order), life = r.life.load(order), since = c - r.base.load(order);
    return turn < life && since < life && since >= turn + turn / 2 && r.fast_from.load(order) == 0;
  }
  /// Effects: where has_turned() and the start is decided, publishes the newest segment once more, with a fast path for
  /// the part after the turn. `process` as for publish(). Takes no lock and waits for no thread; safe in signal
  /// handlers.
  template <class = for_callers> void publish_turned(std::uint64_t c, std::uint32_t process) noexcept;

  /// Returns: whether the newest segment is still being published: reads take the slow path.
  [[nodiscard]] bool is_unfinished() const noexcept {
    const line_record& r = records_[newest() % size];
    return r.reach.load(std::memory_order_acquire) == 0 && r.claimed.load(std::memory_order_relaxed) != 0;
  }
  /// Effects: if the newest segment was being published when this process was forked, and its start is decided,
  /// finishes that: the thread that began it does not exist here. `process` as for publish(). Takes no lock; safe in
  /// signal handlers.
  void finish_inherited(std::uint32_t process) noexcept;

  /// Returns: the newest segment with its start decided, and its number. Precondition: newest() != 0.
  template <bool Steady, class Counter, class Reference>
  [[nodiscard]] time_line settled(std::uint64_t& number, Counter&& counter, Reference&& reference) noexcept;
  template <bool Steady, class Counter, class Reference>
  [[nodiscard]] time_line settled(Counter&& counter, Reference&& reference) noexcept {
    std::uint64_t number = 0;
    return settled<Steady>(number, counter, reference);
  }

private:
  static constexpr std::int64_t undecided(std::uint64_t number) noexcept {
    return std::numeric_limits<std::int64_t>::min() + static_cast<std::int64_t>(number % (std::uint64_t{1} << 62));
  }
  static constexpr bool is_undecided(std::int64_t start) noexcept { return start < -(std::int64_t{1} << 62); }

  template <class = for_callers>
  [[nodiscard]] line_record* make_newest(const time_line& line, std::uint64_t fast_from, std::uint64_t after,
                                         std::uint32_t process) noexcept;
  template <bool Steady, class Counter, class Reference>
  [[nodiscard]] bool decide(std::uint64_t number, std::uint64_t previous, time_line& line, Counter&& counter,
                            Reference&& reference) noexcept;

  alignas(64) std::atomic<std::uint64_t> current_{0};
  line_record records_[size]{};
};

template <class>
bool line_register::get(std::uint64_t number, time_line& out, bool& decided,
                        std::uint64_t& previous) const noexcept {
  const line_record& r = records_[number % size];
  const std::uint64_t fast_from = r.load(out, previous);
  decided = !is_undecided(out.start);
  if (!decided || fast_from != 0) out.start = r.line_start.load(std::memory_order_acquire);
  // Record n may be overwritten as soon as n + kept is the newest.
  return number != 0 && current_.load(std::memory_order_relaxed) - number < kept;
}

/// Effects: decides the start of segment `number`, and sets it in `line`, an undecided copy of that segment.
/// Returns: whether `line` has the decided start, of this thread or of another; false if the record was overwritten.
template <bool Steady, class Counter, class Reference>
bool line_register::decide(std::uint64_t number, std::uint64_t previous, time_line& line, Counter&& counter,
                           Reference&& reference) noexcept {
  const bool first = previous == 0;
  std::int64_t start = line.start;
  if constexpr (Steady) {
    time_line old;
    bool old_decided = true;
    if (!first && !get(previous, old, old_decided)) return false;
    // How high the segment must begin to show `time` at tick `y`. 2 ns: both sides round down.
    const auto start_for = [&](std::int64_t time, std::uint64_t y) {
      const std::uint64_t since = y - line.base <= line.slope.max() ? line.slope(y - line.base) : 0;
      return saturating_difference(saturating_sum(time, 2), static_cast<std::int64_t>(since));
    };
    std::uint64_t now = counter(); // the proof needs this: the counter is read after `current` was seen
    std::int64_t min = 0;
    if (!first && old.holds_at(now + line.margin)) {
      min = start_for(old.after(now + line.margin - old.base), now + line.margin);
    } else {
      // Before this segment the kernel's clock was read. No margin is needed: the two clocks keep the same rate, so
      // what was in flight when one was compared with the other changes nothing. A comparison errs upwards, by the time
      // between the two reads, and the segment keeps that error for its life. The first comparison of a process is cold
      // (100 ns), so the lowest of five counts.
      min = std::numeric_limits<std::int64_t>::max();
      for (int again = 0; again < 5; ++again) {
        const std::int64_t shown = reference();
        const std::int64_t one = start_for(first ? shown : old.kernel_path(shown, now + line.margin), now);
        if (one < min) min = one;
        now = counter();
      }
      // The end of a segment stands still where clocks go on: not even the beginning of the new one may lie below it.
      if (!first && old.is_past(now + line.margin) && min < old.after(old.life)) min = old.after(old.life);
    }
    if (min > start) start = min;
  } else {
    static_cast<void>(counter), static_cast<void>(reference);
  }
  // Numbers below this one say that the start is undecided; no clock is 146 years before its epoch.
  constexpr std::int64_t min_start = -(std::int64_t{1} << 62);
  if (start < min_start) start = min_start;
  // Release and acquire: a thread that reads the decided start goes on with what it rests on, in step 4.
  std::int64_t expected = undecided(number);
  if (records_[number % size].start.compare_exchange_strong(expected, start, std::memory_order_acq_rel,
                                                            std::memory_order_acquire)) {
    line.start = start;
    return true;
  }
  if (is_undecided(expected)) return false; // the start of a later segment in the same record
  line.start = expected;
  return current_.load(std::memory_order_relaxed) - number < kept;
}

template <bool Steady, class Counter, class Reference>
time_line line_register::settled(std::uint64_t& number, Counter&& counter, Reference&& reference) noexcept {
  for (;;) {
    number = newest();
    time_line line;
    bool decided = false;
    std::uint64_t previous = 0;
    if (!get(number, line, decided, previous)) continue;
    if (decided || decide<Steady>(number, previous, line, counter, reference)) return line;
  }
}

/// Effects: steps 1 and 2: claims a record, fills it with `line`, and makes it the newest. With a `fast_from` that is
/// not 0, the fast path serves the part of the segment from there on.
/// Returns: the record, which is still claimed; null if another segment than `after` is the newest, or if no record is
/// free.
template <class>
line_record* line_register::make_newest(const time_line& line, std::uint64_t fast_from, std::uint64_t after,
                                        std::uint32_t process) noexcept {
  for (std::uint64_t number = after + 1; number <= after + max_skipped; ++number) {
    line_record& r = records_[number % size];
    if (!r.claim(process)) continue;
    bool mine = newest() == after; // only now: before the claim, this record may have become the newest
    if (mine) {
      r.fill(line, fast_from, fast_from == 0 ? undecided(number) : line.after(fast_from), after);
      std::uint64_t expected = after;
      mine = current_.compare_exchange_strong(expected, number, std::memory_order_acq_rel, std::memory_order_relaxed);
    }
    if (mine) return &r;
    r.claimed.store(0, std::memory_order_release);
    return nullptr;
  }
  return nullptr;
}

template <bool Steady, class Counter, class Reference> bool
line_register::publish(const time_line& line, std::uint64_t after, Counter&& counter, Reference&& reference,
                       std::uint32_t process) noexcept {
  line_record* const r = make_newest(line, 0, after, process);
  if (r == nullptr) return false;
  static_cast<void>(settled<Steady>(counter, reference));
  r->reach.store(line.turn < line.life ? line.turn : line.life, std::memory_order_release);
  r->claimed.store(0, std::memory_order_release);
  return true;
}

template <class> void line_register::publish_turned(std::uint64_t c, std::uint32_t process) noexcept {
  const std::uint64_t number = newest();
  time_line line;
  bool decided = false;
  // If get() succeeds, has_turned() saw the same segment, or a newer one, and then make_newest() refuses `number`.
  if (!has_turned(c) || !get(number, line, decided) || !decided) return;
  if (line_record* const r = make_newest(line, line.turn, number, process); r != nullptr)
    r->claimed.store(0, std::memory_order_release);
}

inline void line_register::finish_inherited(std::uint32_t process) noexcept {
  const std::uint64_t number = newest();
  line_record& r = records_[number % size];
  const std::uint32_t holder = r.claimed.load(std::memory_order_relaxed);
  time_line line;
  bool decided = false;
  if (!line_record::inherited(holder, process) || !get(number, line, decided) || !decided || !r.claim(process)) return;
  // While the newest segment is this one, no thread fills the record, and with the claim none begins to.
  if (newest() == number)
    r.reach.store(line.turn < line.life ? line.turn : line.life, std::memory_order_release);
  r.claimed.store(0, std::memory_order_release);
}

template <bool Steady, class Counter, class Reference> std::int64_t
line_register::read(std::uint64_t c, Counter&& counter, Reference&& reference, ended_line* ended) noexcept {
  // The loop repeats only for a reader that was stopped while one segment, or all that are kept, were published.
  for (;; c = counter()) {
    const std::uint64_t number = newest();
    if (number == 0) {
      const std::int64_t now = reference();
      if (newest() == 0) return now;
      continue;
    }
    time_line line;
    bool decided = false;
    std::uint64_t previous = 0;
    if (!get(number, line, decided, previous)) continue;
    if (!decided && !decide<Steady>(number, previous, line, counter, reference)) continue;
    if (line.holds_at(c)) return line.after(c - line.base);
    // The counter was read before the segment began: the beginning of the segment is between then and now.
    const std::uint64_t before = counter();
    const bool early = line.life != 0 && before - line.base + line.margin < line.life + line.margin;
    if (early && c - line.base > line.life) return line.start;
    const std::int64_t now = reference();
    const std::uint64_t after = ended != nullptr ? counter() : before;
    if (newest() != number) continue;
    if (ended != nullptr && line.life != 0) *ended = {number, line, before, now, after};
    return Steady ? line.kernel_path(now, c) : now;
  }
}

} // namespace takt::inline TAKT_ABI::detail
