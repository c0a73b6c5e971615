/// cpuinfo.hpp - what Linux says about the processors: their flags, and which processors are online.
///
/// The flags are those of x86: constant_tsc, nonstop_tsc, tsc_known_freq, tsc_reliable, arat, ... They are the kernel's
/// view and can differ from CPUID, because the kernel adds and clears some. Arm and RISC-V have no line of flags.
///
/// Does not promise: that a missing flag is missing in the hardware; that all processors are listed: offline ones are
/// not.
/// Sources: Linux 6.12 arch/x86/kernel/cpu/proc.c show_cpuinfo; drivers/base/cpu.c (online). tsc_freq_khz is no part of
/// Linux: the module of github.com/trailofbits/tsc_freq_khz and the kernels of some vendors have it.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/detail/text.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis
/// The flags of the processors.
struct cpuinfo {
  std::vector<std::string> flags; ///< the first processor's flags in the kernel's order; empty if there is no such line
  std::vector<std::string> differing; ///< the flags that some processors have and others lack, in alphabetical order

  /// Returns: whether the first processor has the flag; nullopt if /proc/cpuinfo has no flags.
  [[nodiscard]] std::optional<bool> has(std::string_view flag) const noexcept;
  /// Returns: whether all processors agree on the flag; nullopt if /proc/cpuinfo has no flags.
  [[nodiscard]] std::optional<bool> agree_on(std::string_view flag) const noexcept;

  template <class Os = linux_os> [[nodiscard]] static cpuinfo read(std::error_code& ec);
#if TAKT_EXCEPTIONS
  template <class Os = linux_os> [[nodiscard]] static cpuinfo read();
#endif
  /// Returns: the flags in the text of /proc/cpuinfo. There are none if the text has no line of flags, and on
  /// malformed_text. Errors: malformed_text for an empty or cut text.
  template <std::convertible_to<std::string_view> Text>
  [[nodiscard]] static cpuinfo parse(const Text& text, std::error_code& ec);
};

template <class Os = linux_os> [[nodiscard]] std::vector<unsigned> online_cpus(std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] std::vector<unsigned> online_cpus();
#endif

// definitions
namespace detail {

/// The file that describes each processor.
inline constexpr char cpuinfo_path[] = "/proc/cpuinfo";
/// The largest /proc/cpuinfo that takt reads, 64 MiB. 4096 processors of 2 KiB each need 8 MiB.
inline constexpr std::size_t cpuinfo_file_limit = std::size_t{64} << 20;
/// The file of sysfs that lists the CPUs that are online.
inline constexpr char online_cpus_path[] = "/sys/devices/system/cpu/online";
/// The file in which a module offers the rate of the TSC.
inline constexpr char tsc_freq_khz_path[] = "/sys/devices/system/cpu/cpu0/tsc_freq_khz";
/// A text with this many different flags or more counts as malformed. The kernel knows some 700.
inline constexpr std::size_t cpu_flags_end = 4096;

/// A flag, and which processors had it.
struct seen_flag {
  std::string_view flag;  ///< its name
  unsigned last = 0;      ///< the last processor that had it, counted from 1
  bool differing = false; ///< whether some processor lacked it
};

/// Returns: the index of `flag` in `all`, which is in alphabetical order, or the index at which to insert it.
template <class Flags> [[nodiscard]] std::size_t place_of(std::string_view flag, const Flags& all) noexcept {
  std::size_t begin = 0, end = all.size();
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (all[middle].flag < flag) begin = middle + 1;
    else end = middle;
  }
  return begin;
}

/// Returns: the CPUs in the text of the list, ascending; on malformed_text an empty list.
template <class T = for_callers>
[[nodiscard]] std::vector<dependent<T, unsigned>> parse_online_cpus(std::string_view text, std::error_code& ec) {
  return parse_cpu_list<T>(text, ec);
}

/// Returns: the rate in the text of tsc_freq_khz, a number of kHz; on malformed_text 0 Hz.
template <class T = for_callers>
[[nodiscard]] frequency parse_tsc_freq_khz(std::string_view text, std::error_code& ec) noexcept {
  constexpr std::uint64_t end = 1'000'000'000; // no counter has a terahertz
  ec.clear();
  std::string_view line;
  static_cast<void>(only_line(text, line));
  const auto kilohertz = parse_number_to<T>(end, trimmed(line));
  if (kilohertz && *kilohertz != 0) return frequency(static_cast<double>(*kilohertz) * 1e3);
  ec = errc::malformed_text;
  return {};
}

