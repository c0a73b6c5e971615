/// error.hpp - the errors that errno cannot say, and the one helper behind every throwing overload.
///
/// A cold function of takt that can fail comes in two forms, as in std::filesystem: `f(args)` throws std::system_error,
/// `f(args, std::error_code&)` sets the code and returns an empty value. Errors of the kernel keep their errno
/// in std::system_category(); only what errno has no word for is in takt's own category. Without exceptions the first
/// form does not exist.
#pragma once
#include <takt/core/config.hpp>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>

namespace takt::inline TAKT_ABI {

// synopsis
enum class errc {
  malformed_text = 1,          ///< a file of the kernel does not have the form its documentation gives it
  malformed_image = 2,         ///< an ELF image contradicts itself or points outside itself
  symbol_not_found = 3,        ///< the image is sound and does not export the symbol in that version
  no_effect = 4,               ///< the kernel takes the setting and ignores it
  too_few_samples = 5,         ///< not enough undisturbed readings to measure with
  counter_forbidden = 6,       ///< this thread may not read the counter (PR_TSC_SIGSEGV)
  counter_not_trusted = 7,     ///< the counter of this machine is no clock
  counter_stands_still = 8,    ///< the counter shows the same all the time
  counter_went_back = 9,       ///< a later reading of the counter is smaller
  reference_stands_still = 10, ///< the reference clock shows the same all the time
  reference_went_back = 11,    ///< a later reading of the reference clock is smaller
  clocks_disagree = 12,        ///< counter and reference clock keep no common rate: one of them jumped
  not_calibrated = 13,         ///< there is no time line yet that could be disciplined
};

[[nodiscard, gnu::visibility("default")]] const std::error_category& error_category() noexcept;
[[nodiscard]] std::error_code make_error_code(errc e) noexcept;

// definitions
namespace detail {

class [[gnu::visibility("default")]] category final : public std::error_category {
public:
  const char* name() const noexcept override { return "takt"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
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
    }
    return "unknown error";
  }
};

} // namespace detail

/// Returns: the category of takt::errc, the same object for the whole life of the program and, whatever -fvisibility says,
/// in the shared objects it is linked with; one that it opens with dlopen has it too if the program exports its symbols
/// (-rdynamic). The first call takes the guard of a static variable, so whoever wants to make a takt::errc in a handler
/// of signals calls this once before; errors of the kernel need no such thing.
inline const std::error_category& error_category() noexcept {
  // Made in place on first use and never destroyed: serves before main and after static destruction, without a
  // static initialiser and without an exit handler.
  alignas(detail::category) static unsigned char place[sizeof(detail::category)];
  static const auto* const only = ::new (static_cast<void*>(place)) detail::category;
  return *only;
}

inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), error_category()}; }

namespace detail {

/// A value of errno as an error code.
[[nodiscard]] inline std::error_code errno_code(int value) noexcept { return {value, std::system_category()}; }

#if TAKT_EXCEPTIONS
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_error(std::error_code ec, const std::string& what) {
  throw std::system_error(ec, what);
}

/// Whether an error says that the caller may not.
[[nodiscard, gnu::cold]] inline bool not_permitted(std::error_code ec) noexcept {
  return ec == std::errc::permission_denied || ec == std::errc::operation_not_permitted;
}

/// What can be done about `ec` of a file of /proc or /sys, behind its name; `right` is what may be missing.
[[nodiscard, gnu::cold, gnu::noinline]] inline std::string file_hint(std::string path, std::error_code ec,
                                                                     const char* right = "the right to read it") {
  const bool proc = path.compare(0, 6, "/proc/") == 0, sys = path.compare(0, 5, "/sys/") == 0;
  if (not_permitted(ec)) path.append(": needs ").append(right);
  else if (ec == std::errc::no_such_file_or_directory && (proc || sys)) path += proc ? ": is /proc mounted?" : ": is /sys mounted?";
  return path;
}

/// The throwing overload of a function in terms of its error_code overload: `call(ec)` does the work, `what(ec)` (or
/// `what()`) names what was read or called and what the caller can do about this failure; it is evaluated on failure only.
template <class Call, class What> decltype(auto) or_throw(Call&& call, What&& what) {
  std::error_code ec;
  const auto text = [&]() -> std::string {
    if constexpr (std::is_invocable_v<What, std::error_code>) return what(ec);
    else return what();
  };
  if constexpr (std::is_void_v<decltype(call(ec))>) {
    call(ec);
    if (ec) throw_error(ec, text());
  } else {
    decltype(auto) result = call(ec);
    if (ec) throw_error(ec, text());
    return result;
  }
}
#endif

} // namespace detail

} // namespace takt::inline TAKT_ABI

template <> struct std::is_error_code_enum<takt::errc> : std::true_type {};
