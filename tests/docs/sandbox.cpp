// The recipes of the README, run: in a sandbox without /proc and /sys nothing of it throws, what sleeps does sleep, and
// what is not known says so. sandbox.sh takes both away.
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <takt/takt.hpp>

using namespace std::chrono_literals;

namespace {

int failures = 0;

void check(bool right, const char* what) {
  if (right) return;
  std::printf("wrong: %s\n", what);
  ++failures;
}

void recipes(bool with_proc) {
  takt::clock_keeper keeper;
  const auto stamp = takt::tsc_clock::now();
  check(takt::tsc_clock::now() >= stamp, "a stamp goes back");
  check(takt::tsc_clock::to_sys(stamp).time_since_epoch() > 0ns, "a stamp has no time of day");
  static_cast<void>(takt::tsc_clock::from_ticks(takt::read_counter()));

  const auto slept = [](auto sleep) {
    const auto before = std::chrono::steady_clock::now();
    std::error_code ec;
    sleep(ec);
    check(std::chrono::steady_clock::now() - before >= 9ms, "a sleep was too short");
    return ec;
  };
  const auto aligned = slept([](std::error_code& ec) { takt::sleep_aligned(9ms, takt::grid(10ms), ec); });
  const auto within = slept([](std::error_code& ec) { takt::sleep_within(9ms, takt::slack(5ms), ec); });
  check(with_proc == !aligned && with_proc == !within, "a sleep does not say whether it was on the common grid");
  std::error_code ec;
  takt::periodic beat(takt::grid(10ms));
  check(beat.wait(ec).has_value() == with_proc, "a beat does not say whether it is on the common grid");

  takt::grid_scheduler timers(ec);
  int called = 0;
  timers.after(1ms, takt::slack(5ms), [&] { ++called; }).detach();
  takt::grid_timer idle(timers, [&] { ++called; });
  idle.arm(2ms, takt::slack(5ms));
  for (const auto end = std::chrono::steady_clock::now() + 30s; called < 2 && std::chrono::steady_clock::now() < end;) timers.fire();
  check(called == 2, "a time-out was not called");

  takt::stopwatch watch;
  watch.start();
  check(watch.stop().time().value_or(0ns) >= 0ns, "a lap is negative");
  const takt::verdict v = takt::judge(takt::verdict::facts::gather());
  for (const takt::verdict::finding f : v.findings) check(!std::string(takt::explain(f)).empty(), "a finding says nothing");
  static_cast<void>(takt::clocksource::current(ec));
  static_cast<void>(takt::vdso::answers(CLOCK_MONOTONIC));
}

} // namespace

int main(int argc, char** argv) {
  try {
    recipes(argc > 1 && std::string(argv[1]) == "with-proc");
  } catch (const std::exception& e) {
    std::printf("thrown: %s\n", e.what());
    return 1;
  }
  std::printf("%d wrong\n", failures);
  return failures != 0;
}
