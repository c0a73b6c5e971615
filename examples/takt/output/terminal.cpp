#include "terminal.hpp"
#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

namespace tool {

unsigned line_width(int descriptor) {
  constexpr unsigned min = 40, usual = 80, max = 1000;
  winsize size{};
  unsigned columns = usual;
  if (isatty(descriptor) != 0 && ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) columns = size.ws_col;
  else if (const char* const given = std::getenv("COLUMNS");
           given == nullptr || !absl::SimpleAtoi(given, &columns) || columns == 0)
    columns = usual;
  return std::clamp(columns, min, max);
}

bool bold_headings(std::FILE* out) {
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return isatty(fileno(out)) != 0 && (no_color == nullptr || *no_color == '\0') && terminal != nullptr && *terminal != '\0' &&
         absl::string_view(terminal) != "dumb";
}

namespace {
std::error_code first_output_error; // libc gives the reason once and remembers no more than that there was one
} // namespace

bool flush_output() {
  // Where a write failed before, this one has nothing left to do: the reason is that of the last attempt.
  errno = std::ferror(stdout) && errno != 0 ? errno : EIO;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return true;
  if (!first_output_error) first_output_error = std::error_code(errno, std::generic_category());
  return false;
}
std::error_code output_error() { return first_output_error; }

namespace {
std::size_t progress_columns = 0; // of the line that is on the terminal now
} // namespace

progress::progress(std::string what)
    : what_(std::move(what)), start_(std::chrono::steady_clock::now()), last_(start_) {}

void progress::at(double fraction) {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  if (now - start_ < 1s || now - last_ < 100ms || !isatty(STDERR_FILENO)) return;
  last_ = now;
  // The line must not wrap: a carriage return would not take back what it left above.
  const unsigned room = line_width(STDERR_FILENO);
  const auto shown = std::min<std::size_t>(what_.size(), room - 20);
  const int width = std::min(30, static_cast<int>(room - shown) - 12);
  const int full = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * width);
  absl::FPrintF(stderr, "\r%s [%s%s] %3.0f %%", what_.substr(0, shown), std::string(static_cast<std::size_t>(full), '#'),
                std::string(static_cast<std::size_t>(width - full), '.'), std::clamp(fraction, 0.0, 1.0) * 100);
  progress_columns = shown + static_cast<std::size_t>(width) + 9;
}

void progress::clear() {
  if (progress_columns != 0) absl::FPrintF(stderr, "\r%s\r", std::string(std::exchange(progress_columns, 0), ' '));
}

progress::~progress() { clear(); }

} // namespace tool
