/// clocksource.hpp - the counters the kernel can keep time by, and the one it uses.
///
/// Does not promise: that the source stays. The kernel's watchdog may leave it a moment later, root may select another.
/// Sources: Linux 6.12 kernel/time/clocksource.c current_clocksource_show, current_clocksource_store,
/// available_clocksource_show, sysfs_get_uname.
#pragma once
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/text.hpp>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI::clocksource {

// synopsis
inline constexpr char current_path[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
inline constexpr char available_path[] = "/sys/devices/system/clocksource/clocksource0/available_clocksource";

template <class Os = linux_os> [[nodiscard]] std::string current(std::error_code& ec);
template <class Os = linux_os> [[nodiscard]] std::vector<std::string> available(std::error_code& ec);
template <class Os = linux_os> void select(std::string_view name, std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] std::string current();
template <class Os = linux_os> [[nodiscard]] std::vector<std::string> available();
template <class Os = linux_os> void select(std::string_view name);
#endif

template <class = when_called> [[nodiscard]] std::string parse_current(std::string_view text, std::error_code& ec);
template <class = when_called>
[[nodiscard]] std::vector<std::string> parse_available(std::string_view text, std::error_code& ec);

// definitions

/// Returns: the name in the text of current_clocksource; on malformed_text empty.
template <class> std::string parse_current(std::string_view text, std::error_code& ec) {
  ec.clear();
  std::string_view rest;
  static_cast<void>(detail::only_line(text, rest));
  const std::string_view name = detail::next_word(rest);
  if (detail::is_name(name) && detail::trimmed(rest).empty()) return std::string(name);
  ec = errc::malformed_text;
  return {};
}

/// Returns: the names in the text of available_clocksource, in the kernel's order, the best first; on malformed_text
/// none.
template <class> std::vector<std::string> parse_available(std::string_view text, std::error_code& ec) {
  ec.clear();
  std::vector<std::string> names;
  std::string_view rest;
  bool sound = detail::only_line(text, rest);
  for (auto name = detail::next_word(rest); sound && !name.empty(); name = detail::next_word(rest)) {
    names.emplace_back(name);
    sound = detail::is_name(name);
  }
  if (sound) return names;
  ec = errc::malformed_text;
  return {};
}

/// Returns: the name of the clock source in use, "tsc"; on error empty.
/// Errors: those of reading the file; malformed_text. Reads one file of sysfs.
template <class Os> std::string current(std::error_code& ec) {
  char text[128]; // a name has 31 bytes at most
  std::size_t length = 0;
  const int error = Os::read_short(current_path, text, sizeof(text), length);
  ec = error != 0 ? detail::errno_code(error) : std::error_code();
  return ec ? std::string() : parse_current({text, length}, ec);
}

/// Returns: the clock sources that can be selected now, the best first; on error none. While high-resolution timers
/// run the kernel leaves those out that cannot serve them, such as jiffies.
/// Errors: those of reading the file; malformed_text. Reads one file of sysfs.
template <class Os> std::vector<std::string> available(std::error_code& ec) {
  const std::string text = detail::read_text<Os>(available_path, detail::sysfs_file_limit, ec);
  return ec ? std::vector<std::string>() : parse_available(text, ec);
}

/// Effects: makes `name` the clock source of the whole machine. The kernel stops all CPUs for a moment.
/// Errors: EINVAL for a name that is empty or has a blank or control character in it, nothing being written; what the
/// kernel answers to the write (EACCES without root, EINVAL for a name of 32 bytes or more); no_effect when it took
/// the write and kept another source, as it does with a name that is not available.
template <class Os> void select(std::string_view name, std::error_code& ec) {
  if (!detail::is_name(name) || name.find(' ') != std::string_view::npos) {
    ec = detail::errno_code(EINVAL);
    return;
  }
  // Without a newline, which the kernel does not ask for and counts among the 31 bytes that a name may have.
  if (const int error = Os::write_file(current_path, std::string(name)); error != 0) {
    ec = detail::errno_code(error);
    return;
  }
  const std::string now = current<Os>(ec);
  if (!ec && now != name) ec = errc::no_effect;
}

#if TAKT_EXCEPTIONS
template <class Os> std::string current() {
  return detail::or_throw([](std::error_code& ec) { return current<Os>(ec); },
                          [](std::error_code ec) { return detail::file_hint(current_path, ec); });
}

template <class Os> std::vector<std::string> available() {
  return detail::or_throw([](std::error_code& ec) { return available<Os>(ec); },
                          [](std::error_code ec) { return detail::file_hint(available_path, ec); });
}

template <class Os> void select(std::string_view name) {
  detail::or_throw([&](std::error_code& ec) { select<Os>(name, ec); },
                   [&](std::error_code ec) {
                     const bool unknown = ec == errc::no_effect || ec == std::errc::invalid_argument;
                     return "selecting clock source \"" + std::string(name) + "\": " +
                            (unknown ? "wants a name that available_clocksource lists, and a source that is fit to be selected"
                                     : detail::file_hint(current_path, ec, "root"));
                   });
}
#endif

} // namespace takt::inline TAKT_ABI::clocksource
