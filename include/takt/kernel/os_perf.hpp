/// os_perf.hpp - the part of the OS policy that opens and reads the counters of perf_event_open(2).
///
/// linux_os (os.hpp) inherits these functions, and what os.hpp says about errors, output and cancellation is valid for
/// them too. takt declares the kernel's structures itself because <linux/perf_event.h> takes as long to compile as all
/// other headers of os.hpp; tests/compile/traits.cpp compares the two.
///
/// Sources: perf_event_open(2); Linux 6.12 include/uapi/linux/perf_event.h.
#pragma once
#include <takt/core/config.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace takt::inline TAKT_ABI::detail {

/// struct perf_event_attr in its first version.
struct perf_request {
  /// Bits of `flags`.
  enum : std::uint64_t {
    disabled = 1,
    inherit = 2,
    exclude_kernel = 1 << 5,
    exclude_hv = 1 << 6,
    enable_on_exec = 1 << 12
  };
  /// Bits of `read_format`.
  enum : std::uint64_t { time_enabled = 1, time_running = 2, whole_group = 8 };

  std::uint32_t type = 1; // PERF_TYPE_SOFTWARE
  std::uint32_t size = 64;
  std::uint64_t config = 9; // PERF_COUNT_SW_DUMMY
  std::uint64_t sample_period = 0, sample_type = 0, read_format = 0;
  std::uint64_t flags = exclude_kernel | exclude_hv; // what an ordinary user may watch
  std::uint32_t wakeup = 0, breakpoint = 0;
  std::uint64_t config1 = 0;
};
/// The first members of struct perf_event_mmap_page.
struct perf_page {
  /// Bits of `capabilities`.
  enum : std::uint64_t { user_rdpmc = 4, user_time = 8 };

  std::uint32_t version, compatible, lock, index;
  std::int64_t offset;
  std::uint64_t enabled, running, capabilities;
  std::uint16_t width, shift;
  std::uint32_t multiplier;
};

/// Calls `take(page)` until the kernel did not write the page meanwhile. Each field is to be read with an acquire load,
/// which keeps later loads after itself.
template <class Take> void read_perf_page(const perf_page& page, Take take) noexcept {
  std::uint32_t lock = 0;
  do {
    lock = __atomic_load_n(&page.lock, __ATOMIC_ACQUIRE);
    take(page);
  } while (__atomic_load_n(&page.lock, __ATOMIC_RELAXED) != lock || (lock & 1) != 0);
}

/// Functions for counters, without state.
template <class = for_callers> struct basic_os_perf {
  /// Returns: 0; `fd` receives the counter that `wanted` describes, of the thread `task` (0: the caller's; -1: every
  /// thread) on the CPU `cpu` (-1: every CPU), in the group of the counter `group` (-1: its own). Exec closes it.
  [[nodiscard]] static int perf_open(const perf_request& wanted, int task, int cpu, int group, int& fd) noexcept {
    constexpr unsigned long close_on_exec = 8; // PERF_FLAG_FD_CLOEXEC
    const long opened = ::syscall(SYS_perf_event_open, &wanted, task, cpu, group, close_on_exec);
    if (opened < 0) return errno;
    fd = static_cast<int>(opened);
    return 0;
  }
  /// Closes the counter; keeps errno.
  static void perf_close(int fd) noexcept {
    const int saved = errno;
    ::syscall(SYS_close, fd);
    errno = saved;
  }
  /// Lets the group of the counter `fd` count, or stops it.
  [[nodiscard]] static int perf_enable(int fd, bool on) noexcept {
    constexpr unsigned long enable = 0x2400, disable = 0x2401; // PERF_EVENT_IOC_*
    constexpr int whole_group = 1;
    return ::ioctl(fd, on ? enable : disable, whole_group) == 0 ? 0 : errno;
  }
  /// Returns: 0; `out` receives up to `size` numbers in the counter's read_format, and `got` how many.
  [[nodiscard]] static int perf_read(int fd, std::uint64_t* out, std::size_t size, std::size_t& got) noexcept {
    long n = 0;
    do n = ::syscall(SYS_read, fd, out, size * sizeof(*out));
    while (n < 0 && errno == EINTR);
    if (n < 0) return errno;
    got = static_cast<std::size_t>(n) / sizeof(*out);
    return 0;
  }
  /// Returns: 0; `page` receives the counter's page, which the kernel keeps up to date.
  [[nodiscard]] static int perf_map(int fd, const perf_page*& page) noexcept {
    void* const mapped = ::mmap(nullptr, page_size(), PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) return errno;
    page = static_cast<const perf_page*>(mapped);
    return 0;
  }
  static void perf_unmap(const perf_page* page) noexcept {
    const int saved = errno;
    ::munmap(const_cast<perf_page*>(page), page_size()); // NOLINT: munmap does not write into it
    errno = saved;
  }

  /// The rate of sched_clock in a page of perf_event_open(2): if `known`, a tick takes multiplier / 2^shift ns.
  struct perf_clock {
    bool known = false;
    std::uint32_t multiplier = 0;
    unsigned shift = 0;
  };
  /// Returns: 0; `out` receives the rate in the page of a software event of this thread. EACCES if
  /// kernel.perf_event_paranoid is 3 or more (a patch of Debian and others), EPERM under a seccomp filter.
  [[nodiscard]] static int read_perf_clock(perf_clock& out) noexcept;

private:
  [[nodiscard]] static std::size_t page_size() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
};
using os_perf = basic_os_perf<>;

// definitions

template <class T> int basic_os_perf<T>::read_perf_clock(perf_clock& out) noexcept {
  int fd = -1;
  if (const int error = perf_open(perf_request(), 0, -1, -1, fd); error != 0) return error;
  const perf_page* mapped = nullptr;
  const int error = perf_map(fd, mapped);
  if (error == 0) {
    read_perf_page(*mapped, [&](const perf_page& page) {
      out.known = (__atomic_load_n(&page.capabilities, __ATOMIC_ACQUIRE) & perf_page::user_time) != 0;
      out.multiplier = __atomic_load_n(&page.multiplier, __ATOMIC_ACQUIRE);
      out.shift = __atomic_load_n(&page.shift, __ATOMIC_ACQUIRE);
    });
    perf_unmap(mapped);
  }
  perf_close(fd);
  return error;
}

} // namespace takt::inline TAKT_ABI::detail
