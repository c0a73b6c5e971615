#include "command.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <absl/time/time.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <utility>

ABSL_FLAG(bool, json, false, "Print for programs");
ABSL_FLAG(bool, yes_change_this_machine, false,
          "Agree that this changes a setting of the whole machine; it is undone on exit");

namespace tool {

bool json_wanted() { return absl::GetFlag(FLAGS_json); }

exit_code could_not(absl::string_view what) {
  absl::FPrintF(stderr, "takt: %s\n", what);
  return exit_code::could_not;
}
exit_code could_not(absl::string_view what, std::error_code why) {
  return could_not(absl::StrCat(what, ": ", why.message()));
}

exit_code wrong_usage(absl::string_view what) {
  absl::FPrintF(stderr, "takt: %s\n", what);
  return exit_code::wrong_usage;
}

bool may_change_this_machine(absl::string_view what) {
  if (absl::GetFlag(FLAGS_yes_change_this_machine)) return true;
  absl::FPrintF(
      stderr,
      "takt: %s changes a setting of the whole machine; say --yes-change-this-machine if that is what you want\n",
      what);
  return false;
}

// pictures

drawing::~drawing() {
  if (fd_ < 0) return;
  close(fd_);
  if (ours_) unlink(path_.c_str()); // empty
}

exit_code drawing::failed(int error) { return could_not(path_, std::error_code(error, std::generic_category())); }

exit_code drawing::open(const std::string& path) {
  path_ = path;
  if (path.empty()) return exit_code::done;
  if (path == "-") return wrong_usage("--svg wants a file: standard output is for the figures");
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  ours_ = fd_ >= 0;
  if (!ours_ && errno == EEXIST) fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  return fd_ >= 0 ? exit_code::done : failed(errno);
}

exit_code drawing::write(const std::function<std::string()>& draw) {
  if (fd_ < 0) return exit_code::done;
  const std::string text = draw();
  ours_ = false;
  if (ftruncate(fd_, 0) != 0 && errno != EINVAL) return failed(errno); // EINVAL: a pipe or a device
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(fd_, text.data() + at, text.size() - at);
    if (n >= 0) at += static_cast<std::size_t>(n);
    else if (errno != EINTR) return failed(errno);
  }
  return close(std::exchange(fd_, -1)) == 0 ? exit_code::done : failed(errno);
}

// output

namespace {
std::error_code first_output_error; // libc tells the reason once and remembers no more than that there was one
} // namespace

bool flush_output() {
  // Where a write failed before, this one has nothing left to do: the reason is that of the last attempt.
  errno = std::ferror(stdout) && errno != 0 ? errno : EIO;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return true;
  if (!first_output_error) first_output_error = std::error_code(errno, std::generic_category());
  return false;
}
std::error_code output_error() { return first_output_error; }

// flags

namespace {
std::span<char*> operands_given;
} // namespace

std::span<char*> operands() { return operands_given; }
void set_operands(std::span<char*> given) { operands_given = given; }

bool AbslParseFlag(absl::string_view text, duration* out, std::string* error) {
  absl::Duration parsed;
  if (absl::EndsWith(text, "min")) text.remove_suffix(2); // for Abseil minutes are m
  if (absl::ParseDuration(text, &parsed) && absl::AbsDuration(parsed) > absl::FromChrono(std::chrono::nanoseconds::max())) {
    *error = "it is beyond 292 years";
    return false;
  }
  if (!absl::ParseDuration(text, &parsed)) {
    *error = "a time with its unit is wanted, as 50us, 250ms, 1.5s or 10min";
    return false;
  }
  out->value = absl::ToChronoNanoseconds(parsed);
  return true;
}
std::string AbslUnparseFlag(duration d) {
  const std::string text = absl::FormatDuration(absl::FromChrono(d.value));
  return absl::EndsWith(text, "m") ? text + "in" : text;
}

bool parse_shares(absl::string_view text, double& least, double& most) {
  const std::vector<std::string> parts = absl::StrSplit(text, '-');
  if (parts.empty() || parts.size() > 2) return false;
  if (!absl::SimpleAtod(parts.front(), &least) || !absl::SimpleAtod(parts.back(), &most)) return false;
  least /= 100, most /= 100;
  return least >= 0 && least <= most && most <= 1;
}

// stopping

namespace {

// Handlers run one at a time: each blocks the signals of the others.
std::atomic<int> stop_signal = 0;
std::atomic<std::int64_t> stop_since = 0; // nanoseconds of CLOCK_MONOTONIC
std::atomic<int> undoing = 0;             // how many `unhurried` live
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<std::int64_t>::is_always_lock_free);

constexpr int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};
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
  } else if (undoing == 0 && now - stop_since > impatient_after) {
    std::signal(signal, SIG_DFL);
    raise(signal); // comes when this handler returns
  }
  errno = saved;
}

sigset_t all_stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : stop_signals) sigaddset(&set, signal);
  sigaddset(&set, SIGQUIT);
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

} // namespace

bool stop_wanted() {
  watch_for_stop();
  return stop_signal != 0;
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
    pollfd watched{descriptor, POLLIN, 0}; // a negative one is passed over
    if (ppoll(&watched, 1, &ts, &before) > 0) break;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return !stop_wanted();
}

unhurried::unhurried() {
  watch_for_stop();
  ++undoing;
  handle(SIGQUIT);
}

unhurried::~unhurried() { --undoing; }

// progress

unsigned line_width(int descriptor) {
  constexpr unsigned least = 40, usual = 80, most = 1000;
  winsize size{};
  unsigned columns = usual;
  if (isatty(descriptor) != 0 && ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) columns = size.ws_col;
  else if (const char* const told = std::getenv("COLUMNS"); told == nullptr || !absl::SimpleAtoi(told, &columns) || columns == 0)
    columns = usual;
  return std::clamp(columns, least, most);
}

progress::progress(std::string what)
    : what_(std::move(what)), start_(std::chrono::steady_clock::now()), last_(start_) {}

void progress::at(double fraction) {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  if (now - start_ < 1s || now - last_ < 100ms || !isatty(STDERR_FILENO)) return;
  last_ = now;
  shown_ = true;
  // The line must not wrap: a carriage return would not take back what it left above.
  const unsigned room = line_width(STDERR_FILENO);
  const auto shown = std::min<std::size_t>(what_.size(), room - 20);
  const int width = std::min(30, static_cast<int>(room - shown) - 12);
  const int full = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * width);
  absl::FPrintF(stderr, "\r%s [%s%s] %3.0f %%", what_.substr(0, shown), std::string(static_cast<std::size_t>(full), '#'),
                std::string(static_cast<std::size_t>(width - full), '.'), fraction * 100);
}

progress::~progress() {
  if (shown_) absl::FPrintF(stderr, "\r%s\r", std::string(std::min<std::size_t>(what_.size() + 42, line_width(STDERR_FILENO) - 1), ' '));
}

} // namespace tool
