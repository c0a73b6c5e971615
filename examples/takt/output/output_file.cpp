#include "output_file.hpp"
#include <absl/strings/str_cat.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace tool {
namespace {

/// Returns: the directory of `path`, as open(2) takes it.
std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

/// Writes all of `text`. Returns: 0, or the error.
int write_all(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n >= 0) text.remove_prefix(static_cast<std::size_t>(n));
    else if (errno != EINTR) return errno;
  }
  return 0;
}

} // namespace

output_file::~output_file() {
  if (fd_ >= 0) close(fd_);
  if (spool_ >= 0) close(spool_);
}

exit_code output_file::failed(int error) { return could_not(path_, std::error_code(error, std::generic_category())); }

exit_code output_file::open(const std::string& path, absl::string_view flag) {
  path_ = path;
  if (path.empty()) return exit_code::done;
  if (path == "-") return wrong_usage(absl::StrCat(flag, " wants a file: standard output is for the figures"));
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0) {
    fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    return fd_ >= 0 ? exit_code::done : failed(errno);
  }
  if (errno != ENOENT) return failed(errno);
  if (path.back() == '/') return failed(EISDIR);
  const std::string directory = directory_of(path);
  fd_ = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  without_name_ = fd_ >= 0;
  if (without_name_) return exit_code::done;
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return failed(errno);
  if (access(directory.c_str(), W_OK | X_OK) != 0) return failed(errno);
  to_be_made_ = true;
  return exit_code::done;
}

/// Makes `fd_` an empty file in the place of what was there.
exit_code output_file::replace() {
  if (to_be_made_) fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) return failed(errno);
  if (!without_name_ && ftruncate(fd_, 0) != 0 && errno != EINVAL) return failed(errno); // EINVAL: a pipe or a device
  return exit_code::done;
}

/// Gives a new file its name, and closes it.
exit_code output_file::name() {
  // By its path in /proc, as open(2) shows it: without CAP_DAC_READ_SEARCH AT_EMPTY_PATH is refused.
  if (without_name_ &&
      linkat(AT_FDCWD, absl::StrCat("/proc/self/fd/", fd_).c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) != 0)
    return failed(errno);
  to_be_made_ = false;
  return close(std::exchange(fd_, -1)) == 0 ? exit_code::done : failed(errno);
}

exit_code output_file::write(const std::function<std::string()>& draw) {
  if (!wanted()) return exit_code::done;
  const std::string text = draw();
  if (const exit_code c = replace(); c != exit_code::done) return c;
  if (const int error = write_all(fd_, text); error != 0) return failed(error);
  return name();
}

void output_file::append(absl::string_view part) {
  if (!wanted() || error_ != 0) return;
  if (!without_name_ && spool_ < 0) {
    spool_ = ::open(directory_of(path_).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (spool_ < 0) {
      std::FILE* const file = std::tmpfile();
      spool_ = file == nullptr ? -1 : fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
      if (spool_ < 0) error_ = errno;
      if (file != nullptr) std::fclose(file);
      if (error_ != 0) return;
    }
  }
  error_ = write_all(without_name_ ? fd_ : spool_, part);
  size_ += part.size();
}

exit_code output_file::finish() {
  if (!wanted()) return exit_code::done;
  if (error_ != 0) return failed(error_);
  if (without_name_) return name();
  if (const exit_code c = replace(); c != exit_code::done) return c;
  std::array<char, 65536> part{};
  if (spool_ >= 0 && lseek(spool_, 0, SEEK_SET) != 0) return failed(errno);
  while (spool_ >= 0) {
    const ssize_t n = read(spool_, part.data(), part.size());
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(errno);
    if (const int error = write_all(fd_, {part.data(), static_cast<std::size_t>(n)}); error != 0) return failed(error);
  }
  return name();
}

} // namespace tool
