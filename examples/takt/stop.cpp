#include "stop.hpp"
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <poll.h>
#include <time.h>
#include <unistd.h>

namespace tool {
namespace {

// Handlers run one at a time: each blocks the signals of the others.
std::atomic<int> stop_signal = 0;
std::atomic<std::int64_t> stop_since = 0; // nanoseconds of CLOCK_MONOTONIC
std::atomic<int> guards = 0;              // how many `termination_guard` live
std::atomic<bool> reader_gone = false;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<std::int64_t>::is_always_lock_free);

constexpr int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};
// Others that end a program and come from outside: a timer that was inherited, a limit on CPU time, kill(1). Those of a fault
// (SIGSEGV and the like) are missing: after one of them nothing can be relied on.
constexpr int other_ends[] = {SIGQUIT, SIGABRT, SIGALRM, SIGUSR1,   SIGUSR2, SIGVTALRM, SIGPROF,
                              SIGXCPU, SIGPWR,  SIGIO,   SIGSTKFLT, SIGTRAP, SIGSYS};
template <class F> void for_each_other_end(F&& f) {
  for (const int signal : other_ends) f(signal);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) f(signal);
}
// timeout(1), shells and service managers send two signals at once: that is not yet impatience.
constexpr std::int64_t impatient_after = 500'000'000;

void on_stop(int signal) {
  const int saved = errno;
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  const std::int64_t now = ts.tv_sec * std::int64_t{1'000'000'000} + ts.tv_nsec;
  if (stop_signal == 0) {
    stop_since = now;
    stop_signal = signal;
  } else if (guards == 0 && now - stop_since > impatient_after) {
    std::signal(signal, SIG_DFL);
    raise(signal); // comes when this handler returns
  }
  errno = saved;
}

sigset_t all_stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : stop_signals) sigaddset(&set, signal);
  for_each_other_end([&set](int signal) { sigaddset(&set, signal); });
  return set;
}

void handle(int signal) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  if (action.sa_handler == SIG_IGN) return; // nohup, or a job in the background
  action.sa_handler = &on_stop;
  action.sa_mask = all_stop_signals();
  action.sa_flags =
      static_cast<int>(SA_RESTART); // output goes on; ppoll, in which the tool sleeps, ends even so (signal(7))
  sigaction(signal, &action, nullptr);
}

void watch_for_stop() {
  [[maybe_unused]] static const bool once = [] {
    for (const int signal : stop_signals) handle(signal);
    return true;
  }();
}

/// Asks, a few times a second at most, whether the reader of standard output has gone. Threads may ask at once.
void watch_for_reader() {
  static std::atomic<std::int64_t> next = 0; // of the steady clock
  constexpr std::int64_t pause = 50'000'000;
  const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  if (now < next.load(std::memory_order_relaxed)) return;
  next.store(now + pause, std::memory_order_relaxed);
  pollfd output{STDOUT_FILENO, 0, 0};
  if (poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0) reader_gone = true;
}

constexpr int output_signals[] = {SIGPIPE, SIGXFSZ};
struct sigaction inherited_actions[std::size(output_signals)];

} // namespace

void ignore_output_signals() {
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  for (std::size_t i = 0; i < std::size(output_signals); ++i) sigaction(output_signals[i], &action, &inherited_actions[i]);
}
void restore_output_signals() {
  for (std::size_t i = 0; i < std::size(output_signals); ++i) sigaction(output_signals[i], &inherited_actions[i], nullptr);
}

bool stop_wanted() {
  watch_for_stop();
  if (!reader_gone) watch_for_reader();
  return stop_signal != 0 || reader_gone;
}

bool sleep_until(std::chrono::steady_clock::time_point deadline, int descriptor) {
  using namespace std::chrono;
  watch_for_stop();
  // Blocked but inside ppoll, a signal cannot come between the question and the sleep.
  const sigset_t stopping = all_stop_signals();
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &stopping, &before);
  for (;;) {
    const auto left = duration_cast<nanoseconds>(deadline - steady_clock::now()).count();
    if (stop_signal != 0 || left <= 0) break;
    const timespec ts{static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
    // A negative descriptor is passed over. Of standard output, poll reports only whether it still has a reader.
    pollfd watched[] = {{descriptor, POLLIN, 0}, {reader_gone ? -1 : STDOUT_FILENO, 0, 0}};
    if (ppoll(watched, 2, &ts, &before) <= 0) continue;
    if ((watched[1].revents & POLLERR) != 0) reader_gone = true;
    if (watched[0].revents != 0 || reader_gone) break;
    if (watched[1].revents != 0) { // closed, or a terminal that hung up, which a signal reports: nothing to wait for
      pollfd alone{descriptor, POLLIN, 0};
      if (ppoll(&alone, 1, &ts, &before) > 0) break;
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return !stop_wanted();
}

termination_guard::termination_guard() {
  watch_for_stop();
  ++guards;
  for_each_other_end(&handle);
}

termination_guard::~termination_guard() { --guards; }

} // namespace tool
