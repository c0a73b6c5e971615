/// dmi.hpp - what the firmware's tables say about the speed of the processors.
///
/// Type 4 of SMBIOS, "Processor Information", has the external clock, the highest speed that the socket supports, and
/// the speed at which the processor was started. Each is in whole MHz, and each is often missing.
///
/// Does not promise: that a speed is the rate of anything. Firmware rounds it, some firmware writes the turbo speed,
/// and the firmware of virtual machines writes a fixed number (QEMU: 2000 MHz). A speed only bounds what a counter's
/// rate can plausibly be, like CPUID leaf 0x16.
/// Sources: DMTF DSP0134 (SMBIOS 3.7), 6.1.2 structure header, 6.1.3 strings, 7.5 Processor Information (Type 4), End
/// of Table (Type 127); Linux 6.12 drivers/firmware/dmi_scan.c dmi_decode_table,
/// Documentation/ABI/testing/sysfs-firmware-dmi-tables.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>
#include <takt/kernel/detail/text.hpp>
#include <takt/kernel/os.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI::detail {

// synopsis
/// One socket with a processor in it. A number that the firmware left at 0 is unknown.
struct dmi_processor {
  std::optional<frequency> external_clock; ///< the frequency of the bus
  std::optional<frequency> max_speed;      ///< the highest speed of a processor that the socket supports
  std::optional<frequency> current_speed;  ///< the speed at which the processor was started
  friend bool operator==(const dmi_processor&, const dmi_processor&) = default;
};

template <class Os = linux_os> [[nodiscard]] std::vector<dmi_processor> read_dmi_processors(std::error_code& ec);

// definitions

/// The file of sysfs that holds the tables.
inline constexpr char dmi_table_path[] = "/sys/firmware/dmi/tables/DMI";
/// The largest tables that takt reads, 4 MiB. Tables of large servers have some 100 KiB.
inline constexpr std::size_t dmi_table_limit = std::size_t{4} << 20;

/// Returns: the processors in a table of SMBIOS structures, without empty sockets; on malformed_text an empty list.
/// Structures after the end marker are not read. A table without the marker must end where a structure ends.
template <class T = for_callers>
[[nodiscard]] std::vector<dmi_processor> parse_dmi_processors(std::string_view table, std::error_code& ec) {
  constexpr std::size_t header = 4; // type, length of the fields, handle
  constexpr unsigned processor = 4, end_of_table = 127;
  ec.clear();
  std::vector<dependent<T, dmi_processor>> found;
  const auto malformed = [&ec] {
    ec = errc::malformed_text;
    return std::vector<dependent<T, dmi_processor>>();
  };
  if (table.empty()) return malformed();
  while (!table.empty()) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(table[i])); };
    if (table.size() < header) return malformed();
    const unsigned type = byte(0);
    const std::size_t length = byte(1);
    if (length < header || length > table.size()) return malformed();
    const auto megahertz = [&](std::size_t offset) -> std::optional<frequency> {
      if (offset + 2 > length) return std::nullopt; // the fields of an older version of the standard
      const unsigned value = byte(offset) | byte(offset + 1) << 8;
      return value != 0 ? std::optional(frequency(value * 1e6)) : std::nullopt;
    };
    constexpr std::size_t status = 0x18; // bit 6: there is a processor in the socket
    if (type == processor && (length <= status || (byte(status) & 1 << 6) != 0))
      found.push_back({megahertz(0x12), megahertz(0x14), megahertz(0x16)});
    // After the fields come the strings, each with its NUL, and then one more NUL. Without strings there are two NULs.
    std::size_t end = length;
    while (end + 1 < table.size() && (table[end] != '\0' || table[end + 1] != '\0')) ++end;
    if (end + 1 >= table.size()) return malformed();
    if (type == end_of_table) break;
    table.remove_prefix(end + 2);
  }
  return found;
}

/// Returns: what the firmware says about each processor; on error an empty list.
/// Errors: those of reading the file: EACCES for all but root, ENOENT if the firmware has no such tables (most boards
/// with a device tree); malformed_text. Reads one file of sysfs.
template <class Os> std::vector<dmi_processor> read_dmi_processors(std::error_code& ec) {
  const std::string table = read_text<Os>(dmi_table_path, dmi_table_limit, ec);
  return ec ? std::vector<dependent<Os, dmi_processor>>() : parse_dmi_processors(table, ec);
}

} // namespace takt::inline TAKT_ABI::detail
