// os.hpp: threads that the library starts take no signal that is meant for the program's, but those that they bring upon
// themselves; a thread that is cancelled while the library waits for it is not torn out of what is noexcept; and what fails
// leaves lengths and facts as they were. A file is read whole, in whatever pieces the kernel gives it.
#include <atomic>
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <string>
#include <support/cancelled.hpp>
#include <takt/kernel/os.hpp>
#include <unistd.h>

namespace {

using os = takt::linux_os;

// The signals that are blocked in the calling thread.
sigset_t blocked() {
  sigset_t mask;
  sigemptyset(&mask);
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return mask;
}

} // namespace

TEST_CASE("a thread of the library's blocks signals, but those that would end the program if it did") {
  sigset_t before = blocked(), inside;
  sigemptyset(&inside);
  os::thread started{};
  REQUIRE(os::thread_start(
              started, [](void* out) -> void* { return *static_cast<sigset_t*>(out) = blocked(), nullptr; }, &inside) == 0);
  os::thread_join(started);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGALRM}) {
    CAPTURE(signal);
    CHECK(sigismember(&inside, signal) == 1);
  }
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
    CAPTURE(signal);
    CHECK(sigismember(&inside, signal) == 0);
  }
  const sigset_t after = blocked();
  for (int signal = 1; signal < SIGRTMAX; ++signal) {
    CAPTURE(signal);
    CHECK(sigismember(&after, signal) == sigismember(&before, signal));
  }
}

TEST_CASE("what is noexcept is no cancellation point") {
  // As cancelled as a thread can be: the next cancellation point would end it, and in what is noexcept the program too.
  CHECK(comes_to_its_end([] {
    pthread_cancel(pthread_self());
    timespec soon{};
    std::atomic<std::uint32_t> word{0};
    int fd = -1;
    char text[64];
    std::size_t length = 0;
    os::perf_clock perf;
    static_cast<void>(os::clock_gettime(CLOCK_MONOTONIC, soon));
    static_cast<void>(os::sleep_until(CLOCK_MONOTONIC, soon));
    static_cast<void>(os::wait_until(word, 0, CLOCK_MONOTONIC, soon));
    if (os::timer_open(CLOCK_MONOTONIC, fd) == 0) {
      const timespec none{};
      static_cast<void>(os::timer_arm(fd, {0, 1}, false));
      static_cast<void>(os::wait_readable(fd, &none));
      static_cast<void>(os::timer_take(fd));
      os::timer_close(fd);
    }
    static_cast<void>(os::read_short("/proc/self/stat", text, sizeof(text), length));
    static_cast<void>(os::write_file("/dev/null", std::string("text")));
    static_cast<void>(os::read_perf_clock(perf));
    os::thread other{};
    if (os::thread_start(other, [](void*) -> void* { return nullptr; }, nullptr) == 0) os::thread_join(other);
  }));
}

TEST_CASE("a wait for a descriptor leaves the limit that it was given as it was") {
  int fd = -1;
  REQUIRE(os::timer_open(CLOCK_MONOTONIC, fd) == 0);
  const timespec limit{0, 2'000'000};
  CHECK(os::wait_readable(fd, &limit) == ETIMEDOUT);
  CHECK(limit.tv_nsec == 2'000'000);
  REQUIRE(os::timer_arm(fd, {0, 1}, false) == 0);
  CHECK(os::wait_readable(fd, nullptr) == 0);
  CHECK(os::timer_take(fd) == 0);
  CHECK(os::timer_take(fd) == EAGAIN);
  os::timer_close(fd);
}

TEST_CASE("what fails leaves its outputs alone, but for a buffer") {
  char few[4];
  std::size_t length = 77;
  os::file_facts facts;
  facts.size = 78;
  CHECK(os::read_short("/proc/self/stat", few, sizeof(few), length) == EFBIG);
  CHECK(os::read_short("/proc/self", few, sizeof(few), length) == EISDIR);
  CHECK(os::read_link("/proc/self/ns/mnt", few, sizeof(few), length) == ENAMETOOLONG);
  CHECK(os::read_guarded("/proc/self/nothing", few, sizeof(few), length, facts) == ENOENT);
  CHECK(os::read_guarded("/proc/self", few, sizeof(few), length, facts) == ELOOP);
  CHECK(length == 77);
  CHECK(facts.size == 78);
}

// A pipe of packets gives one of them with each read(2), as files of /proc give a page.
TEST_CASE("a file that comes in pieces of any size is read as a whole, or not at all") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, std::size_t{511}, std::size_t{512}}) {
    CAPTURE(piece);
    for (const bool too_long : {false, true}) {
      int ends[2];
      REQUIRE(::pipe2(ends, O_DIRECT | O_CLOEXEC) == 0);
      static_cast<void>(::fcntl(ends[1], F_SETPIPE_SZ, 1 << 20)); // refused where the user has too many pipes
      const int pieces = std::min(200, ::fcntl(ends[1], F_GETPIPE_SZ) / 4096); // each takes a page
      std::string all;
      for (int i = 0; i < pieces; ++i) {
        const std::string one(piece, static_cast<char>('a' + i % 23));
        REQUIRE(::write(ends[1], one.data(), piece) == static_cast<ssize_t>(piece));
        all += one;
      }
      ::close(ends[1]);
      std::string text = "before";
      const int error = os::read_file(("/proc/self/fd/" + std::to_string(ends[0])).c_str(), text, all.size() - too_long);
      ::close(ends[0]);
      CHECK(error == (too_long ? EFBIG : 0));
      CHECK(text.size() == (too_long ? 6 : all.size()));
      const bool same = text == (too_long ? "before" : all);
      CHECK(same);
    }
  }
}
