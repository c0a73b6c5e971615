// Every wait that `takt run` moves, as a program makes it that knows nothing of takt. One word says what is looked at:
//   never_early   each wait ends with its own result and not before its deadline; each length several times
//   answers       what the functions say to zero, negative, invalid and huge time-outs, and to what is ready at once:
//                 a text that must be the same with takt and without
//   interrupted   a signal in the middle: EINTR and the time left to the program's own deadline
//   cancelled     a thread in each wait is cancelled: handlers and destructors of its frames run
//   children      vfork, posix_spawn and fork
//   early         a wait before any constructor
//   own_slack     the program's timer slack stays what it set
//   refused ERRNO a kernel or filter without ppoll and epoll_pwait2
//   point PERIOD_MS  the end of a sleep, in ms of CLOCK_MONOTONIC modulo the period
//   shifted MS PROGRAM ARG...  runs the program in a time namespace whose CLOCK_MONOTONIC is 5 s and so much ahead;
//                 ends with 77 where it may not make one
// Prints what failed, and ends with 1 then.
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <spawn.h>
#include <string>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>
#include <vector>

extern "C" int __poll_chk(pollfd*, nfds_t, int, std::size_t);
extern "C" int __ppoll_chk(pollfd*, nfds_t, const timespec*, const sigset_t*, std::size_t);
extern "C" int __nanosleep(const timespec*, timespec*);
extern char** environ;

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

int failures = 0;
void fail(const std::string& what) {
  std::printf("FAILED: %s\n", what.c_str());
  ++failures;
}

timespec to_timespec(nanoseconds t) { return {t.count() / 1'000'000'000, t.count() % 1'000'000'000}; }
nanoseconds now(clockid_t clock = CLOCK_MONOTONIC) {
  timespec t{};
  clock_gettime(clock, &t);
  return std::chrono::seconds(t.tv_sec) + nanoseconds(t.tv_nsec);
}
timespec after(nanoseconds t, clockid_t clock) { return to_timespec(now(clock) + t); }
int whole_ms(nanoseconds t) { return static_cast<int>(t / milliseconds(1)); }

// What the waits wait for, and never comes.
int epoll = -1, set = -1;
mqd_t empty_queue = -1, full_queue = -1;
sem_t semaphore_at_zero;
pthread_cond_t conditions[2]; // of REALTIME, of MONOTONIC
cnd_t c11_condition;
alignas(4) int futex_word = 0;
sigset_t no_signal, usr2;

mqd_t make_queue(const char* suffix, bool full) {
  const std::string name = "/takt-run-" + std::to_string(getpid()) + suffix;
  mq_attr attributes{};
  attributes.mq_maxmsg = 1, attributes.mq_msgsize = 8;
  const mqd_t q = mq_open(name.c_str(), O_CREAT | O_RDWR, 0600, &attributes);
  mq_unlink(name.c_str());
  if (q >= 0 && full) mq_send(q, "x", 1, 0);
  return q;
}

void set_up() {
  epoll = epoll_create1(EPOLL_CLOEXEC);
  set = semget(IPC_PRIVATE, 1, 0600);
  empty_queue = make_queue("e", false), full_queue = make_queue("f", true);
  sem_init(&semaphore_at_zero, 0, 0);
  pthread_cond_init(&conditions[0], nullptr);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&conditions[1], &attributes);
  cnd_init(&c11_condition);
  sigemptyset(&no_signal);
  sigemptyset(&usr2);
  sigaddset(&usr2, SIGUSR2);
}
void tear_down() {
  if (set >= 0) semctl(set, 0, IPC_RMID);
}

/// What a wait that timed out says: its result and errno, or an error as the result.
struct answer {
  long result = 0;
  int error = 0; ///< errno; `kept` where it must not change
};
constexpr int kept = 77;

struct wait {
  const char* name;
  std::function<long(nanoseconds)> make; ///< of that length
  answer timed_out;
  bool cancellable = true;
  bool has_remainder = false;
};

struct unlocks {
  pthread_mutex_t* m;
  ~unlocks() { pthread_mutex_unlock(m); }
};
template <class Wait> long locked(const Wait& w) {
  static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&m);
  const unlocks later{&m};
  return w(&m);
}

timespec remainder_of_last{};