/// Returns: the rate by which Linux keeps time with the TSC, in whole kHz; on error 0 Hz.
/// Errors: those of reading the file, ENOENT on almost every machine; malformed_text. Reads one file of sysfs.
template <class Os = linux_os> [[nodiscard]] frequency tsc_freq_khz(std::error_code& ec) {
  const std::string text = read_text<Os>(tsc_freq_khz_path, sysfs_file_limit, ec);
  return ec ? frequency() : parse_tsc_freq_khz(text, ec);
}

} // namespace detail

inline std::optional<bool> cpuinfo::has(std::string_view flag) const noexcept {
  if (flags.empty()) return std::nullopt;
  return detail::contains(flags, flag);
}

inline std::optional<bool> cpuinfo::agree_on(std::string_view flag) const noexcept {
  if (flags.empty()) return std::nullopt;
  return !detail::contains(differing, flag);
}

namespace detail {

/// The body of cpuinfo::parse().
template <class T> cpuinfo cpuinfo_of(std::string_view text, std::error_code& ec) {
  ec.clear();
  dependent<T, cpuinfo> found;
  std::vector<dependent<T, seen_flag>> all;
  std::string_view first_line;
  unsigned processors = 0; // those with a line of flags
  bool in_processor = false;
  bool sound = !text.empty();
  for (std::string_view line; sound && detail::next_line(text, line);) {
    in_processor = !line.empty();
    const std::size_t colon = line.find(':');
    if (detail::trimmed(line.substr(0, colon)) != "flags" || colon == std::string_view::npos) continue;
    std::string_view rest = line.substr(colon + 1);
    ++processors;
    sound = processors <= detail::cpu_number_end;
    if (processors == 1) first_line = rest;
    else if (rest == first_line) continue; // the usual case; to skip it keeps the parser fast
    for (auto flag = detail::next_word(rest); sound && !flag.empty(); flag = detail::next_word(rest)) {
      const std::size_t place = detail::place_of(flag, all);
      if (place == all.size() || all[place].flag != flag) {
        if (processors == 1) found.flags.emplace_back(flag);
        all.insert(all.begin() + static_cast<std::ptrdiff_t>(place), {flag, 0, processors > 1});
        sound = all.size() < detail::cpu_flags_end;
      }
      all[place].last = processors;
    }
    if (processors == 1) continue;
    for (detail::seen_flag& s : all) {
      if (s.last != processors) s.differing = true;
    }
  }
  // x86 ends each processor with an empty line: without one after the last, the text was cut.
  if (!sound || !text.empty() || (processors > 0 && in_processor)) {
    ec = errc::malformed_text;
    return {};
  }
  for (const detail::seen_flag& s : all) {
    if (s.differing) found.differing.emplace_back(s.flag);
  }
  return found;
}

} // namespace detail

template <std::convertible_to<std::string_view> Text>
cpuinfo cpuinfo::parse(const Text& text, std::error_code& ec) {
  return detail::cpuinfo_of<detail::for_callers>(text, ec);
}

/// Returns: what /proc/cpuinfo says; on error no flags.
/// Errors: those of reading the file; malformed_text. Reads one file of /proc: the kernel prints some 1.5 KiB for each
/// processor. Some versions first measure the frequency of each processor, which takes 20 ms for each.
template <class Os> cpuinfo cpuinfo::read(std::error_code& ec) {
  const std::string text = detail::read_text<Os>(detail::cpuinfo_path, detail::cpuinfo_file_limit, ec);
  return ec ? detail::dependent<Os, cpuinfo>() : parse(text, ec);
}

/// Returns: the CPUs that are online, ascending; on error an empty list.
/// Errors: those of reading the file; malformed_text. Reads one file of sysfs.
template <class Os> std::vector<unsigned> online_cpus(std::error_code& ec) {
  const std::string text = detail::read_text<Os>(detail::online_cpus_path, detail::sysfs_file_limit, ec);
  return ec ? std::vector<detail::dependent<Os, unsigned>>() : detail::parse_online_cpus(text, ec);
}

#if TAKT_EXCEPTIONS
template <class Os> cpuinfo cpuinfo::read() {
  return detail::or_throw([](std::error_code& ec) { return cpuinfo::read<Os>(ec); },
                          [](std::error_code ec) { return detail::file_hint(detail::cpuinfo_path, ec); });
}

template <class Os> std::vector<unsigned> online_cpus() {
  return detail::or_throw([](std::error_code& ec) { return online_cpus<Os>(ec); },
                          [](std::error_code ec) { return detail::file_hint(detail::online_cpus_path, ec); });
}
#endif

} // namespace takt::inline TAKT_ABI
