/// skip.hpp - how a test says that this machine cannot show what it wants to see.
///
/// The line is collected by the test command and counted in its summary, so a skip is never silent.
#pragma once
#include <cstdio>

/// Leaves the test case with a reason.
#define TAKT_SKIP(...)                                                                                                 \
  do {                                                                                                                 \
    std::printf("SKIPPED: %s:%d: ", __FILE__, __LINE__);                                                               \
    std::printf(__VA_ARGS__);                                                                                          \
    std::printf("\n");                                                                                                 \
    std::fflush(stdout);                                                                                               \
    return;                                                                                                            \
  } while (false)
