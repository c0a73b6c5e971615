/// suspend.hpp - how a test suspends the guest.
#pragma once
#include "guest.hpp"

#include <chrono>
#include <fcntl.h>
#include <unistd.h>

namespace guest {

/// How long after it was set an alarm wakes the guest.
inline constexpr std::chrono::seconds until_alarm{4};

/// Effects: suspends the machine to RAM. One test a boot may do that: after an alarm has woken the guest, the next suspend
/// may end at once ("ACPI Error: Could not disable RealTimeClock events"). Returns: whether the kernel did it and came back.
inline bool suspend() {
  insist();
  const int file = ::open("/sys/power/state", O_WRONLY);
  const bool slept = file >= 0 && ::write(file, "mem", 3) == 3;
  ::close(file);
  return slept;
}

} // namespace guest
