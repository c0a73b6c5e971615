/// id_map.hpp - a hash table from 64-bit numbers to small values, and a table that gives each name a number.
///
/// Open addressing in one vector: finding a value reads one or two cache lines and allocates nothing. A reference to a
/// value is valid until the next at().
#pragma once
#include <takt/core/config.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI::detail {

/// Values by number. Precondition: Value has a default constructor.
template <class Value> class id_map {
public:
  /// Returns: the value of `id`; null if there is none.
  [[nodiscard]] Value* find(std::uint64_t id) noexcept {
    if (slots_.empty()) return nullptr;
    for (std::size_t i = home(id);; i = (i + 1) & mask()) {
      if (!slots_[i].used) return nullptr;
      if (slots_[i].id == id) return &slots_[i].value;
    }
  }
  [[nodiscard]] const Value* find(std::uint64_t id) const noexcept { return const_cast<id_map*>(this)->find(id); }
  /// Returns: the value of `id`, a new one if there was none. When the table is full, the values for which keep(value)
  /// is false are removed before it grows.
  template <class Keep> [[nodiscard]] Value& at(std::uint64_t id, Keep&& keep) {
    if (Value* const there = find(id)) return *there;
    if ((size_ + 1) * 10 > slots_.size() * 7) rebuild(keep);
    std::size_t i = home(id);
    while (slots_[i].used) i = (i + 1) & mask();
    slots_[i].used = true, slots_[i].id = id, ++size_;
    return slots_[i].value;
  }
  [[nodiscard]] Value& at(std::uint64_t id) {
    return at(id, [](const Value&) { return true; });
  }
  /// Effects: removes `id`, if it is there.
  void erase(std::uint64_t id) noexcept {
    if (slots_.empty()) return;
    std::size_t hole = home(id);
    while (slots_[hole].used && slots_[hole].id != id) hole = (hole + 1) & mask();
    if (!slots_[hole].used) return;
    // Linear probing: an entry moves into the hole unless that lies before its home, where a search would not find it.
    for (std::size_t i = (hole + 1) & mask(); slots_[i].used; i = (i + 1) & mask()) {
      if (((i - home(slots_[i].id)) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole].id = slots_[i].id, slots_[hole].value = std::move(slots_[i].value);
      hole = i;
    }
    slots_[hole] = slot();
    --size_;
  }
  /// Effects: calls f(id, value) for each value, in no particular order.
  template <class F> void for_each(F&& f) const {
    for (const slot& s : slots_)
      if (s.used) f(s.id, s.value);
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
  struct slot {
    std::uint64_t id = 0;
    bool used = false;
    Value value{};
  };
  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }
  [[nodiscard]] std::size_t home(std::uint64_t id) const noexcept {
    return ((id ^ id >> 32) * 0x9E37'79B9'7F4A'7C15 >> 32) & mask();
  }
  template <class Keep> void rebuild(Keep& keep) {
    std::size_t kept = 0;
    for (slot& s : slots_) {
      if (s.used && !keep(std::as_const(s.value))) s.used = false;
      kept += s.used ? 1 : 0;
    }
    std::size_t size = 16;
    while (size < (kept + 1) * 2) size *= 2; // at most half full, so that the next rebuild is far away
    std::vector<slot> old(size);
    old.swap(slots_);
    size_ = kept;
    for (slot& s : old) {
      if (!s.used) continue;
      std::size_t i = home(s.id);
      while (slots_[i].used) i = (i + 1) & mask();
      slots_[i] = std::move(s);
    }
  }

  std::vector<slot> slots_;
  std::size_t size_ = 0;
};

/// A number for each name, from 0 in the order in which names appear.
template <class T> class name_table {
public:
  /// Returns: the number of `name`, a new one if it has none yet. Allocates for a new name alone.
  [[nodiscard]] std::uint32_t number(std::string_view name) {
    if (!slots_.empty()) {
      for (std::size_t i = hash(name) & (slots_.size() - 1); slots_[i] != 0; i = (i + 1) & (slots_.size() - 1))
        if (names_[slots_[i] - 1] == name) return slots_[i] - 1;
    }
    names_.emplace_back(name);
    if (names_.size() * 2 > slots_.size()) {
      slots_.assign(slots_.empty() ? 64 : slots_.size() * 2, 0);
      for (std::uint32_t n = 0; n < names_.size(); ++n) enter(n);
    } else {
      enter(static_cast<std::uint32_t>(names_.size() - 1));
    }
    return static_cast<std::uint32_t>(names_.size() - 1);
  }
  /// Returns: the name of a number that number() returned.
  [[nodiscard]] std::string_view operator[](std::uint32_t number) const noexcept { return names_[number]; }

private:
  static std::size_t hash(std::string_view name) noexcept {
    std::uint64_t h = name.size();
    for (std::size_t i = 0; i < name.size(); i += 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, name.data() + i, name.size() - i < 8 ? name.size() - i : 8);
      h = (h ^ eight) * 0x9E37'79B9'7F4A'7C15;
      h ^= h >> 29;
    }
    return h;
  }
  void enter(std::uint32_t n) noexcept {
    std::size_t i = hash(names_[n]) & (slots_.size() - 1);
    while (slots_[i] != 0) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = n + 1;
  }

  std::vector<dependent<T, std::string>> names_;
  std::vector<dependent<T, std::uint32_t>> slots_; ///< number + 1; 0 is free
};

} // namespace takt::inline TAKT_ABI::detail
