// The object that `takt run` has the loader put before a program: it moves every wait with a time-out to the roundest
// point of its window, so that programs that know nothing of takt wake up together.
//
// Contract: no wait ends before the program's own deadline; it is moved by at most the slack, and by at most a share of
// the wait. Everything else that the functions promise is kept: results, errno, remaining times, signals, cancellation.
// One difference: the object reads the time-out. So an address that cannot be read raises SIGSEGV, as in libc's ppoll
// and select, and does not give EFAULT.
//
// Not moved: locks, joins, clocks of CPU time, alarm clocks, setitimer and alarm, the resolver, time-outs of sockets,
// aio_suspend, and waits that a library makes by system calls of its own. setuid programs ignore the object; static
// ones do not load it.
//
// It needs libc alone, and is compiled with -fasynchronous-unwind-tables: without these, the cancellation of a thread
// in a wait would skip the handlers and destructors of the frames above it.
#include "counts.hpp"
#include "locks.hpp"
#include "polls.hpp"
#include "process.hpp"
#include "queues.hpp"
#include "settings.hpp"
#include "sleeps.hpp"
#include "timers.hpp"
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <takt/kernel/os.hpp>
#include <takt/sleep/grid_origin.hpp>
#include <unistd.h>

namespace preload {
namespace {

template <class... Reals> void find_all(Reals&... reals) noexcept { (static_cast<void>(reals.find()), ...); }

/// Returns: the file of counts, mapped; null if it cannot be opened or has another layout.
counts_file* map_counts(std::string_view path) noexcept {
  char name[PATH_MAX];
  if (path.empty() || path.size() >= sizeof(name)) return nullptr;
  std::memcpy(name, path.data(), path.size());
  name[path.size()] = '\0';
  const int fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return nullptr;
  struct stat facts {};
  void* memory = MAP_FAILED;
  if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size == static_cast<off_t>(sizeof(counts_file)))
    memory = mmap(nullptr, sizeof(counts_file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory == MAP_FAILED) return nullptr;
  auto* const counts = static_cast<counts_file*>(memory);
  if (counts->layout != counts_file::right_layout) return nullptr;
  counts->programs.fetch_add(1, std::memory_order_relaxed);
  return counts;
}

/// Called by the loader before main. Keeps errno, which belongs to the program.
[[gnu::constructor]] void set_up() noexcept {
  const errno_kept kept;
  find_all(real_nanosleep, real_clock_nanosleep, real_usleep, real_sleep, real_thrd_sleep, real_poll, real_ppoll,
           real_poll_chk, real_ppoll_chk, real_select, real_pselect, real_epoll_wait, real_epoll_pwait,
           real_epoll_pwait2, real_cond_timedwait, real_cond_clockwait, real_cnd_timedwait, real_sem_timedwait,
           real_sem_clockwait, real_sem_trywait, real_mq_timedreceive, real_mq_timedsend, real_semtimedop,
           real_sigtimedwait, real_syscall, real_timerfd_create, real_timerfd_settime, real_timer_create,
           real_timer_settime);
  has_epoll_pwait2 = real_epoll_pwait2.find() != nullptr; // glibc has it since 2.35
  dlerror(); // clears the error of each find() that failed, because it is not an error of the program
  if (real_syscall.find() != nullptr) preload_next_syscall = real_syscall.find();
  const char* const text = getenv(settings_variable);
  settings wanted;
  if (text == nullptr || !read_settings(text, wanted)) return;
  // Read once: if the process changes its time namespace later, its waits end off the grid, but never early.
  takt::time_offsets offsets;
  if (takt::detail::read_offsets<takt::linux_os>(offsets) != 0) return;
  find_clock_of_conditions();
  here.counts = map_counts(wanted.counts);
  here.origin = offsets.monotonic;
  here.allowed = wanted.allowed;
  here.families = wanted.families;
  const long slack = ::syscall(SYS_prctl, PR_GET_TIMERSLACK); // libc's prctl returns an int, which 2.2 s do not fit
  here.thread_slack =
      nanoseconds(slack > 0 ? slack : 50'000); // the kernel's default, where a real-time thread has none
  here.ready.store(true, std::memory_order_release);
}

} // namespace
} // namespace preload
