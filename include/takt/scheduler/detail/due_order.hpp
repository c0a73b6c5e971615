/// due_order.hpp - sorts the nodes of a pass in the order in which they are called back. A part of wheel.hpp.
///
/// Nodes come in no order. They are collected in an array on the stack, distributed to groups of due times, sorted, and
/// chained by their links. If there are more nodes than the array holds, each full array becomes a sorted chain, and
/// chains of equal length are merged. Nothing is allocated. Distributing first halves the cost where due times are
/// spread, and costs little elsewhere.
#pragma once
#include <takt/core/config.hpp>
#include <takt/scheduler/detail/wheel_slots.hpp>
#include <bit>
#include <cstdint>
#include <limits>
#include <initializer_list>

namespace takt::inline TAKT_ABI::detail {

// synopsis
class due_order;

// definitions

/// Collects nodes and chains them in order. Takes 7 kB of stack.
class due_order {
public:
  static constexpr unsigned batch = 256; ///< nodes that are sorted at once, in an array of 6 kB

  /// `sequence`: that of the node which is armed next, from which the age of the others counts.
  explicit due_order(std::uint64_t sequence) noexcept : sequence_(sequence) {}

  /// Returns: how many nodes it has.
  [[nodiscard]] unsigned size() const noexcept { return all_; }
  void add(wheel_node& n) noexcept {
    if (count_ == batch) spill();
    found_[count_++] = entry{n.open.earliest, (n.load() & wheel_node::sequence_mask) - sequence_, &n};
    ++all_;
  }
  /// Returns: the first of all the nodes, which are chained in order by `next` and end with null; null if there are
  /// none.
  [[nodiscard]] wheel_link* chained() noexcept {
    wheel_link* all = count_ != 0 ? chain() : nullptr;
    for (unsigned i = 0; i < used_; ++i)
      if (runs_[i] != nullptr) all = merge(runs_[i], all);
    return all;
  }
  /// Effects: calls `visit` for each of the nodes, in no order. `visit` may link the node.
  template <class Visit> void for_each(const Visit& visit) noexcept {
    for (unsigned i = 0; i < count_; ++i) visit(*found_[i].of);
    for (unsigned i = 0; i < used_; ++i) {
      for (wheel_link* l = runs_[i]; l != nullptr;) {
        auto& n = static_cast<wheel_node&>(*l);
        l = l->next;
        visit(n);
      }
    }
  }

private:
  static constexpr unsigned few = 16; ///< up to this many nodes are sorted without being distributed first

  struct entry {
    std::int64_t due;
    std::uint64_t age; ///< grows from the node that was armed first to the one that was armed last
    wheel_node* of;
  };
  [[nodiscard]] static bool earlier(const entry& a, const entry& b) noexcept {
    return (a.due < b.due) | ((a.due == b.due) & (a.age < b.age));
  }
  [[nodiscard]] bool earlier(const wheel_link& a, const wheel_link& b) const noexcept {
    const auto& x = static_cast<const wheel_node&>(a);
    const auto& y = static_cast<const wheel_node&>(b);
    if (x.open.earliest != y.open.earliest) return x.open.earliest < y.open.earliest;
    return (x.load() & wheel_node::sequence_mask) - sequence_ < (y.load() & wheel_node::sequence_mask) - sequence_;
  }

  /// Effects: sorts places_ by groups of due times. There are about as many groups as nodes, and each covers the same
  /// length of time.
  /// Returns: the size of the largest group.
  [[nodiscard]] unsigned distribute() noexcept {
    std::uint64_t least = ~std::uint64_t{0}, most = 0;
    for (unsigned i = 0; i < count_; ++i) {
      const std::uint64_t due = wheel_slots::digits(found_[i].due);
      least = due < least ? due : least;
      most = due > most ? due : most;
    }
    // std::bit_width() is of another type in older libraries.
    const auto group_bits =
        static_cast<unsigned>(std::numeric_limits<unsigned>::digits - std::countl_zero(count_ - 1));
    const auto width = static_cast<unsigned>(std::bit_width(most - least));
    const unsigned shift = width > group_bits ? width - group_bits : 0;
    const auto group_of = [&](const entry& e) { return (wheel_slots::digits(e.due) - least) >> shift; };
    std::uint16_t next[batch]{}; // the size of each group at first, then the place of its next node
    for (unsigned i = 0; i < count_; ++i) ++next[group_of(found_[i])];
    unsigned largest = 0, begin = 0;
    for (unsigned g = 0; g < 1U << group_bits; ++g) {
      const unsigned size = next[g];
      largest = size > largest ? size : largest;
      next[g] = static_cast<std::uint16_t>(begin);
      begin += size;
    }
    for (unsigned i = 0; i < count_; ++i) places_[next[group_of(found_[i])]++] = static_cast<std::uint16_t>(i);
    return largest;
  }
  /// Returns: the first of the nodes in the array, which are chained in order.
  [[nodiscard]] wheel_link* chain() noexcept {
    unsigned unsorted = count_; // neighbours up to this far apart may be in the wrong order
    if (count_ > few) {
      unsorted = distribute();
    } else {
      for (unsigned i = 0; i < count_; ++i) places_[i] = static_cast<std::uint16_t>(i);
    }
    // Shell sort, with the gaps of Ciura (2001): no second array, and quick on a few nodes.
    for (const unsigned gap : {132U, 57U, 23U, 10U, 4U, 1U}) {
      if (2 * gap > unsorted && gap != 1) continue;
      for (unsigned i = gap; i < count_; ++i) {
        const std::uint16_t place = places_[i];
        const entry& e = found_[place];
        unsigned k = i;
        for (; k >= gap && earlier(e, found_[places_[k - gap]]); k -= gap) places_[k] = places_[k - gap];
        places_[k] = place;
      }
    }
    wheel_node* last = found_[places_[0]].of;
    wheel_link* const first = last;
    for (unsigned i = 1; i < count_; ++i) {
      wheel_node* const n = found_[places_[i]].of;
      last->next = n;
      last = n;
    }
    last->next = nullptr;
    return first;
  }
  /// Returns: one sorted chain of two.
  [[nodiscard]] wheel_link* merge(wheel_link* a, wheel_link* b) const noexcept {
    wheel_link* first = nullptr;
    for (wheel_link** end = &first;; end = &(*end)->next) {
      if (a == nullptr) return *end = b, first;
      if (b == nullptr) return *end = a, first;
      wheel_link*& from = earlier(*b, *a) ? b : a;
      *end = from;
      from = from->next;
    }
  }
  /// Effects: moves the nodes from the array into the chains. As in adding 1 to a binary number, chains of equal length
  /// are merged into the next.
  void spill() noexcept {
    wheel_link* run = chain();
    unsigned i = 0;
    for (; i < used_ && runs_[i] != nullptr; ++i) run = merge(runs_[i], run), runs_[i] = nullptr;
    runs_[i] = run;
    used_ = i == used_ ? used_ + 1 : used_;
    count_ = 0;
  }

  std::uint64_t sequence_;
  unsigned count_ = 0, all_ = 0, used_ = 0;
  std::uint16_t places_[batch]; // places in the array, in order
  wheel_link* runs_[48]; // runs_[i] is null or a chain of 2^i batches
  entry found_[batch];
};

} // namespace takt::inline TAKT_ABI::detail
