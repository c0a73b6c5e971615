/// arguments.hpp - the command line of the programs here that have a main of their own: numbers in their places.
///
/// Whatever else is given, --help too, ends the program with 2 and a line that says what it wants.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>

class arguments {
public:
  /// `usage` is that line. Ends the program where more than `most` arguments are given.
  arguments(int argc, char** argv, const char* usage, int most) : count_(argc), all_(argv), usage_(usage) {
    if (argc - 1 > most) wrong();
  }

  /// The nth argument, from 1 on, which is a whole number of at least `least`; 1e9 may be written so. Without a fallback it
  /// has to be there.
  [[nodiscard]] std::int64_t number(int n, std::int64_t least, std::optional<std::int64_t> fallback = {}) const {
    constexpr double too_many = 1e15; // which a double still counts one by one
    if (n >= count_) return fallback ? *fallback : wrong();
    char* end = nullptr;
    const double value = std::strtod(all_[n], &end);
    if (end == all_[n] || *end != '\0' || !(value >= static_cast<double>(least) && value < too_many) || std::floor(value) != value)
      wrong();
    return static_cast<std::int64_t>(value);
  }

private:
  [[noreturn]] std::int64_t wrong() const {
    std::fprintf(stderr, "usage: %s\n", usage_);
    std::exit(2);
  }

  int count_;
  char** all_;
  const char* usage_;
};
