// Protects: that bad input never sleeps, that good input ends on the grid it names, and that the answer is that of a C
// call.
#include <cerrno>
#include <chrono>
#include <climits>
#include <doctest/doctest.h>
#include <iterator>
#include <limits>
#include <takt/testing/fake_os.hpp>
#include <takt/sleep/nanosleep_aligned.hpp>

#include "support/numbers.hpp"

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using os = takt::testing::fake_os<struct nanosleep_aligned_test>;
using takt::slack_value;

constexpr slack_value levels[] = {takt::SLACK_VALUE_EXACT, takt::SLACK_VALUE_10NS,  takt::SLACK_VALUE_100NS,
                                  takt::SLACK_VALUE_1US,   takt::SLACK_VALUE_10US,  takt::SLACK_VALUE_100US,
                                  takt::SLACK_VALUE_1MS,   takt::SLACK_VALUE_10MS,  takt::SLACK_VALUE_100MS,
                                  takt::SLACK_VALUE_1S};
constexpr nanoseconds periods[] = {1ns, 10ns, 100ns, 1us, 10us, 100us, 1ms, 10ms, 100ms, 1s};

void start(timespec now = {1000, 123'456'789}, nanoseconds origin = 0ns) {
  os::reset();
  os::now.clocks[CLOCK_MONOTONIC].value = now;
  takt::assume_grid_origin<os>({origin, 0ns});
  errno = 0;
}

nanoseconds slept_until() { return os::now.sleeps.back().deadline; }

} // namespace

TEST_CASE("the enumerators keep their values: they are part of programs") {
  for (int i = 0; i < 10; ++i) CHECK(levels[i] == i);
  static_assert(sizeof(slack_value) == sizeof(int));
}

TEST_CASE("every level sleeps at least as long as asked and ends on the first point of its grid") {
  for (std::size_t i = 0; i < std::size(levels); ++i) {
    start();
    CHECK(takt::nanosleep_aligned<os>({0, 1'000'003}, levels[i]) == 0);
    const nanoseconds due = 1000s + 123'456'789ns + 1'000'003ns, end = slept_until();
    CHECK(os::now.sleeps.back().id == CLOCK_MONOTONIC);
    CHECK(end >= due);
    CHECK(end - due < periods[i]);
    CHECK(end % periods[i] == 0ns);
    CHECK(errno == 0);
  }
}

TEST_CASE("the beat: at least P on the grid of P is 2 P") {
  start({1000, 0});
  os::now.latency = 60us;
  const auto beat = [](timespec sleep_time) {
    const int unused = takt::nanosleep_aligned<os>(sleep_time, takt::SLACK_VALUE_10MS);
    const nanoseconds first = slept_until();
    return takt::nanosleep_aligned<os>(sleep_time, takt::SLACK_VALUE_10MS) + unused == 0 ? slept_until() - first : 0ns;
  };
  CHECK(beat({0, 10'000'000}) == 20ms);
  CHECK(beat({0, 9'000'000}) == 10ms);
}

TEST_CASE("inside a time namespace the grid is the kernel's") {
  start({1000, 123'456'789}, 3ms + 7ns);
  CHECK(takt::nanosleep_aligned<os>({0, 0}, takt::SLACK_VALUE_10MS) == 0);
  CHECK(slept_until() == 1000s + 123ms + 7ns + 10ms); // 1000.133 - 0.003 is a multiple of 10 ms
  CHECK(takt::nanosleep_aligned<os>({0, 1}, takt::SLACK_VALUE_EXACT) == 0);
  CHECK(slept_until() == 1000s + 133ms + 8ns);
}

