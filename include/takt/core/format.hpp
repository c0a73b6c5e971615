/// format.hpp - std::format for the values that print.hpp prints, with the same texts.
///
///     std::format("{:>20}", takt::ticks(7))
///
/// The format specification is that of a string: width, fill, alignment and precision. core.hpp and takt.hpp do not
/// include this header, because <format> takes longer to compile than all of takt.
///
/// Does not promise: anything where the standard library has no <format> (libstdc++ before 13, libc++ before 17). Then
/// this header declares nothing.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/print.hpp>
#include <version>

#if __has_include(<format>) && (defined(__cpp_lib_format) || (defined(_LIBCPP_VERSION) && _LIBCPP_VERSION >= 170000))
#include <format>
#include <string_view>

template <takt::detail::short_value T> struct std::formatter<T, char> : std::formatter<std::string_view, char> {
  template <class Context> auto format(const T& value, Context& context) const {
    const auto text = takt::detail::text_of(value);
    return std::formatter<std::string_view, char>::format(text.view(), context);
  }
};
#endif
