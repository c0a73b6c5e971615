/// os_files.hpp - the part of the OS policy that reads and writes files and asks the system for texts.
///
/// linux_os (os.hpp) inherits these functions, and what os.hpp says about errors, output and cancellation is valid for
/// them too. Files are read by system call, because libc's functions are cancellation points. Also, the dynamic linker
/// binds each function of libc at its first call, which often maps one more page: that delays a process that has just
/// started and waits for its clock (benchmarks/shared_start). Functions that take or fill a std::string may allocate.
///
/// Sources: openat(2), read(2), fstat(2), renameat2(2), readlink(2), readdir(3), syslog(2), uname(2), secure_getenv(3).
#pragma once
#include <takt/core/config.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

namespace takt::inline TAKT_ABI::detail {

/// Functions for files, without state.
template <class = for_callers> struct basic_os_files {
  /// What fstat(2) reports about a file.
  struct file_facts {
    bool regular = false;
    unsigned owner = 0;
    unsigned permissions = 0; ///< the twelve bits of chmod(2)
    std::uint64_t size = 0;
  };

  /// Returns: 0; `out` receives the whole content. EFBIG if the file has more than `limit` bytes. Never waits for a
  /// writer of a FIFO.
  [[nodiscard]] static int read_file(const char* path, std::string& out, std::size_t limit);
  /// Returns: 0; `facts` receives the facts about the file at `path`. If it is a regular file of at most `size` bytes,
  /// `out` receives its content and `length` the number of bytes; otherwise `length` becomes 0. ELOOP for a symbolic
  /// link. Never waits for a writer of a FIFO.
  [[nodiscard]] static int read_guarded(const char* path, char* out, std::size_t size, std::size_t& length,
                                        file_facts& facts) noexcept;
  /// Returns: 0; `out` receives what one read(2) gives, and `length` the number of bytes. EFBIG for `size` bytes or
  /// more. One read(2) gives the whole content of an attribute of sysfs or /proc/sys, and of every other file that the
  /// kernel shows in one piece (single_open). Async-signal-safe.
  [[nodiscard]] static int read_short(const char* path, char* out, std::size_t size, std::size_t& length) noexcept;
  /// Returns: 0; `out` receives the target of a symbolic link, and `length` the number of bytes. ENAMETOOLONG for
  /// `size` bytes or more. Async-signal-safe.
  [[nodiscard]] static int read_link(const char* path, char* out, std::size_t size, std::size_t& length) noexcept;
  /// Writes `text` in one write(2), as sysfs requires. Neither creates nor truncates the file.
  [[nodiscard]] static int write_file(const char* path, const std::string& text) noexcept;
  /// Replaces the file at `path` by a new one with the content `text`. A process that opens the path at any time gets
  /// either the whole old file or the whole new one.
  [[nodiscard]] static int replace_file(const std::string& path, std::string_view text, unsigned permissions);
  /// Adds `text` in one write(2) to the file at `path`, which has `size` bytes; ESTALE if it has another size. Does not
  /// create the file. ELOOP for a symbolic link. EIO if only a part was written, which stays there.
  [[nodiscard]] static int append_file(const std::string& path, std::uint64_t size, std::string_view text);
  /// Returns: 0; `out` receives the names in a directory except "." and "..", in no particular order.
  [[nodiscard]] static int list_directory(const char* path, std::vector<std::string>& out);

  /// Returns: 0; `out` receives the content of the kernel's log buffer. EPERM if kernel.dmesg_restrict forbids it.
  [[nodiscard]] static int kernel_log(std::string& out);
  /// Returns: 0; `out` receives the release of the running kernel: "6.1.0-18-amd64".
  [[nodiscard]] static int kernel_release(std::string& out);
  /// Returns: a variable of the environment; an empty text if there is none. The text is also empty if the program has
  /// more rights than its user (set-user-ID), because the user controls the environment.
  [[nodiscard]] static std::string environment(const char* name) {
    const char* const value = ::secure_getenv(name);
    return value != nullptr ? value : std::string();
  }

private:
  class input;
};
using os_files = basic_os_files<>;

// definitions

/// A file that is open for reading.
template <class T> class basic_os_files<T>::input {
public:
  explicit input(const char* path, int more_flags = 0) noexcept {
    constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    fd_ = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags | more_flags));
  }
  input(const input&) = delete;
  input& operator=(const input&) = delete;
  ~input() {
    if (fd_ >= 0) ::syscall(SYS_close, fd_);
  }
  [[nodiscard]] bool open() const noexcept { return fd_ >= 0; }
  /// Returns: 0; `got` receives the number of bytes that were read, 0 at the end of the file.
  [[nodiscard]] int read(char* out, std::size_t size, std::size_t& got) const noexcept {
    long n = 0;
    do n = ::syscall(SYS_read, fd_, out, size);
    while (n < 0 && errno == EINTR);
    got = n > 0 ? static_cast<std::size_t>(n) : 0;
    return n < 0 ? errno : 0;
  }
  [[nodiscard]] int facts(file_facts& out) const noexcept {
    struct stat status {};
    if (::syscall(SYS_fstat, fd_, &status) != 0) return errno;
    const bool regular = (status.st_mode & S_IFMT) == S_IFREG;
    out = {regular, status.st_uid, status.st_mode & 07777U, static_cast<std::uint64_t>(status.st_size)};
    return 0;
  }

private:
  int fd_ = -1;
};

