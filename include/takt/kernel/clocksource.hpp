/// clocksource.hpp - the counters by which the kernel can keep time, and the one that it uses.
///
/// Does not promise: that the source stays. A moment later the kernel's watchdog may reject it, or root may select
/// another.
/// Sources: Linux 6.12 kernel/time/clocksource.c current_clocksource_show, current_clocksource_store,
/// available_clocksource_show, sysfs_get_uname.
#pragma once
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/detail/text.hpp>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI::clocksource {

// synopsis
template <class Os = linux_os> [[nodiscard]] std::string current(std::error_code& ec);
template <class Os = linux_os> [[nodiscard]] std::vector<std::string> available(std::error_code& ec);
template <class Os = linux_os> void select(std::string_view name, std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] std::string current();
template <class Os = linux_os> [[nodiscard]] std::vector<std::string> available();
template <class Os = linux_os> void select(std::string_view name);
#endif

} // namespace takt::inline TAKT_ABI::clocksource

namespace takt::inline TAKT_ABI::detail {

// definitions

/// The file of sysfs that names the clock source in use. Writing another name to it selects that source.
inline constexpr char current_clocksource_path[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
/// The file of sysfs that lists the clock sources that can be selected.
inline constexpr char available_clocksources_path[] =
    "/sys/devices/system/clocksource/clocksource0/available_clocksource";

/// Returns: the name in the text of current_clocksource; on malformed_text an empty name.
template <class = for_callers>
[[nodiscard]] std::string parse_current_clocksource(std::string_view text, std::error_code& ec) {
  ec.clear();
  std::string_view rest;
  static_cast<void>(only_line(text, rest));
  const std::string_view name = next_word(rest);
  if (is_name(name) && trimmed(rest).empty()) return std::string(name);
  ec = errc::malformed_text;
  return {};
}

/// Returns: the names in the text of available_clocksource in the kernel's order, the best first. On malformed_text
/// the list is empty.
template <class T = for_callers>
[[nodiscard]] std::vector<dependent<T, std::string>> parse_available_clocksources(std::string_view text,
                                                                                  std::error_code& ec) {
  ec.clear();
  std::vector<dependent<T, std::string>> names;
  std::string_view rest;
  bool sound = only_line(text, rest);
  for (auto name = next_word(rest); sound && !name.empty(); name = next_word(rest)) {
    names.emplace_back(name);
    sound = is_name(name);
  }
  if (sound) return names;
  ec = errc::malformed_text;
  return {};
}

} // namespace takt::inline TAKT_ABI::detail

namespace takt::inline TAKT_ABI::clocksource {

/// Returns: the name of the clock source in use, such as "tsc"; on error an empty name.
/// Errors: those of reading the file; malformed_text. Reads one file of sysfs.
template <class Os> std::string current(std::error_code& ec) {
  char text[128]; // a name has at most 31 bytes
  std::size_t length = 0;
  const int error = Os::read_short(detail::current_clocksource_path, text, sizeof(text), length);
  ec = error != 0 ? detail::errno_code(error) : std::error_code();
  return ec ? std::string() : detail::parse_current_clocksource(detail::text_in(text, length), ec);
}

/// Returns: the clock sources that can be selected now, the best first; on error an empty list. While high-resolution
/// timers are in use, the kernel omits sources that cannot serve them, such as jiffies.
/// Errors: those of reading the file; malformed_text. Reads one file of sysfs.
template <class Os> std::vector<std::string> available(std::error_code& ec) {
  const std::string text = detail::read_text<Os>(detail::available_clocksources_path, detail::sysfs_file_limit, ec);
  return ec ? std::vector<detail::dependent<Os, std::string>>() : detail::parse_available_clocksources(text, ec);
}

/// Effects: makes `name` the clock source of the whole machine. The kernel stops all CPUs for a moment.
/// Errors: EINVAL for a name that is empty or contains a blank or control character; then nothing is written. What the
/// kernel answers to the write: EACCES without root, EINVAL for a name of 32 bytes or more. no_effect if the kernel
/// accepted the write and kept another source, as it does for a name that is not available. Writes one file of sysfs
/// and reads it back.
template <class Os> void select(std::string_view name, std::error_code& ec) {
  if (!detail::is_name(name) || name.find(' ') != std::string_view::npos) {
    ec = detail::errno_code(EINVAL);
    return;
  }
  // No newline is written. The kernel does not need it, and would count it among the 31 bytes that a name may have.
  if (const int error = Os::write_file(detail::current_clocksource_path, std::string(name)); error != 0) {
    ec = detail::errno_code(error);
    return;
  }
  const std::string now = current<Os>(ec);
  if (!ec && now != name) ec = errc::no_effect;
}

#if TAKT_EXCEPTIONS
template <class Os> std::string current() {
  return detail::or_throw([](std::error_code& ec) { return current<Os>(ec); },
                          [](std::error_code ec) { return detail::file_hint(detail::current_clocksource_path, ec); });
}

template <class Os> std::vector<std::string> available() {
  return detail::or_throw([](std::error_code& ec) { return available<Os>(ec); },
                          [](std::error_code ec) {
                            return detail::file_hint(detail::available_clocksources_path, ec);
                          });
}

template <class Os> void select(std::string_view name) {
  detail::or_throw([&](std::error_code& ec) { select<Os>(name, ec); },
                   [&](std::error_code ec) {
                     const bool unknown = ec == errc::no_effect || ec == std::errc::invalid_argument;
                     return "selecting clock source \"" + std::string(name) + "\": " +
                            (unknown ? "needs a name that available_clocksource lists, of a source fit to be selected"
                                     : detail::file_hint(detail::current_clocksource_path, ec, "root"));
                   });
}
#endif

} // namespace takt::inline TAKT_ABI::clocksource
