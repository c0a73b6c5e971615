/// guest.hpp - what a test knows about the throw-away machine it runs in, and the only path to changing its clocks.
///
/// A machine is a guest when its kernel's command line says so: takt.guest=NAME, where NAME is [SUITE.]SITUATION. What changes a
/// clock asks again.
#pragma once
#include <takt/core/timespec.hpp>
#include <takt/kernel/clocksource.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>

namespace guest {

/// Returns: what stands behind `name`= on the kernel's command line.
inline std::optional<std::string> argument(std::string_view name) {
  std::FILE* const file = std::fopen("/proc/cmdline", "re");
  if (file == nullptr) return std::nullopt;
  std::string line(4096, '\0');
  line.resize(std::fread(line.data(), 1, line.size(), file));
  std::fclose(file);
  for (std::size_t begin = 0; begin < line.size();) {
    std::size_t end = line.find_first_of(" \n", begin);
    if (end == std::string::npos) end = line.size();
    const std::string_view word = std::string_view(line).substr(begin, end - begin);
    if (word.substr(0, name.size()) == name && word.substr(name.size(), 1) == "=")
      return std::string(word.substr(name.size() + 1));
    begin = end + 1;
  }
  return std::nullopt;
}

/// Returns: what stands behind `guest.` in the name of the test that booted this machine.
inline std::string name() { return argument("takt.guest").value_or(std::string()); }

/// Returns: which of the situations of CMakeLists.txt this is, whatever suite the kernel is from.
inline std::string situation() {
  const std::string all = name();
  return all.substr(all.rfind('.') + 1);
}

/// Returns: the version of the running kernel; boot.sh boots different ones.
inline std::string kernel_release() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : std::string();
}
inline int kernel_major() { return std::atoi(kernel_release().c_str()); }

/// Ends the program where no guest is: nothing that follows may happen on a real machine.
inline void insist() {
  if (!situation().empty()) return;
  std::fputs("takt's guest tests change clocks and run in a throw-away guest alone: no takt.guest= on /proc/cmdline\n",
             stderr);
  std::_Exit(2);
}

using std::chrono::nanoseconds;

inline nanoseconds read(clockid_t id) {
  timespec ts{};
  if (::clock_gettime(id, &ts) != 0) std::abort();
  return takt::to_nanoseconds(ts);
}

/// Steps CLOCK_REALTIME. Returns: by how much it was stepped, up to the time this took.
inline void step_realtime(nanoseconds by) {
  insist();
  const timespec ts = takt::to_timespec(read(CLOCK_REALTIME) + by);
  if (::clock_settime(CLOCK_REALTIME, &ts) != 0) std::abort();
}

/// Writes to the kernel's clock discipline. Returns: the state of the clock, TIME_OK and so on.
inline int adjust(timex t) {
  insist();
  const int state = ::adjtimex(&t);
  if (state == -1) std::abort();
  return state;
}

/// Makes the kernel's clocks run at that frequency offset, a tick being so many microseconds (10 000: as usual).
inline void steer(double ppm, long tick = 10'000) {
  timex t{};
  t.modes = ADJ_FREQUENCY | ADJ_TICK;
  t.freq = static_cast<long>(ppm * 65536);
  t.tick = tick;
  adjust(t);
}

inline void select_clocksource(std::string_view name) {
  insist();
  std::error_code ec;
  takt::clocksource::select(name, ec);
  if (ec) std::printf("clock source %s: %s\n", std::string(name).c_str(), ec.message().c_str());
}

} // namespace guest
