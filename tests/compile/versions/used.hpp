#pragma once
#include <cstddef>

/// The facts that a library reports about the takt in it.
struct used {
  int version;
  const void* category;
  const void* state; ///< of tsc_clock
  std::size_t size;  ///< of that
  bool right;        ///< tsc_clock shows CLOCK_MONOTONIC, within 0.1 s
};
