/// rounded_text.hpp - numbers and durations with two or three digits, for lines that people read.
///
/// Does not promise: a text from which the value can be read back.
#pragma once
#include <takt/core/config.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace takt::inline TAKT_ABI::detail {

/// Returns: the value, which is not negative, with three digits at most: "0.052", "1.3", "240".
template <class T = for_callers> std::string short_number(double value) {
  if (!(value < 1e15)) return "inf";
  int decimals = 0;
  for (double v = value; v < 9.95 && v > 0 && decimals < 6; v *= 10) ++decimals; // two significant digits
  double scaled = value;
  for (int i = 0; i < decimals; ++i) scaled *= 10;
  dependent<T, std::string> digits = std::to_string(static_cast<long long>(scaled + 0.5));
  if (decimals == 0) return digits;
  const auto places = static_cast<std::size_t>(decimals);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  digits.insert(digits.size() - places, 1, '.');
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return digits;
}

/// Returns: the value with its sign: "+0.1", "-3".
template <class T = for_callers> std::string signed_number(double value) {
  return (value < 0 ? "-" : "+") + short_number<T>(value < 0 ? -value : value);
}

/// Returns: the duration, which is not negative, with a unit: "1.2 s", "5 ms", "210 us".
template <class T = for_callers> std::string short_duration(std::chrono::nanoseconds d) {
  const auto ns = static_cast<double>(d.count());
  if (ns >= 1e9) return short_number<T>(ns / 1e9) + " s";
  return ns >= 1e6 ? short_number<T>(ns / 1e6) + " ms" : short_number<T>(ns / 1e3) + " us";
}

/// Returns: the duration with its sign and a unit: "+1 s", "-37 us".
template <class T = for_callers> std::string signed_duration(std::chrono::nanoseconds d) {
  const bool back = d.count() < 0;
  return (back ? "-" : "+") + short_duration<T>(std::chrono::nanoseconds(!back          ? d.count()
                                                                         : d == d.min() ? d.max().count()
                                                                                        : -d.count()));
}

} // namespace takt::inline TAKT_ABI::detail
