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
  /// Bits of `sample_type`.
  enum : std::uint64_t { sample_time = 4 };
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
  enum : std::uint64_t { user_rdpmc = 4, user_time = 8, user_time_zero = 16, user_time_short = 32 };

  std::uint32_t version, compatible, lock, index;
  std::int64_t offset;
  std::uint64_t enabled, running, capabilities;
  std::uint16_t width, shift;
  std::uint32_t multiplier;
  std::uint64_t time_offset, zero; ///< `zero`: what perf's clock shows when the counter is 0, with user_time_zero
  std::uint32_t size, reserved;
  std::uint64_t cycles, mask;      ///< with user_time_short: the counter some time ago, and the bits that it has
};
/// The page of a counter that samples has these behind it, and the ring of records in the pages after it.
struct perf_ring_page {
  perf_page page;
  std::uint64_t unused[116];
  std::uint64_t head, tail; ///< bytes that the kernel wrote, and that the reader has read
};

/// Calls `take(page)` until the kernel did not write the page meanwhile. Each field is to be read with an acquire load,
/// which keeps later loads after itself. Returns: false if the kernel wrote the page all the time.
template <class Take> [[nodiscard]] bool read_perf_page(const perf_page& page, Take take) noexcept {
  // An update takes some hundred nanoseconds; milliseconds if a virtual CPU loses its real one meanwhile.
  constexpr int max_tries = 1'000'000;
  for (int i = 0; i < max_tries; ++i) {
    const std::uint32_t lock = __atomic_load_n(&page.lock, __ATOMIC_ACQUIRE);
    if ((lock & 1) != 0) continue;
    take(page);
    if (__atomic_load_n(&page.lock, __ATOMIC_RELAXED) == lock) return true;
  }
  return false;
}

/// Reads the records between `tail` and `head` of a ring of `size` bytes, whose counter has the sample_type
/// sample_time. Returns: how many samples there are; `time` receives that of the last. Stops at a record that makes no
/// sense.
[[nodiscard]] inline std::size_t read_perf_times(const unsigned char* ring, std::uint64_t size, std::uint64_t tail,
                                                 std::uint64_t head, std::uint64_t& time) noexcept {
  struct record {
    std::uint32_t type;
    std::uint16_t misc, bytes;
  };
  constexpr std::uint32_t is_sample = 9; // PERF_RECORD_SAMPLE
  constexpr std::uint64_t granule = 8;
  static_assert(sizeof(record) == granule);
  std::size_t samples = 0;
  if (size < granule || size % granule != 0 || tail % granule != 0 || head - tail > size) return 0;
  while (head - tail >= granule) {
    record r{};
    __builtin_memcpy(&r, ring + tail % size, sizeof(r));
    if (r.bytes < granule || r.bytes % granule != 0 || r.bytes > head - tail) break;
    if (r.type == is_sample && r.bytes >= 2 * granule) {
      __builtin_memcpy(&time, ring + (tail + granule) % size, sizeof(time));
      ++samples;
    }
    tail += r.bytes;
  }
  return samples;
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

  /// Perf's clock in a page of perf_event_open(2), which is the kernel's sched_clock.
  struct perf_clock {
    bool known = false; ///< the rate: a tick takes multiplier / 2^shift ns
    std::uint32_t multiplier = 0;
    unsigned shift = 0;
    bool zero_known = false; ///< the time at the tick 0, `zero`; it may be negative
    std::uint64_t zero = 0;
    std::uint64_t cycles = 0, mask = ~std::uint64_t{0}; ///< a counter of fewer bits showed `cycles` before
  };
  /// Returns: 0; `out` receives what the page of a software event of this thread says of perf's clock. EACCES if
  /// kernel.perf_event_paranoid is 3 or more (a patch of Debian and others), EPERM under a seccomp filter; EAGAIN if
  /// the kernel wrote the page all the time.
  [[nodiscard]] static int read_perf_clock(perf_clock& out) noexcept;

  /// A time of perf's clock between two readings of the counter.
  struct perf_stamp {
    std::uint64_t before = 0, time = 0, after = 0;
  };
  /// Returns: 0; `out` receives up to `size` stamps, and `got` how many, at least one. Each is a page fault of this
  /// thread, of a page of its own, which perf records with its time; read() reads the counter. EACCES and EPERM as
  /// read_perf_clock(); EPERM also where the user has locked too much memory for buffers of perf; EINVAL if the process
  /// locks its memory (mlockall(2)), so that nothing faults; ENODATA if no fault was recorded.
  template <class ReadCounter>
  [[nodiscard]] static int read_perf_stamps(ReadCounter read, perf_stamp* out, std::size_t size,
                                            std::size_t& got) noexcept;

private:
  [[nodiscard]] static std::size_t page_size() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
};
using os_perf = basic_os_perf<>;

