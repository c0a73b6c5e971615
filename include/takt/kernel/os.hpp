/// os.hpp - the one place where takt calls Linux: a policy of static functions.
///
/// All other code of takt takes the policy as its last template parameter, `class Os = linux_os`, so that a test can
/// use testing::fake_os instead. A function of the policy makes one system call, or a few that belong together, and
/// does not interpret the result. The only state of the policy is the count of forks, because no system call tells a
/// forked child from its parent: their process ids may be equal, in two namespaces. os_files.hpp has the functions that
/// read and write files and texts, os_perf.hpp those of perf_event_open(2), os_machine.hpp those about the machine as a
/// whole.
///
/// Unless the comment of a function says otherwise: it returns 0 or a value of errno (never -1). It repeats a system
/// call that a signal interrupted. On failure it leaves its output unchanged, but a buffer of characters may then hold
/// anything. The functions for clocks, auxiliary vector and scheduling are async-signal-safe. A noexcept function is no
/// cancellation point, because the cancellation of a thread in one would end the program. If libc's function is a
/// cancellation point, takt makes the system call itself.
///
/// os.hpp, os_files.hpp, os_machine.hpp and os_perf.hpp are the only headers of takt that include more than the C++
/// standard library and <time.h>.
/// Sources: syscalls(2), prctl(2), getauxval(3), seccomp(2), vdso(7), clock_nanosleep(2), futex(2), sched_setattr(2),
/// adjtimex(2), times(2), timerfd_create(2), ppoll(2), madvise(2) MADV_WIPEONFORK; glibc manual, Single-Threaded.
#pragma once
#include <takt/core/config.hpp>
#include <takt/cpu/arch.hpp>
#include <takt/kernel/os_files.hpp>
#include <takt/kernel/os_machine.hpp>
#include <takt/kernel/os_perf.hpp>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>

#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace takt::inline TAKT_ABI {

namespace detail {

/// The count of forks, alone on its pages, which the kernel fills with zeros in each child.
struct alignas(arch::max_page_size) fork_page {
  std::atomic<unsigned> count{0};
};

} // namespace detail

/// The running system: the policy that programs use.
struct [[gnu::visibility("default")]] linux_os : detail::os_files, detail::os_machine, detail::os_perf {
  /// The type of the vDSO's clock_gettime. It returns 0 or a negative value of errno, as system calls do in the kernel.
  using clock_gettime_function = int (*)(clockid_t, timespec*);

  // Clocks. These always make the system call.
  [[nodiscard]] static int clock_gettime(clockid_t id, timespec& out) noexcept {
    return ::syscall(SYS_clock_gettime, id, &out) == 0 ? 0 : errno;
  }
  [[nodiscard]] static int clock_getres(clockid_t id, timespec& out) noexcept {
    return ::syscall(SYS_clock_getres, id, &out) == 0 ? 0 : errno;
  }