long expire_timerfd(clockid_t clock, bool absolute, nanoseconds t) {
  const int fd = timerfd_create(clock, TFD_CLOEXEC);
  const itimerspec when{{0, 0}, absolute ? after(t, clock) : to_timespec(t)};
  if (fd < 0 || timerfd_settime(fd, absolute ? TFD_TIMER_ABSTIME : 0, &when, nullptr) != 0) return -2;
  std::uint64_t n = 0;
  const long result = read(fd, &n, sizeof n);
  close(fd);
  return result;
}
long expire_timer(clockid_t clock, bool absolute, nanoseconds t) {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL, event.sigev_signo = SIGRTMIN;
  sigset_t rt;
  sigemptyset(&rt);
  sigaddset(&rt, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &rt, nullptr);
  timer_t timer{};
  if (timer_create(clock, &event, &timer) != 0) return -2;
  const itimerspec when{{0, 0}, absolute ? after(t, clock) : to_timespec(t)};
  long result = timer_settime(timer, absolute ? TIMER_ABSTIME : 0, &when, nullptr);
  if (result == 0) result = sigwaitinfo(&rt, nullptr) == SIGRTMIN ? 0 : -3;
  timer_delete(timer);
  return result;
}

std::vector<wait> all_waits() {
  const auto ts = [](nanoseconds t) { return to_timespec(t); };
  std::vector<wait> w;
  w.push_back({"nanosleep",
               [=](nanoseconds t) {
                 const timespec l = ts(t);
                 return nanosleep(&l, &remainder_of_last);
               },
               {0, kept},
               true,
               true});
  w.push_back({"__nanosleep",
               [=](nanoseconds t) {
                 const timespec l = ts(t);
                 return __nanosleep(&l, &remainder_of_last);
               },
               {0, kept},
               true,
               true});
  w.push_back({"clock_nanosleep",
               [=](nanoseconds t) {
                 const timespec l = ts(t);
                 return clock_nanosleep(CLOCK_MONOTONIC, 0, &l, &remainder_of_last);
               },
               {0, kept},
               true,
               true});
  for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI})
    w.push_back({"clock_nanosleep until",
                 [=](nanoseconds t) {
                   const timespec d = after(t, clock);
                   return clock_nanosleep(clock, TIMER_ABSTIME, &d, nullptr);
                 },
                 {0, kept}});
  w.push_back({"usleep", [](nanoseconds t) { return usleep(static_cast<useconds_t>(t.count() / 1000)); }, {0, kept}});
  w.push_back({"thrd_sleep",
               [=](nanoseconds t) {
                 const timespec l = ts(t);
                 return thrd_sleep(&l, &remainder_of_last);
               },
               {0, kept},
               true,
               true});
  w.push_back({"poll", [](nanoseconds t) { return poll(nullptr, 0, whole_ms(t)); }, {0, kept}});
  w.push_back({"__poll_chk",
               [](nanoseconds t) {
                 pollfd p{-1, 0, 0};
                 return __poll_chk(&p, 1, whole_ms(t), sizeof p);
               },
               {0, kept}});
  w.push_back({"ppoll",
               [=](nanoseconds t) {
                 const timespec l = ts(t);
                 return ppoll(nullptr, 0, &l, nullptr);
               },
               {0, kept}});
  w.push_back({"__ppoll_chk",
               [=](nanoseconds t) {
                 const timespec l = ts(t);
                 pollfd p{-1, 0, 0};
                 return __ppoll_chk(&p, 1, &l, nullptr, sizeof p);
               },
               {0, kept}});
  w.push_back({"select",
               [](nanoseconds t) {
                 timeval l{t.count() / 1'000'000'000, t.count() % 1'000'000'000 / 1000};
                 const int r = select(0, nullptr, nullptr, nullptr, &l);
                 remainder_of_last = {l.tv_sec, l.tv_usec * 1000};
                 return r;
               },
               {0, kept},
               true,
               true});
  w.push_back({"pselect",
               [=](nanoseconds t) {
                 const timespec l = ts(t);
                 return pselect(0, nullptr, nullptr, nullptr, &l, nullptr);
               },
               {0, kept}});
  w.push_back({"epoll_wait",
               [](nanoseconds t) {
                 epoll_event e;
                 return epoll_wait(epoll, &e, 1, whole_ms(t));
               },
               {0, kept}});
  w.push_back({"epoll_pwait",
               [](nanoseconds t) {
                 epoll_event e;
                 return epoll_pwait(epoll, &e, 1, whole_ms(t), &no_signal);
               },
               {0, kept}});
  w.push_back({"epoll_pwait2",
               [=](nanoseconds t) {
                 const timespec l = ts(t);
                 epoll_event e;
                 return epoll_pwait2(epoll, &e, 1, &l, nullptr);
               },
               {0, kept}});
  for (int i = 0; i < 2; ++i)
    w.push_back({"pthread_cond_timedwait",
                 [=](nanoseconds t) {
                   const timespec d = after(t, i == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC);
                   return locked([&](pthread_mutex_t* m) { return pthread_cond_timedwait(&conditions[i], m, &d); });
                 },
                 {ETIMEDOUT, kept}});
  for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC}) {
    w.push_back({"pthread_cond_clockwait",
                 [=](nanoseconds t) {
                   const timespec d = after(t, clock);
                   return locked(
                       [&](pthread_mutex_t* m) { return pthread_cond_clockwait(&conditions[0], m, clock, &d); });
                 },
                 {ETIMEDOUT, kept}});
    w.push_back({"sem_clockwait",
                 [=](nanoseconds t) {
                   const timespec d = after(t, clock);
                   return sem_clockwait(&semaphore_at_zero, clock, &d);
                 },
                 {-1, ETIMEDOUT}});
  }
  w.push_back({"cnd_timedwait",
               [](nanoseconds t) {
                 static mtx_t m = [] {
                   mtx_t made;
                   mtx_init(&made, mtx_plain);
                   return made;
                 }();
                 struct unlock {
                   ~unlock() { mtx_unlock(&m); }
                 };
                 const timespec d = after(t, CLOCK_REALTIME);
                 mtx_lock(&m);
                 const unlock later;
                 return cnd_timedwait(&c11_condition, &m, &d);
               },
               {thrd_timedout, kept}});
  w.push_back({"sem_timedwait",
               [](nanoseconds t) {
                 const timespec d = after(t, CLOCK_REALTIME);
                 return sem_timedwait(&semaphore_at_zero, &d);
               },
               {-1, ETIMEDOUT}});
  if (empty_queue >= 0) {
    w.push_back({"mq_timedreceive",
                 [](nanoseconds t) {
                   char c[8];
                   const timespec d = after(t, CLOCK_REALTIME);
                   return mq_timedreceive(empty_queue, c, sizeof c, nullptr, &d);
                 },
                 {-1, ETIMEDOUT}});
    w.push_back({"mq_timedsend",
                 [](nanoseconds t) {
                   const timespec d = after(t, CLOCK_REALTIME);
                   return mq_timedsend(full_queue, "y", 1, 0, &d);
                 },
                 {-1, ETIMEDOUT}});
  }
  if (set >= 0)
    w.push_back({"semtimedop",
                 [=](nanoseconds t) {
                   sembuf down{0, -1, 0};
                   const timespec l = ts(t);
                   return semtimedop(set, &down, 1, &l);
                 },
                 {-1, EAGAIN},
                 false});
  w.push_back({"sigtimedwait",
               [=](nanoseconds t) {
                 const timespec l = ts(t);
                 return sigtimedwait(&usr2, nullptr, &l);
               },
               {-1, EAGAIN}});
  w.push_back({"futex",
               [=](nanoseconds t) {
                 const timespec l = ts(t);
                 return syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 0, &l, nullptr, 0);
               },
               {-1, ETIMEDOUT},
               false});
  for (const int flag : {0, FUTEX_CLOCK_REALTIME})
    w.push_back({"futex until",
                 [=](nanoseconds t) {
                   const timespec d = after(t, flag != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC);
                   return syscall(SYS_futex, &futex_word, FUTEX_WAIT_BITSET_PRIVATE | flag, 0, &d, nullptr,
                                  FUTEX_BITSET_MATCH_ANY);
                 },
                 {-1, ETIMEDOUT},
                 false});
  for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME})
    for (const bool absolute : {false, true}) {
      w.push_back({"timerfd_settime", [=](nanoseconds t) { return expire_timerfd(clock, absolute, t); }, {8, kept}});
      w.push_back({"timer_settime", [=](nanoseconds t) { return expire_timer(clock, absolute, t); }, {0, kept}});
    }
  return w;
}

