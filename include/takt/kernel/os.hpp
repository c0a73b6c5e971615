/// os.hpp - the one place where takt touches Linux: a policy of static functions.
///
/// Everything above takes the policy as a template parameter, `class Os = linux_os`, so that a test can put
/// testing::fake_os in its place. A function here is one system call or the few that belong together; it judges nothing.
/// Its one state is the count of forks, which no system call tells.
/// Unless said otherwise it returns 0 or a value of errno (never -1), leaves its output untouched on failure, but for a
/// buffer of characters, which may then hold anything, and retries after a signal. Clocks, auxiliary vector and
/// scheduling are async-signal-safe; what takes a std::string allocates. What is noexcept is no cancellation point, or a
/// thread cancelled in it would end the program: where libc's function is one, the system call is made without it.
///
/// This is also the only header of takt that includes more than the C++ standard library and <time.h>.
/// Sources: syscalls(2), prctl(2), getauxval(3), syslog(2), seccomp(2), vdso(7), clock_nanosleep(2), futex(2),
/// sched_setattr(2), adjtimex(2), timerfd_create(2), ppoll(2), perf_event_open(2).
#pragma once
#include <takt/core/config.hpp>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

namespace takt::inline TAKT_ABI {

/// A class template for compile time alone: its functions are compiled for who calls them.
template <class = when_called> struct [[gnu::visibility("default")]] basic_linux_os {
  /// The type of the vDSO's clock_gettime: 0, or a negative errno as a system call returns it inside the kernel.
  using clock_gettime_function = int (*)(clockid_t, timespec*);

  // clocks, always by system call
  [[nodiscard]] static int clock_gettime(clockid_t id, timespec& out) noexcept {
    return ::syscall(SYS_clock_gettime, id, &out) == 0 ? 0 : errno;
  }
  [[nodiscard]] static int clock_getres(clockid_t id, timespec& out) noexcept {
    return ::syscall(SYS_clock_getres, id, &out) == 0 ? 0 : errno;
  }

  /// Returns: 0 with all that adjtimex(2) tells and the state of the clock, TIME_OK and so on. Changes nothing.
  [[nodiscard]] static int read_adjtimex(timex& out, int& state) noexcept {
    timex t{};
    const long answer = ::syscall(SYS_adjtimex, &t);
    if (answer == -1) return errno;
    out = t, state = static_cast<int>(answer);
    return 0;
  }

  /// Returns: 0 with what is left of a correction by adjtime(3), in us. Changes nothing.
  [[nodiscard]] static int adjtime_left(long& out) noexcept {
    timex t{};
    t.modes = ADJ_OFFSET_SS_READ;
    if (::syscall(SYS_adjtimex, &t) == -1) return errno;
    out = t.offset;
    return 0;
  }

  /// Returns: the address of the vDSO's ELF header, null if the kernel gave this process none.
  [[nodiscard]] static const void* vdso_base() noexcept {
    return reinterpret_cast<const void*>(::getauxval(AT_SYSINFO_EHDR)); // NOLINT: an address by contract of getauxval
  }

  /// Calls `f(id)` in a thread of its own that may not make the system call clock_gettime (seccomp answers EPERM).
  /// Returns: 0 with `answered` telling whether f succeeded nevertheless, or why the experiment could not be made.
  [[nodiscard]] static int without_system_call(clock_gettime_function f, clockid_t id, bool& answered) noexcept;

  // sleeping
  /// Sleeps until clock `id` shows `deadline`; EINTR when the handler of a signal ran before.
  [[nodiscard]] static int sleep_until(clockid_t id, timespec deadline) noexcept {
    return ::syscall(SYS_clock_nanosleep, id, TIMER_ABSTIME, &deadline, nullptr) == 0 ? 0 : errno;
  }
  /// Sleeps while `word` holds `expected`, at most until clock `id`, MONOTONIC or REALTIME, shows `deadline`: 0 when
  /// woken (or for no reason), ETIMEDOUT, EAGAIN when the word holds something else, EINTR as above.
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

  // timers as file descriptors
  /// Returns: 0 with a timer on clock `id`, not armed, that never blocks a read and is closed by exec.
  [[nodiscard]] static int timer_open(clockid_t id, int& fd) noexcept {
    const int opened = ::timerfd_create(id, TFD_NONBLOCK | TFD_CLOEXEC);
    if (opened < 0) return errno;
    fd = opened;
    return 0;
  }
  static void timer_close(int fd) noexcept {
    const int saved = errno;
    ::syscall(SYS_close, fd);
    errno = saved;
  }
  /// Arms it for when its clock shows `deadline`, {0, 0} disarms it. `told`: it also becomes readable, with ECANCELED,
  /// when somebody sets CLOCK_REALTIME.
  [[nodiscard]] static int timer_arm(int fd, timespec deadline, bool told) noexcept {
    const itimerspec setting{{}, deadline};
    const int flags = TFD_TIMER_ABSTIME | (told ? TFD_TIMER_CANCEL_ON_SET : 0);
    return ::timerfd_settime(fd, flags, &setting, nullptr) == 0 ? 0 : errno;
  }
  /// Returns: 0 when it has expired, EAGAIN when not, ECANCELED when the clock was set.
  [[nodiscard]] static int timer_take(int fd) noexcept {
    std::uint64_t expirations = 0;
    return ::syscall(SYS_read, fd, &expirations, sizeof(expirations)) >= 0 ? 0 : errno;
  }
  /// Sleeps until `fd` is readable, or for as long as `most` says if it is not null: 0, ETIMEDOUT, or EINTR as above.
  [[nodiscard]] static int wait_readable(int fd, const timespec* most) noexcept {
    pollfd watched{fd, POLLIN, 0};
    timespec left = most != nullptr ? *most : timespec{}; // the kernel writes into it
    const long ready = ::syscall(SYS_ppoll, &watched, 1, most != nullptr ? &left : nullptr, nullptr, 0);
    return ready > 0 ? 0 : ready == 0 ? ETIMEDOUT : errno;
  }

  [[nodiscard]] static int process_id() noexcept { return static_cast<int>(::syscall(SYS_getpid)); }
  /// Makes fork_count() count from here on. Returns: 0 or ENOMEM.
  [[nodiscard]] static int count_forks() noexcept {
    static const int error = ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
    return error;
  }
  /// How many fork(3) lie between the process that first called count_forks() and this one. One load.
  [[nodiscard]] static unsigned fork_count() noexcept { return forks.load(std::memory_order_relaxed); }
  [[nodiscard]] static unsigned user_id() noexcept { return ::geteuid(); }
  /// Returns: a variable of the environment; empty where there is none, or where the program has more rights than who
  /// called it (set-user-ID), for then the environment is somebody else's.
  [[nodiscard]] static std::string environment(const char* name) {
    const char* const value = ::secure_getenv(name);
    return value != nullptr ? value : std::string();
  }

  // threads
  using thread = pthread_t;
  /// Starts a thread that calls `body(argument)`, with signals blocked as signals_block() does: it is no thread of the
  /// program's.
  [[nodiscard]] static int thread_start(thread& out, void* (*body)(void*), void* argument) noexcept {
    sigset_t before;
    if (const int error = signals_block(before); error != 0) return error;
    thread started{};
    const int error = ::pthread_create(&started, nullptr, body, argument);
    signals_restore(before);
    if (error == 0) out = started;
    return error;
  }
  static void thread_join(thread t) noexcept {
    int before = 0; // whoever is cancelled here would leave it with what it works on
    ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    ::pthread_join(t, nullptr);
    ::pthread_setcancelstate(before, nullptr);
  }
  /// Keeps the calling thread on one CPU; EINVAL for one that is offline or forbidden to it (cpuset), or above 8191.
  [[nodiscard]] static int pin_thread(unsigned cpu) noexcept {
    constexpr unsigned most = 8192, bits = 8 * sizeof(unsigned long);
    unsigned long mask[most / bits]{};
    if (cpu >= most) return EINVAL;
    mask[cpu / bits] = 1UL << cpu % bits;
    return ::syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask) == 0 ? 0 : errno;
  }