  /// Returns: 0; `out` receives the nanoseconds for which the kernel has counted its ticks, from an arbitrary moment,
  /// in steps of 10 ms. The count stops in suspend, as MONOTONIC does, and no time namespace shifts it.
  [[nodiscard]] static int counted_ticks(std::uint64_t& out) noexcept {
    const unsigned long per_second = ::getauxval(AT_CLKTCK);
    const long ticks = ::syscall(SYS_times, nullptr);
    if (ticks == -1) return errno;
    out = static_cast<std::uint64_t>(ticks) * (1'000'000'000 / (per_second != 0 ? per_second : 100));
    return 0;
  }

  /// Returns: 0; `out` receives all that adjtimex(2) reports, and `state` the state of the clock, such as TIME_OK.
  /// Changes nothing.
  [[nodiscard]] static int read_adjtimex(timex& out, int& state) noexcept {
    timex t{};
    const long answer = ::syscall(SYS_adjtimex, &t);
    if (answer == -1) return errno;
    out = t, state = static_cast<int>(answer);
    return 0;
  }

  /// Returns: 0; `out` receives the part of a correction by adjtime(3) that is still to be applied, in microseconds.
  /// Changes nothing.
  [[nodiscard]] static int adjtime_left(long& out) noexcept {
    timex t{};
    t.modes = ADJ_OFFSET_SS_READ;
    if (::syscall(SYS_adjtimex, &t) == -1) return errno;
    out = t.offset;
    return 0;
  }

  /// Returns: the address of the vDSO's ELF header; null if the kernel gave this process no vDSO.
  [[nodiscard]] static const void* vdso_base() noexcept {
    return reinterpret_cast<const void*>(::getauxval(AT_SYSINFO_EHDR)); // NOLINT: an address by contract of getauxval
  }

  /// Returns: 0 if the memory at `address`, a multiple of 8, can be read. EFAULT if it cannot, also where reading it
  /// would raise SIGBUS; another error if that cannot be found out. The kernel reads a set of signals from there, and
  /// then refuses the request as unknown.
  [[nodiscard]] static int can_read(const void* address) noexcept {
    constexpr int no_such_request = -1;
    if (::syscall(SYS_rt_sigprocmask, no_such_request, address, nullptr, _NSIG / 8) == 0) return ENOTSUP;
    return errno == EINVAL ? 0 : errno;
  }

  /// Calls `f(id)` in a new thread in which seccomp refuses the system call clock_gettime with EPERM. Blocks until that
  /// thread has ended.
  /// Returns: 0, and `answered` tells whether f succeeded nevertheless; otherwise why the experiment failed.
  [[nodiscard]] static int without_system_call(clock_gettime_function f, clockid_t id, bool& answered) noexcept;

  // Sleeping.
  /// Sleeps until clock `id` shows `deadline`. Does not repeat the call: EINTR if a signal's handler ran before the
  /// deadline.
  [[nodiscard]] static int sleep_until(clockid_t id, timespec deadline) noexcept {
    return ::syscall(SYS_clock_nanosleep, id, TIMER_ABSTIME, &deadline, nullptr) == 0 ? 0 : errno;
  }
  /// Sleeps while `word` holds `expected`, at most until clock `id`, MONOTONIC or REALTIME, shows `deadline`.
  /// Returns: 0 if woken, also spuriously; ETIMEDOUT at the deadline; EAGAIN if the word holds something else; EINTR
  /// after a signal's handler.
  [[nodiscard]] static int wait_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected, clockid_t id,
                                      timespec deadline) noexcept {
    constexpr auto any = FUTEX_BITSET_MATCH_ANY;
    const int operation = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | (id == CLOCK_REALTIME ? FUTEX_CLOCK_REALTIME : 0);
    return ::syscall(SYS_futex, &word, operation, expected, &deadline, nullptr, any) == 0 ? 0 : errno;
  }
  /// Wakes the threads of this process that sleep on `word`.
  static void wake_all(const std::atomic<std::uint32_t>& word) noexcept {
    const int saved = errno;
    static_cast<void>(::syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, nullptr, nullptr, 0));
    errno = saved;
  }

  // Timers as file descriptors.
  /// Returns: 0; `fd` receives a timer on clock `id`. It is not armed, reading it never blocks, and exec closes it.
  [[nodiscard]] static int timer_open(clockid_t id, int& fd) noexcept {
    const int opened = ::timerfd_create(id, TFD_NONBLOCK | TFD_CLOEXEC);
    if (opened < 0) return errno;
    fd = opened;
    return 0;
  }
  /// Closes the timer. Reports no error, because nothing can be done about one; keeps errno.
  static void timer_close(int fd) noexcept {
    const int saved = errno;
    ::syscall(SYS_close, fd);
    errno = saved;
  }
  /// Arms the timer for the moment when its clock shows `deadline`; {0, 0} disarms it. With `notify_set` it also
  /// becomes readable, with ECANCELED, when CLOCK_REALTIME is set.
  [[nodiscard]] static int timer_arm(int fd, timespec deadline, bool notify_set) noexcept {
    const itimerspec setting{{}, deadline};
    const int flags = TFD_TIMER_ABSTIME | (notify_set ? TFD_TIMER_CANCEL_ON_SET : 0);
    return ::timerfd_settime(fd, flags, &setting, nullptr) == 0 ? 0 : errno;
  }
  /// Returns: 0 if the timer has expired, EAGAIN if it has not, ECANCELED if the clock was set.
  [[nodiscard]] static int timer_take(int fd) noexcept {
    std::uint64_t expirations = 0;
    return ::syscall(SYS_read, fd, &expirations, sizeof(expirations)) >= 0 ? 0 : errno;
  }
  /// Sleeps until `fd` is readable, for the time `max` at most. If `max` is null there is no limit.
  /// Returns: 0 if it is readable, ETIMEDOUT after `max`, or EINTR after a signal's handler.
  [[nodiscard]] static int wait_readable(int fd, const timespec* max) noexcept {
    pollfd watched{fd, POLLIN, 0};
    timespec left = max != nullptr ? *max : timespec{}; // the kernel writes into it
    const long ready = ::syscall(SYS_ppoll, &watched, 1, max != nullptr ? &left : nullptr, nullptr, 0);
    return ready > 0 ? 0 : ready == 0 ? ETIMEDOUT : errno;
  }

  /// Returns: the id of this process in its own pid namespace, by system call.
  [[nodiscard]] static int process_id() noexcept { return static_cast<int>(::syscall(SYS_getpid)); }
  /// Makes fork_count() count from now on, in this process and in its children. The first call costs two system calls.
  /// Returns: 0; ENOMEM, which only a kernel that cannot wipe pages brings about.
  ///
  /// The kernel wipes the page of the count in every child: of fork(3), of _Fork(3), of clone(2), in another pid
  /// namespace. A child that shares the memory of its parent (vfork(2), CLONE_VM) counts as its parent. On a kernel
  /// before 4.14 and on one that imitates Linux without that feature, a handler of pthread_atfork(3) wipes the count,
  /// and then only fork(3) is seen.
  [[nodiscard]] static int count_forks() noexcept {
    // No local static: a child that is forked during its initialisation would wait for ever. Repeating is harmless.
    if (forks_counted.load(std::memory_order_relaxed) != 0) return 0;
    const int error = wipe_on_fork() ? 0 : ::pthread_atfork(nullptr, nullptr, [] {
      forks.count.store(0, std::memory_order_relaxed);
    });
    if (error == 0) forks_counted.store(1, std::memory_order_relaxed);
    return error;
  }
  /// Returns: a number that is not zero and differs from that of every process that this one was forked from. It grows
  /// with each generation of children that asks for it. Costs one load and a test; the first call in an image that has
  /// its own copy of the count, such as a plug-in, what count_forks() costs. Async-signal-safe after that.
  [[nodiscard]] static unsigned fork_count() noexcept {
    const unsigned counted = fork_mark();
    return counted != 0 ? counted : count_this_process();
  }
  /// Returns: fork_count(), or 0 if this process has not asked for that yet. Costs one load. Async-signal-safe.
  [[nodiscard]] static unsigned fork_mark() noexcept { return forks.count.load(std::memory_order_relaxed); }
  /// Returns: whether this is a child of the process whose fork_count() was `count`. Costs one load and a comparison in
  /// that process.
  [[nodiscard]] static bool forked_since(unsigned count) noexcept {
    return fork_mark() != count && fork_count() != count; // an image that has not asked yet shows 0 in any process
  }
  /// Returns: whether libc knows that this process has one thread; false where it may have more, and with a libc that
  /// does not say. Threads that were made by clone(2) without libc do not count; threads that have ended may. Costs one
  /// load. Async-signal-safe.
  [[nodiscard]] static bool single_threaded() noexcept {
#if __has_include(<sys/single_threaded.h>)
    return __libc_single_threaded != 0;
#else
    return false;
#endif
  }
  /// Returns: the effective user id.
  [[nodiscard]] static unsigned user_id() noexcept { return ::geteuid(); }

  // Threads.
  using thread = pthread_t;
  /// Starts a thread that calls `body(argument)`. The signals that signals_block() blocks are blocked in it, so it
  /// handles no signal that is meant for the program's own threads.
  [[nodiscard]] static int thread_start(thread& out, void* (*body)(void*), void* argument) noexcept {
    sigset_t before;
    if (const int error = signals_block(before); error != 0) return error;
    thread started{};
    const int error = ::pthread_create(&started, nullptr, body, argument);
    signals_restore(before);
    if (error == 0) out = started;
    return error;
  }
  /// Waits until the thread has ended, and frees it. Precondition: thread_start() made `t`, and it was not joined yet.
  static void thread_join(thread t) noexcept {
    int before = 0; // if the caller were cancelled here, it would free objects that the thread still uses
    ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    ::pthread_join(t, nullptr);
    ::pthread_setcancelstate(before, nullptr);
  }
  /// Lets the calling thread run on one CPU only. EINVAL for a CPU that is offline, forbidden to the thread (cpuset),
  /// or above 8191.
  [[nodiscard]] static int pin_thread(unsigned cpu) noexcept {
    constexpr unsigned limit = 8192, bits = 8 * sizeof(unsigned long);
    unsigned long mask[limit / bits]{};
    if (cpu >= limit) return EINVAL;
    mask[cpu / bits] = 1UL << cpu % bits;
    return ::syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask) == 0 ? 0 : errno;
  }

  // The calling thread.
  /// Returns: 0; `out` receives the number of the CPU that ran the calling thread a moment ago.
  [[nodiscard]] static int current_cpu(unsigned& out) noexcept {
    return ::syscall(SYS_getcpu, &out, nullptr, nullptr) == 0 ? 0 : errno;
  }
  /// Returns: 0; `out` receives the slack in nanoseconds. Makes the system call itself, because glibc's prctl returns
  /// an int, which holds 2.1 s at most.
  [[nodiscard]] static int timer_slack(std::uint64_t& out) noexcept {
    const long slack = ::syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);
    if (slack == -1) return errno;
    out = static_cast<std::uint64_t>(slack);
    return 0;
  }
  /// Sets the slack of the calling thread in nanoseconds; 0 stands for the default.
  [[nodiscard]] static int set_timer_slack(std::uint64_t nanoseconds) noexcept {
    return ::syscall(SYS_prctl, PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0) == 0 ? 0 : errno;
  }
  /// Returns: 0; `out` receives the scheduling policy of the thread `id`, without SCHED_RESET_ON_FORK. An `id` of 0
  /// means the calling thread.
  [[nodiscard]] static int scheduling_policy(pid_t id, int& out) noexcept {
    const long policy = ::syscall(SYS_sched_getscheduler, id);
    if (policy < 0) return errno;
    out = static_cast<int>(policy) & ~SCHED_RESET_ON_FORK;
    return 0;
  }
  /// struct sched_attr in its first version, for sched_getattr(2) and sched_setattr(2). Every kernel since 3.14 knows
  /// it; no C library before glibc 2.41 declares it.
  struct scheduling {
    std::uint32_t size = 48;
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime = 0, deadline = 0, period = 0;
  };
  static_assert(sizeof(scheduling) == 48);
  /// Returns: 0; `out` receives the policy, priority and flags of the calling thread.
  [[nodiscard]] static int scheduling_of_thread(scheduling& out) noexcept {
    return ::syscall(SYS_sched_getattr, 0, &out, sizeof(out), 0) == 0 ? 0 : errno;
  }
  /// Sets the policy, priority and flags of the calling thread. EPERM without the right to them.
  [[nodiscard]] static int set_scheduling_of_thread(const scheduling& wanted) noexcept {
    return ::syscall(SYS_sched_setattr, 0, &wanted, 0) == 0 ? 0 : errno;
  }
  /// Returns: 0; `out` tells whether this thread may read the counter (PR_GET_TSC). EINVAL if the kernel has no such
  /// setting.
  [[nodiscard]] static int counter_allowed(bool& out) noexcept {
    int mode = 0;
    if (::syscall(SYS_prctl, PR_GET_TSC, &mode, 0, 0, 0) != 0) return errno;
    out = mode == PR_TSC_ENABLE;
    return 0;
  }

