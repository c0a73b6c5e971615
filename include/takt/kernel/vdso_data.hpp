/// vdso_data.hpp - the page from which the vDSO reads the time: the kernel's own time line, and a count of its updates.
///
///   const auto page = takt::vdso::data_page::find();
///   const auto before = page.sequence();
///   const auto t = std::chrono::steady_clock::now();
///   const bool retried = takt::vdso::data_page::updates_between(before, page.sequence()) != 0;
///
/// The kernel writes the page at each tick and at each change of its clocks. The vDSO repeats a reading of a clock if
/// the kernel was writing meanwhile. The sequence number shows that to others too: it is odd while the kernel writes,
/// and each update adds 2.
///
/// The page is not an interface of Linux. takt finds it among the process's own mappings, and accepts a layout only
/// after many samples have passed these checks: the sequence number is even and does not change, the mode is known, the
/// last cycle is not in the future, and the time that follows from the page lies between two readings of the kernel's
/// clock. Unless exactly one layout passes, the page is unknown; why_unknown() has the reason.
///
/// Does not promise: that a page is found. It is unknown in a time namespace, on architectures other than x86-64 until
/// they have been checked, and in emulators that hide it. A page that was found stays at its address unless
/// mremap(2) or a checkpoint moves it. A forked child in another time namespace must find its page again.
/// Sources: those of detail/vdso_layout.hpp; proc(5) /proc/pid/maps.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/arch.hpp>
#include <takt/kernel/detail/text.hpp>
#include <takt/kernel/detail/vdso_layout.hpp>
#include <takt/kernel/os.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

namespace takt::inline TAKT_ABI::detail::vdso_page {
template <class Os> struct finder;
} // namespace takt::inline TAKT_ABI::detail::vdso_page

namespace takt::inline TAKT_ABI::vdso {

// synopsis

/// The data page of this process. A copy refers to the same page.
class data_page {
public:
  /// How the vDSO reads the clock source that the kernel uses.
  enum class clock_mode {
    system_call, ///< not at all: each clock but the coarse ones is a system call
    counter,     ///< by the processor's counter
    pvclock,     ///< by the counter and a page of KVM or Xen
    hyperv,      ///< by the counter and a page of Hyper-V
  };
  /// What the page held at one moment. All members but the first two are zero if the vDSO makes the system call.
  struct contents {
    std::uint32_t sequence = 0;                ///< even; each update adds 2
    clock_mode mode = clock_mode::system_call; ///< how the vDSO reads the clock source
    std::uint64_t last_cycle = 0;  ///< the reading of the clock source at the last update
    std::uint64_t mask = 0;        ///< the bits that the clock source has
    std::uint32_t multiplier = 0;  ///< a cycle takes multiplier / 2^shift nanoseconds of CLOCK_MONOTONIC
    unsigned shift = 0;            ///< the shift of `multiplier`

    [[nodiscard]] tick_rate rate() const noexcept;
    [[nodiscard]] double rate_unit_ppm() const noexcept;
  };

  template <class Os = linux_os> [[nodiscard]] static data_page find();
  data_page() noexcept = default;
  [[nodiscard]] bool known() const noexcept;
  [[nodiscard]] const char* why_unknown() const noexcept;
  [[nodiscard]] std::uint32_t sequence() const noexcept;
  [[nodiscard]] static constexpr std::uint32_t updates_between(std::uint32_t before, std::uint32_t after) noexcept;
  [[nodiscard]] std::optional<contents> read() const noexcept;

private:
  template <class Os> friend struct detail::vdso_page::finder;
  constexpr explicit data_page(const char* why_unknown) noexcept : why_unknown_(why_unknown) {}
  constexpr data_page(const std::byte* page, detail::vdso_page::layout at) noexcept : page_(page), at_(at) {}
  /// The kernel writes the page at any time: each field is read by one instruction, in program order.
  template <class T> [[nodiscard]] T load(std::size_t at) const noexcept {
    return __atomic_load_n(reinterpret_cast<const T*>(page_ + at), __ATOMIC_SEQ_CST); // NOLINT: it is aligned
  }

