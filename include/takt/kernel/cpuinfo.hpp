/// cpuinfo.hpp - what Linux says of the processors: their flags, and which are online.
///
/// The flags are those of x86: constant_tsc, nonstop_tsc, tsc_known_freq, tsc_reliable, arat, ... They are the kernel's
/// view and can differ from CPUID's, as the kernel adds and clears some. Arm and RISC-V have no such line.
///
/// Does not promise: that a missing flag is missing in the hardware; that all processors are listed: offline ones are
/// not.
/// Sources: Linux 6.12 arch/x86/kernel/cpu/proc.c show_cpuinfo; drivers/base/cpu.c (online).
#pragma once
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/text.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis
inline constexpr char cpuinfo_path[] = "/proc/cpuinfo";
inline constexpr char online_cpus_path[] = "/sys/devices/system/cpu/online";
/// 4096 processors of 2 KiB each need 8 MiB.
inline constexpr std::size_t cpuinfo_file_limit = std::size_t{64} << 20;
/// The kernel knows some 700 flags; more than this are taken for nonsense.
inline constexpr std::size_t cpu_flags_end = 4096;

struct cpuinfo {
  std::vector<std::string> flags; ///< of the first processor, in the kernel's order; empty where there is no such line
  std::vector<std::string> differing; ///< flags that some processors have and others have not, in alphabetical order

  /// Returns: whether the first processor has the flag; nothing where /proc/cpuinfo has no flags.
  [[nodiscard]] std::optional<bool> has(std::string_view flag) const noexcept;
  /// Returns: whether all processors agree on the flag.
  [[nodiscard]] bool agree_on(std::string_view flag) const noexcept;
};

template <class Os = linux_os> [[nodiscard]] cpuinfo read_cpuinfo(std::error_code& ec);
template <class Os = linux_os> [[nodiscard]] std::vector<unsigned> online_cpus(std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] cpuinfo read_cpuinfo();
template <class Os = linux_os> [[nodiscard]] std::vector<unsigned> online_cpus();
#endif

namespace detail {
struct seen_flag;
}
// Seen is for compile time alone: see when_called.
template <class Seen = detail::seen_flag> [[nodiscard]] cpuinfo parse_cpuinfo(std::string_view text, std::error_code& ec);
template <class = when_called>
[[nodiscard]] std::vector<unsigned> parse_online_cpus(std::string_view text, std::error_code& ec);

// definitions
namespace detail {

/// The flags of all processors in alphabetical order.
struct seen_flag {
  std::string_view flag;
  unsigned last = 0;      ///< the last processor that had it
  bool differing = false; ///< not all had it
};

/// Returns: where `flag` is in `all`, or has to be.
template <class Flags>
[[nodiscard]] std::size_t place_of(std::string_view flag, const Flags& all) noexcept {
  std::size_t begin = 0, end = all.size();
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (all[middle].flag < flag) begin = middle + 1;
    else end = middle;
  }
  return begin;
}

} // namespace detail

inline std::optional<bool> cpuinfo::has(std::string_view flag) const noexcept {
  if (flags.empty()) return std::nullopt;
  return detail::contains(flags, flag);
}

inline bool cpuinfo::agree_on(std::string_view flag) const noexcept { return !detail::contains(differing, flag); }

/// Returns: the flags in the text of /proc/cpuinfo; none where there is no such line, and on malformed_text.
template <class Seen> cpuinfo parse_cpuinfo(std::string_view text, std::error_code& ec) {
  ec.clear();
  cpuinfo found;
  std::vector<Seen> all;
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
    else if (rest == first_line) continue; // the rule, and what keeps this fast
    for (auto flag = detail::next_word(rest); sound && !flag.empty(); flag = detail::next_word(rest)) {
      const std::size_t place = detail::place_of(flag, all);
      if (place == all.size() || all[place].flag != flag) {
        if (processors == 1) found.flags.emplace_back(flag);
        all.insert(all.begin() + static_cast<std::ptrdiff_t>(place), {flag, 0, processors > 1});
        sound = all.size() < cpu_flags_end;
      }
      all[place].last = processors;
    }
    if (processors == 1) continue;
    for (Seen& s : all) {
      if (s.last != processors) s.differing = true;
    }
  }
  // x86 ends each processor with an empty line: without one after the last, the text was cut.
  if (!sound || !text.empty() || (processors > 0 && in_processor)) {
    ec = errc::malformed_text;
    return {};
  }
  for (const Seen& s : all) {
    if (s.differing) found.differing.emplace_back(s.flag);
  }
  return found;
}

template <class> std::vector<unsigned> parse_online_cpus(std::string_view text, std::error_code& ec) {
  return detail::parse_cpu_list(text, ec);
}

/// Returns: what /proc/cpuinfo says; on error no flags.
/// Errors: those of reading the file; malformed_text. The kernel prints some 1.5 KiB a processor, and some versions
/// first measure the frequency of each, for 20 ms.
template <class Os> cpuinfo read_cpuinfo(std::error_code& ec) {
  const std::string text = detail::read_text<Os>(cpuinfo_path, cpuinfo_file_limit, ec);
  return ec ? cpuinfo() : parse_cpuinfo(text, ec);
}

/// Returns: the CPUs that are online, ascending; on error none.
/// Errors: those of reading the file; malformed_text. Reads one file of sysfs.
template <class Os> std::vector<unsigned> online_cpus(std::error_code& ec) {
  const std::string text = detail::read_text<Os>(online_cpus_path, detail::sysfs_file_limit, ec);
  return ec ? std::vector<unsigned>() : parse_online_cpus(text, ec);
}

#if TAKT_EXCEPTIONS
template <class Os> cpuinfo read_cpuinfo() {
  return detail::or_throw([](std::error_code& ec) { return read_cpuinfo<Os>(ec); },
                          [](std::error_code ec) { return detail::file_hint(cpuinfo_path, ec); });
}

template <class Os> std::vector<unsigned> online_cpus() {
  return detail::or_throw([](std::error_code& ec) { return online_cpus<Os>(ec); },
                          [](std::error_code ec) { return detail::file_hint(online_cpus_path, ec); });
}
#endif

} // namespace takt::inline TAKT_ABI
