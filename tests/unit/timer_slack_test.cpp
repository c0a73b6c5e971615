// Protects: slack set is slack set: what the kernel would take for "the default" or silently ignore is an error; the
// scope restores what was there, to the nanosecond, and only if it changed anything.
#include <takt/kernel/timer_slack.hpp>
#include <takt/testing/fake_os.hpp>
#include <support/hostile_text.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace {
using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using os = takt::testing::fake_os<struct timer_slack_test>;
using scope = takt::scoped_timer_slack<os>;

constexpr char path_of_7[] = "/proc/7/timerslack_ns";

static_assert(!std::is_copy_constructible_v<scope> && !std::is_move_constructible_v<scope>);
static_assert(!std::is_copy_assignable_v<scope> && !std::is_move_assignable_v<scope>);
static_assert(noexcept(takt::timer_slack<os>(std::declval<std::error_code&>())));
} // namespace

TEST_CASE("timer_slack: reading and setting one's own") {
  os::reset();
  std::error_code ec = std::make_error_code(std::errc::io_error);
  CHECK(takt::timer_slack<os>(ec) == 50us);
  CHECK_FALSE(ec);
  ec = std::make_error_code(std::errc::io_error);
  takt::set_timer_slack<os>(1ns, ec);
  CHECK_FALSE(ec);
  CHECK(os::now.slack.value == 1);
  takt::set_timer_slack<os>(nanoseconds::max(), ec);
  CHECK_FALSE(ec);
  CHECK(takt::timer_slack<os>(ec) == nanoseconds::max());
}

