// A process whose second thread has a timer slack of a second. Prints the number of that thread, and waits to be ended.
#include <chrono>
#include <cstdio>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

int main() {
  std::thread second([] {
    if (prctl(PR_SET_TIMERSLACK, 1'000'000'000UL) != 0) return;
    std::printf("%ld\n", syscall(SYS_gettid));
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::minutes(2));
  });
  second.join();
}
