#include "clock_log_file.hpp"
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace tool {
namespace {

std::error_code code_of(int error) { return {error, std::generic_category()}; }

} // namespace

clock_log_file::~clock_log_file() {
  if (fd_ >= 0) close(fd_);
}

std::string clock_log_file::open(const std::string& path) {
  path_ = path;
  std::string why;
  const int error = open_file(&why);
  return error == 0 ? std::string() : !why.empty() ? why : code_of(error).message();
}

/// Opens the file of the name in the place of the open one. Returns: 0, or the error; then the open one stays.
int clock_log_file::open_file(std::string* why_not) {
  constexpr int flags =
      O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK; // O_NONBLOCK: for a pipe without a reader
  int fd = ::open(path_.c_str(), O_RDWR | flags, 0666);
  const bool readable = fd >= 0;
  if (fd < 0 && errno == EACCES) fd = ::open(path_.c_str(), O_WRONLY | flags, 0666);
  if (fd < 0) return errno;
  struct stat there {};
  int error = fstat(fd, &there) == 0 ? 0 : errno;
  if (error == 0 && !S_ISREG(there.st_mode) && !S_ISCHR(there.st_mode)) {
    error = EINVAL;
    if (why_not != nullptr) *why_not = "it is neither a file nor a device";
  }
  if (error != 0) {
    close(fd);
    return error;
  }
  if (fd_ >= 0) close(fd_);
  fd_ = fd, gone_ = false;
  error_.clear();
  regular_ = S_ISREG(there.st_mode);
  device_ = there.st_dev, inode_ = there.st_ino, size_ = there.st_size;
  char last = '\n';
  const bool known = regular_ && size_ > 0 && readable && pread(fd_, &last, 1, size_ - 1) == 1;
  inside_line_ = regular_ && size_ > 0 && (!known || last != '\n'); // an empty line does no harm
  return 0;
}

/// Writes one line by one call. Returns: whether it is in the file.
bool clock_log_file::write_line(std::string_view line) {
  std::string whole;
  if (inside_line_) whole = "\n";
  whole += line;
  ssize_t n = 0;
  do n = ::write(fd_, whole.data(), whole.size());
  while (n < 0 && errno == EINTR);
  if (n == static_cast<ssize_t>(whole.size())) {
    size_ += static_cast<off_t>(n);
    inside_line_ = false, error_.clear();
    return true;
  }
  if (n > 0) size_ += static_cast<off_t>(n), inside_line_ = n > 1 || !inside_line_;
  error_ = code_of(n < 0 ? errno : ENOSPC); // a part was written: the rest had no room
  return false;
}

void clock_log_file::write_kept() {
  while (!gone_ && !kept_.empty() && write_line(kept_.front())) kept_.pop_front();
}

void clock_log_file::append(std::string line) {
  kept_.push_back(std::move(line));
  if (kept_.size() > max_kept) kept_.pop_front(), ++lost_;
  write_kept();
}

clock_log_file::news clock_log_file::tend() {
  news found = news::none;
  if (regular_) {
    struct stat named {
    }, open{};
    const bool known = fstat(fd_, &open) == 0;
    const bool same = stat(path_.c_str(), &named) == 0 && named.st_dev == device_ && named.st_ino == inode_;
    if (!same) {
      const int error = open_file();
      if (error == 0) found = news::new_file;
      // Without a new file the lines go on in the renamed one. From a removed one they could not be read.
      else if (known && open.st_nlink == 0) gone_ = true, error_ = code_of(error);
    } else if (known && open.st_size < size_) {
      found = news::emptied;
      size_ = open.st_size;
      char last = '\n';
      inside_line_ = size_ > 0 && (pread(fd_, &last, 1, size_ - 1) != 1 || last != '\n');
    }
  }
  write_kept();
  if (failing()) return std::exchange(said_, true) ? news::none : news::failed;
  if (std::exchange(said_, false)) return news::works_again;
  return found;
}

} // namespace tool
