/// clock_event.hpp - the devices that wake the CPUs when a timer is due.
///
/// Each CPU has one; the broadcast device wakes CPUs whose own device stops in a deep idle state. Whether that matters
/// is for cpu/features.hpp to say (ARAT).
///
/// Does not promise: a list of one instant; a CPU may go offline while it is read, and is then left out.
/// Sources: Linux 6.12 kernel/time/clockevents.c current_device_show, clockevents_init_sysfs.
#pragma once
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/text.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI::clock_event {

// synopsis
inline constexpr char directory[] = "/sys/devices/system/clockevents";

struct device {
  std::optional<unsigned> cpu; ///< the CPU it wakes; empty: the broadcast device
  std::string name;            ///< "lapic-deadline", "hpet", "arch_sys_timer"
  friend bool operator==(const device&, const device&) = default;
};

// Device is for compile time alone: see when_called.
template <class Os = linux_os, class Device = device> [[nodiscard]] std::vector<Device> devices(std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Os = linux_os, class Device = device> [[nodiscard]] std::vector<Device> devices();
#endif

/// Returns: the name in the text of a current_device; empty where the CPU has none at the moment, and on
/// malformed_text.
template <class = when_called>
[[nodiscard]] std::string parse_current_device(std::string_view text, std::error_code& ec);

// definitions

template <class> std::string parse_current_device(std::string_view text, std::error_code& ec) {
  ec.clear();
  if (text.empty()) return {};
  std::string_view name;
  static_cast<void>(detail::only_line(text, name));
  name = detail::trimmed(name);
  if (detail::is_name(name)) return std::string(name);
  ec = errc::malformed_text;
  return {};
}

/// Returns: the device of each CPU in ascending order, then the broadcast device if there is one; on error none. A CPU
/// without a device, as one that is offline, is left out.
/// Errors: those of reading the directory and the files; malformed_text. Reads one small file a CPU.
template <class Os, class Device> std::vector<Device> devices(std::error_code& ec) {
  static_assert(std::is_same_v<Device, device>);
  ec.clear();
  std::vector<std::string> entries;
  if (const int error = Os::list_directory(directory, entries); error != 0) {
    ec = detail::errno_code(error);
    return {};
  }
  std::vector<Device> all;
  for (const std::string& entry : entries) {
    constexpr std::string_view prefix = "clockevent";
    std::optional<unsigned> cpu;
    if (entry.compare(0, prefix.size(), prefix) == 0) {
      cpu = detail::parse_number<unsigned>(std::string_view(entry).substr(prefix.size()));
    }
    if (!cpu && entry != "broadcast") continue; // the directory holds power/ and uevent too
    const std::string path = std::string(directory) + "/" + entry + "/current_device";
    const std::string text = detail::read_text<Os>(path, detail::sysfs_file_limit, ec);
    if (ec == std::errc::no_such_file_or_directory) continue; // gone since the directory was read
    std::string name = ec ? std::string() : parse_current_device(text, ec);
    if (ec) return {};
    if (name.empty()) continue;
    // A directory is listed in no order, but hardly ever backwards.
    const auto before = [](const device& a, const device& b) { return a.cpu && (!b.cpu || *a.cpu < *b.cpu); };
    all.push_back({cpu, std::move(name)});
    for (std::size_t i = all.size() - 1; i > 0 && before(all[i], all[i - 1]); --i) std::swap(all[i], all[i - 1]);
  }
  ec.clear();
  return all;
}

#if TAKT_EXCEPTIONS
template <class Os, class Device> std::vector<Device> devices() {
  return detail::or_throw([](std::error_code& ec) { return devices<Os, Device>(ec); },
                          [](std::error_code ec) { return detail::file_hint(directory, ec); });
}
#endif

} // namespace takt::inline TAKT_ABI::clock_event
