/// clock_log_file.hpp - the file that `takt watch --log` appends its lines to, over weeks.
///
/// Each line is written by one write(2) with O_APPEND, so lines of several processes do not mix. Where a disk fills
/// up in the middle of a line, the next line begins on a line of its own. Programs that rotate logs need no signal:
/// a file that was renamed, removed or emptied is noticed. What cannot be written is kept and tried again, up to a
/// limit.
///
/// Does not promise: that lines survive a loss of power; the kernel writes them to the disk when it does.
/// Sources: open(2) O_APPEND, write(2); POSIX.1-2017 write() on files opened with O_APPEND.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <system_error>

namespace tool {

/// A log that is appended to. Not to be shared between threads.
class clock_log_file {
public:
  /// Lines that are kept while none can be written. The oldest beyond that are lost, and counted.
  static constexpr std::size_t max_kept = 4096;
  /// What became of the file since the last call.
  enum class news { none, new_file, emptied, failed, works_again };

  clock_log_file() = default;
  ~clock_log_file();
  clock_log_file(const clock_log_file&) = delete;
  clock_log_file& operator=(const clock_log_file&) = delete;

  /// Effects: opens or creates the file. Returns: why that is not possible; empty if it is.
  std::string open(const std::string& path);
  /// Effects: writes what is kept and then `line`, which ends in a newline; keeps what cannot be written.
  void append(std::string line);
  /// Effects: notices a file that was renamed, removed or emptied, and opens the new one; tries again what is kept. One
  /// or two system calls where there is nothing to do. `failed` and `works_again` come once each time.
  news tend();

  /// Returns: whether the last line that was tried could not be written.
  [[nodiscard]] bool failing() const { return static_cast<bool>(error_); }
  /// Returns: why it could not be written.
  [[nodiscard]] std::error_code error() const { return error_; }
  /// Returns: the number of lines that were lost.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

private:
  [[nodiscard]] int open_file(std::string* why_not = nullptr);
  void write_kept();
  bool write_line(std::string_view line);

  std::string path_;
  int fd_ = -1;
  bool regular_ = false;
  dev_t device_ = 0; ///< of the open file
  ino_t inode_ = 0;
  off_t size_ = 0;           ///< the smallest size that it has unless it was emptied
  bool inside_line_ = false; ///< the file ends in the middle of a line
  bool gone_ = false;        ///< the open file was removed, and there is no new one yet
  bool said_ = false;        ///< tend() has returned `failed`
  std::deque<std::string> kept_;
  std::uint64_t lost_ = 0;
  std::error_code error_;
};

} // namespace tool