  // this thread
  /// Returns: 0 with the CPU that ran the calling thread a moment ago.
  [[nodiscard]] static int current_cpu(unsigned& out) noexcept {
    return ::syscall(SYS_getcpu, &out, nullptr, nullptr) == 0 ? 0 : errno;
  }
  /// Returns: 0 with the slack in nanoseconds. By raw system call: glibc's prctl returns an int, in which 2.2 s is the most.
  [[nodiscard]] static int timer_slack(std::uint64_t& out) noexcept {
    const long slack = ::syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);
    if (slack == -1) return errno;
    out = static_cast<std::uint64_t>(slack);
    return 0;
  }
  [[nodiscard]] static int set_timer_slack(std::uint64_t nanoseconds) noexcept {
    return ::syscall(SYS_prctl, PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0) == 0 ? 0 : errno;
  }
  /// Returns: 0 with the scheduling policy of a thread (0: the calling one), SCHED_RESET_ON_FORK taken off.
  [[nodiscard]] static int scheduling_policy(pid_t id, int& out) noexcept {
    const long policy = ::syscall(SYS_sched_getscheduler, id);
    if (policy < 0) return errno;
    out = static_cast<int>(policy) & ~SCHED_RESET_ON_FORK;
    return 0;
  }
  /// What sched_getattr(2) tells of a thread and sched_setattr(2) takes: struct sched_attr in its first version, which
  /// every kernel since 3.14 knows and no C library before glibc 2.41 declares.
  struct scheduling {
    std::uint32_t size = 48;
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime = 0, deadline = 0, period = 0;
  };
  static_assert(sizeof(scheduling) == 48);
  /// Returns: 0 with how the calling thread is scheduled.
  [[nodiscard]] static int scheduling_of_thread(scheduling& out) noexcept {
    return ::syscall(SYS_sched_getattr, 0, &out, sizeof(out), 0) == 0 ? 0 : errno;
  }
  [[nodiscard]] static int set_scheduling_of_thread(const scheduling& wanted) noexcept {
    return ::syscall(SYS_sched_setattr, 0, &wanted, 0) == 0 ? 0 : errno;
  }
  /// Returns: 0 with whether this thread may execute rdtsc (PR_GET_TSC); EINVAL where there is no such switch.
  [[nodiscard]] static int counter_allowed(bool& out) noexcept {
    int mode = 0;
    if (::syscall(SYS_prctl, PR_GET_TSC, &mode, 0, 0, 0) != 0) return errno;
    out = mode == PR_TSC_ENABLE;
    return 0;
  }

  // files
  /// Returns: 0 with the whole content, EFBIG when it has more than `limit` bytes. Never waits for a writer of a FIFO.
  [[nodiscard]] static int read_file(const char* path, std::string& out, std::size_t limit);
  /// What fstat(2) tells of a file.
  struct file_facts {
    bool regular = false;
    unsigned owner = 0;
    unsigned permissions = 0; ///< the twelve bits of chmod(2)
    std::uint64_t size = 0;
  };
  /// Returns: 0 with the facts of what is at `path` and, if that is a regular file of at most `size` bytes, its content.
  /// ELOOP for a symbolic link. Never waits for a writer of a FIFO.
  [[nodiscard]] static int read_guarded(const char* path, char* out, std::size_t size, std::size_t& length,
                                        file_facts& facts) noexcept;
  /// Puts a file of this content in the place of what is at `path`: who opens it sees either, and nothing in between.
  [[nodiscard]] static int replace_file(const std::string& path, std::string_view text, unsigned permissions);
  /// Returns: 0 with what a symbolic link holds, ENAMETOOLONG for `size` bytes or more. Async-signal-safe.
  [[nodiscard]] static int read_link(const char* path, char* out, std::size_t size, std::size_t& length) noexcept;
  /// Returns: 0 with what one read(2) gives, EFBIG for `size` bytes or more. Of an attribute of sysfs or /proc/sys, and of
  /// what is shown in one piece (single_open), that is all. Async-signal-safe.
  [[nodiscard]] static int read_short(const char* path, char* out, std::size_t size, std::size_t& length) noexcept;
  /// Writes `text` in one write(2), as sysfs wants it. Neither creates nor truncates the file.
  [[nodiscard]] static int write_file(const char* path, const std::string& text) noexcept;
  /// Returns: 0 with the names in a directory but "." and "..", in no particular order.
  [[nodiscard]] static int list_directory(const char* path, std::vector<std::string>& out);
  /// Returns: 0 with what the kernel's log buffer holds; EPERM where kernel.dmesg_restrict forbids it.
  [[nodiscard]] static int kernel_log(std::string& out);
  /// What perf_event_open(2) takes in its first version, and the beginning of the page that it gives: the kernel's own
  /// header of them costs as much compile time as all others here.
  struct perf_request {
    std::uint32_t type = 1; // PERF_TYPE_SOFTWARE
    std::uint32_t size = 64;
    std::uint64_t config = 9; // PERF_COUNT_SW_DUMMY
    std::uint64_t sample_period = 0, sample_type = 0, read_format = 0;
    std::uint64_t flags = 3 << 5; // exclude_kernel and exclude_hv: what an ordinary user may watch
    std::uint32_t wakeup = 0, breakpoint = 0;
    std::uint64_t address = 0;
  };
  struct perf_page {
    std::uint32_t version, compatible, lock, index;
    std::int64_t offset;
    std::uint64_t enabled, running, capabilities;
    std::uint16_t width, shift;
    std::uint32_t multiplier;
  };
  /// What a page of perf_event_open(2) tells of sched_clock: a tick is multiplier / 2^shift ns, if `told`.
  struct perf_clock {
    bool told = false;
    std::uint32_t multiplier = 0;
    unsigned shift = 0;
  };
  /// Returns: 0 with what the page of a software event of this thread says. EACCES where kernel.perf_event_paranoid is 3 or
  /// more (a patch of Debian and others), EPERM under a filter.
  [[nodiscard]] static int read_perf_clock(perf_clock& out) noexcept;
  /// Returns: 0 with the release of the running kernel, "6.1.0-18-amd64".
  [[nodiscard]] static int kernel_release(std::string& out);