TEST_CASE("every timespec that is none is refused and not slept") {
  constexpr long longs[] = {LONG_MIN, LONG_MIN + 1,  -1'000'000'000, -999'999'999,
                            -1,       1'000'000'000, 1'000'000'001,  LONG_MAX};
  constexpr time_t seconds[] = {std::numeric_limits<time_t>::min(), -1, 0, 1, std::numeric_limits<time_t>::max()};
  constexpr time_t negative[] = {std::numeric_limits<time_t>::min(), -1'000'000'000, -1};
  start();
  const auto refused = [](timespec ts) {
    for (const slack_value level : levels) {
      errno = 0;
      CHECK(takt::nanosleep_aligned<os>(ts, level) == -1);
      CHECK(errno == EINVAL);
      errno = 0;
      timespec left{7, 7};
      CHECK(takt::nanosleep_aligned<os>(ts, level, takt::interruptible, &left) == -1);
      CHECK(errno == EINVAL);
      CHECK(left.tv_sec == 7);
      timespec deadline{7, 7};
      CHECK(takt::nanosleep_deadline<os>(ts, level, deadline) == EINVAL);
      CHECK(deadline.tv_sec == 7);
    }
  };
  for (const long nsec : longs) {
    for (const time_t sec : seconds) refused({sec, nsec});
  }
  for (const time_t sec : negative) {
    for (const long nsec : {0L, 1L, 999'999'999L}) refused({sec, nsec});
  }
  takt_test::numbers n(1);
  for (int i = 0; i < 10'000; ++i) {
    const timespec ts{n.any_signed<time_t>(), n.any_signed<long>()};
    if (ts.tv_sec < 0 || !takt::detail::is_canonical(ts)) {
      CHECK(takt::nanosleep_aligned<os>(ts, takt::SLACK_VALUE_1MS) == -1);
    }
  }
  CHECK(os::now.sleeps.empty());
}

TEST_CASE("every integer that is no enumerator is refused and not slept") {
  start();
  const auto refused = [](int value) {
    errno = 0;
    CHECK(takt::nanosleep_aligned<os>({0, 1}, static_cast<slack_value>(value)) == -1);
    CHECK(errno == EINVAL);
    CHECK(takt::nanosleep_aligned<os>({0, 1}, static_cast<slack_value>(value), takt::interruptible) == -1);
  };
  for (int value = -70'000; value <= 70'000; ++value) {
    if (value < takt::SLACK_VALUE_EXACT || value > takt::SLACK_VALUE_1S) refused(value);
  }
  for (int bit = 4; bit < 32; ++bit) refused(static_cast<int>(1U << bit));
  for (const int value : {INT_MIN, INT_MIN + 1, INT_MAX - 1, INT_MAX}) refused(value);
  CHECK(os::now.sleeps.empty());
}

TEST_CASE("a duration that overflows sleeps to the end of time") {
  for (const slack_value level : levels) {
    start();
    CHECK(takt::nanosleep_aligned<os>({std::numeric_limits<time_t>::max(), 999'999'999}, level) == 0);
    CHECK(slept_until() == nanoseconds::max());
    start();
    CHECK(takt::nanosleep_aligned<os>({9'223'372'036 - 1000, 0}, level) == 0);
    CHECK(slept_until() > nanoseconds::max() - 900ms);
  }
}

TEST_CASE("a signal ends only the form that asks for it, which tells what was left") {
  start({1000, 0});
  os::now.early_ends = {{1ms}, {2ms}};
  CHECK(takt::nanosleep_aligned<os>({0, 9'000'000}, takt::SLACK_VALUE_10MS) == 0);
  CHECK(os::now.sleeps.size() == 3);
  CHECK(slept_until() == 1000s + 10ms);

  start({1000, 0});
  os::now.early_ends = {{4ms}};
  timespec left{};
  CHECK(takt::nanosleep_aligned<os>({0, 9'000'000}, takt::SLACK_VALUE_10MS, takt::interruptible, &left) == -1);
  CHECK(errno == EINTR);
  CHECK(takt::to_nanoseconds(left) == 6ms);
  start({1000, 0});
  os::now.early_ends = {{14ms}}; // the handler took longer than the sleep
  CHECK(takt::nanosleep_aligned<os>({0, 9'000'000}, takt::SLACK_VALUE_10MS, takt::interruptible, &left) == -1);
  CHECK(takt::to_nanoseconds(left) == 0ns);
  os::now.early_ends = {{1ms}};
  CHECK(takt::nanosleep_aligned<os>({0, 9'000'000}, takt::SLACK_VALUE_10MS, takt::interruptible) == -1);
  CHECK(takt::nanosleep_aligned<os>({0, 9'000'000}, takt::SLACK_VALUE_10MS, takt::interruptible) == 0);
}

TEST_CASE("an origin that is not known is an error of the grid, not of the exact sleep, and no sleep that is left out") {
  using blind = takt::testing::fake_os<struct blind_nanosleep_test>;
  blind::reset();
  blind::now.clocks[CLOCK_MONOTONIC].value = {1000, 0};
  CHECK(takt::nanosleep_aligned<blind>({0, 1}, takt::SLACK_VALUE_1MS) == -1);
  CHECK(errno == ENOENT);
  REQUIRE(blind::now.sleeps.size() == 1);
  CHECK(blind::now.sleeps[0].deadline == 1000s + 1ms);
  CHECK(takt::nanosleep_aligned<blind>({0, 1}, takt::SLACK_VALUE_EXACT) == 0);
  CHECK(blind::now.sleeps.size() == 2);
  timespec left{}, deadline{7, 7};
  CHECK(takt::nanosleep_aligned<blind>({0, 1}, takt::SLACK_VALUE_1MS, takt::interruptible, &left) == -1);
  CHECK(errno == ENOENT);
  CHECK(blind::now.sleeps.size() == 3);
  blind::now.early_ends = {{1ns}};
  CHECK(takt::nanosleep_aligned<blind>({0, 1}, takt::SLACK_VALUE_1MS, takt::interruptible, &left) == -1);
  CHECK(errno == EINTR);
  CHECK(takt::nanosleep_deadline<blind>({0, 1}, takt::SLACK_VALUE_1MS, deadline) == ENOENT);
  CHECK(deadline.tv_sec == 1000); // set all the same: a loop that ignores the error waits until it
  CHECK(deadline.tv_nsec == 3'000'000); // the sleeps before have advanced the clock to 1000.002 s
  blind::now.links[takt::detail::own_time_namespace_path].value = "time:[1]";
  blind::now.links[takt::detail::childrens_time_namespace_path].value = "time:[2]";
  CHECK(takt::nanosleep_aligned<blind>({0, 1}, takt::SLACK_VALUE_1MS) == -1);
  CHECK(errno == ENOTSUP);
  blind::now.links[takt::detail::childrens_time_namespace_path].value = "time:[1]";
  blind::now.files[takt::detail::time_offsets_path].value = "monotonic";
  CHECK(takt::nanosleep_aligned<blind>({0, 1}, takt::SLACK_VALUE_1MS) == -1);
  CHECK(errno == EIO);
}

TEST_CASE("a refusal of the kernel is that of nanosleep") {
  start();
  os::now.early_ends = {{0ns, EPERM}};
  CHECK(takt::nanosleep_aligned<os>({0, 1}, takt::SLACK_VALUE_1MS) == -1);
  CHECK(errno == EPERM);
}

TEST_CASE("the deadline alone is the one that is slept until") {
  start();
  timespec deadline{};
  CHECK(takt::nanosleep_deadline<os>({0, 9'000'000}, takt::SLACK_VALUE_10MS, deadline) == 0);
  CHECK(deadline.tv_sec == 1000);
  CHECK(deadline.tv_nsec == 140'000'000);
  CHECK(os::now.sleeps.empty());
}