template <class T> int basic_os_files<T>::read_file(const char* path, std::string& out, std::size_t limit) {
  const input file(path);
  if (!file.open()) return errno;
  // Most files of /proc and /sys hold a few words. For these no large buffer is allocated and set to zero. A large one
  // gives a page with each read(2): only room that is added is set to zero, or a list of all symbols would take a
  // second.
  constexpr std::size_t page = 4096;
  char few[512];
  std::string content;
  std::size_t length = 0;
  for (std::size_t got = 1; got != 0; length += got) {
    const bool large = length >= sizeof(few);
    if (large && content.size() - length < page) content.resize(2 * length + page); // st_size means nothing in /proc
    char* const to = large ? content.data() + length : few;
    const std::size_t room = large ? content.size() - length : sizeof(few);
    if (const int error = file.read(to, room, got); error != 0) return error;
    if (!large) content.append(to, got);
    if (length + got > limit) return EFBIG;
  }
  content.resize(length);
  out = std::move(content);
  return 0;
}

template <class T> int basic_os_files<T>::read_guarded(const char* path, char* out, std::size_t size,
                                                       std::size_t& length, file_facts& facts) noexcept {
  const input file(path, O_NOFOLLOW);
  if (!file.open()) return errno;
  file_facts found;
  std::size_t got = 0;
  int error = file.facts(found);
  if (error == 0 && found.regular && found.size <= size) error = file.read(out, found.size, got);
  if (error == 0) facts = found, length = got;
  return error;
}

template <class T>
int basic_os_files<T>::read_short(const char* path, char* out, std::size_t size, std::size_t& length) noexcept {
  const input file(path);
  if (!file.open()) return errno;
  std::size_t got = 0;
  if (const int error = file.read(out, size, got); error != 0) return error;
  if (got >= size) return EFBIG;
  length = got;
  return 0;
}

template <class T>
int basic_os_files<T>::read_link(const char* path, char* out, std::size_t size, std::size_t& length) noexcept {
  const ssize_t n = ::readlink(path, out, size);
  if (n < 0) return errno;
  if (static_cast<std::size_t>(n) >= size) return ENAMETOOLONG;
  length = static_cast<std::size_t>(n);
  return 0;
}

template <class T> int basic_os_files<T>::write_file(const char* path, const std::string& text) noexcept {
  constexpr int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const auto fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags));
  if (fd < 0) return errno;
  long n = 0;
  do n = ::syscall(SYS_write, fd, text.data(), text.size());
  while (n < 0 && errno == EINTR);
  const int error = n < 0 ? errno : static_cast<std::size_t>(n) < text.size() ? EIO : 0;
  return ::syscall(SYS_close, fd) != 0 && error == 0 ? errno : error;
}

template <class T>
int basic_os_files<T>::replace_file(const std::string& path, std::string_view text, unsigned permissions) {
  // The temporary name holds thread and time. So no other writer uses it, and a file that a killed writer left does not
  // block this one.
  timespec now{};
  static_cast<void>(::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now));
  const std::string fresh = path + '.' + std::to_string(::syscall(SYS_gettid)) + '.' + std::to_string(now.tv_sec) +
                            '.' + std::to_string(now.tv_nsec);
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const auto fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, fresh.c_str(), flags, 0600));
  if (fd < 0) return errno;
  int error = 0;
  while (error == 0 && !text.empty()) { // where a part found room, the next call says why the rest found none
    const long n = ::syscall(SYS_write, fd, text.data(), text.size());
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
    else if (n == 0 || errno != EINTR) error = n == 0 ? EIO : errno;
  }
  if (error == 0 && ::fchmod(fd, permissions) != 0) error = errno; // independent of the umask
  if (::syscall(SYS_close, fd) != 0 && error == 0) error = errno;
  if (error == 0 && ::syscall(SYS_renameat2, AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), 0) != 0) error = errno;
  if (error != 0) ::unlink(fresh.c_str());
  return error;
}

template <class T>
int basic_os_files<T>::append_file(const std::string& path, std::uint64_t size, std::string_view text) {
  constexpr int flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const auto fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path.c_str(), flags));
  if (fd < 0) return errno;
  struct stat status {};
  int error = ::syscall(SYS_fstat, fd, &status) != 0 ? errno : 0;
  if (error == 0 && static_cast<std::uint64_t>(status.st_size) != size) error = ESTALE;
  long n = 0;
  if (error == 0) {
    do n = ::syscall(SYS_write, fd, text.data(), text.size());
    while (n < 0 && errno == EINTR);
    error = n < 0 ? errno : static_cast<std::size_t>(n) < text.size() ? EIO : 0;
  }
  return ::syscall(SYS_close, fd) != 0 && error == 0 ? errno : error;
}

template <class T> int basic_os_files<T>::list_directory(const char* path, std::vector<std::string>& out) {
  DIR* const directory = ::opendir(path);
  if (directory == nullptr) return errno;
  struct closer {
    DIR* directory;
    ~closer() { ::closedir(directory); }
  } const guard{directory};
  std::vector<dependent<T, std::string>> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(directory);
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  if (errno != 0) return errno;
  out = std::move(names);
  return 0;
}

template <class T> int basic_os_files<T>::kernel_log(std::string& out) {
  constexpr int read_all = 3, size_of_buffer = 10; // SYSLOG_ACTION_*, which no header of the C library names
  const int size = ::klogctl(size_of_buffer, nullptr, 0);
  if (size < 0) return errno;
  std::string content(static_cast<std::size_t>(size), '\0');
  const int n = ::klogctl(read_all, content.data(), size);
  if (n < 0) return errno;
  content.resize(static_cast<std::size_t>(n));
  out = std::move(content);
  return 0;
}

template <class T> int basic_os_files<T>::kernel_release(std::string& out) {
  utsname names{};
  if (::uname(&names) != 0) return errno;
  out = names.release;
  return 0;
}

} // namespace takt::inline TAKT_ABI::detail
