/// boot_id.hpp - the random identifier that the kernel chooses at every start.
///
/// Does not promise: a new identifier after a snapshot of a virtual machine was restored; different identifiers in the
/// containers of one machine, which share it.
/// Sources: random(4), /proc/sys/kernel/random/boot_id; RFC 9562, version 4.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/detail/text.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
/// Returns: the boot id of the running kernel in the form of a UUID, without the newline; on error an empty text.
/// Errors: those of reading the file; malformed_text. Reads one file of /proc.
template <class Os = linux_os> [[nodiscard]] std::string read_boot_id(std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] std::string read_boot_id();
#endif

// definitions

namespace detail {

/// The file that holds the boot id.
inline constexpr char boot_id_path[] = "/proc/sys/kernel/random/boot_id";

/// Returns: the first 8 bytes of a boot id as the kernel prints it, as a big-endian number; on malformed_text zero.
template <class = for_callers>
[[nodiscard]] std::uint64_t parse_boot_id(std::string_view text, std::error_code& ec) noexcept {
  ec.clear();
  constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  std::string_view line;
  bool sound = only_line(text, line) && line.size() == form.size();
  std::uint64_t value = 0;
  for (std::size_t i = 0, digits = 0; sound && i < form.size(); ++i) {
    const char c = line[i];
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

/// Returns: the first 8 bytes of the boot id, as parse_boot_id() does. `text` and `length` receive the content of the
/// file. Allocates nothing.
template <class Os> std::uint64_t read_boot_id(char (&text)[64], std::size_t& length, std::error_code& ec) {
  const int error = Os::read_short(boot_id_path, text, sizeof(text), length);
  if (error != 0) return ec = errno_code(error), 0;
  return parse_boot_id(text_in(text, length), ec);
}

} // namespace detail

template <class Os> std::string read_boot_id(std::error_code& ec) {
  char text[64];
  std::size_t length = 0;
  static_cast<void>(detail::read_boot_id<Os>(text, length, ec));
  return ec ? std::string() : std::string(text, length - 1);
}

#if TAKT_EXCEPTIONS
template <class Os> std::string read_boot_id() {
  return detail::or_throw([](std::error_code& ec) { return read_boot_id<Os>(ec); },
                          [](std::error_code ec) { return detail::file_hint(detail::boot_id_path, ec); });
}
#endif

} // namespace takt::inline TAKT_ABI
