/// vdso_layout.hpp - where the vDSO's data page keeps what it holds: layouts, and the checks that recognise one.
///
/// The page is not an interface of the kernel. So a layout is accepted only if what it reads agrees with the kernel's
/// own clocks, in each of many samples. All functions are pure: samples in, a layout out. Kernels 6.1, 6.12, 6.18 and
/// 7.2 for x86-64 were checked; each of the first three has a layout of its own.
///
/// Sources: Linux 5.6 to 6.18, include/vdso/datapage.h (struct vdso_data, later vdso_time_data and vdso_clock),
/// kernel/time/vsyscall.c update_vsyscall, arch/x86/include/asm/vvar.h (the 128 bytes before it, up to 6.13),
/// lib/vdso/gettimeofday.c, arch/x86/include/asm/vdso/clocksource.h (the modes).
#pragma once
#include <takt/core/config.hpp>
#include <takt/kernel/detail/text.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <time.h>

namespace takt::inline TAKT_ABI::detail::vdso_page {

/// The bytes of the page that are read; no layout goes beyond.
inline constexpr std::size_t size = 384;
using words = std::uint64_t[size / 8];

/// The modes of Linux for x86. A page of a time namespace shows `time_namespace`, and has offsets in place of the data.
enum mode : std::int32_t { none = 0, counter = 1, pvclock = 2, hyperv = 3, time_namespace = 0x7fff'ffff };

/// The page while one sample was taken: copies made before and after, and what counter and system calls showed between.
struct sample {
  words before{}, after{};
  std::uint64_t cycle = 0;             ///< the counter, read between `earliest` and `latest`
  timespec earliest{}, latest{};       ///< CLOCK_MONOTONIC by system call
  timespec coarse{};                   ///< CLOCK_MONOTONIC_COARSE by system call
};

/// The offsets of the fields in the page.
struct layout {
  std::uint16_t sequence = 0; ///< of the sequence number; the mode and the last cycle follow it
  std::uint16_t base = 0;     ///< of the pairs of seconds and nanoseconds; mask, multiplier and shift end there

