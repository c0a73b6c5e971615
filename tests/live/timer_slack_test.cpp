// Protects: what the header says of this kernel's timer slack: more than an int holds, inherited by new threads, per
// thread, without effect under a real-time policy.
#include <takt/kernel/timer_slack.hpp>
#include <support/skip.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <chrono>
#include <system_error>
#include <thread>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

pid_t this_thread() { return static_cast<pid_t>(::syscall(SYS_gettid)); }

/// Runs `f` in a thread of its own, whose slack and policy die with it.
template <class F> void apart(F f) { std::thread(f).join(); }
} // namespace

TEST_CASE("timer_slack: set is what is read, beyond the range of an int too") {
  apart([] {
    std::error_code ec;
    for (const nanoseconds slack : {nanoseconds(1ns), nanoseconds(10ms), nanoseconds(2500ms), nanoseconds(1h)}) {
      takt::set_timer_slack(slack, ec);
      CHECK_FALSE(ec);
      CHECK(takt::timer_slack(ec) == slack);
      CHECK_FALSE(ec);
    }
  });
}

TEST_CASE("timer_slack: a scope restores, a new thread inherits, and no other thread is touched") {
  apart([] {
    std::error_code ec;
    const nanoseconds before = takt::timer_slack(ec);
    REQUIRE_FALSE(ec);
    {
      const takt::scoped_timer_slack<> scope(before + 1ns, ec);
      CHECK_FALSE(ec);
      CHECK(takt::timer_slack(ec) == before + 1ns);
      apart([&] {
        std::error_code inner;
        CHECK(takt::timer_slack(inner) == before + 1ns);
        takt::set_timer_slack(7ns, inner);
      });
      CHECK(takt::timer_slack(ec) == before + 1ns);
    }
    CHECK(takt::timer_slack(ec) == before);
  });
}

TEST_CASE("timer_slack: /proc says the same of this thread, and can set it") {
  apart([] {
    std::error_code ec;
    const nanoseconds by_proc = takt::timer_slack_of(this_thread(), ec);
    if (ec == std::errc::no_such_file_or_directory) TAKT_SKIP("no /proc/PID/timerslack_ns");
    REQUIRE_FALSE(ec);
    CHECK(by_proc == takt::timer_slack(ec));
    takt::set_timer_slack_of(this_thread(), 2500ms, ec);
    CHECK_FALSE(ec);
    CHECK(takt::timer_slack(ec) == 2500ms);
  });
}

TEST_CASE("timer_slack: of a process that is not there") {
  std::error_code ec;
  constexpr pid_t beyond = 1 << 30; // PID_MAX_LIMIT is 2^22
  CHECK(takt::timer_slack_of(beyond, ec) == 0ns);
  CHECK(ec == std::errc::no_such_file_or_directory);
  takt::set_timer_slack_of(beyond, 1ns, ec);
  CHECK(ec == std::errc::no_such_process);
}

TEST_CASE("timer_slack: under a real-time policy nothing is set, and the error says so") {
  apart([] {
    for (const int policy : {SCHED_FIFO, SCHED_RR}) {
      const sched_param priority{1};
      if (::pthread_setschedparam(::pthread_self(), policy, &priority) != 0)
        TAKT_SKIP("real-time policies need CAP_SYS_NICE");
      std::error_code ec;
      const nanoseconds before = takt::timer_slack(ec);
      takt::set_timer_slack(7ns, ec);
      CHECK(ec == takt::errc::no_effect);
      takt::set_timer_slack_of(this_thread(), 7ns, ec);
      CHECK(ec == takt::errc::no_effect);
      {
        const takt::scoped_timer_slack<> scope(7ns, ec);
        CHECK(ec == takt::errc::no_effect);
        CHECK_FALSE(scope.active());
      }
      CHECK(takt::timer_slack(ec) == before);
    }
  });
}
