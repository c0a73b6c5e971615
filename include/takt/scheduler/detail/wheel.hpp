/// wheel.hpp - which windows are open, in the order of their due times, and which of the others closes first, for any
/// number of windows. A part of scheduler.hpp.
///
/// Pure: integers in, integers out; no clock, no lock, no callback, no allocation. The scheduler adds these.
///
/// A hierarchical timing wheel (Varghese and Lauck, 1987) over `earliest`, with four additions.
///   - Each slot has a bound: no window in it closes before that. The window that closes first of all is found by
///     reading the bounds of the slots that begin before it closes. Nodes are read only where a window that was a bound
///     has left.
///   - A window that moves to a later time stays in its slot until time reaches that slot. A time-out that is put off
///     again and again touches nothing but its own node.
///   - A pass takes out the open windows in the order of `earliest`, and of equal ones first what was armed first. The
///     order depends on nothing else, in particular not on addresses.
///   - An operation decides by one word of the node, and otherwise only stores into the node. With many timers in no
///     order the node comes from memory. A processor that need not wait for the node begins the next operations
///     meanwhile.
///
/// Level 0 has slots of 2^16 ns, 65 us; each level above has slots 256 times as wide: 17 ms, 4.3 s, 18 min, 3 days, 2
/// years. A window is in the level of the highest digit in which it differs from the position of the wheel. So the
/// slots lie in the order of time, those of a lower level before those of a higher one, and a pass takes them one after
/// the other: it sorts the open windows of a slot if they are few, and files a fuller slot one level down first.
///
/// A walk along a list of nodes that no cache holds is slow, because the address of the next node is known only when
/// the node arrives. So a slot has four lists, and a walk goes along all of them from both ends in turn. Runs of 1024
/// nodes that were armed one after the other are on the same list, because often they lie together in memory.
///
/// Measured on a Zen 4 with 10^3, 10^5, 10^6 timers, ns for calling back one of them in the wake-ups of a minute: this
/// 56, 60, 103; with two lists in each slot 54, 72, 133; slots of 4 ms, 0.5 s, 69 s (7 bits) 65, 66, 75; slots of 1 ms,
/// 0.3 s, 69 s 67, 68, 82. Adding and moving cost the same within 10 %.
///
/// Does not promise: first-armed-first between two equal windows if 2^36 timers were armed between them; a bound on the
/// cost of first() after the window that closes first in a slot was taken away, other than the number of windows in
/// that slot. Not thread-safe.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/detail/exchange.hpp>
#include <takt/scheduler/detail/due_order.hpp>
#include <takt/scheduler/detail/wheel_slots.hpp>
#include <cstddef>
#include <cstdint>

namespace takt::inline TAKT_ABI::detail {

// synopsis
class timer_wheel;

// definitions

class timer_wheel {
public:
  using time = std::int64_t; ///< nanoseconds on some clock
  using link = wheel_link;
  using window = wheel_window;
  using node = wheel_node;

  /// `now`: the first position in time. `sequence`: the number of the first arming, from which the wheel counts on; the
  /// count may wrap around.
  explicit timer_wheel(time now, std::uint64_t sequence = 0) noexcept
      : target_(wheel_slots::digits(now)), sequence_(sequence * node::sequence_step), slots_(now) {
    wheel_slots::clear(due_), wheel_slots::clear(late_);
  }
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;

