// Protects: that a child owns nothing of its parent. Whatever of takt it inherits is inert: it neither takes the parent's
// ticks nor disarms the parent's timers nor waits for the parent's threads, in whichever way it was made, also when both
// are process 1 of a pid namespace.
#include "support/child.hpp"
#include "support/skip.hpp"
#include <doctest/doctest.h>
#include <takt/observe/clock_watch.hpp>
#include <takt/observe/run_guard.hpp>
#include <takt/scheduler/scheduler.hpp>
#include <takt/timer/alarm.hpp>
#include <takt/timer/clock_change_timer.hpp>
#include <takt/timer/keeper.hpp>
#include <takt/timer/wall_timer.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/prctl.h>
#include <system_error>
#include <thread>
#include <utility>

namespace {

using namespace std::chrono_literals;
using takt_test::child_end;
using takt_test::in_child;
using takt_test::way;

constexpr std::errc denied = std::errc::operation_not_permitted;

/// Effects: calls `good(how)`, which tells whether all was well, for every way to make a child. For the last one it runs
/// in a process that is process 1, as its child will be.
template <class Test> void in_every_way(Test good) {
  CHECK(good(way::fork));
  CHECK(good(way::bare));
  const child_end end = in_child(way::namespaced, [&] { return getpid() == 1 && good(way::namespaced); });
  if (end == child_end::refused) TAKT_SKIP("pid namespaces: needs CAP_SYS_ADMIN");
  CHECK(end == child_end::good);
}

/// Returns: whether the descriptor is readable within ten seconds.
bool readable(int fd) {
  pollfd watched{fd, POLLIN, 0};
  return poll(&watched, 1, 10'000) == 1;
}

/// Returns: whether `call`, which takes an error code, is denied.
template <class Call> bool is_denied(Call call) {
  std::error_code ec;
  call(ec);
  return ec == denied;
}

/// Effects: makes every system call of madvise(2) return `answer` without effect, in this process.
bool imitate_madvise(std::uint32_t answer) {
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(SYS_madvise), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | answer),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof(steps) / sizeof(steps[0]), steps};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

} // namespace

TEST_CASE("each generation of processes has a count of its own, asked for or not") {
  using os = takt::linux_os;
  REQUIRE(os::count_forks() == 0);
  in_every_way([](way how) {
    const unsigned own = os::fork_count();
    const auto differs = [own](unsigned child) {
      return os::fork_count() == os::fork_count() && os::fork_mark() == os::fork_count() && os::fork_count() != own &&
             os::fork_count() != child && os::fork_count() % 256 != 0;
    };
    const bool asked = in_child(how, [&] {
      const unsigned child = os::fork_count();
      return differs(0) && in_child(how, [&] { return differs(child); }) == child_end::good;
    }) == child_end::good;
    const bool unasked = in_child(how, [&] {
      return in_child(how, [&] { return differs(0); }) == child_end::good && os::fork_mark() == 0;
    }) == child_end::good;
    return asked && unasked && os::fork_count() == own;
  });
}

TEST_CASE("300 nested generations: none has the count of the first, nor its lowest 8 bits when it has none yet") {
  using os = takt::linux_os;
  REQUIRE(os::count_forks() == 0);
  struct nested {
    static bool go(unsigned first, int depth) { // NOLINT(misc-no-recursion): each level is another process
      return os::fork_mark() % 256 == 0 && os::fork_count() % 256 != 0 && os::fork_count() != first &&
             (depth == 0 || in_child(way::bare, [&] { return go(first, depth - 1); }) == child_end::good);
    }
  };
  CHECK(in_child(way::bare, [first = os::fork_count()] { return nested::go(first, 300); }) == child_end::good);
}

TEST_CASE("timer_fd: the child's copy is inert, and its end leaves the parent's timer armed") {
  in_every_way([](way how) {
    std::error_code ec;
    takt::timer_fd<> timer(CLOCK_MONOTONIC, ec);
    timer.arm(1ns, false, ec); // expired: the first process that reads it takes it
    if (ec) return false;
    const child_end end = in_child(how, [&] {
      const takt::timer_fd<> moved(std::move(timer));
      takt::timer_fd<> copy;
      copy = takt::timer_fd<>();
      const bool own_works = [] {
        std::error_code e;
        takt::timer_fd<> own(CLOCK_MONOTONIC, e);
        own.arm(1ns, false, e);
        return own.wait(10s, e) && own.take(e) == takt::timer_fd<>::news::expired && !own.inherited();
      }();
      takt::timer_fd<> assigned;
      assigned = takt::timer_fd<>(std::move(const_cast<takt::timer_fd<>&>(moved))); // NOLINT: the copy of a copy
      return !assigned && assigned.inherited() && assigned.fd() == -1 && own_works &&
             is_denied([&](std::error_code& e) { assigned.arm(1h, false, e); }) &&
             is_denied([&](std::error_code& e) { assigned.disarm(e); }) &&
             is_denied([&](std::error_code& e) { static_cast<void>(assigned.take(e)); }) &&
             is_denied([&](std::error_code& e) { static_cast<void>(assigned.wait(10s, e)); });
    });
    return end == child_end::good && timer && !timer.inherited() && readable(timer.fd()) &&
           timer.take(ec) == takt::timer_fd<>::news::expired;
  });
}

