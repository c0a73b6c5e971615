// shared_start [RUNS]: how long it takes to have a calibrated tsc_clock where another process has left an anchor.
//
// Each run is a process of its own, which calibrates three times: as the first thing that it does, when every page of code
// is still to be mapped and every symbol to be bound; again; and once more.
#include <takt/clock/shared_calibration.hpp>
#include <takt/clock/tsc_clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

using namespace std::chrono_literals;
constexpr int calls = 3;

/// Microseconds of one call; negative if there was no usable anchor.
double start(const char* path) {
  const takt::ticks begin = takt::region_begin();
  takt::shared_calibration shared(path);
  std::error_code ec;
  const auto c = takt::tsc_clock::calibrate(shared, 0s, ec);
  const takt::ticks end = takt::region_begin();
  return ec ? -1 : c.rate().to<std::chrono::duration<double, std::micro>>(end - begin).count();
}

} // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--once") {
    double took[calls];
    for (double& t : took) t = start(argv[2]);
    for (const double t : took) std::printf("%.1f ", t);
    return 0;
  }
  const int runs = argc > 1 ? std::atoi(argv[1]) : 200;
  char directory[] = "/tmp/takt.start.XXXXXX";
  if (::mkdtemp(directory) == nullptr) return 1;
  const std::string path = std::string(directory) + "/anchor";
  takt::shared_calibration shared(path);
  std::error_code ec;
  const auto measured = takt::tsc_clock::calibrate(shared, 5ms, ec);
  std::printf("without an anchor: %s\n", ec ? ec.message().c_str() : to_string(measured).c_str());
  ::usleep(1'000'000); // the anchor ripens
  takt::shared_calibration again(path);
  const auto recalled = takt::tsc_clock::calibrate(again, 0s, ec);
  std::printf("with an anchor:    %s\n", ec ? again.why().c_str() : to_string(recalled).c_str());

  std::vector<double> took[calls];
  const std::string command = "/proc/" + std::to_string(::getpid()) + "/exe --once " + path;
  for (int i = 0; i < runs && !ec; ++i) {
    std::FILE* const child = ::popen(command.c_str(), "r");
    double t[calls] = {-1, -1, -1};
    if (child == nullptr || std::fscanf(child, "%lf %lf %lf", &t[0], &t[1], &t[2]) != calls || t[0] < 0) return 1;
    ::pclose(child);
    for (int k = 0; k < calls; ++k) took[k].push_back(t[k]);
  }
  std::printf("%-34s %7s %7s %7s  us, %d processes\n", "", "p50", "p90", "max", runs);
  const char* const names[] = {"first thing in a new process", "second call", "third call"};
  for (int k = 0; k < calls && !ec; ++k) {
    auto& v = took[k];
    std::sort(v.begin(), v.end());
    std::printf("%-34s %7.1f %7.1f %7.1f\n", names[k], v[v.size() / 2], v[v.size() * 9 / 10], v.back());
  }
  ::unlink(path.c_str());
  ::rmdir(directory);
  return ec ? 1 : 0;
}
