/// restore_signs.hpp - how it is known that a machine or a process was restored from a snapshot or migrated.
///
/// Does not promise: that every hypervisor and every tool that restores processes leaves a sign. Without one, a
/// restored machine looks like one whose CLOCK_REALTIME was set.
#pragma once
#include <takt/core/config.hpp>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace takt::inline TAKT_ABI {

// synopsis

/// A set of signs of a restore.
struct restore_signs {
  /// What shows it.
  enum class sign : std::uint8_t {
    generation,     ///< VMClock counts another generation: the machine was loaded from a snapshot
    disruption,     ///< VMClock's disruption marker changed: the machine was migrated, or loaded from a snapshot
    generation_id,  ///< the kernel reported a new generation id: the machine was loaded from a snapshot, or is a clone
    boot_id,        ///< the kernel has another boot id: the process was restored on another machine or boot (CRIU)
    time_namespace, ///< the process came into another time namespace, as CRIU restores it, or as setns(2) moves it
    clocks_leapt,   ///< inferred: the kernel's clocks leapt and the counter did not
  };

  std::uint8_t bits = 0; ///< one bit for each sign

  /// Returns: whether `s` is in the set.
  [[nodiscard]] constexpr bool has(sign s) const noexcept { return (bits >> static_cast<int>(s) & 1) != 0; }
  /// Returns: whether there is any sign.
  [[nodiscard]] constexpr bool any() const noexcept { return bits != 0; }
  /// Returns: whether the restore is only inferred from the clocks.
  [[nodiscard]] constexpr bool inferred() const noexcept { return bits == 1 << static_cast<int>(sign::clocks_leapt); }
  /// Returns: whether the process was moved, and not the machine with all of its clocks.
  [[nodiscard]] constexpr bool of_process() const noexcept { return has(sign::boot_id) || has(sign::time_namespace); }
  /// Effects: adds `s` to the set.
  constexpr void add(sign s) noexcept { bits = static_cast<std::uint8_t>(bits | 1 << static_cast<int>(s)); }
  /// Effects: adds all of `other` to the set.
  constexpr void add(restore_signs other) noexcept { bits = static_cast<std::uint8_t>(bits | other.bits); }
  friend bool operator==(const restore_signs&, const restore_signs&) = default;
};
[[nodiscard]] constexpr std::string_view to_string(restore_signs::sign s) noexcept;

/// Returns: a sentence for people: "the machine was restored from a snapshot (VMClock generation, generation id)";
/// "nothing" without a sign. Allocates.
[[nodiscard]] std::string to_string(const restore_signs& s);

/// Prints the sentence of to_string().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const restore_signs& s) {
  return out << to_string(s).c_str();
}

// definitions

constexpr std::string_view to_string(restore_signs::sign s) noexcept {
  using enum restore_signs::sign;
  switch (s) {
  case generation: return "VMClock generation";
  case disruption: return "VMClock disruption marker";
  case generation_id: return "generation id";
  case boot_id: return "boot id";
  case time_namespace: return "time namespace";
  case clocks_leapt: return "clocks leapt";
  }
  return "unknown";
}

namespace detail {

/// The body of to_string().
template <class T> std::string restore_signs_text(const dependent<T, restore_signs>& s) {
  using enum restore_signs::sign;
  if (!s.any()) return "nothing";
  dependent<T, std::string> text;
  if (s.inferred())
    return "inferred: the machine was restored from a snapshot or migrated, because the kernel's clocks leapt and "
           "the counter did not";
  if (s.has(boot_id)) text = "this process was restored on another machine or after another boot";
  else if (s.has(time_namespace)) text = "this process was restored from a checkpoint, or changed its time namespace";
  else if (s.has(generation) || s.has(generation_id)) text = "the machine was restored from a snapshot";
  else text = "the machine was migrated, or its counter was disrupted otherwise";
  dependent<T, std::string> how;
  for (const restore_signs::sign one : {generation, disruption, generation_id, boot_id, time_namespace, clocks_leapt}) {
    if (s.has(one)) how += (how.empty() ? "" : ", ") + dependent<T, std::string>(to_string(one));
  }
  return text + " (" + how + ")";
}

} // namespace detail

template <class T> struct compiled_for_callers<restore_signs, T> {
  friend std::string to_string(const restore_signs& s) { return detail::restore_signs_text<T>(s); }
};
static_assert(sizeof(compiled_for_callers<restore_signs>) != 0);

} // namespace takt::inline TAKT_ABI
