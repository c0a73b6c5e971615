/// wheel_slots.hpp - the slots of a timing wheel: which windows each of them holds, and which of these closes first. A
/// part of wheel.hpp, whose head describes the whole.
///
/// Each slot has lists and a bound. The bound is a window that closes no later than any window of the slot, and of
/// equal ones opens no earlier; it is exact unless the slot is marked stale. So adding a window compares once, and the
/// answer is nearly always no. A node whose window was a bound when it came says so in its word (`front`), so taking
/// away any other node does not touch its slot.
///
/// Does not promise: anything to more than one thread.
#pragma once
#include <takt/core/config.hpp>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace takt::inline TAKT_ABI::detail {

// synopsis
struct wheel_link;
struct wheel_window;
struct wheel_node;
class wheel_slots;

// definitions

/// A node of a doubly linked ring, or the end of one, to which its first and its last node point.
struct wheel_link {
  wheel_link* next;
  wheel_link* prev;
};

/// Nanoseconds on some clock.
struct wheel_window {
  std::int64_t earliest;
  std::int64_t latest;
};

/// The base of everything that has a window. The wheel owns the fields while the node is in it; the window may be read.
struct wheel_node : wheel_link {
  wheel_window open;
  /// From the lowest bit: 16 bits that belong to the owner; the number of the slot; `front`; the sequence, which counts
  /// adding and moving, so that the smaller of two was armed first. All in one word, because it is loaded once to
  /// decide what to do and stored once when it is done. Other threads may read the owner's bits.
  std::atomic<std::uint64_t> state_word;

  static constexpr std::uint64_t owners = 0xFFFF;
  static constexpr unsigned slot_shift = 16, slot_bits = 11, sequence_shift = slot_shift + slot_bits + 1;
  static constexpr std::uint64_t front = std::uint64_t{1} << (sequence_shift - 1);
  static constexpr std::uint64_t sequence_step = std::uint64_t{1} << sequence_shift;
  static constexpr std::uint64_t sequence_mask = ~(sequence_step - 1);

  [[nodiscard]] std::uint64_t load() const noexcept { return state_word.load(std::memory_order_relaxed); }
  void store(std::uint64_t w) noexcept { state_word.store(w, std::memory_order_relaxed); }
  [[nodiscard]] static unsigned slot_of(std::uint64_t w) noexcept {
    return static_cast<unsigned>(w >> slot_shift) % (1U << slot_bits);
  }
};

class wheel_slots {
public:
  using time = std::int64_t;
  using link = wheel_link;
  using window = wheel_window;
  using node = wheel_node;
  /// `finest`: slots of the lowest level have 2^finest ns. `bits`: a level divides the slots of the level above by
  /// 2^bits, which is `fan`. `lanes`: the number of lists, or lanes, in each slot.
  static constexpr unsigned finest = 16, bits = 8, fan = 1U << bits, levels = (64 - finest) / bits, lanes = 4;
  static constexpr unsigned slots = levels * fan;
  /// The number that nodes outside the slots have, which are on lists of the pass. It has no bound.
  static constexpr unsigned outside = slots;
  static_assert(finest + bits * levels == 64 && outside < 1U << node::slot_bits);
  /// 2^together nodes that were armed one after the other are on one lane, because they often lie together in memory.
  static constexpr unsigned together = 10;

  static constexpr time never = std::numeric_limits<time>::max();
  static constexpr std::uint64_t sign = std::uint64_t{1} << 63;
  /// The window that closes last of all; it stands for no window.
  static constexpr window none{std::numeric_limits<time>::min(), never};

  explicit wheel_slots(time now) noexcept : position(digits(now)) {
    for (auto& lists : heads_)
      for (link& end : lists) clear(end);
    for (unsigned i = 0; i < slots; ++i) empty_bound(i);
  }
  wheel_slots(const wheel_slots&) = delete;
  wheel_slots& operator=(const wheel_slots&) = delete;

  /// Returns: whether a closes before b, or closes with b and does not open before it.
  [[nodiscard]] static bool before(const window& a, const window& b) noexcept {
    return (a.latest < b.latest) | ((a.latest == b.latest) & (a.earliest >= b.earliest));
  }
  [[nodiscard]] static bool same(const window& a, const window& b) noexcept {
    return (a.latest == b.latest) & (a.earliest == b.earliest);
  }
  /// Returns: the time as an unsigned number. Its digits of `bits` bits each, above the `finest` bits, number the
  /// slots.
  [[nodiscard]] static constexpr std::uint64_t digits(time t) noexcept { return static_cast<std::uint64_t>(t) ^ sign; }
  /// Returns: the number of the lowest bit of the digit for this level.
  [[nodiscard]] static constexpr unsigned shift(unsigned level) noexcept { return finest + bits * level; }