  [[nodiscard]] constexpr std::size_t mode() const noexcept { return sequence + 4U; }
  [[nodiscard]] constexpr std::size_t last_cycle() const noexcept { return sequence + 8U; }
  [[nodiscard]] constexpr std::size_t mask() const noexcept { return base - 16U; }
  [[nodiscard]] constexpr std::size_t multiplier() const noexcept { return base - 8U; }
  [[nodiscard]] constexpr std::size_t shift() const noexcept { return base - 4U; }
  /// Of the seconds of clock `id`, MONOTONIC or MONOTONIC_COARSE; its nanoseconds follow.
  [[nodiscard]] constexpr std::size_t seconds(clockid_t id) const noexcept {
    return base + 16U * static_cast<unsigned>(id);
  }
};
/// The sequence number is at the start of the page, up to 6.13 at 128. A kernel that is built with
/// CONFIG_GENERIC_VDSO_OVERFLOW_PROTECT (from 6.10 on) has one number more between the last cycle and the mask.
inline constexpr layout layouts[] = {{0, 40}, {0, 32}, {128, 168}, {128, 160}};
static_assert(layouts[2].seconds(CLOCK_MONOTONIC_COARSE) + 16 <= size);

/// A layout is accepted after it has fitted this number of samples. No layout fits even two samples by chance, because
/// seconds and nanoseconds of a running clock must be equal.
inline constexpr int enough_samples = 32;

template <class = for_callers> [[nodiscard]] constexpr std::uint64_t long_at(const words& w, std::size_t at) noexcept {
  return w[at / 8];
}
/// Little endian, as each architecture that takt reads.
template <class = for_callers> [[nodiscard]] constexpr std::uint32_t int_at(const words& w, std::size_t at) noexcept {
  return static_cast<std::uint32_t>(w[at / 8] >> at % 8 * 8);
}
/// Returns: whether a mask of the clock source is one: 2^n - 1, and not zero.
[[nodiscard]] constexpr bool is_mask(std::uint64_t mask) noexcept { return mask != 0 && (mask & (mask + 1)) == 0; }

/// The counters of two CPUs may differ by some ticks, so the kernel may have written its last cycle on a CPU that is
/// ahead of this one by so many.
inline constexpr std::uint64_t ahead_limit = 1 << 16;

/// Returns: whether the sample fits the layout; nullopt if that cannot be decided, because the page changed meanwhile,
/// or a CPU whose counter is ahead has written it.
template <class = for_callers>
[[nodiscard]] constexpr std::optional<bool> fits(const layout& at, const sample& s) noexcept {
  const auto& w = s.before;
  const std::uint32_t sequence = int_at(w, at.sequence);
  if ((sequence & 1) != 0 || sequence != int_at(s.after, at.sequence)) return std::nullopt;
  const auto mode_now = static_cast<std::int32_t>(int_at(w, at.mode()));
  if (mode_now < none || mode_now > hyperv) return false;
  // The kernel keeps the coarse clocks up to date in each mode.
  const std::size_t coarse = at.seconds(CLOCK_MONOTONIC_COARSE);
  if (long_at(w, coarse) != static_cast<std::uint64_t>(s.coarse.tv_sec) ||
      long_at(w, coarse + 8) != static_cast<std::uint64_t>(s.coarse.tv_nsec))
    return false;
  if (mode_now == none) return true; // the kernel leaves the rest as an earlier clock source had it
  const std::uint64_t mask = long_at(w, at.mask());
  const std::uint32_t multiplier = int_at(w, at.multiplier()), shift = int_at(w, at.shift());
  if (!is_mask(mask) || multiplier == 0 || shift > 63) return false;
  if (mode_now != counter) return true; // its cycles are those of a page that takt does not read
  const std::uint64_t last = long_at(w, at.last_cycle());
  if (last > s.cycle) {
    if (last - s.cycle < ahead_limit) return std::nullopt;
    return false;
  }
  const std::size_t fine = at.seconds(CLOCK_MONOTONIC);
  constexpr auto billion = uint128{1'000'000'000};
  const uint128 now = long_at(w, fine) * billion +
                      ((uint128{(s.cycle - last) & mask} * multiplier + long_at(w, fine + 8)) >> shift);
  const auto ns = [&](const timespec& t) {
    return static_cast<std::uint64_t>(t.tv_sec) * billion + static_cast<std::uint64_t>(t.tv_nsec);
  };
  return ns(s.earliest) <= now && now <= ns(s.latest);
}

/// Recognises the layout, sample by sample.
class recogniser {
public:
  /// Returns: whether more samples would change nothing.
  constexpr bool add(const sample& s) noexcept {
    bool enough = false, open = false;
    for (std::size_t i = 0; i < number; ++i) {
      if (int_at(s.before, layouts[i].mode()) == time_namespace) in_time_namespace_ = true;
      if (count_[i] < 0) continue;
      const auto answer = fits(layouts[i], s);
      if (answer) count_[i] = *answer ? count_[i] + 1 : -1;
      open = open || count_[i] >= 0;
      enough = enough || count_[i] >= enough_samples;
    }
    return in_time_namespace_ || !open || enough;
  }
  /// Returns: the one layout that fits enough samples; nullopt if there is none, or more than one. A layout by which
  /// the kernel seems to write the page all the time fits no sample.
  [[nodiscard]] constexpr std::optional<layout> found() const noexcept {
    std::optional<layout> only;
    if (in_time_namespace_) return only;
    for (std::size_t i = 0; i < number; ++i) {
      if (count_[i] < enough_samples) continue;
      if (only) return std::nullopt;
      only = layouts[i];
    }
    return only;
  }
  /// Returns: why found() is empty.
  [[nodiscard]] constexpr const char* why_not() const noexcept {
    if (in_time_namespace_) return "the process is in a time namespace, whose page holds offsets instead";
    for (const int n : count_) {
      if (n > 0) return "the page changed too often to recognise its layout";
    }
    return "what the page holds does not agree with the kernel's clocks in any layout that is known";
  }

private:
  static constexpr std::size_t number = sizeof(layouts) / sizeof(layouts[0]);
  int count_[number]{}; ///< the samples that fit; negative: one did not
  bool in_time_namespace_ = false;
};

/// Returns: the address of the first page of the mapping [vvar] in the text of /proc/self/maps; 0 if there is none that
/// can be read. A mapped file whose name is [vvar] does not count: it has a path before the name, or an inode.
template <class = for_callers> [[nodiscard]] constexpr std::uint64_t find_vvar(std::string_view maps) noexcept {
  for (std::string_view line; next_line(maps, line);) {
    std::string_view range = next_word(line);
    const std::string_view rights = next_word(line), offset = next_word(line), device = next_word(line);
    const std::string_view inode = next_word(line);
    if (trimmed(line) != "[vvar]" || inode != "0" || device.empty() || offset.empty()) continue;
    if (rights.empty() || rights.front() != 'r') return 0;
    const auto address = [&](char end) -> std::uint64_t {
      std::uint64_t value = 0;
      std::size_t n = 0;
      for (; n < range.size() && range[n] != end; ++n) {
        const int digit = hex_digit(range[n]);
        if (digit < 0 || value >> 60 != 0) return 0;
        value = value << 4 | static_cast<unsigned>(digit);
      }
      range.remove_prefix(n < range.size() ? n + 1 : n);
      return value;
    };
    const std::uint64_t begin = address('-'), end = address('\0');
    constexpr std::uint64_t page = 4096; // the smallest of all architectures
    return begin % page == 0 && end > begin && end - begin >= page ? begin : 0;
  }
  return 0;
}

} // namespace takt::inline TAKT_ABI::detail::vdso_page
