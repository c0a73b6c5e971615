/// uevent.hpp - whether a message of the kernel about its devices states that this machine has a new generation id.
///
/// In some kernels the driver of the generation id (vmgenid) sends such a message after the hypervisor loaded the
/// machine from a snapshot or a clone: the kernel's driver core broadcasts "change@", the path of the device and
/// variables, each ended by a zero byte, one of them NEW_VMGENID=1.
///
/// Does not promise: that the running kernel sends it. Debian's 6.1 and 6.12 do not.
/// Sources: Linux drivers/virt/vmgenid.c in the kernels that send it; 6.12 lib/kobject_uevent.c (kobject_uevent_env);
/// netlink(7).
#pragma once
#include <takt/core/config.hpp>

#include <cstddef>
#include <string_view>

namespace takt::inline TAKT_ABI::detail {

/// The kernel's own messages have at most this many bytes: 2048 of variables, and the path.
inline constexpr std::size_t uevent_limit = 8192;

/// Returns: whether `message` states a new generation id. Defined for all bytes.
template <class = for_callers> [[nodiscard]] constexpr bool is_new_generation_id(std::string_view message) noexcept {
  constexpr std::string_view action = "change@", variable = "NEW_VMGENID=";
  if (message.substr(0, action.size()) != action) return false;
  for (;;) {
    const std::size_t end = message.find('\0');
    if (end == std::string_view::npos) return false; // what no zero byte ends was cut off
    if (message.substr(0, variable.size()) == variable) return message.substr(0, end) == "NEW_VMGENID=1";
    message.remove_prefix(end + 1);
  }
}

} // namespace takt::inline TAKT_ABI::detail
