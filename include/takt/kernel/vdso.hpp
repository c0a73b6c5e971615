/// vdso.hpp - the shared object that the kernel maps into every process.
///
/// Found by the auxiliary vector alone and read as the ELF image it is; no dynamic linker takes part, so all of it
/// works in static programs.
///
/// Does not promise: that there is an image (valgrind and some emulators hide it), that it stays where it is after
/// somebody moved it with mremap, that a function it exports does without a system call: that is found out by
/// `answers`, not by looking. In a thread that may not read the counter (prctl PR_SET_TSC, PR_TSC_SIGSEGV) its functions end
/// the program with SIGSEGV for all but the coarse clocks and CPU time, while the clock source is the counter.
///
/// Sources: vdso(7) for names and versions; getauxval(3) AT_SYSINFO_EHDR; Linux Documentation/ABI/stable/vdso (the vDSO
/// is a complete ELF image of which the dynamic symbols and nothing else are ABI).
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/kernel/elf_image.hpp>
#include <takt/kernel/os.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace takt::inline TAKT_ABI::vdso {

// synopsis
template <class Os = linux_os> [[nodiscard]] elf::image try_current() noexcept;
template <class Os = linux_os> [[nodiscard]] elf::image current(std::error_code& ec) noexcept;
template <class Os = linux_os> [[nodiscard]] linux_os::clock_gettime_function clock_gettime_function() noexcept;
template <class Os = linux_os> [[nodiscard]] bool answers(clockid_t id, std::error_code& ec) noexcept;
[[nodiscard]] constexpr bool wants_counter(clockid_t id) noexcept;
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] elf::image current();
template <class Os = linux_os> [[nodiscard]] bool answers(clockid_t id);
#endif

/// The vDSO's own name of clock_gettime on this machine and the version it bears (vdso(7)); empty where takt knows
/// none.
#if defined(__x86_64__)
inline constexpr std::string_view clock_gettime_name = "__vdso_clock_gettime", clock_gettime_version = "LINUX_2.6";
#elif defined(__aarch64__)
inline constexpr std::string_view clock_gettime_name = "__kernel_clock_gettime", clock_gettime_version = "LINUX_2.6.39";
#elif defined(__riscv)
inline constexpr std::string_view clock_gettime_name = "__vdso_clock_gettime", clock_gettime_version = "LINUX_4.15";
#else
inline constexpr std::string_view clock_gettime_name, clock_gettime_version;
#endif

// definitions

/// Returns: whether the vDSO reads the counter for this clock, while the clock source is the counter.
constexpr bool wants_counter(clockid_t id) noexcept {
  return id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_RAW || id == CLOCK_BOOTTIME || id == CLOCK_REALTIME || id == CLOCK_TAI;
}

/// Returns: the image that the kernel mapped into this process: the empty one if it mapped none or a
/// malformed one. Costs as elf::image::try_parse, no system call; async-signal-safe.
/// The auxiliary vector tells where the image begins and nothing tells where it ends, so its own program headers must;
/// they have to lie in its first page, which is mapped if any of it is.
template <class Os> elf::image try_current() noexcept {
  constexpr std::uint64_t page = 4096; // the smallest page of the machines takt knows: all of them map so much
  const auto* const base = static_cast<const std::byte*>(Os::vdso_base());
  if (base == nullptr) return {};
  const elf::gabi::bytes first{{base, page}};
  const auto h = first.at<elf::gabi::header>(0);
  constexpr std::uint64_t each = sizeof(elf::gabi::program_header);
  std::uint64_t end = 0;
  if (__builtin_memcmp(h.e_ident, "\177ELF", 4) != 0 || !first.hold(h.e_phoff, h.e_phnum, each)) return {};
  for (std::uint64_t i = 0; i < h.e_phnum; ++i) {
    const auto p = first.at<elf::gabi::program_header>(h.e_phoff + i * each);
    std::uint64_t segment_end = 0;
    if (p.p_type != 1 /* PT_LOAD */) continue;
    if (__builtin_add_overflow(p.p_offset, p.p_filesz, &segment_end) || segment_end > ~page) return {};
    if (segment_end > end) end = segment_end;
  }
  return elf::image::try_parse({base, (end + page - 1) / page * page});
}

/// The same; a malformed image is errc::malformed_image and the empty one.
template <class Os> elf::image current(std::error_code& ec) noexcept {
  const elf::image result = try_current<Os>();
  if (result || Os::vdso_base() == nullptr) ec.clear();
  else ec = errc::malformed_image;
  return result;
}

/// Returns: the vDSO's clock_gettime, by the name and version that vdso(7) gives for this machine; null if there is
/// none. It answers 0 or a negative errno. Costs and safety as `try_current`.
template <class Os> linux_os::clock_gettime_function clock_gettime_function() noexcept {
  const elf::symbol s = try_current<Os>().try_find(clock_gettime_name, clock_gettime_version);
  if (!s || s.kind == elf::symbol_kind::object) return nullptr;
  return reinterpret_cast<linux_os::clock_gettime_function>(const_cast<void*>(s.address)); // NOLINT: it is code
}

/// Returns: whether the vDSO reads this clock by itself; false if it makes the system call on the caller's behalf (as
/// it does for CPU time, and for all but the coarse clocks while the clock source cannot be read from user space), if
/// there is no vDSO, and on error. Found out by a call from a thread that is refused the system call, so the answer is
/// exact, and true of the moment.
/// Errors: EINVAL for a clock the kernel does not know; counter_forbidden for one that wants the counter in a thread that may
/// not read it, for the experiment would end the program; what pthread_create or seccomp(2) report; ENOTSUP where an
/// emulator accepts the filter and ignores it. Blocks until the thread has ended, some 100 us.
template <class Os> bool answers(clockid_t id, std::error_code& ec) noexcept {
  ec.clear();
  timespec ts{};
  bool answered = false;
  int error = Os::clock_gettime(id, ts);
  if (error == 0) {
    const auto f = clock_gettime_function<Os>();
    if (f == nullptr) return false;
    if (bool allowed = true; wants_counter(id) && Os::counter_allowed(allowed) == 0 && !allowed) {
      ec = errc::counter_forbidden;
      return false;
    }
    error = Os::without_system_call(f, id, answered);
  }
  if (error != 0) ec = detail::errno_code(error);
  return error == 0 && answered;
}

#if TAKT_EXCEPTIONS
template <class Os> elf::image current() {
  return detail::or_throw([](std::error_code& ec) { return current<Os>(ec); },
                          [] { return std::string("vDSO: the image at AT_SYSINFO_EHDR cannot be read"); });
}

template <class Os> bool answers(clockid_t id) {
  return detail::or_throw([&](std::error_code& ec) { return answers<Os>(id, ec); },
                          [&](std::error_code ec) {
                            const bool known = ec != std::errc::invalid_argument;
                            return "vdso::answers: clock " + std::to_string(id) +
                                   (ec == errc::counter_forbidden ? ": prctl(PR_SET_TSC, PR_TSC_ENABLE) allows it"
                                    : known ? " could not be tried: needs seccomp(2) and a thread" : " is not known to this kernel");
                          });
}
#endif

} // namespace takt::inline TAKT_ABI::vdso
