/// grid_origin.hpp - where the zero of the grid lies on the clocks of this process.
///
/// Two processes meet on a grid because it starts at the zero of the running kernel's clock. A process inside a time
/// namespace sees MONOTONIC and BOOTTIME shifted (not REALTIME, nor TAI): the offset is its origin, and rounding takes
/// it off. Outside, and wherever the kernel knows no time namespaces, the origin is zero.
///
/// The kernel tells the offset in /proc alone, so it is read once in a process and kept: by the first sleep that needs
/// it, after that has read the clock, so that the deadline does not move, or by load_grid_origin() beforehand. Do the
/// latter where some 10 us of file access matter, and before chroot(2) or a sandbox takes /proc away. A process does not
/// change its time namespace while it runs, except one of a single thread that calls setns(2): it then calls
/// load_grid_origin() again, as does a child forked after unshare(CLONE_NEWTIME). (Noticing that fork would take a
/// handler that pthread_atfork(3) registers, which allocates, and the first sleep may be in a signal handler.)
///
/// Does not promise: to tell an offset that the kernel hides. /proc/self/timens_offsets speaks of the namespace of the
/// children; it is believed only when that is the process's own. A program that knows better says assume_grid_origin().
/// Sources: time_namespaces(7); Linux 6.12 kernel/time/namespace.c proc_timens_show_offsets, include/linux/proc_ns.h.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/text.hpp>
#include <takt/timer/kernel_clock.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
inline constexpr char time_offsets_path[] = "/proc/self/timens_offsets";
inline constexpr char own_time_namespace_path[] = "/proc/self/ns/time";
inline constexpr char mount_namespace_path[] = "/proc/self/ns/mnt";
inline constexpr char childrens_time_namespace_path[] = "/proc/self/ns/time_for_children";

/// By how much the clocks of a process are ahead of the kernel's own.
struct time_offsets {
  std::chrono::nanoseconds monotonic{};
  std::chrono::nanoseconds boottime{};
  friend bool operator==(const time_offsets&, const time_offsets&) = default;
};

template <class = when_called>
[[nodiscard]] time_offsets parse_time_offsets(std::string_view text, std::error_code& ec) noexcept;
template <class Os = linux_os> [[nodiscard]] time_offsets read_time_offsets(std::error_code& ec) noexcept;

template <class Os = linux_os> void load_grid_origin(std::error_code& ec) noexcept;
template <class Os = linux_os> void assume_grid_origin(const time_offsets& offsets) noexcept;
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os>
[[nodiscard]] std::chrono::nanoseconds grid_origin(std::error_code& ec) noexcept;

// definitions

/// Returns: the two offsets in the text of timens_offsets; on malformed_text none.
template <class> time_offsets parse_time_offsets(std::string_view text, std::error_code& ec) noexcept {
  ec.clear();
  struct line {
    std::string_view name;
    std::chrono::nanoseconds offset{};
    bool seen = false;
  } lines[] = {{"monotonic"}, {"boottime"}};
  const auto read = [&](std::string_view rest) {
    const std::string_view name = detail::next_word(rest);
    std::string_view seconds = detail::next_word(rest);
    const bool negative = !seconds.empty() && seconds.front() == '-';
    if (negative) seconds.remove_prefix(1);
    const auto whole = detail::parse_number_to(std::numeric_limits<std::int64_t>::max(), seconds);
    const auto part = detail::parse_number_to(999'999'999, detail::next_word(rest));
    if (!whole || !part || !detail::trimmed(rest).empty()) return false;
    for (line& l : lines) {
      if (l.name != name) continue;
      if (l.seen) return false;
      l.seen = true;
      const auto magnitude = static_cast<std::int64_t>(*whole);
      l.offset = to_nanoseconds({negative ? -magnitude : magnitude, static_cast<long>(*part)});
    }
    return true; // a clock that does not concern us
  };
  bool sound = true;
  while (sound && !text.empty()) {
    std::string_view next;
    sound = detail::next_line(text, next) && read(next);
  }
  if (sound && lines[0].seen && lines[1].seen) return {lines[0].offset, lines[1].offset};
  ec = errc::malformed_text;
  return {};
}

namespace detail {

/// Two lines of 32 characters; a kernel may learn more clocks. It lies on the stack, which that of a signal handler may be.
inline constexpr std::size_t time_offsets_limit = 512;
/// "time:[" and a number and "]".
inline constexpr std::size_t namespace_name_limit = 64;
/// The namespace that the kernel starts with, whose offsets are zero: PROC_TIME_INIT_INO, 0xEFFFFFFA, in every kernel
/// that has time namespaces (5.6 and later), and part of its interface since 6.18 (TIME_NS_INIT_INO).
inline constexpr std::string_view first_time_namespace = "time:[4026531834]";

/// What is known of the origin in this image, shared by all threads. Every writer writes what holds for the process, so
/// it does not matter who is last; `known` is released last, and whoever acquires it sees the offsets.
template <class Os> struct origin_cache {
  inline static constinit std::atomic<bool> known{false};
  inline static constinit std::atomic<std::int64_t> monotonic{0};
  inline static constinit std::atomic<std::int64_t> boottime{0};
};

} // namespace detail

