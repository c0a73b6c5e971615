// preload_cost [ROUNDS] [OBJECT]: what a wait costs that ends at once, by libc and through the object of `takt run`.
//
// Both functions are called in this process, in batches that take turns, so that a busy machine disturbs both alike.
// OBJECT is libtakt_preload.so; without it the one that was built beside this program is taken. Prints medians, in ns a
// call.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace {

constexpr int batch = 1000;

struct sides {
  void* plain = RTLD_DEFAULT;
  void* moved = nullptr;
};
sides from;

struct measured {
  std::string what;
  std::function<void(void*)> batch_of; ///< makes a batch of calls of the function at that address
  const char* function;
  std::vector<double> ns[2] = {};
};

double thread_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}
double median(std::vector<double>& v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

/// A row for calls of a function with these arguments, which must end at once.
template <class F, class... Arguments> measured row(const char* what, const char* name, F*, Arguments... arguments) {
  return {what,
          [=](void* at) {
            const auto f = reinterpret_cast<F*>(at);
            for (int i = 0; i < batch; ++i) static_cast<void>(f(arguments...));
          },
          name};
}

} // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 400;
  if (rounds < 1 || argc > 3) return std::fprintf(stderr, "usage: preload_cost [ROUNDS] [OBJECT]\n"), 2;
  std::string object = argc > 2 ? argv[2] : argv[0];
  if (argc <= 2) object = object.substr(0, object.rfind('/') + 1) + "../examples/libtakt_preload.so";
  // As takt run starts a program.
  setenv("TAKT_RUN", "slack=10000000", 1);
  prctl(PR_SET_TIMERSLACK, 1'000'000UL);
  from.moved = dlopen(object.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (from.moved == nullptr) return std::fprintf(stderr, "preload_cost: %s\n", dlerror()), 1;

  int ends[2];
  if (pipe(ends) != 0 || write(ends[1], "x", 1) != 1) return 1;
  static pollfd ready{ends[0], POLLIN, 0};
  const int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
  // The object has to see that the timer is made: it moves none that it does not know.
  const int known =
      reinterpret_cast<decltype(&timerfd_create)>(dlsym(from.moved, "timerfd_create"))(CLOCK_MONOTONIC, 0);
  static epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
  static const timespec second{1, 0}, invalid{0, -1};
  static timespec later{};
  clock_gettime(CLOCK_REALTIME, &later);
  later.tv_sec += 3600;
  static timeval select_time{};
  static fd_set readable;
  static sem_t many;
  sem_init(&many, 0, 2'000'000'000U);
  static int word = 0;
  static const itimerspec expiry{{0, 0}, {3600, 0}};

  std::vector<measured> rows;
  rows.push_back(row("poll, ready, 1 s", "poll", &poll, &ready, nfds_t{1}, 1000));
  rows.push_back(row("epoll_wait, ready, 1 s", "epoll_wait", &epoll_wait, epoll, &event, 1, 1000));
  rows.push_back(row("epoll_pwait, ready, 1 s", "epoll_pwait", &epoll_pwait, epoll, &event, 1, 1000,
                     static_cast<const sigset_t*>(nullptr)));
  rows.push_back(row("poll, ready, 10 s", "poll", &poll, &ready, nfds_t{1}, 10'000));
  rows.push_back(row("epoll_wait, ready, 10 s", "epoll_wait", &epoll_wait, epoll, &event, 1, 10'000));
  rows.push_back({"select, ready, 10 s",
                  [=](void* at) {
                    for (int i = 0; i < batch; ++i) {
                      select_time = {10, 0};
                      FD_ZERO(&readable);
                      FD_SET(ends[0], &readable);
                      reinterpret_cast<decltype(&select)>(at)(ends[0] + 1, &readable, nullptr, nullptr, &select_time);
                    }
                  },
                  "select"});
  rows.push_back(
      row("ppoll, ready, 1 s", "ppoll", &ppoll, &ready, nfds_t{1}, &second, static_cast<const sigset_t*>(nullptr)));
  rows.push_back(row("epoll_pwait2, ready, 1 s", "epoll_pwait2", &epoll_pwait2, epoll, &event, 1, &second,
                     static_cast<const sigset_t*>(nullptr)));
  rows.push_back({"select, ready, 1 s",
                  [=](void* at) {
                    for (int i = 0; i < batch; ++i) {
                      select_time = {1, 0};
                      FD_ZERO(&readable);
                      FD_SET(ends[0], &readable);
                      reinterpret_cast<decltype(&select)>(at)(ends[0] + 1, &readable, nullptr, nullptr, &select_time);
                    }
                  },
                  "select"});
  rows.push_back({"pselect, ready, 1 s",
                  [=](void* at) {
                    for (int i = 0; i < batch; ++i) {
                      FD_ZERO(&readable);
                      FD_SET(ends[0], &readable);
                      reinterpret_cast<decltype(&pselect)>(at)(ends[0] + 1, &readable, nullptr, nullptr, &second,
                                                               nullptr);
                    }
                  },
                  "pselect"});
  rows.push_back(row("sem_timedwait, free", "sem_timedwait", &sem_timedwait, &many, &later));
  rows.push_back(row("sem_clockwait, free", "sem_clockwait", &sem_clockwait, &many, CLOCK_REALTIME, &later));
  rows.push_back({"futex, of another value, 1 s",
                  [](void* at) {
                    for (int i = 0; i < batch; ++i)
                      reinterpret_cast<decltype(&syscall)>(at)(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &second,
                                                               nullptr, 0);
                  },
                  "syscall"});
  rows.push_back({"timerfd_settime",
                  [=](void* at) {
                    const auto f = reinterpret_cast<decltype(&timerfd_settime)>(at);
                    const int fd = at == dlsym(from.moved, "timerfd_settime") ? known : timer;
                    for (int i = 0; i < batch; ++i) f(fd, 0, &expiry, nullptr);
                  },
                  "timerfd_settime"});
  rows.push_back(row("poll, ready, for ever", "poll", &poll, &ready, nfds_t{1}, -1));
  rows.push_back(row("poll, 0", "poll", &poll, &ready, nfds_t{1}, 0));
  rows.push_back(row("epoll_wait, ready, for ever", "epoll_wait", &epoll_wait, epoll, &event, 1, -1));
  rows.push_back(row("epoll_wait, 0", "epoll_wait", &epoll_wait, epoll, &event, 1, 0));
  rows.push_back(row("nanosleep, invalid", "nanosleep", &nanosleep, &invalid, static_cast<timespec*>(nullptr)));
  rows.push_back({"syscall, getpid",
                  [](void* at) {
                    for (int i = 0; i < batch; ++i) reinterpret_cast<decltype(&syscall)>(at)(SYS_getpid);
                  },
                  "syscall"});

  for (int round = 0; round < rounds; ++round)
    for (measured& m : rows)
      for (const int side : {round % 2, 1 - round % 2}) {
        void* const at = dlsym(side == 0 ? from.plain : from.moved, m.function);
        const double begin = thread_ns();
        m.batch_of(at);
        m.ns[side].push_back((thread_ns() - begin) / batch);
      }
  std::printf("%-30s %10s %10s %10s\n", "ns a call, medians", "libc", "takt run", "more");
  for (measured& m : rows) {
    const double plain = median(m.ns[0]), moved = median(m.ns[1]);
    std::printf("%-30s %10.1f %10.1f %+10.1f\n", m.what.c_str(), plain, moved, moved - plain);
  }
}