  /// Effects: makes the list with this end empty.
  static void clear(link& end) noexcept { end.next = end.prev = &end; }
  static void unlink(link& n) noexcept {
    link *const prev = n.prev, *const next = n.next;
    prev->next = next;
    next->prev = prev;
  }
  static void append(link& list, link& n) noexcept {
    link* const prev = list.prev;
    n.next = &list;
    n.prev = prev;
    prev->next = &n;
    list.prev = &n;
  }

  /// Effects: links n into the slot of its window. `sequence` and `owners`: those bits of its word. The two times come
  /// as numbers, because a compiler that passes them in memory stores two words and loads them as one vector, which
  /// waits for both stores. Returns: whether the window may close first in its slot: then improve() must follow.
  [[nodiscard]] bool file(node& n, std::uint64_t sequence, std::uint64_t owners, time earliest, time latest) noexcept {
    const unsigned number = slot_for(earliest);
    link& list = heads_[number][lane_of(sequence)];
    n.store((sequence | std::uint64_t{number} << node::slot_shift) | owners);
    n.open.earliest = earliest;
    n.open.latest = latest;
    append(list, n);
    return latest <= latest_[number];
  }
  /// Effects: notes the window of n, which was linked into a slot just now, if it closes first there, or in the wheel.
  [[gnu::noinline]] void improve(node& n) noexcept {
    const std::uint64_t word = n.load();
    const unsigned number = node::slot_of(word);
    if (!before(n.open, bound(number))) return;
    n.store(word | node::front);
    set_bound(number, n.open);
    occupied_[number / 64] |= std::uint64_t{1} << number % 64;
    occupied_words_ |= std::uint32_t{1} << number / 64;
    if (before(n.open, first)) first = n.open;
  }
  /// Effects: as file(), for a node that was in the wheel until now and keeps its window and its place in the order.
  void file_again(node& n) noexcept {
    const std::uint64_t word = n.load();
    const bool better =
        file(n, word & node::sequence_mask, word & node::owners, n.open.earliest, n.open.latest);
    if (better) [[unlikely]] improve(n);
  }
  /// Effects: notes that n, which has `front`, leaves or moves to a later time. Precondition: n.open is as it was.
  [[gnu::noinline]] void retract(const node& n, unsigned number) noexcept {
    if (number == outside || same(n.open, first)) first_stale = true;
    if (number != outside && same(n.open, bound(number))) stale_[number / 64] |= std::uint64_t{1} << number % 64;
  }

  /// `from`: at most `slots`. Returns: the lowest number, from `from` on, of a slot that may hold nodes; `slots` if
  /// there is none. Slots are numbered in the order of time.
  [[nodiscard]] unsigned occupied_from(unsigned from) const noexcept {
    const std::uint64_t here = occupied_[from / 64] >> from % 64;
    if (here != 0) return from + static_cast<unsigned>(std::countr_zero(here));
    const std::uint32_t others = occupied_words_ >> 1 >> from / 64;
    if (others == 0) return slots;
    const unsigned w = from / 64 + 1 + static_cast<unsigned>(std::countr_zero(others));
    return w * 64 + static_cast<unsigned>(std::countr_zero(occupied_[w]));
  }
  /// Returns: the first time of the slot.
  [[nodiscard]] std::uint64_t begin_of(unsigned number) const noexcept {
    const unsigned low = shift(number / fan), above = low + bits;
    const std::uint64_t prefix = above < 64 ? position >> above << above : 0;
    return prefix | std::uint64_t{number % fan} << low;
  }
  /// Returns: the last time of the slot.
  [[nodiscard]] std::uint64_t last_of(unsigned number) const noexcept {
    return begin_of(number) | ((std::uint64_t{1} << shift(number / fan)) - 1);
  }

  /// Returns: the only node of a slot, no longer linked; null if there are none or several.
  [[nodiscard]] node* take_only(unsigned number) noexcept {
    link* only = nullptr;
    for (link& end : heads_[number]) {
      if (end.next == &end) continue;
      if (only != nullptr || end.next != end.prev) return nullptr;
      only = &end;
    }
    if (only == nullptr) return nullptr;
    node& n = static_cast<node&>(*only->next);
    clear(*only);
    empty_bound(number);
    return &n;
  }
  /// Effects: empties a slot and calls `visit` for each of its nodes. `visit` may link the node again.
  template <class Visit> void take_all(unsigned number, const Visit& visit) noexcept;
  /// Returns: some node of a slot, still linked; null if the slot is empty, which is then noted.
  [[nodiscard]] node* any_of(unsigned number) noexcept {
    for (link& end : heads_[number])
      if (end.next != &end) return static_cast<node*>(end.next);
    empty_bound(number);
    return nullptr;
  }
  /// Returns: which window in a slot closes first, or `best` if that is before.
  [[nodiscard]] window find_first(window best) noexcept;

