/// wheel.hpp - windows in time: add, move and remove one in constant time, ask which closes first, take out what is
/// open.
///
/// Pure: integers in, integers out; no clock, no lock, no callback, no allocation. The scheduler puts those around it.
///
/// A hierarchical timing wheel (Varghese and Lauck, 1987) over `earliest`, with two things more.
///   - Each slot knows which of its windows closes first, so that the first of all is found by looking at the slots
///     that begin before it closes, and into hardly any of them.
///   - A window that moves to later stays in its slot until that comes up: a time-out that is put off again and again,
///     as they are, touches nothing but its own node.
///
/// Level 0 has slots of 2^16 ns, 65 us; each level above has slots 64 times as wide: 4.2 ms, 268 ms, 17 s, 18 min, 20
/// h, 52 days, 9 years. A window is in the level of the highest digit in which it differs from `now`. Hence, when time
/// goes on, whole slots are due, and at most one is not: its windows are due or go one or more levels down.
///
/// With many windows what costs is not the arithmetic but the walk along a list through memory that no cache holds:
/// each node tells where the next is only when it arrives. So a slot has four lists, chosen by the node's address, and
/// they are walked from both ends in turn, each step asking for the memory it will need eight steps later. Seen with
/// 10^6 windows at random: 450 ns a window with one list, 25 to 90 with eight walks. Neighbours in memory are on the
/// same list, so that nodes that are used in the order of memory find those of their lists near.
///
/// Wider levels would save walks and cost order: with two of 256 slots, calling each of 10^6 timers back in the wake-ups
/// of a minute took 10 ns less, but a slot got fewer of the nodes that lie together, and moving them in order took 12
/// ns more.
///
/// Does not promise: an order among windows that are open together; a bound on the cost of first() after the window
/// that closes first in a slot was taken away, other than the number of windows in that slot. Not thread-safe.
#pragma once
#include <takt/core/config.hpp>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace takt::inline TAKT_ABI::detail {

// synopsis
class timer_wheel;

// definitions

class timer_wheel {
public:
  using time = std::int64_t; ///< nanoseconds on some clock
  struct link {
    link* next;
    link* prev;
  };
  struct window {
    time earliest;
    time latest;
  };
  /// To be a base of what has the window. Fields are the wheel's while the node is in it; the window may be read.
  struct node : link {
    window open;
    std::uint16_t slot;
  };

  explicit timer_wheel(time now) noexcept : now_(digits(now)) {
    for (slot& s : slots_) s.clear();
    for (link& end : passing_) clear(end);
  }
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;