// never_early

void never_early() {
  for (const wait& w : all_waits())
    for (const nanoseconds length :
         {nanoseconds(milliseconds(1)), nanoseconds(milliseconds(7)), nanoseconds(milliseconds(33))}) {
      // By the slowest of the clocks: that of a timer may be another one, and none is set here.
      errno = kept;
      const nanoseconds begin = now();
      const long result = w.make(length);
      const int error = errno;
      const nanoseconds took = now() - begin;
      const std::string what = std::string(w.name) + " of " + std::to_string(length.count()) + " ns";
      if (took < length) fail(what + " ended after " + std::to_string(took.count()) + " ns");
      if (result != w.timed_out.result || error != w.timed_out.error)
        fail(what + ": result " + std::to_string(result) + ", errno " + std::to_string(error));
    }
  errno = kept;
  const nanoseconds begin = now();
  if (sleep(1) != 0 || errno != kept || now() - begin < std::chrono::seconds(1)) fail("sleep");
}

// answers

template <class Call> void say(const char* what, const Call& call) {
  errno = kept;
  const long result = static_cast<long>(call());
  std::printf("%s: %ld, errno %d\n", what, result, errno);
}

void answers() {
  const timespec bad[] = {{0, 1'000'000'000}, {0, -1}, {-1, 0}, {LONG_MAX, 1'000'000'000}};
  const timespec zero{0, 0}, one{0, 1}, old{1, 0};
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0 || write(pipe_ends[1], "x", 1) != 1) return fail("pipe");
  pollfd ready{pipe_ends[0], POLLIN, 0};
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll, EPOLL_CTL_ADD, pipe_ends[0], &event);
  const timespec huge{LONG_MAX, 999'999'999}, minute = to_timespec(std::chrono::minutes(1));
  for (const timespec& t : bad) {
    std::printf("%ld s %ld ns\n", t.tv_sec, t.tv_nsec);
    say("nanosleep", [&] { return nanosleep(&t, nullptr); });
    say("clock_nanosleep", [&] { return clock_nanosleep(CLOCK_MONOTONIC, 0, &t, nullptr); });
    say("clock_nanosleep until", [&] { return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, nullptr); });
    say("thrd_sleep", [&] { return thrd_sleep(&t, nullptr) < 0; });
    say("ppoll", [&] { return ppoll(&ready, 1, &t, nullptr); });
    say("pselect", [&] { return pselect(0, nullptr, nullptr, nullptr, &t, nullptr); });
    say("epoll_pwait2", [&] { return epoll_pwait2(epoll, &event, 1, &t, nullptr); });
    say("sem_timedwait", [&] { return sem_timedwait(&semaphore_at_zero, &t); });
    say("sem_clockwait", [&] { return sem_clockwait(&semaphore_at_zero, CLOCK_MONOTONIC, &t); });
    say("cond",
        [&] { return locked([&](pthread_mutex_t* m) { return pthread_cond_timedwait(&conditions[0], m, &t); }); });
    say("sigtimedwait", [&] { return sigtimedwait(&usr2, nullptr, &t); });
    say("futex", [&] { return syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 0, &t, nullptr, 0); });
    if (empty_queue >= 0) {
      char c[8];
      say("mq_timedreceive", [&] { return mq_timedreceive(empty_queue, c, sizeof c, nullptr, &t); });
      say("mq_timedsend", [&] { return mq_timedsend(full_queue, "y", 1, 0, &t); });
    }
    if (set >= 0)
      say("semtimedop", [&] {
        sembuf down{0, -1, 0};
        return semtimedop(set, &down, 1, &t);
      });
    const int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    const itimerspec when{{0, 0}, t}, period{t, {1, 0}};
    say("timerfd_settime", [&] { return timerfd_settime(fd, 0, &when, nullptr); });
    say("timerfd_settime, period", [&] { return timerfd_settime(fd, 0, &period, nullptr); });
    close(fd);
  }
  for (const timeval& t : {timeval{0, 1'000'000}, timeval{0, -1}, timeval{-1, 0}, timeval{0, 0}}) {
    timeval left = t;
    say("select", [&] { return select(0, nullptr, nullptr, nullptr, &left); });
  }
  std::printf("zero, and the past\n");
  say("nanosleep", [&] { return nanosleep(&zero, nullptr); });
  say("nanosleep 1 ns", [&] { return nanosleep(&one, nullptr); });
  say("until the past", [&] { return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &one, nullptr); });
  say("usleep", [&] { return usleep(0); });
  say("sleep", [&] { return sleep(0); });
  say("poll", [&] { return poll(nullptr, 0, 0); });
  say("ppoll", [&] { return ppoll(nullptr, 0, &zero, nullptr); });
  say("sigtimedwait", [&] { return sigtimedwait(&usr2, nullptr, &zero); });
  say("sem_timedwait", [&] { return sem_timedwait(&semaphore_at_zero, &old); });
  say("cond",
      [&] { return locked([&](pthread_mutex_t* m) { return pthread_cond_timedwait(&conditions[1], m, &one); }); });
  say("cnd", [&] { return locked([&](pthread_mutex_t*) { return thrd_timedout; }); });
  std::printf("ready at once\n");
  for (const int ms : {-1, 0, 1, 60'000, INT_MAX}) {
    say("poll", [&] { return poll(&ready, 1, ms); });
    say("epoll_wait", [&] { return epoll_wait(epoll, &event, 1, ms); });
    say("epoll_pwait", [&] { return epoll_pwait(epoll, &event, 1, ms, nullptr); });
    say("poll of a closed descriptor", [&] {
      pollfd p{pipe_ends[0] + 100, POLLIN, 0};
      return poll(&p, 1, ms) * 1000 + p.revents;
    });
    say("epoll_wait of none", [&] { return epoll_wait(-1, &event, 1, ms); });
    say("epoll_wait for none", [&] { return epoll_wait(epoll, &event, 0, ms); });
  }
  for (const timespec* const t : {static_cast<const timespec*>(nullptr), &zero, &minute, &huge}) {
    say("ppoll", [&] { return ppoll(&ready, 1, t, nullptr); });
    say("epoll_pwait2", [&] { return epoll_pwait2(epoll, &event, 1, t, nullptr); });
    say("pselect", [&] {
      fd_set s;
      FD_ZERO(&s);
      FD_SET(pipe_ends[0], &s);
      return pselect(pipe_ends[0] + 1, &s, nullptr, nullptr, t, nullptr);
    });
    sem_t one_free;
    sem_init(&one_free, 0, 1);
    if (t != nullptr) say("sem_timedwait", [&] { return sem_timedwait(&one_free, t); });
    say("futex of another value",
        [&] { return syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 5, t, nullptr, 0); });
  }
  say("select", [&] {
    fd_set s;
    FD_ZERO(&s);
    FD_SET(pipe_ends[0], &s);
    timeval t{60, 0};
    return select(pipe_ends[0] + 1, &s, nullptr, nullptr, &t) * 1000 + t.tv_sec;
  });
  say("select of a closed descriptor", [&] {
    fd_set s;
    FD_ZERO(&s);
    FD_SET(pipe_ends[1] + 5, &s);
    timeval t{60, 0};
    return select(pipe_ends[1] + 6, &s, nullptr, nullptr, &t);
  });
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, nullptr);
  raise(SIGUSR1);
  say("sigtimedwait", [&] { return sigtimedwait(&usr1, nullptr, &minute) == SIGUSR1; });
  say("other clocks", [&] { return clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &one, nullptr); });
  say("no clock", [&] { return clock_nanosleep(12345, 0, &minute, nullptr); });
  say("syscall of six", [&] { // every argument reaches the kernel
    const long at = syscall(SYS_mmap, nullptr, 8192L, PROT_READ | PROT_WRITE,
                            static_cast<long>(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L);
    return at != -1 && syscall(SYS_munmap, at, 8192L) == 0;
  });
  const int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  const itimerspec periodic{{0, 500'000'000}, {100, 0}};
  itimerspec seen{};
  say("timerfd", [&] { return timerfd_settime(fd, 0, &periodic, nullptr); });
  timerfd_gettime(fd, &seen);
  std::printf("period %ld s %ld ns\n", seen.it_interval.tv_sec, seen.it_interval.tv_nsec);
  // Each expiry of a periodic timer moves as far as the first: not by more than the period.
  const itimerspec frequent{{0, 1'000'000}, {100, 0}};
  say("frequent timerfd", [&] { return timerfd_settime(fd, 0, &frequent, nullptr); });
  timerfd_gettime(fd, &seen);
  std::printf("moved too far: %d\n", seen.it_value.tv_sec >= 100 && seen.it_value.tv_nsec > 1'000'000);
  const itimerspec disarm{{0, 0}, {0, 0}};
  say("disarm", [&] { return timerfd_settime(fd, 0, &disarm, &seen); });
  timerfd_gettime(fd, &seen);
  std::printf("left %ld s %ld ns\n", seen.it_value.tv_sec, seen.it_value.tv_nsec);
}

