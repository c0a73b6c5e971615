/// kernel_log.hpp - what the kernel's log says about the time stamp counter and about clock sources.
///
/// The log is a ring buffer: on a machine that has been up for long, the lines of its start are gone. So a line that is
/// missing means "unknown". It means "no" only if the log reaches back to the start (`reaches_boot`).
/// takt reads the log of the running kernel, or the text of a saved log. The first line that has a known form decides
/// the form of the log; detail/log_line.hpp lists the forms. If the form carries the facility of each line, only lines
/// with the kernel's facility count: a process that writes to /dev/kmsg gets another facility, and so cannot pretend to
/// be the kernel. Other forms do not say which program wrote a line, so their content is hearsay (`hearsay`).
/// If a log contains several starts of the system, only the lines since the last start count.
/// Sources: syslog(2), printk(9); Linux 3.10, 4.4, 4.19, 6.12 and 7.1 arch/x86/kernel/tsc.c
/// (tsc_refine_calibration_work, determine_cpu_tsc_frequencies, mark_tsc_unstable), kernel/time/clocksource.c.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>
#include <takt/kernel/detail/log_line.hpp>
#include <takt/kernel/detail/text.hpp>
#include <takt/kernel/os.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis

/// The last line of each kind since the last start. Frequencies are those that the kernel printed, in whole kHz.
struct kernel_log {
  std::optional<frequency> processor;   ///< from the line "tsc: Detected 2596.143 MHz processor"
  std::optional<frequency> tsc;         ///< from "tsc: Detected 2596.143 MHz TSC", if it differs from the processor's
  std::optional<frequency> refined_tsc; ///< from the line "tsc: Refined TSC clocksource calibration: 2596.143 MHz"
  /// The reason in "tsc: Marking TSC unstable due to clocksource watchdog". It is empty if there is no such line;
  /// found_unstable() tells whether that means "no".
  std::string unstable_tsc;
  std::string clocksource;   ///< the name in "clocksource: Switched to clocksource tsc"; empty if unknown
  bool reaches_boot = false; ///< whether the first message of the last start is there, and no gap is known
  bool hearsay = true;       ///< whether the form of the log fails to say which program wrote a line

  /// Returns: the best rate of the counter in the log: the refined one, or else the detected one.
  [[nodiscard]] std::optional<frequency> tsc_frequency() const noexcept {
    return refined_tsc ? refined_tsc : tsc ? tsc : processor;
  }
  /// Returns: whether the kernel found the TSC unstable; nullopt if the log does not reach back far enough to tell.
  [[nodiscard]] std::optional<bool> found_unstable() const noexcept {
    if (!unstable_tsc.empty()) return true;
    if (reaches_boot) return false;
    return {};
  }

  template <class Os = linux_os> [[nodiscard]] static kernel_log read(std::error_code& ec);
#if TAKT_EXCEPTIONS
  template <class Os = linux_os> [[nodiscard]] static kernel_log read();
#endif
  /// Returns: what the lines of `text` say, which is a log in one of the forms of detail/log_line.hpp. Lines of a form
  /// other than the first one's are skipped. A last line without a newline was cut and is skipped too.
  /// Errors: malformed_text if no line has a known form, as in an empty text.
  template <std::convertible_to<std::string_view> Text>
  [[nodiscard]] static kernel_log parse(const Text& text, std::error_code& ec);
};

