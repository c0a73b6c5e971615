/// replaced_file.hpp - a small file that is replaced as a whole again and again, so that a reader never sees a part
/// of it.
///
/// Sources: rename(2); node_exporter's collector `textfile`, which reads every *.prom in its directory at any moment.
#pragma once
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace tool {

/// Effects: writes `text` to a new file beside `path`, readable for all, and renames it to `path`. On error the old
/// file stays. A directory, a device or a link in its place is not replaced.
/// Returns: the error.
[[nodiscard]] inline std::error_code replace_file(const std::string& path, std::string_view text) {
  const auto failed = [](int error) { return std::error_code(error, std::generic_category()); };
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0) {
    if (!S_ISREG(there.st_mode)) return failed(S_ISDIR(there.st_mode) ? EISDIR : EINVAL);
  } else if (errno != ENOENT) {
    return failed(errno);
  }
  // Its name does not end as those that are collected.
  const std::string part = path + '.' + std::to_string(getpid()) + ".part";
  const int fd = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return failed(errno);
  int error = fchmod(fd, 0644) == 0 ? 0 : errno; // the exporter is another user, whatever the umask says
  while (error == 0 && !text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n >= 0) text.remove_prefix(static_cast<std::size_t>(n));
    else if (errno != EINTR) error = errno;
  }
  if (close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && rename(part.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) unlink(part.c_str());
  return error == 0 ? std::error_code() : failed(error);
}

} // namespace tool