private:
  /// Blocks signals in the calling thread, and so in threads that it starts, until signals_restore(before). It does not
  /// block signals that a thread causes itself: if blocked they would end the program, although the program may handle
  /// them (SIGSYS in a sandbox, SIGSEGV to emulate a counter that may not be read).
  [[nodiscard]] static int signals_block(sigset_t& before) noexcept {
    sigset_t all;
    ::sigfillset(&all);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) ::sigdelset(&all, own);
    return ::pthread_sigmask(SIG_SETMASK, &all, &before);
  }
  static void signals_restore(const sigset_t& before) noexcept { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  /// Returns: whether the kernel will fill the page of `forks` with zeros in each child.
  [[nodiscard]] static bool wipe_on_fork() noexcept {
    // The page of the kernel may be larger than that of `forks`: then wiping it would wipe its neighbours too.
    if (::getauxval(AT_PAGESZ) > sizeof(forks)) return false;
    // An emulator of user space may accept any advice and follow none. It is not believed if it accepts `no_advice`.
    constexpr int no_advice = -1, wipe = 18; // MADV_WIPEONFORK
    return ::syscall(SYS_madvise, &forks, sizeof(forks), no_advice) != 0 &&
           ::syscall(SYS_madvise, &forks, sizeof(forks), wipe) == 0;
  }
  /// Returns: the fork_count() of this process, which has none yet. Two threads may do this at once.
  [[nodiscard, gnu::cold, gnu::noinline]] static unsigned count_this_process() noexcept {
    static_cast<void>(count_forks());
    unsigned next = generations.fetch_add(1, std::memory_order_relaxed) + 1;
    // A timer of a scheduler keeps the lowest 8 bits, and zero there would mean a child's empty page.
    if (next % 256 == 0) next = generations.fetch_add(1, std::memory_order_relaxed) + 1;
    unsigned counted = 0;
    return forks.count.compare_exchange_strong(counted, next, std::memory_order_relaxed) ? next : counted;
  }

  // Zero before the first use, so that it lies in anonymous memory: the kernel refuses to wipe pages of a file.
  [[gnu::visibility("default")]] inline static constinit detail::fork_page forks{};
  /// The number of the newest generation that has a count. A child inherits it, and counts on from there.
  [[gnu::visibility("default")]] inline static constinit std::atomic<unsigned> generations{0};
  /// 1 once count_forks() has succeeded. A child inherits it, as it inherits what count_forks() set up.
  [[gnu::visibility("default")]] inline static constinit std::atomic<unsigned> forks_counted{0};
};