  /// Effects: puts n into the wheel with the window w. `owners`: the owner's bits of the word of n from now on.
  /// Preconditions: n is not in a wheel; w.earliest <= w.latest. Windows may lie in the past.
  void add(node& n, window w, std::uint64_t owners) noexcept {
    if (add_quickly(n, w.earliest, w.latest, owners)) improve(n);
  }
  /// Effects: as add(), but returns whether improve(n) must follow before anything else is done with the wheel.
  [[nodiscard]] bool add_quickly(node& n, time earliest, time latest, std::uint64_t owners) noexcept {
    return slots_.file(n, take_sequence(), owners, earliest, latest);
  }
  /// Effects: notes the window of n if it closes first in its slot. Precondition: add_quickly() or move_quickly()
  /// returned true for n, and nothing was done with the wheel since.
  void improve(node& n) noexcept { slots_.improve(n); }
  /// Effects: as add(), but the node keeps its owner's bits and the place in the order that it had when it was last in
  /// the wheel.
  void restore(node& n, window w) noexcept {
    gone_ -= node::sequence_step;
    n.open = w;
    slots_.file_again(n);
  }
  /// `word`: its word. Precondition: n is in this wheel.
  void remove(node& n, std::uint64_t word) noexcept {
    if ((word & node::front) != 0) slots_.retract(n, node::slot_of(word));
    remove_quickly(n);
  }
  /// Effects: as remove(). Precondition: n is in this wheel and its word does not have `front`.
  void remove_quickly(node& n) noexcept {
    wheel_slots::unlink(n);
    gone_ += node::sequence_step;
  }
  /// `word`: its word. Precondition: n is in this wheel.
  void move(node& n, window w, std::uint64_t word) noexcept {
    if ((word & node::front) != 0) {
      const unsigned number = node::slot_of(word);
      slots_.retract(n, number);
      if (number == wheel_slots::outside) { // it cannot stay where it is
        remove_quickly(n);
        return add(n, w, word & node::owners);
      }
    }
    if (move_quickly(n, w.earliest, w.latest, word)) improve(n);
  }
  /// Effects: as move(). Returns: as add_quickly(). Precondition: n is in this wheel and its word does not have
  /// `front`.
  [[nodiscard]] bool move_quickly(node& n, time earliest, time latest, std::uint64_t word) noexcept {
    gone_ += node::sequence_step;
    const std::uint64_t sequence = take_sequence();
    // A node that moves to a later time stays where it is until time reaches its slot. The new window must close later
    // than the old one: of windows that close together the one that opens later comes first, and maybe before the
    // bound.
    if ((earliest >= n.open.earliest) & (latest > n.open.latest)) {
      n.store(sequence | (word & (slot_mask | node::owners)));
      n.open.earliest = earliest;
      n.open.latest = latest;
      return false;
    }
    wheel_slots::unlink(n);
    return slots_.file(n, sequence, word & node::owners, earliest, latest);
  }

  [[nodiscard]] std::size_t size() const noexcept { return (sequence_ - gone_) >> node::sequence_shift; }

  /// Returns: the window that closes first; of several the one that opened last. Precondition: size() != 0.
  [[nodiscard]] window first() noexcept {
    if (slots_.first_stale) find_first();
    return slots_.first;
  }

  /// A pass: pass_to(now), then next() until it returns null, takes out all windows with earliest <= now, in the order
  /// of `earliest`, first armed first where equal. Between the calls nodes may be added, moved and removed. What is
  /// armed during a pass for `now` or before is left for the next pass, so every pass ends. A time before that of an
  /// earlier pass counts as that of the earlier pass; see set_back().
  void pass_to(time now) noexcept {
    if (wheel_slots::digits(now) > target_) target_ = wheel_slots::digits(now);
    begun_ = sequence_;
    at_target_ = false;
  }
  /// Returns: a node that is open, no longer in the wheel; null at the end of the pass.
  [[nodiscard]] node* next() noexcept {
    if (due_.next == &due_ && !gather_next()) return end_pass(), nullptr;
    node& n = static_cast<node&>(*due_.next);
    wheel_slots::unlink(n);
    slots_.first_stale = true;
    gone_ += node::sequence_step;
    return &n;
  }
  /// Effects: ends a pass early. What it has not taken out stays in the wheel for the next pass.
  void end_pass() noexcept;

  /// Effects: sets the time of the wheel back to `now`; costs a walk over all nodes. Precondition: no pass is going on.
  [[gnu::cold]] void set_back(time now) noexcept;
  /// Returns: the latest time of any pass.
  [[nodiscard]] time now() const noexcept { return static_cast<time>(target_ ^ wheel_slots::sign); }

  /// Returns: any node, no longer in the wheel; null if there is none. It serves to empty the wheel.
  [[nodiscard, gnu::cold]] node* take_any() noexcept;

private:
  static constexpr std::uint64_t slot_mask = ~(node::sequence_mask | node::front | node::owners);
  /// A slot above the lowest level with more open windows than this is filed a level down instead of sorted.
  static constexpr unsigned sorted_at_once = 4 * due_order::batch;

  [[nodiscard]] std::uint64_t take_sequence() noexcept {
    return detail::exchange(sequence_, sequence_ + node::sequence_step);
  }
  /// Returns: whether a node was armed during this pass.
  [[nodiscard]] bool new_in_pass(std::uint64_t word) const noexcept {
    return (word & node::sequence_mask) - begun_ < sequence_ - begun_;
  }
  /// Effects: appends n to a list outside the slots.
  static void put_outside(link& list, node& n) noexcept {
    n.store((n.load() & ~slot_mask) | node::front | std::uint64_t{wheel_slots::outside} << node::slot_shift);
    wheel_slots::append(list, n);
  }
  void gather(unsigned number, std::uint64_t until) noexcept;
  [[nodiscard]] bool gather_next() noexcept;
  [[gnu::cold]] void find_first() noexcept;