// interrupted

void interrupted() {
  struct sigaction handled {};
  handled.sa_handler = [](int) {};
  sigaction(SIGALRM, &handled, nullptr);
  const itimerval soon{{0, 0}, {0, 20'000}};
  const nanoseconds length = std::chrono::seconds(100);
  for (const wait& w : all_waits()) {
    const std::string name = w.name;
    // A condition variable wakes up for no signal, and the helpers of timers wait elsewhere.
    if (name.find("cond") != name.npos || name.find("cnd") != name.npos || name.find("timer") == 0) continue;
    remainder_of_last = {-1, 0};
    errno = kept;
    const nanoseconds begin = now();
    setitimer(ITIMER_REAL, &soon, nullptr);
    const long result = w.make(length);
    const int error = errno;
    const nanoseconds took = now() - begin;
    const bool by_result = name.find("clock_nanosleep") == 0;
    if (name == "thrd_sleep" ? result != -1 : by_result ? result != EINTR : result != -1 || error != EINTR)
      fail(name + " interrupted: result " + std::to_string(result) + ", errno " + std::to_string(error));
    if (!w.has_remainder) continue;
    const nanoseconds left = std::chrono::seconds(remainder_of_last.tv_sec) + nanoseconds(remainder_of_last.tv_nsec);
    // The remainder was taken between the two readings, and select's is in whole microseconds.
    if (left > length - milliseconds(19) || left < length - took - std::chrono::microseconds(1))
      fail(name + " interrupted: " + std::to_string(left.count()) + " ns left after " + std::to_string(took.count()));
  }
  setitimer(ITIMER_REAL, &soon, nullptr);
  if (sleep(100) != 99) fail("sleep interrupted");
  timeval for_ever{LONG_MAX, 0}; // the largest is where a sum overflows
  setitimer(ITIMER_REAL, &soon, nullptr);
  if (select(0, nullptr, nullptr, nullptr, &for_ever) != -1 || errno != EINTR) fail("select for ever interrupted");
}

// cancelled

struct watch {
  bool* ran;
  ~watch() { *ran = true; }
};
struct cancelled_wait {
  const wait* w;
  bool destroyed = false, handled = false;
};
void* wait_for_ever(void* argument) {
  auto& c = *static_cast<cancelled_wait*>(argument);
  pthread_cleanup_push([](void* flag) { *static_cast<bool*>(flag) = true; }, &c.handled);
  {
    const watch here{&c.destroyed};
    static_cast<void>(c.w->make(std::chrono::seconds(100)));
  }
  pthread_cleanup_pop(0);
  return nullptr;
}
void cancelled() {
  for (const wait& w : all_waits()) {
    if (!w.cancellable) continue;
    for (const bool at_once : {false, true}) { // before the wait has begun, and in it
      cancelled_wait c{&w};
      pthread_t thread;
      if (pthread_create(&thread, nullptr, wait_for_ever, &c) != 0) return fail("a thread");
      if (!at_once) usleep(10'000);
      pthread_cancel(thread);
      void* result = nullptr;
      const timespec patience = after(std::chrono::seconds(20), CLOCK_REALTIME);
      if (pthread_timedjoin_np(thread, &result, &patience) != 0) return fail(std::string(w.name) + " is not cancelled");
      if (result != PTHREAD_CANCELED || (!at_once && (!c.destroyed || !c.handled)))
        fail(std::string(w.name) + " cancelled: handler " + (c.handled ? "ran" : "did not run") + ", destructor " +
             (c.destroyed ? "ran" : "did not run"));
    }
  }
}

// children

void expect_child(pid_t child, const char* what) {
  int status = -1;
  if (child <= 0 || waitpid(child, &status, 0) != child || status != 0) fail(what);
}
void children() {
  volatile int before = 5;
  const pid_t child = vfork();
  if (child == 0) { // shares the memory of its parent
    const timespec t{0, 15'000'000};
    nanosleep(&t, nullptr);
    poll(nullptr, 0, 15);
    usleep(1000);
    _exit(0);
  }
  if (before != 5) fail("vfork: a variable of the parent");
  expect_child(child, "vfork");
  char program[] = "sleep", length[] = "0.02";
  char* arguments[] = {program, length, nullptr};
  pid_t spawned = -1;
  if (posix_spawnp(&spawned, program, nullptr, nullptr, arguments, environ) != 0) fail("posix_spawn");
  expect_child(spawned, "posix_spawn");
  const pid_t forked = fork();
  if (forked == 0) {
    const nanoseconds begin = now();
    poll(nullptr, 0, 15);
    _exit(now() - begin < milliseconds(15));
  }
  expect_child(forked, "fork");
}

// early

long early_result = -1;
nanoseconds early_time{};
void wait_early(int, char**, char**) {
  const nanoseconds begin = now();
  const timespec t{0, 3'000'000};
  early_result = nanosleep(&t, nullptr) + poll(nullptr, 0, 3) + usleep(3000) + syscall(SYS_getpid) * 0;
  early_time = now() - begin;
}
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_all)(int, char**, char**) = wait_early;

void early() {
  if (early_result != 0 || early_time < milliseconds(9)) fail("waits in .preinit_array");
}

// own_slack

void own_slack() {
  if (prctl(PR_SET_TIMERSLACK, 3'000'000UL) != 0) return fail("PR_SET_TIMERSLACK");
  for (const wait& w : all_waits()) static_cast<void>(w.make(milliseconds(2)));
  const int slack = prctl(PR_GET_TIMERSLACK);
  if (slack != 3'000'000 && slack != 0) fail("its own slack is " + std::to_string(slack)); // 0: a real-time policy
}

// refused

void refused(int error) {
#ifdef SYS_epoll_pwait2
  const auto answer = SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA);
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ppoll, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, answer),
  };
  const sock_fprog program{std::size(steps), steps};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) {
    std::printf("SKIPPED: no filter of system calls can be installed here\n");
    return;
  }
  for (int i = 0; i < 3; ++i)
    for (const wait& w : all_waits()) {
      const std::string name = w.name;
      if (name != "poll" && name != "__poll_chk" && name != "epoll_wait" && name != "epoll_pwait") continue;
      errno = kept;
      const nanoseconds begin = now();
      const long result = w.make(milliseconds(25));
      if (result != 0 || errno != kept || now() - begin < milliseconds(25))
        fail(name + " where its finer form is refused");
    }