  /// Preconditions: n is not in a wheel; w.earliest <= w.latest. Windows may lie in the past.
  void add(node& n, window w) noexcept {
    n.open = w;
    insert(n);
    offer(w);
    ++size_;
  }
  /// Precondition: n is in this wheel.
  void remove(node& n) noexcept {
    if (in_pass_) [[unlikely]] tie_ends();
    unlink(n);
    look_ahead(n);
    retract(n);
    --size_;
  }
  /// Precondition: n is in this wheel. `ahead`: as remove() does, for who waits for memory anyway when it unlocks.
  void move(node& n, window w, bool ahead = false) noexcept {
    retract(n);
    if (w.earliest >= n.open.earliest && !in_pass_) {
      n.open = w;
      slots_[n.slot].offer(w);
    } else {
      if (in_pass_) tie_ends();
      unlink(n);
      if (ahead) look_ahead(n);
      n.open = w;
      insert(n);
    }
    offer(w);
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Returns: the window that closes first; of several the one that opened last. Precondition: size() != 0.
  [[nodiscard]] window first() noexcept {
    if (first_stale_ || in_pass_) find_first();
    return first_;
  }

  /// A pass: pass_to(now), then next() until it returns null, takes out all windows with earliest <= now. Between the
  /// calls nodes may be added, moved and removed. Time that goes back counts as time that stands still; see set_back.
  void pass_to(time now) noexcept;
  /// Returns: a node that is open, no longer in the wheel; null at the end of the pass.
  [[nodiscard]] node* next() noexcept;

  /// Puts the wheel's time back to `now`; costs a walk over all nodes. Precondition: no pass is going on.
  [[gnu::cold]] void set_back(time now) noexcept;
  [[nodiscard]] time now() const noexcept { return static_cast<time>(now_ ^ sign); }

  /// Returns: any node, no longer in the wheel; null if there is none. For who clears the wheel.
  [[nodiscard, gnu::cold]] node* take_any() noexcept;

private:
  static constexpr unsigned finest = 16, bits = 6, fan = 1U << bits, levels = (64 - finest) / bits, lanes = 4;
  static constexpr std::uintptr_t lane_width = 1 << 16; ///< bytes of memory whose nodes are on one lane
  static constexpr std::uintptr_t near = 1 << 18;       ///< bytes between neighbours that tell of some order
  static constexpr time never = std::numeric_limits<time>::max();
  static constexpr std::uint64_t sign = std::uint64_t{1} << 63;

  /// Whether a closes before b, or with it and opens no earlier.
  [[nodiscard]] static bool before(const window& a, const window& b) noexcept {
    return (a.latest < b.latest) | ((a.latest == b.latest) & (a.earliest >= b.earliest));
  }
  [[nodiscard]] static bool same(const window& a, const window& b) noexcept {
    return (a.latest == b.latest) & (a.earliest == b.earliest);
  }
  /// Nothing closes after it.
  static constexpr window none{std::numeric_limits<time>::min(), never};

  struct slot {
    link lane[lanes];
    window first; // a lower bound; one of its windows unless the slot is stale

    void clear() noexcept {
      for (link& end : lane) timer_wheel::clear(end);
      first = none;
    }
    [[nodiscard]] bool empty() const noexcept {
      bool nothing = true;
      for (const link& end : lane) nothing &= end.next == &end;
      return nothing;
    }
    void offer(const window& w) noexcept {
      const bool better = before(w, first); // no branch: nobody can predict it
      first.earliest = better ? w.earliest : first.earliest;
      first.latest = better ? w.latest : first.latest;
    }
  };

  // Time as an unsigned number whose digits of `bits` bits, above the `finest`, number the slots.
  [[nodiscard]] static constexpr std::uint64_t digits(time t) noexcept { return static_cast<std::uint64_t>(t) ^ sign; }
  [[nodiscard]] static constexpr unsigned shift(unsigned level) noexcept { return finest + bits * level; }
  [[nodiscard]] static constexpr unsigned digit(std::uint64_t t, unsigned level) noexcept {
    return static_cast<unsigned>(t >> shift(level)) % fan;
  }
  /// The level of the highest digit in which t differs from now.
  [[nodiscard]] unsigned level_of(std::uint64_t t) const noexcept {
    const std::uint64_t different = (t ^ now_) >> finest;
    const auto highest = static_cast<unsigned>(63 - std::countl_zero(different | 1));
    return highest * 43 >> 8; // highest / 6, for all below 64
  }
  [[nodiscard]] unsigned slot_of(time earliest) const noexcept {
    std::uint64_t t = digits(earliest);
    t = t < now_ ? now_ : t; // what has been open before is in the slot of now
    const unsigned level = level_of(t);
    return level * fan + digit(t, level);
  }
  [[nodiscard]] static link& end_of_lane(link* ends, const node& n) noexcept {
    return ends[reinterpret_cast<std::uintptr_t>(&n) / lane_width % lanes];
  }

  static void clear(link& end) noexcept { end.next = end.prev = &end; }
  static void unlink(node& n) noexcept {
    link *const prev = n.prev, *const next = n.next;
    prev->next = next;
    next->prev = prev;
  }
  /// Nodes are often taken away in the order in which they lie in memory. Then the node behind the next one will be
  /// wanted when the next one goes, and to wait for it then, as an unlock would, costs more than all the rest.
  /// Neighbours that are far apart tell of no such order, and a look at them would only cost.
  /// Precondition: n was unlinked just now.
  static void look_ahead(const node& n) noexcept {
    const std::uintptr_t way = reinterpret_cast<std::uintptr_t>(n.next) - reinterpret_cast<std::uintptr_t>(&n);
    if (way + near < 2 * near) __builtin_prefetch(n.next->next, 1);
  }
  void insert(node& n) noexcept {
    const unsigned number = slot_of(n.open.earliest);
    slot& s = slots_[number];
    n.slot = static_cast<std::uint16_t>(number);
    link& end = end_of_lane(s.lane, n);
    link* const prev = end.prev;
    n.prev = prev;
    n.next = &end;
    prev->next = &n;
    end.prev = &n;
    if (prev == &end) occupied_[number / fan] |= std::uint64_t{1} << number % fan;
    s.offer(n.open);
  }
  void offer(const window& w) noexcept {
    if (w.latest <= first_.latest) [[unlikely]] first_ = before(w, first_) ? w : first_;
  }
  void retract(const node& n) noexcept {
    // During a pass n may be in no slot: then this makes work, not mistakes.
    if (same(n.open, slots_[n.slot].first)) [[unlikely]] stale_[n.slot / fan] |= std::uint64_t{1} << n.slot % fan;
    if (same(n.open, first_)) [[unlikely]] first_stale_ = true;
  }

  /// Makes passing_ a row of proper lists; see next().
  void tie_ends() noexcept {
    for (link& end : passing_) end.next->prev = end.prev->next = &end;
  }
  void pass(slot& s) noexcept;
  void refresh(unsigned number) noexcept;
  void find_first() noexcept;
  void pass_all() noexcept;

  std::uint64_t now_;
  window first_ = none; // a lower bound; one of all unless stale
  bool first_stale_ = false;
  bool in_pass_ = false;
  std::size_t size_ = 0;
  unsigned turn_ = 0;                  // walks along passing_, from the front and the back of each
  link passing_[lanes];                // nodes of slots that time went past or into
  std::uint64_t occupied_[levels]{};   // a bit for each slot that may hold nodes
  std::uint64_t stale_[levels]{};      // a bit for each slot whose first may be gone
  std::array<slot, levels * fan> slots_;
};

/// Moves the nodes of s to passing_, without a look at any but the outermost.
inline void timer_wheel::pass(slot& s) noexcept {
  for (unsigned i = 0; i < lanes; ++i) {
    link &from = s.lane[i], &to = passing_[i];
    if (from.next == &from) continue;
    __builtin_prefetch(from.next);
    from.next->prev = to.prev;
    to.prev->next = from.next;
    from.prev->next = &to;
    to.prev = from.prev;
    clear(from);
  }
  s.first = none;
}

inline void timer_wheel::pass_to(time to) noexcept {
  const std::uint64_t t = digits(to) < now_ ? now_ : digits(to);
  const unsigned top = level_of(t);
  const auto pass_slots = [this](unsigned level, std::uint64_t which) {
    which &= occupied_[level];
    occupied_[level] &= ~which;
    for (; which != 0; which &= which - 1) pass(slots_[level * fan + static_cast<unsigned>(std::countr_zero(which))]);
  };
  for (unsigned level = 0; level < top; ++level) pass_slots(level, ~std::uint64_t{0});
  pass_slots(top, (std::uint64_t{2} << digit(t, top)) - 1);
  now_ = t;
  in_pass_ = true;
}

inline timer_wheel::node* timer_wheel::next() noexcept {
  for (unsigned idle = 0; idle < lanes;) {
    const unsigned turn = turn_++;
    link& end = passing_[turn % lanes];
    if (end.next == &end) {
      ++idle;
      continue;
    }
    idle = 0;
    const bool backwards = (turn & lanes) != 0;
    node& n = static_cast<node&>(*(backwards ? end.prev : end.next));
    if (end.next == end.prev) {
      clear(end);
    } else {
      // The link that leads from the next node back to the end is not set before that node has arrived from memory,
      // eight steps later, when it is no longer needed: a store that has to wait would hold up all after it. Who needs
      // it in the meantime calls tie_ends().
      link* const ahead = backwards ? n.prev : n.next;
      (backwards ? end.prev : end.next) = ahead;
      __builtin_prefetch(ahead, 1);
      __builtin_prefetch(reinterpret_cast<const char*>(ahead) + 64, 1); // what is behind the node will be needed too
    }
    if (digits(n.open.earliest) <= now_) {
      --size_;
      return &n;
    }
    insert(n);
  }
  in_pass_ = false;
  first_stale_ = true;
  return nullptr;
}

/// Makes the first of a slot exact. Nodes whose window moved on since leave it.
inline void timer_wheel::refresh(unsigned number) noexcept {
  slot& s = slots_[number];
  const window known = s.first;
  stale_[number / fan] &= ~(std::uint64_t{1} << number % fan);
  s.first = none;
  for (link& end : s.lane) {
    for (link* l = end.next; l != &end;) {
      node& n = static_cast<node&>(*l);
      l = l->next;
      if (slot_of(n.open.earliest) != number) {
        unlink(n);
        insert(n);
        continue;
      }
      s.offer(n.open);
      if (same(n.open, known)) return; // none can be before
    }
  }
}

inline void timer_wheel::find_first() noexcept {
  first_ = none;
  first_stale_ = false;
  if (in_pass_) tie_ends();
  for (link& end : passing_) {
    for (link* l = end.next; l != &end; l = l->next) {
      const window& w = static_cast<node*>(l)->open;
      if (before(w, first_)) first_ = w;
    }
  }
  for (unsigned level = 0; level < levels; ++level) {
    const unsigned above = shift(level) + bits;
    const std::uint64_t prefix = above < 64 ? now_ >> above << above : 0;
    for (std::uint64_t left = occupied_[level]; left != 0;) {
      const auto place = static_cast<unsigned>(std::countr_zero(left));
      const unsigned number = level * fan + place;
      slot& s = slots_[number];
      const std::uint64_t begin = prefix | std::uint64_t{place} << shift(level);
      // Slots come in order of time. The one of now may hold windows that opened before it began.
      if (begin > now_ && begin > digits(first_.latest)) return;
      if ((stale_[level] >> place & 1) != 0 && before(s.first, first_)) refresh(number);
      if (s.empty()) {
        s.first = none;
        occupied_[level] &= ~(std::uint64_t{1} << place);
      } else if (before(s.first, first_)) {
        first_ = s.first;
      }
      left = occupied_[level] & ~((std::uint64_t{2} << place) - 1);
    }
  }
}

inline void timer_wheel::pass_all() noexcept {
  for (unsigned level = 0; level < levels; ++level) occupied_[level] = 0;
  for (slot& s : slots_) pass(s);
}

inline void timer_wheel::set_back(time to) noexcept {
  pass_all();
  now_ = digits(to);
  first_stale_ = true;
  for (link& end : passing_) {
    while (end.next != &end) {
      node& n = static_cast<node&>(*end.next);
      unlink(n);
      insert(n);
    }
  }
}

inline timer_wheel::node* timer_wheel::take_any() noexcept {
  if (size_ == 0) return nullptr;
  for (;; pass_all()) {
    for (link& end : passing_) {
      if (end.next == &end) continue;
      node& n = static_cast<node&>(*end.next);
      unlink(n);
      --size_;
      return &n;
    }
  }
}

} // namespace takt::inline TAKT_ABI::detail
