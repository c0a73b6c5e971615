/// os_machine.hpp - the part of the OS policy that asks what happened to the machine as a whole.
///
/// linux_os (os.hpp) inherits these functions, and what os.hpp says about errors, output and cancellation is valid for
/// them too.
///
/// Sources: Linux 6.18 drivers/ptp/ptp_vmclock.c (open, mmap); netlink(7), NETLINK_KOBJECT_UEVENT; socket(7)
/// SO_ATTACH_FILTER; Linux 6.12 lib/kobject_uevent.c.
#pragma once
#include <takt/core/config.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <fcntl.h>
#include <linux/filter.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace takt::inline TAKT_ABI::detail {

/// The first device of VMClock; machines have one.
inline constexpr char vmclock_path[] = "/dev/vmclock0";

/// Functions about the machine, without state.
template <class = for_callers> struct basic_os_machine {
  /// Returns: 0; `page` receives the page of VMClock, which the hypervisor writes. ENOENT on a machine without one,
  /// EACCES where only root may read it, ENODEV for another thing in its place. Never waits for a writer of a FIFO.
  [[nodiscard]] static int vmclock_map(const std::uint64_t*& page) noexcept {
    constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    const auto fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, vmclock_path, flags));
    if (fd < 0) return errno;
    struct stat status {};
    int error = ::syscall(SYS_fstat, fd, &status) != 0 ? errno : 0;
    // A container may have a file there. Reading a mapped page that the file does not have would be SIGBUS.
    const bool whole = S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) >= page_bytes();
    if (error == 0 && !S_ISCHR(status.st_mode) && !whole) error = ENODEV;
    if (error == 0) {
      // The driver wants to map exactly a page, for reading alone.
      void* const mapped = ::mmap(nullptr, page_bytes(), PROT_READ, MAP_SHARED, fd, 0);
      if (mapped == MAP_FAILED) error = errno;
      else page = static_cast<const std::uint64_t*>(mapped);
    }
    ::syscall(SYS_close, fd);
    return error;
  }
  static void vmclock_unmap(const std::uint64_t* page) noexcept {
    const int saved = errno;
    ::munmap(const_cast<std::uint64_t*>(page), page_bytes()); // NOLINT: munmap does not write into it
    errno = saved;
  }

  /// Returns: 0; `fd` receives a socket for the kernel's messages about changes of devices. Reading it never blocks,
  /// and exec closes it. Needs no rights.
  [[nodiscard]] static int uevents_open(int& fd) noexcept {
    constexpr int kernels_own = 15, from_kernel = 1; // NETLINK_KOBJECT_UEVENT and the group that udevd reads
    const long opened = ::syscall(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, kernels_own);
    if (opened < 0) return errno;
    // Devices that come and go must not fill the queue: "change@..." passes, "add@..." does not.
    constexpr std::uint32_t begins_with = 0x6368616e; // "chan"
    sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, begins_with, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const sock_fprog program{sizeof(steps) / sizeof(steps[0]), steps};
    address own{AF_NETLINK, 0, 0, from_kernel};
    const auto made = static_cast<int>(opened);
    static_cast<void>(::setsockopt(made, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program))); // or all pass
    if (::syscall(SYS_bind, made, &own, sizeof(own)) != 0) {
      const int error = errno;
      ::syscall(SYS_close, made);
      return error;
    }
    fd = made;
    return 0;
  }
  /// Returns: 0; `out` receives the next message of the kernel, and `length` the number of bytes, zero for a message
  /// that another process sent or that has more than `size` bytes. EAGAIN if there is none; ENOBUFS once if messages
  /// were lost.
  [[nodiscard]] static int uevents_take(int fd, char* out, std::size_t size, std::size_t& length) noexcept {
    address from{};
    socklen_t from_size = sizeof(from);
    const long n = ::syscall(SYS_recvfrom, fd, out, size, MSG_DONTWAIT | MSG_TRUNC, &from, &from_size);
    if (n < 0) return errno;
    const auto got = static_cast<std::size_t>(n);
    length = from_size == sizeof(from) && from.port == 0 && got <= size ? got : 0;
    return 0;
  }
  static void uevents_close(int fd) noexcept {
    const int saved = errno;
    ::syscall(SYS_close, fd);
    errno = saved;
  }

private:
  /// struct sockaddr_nl, whose header brings many others.
  struct address {
    std::uint16_t family = 0, padding = 0;
    std::uint32_t port = 0, groups = 0;
  };
  [[nodiscard]] static std::size_t page_bytes() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
};
using os_machine = basic_os_machine<>;

} // namespace takt::inline TAKT_ABI::detail
