/// vmclock_page.hpp - the page in which a hypervisor states that a virtual machine was restored or migrated.
///
/// VMClock is a page of memory that hypervisor and guest share (/dev/vmclock0). Its disruption marker changes when the
/// counter is disrupted, as by a live migration. Its generation changes when the machine was loaded from a snapshot.
/// The hypervisor makes the sequence number odd while it writes.
///
/// Parsing is a pure function of the bytes, defined for all of them. A field that the page is too short for, or that
/// the hypervisor does not keep, is unknown.
///
/// Does not promise: that a hypervisor which offers the page also keeps it; the time that the page may state, which
/// takt does not use.
/// Sources: Linux 6.18 include/uapi/linux/vmclock-abi.h (struct vmclock_abi), drivers/ptp/ptp_vmclock.c.
#pragma once
#include <takt/core/config.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace takt::inline TAKT_ABI::detail {

// synopsis

/// What takt uses of the page.
struct vmclock_page {
  /// How the clock of the hypervisor runs.
  enum class status_kind : std::uint8_t { unknown, initialising, synchronised, free_running, unreliable };

  std::uint64_t disruption_marker = 0;     ///< another value after each disruption of the counter
  std::optional<std::uint64_t> generation; ///< another value after each start from a snapshot; nullopt: not counted
  status_kind status = status_kind::unknown;
  bool disruption_soon = false;     ///< a disruption is to come within about a day
  bool disruption_imminent = false; ///< a disruption is to come within about an hour
  friend bool operator==(const vmclock_page&, const vmclock_page&) = default;
};
[[nodiscard]] constexpr const char* to_string(vmclock_page::status_kind s) noexcept;

template <class = for_callers>
[[nodiscard]] constexpr int parse_vmclock(const unsigned char* bytes, std::size_t length, vmclock_page& out) noexcept;
template <class = for_callers> [[nodiscard]] int read_vmclock(const std::uint64_t* page, vmclock_page& out) noexcept;

// definitions

/// Where the fields lie. All numbers are little endian.
namespace vmclock_layout {
inline constexpr std::size_t magic = 0, size = 4, version = 8, sequence = 12, disruption_marker = 16, flags = 24,
                             status = 34, generation = 104;
/// The shortest page has all up to the flags. All that takt knows ends with the generation.
inline constexpr std::size_t min_size = 32, whole = 112;
/// "VCLK".
inline constexpr std::uint64_t right_magic = 0x4b4c4356;
/// Bits of the flags.
inline constexpr std::uint64_t soon = 1 << 1, imminent = 1 << 2, counts_generations = 1 << 8;
} // namespace vmclock_layout

constexpr const char* to_string(vmclock_page::status_kind s) noexcept {
  using enum vmclock_page::status_kind;
  switch (s) {
  case unknown: return "unknown";
  case initialising: return "initialising";
  case synchronised: return "synchronised";
  case free_running: return "free-running";
  case unreliable: return "unreliable";
  }
  return "unknown";
}

/// Returns: 0; `out` receives what the `length` bytes state. EBADMSG for bytes that are no such page, ENOTSUP for a
/// version that takt does not know, EAGAIN while the hypervisor writes; then `out` is unchanged.
template <class>
constexpr int parse_vmclock(const unsigned char* bytes, std::size_t length, vmclock_page& out) noexcept {
  namespace at = vmclock_layout;
  const auto number = [&](std::size_t from, std::size_t width) {
    std::uint64_t n = 0;
    for (std::size_t i = width; i-- > 0;) n = n << 8 | bytes[from + i];
    return n;
  };
  if (length < at::min_size || number(at::magic, 4) != at::right_magic) return EBADMSG;
  if (number(at::version, 2) != 1) return ENOTSUP;
  const std::uint64_t stated = number(at::size, 4);
  const std::uint64_t size = stated < length ? stated : length;
  if (size < at::min_size) return EBADMSG;
  if ((number(at::sequence, 4) & 1) != 0) return EAGAIN;
  vmclock_page page;
  page.disruption_marker = number(at::disruption_marker, 8);
  const std::uint64_t flags = number(at::flags, 8);
  page.disruption_soon = (flags & at::soon) != 0, page.disruption_imminent = (flags & at::imminent) != 0;
  if (size > at::status) {
    const std::uint64_t status = number(at::status, 1);
    constexpr auto last = static_cast<std::uint64_t>(vmclock_page::status_kind::unreliable);
    if (status <= last) page.status = static_cast<vmclock_page::status_kind>(status);
  }
  if (size >= at::whole && (flags & at::counts_generations) != 0) page.generation = number(at::generation, 8);
  out = page;
  return 0;
}

/// Returns: 0; `out` receives what the page states, as of one moment. The errors of parse_vmclock(); EAGAIN also if the
/// hypervisor wrote at each of several attempts. Costs some 100 ns. Precondition: `page` has vmclock_layout::whole
/// bytes.
template <class> int read_vmclock(const std::uint64_t* page, vmclock_page& out) noexcept {
  constexpr std::size_t words = vmclock_layout::whole / sizeof(std::uint64_t);
  constexpr std::size_t sequence_word = vmclock_layout::sequence / sizeof(std::uint64_t);
  /// The hypervisor writes while no processor of the machine runs, or for an instant.
  constexpr int attempts = 100;
  for (int i = 0; i < attempts; ++i) {
    std::uint64_t copy[words];
    // The sequence number first; each acquire load keeps later loads after itself.
    const std::uint64_t before = __atomic_load_n(page + sequence_word, __ATOMIC_ACQUIRE);
    for (std::size_t w = 0; w < words; ++w) copy[w] = __atomic_load_n(page + w, __ATOMIC_ACQUIRE);
    if (__atomic_load_n(page + sequence_word, __ATOMIC_RELAXED) != before) continue;
    unsigned char bytes[sizeof(copy)];
    __builtin_memcpy(bytes, copy, sizeof(copy));
    if (const int error = parse_vmclock(bytes, sizeof(bytes), out); error != EAGAIN) return error;
  }
  return EAGAIN;
}

} // namespace takt::inline TAKT_ABI::detail
