/// error.hpp - the errors that errno cannot express, and the helper behind every throwing overload.
///
/// A cold function of takt that can fail has two forms, as in std::filesystem: `f(args)` throws std::system_error,
/// `f(args, std::error_code&)` sets the code and returns an empty value. Without exceptions the first form does not
/// exist. Errors of the kernel keep their errno in std::system_category(). Errors that errno has no value for are in
/// takt's own category.
///
/// Does not promise: that the values of takt::errc stay the same across versions.
#pragma once
#include <takt/core/config.hpp>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>

namespace takt::inline TAKT_ABI {

// synopsis

/// The errors of takt that no value of errno can express.
enum class errc {
  malformed_text = 1,          ///< a file of the kernel does not have its documented form
  malformed_image = 2,         ///< an ELF image contradicts itself or points outside itself
  symbol_not_found = 3,        ///< the image is valid but does not export the symbol in that version
  no_effect = 4,               ///< the kernel accepts the setting and ignores it
  too_few_samples = 5,         ///< there were not enough undisturbed readings
  counter_forbidden = 6,       ///< this thread may not read the counter (PR_TSC_SIGSEGV)
  counter_not_trusted = 7,     ///< the counter of this machine cannot be used as a clock
  counter_stands_still = 8,    ///< the counter does not advance
  counter_went_back = 9,       ///< a later reading of the counter is smaller
  reference_stands_still = 10, ///< the reference clock does not advance
  reference_went_back = 11,    ///< a later reading of the reference clock is smaller
  clocks_disagree = 12,        ///< counter and reference clock have no common rate: one of them jumped
  not_calibrated = 13,         ///< there is no calibration yet that could be corrected
  malformed_file = 14,         ///< a file of takt is damaged, or takt did not write it
  truncated_file = 15,         ///< the end of a file of takt is missing
  other_version = 16,          ///< a file of takt has a form that this version does not know
  other_boot = 17,             ///< a file of takt was written before the last boot, or on another machine
  perf_time_unknown = 18,      ///< the page of a perf event does not say how its clock follows the counter
  not_bounded = 19,            ///< the error of the system clock is not known (bounded_clock.hpp says why)
};

[[nodiscard, gnu::visibility("default")]] const std::error_category& error_category() noexcept;
[[nodiscard]] std::error_code make_error_code(errc e) noexcept;

// definitions
namespace detail {

/// Returns: the message of an error, without a full stop.
[[nodiscard]] constexpr const char* message_of(errc e) noexcept {
  switch (e) {
  case errc::malformed_text: return "malformed text";
  case errc::malformed_image: return "malformed ELF image";
  case errc::symbol_not_found: return "symbol not found";
  case errc::no_effect: return "accepted by the kernel but without effect";
  case errc::too_few_samples: return "too few undisturbed readings";
  case errc::counter_forbidden: return "this thread may not read the counter";
  case errc::counter_not_trusted: return "the counter of this machine cannot be trusted as a clock";
  case errc::counter_stands_still: return "the counter stands still";
  case errc::counter_went_back: return "the counter went backwards";
  case errc::reference_stands_still: return "the reference clock stands still";
  case errc::reference_went_back: return "the reference clock went backwards";
  case errc::clocks_disagree: return "counter and reference clock keep no common rate: one of them jumped";
  case errc::not_calibrated: return "the clock has not been calibrated";
  case errc::malformed_file: return "the file is damaged, or takt did not write it";
  case errc::truncated_file: return "the end of the file is missing";
  case errc::other_version: return "the file has a form that this version of takt does not know";
  case errc::other_boot: return "the file was written before the last boot, or on another machine";
  case errc::perf_time_unknown:
    return "the kernel does not say how perf's clock follows the counter (no cap_user_time_zero)";
  case errc::not_bounded: return "the error of the system clock is not known";
  }
  return "unknown error";
}

class [[gnu::visibility("default")]] category final : public std::error_category {
public:
  const char* name() const noexcept override { return "takt"; }
  std::string message(int value) const override { return message_of(static_cast<errc>(value)); }
};

} // namespace detail

/// Returns: the category of takt::errc. It is one object for the whole life of the program. Shared objects that the
/// program is linked with have the same object, with any -fvisibility. A shared object that is opened with dlopen() has
/// the same object if the program exports its symbols (-rdynamic).
/// Async-signal-safe from the second call on: the first call takes the guard of a static variable.
inline const std::error_category& error_category() noexcept {
  // The object is created on first use and never destroyed. So it can be used before main and after the destruction of
  // static objects, without a static initialiser and without an exit handler.
  alignas(detail::category) static unsigned char place[sizeof(detail::category)];
  static const auto* const only = ::new (static_cast<void*>(place)) detail::category;
  return *only;
}

/// Returns: the error code of `e` in takt's category. It lets std::error_code be made from a takt::errc.
inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), error_category()}; }

namespace detail {

/// Returns: the error code of a value of errno.
[[nodiscard]] inline std::error_code errno_code(int value) noexcept { return {value, std::system_category()}; }

#if TAKT_EXCEPTIONS
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_error(std::error_code ec, const char* what) {
  throw std::system_error(ec, what);
}

/// Returns: whether an error means that the caller has no permission.
[[nodiscard, gnu::cold]] inline bool not_permitted(std::error_code ec) noexcept {
  return ec == std::errc::permission_denied || ec == std::errc::operation_not_permitted;
}

/// Returns: the path of a file, followed by what the caller can do about the error `ec` of that file. `right` names the
/// permission that may be missing.
template <class = for_callers>
[[nodiscard, gnu::cold, gnu::noinline]] std::string file_hint(const char* path, std::error_code ec,
                                                              const char* right = "the right to read it") {
  const bool proc = __builtin_strncmp(path, "/proc/", 6) == 0, sys = __builtin_strncmp(path, "/sys/", 5) == 0;
  const char* reason = "";
  if (not_permitted(ec)) reason = ": needs ";
  else if (ec == std::errc::no_such_file_or_directory && (proc || sys))
    reason = proc ? ": is /proc mounted?" : ": is /sys mounted?";
  return std::string(path) + reason + (not_permitted(ec) ? right : "");
}

/// Implements the throwing overload of a function by its error_code overload. `call(ec)` does the work. `what(ec)` or
/// `what()` is called after a failure only: its text says what was read or called, and what the caller can do.
template <class Call, class What> decltype(auto) or_throw(Call&& call, What&& what) {
  std::error_code ec;
  const auto text = [&]() -> std::string {
    if constexpr (std::is_invocable_v<What, std::error_code>) return what(ec);
    else return what();
  };
  if constexpr (std::is_void_v<decltype(call(ec))>) {
    call(ec);
    if (ec) throw_error(ec, text().c_str());
  } else {
    decltype(auto) result = call(ec);
    if (ec) throw_error(ec, text().c_str());
    return result;
  }
}
#endif

} // namespace detail

} // namespace takt::inline TAKT_ABI

template <> struct std::is_error_code_enum<takt::errc> : std::true_type {};
