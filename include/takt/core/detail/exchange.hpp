/// exchange.hpp - std::exchange for what takt's own classes hold: pointers, descriptors and flags.
///
/// The exception specification of std::exchange asks whether its types can be moved and assigned. For each type that
/// instantiates some 25 class templates, also in a function without a call: 15 million instructions of g++ in all.
#pragma once
#include <takt/core/config.hpp>
#include <type_traits>

namespace takt::inline TAKT_ABI::detail {

/// Effects: sets `object` to `next`. Returns: the value before.
template <class T> constexpr T exchange(T& object, std::type_identity_t<T> next) noexcept {
  const T before = object;
  object = next;
  return before;
}

} // namespace takt::inline TAKT_ABI::detail
