// Protects: the share of CPU time that other programs used, from two samples of /proc/stat: guests are not counted
// twice, this program is not counted, and a text of any other form is unknown.
#include "../examples/takt/model/cpu_time.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <string>

namespace {
using namespace std::chrono_literals;
using tool::cpu_times;
using tool::parse_cpu_times;
} // namespace

TEST_CASE("the first line of /proc/stat: eight times in ticks, guests contained in the first two") {
  const auto t = parse_cpu_times("cpu  100 20 30 400 50 6 7 8 90 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n", 100);
  REQUIRE(t);
  CHECK(t->total == 6210ms);
  CHECK(t->idle == 4500ms);
  CHECK(t->stolen == 80ms);
  CHECK(t->own == 0ns);
  CHECK(parse_cpu_times("cpu  0 0 0 1 0 0 0 0", 1000)->idle == 1ms);
  CHECK(parse_cpu_times("cpu 0 0 0 1 0 0 0 1", 3)->stolen == 333'333'333ns);
}

TEST_CASE("text of any other form is unknown") {
  for (const char* text : {"", "cpu", "cpu ", "cpu  1 2 3 4 5 6 7", "cpu  1 2 3 4 5 6 7\n8", "cpu0 1 2 3 4 5 6 7 8", "intr 1 2 3 4 5 6 7 8",
                           "cpu  1 2 3 -4 5 6 7 8", "cpu  1 2 x 4 5 6 7 8", "cpu  99999999999999999999 2 3 4 5 6 7 8"}) {
    CAPTURE(text);
    CHECK(!parse_cpu_times(text, 100));
  }
  CHECK(!parse_cpu_times("cpu  1 2 3 4 5 6 7 8", 0));
  CHECK(!parse_cpu_times("cpu  1 2 3 4 5 6 7 8", -1));
  // The largest that is accepted does not overflow.
  const std::string n = " 125000000000";
  const auto most = parse_cpu_times("cpu " + n + n + n + n + n + n + n + n, 1'000'000'000);
  REQUIRE(most);
  CHECK(most->total == 1000s);
}

TEST_CASE("others are what is neither idle nor this program") {
  const cpu_times before{100s, 40s, 0s, 5s};
  CHECK(*share_of_others(before, {110s, 48s, 0s, 6s}) == doctest::Approx(0.1));
  CHECK(*share_of_others(before, {110s, 50s, 0s, 5s}) == doctest::Approx(0));
  CHECK(*share_of_others(before, {110s, 40s, 10s, 5s}) == doctest::Approx(1)); // stolen time is time of others
  // Accounting by ticks can give this program more than the machine used, and idle time that decreases.
  CHECK(*share_of_others(before, {110s, 49s, 0s, 8s}) == 0);
  CHECK(*share_of_others(before, {110s, 39s, 0s, 5s}) == 1);
  CHECK(!share_of_others(before, before));
  CHECK(!share_of_others(before, {99s, 40s, 0s, 5s}));
}

TEST_CASE("this machine's times: idle and stolen are parts of the total, and time passes") {
  const auto before = tool::read_cpu_times();
  if (!before) return; // no /proc
  CHECK(before->total >= before->idle + before->stolen);
  CHECK(before->own > 0ns);
  const auto after = tool::read_cpu_times();
  REQUIRE(after);
  CHECK(after->total >= before->total);
  CHECK(after->own >= before->own);
}
