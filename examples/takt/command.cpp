#include "command.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <time.h>
#include <unistd.h>

ABSL_FLAG(bool, json, false, "Print for programs");
ABSL_FLAG(bool, yes_change_this_machine, false, "Agree that this changes a setting of the whole machine; it is undone on exit");

namespace tool {

bool json_wanted() { return absl::GetFlag(FLAGS_json); }

exit_code could_not(std::string_view what) {
  absl::FPrintF(stderr, "takt: %s\n", what);
  return exit_code::could_not;
}
exit_code could_not(std::string_view what, std::error_code why) { return could_not(absl::StrCat(what, ": ", why.message())); }

exit_code wrong_usage(std::string_view what) {
  absl::FPrintF(stderr, "takt: %s\n", what);
  return exit_code::wrong_usage;
}

bool may_change_this_machine(std::string_view what) {
  if (absl::GetFlag(FLAGS_yes_change_this_machine)) return true;
  absl::FPrintF(stderr, "takt: %s changes a setting of the whole machine; say --yes-change-this-machine if that is what you want\n",
                what);
  return false;
}

// stopping

namespace {

volatile std::sig_atomic_t stop_signal = 0;

void watch_for_stop() {
  [[maybe_unused]] static const bool once = [] {
    struct sigaction action {};
    action.sa_handler = [](int signal) { stop_signal = signal; };
    action.sa_flags = static_cast<int>(SA_RESETHAND); // a second Ctrl-C ends the tool at once; no SA_RESTART: sleeps end
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    return true;
  }();
}

} // namespace

bool stop_wanted() {
  watch_for_stop();
  return stop_signal != 0;
}

bool sleep_until(std::chrono::steady_clock::time_point deadline) {
  using namespace std::chrono;
  // A signal that comes between the question and the sleep is answered at the next slice.
  while (!stop_wanted() && steady_clock::now() < deadline) {
    const auto slice = std::min<nanoseconds>(deadline - steady_clock::now(), 200ms);
    const auto whole = std::max<nanoseconds>(slice, 0ns).count();
    const timespec ts{static_cast<time_t>(whole / 1'000'000'000), static_cast<long>(whole % 1'000'000'000)};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, nullptr);
  }
  return !stop_wanted();
}

// progress

progress::progress(std::string what) : what_(std::move(what)), start_(std::chrono::steady_clock::now()), last_(start_) {}

void progress::at(double fraction) {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  if (now - start_ < 1s || now - last_ < 100ms || !isatty(STDERR_FILENO)) return;
  last_ = now;
  shown_ = true;
  constexpr int width = 30;
  const int full = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * width);
  absl::FPrintF(stderr, "\r%s [%s%s] %3.0f %%", what_, std::string(static_cast<std::size_t>(full), '#'),
                std::string(static_cast<std::size_t>(width - full), '.'), fraction * 100);
}

progress::~progress() {
  if (shown_) absl::FPrintF(stderr, "\r%s\r", std::string(what_.size() + 42, ' '));
}

} // namespace tool