#endif
}

// shifted

int run_shifted(int ms, char** command) {
#ifdef CLONE_NEWTIME
  if (unshare(CLONE_NEWTIME) != 0) return 77;
  std::FILE* const offsets = std::fopen("/proc/self/timens_offsets", "w");
  if (offsets == nullptr || std::fprintf(offsets, "monotonic 5 %d\n", ms * 1'000'000) < 0 || std::fclose(offsets) != 0)
    return 77;
  const pid_t child = fork();
  if (child == 0) {
    execvp(command[0], command);
    _exit(127);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
#else
  return static_cast<void>(ms), static_cast<void>(command), 77;
#endif
}

} // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const int number = argc > 2 ? std::atoi(argv[2]) : 0;
  if (what == "shifted" && argc > 3) return run_shifted(number, argv + 3);
  set_up();
  if (what == "never_early") never_early();
  else if (what == "answers") answers();
  else if (what == "interrupted") interrupted();
  else if (what == "cancelled") cancelled();
  else if (what == "children") children();
  else if (what == "early") early();
  else if (what == "own_slack") own_slack();
  else if (what == "refused") refused(number);
  else if (what == "point") {
    usleep(150'000);
    std::printf("%ld\n", static_cast<long>(now() / milliseconds(1)) % number);
  } else fail("what?");
  tear_down();
  return failures != 0;
}
