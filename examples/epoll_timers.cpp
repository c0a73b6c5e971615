// The scheduler inside an event loop of another library: one descriptor in epoll, whatever the number of timers. Echoes
// what is typed; says so when nothing was typed for two seconds, and ends after five such pauses or at the end of input.
#include <chrono>
#include <cstdio>
#include <sys/epoll.h>
#include <takt/scheduler/scheduler.hpp>
#include <unistd.h>

int main() {
  using namespace std::chrono_literals;
  takt::grid_scheduler timers;
  int silences = 0;
  auto silence = timers.every(2s, takt::slack(500ms), [&] { std::printf("nothing for two seconds (%d)\n", ++silences); });

  const int loop = ::epoll_create1(EPOLL_CLOEXEC);
  const auto watch = [loop](int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return ::epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0;
  };
  if (loop < 0 || !watch(timers.fd())) return std::perror("epoll"), 1;
  watch(STDIN_FILENO); // which fails for a file: then there are timers alone

  for (bool open = true; open && silences < 5;) {
    epoll_event ready{};
    if (::epoll_wait(loop, &ready, 1, -1) != 1) continue; // a signal
    if (ready.data.fd == timers.fd()) {
      timers.fire(); // sets the descriptor to the next wake-up
    } else {
      char text[256];
      const ssize_t n = ::read(STDIN_FILENO, text, sizeof(text));
      open = n > 0;
      if (open) std::printf("you said: %.*s", static_cast<int>(n), text);
      silence.move(2s, takt::slack(500ms)); // its cycles go on from now
    }
    std::fflush(stdout);
  }
  ::close(loop);
}
