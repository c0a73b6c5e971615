/// grid_origin.hpp - where the zero of the grid lies on the clocks of this process.
///
/// Two processes meet on a grid because it starts at the zero of the running kernel's clock. A process inside a time
/// namespace sees MONOTONIC and BOOTTIME shifted (not REALTIME, nor TAI): the offset is the origin of its grid, and
/// rounding takes it into account. Outside time namespaces, and on kernels without them, the origin is zero.
///
/// Only /proc shows the offset, so a process reads it once and keeps it. The first sleep that needs it reads it after
/// it has read the clock, so that the deadline does not move. Call load_grid_origin() beforehand where some 10 us of
/// file access matter, and before chroot(2) or a sandbox hides /proc.
///
/// A process may find itself in another time namespace: restored from a checkpoint (CRIU), by setns(2), or as a child
/// that was forked after unshare(CLONE_NEWTIME). Each use of the origin notices that. No namespace shifts REALTIME, and
/// the kernel changes its distance from MONOTONIC only when REALTIME is set; so as long as the coarse forms of the two,
/// which move in the same instant, are as far apart as when the offset was read, the offset is the same. That costs two
/// reads of the vDSO, some 20 ns, and nothing on clocks that no namespace shifts. When the distance is another one, the
/// process asks /proc again: one readlink(2) after REALTIME was set, the three files inside a namespace.
///
/// If /proc is out of reach by then, the ticks that times(2) counts, which no namespace shifts either, tell a step of
/// REALTIME from a change of namespace. After a step the origin is kept. After a change of namespace, using the grid is
/// an error. This test does not notice an offset that changed by less than a second.
///
/// Does not promise: an offset that the kernel hides. /proc/self/timens_offsets is about the namespace of the children;
/// it is used only when that is the process's own. A program that knows its offsets from elsewhere calls
/// assume_grid_origin(). Nor does it promise to notice a change to a namespace that differs in the offset of BOOTTIME
/// alone, to move a sleep that has begun, or to move the grid of a scheduler after it was made.
/// Sources: time_namespaces(7), times(2); Linux 6.12 kernel/time/namespace.c proc_timens_show_offsets,
/// include/linux/proc_ns.h, kernel/time/vsyscall.c update_vdso_data (the coarse clocks), kernel/sys.c (times).
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/detail/text.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/sleepable_clock.hpp>
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
/// How far the clocks of a process are ahead of the kernel's own, in nanoseconds; negative if they are behind.
struct time_offsets {
  std::chrono::nanoseconds monotonic{}; ///< how far CLOCK_MONOTONIC is ahead
  std::chrono::nanoseconds boottime{};  ///< how far CLOCK_BOOTTIME is ahead
  friend bool operator==(const time_offsets&, const time_offsets&) = default;

  template <class Os = linux_os> [[nodiscard]] static time_offsets read(std::error_code& ec) noexcept;
#if TAKT_EXCEPTIONS
  template <class Os = linux_os> [[nodiscard]] static time_offsets read();
#endif
};

template <class Os = linux_os> void load_grid_origin(std::error_code& ec) noexcept;
template <class Os = linux_os> void assume_grid_origin(const time_offsets& offsets) noexcept;
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os>
[[nodiscard]] std::chrono::nanoseconds grid_origin(std::error_code& ec) noexcept;
// With exceptions, load_grid_origin() and grid_origin<Clock>() throw std::system_error instead.

