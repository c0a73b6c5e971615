/// anchor_finding.hpp - why the anchor that another process published is usable, or why not.
///
/// Does not promise: that an anchor that was usable once stays so; each load() checks it again.
#pragma once
#include <takt/core/config.hpp>
#include <cstdint>
#include <string_view>

namespace takt::inline TAKT_ABI {

// synopsis

namespace detail { // in the reference: anchor_finding as basic_shared_calibration::finding

/// Why an anchor is usable, or why not. Users know it as shared_calibration::finding.
enum class anchor_finding : std::uint8_t {
  usable,
  no_place,            ///< there is no directory for anchors: XDG_RUNTIME_DIR is not set
  relative_place,      ///< XDG_RUNTIME_DIR is not an absolute path, as its specification demands
  no_file,
  unreadable,
  symbolic_link,
  not_a_file,          ///< a FIFO, a directory, a device
  foreign_owner,       ///< the owner is neither this user nor root
  writable_by_others,
  wrong_size,          ///< empty, or larger than an anchor can be
  other_version,
  bad_checksum,        ///< truncated or changed
  malformed,
  boot_unknown,        ///< the boot id of the running kernel cannot be read
  other_boot,
  counter_forbidden,   ///< this thread may not read the counter
  other_clocksource,   ///< the kernel has changed its clock source since, or does not offer the counter any more
  clocks_failed,       ///< counter or clocks stood still or went back while they were read
  counter_went_back,
  from_the_future,     ///< a clock shows less than the anchor says
  suspended,           ///< the machine was suspended since, or this is another time namespace
  implausible_rate,    ///< the mean rate since the anchor is not the measured one: a clock has jumped
  steering_unknown,    ///< the kernel's rate of MONOTONIC is unavailable, or changes from second to second
  too_uncertain,       ///< the measured rate is too uncertain, or the anchor too young to improve it
};

} // namespace detail

/// Returns: the finding in words, to be written after the path of the anchor.
[[nodiscard]] constexpr std::string_view explain(detail::anchor_finding f) noexcept;

// definitions

constexpr std::string_view explain(detail::anchor_finding f) noexcept {
  using enum detail::anchor_finding;
  switch (f) {
  case usable: return "usable";
  case no_place: return "no directory to share in: XDG_RUNTIME_DIR is not set";
  case relative_place: return "no directory to share in: XDG_RUNTIME_DIR is not an absolute path";
  case no_file: return "no process has published an anchor yet";
  case unreadable: return "cannot be read";
  case symbolic_link: return "is a symbolic link";
  case not_a_file: return "is no regular file";
  case foreign_owner: return "belongs to another user";
  case writable_by_others: return "can be written by others";
  case wrong_size: return "is empty, or larger than an anchor";
  case other_version: return "was written by another version";
  case bad_checksum: return "is truncated or was changed: the checksum is wrong";
  case malformed: return "does not have the form of an anchor";
  case boot_unknown: return "the kernel's boot id cannot be read";
  case other_boot: return "was written before the last boot";
  case counter_forbidden: return "this thread may not read the counter";
  case other_clocksource: return "the kernel has changed its clock source since";
  case clocks_failed: return "counter or clocks stood still or went back while they were read";
  case counter_went_back: return "the counter shows less than the anchor says: it was reset";
  case from_the_future: return "is from the future: a clock shows less than the anchor says";
  case suspended: return "the machine was suspended since, or this is another time namespace";
  case implausible_rate: return "the mean rate since then is not the measured one: a clock has jumped";
  case steering_unknown: return "the kernel's rate of MONOTONIC is unavailable, or changes too fast";
  case too_uncertain:
    return "is no better than a measurement: too young, or its calibration too uncertain";
  }
  return "unknown";
}

} // namespace takt::inline TAKT_ABI