private:
  /// Keeps all signals from the calling thread, and so from those it starts, until the mask from `before` is put back; but
  /// those that a thread brings upon itself, which end the program where they are blocked and it may want to handle (a
  /// sandbox: SIGSYS; what stands for a counter that may not be read: SIGSEGV).
  [[nodiscard]] static int signals_block(sigset_t& before) noexcept {
    sigset_t all;
    ::sigfillset(&all);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) ::sigdelset(&all, own);
    return ::pthread_sigmask(SIG_SETMASK, &all, &before);
  }
  static void signals_restore(const sigset_t& before) noexcept { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  class input;
  [[gnu::visibility("default")]] inline static constinit std::atomic<unsigned> forks{0};
};

struct [[gnu::visibility("default")]] linux_os : basic_linux_os<> {};

// definitions

/// A file that is read. By system call: libc's functions are cancellation points, and each is one more to bind, and often one
/// more page to map, for a process that has just begun and waits for its clock (benchmarks/shared_start).
template <class Lazy> class basic_linux_os<Lazy>::input {
public:
  explicit input(const char* path, int more_flags = 0) noexcept
      : fd_(static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | more_flags))) {}
  input(const input&) = delete;
  input& operator=(const input&) = delete;
  ~input() {
    if (fd_ >= 0) ::syscall(SYS_close, fd_);
  }
  [[nodiscard]] bool open() const noexcept { return fd_ >= 0; }
  /// Returns: 0 with how much of `size` there was, 0 at the end.
  [[nodiscard]] int read(char* out, std::size_t size, std::size_t& got) const noexcept {
    long n = 0;
    do n = ::syscall(SYS_read, fd_, out, size);
    while (n < 0 && errno == EINTR);
    got = n > 0 ? static_cast<std::size_t>(n) : 0;
    return n < 0 ? errno : 0;
  }
  [[nodiscard]] int facts(file_facts& out) const noexcept {
    struct stat told {};
    if (::syscall(SYS_fstat, fd_, &told) != 0) return errno;
    out = {(told.st_mode & S_IFMT) == S_IFREG, told.st_uid, told.st_mode & 07777U, static_cast<std::uint64_t>(told.st_size)};
    return 0;
  }

