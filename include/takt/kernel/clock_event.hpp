/// clock_event.hpp - the devices that wake the CPUs when a timer is due.
///
/// Each CPU has its own device. The broadcast device wakes CPUs whose own device stops in a deep idle state;
/// cpu/features.hpp reports whether it stops (arat).
///
/// Does not promise: a list of one instant. A CPU that goes offline while the list is read is left out.
/// Sources: Linux 6.12 kernel/time/clockevents.c current_device_show, clockevents_init_sysfs.
#pragma once
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/detail/text.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI::clock_event {

// synopsis
/// A clock event device in use.
struct device {
  std::optional<unsigned> cpu; ///< the number of the CPU that it wakes; nullopt for the broadcast device
  std::string name;            ///< the kernel's name for it: "lapic-deadline", "hpet", "arch_sys_timer"
  friend bool operator==(const device&, const device&) = default;
};

template <class Os = linux_os> [[nodiscard]] std::vector<device> devices(std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] std::vector<device> devices();
#endif

} // namespace takt::inline TAKT_ABI::clock_event

namespace takt::inline TAKT_ABI::detail {

// definitions

/// The directory of sysfs that names the clock event devices.
inline constexpr char clock_event_directory[] = "/sys/devices/system/clockevents";

/// Returns: the name in the text of a current_device. It is empty if the CPU has no device at the moment, and on
/// malformed_text.
template <class = for_callers>
[[nodiscard]] std::string parse_current_device(std::string_view text, std::error_code& ec) {
  ec.clear();
  if (text.empty()) return {};
  std::string_view name;
  static_cast<void>(only_line(text, name));
  name = trimmed(name);
  if (is_name(name)) return std::string(name);
  ec = errc::malformed_text;
  return {};
}

} // namespace takt::inline TAKT_ABI::detail

namespace takt::inline TAKT_ABI::clock_event {

/// Returns: the device of each CPU in ascending order, then the broadcast device if there is one; on error an empty
/// list. A CPU without a device is left out, for example one that is offline.
/// Errors: those of reading the directory and the files; malformed_text. Reads one small file for each CPU.
template <class Os> std::vector<device> devices(std::error_code& ec) {
  ec.clear();
  std::vector<detail::dependent<Os, std::string>> entries;
  if (const int error = Os::list_directory(detail::clock_event_directory, entries); error != 0) {
    ec = detail::errno_code(error);
    return {};
  }
  // A directory is listed in no order. So the CPUs are marked first and then read in ascending order, and the broadcast
  // device last.
  std::string present; // one character for each CPU number: '+' if it is in the directory
  bool broadcast = false;
  for (const detail::dependent<Os, std::string>& entry : entries) { // among them power/ and uevent
    constexpr std::string_view prefix = "clockevent";
    broadcast = broadcast || entry == "broadcast";
    if (entry.compare(0, prefix.size(), prefix) != 0) continue;
    using number = detail::dependent<Os, unsigned>;
    const auto cpu = detail::parse_number<number>(std::string_view(entry).substr(prefix.size()));
    if (!cpu || *cpu >= detail::cpu_number_end) continue;
    if (*cpu >= present.size()) present.resize(*cpu + 1, '-');
    present[*cpu] = '+';
  }
  std::vector<detail::dependent<Os, device>> all;
  for (std::size_t cpu = 0; cpu <= present.size(); ++cpu) {
    const bool last = cpu == present.size();
    if (last ? !broadcast : present[cpu] == '-') continue;
    const detail::dependent<Os, std::string> entry = last ? "broadcast" : "clockevent" + std::to_string(cpu);
    const auto path = std::string(detail::clock_event_directory) + "/" + entry + "/current_device";
    const auto text = detail::read_text<Os>(path, detail::sysfs_file_limit, ec);
    using errc = detail::dependent<Os, std::errc>;
    if (ec == errc::no_such_file_or_directory) continue; // gone since the directory was read
    detail::dependent<Os, std::string> name = ec ? std::string() : detail::parse_current_device(text, ec);
    if (ec) return {};
    if (name.empty()) continue;
    all.push_back({std::nullopt, std::move(name)});
    if (!last) all.back().cpu = static_cast<unsigned>(cpu);
  }
  ec.clear();
  return all;
}

#if TAKT_EXCEPTIONS
template <class Os> std::vector<device> devices() {
  return detail::or_throw([](std::error_code& ec) { return devices<Os>(ec); },
                          [](std::error_code ec) { return detail::file_hint(detail::clock_event_directory, ec); });
}
#endif

} // namespace takt::inline TAKT_ABI::clock_event