  std::uint64_t target_;       // the time of this pass or of the last one; at or after the position
  std::uint64_t sequence_;     // the sequence of the node that will be armed next
  std::uint64_t begun_ = 0;    // the sequence of the first node that was armed in this pass
  std::uint64_t gone_ = sequence_; // counts what left, and all moves, in the unit of sequence_
  bool at_target_ = false; // the pass has taken out the slot of target_
  link due_;               // open windows that the pass takes out next, in order
  link late_;              // open windows that were armed during the pass
  wheel_slots slots_;
};

/// Effects: moves the nodes of a slot that open at `until` or before to due_, in order, and files the others. If they
/// are too many, a slot above the lowest level is filed a level down instead. What was armed during this pass goes to
/// late_. Precondition: the position is in the slot.
inline void timer_wheel::gather(unsigned number, std::uint64_t until) noexcept {
  if (node* const n = slots_.take_only(number)) { // quicker, and usual where there are few timers
    if (wheel_slots::digits(n->open.earliest) > until) return slots_.file_again(*n);
    return put_outside(new_in_pass(n->load()) ? late_ : due_, *n);
  }
  due_order open(sequence_);
  bool too_many = false;
  slots_.take_all(number, [&](node& n) {
    if (wheel_slots::digits(n.open.earliest) > until) return slots_.file_again(n);
    if (new_in_pass(n.load())) [[unlikely]] return put_outside(late_, n);
    if (too_many) return slots_.file_again(n);
    open.add(n);
    if (open.size() == sorted_at_once && number >= wheel_slots::fan) {
      too_many = true;
      open.for_each([this](node& m) { slots_.file_again(m); });
    }
  });
  if (too_many) return;
  for (link* l = open.chained(); l != nullptr;) {
    node& n = static_cast<node&>(*l);
    l = l->next;
    put_outside(due_, n);
  }
}

/// Returns: whether the pass has another open window. Precondition: due_ is empty.
inline bool timer_wheel::gather_next() noexcept {
  while (!at_target_) {
    const unsigned number = slots_.occupied_from(0);
    if (number == wheel_slots::slots) break;
    const std::uint64_t begin = slots_.begin_of(number), last = slots_.last_of(number);
    if (begin > target_) break;
    if (begin > slots_.position) slots_.position = begin;
    if (number < wheel_slots::fan && last >= target_) slots_.position = target_, at_target_ = true;
    gather(number, last < target_ ? last : target_);
    if (due_.next != &due_) return true;
  }
  slots_.position = target_;
  return false;
}

inline void timer_wheel::end_pass() noexcept {
  slots_.first_stale = true;
  for (link* const list : {&due_, &late_}) {
    while (list->next != list) {
      node& n = static_cast<node&>(*list->next);
      wheel_slots::unlink(n);
      slots_.file_again(n);
    }
  }
}

inline void timer_wheel::find_first() noexcept {
  window best = wheel_slots::none;
  for (const link* const list : {&due_, &late_}) {
    for (const link* l = list->next; l != list; l = l->next) {
      const window& w = static_cast<const node*>(l)->open;
      if (wheel_slots::before(w, best)) best = w;
    }
  }
  slots_.first = slots_.find_first(best);
  slots_.first_stale = false;
}

inline timer_wheel::node* timer_wheel::take_any() noexcept {
  node* n = nullptr;
  for (link* const list : {&due_, &late_})
    if (n == nullptr && list->next != list) n = static_cast<node*>(list->next);
  for (unsigned i = slots_.occupied_from(0); n == nullptr && i < wheel_slots::slots; i = slots_.occupied_from(i + 1))
    n = slots_.any_of(i);
  if (n != nullptr) remove(*n, n->load());
  return n;
}

inline void timer_wheel::set_back(time to) noexcept {
  link* all = nullptr;
  while (node* const n = take_any()) n->next = detail::exchange(all, n);
  slots_.position = target_ = wheel_slots::digits(to);
  slots_.first = wheel_slots::none;
  slots_.first_stale = false;
  while (all != nullptr) {
    node& n = static_cast<node&>(*detail::exchange(all, all->next));
    restore(n, n.open);
  }
}

} // namespace takt::inline TAKT_ABI::detail