private:
  int fd_;
};

template <class Lazy> int basic_linux_os<Lazy>::read_file(const char* path, std::string& out, std::size_t limit) {
  const input file(path);
  if (!file.open()) return errno;
  // Most files of /proc and /sys fit into a few words: nothing large is allocated, and zeroed, for those.
  char few[512];
  std::string content;
  for (std::size_t got = 1; got != 0;) {
    const std::size_t before = content.size();
    const bool large = before >= sizeof(few);
    if (large) content.resize(before + (before < 4096 ? 4096 : before)); // st_size means nothing in /proc
    char* const to = large ? content.data() + before : few;
    if (const int error = file.read(to, large ? content.size() - before : sizeof(few), got); error != 0) return error;
    if (large) content.resize(before + got);
    else content.append(few, got);
    if (content.size() > limit) return EFBIG;
  }
  out = std::move(content);
  return 0;
}

template <class Lazy> int basic_linux_os<Lazy>::read_guarded(const char* path, char* out, std::size_t size,
                                                              std::size_t& length, file_facts& facts) noexcept {
  const input file(path, O_NOFOLLOW);
  if (!file.open()) return errno;
  file_facts told;
  std::size_t got = 0;
  int error = file.facts(told);
  if (error == 0 && told.regular && told.size <= size) error = file.read(out, told.size, got);
  if (error == 0) facts = told, length = got;
  return error;
}

