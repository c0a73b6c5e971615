/// output_file.hpp - the file that a picture, a page or a trace is written to.
#pragma once
#include "command.hpp"
#include <absl/strings/string_view.h>
#include <cstdint>
#include <functional>
#include <string>

namespace tool {

/// A file that is replaced as a whole. open() finds out whether it can be written, before the work and not after it. An
/// old file stays until its replacement is complete, and a new file appears with all of its contents, so a signal
/// leaves no partial file behind.
class output_file {
public:
  /// Effects: prepares the file; an empty path is no file, and nothing will be written. `flag` is the flag of the
  /// command line that names the file, for the error message. Returns: done, or the exit code after an error message.
  exit_code open(const std::string& path, absl::string_view flag = "--svg");
  /// Returns: whether there is a file to be written.
  [[nodiscard]] bool wanted() const { return fd_ >= 0 || to_be_made_; }

  /// Effects: replaces the file by the text that `draw` returns. Returns: done, or the exit code after an error
  /// message.
  exit_code write(const std::function<std::string()>& draw);

  /// Effects: adds a part of a file that is too long for the memory. Such a file grows without a name (O_TMPFILE) in
  /// the directory of the file, or where that is not possible in the one for temporary files, until `finish` replaces
  /// the file. `finish` reports an error. Precondition: no call of `write`.
  void append(absl::string_view part);
  /// Effects: replaces the file by the appended parts. Returns: done, or the exit code after an error message.
  exit_code finish();
  /// Returns: the number of bytes that were appended.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  output_file() = default;
  ~output_file();
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;

private:
  exit_code failed(int error);
  exit_code replace();
  exit_code name();
  std::string path_;
  int fd_ = -1;
  int spool_ = -1; ///< the nameless file of the parts, while `fd_` is the old file
  int error_ = 0;  ///< the errno of the first part that could not be written
  std::uint64_t size_ = 0;
  bool without_name_ = false; ///< a new file (O_TMPFILE), which gets its name when it is written
  bool to_be_made_ = false;   ///< a new file where the file system has no O_TMPFILE
};

} // namespace tool