// definitions
namespace detail {

/// Removes `prefix` from the front of `text`, if it is there. Returns: whether it was there.
template <class = for_callers>
constexpr bool skip_prefix(std::string_view& text, std::string_view prefix) noexcept {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// Removes a text such as "2596.143 MHz", always with three decimals, from the front of `text`.
/// Returns: the frequency; nullopt for any other form and for zero.
template <class = for_callers>
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

/// Returns: the clock source to which the kernel switched, as the message says; empty for another message.
template <class = for_callers>
constexpr std::string_view switched_to(std::string_view message) noexcept {
  skip_prefix(message, "clocksource: ");                                     // since Linux 4.2
  const bool switched = skip_prefix(message, "Switching to clocksource ") || // until Linux 3.10
                        skip_prefix(message, "Switched to clocksource ");
  return switched && is_name(message) ? message : std::string_view();
}

/// Returns: whether a clock source is the TSC; Linux 4.16 and later call it "tsc-early" until they know its rate.
template <class = for_callers>
constexpr bool is_tsc(std::string_view name) noexcept { return name == "tsc" || name == "tsc-early"; }

/// Returns: the reason why the TSC is unstable, as the message says; empty for another message.
template <class = for_callers> std::string_view found_unstable(std::string_view message) noexcept {
  constexpr std::string_view watchdog = "clocksource watchdog";
  if (std::string_view m = message; skip_prefix(m, "tsc: "), skip_prefix(m, "Marking TSC unstable due to ")) {
    if (!m.empty() && m.back() == '.') m.remove_suffix(1);
    return is_name(m) ? m : std::string_view();
  }
  std::string_view m = message;
  skip_prefix(m, "clocksource: ");
  // Linux 2.6.32 to 4.0: "Clocksource tsc unstable (delta = -112988173 ns)"
  if (skip_prefix(m, "Clocksource ")) return is_tsc(next_word(m)) && skip_prefix(m, " unstable (delta") ? watchdog : "";
  // Linux 7.1 and later: "Marking clocksource tsc unstable due to frequency skew"
  if (skip_prefix(m, "Marking clocksource "))
    return is_tsc(next_word(m)) && skip_prefix(m, " unstable due to ") && is_name(m) ? m : std::string_view();
  // Linux 4.0 to 7.0: "timekeeping watchdog on CPU3: Marking clocksource 'tsc' as unstable because the skew is too
  // large:", without the CPU until 4.10, with a comma in 4.0
  if (!skip_prefix(m, "timekeeping watchdog")) return {};
  if (skip_prefix(m, " on CPU")) {
    while (!m.empty() && is_digit(m.front())) m.remove_prefix(1);
  }
  if (!skip_prefix(m, ": Marking clocksource '")) return {};
  const std::size_t quote = m.find('\'');
  if (quote == std::string_view::npos || !is_tsc(m.substr(0, quote))) return {};
  return m.substr(quote).find("' as unstable") == 0 ? watchdog : std::string_view();
}

/// Effects: adds what one message of the kernel says to `found`, or starts it again at the first message of a start.
template <class = for_callers> void add_message(kernel_log& found, std::string_view message) {
  if (skip_prefix(message, "Linux version ")) { // the first message of a start, on Arm the second
    found = kernel_log();
    found.reaches_boot = true;
  } else if (const std::string_view source = switched_to(message); !source.empty()) {
    found.clocksource = source;
  } else if (const std::string_view why = found_unstable(message); !why.empty()) {
    found.unstable_tsc = why;
  } else {
    skip_prefix(message, "tsc: "); // since Linux 3.5, as is the end without a full stop
    if (!message.empty() && message.back() == '.') message.remove_suffix(1);
    if (skip_prefix(message, "Detected ")) {
      const auto f = skip_megahertz(message);
      if (f && message == " processor") found.processor = f;
      if (f && message == " TSC") found.tsc = f;
    } else if (skip_prefix(message, "Refined TSC clocksource calibration: ")) {
      const auto f = skip_megahertz(message);
      if (f && message.empty()) found.refined_tsc = f;
    }
  }
}

/// Returns: the kernel's last message in `text` that says to which clock source it switched; empty if there is none.
template <class T = for_callers> [[nodiscard]] std::string last_clocksource_switch(std::string_view text) {
  std::string last;
  basic_log_reader<T> reader(text);
  for (log_message m; reader.next(m);) {
    if (!switched_to(m.text).empty()) last = m.text;
  }
  return last;
}

/// The body of kernel_log::parse().
template <class T> kernel_log kernel_log_of(std::string_view text, std::error_code& ec) {
  ec.clear();
  dependent<T, kernel_log> found;
  basic_log_reader<T> reader(text);
  for (detail::log_message m; reader.next(m);) detail::add_message(found, m.text);
  if (!reader.recognised()) {
    ec = errc::malformed_text;
    return {};
  }
  found.hearsay = !reader.carries_facility();
  if (reader.lost_lines()) found.reaches_boot = false;
  return found;
}

} // namespace detail

template <std::convertible_to<std::string_view> Text>
kernel_log kernel_log::parse(const Text& text, std::error_code& ec) {
  return detail::kernel_log_of<detail::for_callers>(text, ec);
}

/// Returns: what the running kernel's log says; on error, and for a log that was emptied (dmesg -C), nothing is known.
/// Errors: EPERM if kernel.dmesg_restrict forbids this user to read the log; malformed_text. Copies the whole log, up
/// to some megabytes.
template <class Os> kernel_log kernel_log::read(std::error_code& ec) {
  std::string text;
  const int error = Os::kernel_log(text);
  ec = error != 0 ? detail::errno_code(error) : std::error_code();
  detail::dependent<Os, kernel_log> found;
  found.hearsay = error != 0;
  return error == 0 && !text.empty() ? parse(text, ec) : found;
}

#if TAKT_EXCEPTIONS
template <class Os> kernel_log kernel_log::read() {
  return detail::or_throw([](std::error_code& ec) { return kernel_log::read<Os>(ec); },
                          [](std::error_code ec) {
                            return std::string("the kernel's log by syslog(2)") +
                                   (detail::not_permitted(ec) ? ": needs CAP_SYSLOG where kernel.dmesg_restrict is 1"
                                                              : "");
                          });
}
#endif

} // namespace takt::inline TAKT_ABI