/// Returns: the offsets of the calling process's time namespace, read anew; on error none.
/// Errors: ENOTSUP when the process has another time namespace for its children, so that nothing tells of its own;
/// what reading /proc reports; malformed_text. Costs one readlink(2) outside time namespaces, three files inside.
/// Async-signal-safe.
template <class Os> time_offsets read_time_offsets(std::error_code& ec) noexcept {
  ec.clear();
  char own[detail::namespace_name_limit], other[detail::namespace_name_limit], text[detail::time_offsets_limit];
  std::size_t length = 0;
  int error = Os::read_link(own_time_namespace_path, own, sizeof(own), length);
  // No such link: a kernel without time namespaces, or no /proc. Its neighbour, as old as the directory, tells which.
  if (error == ENOENT && Os::read_link(mount_namespace_path, other, sizeof(other), length) == 0) return {};
  const std::string_view own_name(own, length);
  if (error == 0 && own_name == detail::first_time_namespace) return {};
  if (error == 0) error = Os::read_link(childrens_time_namespace_path, other, sizeof(other), length);
  if (error == 0 && std::string_view(other, length) != own_name) error = ENOTSUP;
  if (error == 0) error = Os::read_short(time_offsets_path, text, sizeof(text), length);
  if (error == 0) return parse_time_offsets(std::string_view(text, length), ec);
  ec = detail::errno_code(error);
  return {};
}

/// Effects: from now on `offsets` are those of this process, whatever the kernel says. For who knows them from
/// elsewhere, {} for one that is in no time namespace but cannot see /proc. Async-signal-safe.
template <class Os> void assume_grid_origin(const time_offsets& offsets) noexcept {
  using cache = detail::origin_cache<Os>;
  cache::monotonic.store(offsets.monotonic.count(), std::memory_order_relaxed);
  cache::boottime.store(offsets.boottime.count(), std::memory_order_relaxed);
  cache::known.store(true, std::memory_order_release);
}

/// Effects: reads the offsets and keeps them for grid_origin(). Errors and cost: those of read_time_offsets(); what was
/// kept before stays.
template <class Os> void load_grid_origin(std::error_code& ec) noexcept {
  const time_offsets offsets = read_time_offsets<Os>(ec);
  if (!ec) assume_grid_origin<Os>(offsets);
}

/// Returns: what Clock shows at the zero of the grid; on error zero.
/// Errors: those of load_grid_origin(), which is called the first time; then none. Costs two loads, nothing on REALTIME
/// and TAI, which no namespace shifts. Async-signal-safe.
template <sleepable_clock Clock, class Os> std::chrono::nanoseconds grid_origin(std::error_code& ec) noexcept {
  constexpr clockid_t id = kernel_clock<Clock>::id;
  ec.clear();
  if constexpr (id != CLOCK_MONOTONIC && id != CLOCK_BOOTTIME) {
    return std::chrono::nanoseconds::zero();
  } else {
    using cache = detail::origin_cache<Os>;
    if (!cache::known.load(std::memory_order_acquire)) [[unlikely]] {
      load_grid_origin<Os>(ec);
      if (ec) return std::chrono::nanoseconds::zero();
    }
    const auto& offset = id == CLOCK_MONOTONIC ? cache::monotonic : cache::boottime;
    return std::chrono::nanoseconds(offset.load(std::memory_order_relaxed));
  }
}

#if TAKT_EXCEPTIONS
namespace detail {
inline std::string origin_hint() {
  return std::string("origin of the grid: ") + own_time_namespace_path + " and " + time_offsets_path +
         " do not tell whether and how this process's clock is shifted; load_grid_origin() before /proc is "
         "out of reach, or assume_grid_origin()";
}
} // namespace detail

template <class Os = linux_os> [[nodiscard]] time_offsets read_time_offsets() {
  return detail::or_throw([](std::error_code& ec) { return read_time_offsets<Os>(ec); }, detail::origin_hint);
}
template <class Os = linux_os> void load_grid_origin() {
  detail::or_throw([](std::error_code& ec) { load_grid_origin<Os>(ec); }, detail::origin_hint);
}
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os>
[[nodiscard]] std::chrono::nanoseconds grid_origin() {
  return detail::or_throw([](std::error_code& ec) { return grid_origin<Clock, Os>(ec); }, detail::origin_hint);
}
#endif

} // namespace takt::inline TAKT_ABI