  std::uint64_t position;   ///< no node is in a slot that ends before this time
  window first = none;      ///< closes no later than any window in the wheel; exact unless first_stale
  bool first_stale = false; ///< the window `first` may have left

private:
  static constexpr unsigned words = slots / 64;
  static_assert(words <= 32);

  [[nodiscard]] unsigned slot_for(time earliest) const noexcept {
    std::uint64_t t = digits(earliest);
    t = t < position ? position : t; // what was open before is in the slot of the position
    // The level is that of the highest digit in which t differs from the position.
    const std::uint64_t different = (t ^ position) >> finest | 1;
    t >>= finest;
    const auto highest = static_cast<unsigned>(std::countl_zero(different)) ^ 63;
    const unsigned first_bit = highest / bits * bits;
    return highest / bits * fan + static_cast<unsigned>(t >> first_bit) % fan;
  }
  [[nodiscard]] static unsigned lane_of(std::uint64_t sequence) noexcept {
    return static_cast<unsigned>(sequence >> (node::sequence_shift + together)) % lanes;
  }
  [[nodiscard]] window bound(unsigned number) const noexcept { return {earliest_[number], latest_[number]}; }
  void set_bound(unsigned number, const window& w) noexcept {
    earliest_[number] = w.earliest;
    latest_[number] = w.latest;
  }
  void empty_bound(unsigned number) noexcept {
    set_bound(number, none);
    occupied_[number / 64] &= ~(std::uint64_t{1} << number % 64);
    if (occupied_[number / 64] == 0) occupied_words_ &= ~(std::uint32_t{1} << number / 64);
    stale_[number / 64] &= ~(std::uint64_t{1} << number % 64);
  }
  void refresh(unsigned number) noexcept;

  link heads_[slots][lanes];
  time latest_[slots];   // the bounds, or `none`
  time earliest_[slots];
  std::uint64_t occupied_[words + 1]{}; // a bit for each slot that may hold nodes; clear only where the bound is `none`
  std::uint32_t occupied_words_ = 0; // a bit for each word of these that is not zero
  std::uint64_t stale_[words]{};    // a bit for each slot whose bound may no longer be in it
};

/// Walks along all lists of the slot in turn, and along each of them from both ends, because the address of the next
/// node is known only when the node has come from memory.
template <class Visit> void wheel_slots::take_all(unsigned number, const Visit& visit) noexcept {
  struct {
    link *first, *last;
  } rest[lanes];
  unsigned lists = 0;
  for (link& end : heads_[number]) {
    if (end.next == &end) continue;
    rest[lists++] = {end.next, end.prev};
    clear(end); // the nodes at both ends still point to it, and nothing follows these links
  }
  empty_bound(number);
  const auto ask_for = [](const link* l) {
    __builtin_prefetch(l, 1);
    __builtin_prefetch(reinterpret_cast<const char*>(l) + 56, 1); // the callback, which may be in the next line
  };
  if (lists > 1) {
    for (unsigned i = 0; i < lists; ++i) ask_for(rest[i].first), ask_for(rest[i].last);
  }
  for (bool backwards = false; lists != 0; backwards = !backwards) {
    for (unsigned i = 0; i < lists;) {
      auto& r = rest[i];
      node& n = static_cast<node&>(*(backwards ? r.last : r.first));
      if (r.first == r.last) {
        r = rest[--lists];
      } else {
        link*& ahead = backwards ? r.last = n.prev : r.first = n.next;
        ask_for(ahead);
        ++i;
      }
      visit(n);
    }
  }
}

/// Effects: makes the bound of a slot exact. Nodes whose window has moved to a later slot leave this one.
inline void wheel_slots::refresh(unsigned number) noexcept {
  const window known = bound(number);
  window best = none;
  node* front = nullptr;
  stale_[number / 64] &= ~(std::uint64_t{1} << number % 64);
  for (link& end : heads_[number]) {
    for (link* l = end.next; l != &end;) {
      node& n = static_cast<node&>(*l);
      l = l->next;
      if (slot_for(n.open.earliest) != number) {
        unlink(n);
        file_again(n);
      } else if (before(n.open, best)) {
        best = n.open;
        front = &n;
        if (same(best, known)) break; // none can be before
      }
    }
    if (front != nullptr && same(best, known)) break;
  }
  if (front == nullptr) return empty_bound(number);
  front->store(front->load() | node::front);
  set_bound(number, best);
}

inline wheel_slots::window wheel_slots::find_first(window best) noexcept {
  for (unsigned number = occupied_from(0); number < slots; number = occupied_from(number + 1)) {
    // The slot of the position may hold windows that opened before it began.
    const std::uint64_t begin = begin_of(number);
    if (begin > position && begin > digits(best.latest)) break;
    if (!before(bound(number), best)) continue;
    if ((stale_[number / 64] >> number % 64 & 1) != 0) {
      refresh(number);
      if (!before(bound(number), best)) continue;
    }
    best = bound(number);
  }
  return best;
}

} // namespace takt::inline TAKT_ABI::detail