template <class Lazy>
int basic_linux_os<Lazy>::replace_file(const std::string& path, std::string_view text, unsigned permissions) {
  // Thread and time: no other writer has this name, and what a writer that was killed left does not stand in the way.
  timespec now{};
  static_cast<void>(clock_gettime(CLOCK_MONOTONIC, now));
  const std::string fresh = path + '.' + std::to_string(::syscall(SYS_gettid)) + '.' + std::to_string(now.tv_sec) + '.' +
                            std::to_string(now.tv_nsec);
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  ssize_t n = 0;
  do n = ::write(fd, text.data(), text.size());
  while (n < 0 && errno == EINTR);
  int error = n < 0 ? errno : static_cast<std::size_t>(n) < text.size() ? EIO : 0;
  if (error == 0 && ::fchmod(fd, permissions) != 0) error = errno; // whatever the umask says
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && ::syscall(SYS_renameat2, AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), 0) != 0) error = errno;
  if (error != 0) ::unlink(fresh.c_str());
  return error;
}

template <class Lazy>
int basic_linux_os<Lazy>::read_link(const char* path, char* out, std::size_t size, std::size_t& length) noexcept {
  const ssize_t n = ::readlink(path, out, size);
  if (n < 0) return errno;
  if (static_cast<std::size_t>(n) >= size) return ENAMETOOLONG;
  length = static_cast<std::size_t>(n);
  return 0;
}

template <class Lazy>
int basic_linux_os<Lazy>::read_short(const char* path, char* out, std::size_t size, std::size_t& length) noexcept {
  const input file(path);
  if (!file.open()) return errno;
  std::size_t got = 0;
  if (const int error = file.read(out, size, got); error != 0) return error;
  if (got >= size) return EFBIG;
  length = got;
  return 0;
}

template <class Lazy> int basic_linux_os<Lazy>::write_file(const char* path, const std::string& text) noexcept {
  const auto fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (fd < 0) return errno;
  long n = 0;
  do n = ::syscall(SYS_write, fd, text.data(), text.size());
  while (n < 0 && errno == EINTR);
  const int error = n < 0 ? errno : static_cast<std::size_t>(n) < text.size() ? EIO : 0;
  return ::syscall(SYS_close, fd) != 0 && error == 0 ? errno : error;
}

template <class Lazy> int basic_linux_os<Lazy>::list_directory(const char* path, std::vector<std::string>& out) {
  DIR* const directory = ::opendir(path);
  if (directory == nullptr) return errno;
  struct closer {
    DIR* directory;
    ~closer() { ::closedir(directory); }
  } const guard{directory};
  std::vector<std::string> names;
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

template <class Lazy> int basic_linux_os<Lazy>::kernel_log(std::string& out) {
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

template <class Lazy> int basic_linux_os<Lazy>::read_perf_clock(perf_clock& out) noexcept {
  const perf_request wanted;
  constexpr unsigned long close_on_exec = 8; // PERF_FLAG_FD_CLOEXEC
  const long fd = ::syscall(SYS_perf_event_open, &wanted, 0, -1, -1, close_on_exec);
  if (fd < 0) return errno;
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, static_cast<int>(fd), 0);
  const int error = mapped == MAP_FAILED ? errno : 0;
  if (error == 0) {
    auto& page = *static_cast<perf_page*>(mapped);
    constexpr std::uint64_t user_time = 8; // cap_user_time, behind two bits of history and cap_user_rdpmc
    std::uint32_t lock = 0;
    do { // the kernel's seqlock; each load keeps those behind it behind
      lock = __atomic_load_n(&page.lock, __ATOMIC_ACQUIRE);
      out.told = (__atomic_load_n(&page.capabilities, __ATOMIC_ACQUIRE) & user_time) != 0;
      out.multiplier = __atomic_load_n(&page.multiplier, __ATOMIC_ACQUIRE);
      out.shift = __atomic_load_n(&page.shift, __ATOMIC_ACQUIRE);
    } while (__atomic_load_n(&page.lock, __ATOMIC_RELAXED) != lock || (lock & 1) != 0);
    ::munmap(mapped, size);
  }
  ::syscall(SYS_close, fd);
  return error;
}

template <class Lazy> int basic_linux_os<Lazy>::kernel_release(std::string& out) {
  utsname names{};
  if (::uname(&names) != 0) return errno;
  out = names.release;
  return 0;
}

template <class Lazy>
int basic_linux_os<Lazy>::without_system_call(clock_gettime_function f, clockid_t id, bool& answered) noexcept {
  // A filter binds the thread that installs it and whatever that starts: the caller's own threads stay free.
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
        self.error = ENOTSUP; // something (an emulator) ignores the filter: the experiment would prove nothing
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
