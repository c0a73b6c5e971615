/// kernel_log.hpp - what the kernel's log says of the time stamp counter and of clock sources.
///
/// The log is a ring: on a machine that has been up for long the lines of its boot are gone, so everything here may be
/// absent and absence means nothing. Only lines of facility 0, the kernel's own, count: whoever writes to /dev/kmsg
/// gets another one, and so cannot pretend to be the kernel.
/// Sources: syslog(2), printk(9); Linux 6.12 kernel/printk/printk.c (record_print_text, devkmsg_write),
/// arch/x86/kernel/tsc.c (tsc_refine_calibration_work, determine_cpu_tsc_frequencies, mark_tsc_unstable),
/// kernel/time/clocksource.c.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/text.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis

/// The last line of each kind. Frequencies are what the kernel printed: whole kHz.
struct kernel_log {
  std::optional<frequency> processor;   ///< "tsc: Detected 2596.143 MHz processor"
  std::optional<frequency> tsc;         ///< "tsc: Detected 2596.143 MHz TSC", printed where it is not the processor's
  std::optional<frequency> refined_tsc; ///< "tsc: Refined TSC clocksource calibration: 2596.143 MHz"
  std::string unstable_tsc;             ///< "tsc: Marking TSC unstable due to clocksource watchdog": the reason
  std::string clocksource;              ///< "clocksource: Switched to clocksource tsc": the name

  /// Returns: the best the log tells of the counter's rate: refined, or else detected.
  [[nodiscard]] std::optional<frequency> tsc_frequency() const noexcept {
    return refined_tsc ? refined_tsc : tsc ? tsc : processor;
  }
};

template <class Os = linux_os> [[nodiscard]] kernel_log read_kernel_log(std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] kernel_log read_kernel_log();
#endif

template <class = when_called> [[nodiscard]] kernel_log parse_kernel_log(std::string_view text);
template <class = when_called> [[nodiscard]] std::string last_kernel_message(std::string_view text, std::string_view prefix);

// definitions
namespace detail {

/// Returns: the message of a line "<6>[    0.000062][    T0] message" of facility 0, the bracketed parts as they may be
/// there; empty for another facility or form.
[[nodiscard]] constexpr std::string_view kernel_message(std::string_view line) noexcept {
  const std::size_t end = line.find('>');
  if (line.empty() || line.front() != '<' || end == std::string_view::npos) return {};
  const auto priority = parse_number<unsigned>(line.substr(1, end - 1));
  if (!priority || *priority >= 8) return {}; // facility * 8 + level
  line.remove_prefix(end + 1);
  while (!line.empty() && line.front() == '[') {
    const std::size_t close = line.find(']');
    if (close == std::string_view::npos) return {};
    line.remove_prefix(close + 1);
  }
  return trimmed(line);
}

/// Takes `prefix` off the front of `text`.
/// Returns: whether it was there.
constexpr bool skip_prefix(std::string_view& text, std::string_view prefix) noexcept {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// Takes "2596.143 MHz", always three digits behind the point, off the front of `text`.
/// Returns: the frequency; nothing for any other form and for zero.
constexpr std::optional<frequency> skip_megahertz(std::string_view& text) noexcept {
  constexpr std::string_view unit = " MHz";
  constexpr std::size_t decimals = 3;
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos) return std::nullopt;
  const auto whole = parse_number<std::uint32_t>(text.substr(0, point));
  const auto kilo = parse_number<std::uint32_t>(text.substr(point + 1, decimals));
  text.remove_prefix(point + 1);
  if (!whole || !kilo || text.size() < decimals || *whole + *kilo == 0) return std::nullopt;
  text.remove_prefix(decimals);
  if (!skip_prefix(text, unit)) return std::nullopt;
  return frequency((static_cast<double>(*whole) * 1000 + *kilo) * 1000);
}

} // namespace detail

/// Returns: what the lines of `text`, as syslog(2) gives them, say. Lines of any other form are passed over, a last one
/// without newline too.
template <class> kernel_log parse_kernel_log(std::string_view text) {
  kernel_log found;
  for (std::string_view line; detail::next_line(text, line);) {
    std::string_view message = detail::kernel_message(line);
    if (detail::skip_prefix(message, "tsc: Detected ")) {
      const auto f = detail::skip_megahertz(message);
      if (f && message == " processor") found.processor = f;
      if (f && message == " TSC") found.tsc = f;
    } else if (detail::skip_prefix(message, "tsc: Refined TSC clocksource calibration: ")) {
      const auto f = detail::skip_megahertz(message);
      if (f && message.empty()) found.refined_tsc = f;
    } else if (detail::skip_prefix(message, "tsc: Marking TSC unstable due to ")) {
      if (detail::is_name(message)) found.unstable_tsc = message;
    } else if (detail::skip_prefix(message, "clocksource: Switched to clocksource ")) {
      if (detail::is_name(message)) found.clocksource = message;
    }
  }
  return found;
}

/// Returns: the kernel's last message in `text` that begins with `prefix` and is fit to be shown; empty if there is none.
template <class> std::string last_kernel_message(std::string_view text, std::string_view prefix) {
  std::string_view last;
  for (std::string_view line; detail::next_line(text, line);) {
    const std::string_view message = detail::kernel_message(line);
    if (message.substr(0, prefix.size()) == prefix && detail::is_name(message)) last = message;
  }
  return std::string(last);
}

/// Returns: what the kernel's log says; on error nothing.
/// Errors: EPERM where kernel.dmesg_restrict forbids this user to read it. Copies the whole log, up to some megabytes.
template <class Os> kernel_log read_kernel_log(std::error_code& ec) {
  std::string text;
  const int error = Os::kernel_log(text);
  ec = error != 0 ? detail::errno_code(error) : std::error_code();
  return error != 0 ? kernel_log() : parse_kernel_log(text);
}

#if TAKT_EXCEPTIONS
template <class Os> kernel_log read_kernel_log() {
  return detail::or_throw(
      [](std::error_code& ec) { return read_kernel_log<Os>(ec); },
      [](std::error_code ec) {
        return std::string(detail::not_permitted(ec) ? "the kernel's log: needs CAP_SYSLOG where kernel.dmesg_restrict is 1"
                                                     : "syslog(2), the kernel's log");
      });
}
#endif

} // namespace takt::inline TAKT_ABI