TEST_CASE("wall_timer: the child takes no tick and cannot disarm") {
  in_every_way([](way how) {
    std::error_code ec;
    takt::wall_timer timer(ec);
    timer.at(takt::wall_timer::time_point(1ns), ec); // long past: there is a tick to be taken
    const child_end end = in_child(how, [&] {
      takt::wall_timer copy(std::move(timer));
      return !copy.armed() && copy.fd() == -1 && is_denied([&](std::error_code& e) { static_cast<void>(copy.fire(e)); }) &&
             is_denied([&](std::error_code& e) { copy.every(takt::grid(1h), e); }) && !copy.armed() &&
             is_denied([&](std::error_code& e) { copy.at(takt::wall_timer::time_point::max(), e); }) &&
             is_denied([&](std::error_code& e) { static_cast<void>(copy.wait(e)); }) &&
             is_denied([&](std::error_code& e) { copy.disarm(e); });
    });
    return end == child_end::good && timer.armed() && readable(timer.fd()) && timer.fire(ec).has_value() && !ec;
  });
}

TEST_CASE("alarm_timer: the child takes no alarm and cannot disarm") {
  std::error_code refused;
  if (const takt::alarm_timer any(takt::alarm_timer::clock::boottime, refused); refused)
    TAKT_SKIP("alarm timer: %s", refused.message().c_str());
  in_every_way([](way how) {
    std::error_code ec;
    takt::alarm_timer timer(takt::alarm_timer::clock::boottime, ec);
    timer.at(1ns, ec);
    const child_end end = in_child(how, [&] {
      takt::alarm_timer copy(std::move(timer));
      return copy.fd() == -1 && is_denied([&](std::error_code& e) { static_cast<void>(copy.fire(e)); }) &&
             is_denied([&](std::error_code& e) { copy.after(1h, e); }) &&
             is_denied([&](std::error_code& e) { copy.wait(e); }) &&
             is_denied([&](std::error_code& e) { copy.disarm(e); });
    });
    return end == child_end::good && readable(timer.fd()) && timer.fire(ec) && !ec;
  });
}

TEST_CASE("clock_change_timer: the child neither fires nor takes") {
  in_every_way([](way how) {
    std::error_code ec;
    takt::clock_change_timer<> timer(ec), quiet(ec);
    timer.wake();
    quiet.arm(1h, ec);
    const child_end end = in_child(how, [&] {
      quiet.wake();
      return timer.inherited() && timer.fd() == -1 &&
             is_denied([&](std::error_code& e) { static_cast<void>(timer.take(e)); }) &&
             is_denied([&](std::error_code& e) { static_cast<void>(timer.wait(10s, e)); }) &&
             is_denied([&](std::error_code& e) { timer.arm(1h, e); });
    });
    return end == child_end::good && readable(timer.fd()) && timer.take(ec) == takt::timer_fd<>::news::expired &&
           !quiet.wait(0s, ec);
  });
}

TEST_CASE("clock_watch: the child reports nothing and takes no notification") {
  in_every_way([](way how) {
    std::error_code ec;
    takt::clock_watch watch(1ms, ec);
    if (ec || !readable(watch.fd())) return false;
    const auto checks = watch.checks();
    const child_end end = in_child(how, [&] {
      return watch.fd() == -1 && is_denied([&](std::error_code& e) { static_cast<void>(watch.take(e)); }) &&
             is_denied([&](std::error_code& e) { static_cast<void>(watch.check(e)); }) &&
             is_denied([&](std::error_code& e) { static_cast<void>(watch.wait(10s, e)); }) && watch.checks() == checks;
    });
    const bool untouched = readable(watch.fd());
    static_cast<void>(watch.take(ec));
    return end == child_end::good && untouched && !ec && watch.checks() > checks;
  });
}

TEST_CASE("run_guard: the report of a child says whose run it is") {
  in_every_way([](way how) {
    takt::run_guard guard;
    const child_end end = in_child(how, [&] {
      const takt::run_report r = guard.finish();
      guard.restart();
      if (guard.finish().inherited) return false;
      return r.inherited && !r.trusted() && !r.migrations && to_string(r).find("its parent") != std::string::npos;
    });
    return end == child_end::good && !guard.finish().inherited;
  });
}

