// Protects: that a real-time policy is set or refused as a whole, and that policy, nice value and slack come back.
#include <cerrno>
#include <doctest/doctest.h>
#include <system_error>
#include <takt/testing/fake_os.hpp>
#include <takt/kernel/realtime.hpp>

namespace {

using os = takt::testing::fake_os<struct realtime_test>;
using takt::realtime_policy;
using guard = takt::scoped_realtime<os>;

} // namespace

TEST_CASE("the policy holds while the object lives; policy, nice and slack come back") {
  os::reset();
  os::now.scheduling.value.nice = 7;
  os::now.slack.value = 123'456;
  std::error_code ec;
  {
    const guard rt(realtime_policy::round_robin, 42, ec);
    REQUIRE_FALSE(ec);
    CHECK(rt.active());
    CHECK(os::now.scheduling.value.policy == SCHED_RR);
    CHECK(os::now.scheduling.value.priority == 42);
    os::now.slack.value = 50'000; // as the kernel has it when the policy changes back, and not before that heeds a wish
  }
  CHECK(os::now.scheduling.value.policy == SCHED_OTHER);
  CHECK(os::now.scheduling.value.priority == 0);
  CHECK(os::now.scheduling.value.nice == 7);
  CHECK(os::now.slack.value == 123'456);
}

TEST_CASE("a thread that was real-time before is so afterwards, and keeps its reset-on-fork") {
  os::reset();
  os::now.scheduling.value.policy = SCHED_FIFO;
  os::now.scheduling.value.priority = 3;
  os::now.scheduling.value.flags = 1;
  os::now.slack.value = 0;
  std::error_code ec;
  {
    const guard rt(realtime_policy::fifo, 99, ec);
    CHECK(os::now.scheduling.value.priority == 99);
    CHECK(os::now.scheduling.value.flags == 1);
  }
  CHECK(os::now.scheduling.value.policy == SCHED_FIFO);
  CHECK(os::now.scheduling.value.priority == 3);
  CHECK(os::now.slack.value == 0);
}

TEST_CASE("what is refused changes nothing") {
  os::reset();
  std::error_code ec;
  for (const int priority : {-1, 0, 100}) {
    const guard rt(realtime_policy::fifo, priority, ec);
    CHECK(ec == std::errc::invalid_argument);
    CHECK_FALSE(rt.active());
  }
  {
    const guard rt(static_cast<realtime_policy>(SCHED_OTHER), 1, ec);
    CHECK(ec == std::errc::invalid_argument);
  }
  os::now.scheduling.error = EPERM;
  {
    const guard rt(realtime_policy::fifo, 1, ec);
    CHECK(ec == std::errc::operation_not_permitted);
    CHECK_FALSE(rt.active());
#if TAKT_EXCEPTIONS
    CHECK_THROWS_WITH_AS(guard(realtime_policy::fifo, 1), doctest::Contains("CAP_SYS_NICE"), std::system_error);
#endif
  }
  CHECK(os::now.scheduling.value.policy == SCHED_OTHER);
}
