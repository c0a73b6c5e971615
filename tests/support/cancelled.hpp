// cancelled.hpp - whether code brings a thread to its end that is cancelled meanwhile.
#pragma once
#include <pthread.h>

/// Calls `body()` in a thread of its own. Returns: whether it came to its end, which a cancelled thread does not where it
/// meets a cancellation point.
template <class Body> bool comes_to_its_end(Body body) {
  const auto run = [](void* argument) -> void* { return (*static_cast<Body*>(argument))(), argument; };
  pthread_t thread{};
  void* result = nullptr;
  return pthread_create(&thread, nullptr, run, &body) == 0 && pthread_join(thread, &result) == 0 && result == &body;
}
