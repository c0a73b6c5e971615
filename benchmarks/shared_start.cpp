// shared_start [RUNS]: how long it takes to have a calibrated tsc_clock where another process has left an anchor.
//
// Each run is a process of its own, which calibrates three times: as the first thing that it does, when every page of code
// is still to be mapped and every symbol to be bound; again; and once more. Beside it, in processes that take turns with
// those, the kernel's part of it: the same system calls on the same files, and nothing else, as the first thing and again.
#include "arguments.hpp"
#include <takt/clock/shared_calibration.hpp>
#include <takt/clock/tsc_clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
constexpr int calls = 3;

/// Microseconds of one call; negative if there was no usable anchor.
double start(const char* path) {
  const takt::tick_point begin = takt::region_begin();
  takt::shared_calibration shared(path);
  std::error_code ec;
  const auto c = takt::tsc_clock::calibrate(shared, 0s, ec);
  const takt::tick_point end = takt::region_begin();
  return ec ? -1 : c.rate().to<std::chrono::duration<double, std::micro>>(end - begin).count();
}

/// Ticks of the system calls that a start makes.
takt::ticks kernel_part(const char* path) {
  static char text[1024];
  static struct stat facts;
  static timex state, left;
  static int mode;
  left.modes = ADJ_OFFSET_SS_READ;
  const takt::tick_point begin = takt::region_begin();
  ::syscall(SYS_prctl, PR_GET_TSC, &mode, 0, 0, 0);
  for (const char* const file : {takt::detail::boot_id_path, path, takt::detail::current_clocksource_path}) {
    const long fd = ::syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file == path) ::syscall(SYS_fstat, fd, &facts);
    ::syscall(SYS_read, fd, text, sizeof(text));
    ::syscall(SYS_close, fd);
  }
  ::syscall(SYS_adjtimex, &state);
  ::syscall(SYS_adjtimex, &left);
  ::syscall(SYS_prctl, PR_GET_TSC, &mode, 0, 0, 0);
  ::syscall(SYS_getpid);
  return takt::region_begin() - begin;
}

/// A directory that goes when the program ends by itself.
class own_directory {
public:
  own_directory() = default;
  ~own_directory() {
    if (!made()) return;
    ::unlink(file().c_str());
    ::rmdir(path_);
  }
  own_directory(const own_directory&) = delete;
  own_directory& operator=(const own_directory&) = delete;
  [[nodiscard]] bool made() const { return made_; }
  /// The one file in it.
  [[nodiscard]] std::string file() const { return std::string(path_) + "/anchor"; }

private:
  char path_[23] = "/tmp/takt.start.XXXXXX";
  bool made_ = ::mkdtemp(path_) != nullptr;
};

} // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--once") {
    double took[calls];
    for (double& t : took) t = start(argv[2]);
    for (const double t : took) std::printf("%.1f ", t);
    return 0;
  }
  if (argc == 3 && std::string(argv[1]) == "--kernel") {
    takt::ticks took[calls];
    for (takt::ticks& t : took) t = kernel_part(argv[2]);
    start(argv[2]);
    const takt::tick_rate rate = takt::tsc_clock::calibration().rate();
    for (const takt::ticks t : took) std::printf("%.1f ", rate.to<std::chrono::duration<double, std::micro>>(t).count());
    return 0;
  }
  const auto runs = static_cast<std::size_t>(arguments(argc, argv, "shared_start [RUNS]", 1).number(1, 1, 200));
  const own_directory directory;
  if (!directory.made()) return 1;
  const std::string path = directory.file();
  takt::shared_calibration shared(path);
  std::error_code ec;
  const auto measured = takt::tsc_clock::calibrate(shared, 5ms, ec);
  std::printf("without an anchor: %s\n", ec ? ec.message().c_str() : to_string(measured).c_str());
  ::usleep(1'000'000); // the anchor ripens
  takt::shared_calibration again(path);
  const auto recalled = takt::tsc_clock::calibrate(again, 0s, ec);
  std::printf("with an anchor:    %s\n", ec ? again.why().c_str() : to_string(recalled).c_str());

  constexpr const char* modes[] = {"--once ", "--kernel "};
  std::vector<double> took[2][calls];
  for (std::size_t i = 0; i < 2 * runs && !ec; ++i) {
    const std::string command = "/proc/" + std::to_string(::getpid()) + "/exe " + modes[i % 2] + path;
    std::FILE* const child = ::popen(command.c_str(), "r");
    double t[calls] = {-1, -1, -1};
    if (child == nullptr || std::fscanf(child, "%lf %lf %lf", &t[0], &t[1], &t[2]) != calls || t[0] < 0) return 1;
    ::pclose(child);
    for (int k = 0; k < calls; ++k) took[i % 2][k].push_back(t[k]);
  }
  std::printf("%-34s %7s %7s %7s  us, %zu processes\n", "", "p50", "p90", "max", runs);
  const char* const names[2][calls] = {{"first thing in a new process", "second call", "third call"},
                                       {"system calls alone, first thing", "second time", "third time"}};
  for (int m = 0; m < 2 && !ec; ++m) {
    for (int k = 0; k < calls; ++k) {
      auto& v = took[m][k];
      std::sort(v.begin(), v.end());
      std::printf("%-34s %7.1f %7.1f %7.1f\n", names[m][k], v[v.size() / 2], v[v.size() * 9 / 10], v.back());
    }
  }
  return ec ? 1 : 0;
}