// definitions

inline int linux_os::without_system_call(clock_gettime_function f, clockid_t id, bool& answered) noexcept {
  // A filter applies to the thread that installs it and to what that thread starts, and not to the caller's threads.
  struct experiment {
    clock_gettime_function f;
    clockid_t id;
    int error;
    bool answered;
    static void* run(void* argument) {
      auto& self = *static_cast<experiment*>(argument);
      constexpr auto number = static_cast<std::uint32_t>(offsetof(seccomp_data, nr));
      sock_filter steps[] = {
          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(SYS_clock_gettime), 0, 1),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      };
      const sock_fprog program{sizeof(steps) / sizeof(steps[0]), steps};
      timespec ts{};
      if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
          ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
        self.error = errno;
      } else if (::syscall(SYS_clock_gettime, self.id, &ts) == 0) {
        self.error = ENOTSUP; // an emulator ignores the filter, so the experiment would prove nothing
      } else {
        self.answered = self.f(self.id, &ts) == 0;
      }
      return nullptr;
    }
  };
  experiment e{f, id, 0, false};
  thread started{};
  if (const int error = thread_start(started, &experiment::run, &e); error != 0) return error;
  thread_join(started);
  if (e.error == 0) answered = e.answered;
  return e.error;
}

} // namespace takt::inline TAKT_ABI