// definitions

template <class T> int basic_os_perf<T>::read_perf_clock(perf_clock& out) noexcept {
  int fd = -1;
  if (const int error = perf_open(perf_request(), 0, -1, -1, fd); error != 0) return error;
  const perf_page* mapped = nullptr;
  int error = perf_map(fd, mapped);
  if (error == 0) {
    perf_clock found;
    const bool read = read_perf_page(*mapped, [&](const perf_page& page) {
      const std::uint64_t capable = __atomic_load_n(&page.capabilities, __ATOMIC_ACQUIRE);
      found.known = (capable & perf_page::user_time) != 0;
      found.multiplier = __atomic_load_n(&page.multiplier, __ATOMIC_ACQUIRE);
      found.shift = __atomic_load_n(&page.shift, __ATOMIC_ACQUIRE);
      found.zero_known = (capable & perf_page::user_time_zero) != 0;
      found.zero = __atomic_load_n(&page.zero, __ATOMIC_ACQUIRE);
      const bool few_bits = (capable & perf_page::user_time_short) != 0;
      found.cycles = few_bits ? __atomic_load_n(&page.cycles, __ATOMIC_ACQUIRE) : 0;
      found.mask = few_bits ? __atomic_load_n(&page.mask, __ATOMIC_ACQUIRE) : ~std::uint64_t{0};
    });
    if (read) out = found;
    else error = EAGAIN;
    perf_unmap(mapped);
  }
  perf_close(fd);
  return error;
}

template <class T>
template <class ReadCounter>
int basic_os_perf<T>::read_perf_stamps(ReadCounter read, perf_stamp* out, std::size_t size, std::size_t& got) noexcept {
  perf_request wanted;
  wanted.config = 2; // PERF_COUNT_SW_PAGE_FAULTS
  wanted.sample_period = 1, wanted.sample_type = perf_request::sample_time;
  int fd = -1;
  if (const int error = perf_open(wanted, 0, -1, -1, fd); error != 0) return error;
  const std::size_t page = page_size();
  const int saved = errno;
  int error = 0;
  std::size_t taken = 0;
  void* const ring = ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (ring == MAP_FAILED) error = errno;
  void* const target = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (target == MAP_FAILED && error == 0) error = errno;
  if (error == 0) {
    auto* const control = static_cast<perf_ring_page*>(ring);
    const auto* const records = static_cast<const unsigned char*>(ring) + page;
    std::uint64_t tail = control->tail; // only this function writes it
    for (std::size_t i = 0; i < size && error == 0; ++i) {
      if (::madvise(target, page, MADV_DONTNEED) != 0) error = errno;
      out[i].before = out[i].after = 0; // so that no other page faults in between
      const std::uint64_t before = read();
      *static_cast<volatile char*>(target) = 1;
      const std::uint64_t after = read();
      // The kernel writes the records before it moves the head.
      const std::uint64_t head = __atomic_load_n(&control->head, __ATOMIC_ACQUIRE);
      std::uint64_t time = 0;
      // Two faults: one of them was another page's.
      if (read_perf_times(records, page, tail, head, time) == 1) out[taken++] = {before, time, after};
      tail = head;
      __atomic_store_n(&control->tail, tail, __ATOMIC_RELEASE); // after the reading of the records
    }
  }
  if (target != MAP_FAILED) ::munmap(target, page);
  if (ring != MAP_FAILED) ::munmap(ring, 2 * page);
  perf_close(fd);
  errno = saved;
  if (error == 0 && taken == 0) error = ENODATA;
  if (error == 0) got = taken;
  return error;
}

} // namespace takt::inline TAKT_ABI::detail