TEST_CASE("scheduler: the child waits for no callback of the parent's threads, and takes nothing from the descriptor") {
  in_every_way([](way how) {
    std::error_code ec;
    std::optional<takt::grid_scheduler> timers(std::in_place, ec), polled(std::in_place, ec);
    std::atomic<bool> inside{false}, leave{false};
    const auto wait = [&inside, &leave] {
      inside = true;
      while (!leave) std::this_thread::yield();
    };
    auto handle = timers->after(0s, takt::slack(0s), wait, ec);
    struct held {
      std::atomic<int> called{0};
      takt::basic_grid_timer<takt::grid_scheduler, 16> node;
    } later{{0}, {*timers, [] {}}};
    later.node.arm(1h, takt::slack(0s), ec);
    takt::grid_timer due(*polled, [] {});
    const int fd = polled->fd(ec);
    due.arm(0s, takt::slack(0s), ec);
    if (ec) return false;
    std::thread runs([&] { timers->run(); });
    while (!inside) std::this_thread::yield();
    const child_end end = in_child(how, [&] {
      const bool inert = !handle.cancel() && !handle.move(1h, takt::slack(0s)) && !handle.due() && !later.node.cancel() &&
                         !later.node.arm(1h, takt::slack(0s)) && timers->pending() == 0 && !timers->next_wakeup() &&
                         timers->statistics().fired() == 0 && timers->fire() == 0 && polled->fire() == 0 &&
                         is_denied([&](std::error_code& e) { timers->run(e); }) &&
                         is_denied([&](std::error_code& e) { static_cast<void>(timers->fd(e)); }) &&
                         is_denied([&](std::error_code& e) { static_cast<void>(polled->fd(e)); });
      timers->stop();
      if (how == way::fork) { // frees memory
        handle = takt::timer_handle();
        timers.reset();
        polled.reset();
      }
      takt::grid_scheduler own; // allocates nothing
      bool called = false;
      takt::basic_grid_timer<takt::grid_scheduler, 16> once(own, [&called, &own] {
        called = true;
        own.stop();
      });
      once.arm(1ms, takt::slack(0s));
      own.run();
      return inert && called;
    });
    leave = true;
    timers->stop();
    runs.join();
    return end == child_end::good && timers->pending() == 1 && later.node.cancel() && readable(fd) && polled->fire() == 1;
  });
}

TEST_CASE("scheduler: a callback that makes a child returns from run() there, and goes on here") {
  in_every_way([](way how) {
    takt::grid_scheduler timers;
    int called = 0;
    child_end end = child_end::refused;
    bool in_the_child = false;
    auto first = timers.after(0s, takt::slack(0s), [&] {
      ++called;
      const pid_t child = takt_test::make_child(how);
      in_the_child = child == 0;
      if (child <= 0) return void(alarm(20));
      int status = 1;
      end = waitpid(child, &status, 0) == child && status == 0 ? child_end::good : child_end::not_good;
    });
    auto second = timers.after(1ms, takt::slack(0s), [&] {
      ++called;
      timers.stop();
    });
    timers.run();
    if (in_the_child) _exit(called == 1 ? 0 : 1);
    return end == child_end::good && called == 2;
  });
}

TEST_CASE("clock_keeper: the child does not wait for the thread that stayed with the parent") {
  in_every_way([](way how) {
    std::error_code ec;
    std::optional<takt::clock_keeper<>> keeper(std::in_place, 1ms, ec);
    if (ec) return false;
    const child_end end = in_child(how, [&] {
      const auto checks = keeper->report().checks;
      keeper->wake();
      const bool asleep = keeper->report().checks == checks;
      keeper.reset();
      return asleep;
    });
    const auto checks = keeper->report().checks;
    for (int i = 0; i < 10'000 && keeper->report().checks == checks; ++i) std::this_thread::sleep_for(1ms);
    return end == child_end::good && keeper->report().checks > checks;
  });
}

TEST_CASE("without pages that the kernel wipes, a handler sees fork()" * doctest::skip()) { // started by the next one
  std::error_code ec;
  takt::timer_fd<> timer(CLOCK_MONOTONIC, ec);
  REQUIRE_FALSE(ec);
  for (int i = 0; i < 2; ++i) { // siblings
    CHECK(in_child(way::fork, [&] {
      return timer.inherited() && in_child(way::fork, [&] { return timer.inherited(); }) == child_end::good;
    }) == child_end::good);
  }
  CHECK_FALSE(timer.inherited());
}

#if defined(__SANITIZE_THREAD__)
#define TAKT_NEEDS_MADVISE
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TAKT_NEEDS_MADVISE
#endif
#endif

TEST_CASE("a kernel that cannot wipe pages, and an emulator that says it can") {
#if defined(TAKT_NEEDS_MADVISE)
  TAKT_SKIP("the sanitizer's own runtime does not start without madvise(2)");
#endif
  for (const std::uint32_t answer : {std::uint32_t(EINVAL), std::uint32_t(0)}) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      alarm(60);
      if (!imitate_madvise(answer)) _exit(77);
      execl("/proc/self/exe", "tests", "-tc=without pages that the kernel wipes*", "--no-skip", "-m", nullptr);
      _exit(78);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) TAKT_SKIP("seccomp(2) is refused");
    CHECK(status == 0);
  }
}
