// Protects: that what a callback throws leaves fire(), and run(), when there is no memory at all.
#include <takt/scheduler/scheduler.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace {
bool out_of_memory = false;
}

[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* const p = out_of_memory ? nullptr : std::malloc(size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }

int main() {
  using namespace std::chrono_literals;
  takt::grid_scheduler timers;
  const auto exhaust = [] {
    out_of_memory = true;
    ::operator delete(::operator new(100));
  };
  int left = 0;
  const auto count = [&left](auto&& call) {
    try {
      call();
    } catch (const std::bad_alloc&) {
      out_of_memory = false;
      ++left;
    }
  };
  const auto a = timers.after(0ms, takt::slack(0ms), exhaust), b = timers.after(0ms, takt::slack(0ms), exhaust);
  count([&timers] { timers.fire(); }); // both throw; each exception leaves a call of its own
  count([&timers] { timers.fire(); });
  const auto c = timers.after(0ms, takt::slack(0ms), exhaust);
  count([&timers] { timers.run(); });
  if (left != 3) std::printf("%d of 3 exceptions left the scheduler\n", left);
  return left == 3 ? 0 : 1;
}
