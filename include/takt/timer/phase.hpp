/// phase.hpp - a phase for the grid that is the same in all processes of a machine and differs between machines.
///
/// For who wants the machines of a fleet apart, so that they do not all ask the same server at the same moment. The
/// rule never changes: the first 8 bytes of the boot id as a big-endian number, modulo the period. Containers of one
/// machine share the boot id.
///
/// Does not promise: that two machines differ, which they do by chance alone; that the phase survives a reboot.
/// Sources: random(4), /proc/sys/kernel/random/boot_id; RFC 9562, version 4: 60 of the 64 bits are random.
#pragma once
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/text.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
inline constexpr char boot_id_path[] = "/proc/sys/kernel/random/boot_id";

/// Returns: the first 8 bytes of a boot id as the kernel prints it, as a big-endian number; on malformed_text zero.
template <class = when_called>
[[nodiscard]] std::uint64_t parse_boot_id(std::string_view text, std::error_code& ec) noexcept;

template <class Os = linux_os>
[[nodiscard]] std::chrono::nanoseconds phase_from_boot_id(std::chrono::nanoseconds period, std::error_code& ec);

// definitions

template <class> std::uint64_t parse_boot_id(std::string_view text, std::error_code& ec) noexcept {
  ec.clear();
  constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  const std::optional<std::string_view> line = detail::only_line(text);
  bool sound = line && line->size() == form.size();
  std::uint64_t value = 0;
  for (std::size_t i = 0, digits = 0; sound && i < form.size(); ++i) {
    const char c = (*line)[i];
    if (form[i] == '-') {
      sound = c == '-';
      continue;
    }
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    sound = digit >= 0;
    if (digits++ < 16) value = value << 4 | static_cast<std::uint64_t>(digit);
  }
  if (sound) return value;
  ec = errc::malformed_text;
  return 0;
}

/// Returns: a phase in [0, period); on error zero.
/// Errors: EINVAL for a period that is not positive; those of reading the boot id; malformed_text. Reads one file.
template <class Os>
std::chrono::nanoseconds phase_from_boot_id(std::chrono::nanoseconds period, std::error_code& ec) {
  using std::chrono::nanoseconds;
  if (period <= nanoseconds::zero()) return ec = detail::errno_code(EINVAL), nanoseconds::zero();
  const std::string text = detail::read_text<Os>(boot_id_path, 4096, ec);
  const std::uint64_t id = ec ? 0 : parse_boot_id(text, ec);
  return nanoseconds(static_cast<nanoseconds::rep>(id % static_cast<std::uint64_t>(period.count())));
}

#if TAKT_EXCEPTIONS
template <class Os = linux_os>
[[nodiscard]] std::chrono::nanoseconds phase_from_boot_id(std::chrono::nanoseconds period) {
  return detail::or_throw([&](std::error_code& ec) { return phase_from_boot_id<Os>(period, ec); },
                          [&] {
                            return std::string(boot_id_path) + ": a phase for a period of " +
                                   std::to_string(period.count()) + " ns; is /proc mounted, and the period positive?";
                          });
}
#endif

} // namespace takt::inline TAKT_ABI
