/// phase.hpp - a phase for the grid that is the same in all processes of a machine and differs between machines.
///
/// It keeps the machines of a fleet apart, so that they do not all call the same server at the same moment. The rule
/// never changes: the first 8 bytes of the boot id as a big-endian number, modulo the period. Containers of one machine
/// share the boot id.
///
/// Does not promise: that two machines have different phases, because the phases are random; that the phase survives a
/// reboot.
/// Sources: random(4), /proc/sys/kernel/random/boot_id; RFC 9562, version 4: 60 of the 64 bits are random.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/boot_id.hpp>
#include <takt/kernel/os.hpp>
#include <takt/sleep/slack.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
template <class Os = linux_os>
[[nodiscard]] std::chrono::nanoseconds phase_from_boot_id(detail::any_duration auto period, std::error_code& ec);
// With exceptions, phase_from_boot_id(period) throws std::system_error instead.

// definitions

/// Returns: a phase in [0, period); on error zero. A period beyond 292 years counts as 2^63 - 1 ns.
/// Errors: EINVAL for a period below a nanosecond; those of reading the boot id; malformed_text. Reads one file.
template <class Os>
std::chrono::nanoseconds phase_from_boot_id(detail::any_duration auto of, std::error_code& ec) {
  using std::chrono::nanoseconds;
  const auto period = detail::saturating_cast<nanoseconds>(of);
  if (period <= nanoseconds::zero()) return ec = detail::errno_code(EINVAL), nanoseconds::zero();
  char text[64];
  std::size_t length = 0;
  const std::uint64_t id = detail::read_boot_id<Os>(text, length, ec);
  return nanoseconds(static_cast<nanoseconds::rep>(id % static_cast<std::uint64_t>(period.count())));
}

#if TAKT_EXCEPTIONS
template <class Os = linux_os>
[[nodiscard]] std::chrono::nanoseconds phase_from_boot_id(detail::any_duration auto period) {
  return detail::or_throw([&](std::error_code& ec) { return phase_from_boot_id<Os>(period, ec); },
                          [&] {
                            return std::string(detail::boot_id_path) + ": a phase for a period of " +
                                   std::to_string(detail::saturating_cast<std::chrono::nanoseconds>(period).count()) +
                                   " ns; is /proc mounted, and the period positive?";
                          });
}
#endif

} // namespace takt::inline TAKT_ABI