// definitions
namespace detail {

inline constexpr char time_offsets_path[] = "/proc/self/timens_offsets";
inline constexpr char own_time_namespace_path[] = "/proc/self/ns/time";
inline constexpr char mount_namespace_path[] = "/proc/self/ns/mnt";
inline constexpr char childrens_time_namespace_path[] = "/proc/self/ns/time_for_children";

/// Effects: sets `offsets` to the two in the text of timens_offsets. Returns: false for malformed text.
template <class = for_callers> bool scan_time_offsets(std::string_view text, time_offsets& offsets) noexcept {
  struct line {
    std::string_view name;
    std::chrono::nanoseconds offset{};
    bool seen = false;
  } lines[] = {{"monotonic"}, {"boottime"}};
  const auto read = [&](std::string_view rest) {
    const std::string_view name = next_word(rest);
    std::string_view seconds = next_word(rest);
    const bool negative = !seconds.empty() && seconds.front() == '-';
    if (negative) seconds.remove_prefix(1);
    const auto whole = parse_number_to(std::numeric_limits<std::int64_t>::max(), seconds);
    const auto part = parse_number_to(999'999'999, next_word(rest));
    if (!whole || !part || !trimmed(rest).empty()) return false;
    for (line& l : lines) {
      if (l.name != name) continue;
      if (l.seen) return false;
      l.seen = true;
      const auto magnitude = static_cast<std::int64_t>(*whole);
      l.offset = to_nanoseconds({negative ? -magnitude : magnitude, static_cast<long>(*part)});
    }
    return true; // a line of another clock is skipped
  };
  bool sound = true;
  while (sound && !text.empty()) {
    std::string_view next;
    sound = next_line(text, next) && read(next);
  }
  if (!sound || !lines[0].seen || !lines[1].seen) return false;
  offsets = {lines[0].offset, lines[1].offset};
  return true;
}
/// Returns: the offsets that scan_time_offsets() finds; on error zero. Errors: malformed_text.
template <class = for_callers> time_offsets parse_time_offsets(std::string_view text, std::error_code& ec) noexcept {
  ec.clear();
  time_offsets offsets;
  if (!scan_time_offsets(text, offsets)) ec = errc::malformed_text;
  return offsets;
}

/// Today two lines of 32 characters; later kernels may have more clocks. The buffer lies on the stack, which in a
/// signal handler may be small.
inline constexpr std::size_t time_offsets_limit = 512;
/// Enough for "time:[", a number and "]".
inline constexpr std::size_t namespace_name_limit = 64;
/// The name of the namespace that the kernel starts with, whose offsets are zero: PROC_TIME_INIT_INO, 0xEFFFFFFA, in
/// every kernel that has time namespaces (5.6 and later), and part of its interface since 6.18 (TIME_NS_INIT_INO).
inline constexpr std::string_view first_time_namespace = "time:[4026531834]";

/// The origin of one clock and what it rests on. Any thread may read and write the two at any time: a pair of which one
/// half is older is not taken for current, unless both halves give the same origin.
struct kept_origin {
  /// `rest` before the first offset was read. No clocks are that far apart.
  static constexpr std::int64_t unknown = std::numeric_limits<std::int64_t>::min();

