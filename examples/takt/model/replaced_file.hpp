/// replaced_file.hpp - a small file that is replaced as a whole again and again, so that a reader never sees a part
/// of it.
///
/// Sources: node_exporter's collector `textfile`, which reads every *.prom in its directory at any moment.
#pragma once
#include <takt/kernel/os.hpp>

#include <cerrno>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>

namespace tool {

/// Effects: replaces the file at `path` by a new one with `text`, readable for all: the exporter is another user. Until
/// then the new one has a name that begins with `path` and ends in digits, which is not collected. On error the old
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
  const int error = takt::linux_os::replace_file(path, text, 0644);
  return error == 0 ? std::error_code() : failed(error);
}

} // namespace tool