  const std::byte* page_ = nullptr;
  detail::vdso_page::layout at_{};
  const char* why_unknown_ = "find() was not called";
};

// definitions

/// Returns: the rate of the clock source against CLOCK_MONOTONIC, as the kernel steers it now: that of the counter in
/// mode `counter`. Unknown in mode `system_call`. The kernel changes the multiplier by one unit, to and fro, to
/// keep the mean.
inline tick_rate data_page::contents::rate() const noexcept {
  if (multiplier == 0 || shift > 63) return {};
  return tick_rate(frequency(static_cast<double>(std::uint64_t{1} << shift) / static_cast<double>(multiplier) * 1e9));
}
/// Returns: one unit of the multiplier in ppm, which is the uncertainty of rate(); 0 where that is unknown.
inline double data_page::contents::rate_unit_ppm() const noexcept {
  return multiplier == 0 ? 0 : 1e6 / static_cast<double>(multiplier);
}

/// Returns: whether the page was found. sequence() and read() have this as their precondition.
inline bool data_page::known() const noexcept { return page_ != nullptr; }
/// Returns: why the page is unknown, as a text to be printed; empty if it is known.
inline const char* data_page::why_unknown() const noexcept { return known() ? "" : why_unknown_; }

/// Returns: the sequence number now. Costs one load. Async-signal-safe.
/// Precondition: known().
inline std::uint32_t data_page::sequence() const noexcept { return load<std::uint32_t>(at_.sequence); }

/// Returns: the number of updates by the kernel that lie, entirely or in part, between two readings of the sequence
/// number. If it is 0, the vDSO repeated no reading of a clock in between; otherwise it may have repeated one.
constexpr std::uint32_t data_page::updates_between(std::uint32_t before, std::uint32_t after) noexcept {
  return (after + (after & 1) - (before & ~std::uint32_t{1})) / 2; // right across an overflow too
}

/// Returns: what the page holds, all of the same update; nullopt if the content is not valid any more, as in a child
/// that has entered a time namespace, and if the kernel writes the page all the time. Costs some ten loads, which are
/// repeated while the kernel writes. Async-signal-safe. Precondition: known().
inline std::optional<data_page::contents> data_page::read() const noexcept {
  // An update takes some hundred nanoseconds; milliseconds if a virtual CPU loses its real one meanwhile.
  constexpr int max_tries = 1'000'000;
  for (int i = 0; i < max_tries; ++i) {
    contents c;
    c.sequence = sequence();
    if ((c.sequence & 1) != 0) {
      if (load<std::int32_t>(at_.mode()) == detail::vdso_page::time_namespace) return std::nullopt; // stays odd
      continue;
    }
    const auto mode = load<std::int32_t>(at_.mode());
    c.last_cycle = load<std::uint64_t>(at_.last_cycle());
    c.mask = load<std::uint64_t>(at_.mask());
    c.multiplier = load<std::uint32_t>(at_.multiplier());
    c.shift = load<std::uint32_t>(at_.shift());
    if (sequence() != c.sequence) continue;
    if (mode == detail::vdso_page::none) {
      contents none;
      none.sequence = c.sequence;
      return none;
    }
    if (mode < 0 || mode > detail::vdso_page::hyperv) return std::nullopt;
    if (!detail::vdso_page::is_mask(c.mask) || c.multiplier == 0 || c.shift > 63) return std::nullopt;
    c.mode = static_cast<clock_mode>(mode);
    return c;
  }
  return std::nullopt;
}

} // namespace takt::inline TAKT_ABI::vdso

namespace takt::inline TAKT_ABI::detail::vdso_page {

/// Finds the page. A test may replace the counter, and say whether the layout was checked on the architecture.
template <class Os> struct finder {
  /// A process has some hundred mappings, a large one ten thousands; a line has some 100 bytes.
  static constexpr std::size_t maps_limit = std::size_t{64} << 20;
  /// More than enough: about one sample in a thousand is disturbed by an update.
  static constexpr int max_samples = 1000;

  template <class ReadCycle> [[nodiscard]] static vdso::data_page find(bool checked, ReadCycle read_cycle) {
    using page = vdso::data_page;
    if (!checked) return page("the layout of the page was not checked on this architecture");
    if (Os::vdso_base() == nullptr) return page("the process has no vDSO, or an emulator hides it");
    std::error_code ec;
    const std::string maps = read_text<Os>("/proc/self/maps", maps_limit, ec);
    if (ec) return page("/proc/self/maps cannot be read");
    const std::uint64_t address = find_vvar(maps);
    if (address == 0) return page("/proc/self/maps shows no [vvar] that can be read");
    const auto* const at = reinterpret_cast<const std::byte*>(address); // NOLINT: the kernel wrote it as a number
    if (Os::can_read(at) != 0) return page("the page [vvar] is mapped and cannot be read");
    bool allowed = true;
    if (Os::counter_allowed(allowed) == 0 && !allowed) return page("this thread may not read the counter");

    recogniser recognised;
    for (int i = 0; i < max_samples; ++i) {
      sample s;
      copy(at, s.before);
      int error = Os::clock_gettime(CLOCK_MONOTONIC, s.earliest);
      s.cycle = read_cycle();
      if (error == 0) error = Os::clock_gettime(CLOCK_MONOTONIC, s.latest);
      if (error == 0) error = Os::clock_gettime(CLOCK_MONOTONIC_COARSE, s.coarse);
      copy(at, s.after);
      if (error != 0) return page("clock_gettime cannot be called");
      if (recognised.add(s)) break;
    }
    const auto layout = recognised.found();
    return layout ? page(at, *layout) : page(recognised.why_not());
  }

private:
  static void copy(const std::byte* from, words& to) noexcept {
    for (std::size_t i = 0; i < size / 8; ++i) {
      to[i] = __atomic_load_n(reinterpret_cast<const std::uint64_t*>(from + 8 * i), __ATOMIC_SEQ_CST); // NOLINT
    }
  }
};

} // namespace takt::inline TAKT_ABI::detail::vdso_page

namespace takt::inline TAKT_ABI::vdso {

/// Returns: the page of this process; if it is not known(), why_unknown() says why. Reads /proc/self/maps and compares
/// the page with the kernel's clocks, which takes some 100 us and some hundred system calls; allocates. Reads only the
/// first page of [vvar], and only after the kernel has read from it, because the other pages may raise SIGBUS.
template <class Os> data_page data_page::find() {
  return detail::vdso_page::finder<Os>::find(detail::arch::vdso_data_checked,
                                             [] { return detail::arch::read_ordered().count(); });
}

} // namespace takt::inline TAKT_ABI::vdso