  std::atomic<std::int64_t> origin{0};     ///< ns
  std::atomic<std::int64_t> rest{unknown}; ///< the origin plus how far REALTIME was ahead of MONOTONIC when it was read
};

/// The origin as far as this image knows it, shared by all threads.
template <class Os> struct origin_cache {
  inline static constinit std::atomic<bool> assumed{false}; ///< set by assume_grid_origin(): do not ask the kernel
  inline static constinit kept_origin monotonic{}, boottime{};
  /// How far the kernel's own MONOTONIC was ahead of its count of ticks when the offset was read.
  inline static constinit std::atomic<std::int64_t> counted{kept_origin::unknown};
};

/// The distance of two clocks is the same if it differs by no more than this. On Linux it does not differ at all; on a
/// kernel that imitates Linux, coarse clocks may be ordinary ones, and time passes between the two reads.
inline constexpr std::int64_t same_distance_ns = 1000;
/// MONOTONIC and the kernel's count of its ticks, which is in hundredths of a second, may part by this much, and by a
/// millionth of MONOTONIC, because the kernel rounds its tick.
inline constexpr std::int64_t same_uptime_ns = 1'000'000'000;

/// Returns: a - b modulo 2^64, because what clocks show is input like any other.
[[nodiscard]] constexpr std::int64_t wrapped_difference(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
/// Returns: a + b modulo 2^64.
[[nodiscard]] constexpr std::int64_t wrapped_sum(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
/// Returns: whether `distance` is at most `limit`, whatever its sign.
[[nodiscard]] constexpr bool is_within(std::int64_t distance, std::int64_t limit) noexcept {
  return distance >= -limit && distance <= limit;
}

/// Returns: what a coarse clock shows, in ns. It does not read the counter, so a thread that may not read the counter
/// may call this.
template <class Os> [[nodiscard]] std::int64_t read_coarse(clockid_t id, std::error_code& ec) noexcept {
  return read_clock<access::vdso, Os>(id, ec).count();
}

/// Returns: whether `kept` was read in the time namespace that this process is in. Errors: those of read_clock().
template <class Os> [[nodiscard]] bool is_current(const kept_origin& kept, std::error_code& ec) noexcept {
  for (int attempt = 0; attempt < 2; ++attempt) { // the clocks may tick between the two reads, but not twice
    const std::int64_t monotonic = read_coarse<Os>(CLOCK_MONOTONIC_COARSE, ec);
    if (ec) return false;
    const std::int64_t ahead = wrapped_difference(read_coarse<Os>(CLOCK_REALTIME_COARSE, ec), monotonic);
    if (ec) return false;
    const std::int64_t rest = wrapped_sum(ahead, kept.origin.load(std::memory_order_relaxed));
    if (is_within(wrapped_difference(rest, kept.rest.load(std::memory_order_relaxed)), same_distance_ns)) return true;
  }
  return false;
}

/// Effects: sets `offsets` to those of time_offsets::read(). Returns: 0; a value of errno, EBADMSG for malformed text.
/// Without std::error_code, for an image that has no C++ library. Async-signal-safe.
template <class Os> [[nodiscard]] int read_offsets(time_offsets& offsets) noexcept {
  offsets = {};
  char own[namespace_name_limit], other[namespace_name_limit], text[time_offsets_limit];
  std::size_t length = 0;
  int error = Os::read_link(own_time_namespace_path, own, sizeof(own), length);
  // No such link: a kernel without time namespaces, or no /proc. The link `mnt` is as old as the directory: if it is
  // there, /proc is.
  if (error == ENOENT && Os::read_link(mount_namespace_path, other, sizeof(other), length) == 0) return 0;
  const std::string_view own_name = text_in(own, length);
  if (error == 0 && own_name == first_time_namespace) return 0;
  if (error == 0) error = Os::read_link(childrens_time_namespace_path, other, sizeof(other), length);
  if (error == 0 && text_in(other, length) != own_name) error = ENOTSUP;
  if (error == 0) error = Os::read_short(time_offsets_path, text, sizeof(text), length);
  if (error != 0) return error;
  return scan_time_offsets(text_in(text, length), offsets) ? 0 : EBADMSG;
}

} // namespace detail

/// Returns: the offsets of the calling process's time namespace, read again; on error zero.
/// Errors: ENOTSUP when the process has another time namespace for its children, because then no file shows its own
/// offsets; what reading /proc reports; malformed_text. Costs one readlink(2) outside time namespaces, three files
/// inside. Async-signal-safe.
template <class Os> time_offsets time_offsets::read(std::error_code& ec) noexcept {
  time_offsets offsets;
  const int error = detail::read_offsets<Os>(offsets);
  if (error == EBADMSG) ec = errc::malformed_text;
  else ec = detail::errno_code(error);
  return offsets;
}

namespace detail {

/// Effects: reads the offsets and keeps them with what they rest on. Where /proc cannot be read and the process is in
/// the namespace in which the offsets were read before, as times(2) shows, they are kept.
/// `may_keep`: whether they may be kept; if not, it is an error that /proc cannot be read.
/// Errors: those of time_offsets::read() and read_clock(); then what was kept before stays, current or not.
template <class Os> void refresh_origin(bool may_keep, std::error_code& ec) noexcept {
  using cache = origin_cache<Os>;
  // Read before the offsets. If the namespace changes in the meantime, the next use sees another distance.
  std::int64_t monotonic = 0, ahead = 0;
  std::error_code unread;
  for (int attempt = 0; attempt < 3 && !unread; ++attempt) { // the clocks may tick in between
    monotonic = read_coarse<Os>(CLOCK_MONOTONIC_COARSE, unread);
    if (!unread) ahead = wrapped_difference(read_coarse<Os>(CLOCK_REALTIME_COARSE, unread), monotonic);
    if (unread) break;
    const std::int64_t passed = wrapped_difference(read_coarse<Os>(CLOCK_MONOTONIC_COARSE, unread), monotonic);
    if (is_within(passed, same_distance_ns)) break;
  }
  std::uint64_t up = 0;
  const bool counts = Os::counted_ticks(up) == 0;
  time_offsets offsets = time_offsets::read<Os>(ec);
  if (unread) {
    if (!ec) ec = unread;
    return;
  }
  if (ec) {
    const std::int64_t origin = cache::monotonic.origin.load(std::memory_order_relaxed);
    const std::int64_t before = cache::counted.load(std::memory_order_relaxed);
    if (!may_keep || !counts || before == kept_origin::unknown) return;
    const std::int64_t kernels = wrapped_difference(monotonic, origin);
    const std::int64_t moved = wrapped_difference(wrapped_difference(kernels, static_cast<std::int64_t>(up)), before);
    if (!is_within(moved, same_uptime_ns + (kernels > 0 ? kernels >> 20 : 0))) return;
    ec.clear();
    offsets = {std::chrono::nanoseconds(origin),
               std::chrono::nanoseconds(cache::boottime.origin.load(std::memory_order_relaxed))};
  } else {
    const std::int64_t kernels = wrapped_difference(monotonic, offsets.monotonic.count());
    cache::counted.store(counts ? wrapped_difference(kernels, static_cast<std::int64_t>(up)) : kept_origin::unknown,
                         std::memory_order_relaxed);
  }
  const auto keep = [&](kept_origin& kept, std::int64_t origin) {
    kept.origin.store(origin, std::memory_order_relaxed);
    kept.rest.store(wrapped_sum(ahead, origin), std::memory_order_relaxed);
  };
  keep(cache::monotonic, offsets.monotonic.count());
  keep(cache::boottime, offsets.boottime.count());
}

} // namespace detail

/// Effects: from now on this process uses `offsets`, whatever the kernel shows and whatever namespace the process is
/// in. Use it where /proc is out of reach and the offsets are known from elsewhere; {} stands for no time namespace.
/// Async-signal-safe.
template <class Os> void assume_grid_origin(const time_offsets& offsets) noexcept {
  using cache = detail::origin_cache<Os>;
  cache::monotonic.origin.store(offsets.monotonic.count(), std::memory_order_relaxed);
  cache::boottime.origin.store(offsets.boottime.count(), std::memory_order_relaxed);
  cache::assumed.store(true, std::memory_order_release); // last: a reader that acquires it sees the offsets
}

/// Effects: reads the offsets and keeps them for grid_origin(), in place of assumed ones too; on error the offsets kept
/// before stay. Errors: those of time_offsets::read() and read_clock(). Costs time_offsets::read() and some 0.5 us.
template <class Os> void load_grid_origin(std::error_code& ec) noexcept {
  detail::refresh_origin<Os>(false, ec);
  if (!ec) detail::origin_cache<Os>::assumed.store(false, std::memory_order_release);
}

/// Returns: what Clock shows at the zero of the grid, in the time namespace that the process is in now; on error zero.
/// Errors: those of load_grid_origin(), the first time and when the process may have come into another namespace.
/// Costs two reads of coarse clocks, some 20 ns; one load after assume_grid_origin(); nothing on REALTIME and TAI,
/// which no namespace shifts. Async-signal-safe.
template <sleepable_clock Clock, class Os> std::chrono::nanoseconds grid_origin(std::error_code& ec) noexcept {
  using shifts = clock_properties::namespace_offset;
  constexpr shifts shift = detail::properties_of(kernel_clock<Clock>::id).offset;
  ec.clear();
  if constexpr (shift == shifts::none) {
    return std::chrono::nanoseconds::zero();
  } else {
    using cache = detail::origin_cache<Os>;
    const detail::kept_origin& kept = shift == shifts::monotonic ? cache::monotonic : cache::boottime;
    if (!cache::assumed.load(std::memory_order_acquire) && !detail::is_current<Os>(kept, ec)) [[unlikely]] {
      detail::refresh_origin<Os>(true, ec);
      if (ec) return std::chrono::nanoseconds::zero();
    }
    return std::chrono::nanoseconds(kept.origin.load(std::memory_order_relaxed));
  }
}

#if TAKT_EXCEPTIONS
namespace detail {
/// Returns: what was read, and what the caller can do.
[[nodiscard]] inline const char* origin_hint() noexcept {
  return "origin of the grid: /proc/self/ns/time and /proc/self/timens_offsets do not show whether and how this "
         "process's clock is shifted; load_grid_origin() before /proc is out of reach, or assume_grid_origin()";
}
} // namespace detail

template <class Os> time_offsets time_offsets::read() {
  return detail::or_throw([](std::error_code& ec) { return time_offsets::read<Os>(ec); }, detail::origin_hint);
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
