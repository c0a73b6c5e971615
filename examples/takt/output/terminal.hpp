/// terminal.hpp - the width of the terminal, whether headings may be bold, errors of output, and a progress line.
#pragma once
#include <absl/strings/string_view.h>
#include <chrono>
#include <cstdio>
#include <string>
#include <system_error>

namespace tool {

/// Returns: the number of columns of a line on `descriptor`, from 40 to 1000: that of the terminal, else the
/// environment variable COLUMNS, else 80.
[[nodiscard]] unsigned line_width(int descriptor);

/// Returns: whether headings on `out` are bold: on a terminal that supports it, unless the environment variable
/// NO_COLOR is set and not empty (no-color.org).
[[nodiscard]] bool bold_headings(std::FILE* out);

/// Effects: flushes standard output. Returns: whether everything that was printed so far could be written.
bool flush_output();
/// Returns: the error of the first output that could not be written; empty if there is none.
[[nodiscard]] std::error_code output_error();

/// A line on standard error that shows the progress of a long job. It appears after the first second, and disappears at
/// the end and before other output. Nothing is shown where standard error is no terminal. At most one object at a time.
class progress {
public:
  explicit progress(std::string what);
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  /// Effects: shows the share `fraction` of the job, from 0 to 1.
  void at(double fraction);
  /// Effects: removes the line from the terminal, if there is one. Every output to the terminal calls it first.
  static void clear();

private:
  std::string what_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
};

} // namespace tool