TEST_CASE("timer_slack: more than 2^63 ns stops at the end of the range") {
  os::reset();
  std::error_code ec;
  for (const std::uint64_t slack : {std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    os::now.slack.value = slack;
    CHECK(takt::timer_slack<os>(ec) == nanoseconds::max());
  }
  os::now.slack.value = 2'500'000'000; // no int
  CHECK(takt::timer_slack<os>(ec) == 2500ms);
}

TEST_CASE("timer_slack: zero and below are invalid, and nothing is set") {
  os::reset();
  for (const nanoseconds slack : {0ns, -1ns, nanoseconds::min()}) {
    std::error_code ec;
    takt::set_timer_slack<os>(slack, ec);
    CHECK(ec == std::errc::invalid_argument);
    os::now.files[path_of_7].value = "50000\n";
    takt::set_timer_slack_of<os>(7, slack, ec);
    CHECK(ec == std::errc::invalid_argument);
    scope s(slack, ec);
    CHECK(ec == std::errc::invalid_argument);
    CHECK_FALSE(s.active());
  }
  CHECK(os::now.slack.value == 50'000);
  CHECK(os::now.files[path_of_7].value == "50000\n");
}

TEST_CASE("timer_slack: under a real-time policy there is no effect, and nothing is touched") {
  os::reset();
  os::now.files[path_of_7].value = "50000\n";
  for (const int policy : {SCHED_FIFO, SCHED_RR, SCHED_DEADLINE}) {
    os::now.policy.value = policy;
    std::error_code ec;
    takt::set_timer_slack<os>(1ns, ec);
    CHECK(ec == takt::errc::no_effect);
    takt::set_timer_slack_of<os>(7, 1ns, ec);
    CHECK(ec == takt::errc::no_effect);
    os::now.slack.value = 0; // as Linux 6.12 shows it
    {
      ec.clear();
      scope s(1ns, ec);
      CHECK(ec == takt::errc::no_effect);
      CHECK_FALSE(s.active());
    }
    CHECK(os::now.slack.value == 0);
    os::now.slack.value = 50'000;
  }
  CHECK(os::now.files[path_of_7].value == "50000\n");
  for (const int policy : {SCHED_OTHER, SCHED_BATCH, SCHED_IDLE}) {
    os::now.policy.value = policy;
    std::error_code ec;
    takt::set_timer_slack<os>(1ns, ec);
    CHECK_FALSE(ec);
  }
}

TEST_CASE("timer_slack: the scope restores what was there") {
  os::reset();
  for (const std::uint64_t before :
       {std::uint64_t{50'000}, std::uint64_t{1}, std::uint64_t{2'500'000'000}, ~std::uint64_t{0}}) {
    os::now.slack.value = before;
    std::error_code ec = std::make_error_code(std::errc::io_error);
    {
      scope outer(1ms, ec);
      CHECK_FALSE(ec);
      CHECK(outer.active());
      CHECK(os::now.slack.value == 1'000'000);
      {
        scope inner(1ns, ec);
        CHECK(os::now.slack.value == 1);
        scope refused(0ns, ec);
        CHECK(ec == std::errc::invalid_argument);
      }
      CHECK(os::now.slack.value == 1'000'000);
    }
    CHECK(os::now.slack.value == before);
  }
}

TEST_CASE("timer_slack: errors of the calls are passed on") {
  os::reset();
  os::now.slack.error = EPERM;
  std::error_code ec;
  CHECK(takt::timer_slack<os>(ec) == 0ns);
  CHECK(ec == std::errc::operation_not_permitted);
  ec.clear();
  takt::set_timer_slack<os>(1ns, ec);
  CHECK(ec == std::errc::operation_not_permitted);
  {
    ec.clear();
    scope s(1ns, ec);
    CHECK(ec == std::errc::operation_not_permitted);
    CHECK_FALSE(s.active());
  }
  os::reset();
  os::now.policy.error = ESRCH;
  takt::set_timer_slack<os>(1ns, ec);
  CHECK(ec == std::errc::no_such_process);
  CHECK(os::now.slack.value == 50'000);
}

TEST_CASE("timer_slack: of other threads") {
  os::reset();
  std::error_code ec;
  CHECK(takt::timer_slack_of<os>(7, ec) == 0ns);
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files[path_of_7].value = "50000\n";
  CHECK(takt::timer_slack_of<os>(7, ec) == 50us);
  CHECK_FALSE(ec);
  takt::set_timer_slack_of<os>(7, 3ms, ec);
  CHECK_FALSE(ec);
  CHECK(takt::timer_slack_of<os>(7, ec) == 3ms);
  os::now.files[path_of_7].error = EPERM;
  CHECK(takt::timer_slack_of<os>(7, ec) == 0ns);
  CHECK(ec == std::errc::operation_not_permitted);
  os::now.write_errors[path_of_7] = EPERM;
  takt::set_timer_slack_of<os>(7, 3ms, ec);
  CHECK(ec == std::errc::operation_not_permitted);
  os::now.policy.error = ESRCH;
  takt::set_timer_slack_of<os>(7, 3ms, ec);
  CHECK(ec == std::errc::no_such_process);
}

TEST_CASE("timer_slack: no thread has an id of zero or below") {
  os::reset();
  for (const pid_t id : {0, -1}) {
    std::error_code ec;
    takt::set_timer_slack_of<os>(id, 1ns, ec);
    CHECK(ec == std::errc::invalid_argument);
    CHECK(takt::timer_slack_of<os>(id, ec) == 0ns);
    CHECK(ec);
  }
}

TEST_CASE("timer_slack: texts") {
  std::error_code ec = std::make_error_code(std::errc::io_error);
  CHECK(takt::detail::parse_timer_slack("0\n", ec) == 0ns);
  CHECK_FALSE(ec);
  CHECK(takt::detail::parse_timer_slack("18446744073709551615\n", ec) == nanoseconds::max());
  CHECK_FALSE(ec);
  for (const char* text : {"", "\n", "50000", "50000 ns\n", "-1\n", "5e4\n", "18446744073709551616\n", "1\n2\n"}) {
    CAPTURE(text);
    CHECK(takt::detail::parse_timer_slack(text, ec) == 0ns);
    CHECK(ec == takt::errc::malformed_text);
  }
  test::for_each_cut("50000\n", [&](std::string_view cut) {
    CHECK(takt::detail::parse_timer_slack(cut, ec) == 0ns);
    CHECK(ec == takt::errc::malformed_text);
  });
  for (const std::string& text : test::hostile_texts()) {
    CHECK(takt::detail::parse_timer_slack(text, ec) == 0ns);
    CHECK((!ec) == (text.size() > 1 && text.find_first_not_of('0') == text.size() - 1 && text.back() == '\n'));
  }
  os::reset();
  os::now.files[path_of_7].value = std::string(1 << 20, '0') + "\n";
  CHECK(takt::timer_slack_of<os>(7, ec) == 0ns);
  CHECK(ec == std::errc::file_too_large);
}

#if TAKT_EXCEPTIONS
TEST_CASE("timer_slack: the throwing forms say what to do") {
  os::reset();
  CHECK(takt::timer_slack<os>() == 50us);
  takt::set_timer_slack<os>(2ns);
  CHECK(os::now.slack.value == 2);
  { const scope s(3ns); }
  CHECK(os::now.slack.value == 2);
  CHECK_THROWS_WITH_AS(takt::set_timer_slack<os>(0ns), doctest::Contains("1 ns"), std::system_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(takt::timer_slack_of<os>(7)), doctest::Contains(path_of_7), std::system_error);
  CHECK_THROWS_WITH_AS(takt::set_timer_slack_of<os>(7, 1ns), doctest::Contains("is there such a thread"), std::system_error);
  os::now.write_errors[path_of_7] = EPERM;
  CHECK_THROWS_WITH_AS(takt::set_timer_slack_of<os>(7, 1ns), doctest::Contains("CAP_SYS_NICE"), std::system_error);
  os::now.policy.value = SCHED_FIFO;
  CHECK_THROWS_WITH_AS(scope(1ns), doctest::Contains("real-time"), std::system_error);
  CHECK_THROWS_WITH_AS(takt::set_timer_slack<os>(1ns), doctest::Contains("real-time"), std::system_error);
}
#endif
