/// vdso.hpp - the shared object that the kernel maps into every process.
///
/// takt finds it by the auxiliary vector alone and reads it as an ELF image. It needs no dynamic linker, so it works in
/// static programs too.
///
/// Does not promise: that there is an image (valgrind and some emulators hide it); that the image stays at its address
/// (mremap(2) can move it); that a function that it exports makes no system call (only the experiment of `answers`
/// finds that out). While the clock source is the counter, its functions raise SIGSEGV in a thread that may not read
/// the counter (prctl PR_SET_TSC, PR_TSC_SIGSEGV), for all clocks but the coarse ones and CPU time.
///
/// Sources: vdso(7) for names and versions; getauxval(3) AT_SYSINFO_EHDR; Linux Documentation/ABI/stable/vdso: the vDSO
/// is a complete ELF image, and only its dynamic symbols are ABI.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/cpu/arch.hpp>
#include <takt/kernel/clock_ids.hpp>
#include <takt/kernel/detail/elf_image.hpp>
#include <takt/kernel/os.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace takt::inline TAKT_ABI::vdso {

// synopsis

/// The vDSO as an ELF image. It does not own the bytes. A default-constructed one is empty. Its members are:
///   enum class symbol_kind { unspecified, object, function, absolute };
///   struct symbol {
///     std::string_view name, version;  // no version: empty
///     std::uint64_t value, size;       // st_value, or the number of an absolute symbol; the size in bytes
///     symbol_kind kind;
///     bool default_version;            // a lookup without a version finds it
///     const void* address;             // its place in this process; null for an absolute symbol
///     explicit operator bool() const;  // false for the empty symbol
///   };
///   explicit operator bool() const;    // false for the empty image
///   static image parse(std::span<const std::byte>, std::error_code&);  // another image; try_parse(): without a reason
///   symbol find(std::string_view name, std::string_view version, std::error_code&) const;
///   symbol try_find(std::string_view name, std::string_view version = {}) const;  // the empty symbol: there is none
///   std::vector<symbol> symbols() const;                               // all, in the order of the symbol table
///   std::span<const std::byte> bytes() const;                          // all of the image
/// parse() and find() have overloads that throw std::system_error. Nothing but symbols() and the overloads that throw
/// allocates; all others are async-signal-safe.
using image = detail::elf::image;

template <class Os = linux_os> [[nodiscard]] image current(std::error_code& ec) noexcept;
template <class Os = linux_os> [[nodiscard]] bool answers(clockid_t id, std::error_code& ec) noexcept;
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] image current();
template <class Os = linux_os> [[nodiscard]] bool answers(clockid_t id);
#endif

} // namespace takt::inline TAKT_ABI::vdso

namespace takt::inline TAKT_ABI::detail {

// definitions

/// Returns: the image that the kernel mapped into this process; the empty image if it mapped none or a malformed one.
/// Costs as image::try_parse, no system call; async-signal-safe.
/// The auxiliary vector says only where the image begins. Its end is taken from its own program headers. These must lie
/// in its first page, because only that page is certain to be mapped.
template <class Os> [[nodiscard]] elf::image find_vdso() noexcept {
  constexpr std::uint64_t page = 4096; // the smallest page of all architectures; every kernel maps whole pages
  const auto* const base = static_cast<const std::byte*>(Os::vdso_base());
  if (base == nullptr) return {};
  using bytes = std::span<const dependent<Os, std::byte>>;
  const elf::gabi::bytes first{base, page};
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
  return elf::image::try_parse(bytes(base, (end + page - 1) / page * page));
}

/// Returns: the vDSO's clock_gettime, by the name and version that vdso(7) gives for this architecture; null if there
/// is none. The function returns 0 or a negative value of errno. Costs and safety as find_vdso().
template <class Os = linux_os>
[[nodiscard]] linux_os::clock_gettime_function vdso_clock_gettime_function() noexcept {
  const elf::symbol s = find_vdso<Os>().try_find(arch::vdso_clock_gettime, arch::vdso_version);
  if (!s || s.kind == elf::symbol_kind::object) return nullptr;
  return reinterpret_cast<linux_os::clock_gettime_function>(const_cast<void*>(s.address)); // NOLINT: it is code
}

} // namespace takt::inline TAKT_ABI::detail

namespace takt::inline TAKT_ABI::vdso {

/// Returns: the image that the kernel mapped into this process; the empty image if it mapped none, and on error.
/// Errors: malformed_image. Does not block. Costs one pass over the image's tables and no system call.
/// Async-signal-safe.
template <class Os> image current(std::error_code& ec) noexcept {
  const image result = detail::find_vdso<Os>();
  if (result || Os::vdso_base() == nullptr) ec.clear();
  else ec = errc::malformed_image;
  return result;
}

/// Returns: whether the vDSO reads this clock by itself. False if there is no vDSO, on error, and if the vDSO makes the
/// system call on the caller's behalf. It does so for CPU time, and while the clock source cannot be read from user
/// space for all clocks but the coarse ones. To find out, takt calls the vDSO in a new thread in which the system call
/// is forbidden. The answer is exact, and valid for this moment.
/// Errors: EINVAL for a clock that the kernel does not know; ENODEV for an auxiliary clock that is not enabled;
/// counter_forbidden for a clock that needs the counter in a thread that may not read it, because the experiment would
/// end the program; what pthread_create or seccomp(2) report; ENOTSUP if an emulator accepts the filter and ignores it.
/// Blocks until the thread has ended, some 100 us.
template <class Os> bool answers(clockid_t id, std::error_code& ec) noexcept {
  ec.clear();
  timespec ts{};
  bool answered = false;
  int error = Os::clock_gettime(id, ts);
  if (error == 0) {
    const auto f = detail::vdso_clock_gettime_function<Os>();
    if (f == nullptr) return false;
    bool allowed = true;
    if (detail::properties_of(id).by_counter && Os::counter_allowed(allowed) == 0 && !allowed) {
      ec = errc::counter_forbidden;
      return false;
    }
    error = Os::without_system_call(f, id, answered);
  }
  if (error != 0) ec = detail::errno_code(error);
  return error == 0 && answered;
}

#if TAKT_EXCEPTIONS
template <class Os> image current() {
  return detail::or_throw([](std::error_code& ec) { return current<Os>(ec); },
                          [] { return "vDSO: the image at AT_SYSINFO_EHDR cannot be read"; });
}

template <class Os> bool answers(clockid_t id) {
  return detail::or_throw([&](std::error_code& ec) { return answers<Os>(id, ec); },
                          [&](std::error_code ec) {
                            const char* why = " could not be tried: needs seccomp(2) and a thread";
                            if (ec == errc::counter_forbidden) why = ": prctl(PR_SET_TSC, PR_TSC_ENABLE) allows it";
                            if (ec == std::errc::invalid_argument) why = " is not known to this kernel";
                            if (ec == std::errc::no_such_device) why = " is not enabled (/sys/kernel/time/aux_clocks)";
                            return "vdso::answers: " + detail::clock_text(id) + why;
                          });
}
#endif

} // namespace takt::inline TAKT_ABI::vdso
