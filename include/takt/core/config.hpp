/// config.hpp - the version of takt and the few things it asks of the compiler.
///
/// Does not promise: an ABI that is stable across versions of takt. All names sit in an inline namespace; it carries
/// another name where exceptions are off, because there the throwing overloads do not exist: two translation units of
/// one program that differ in -fno-exceptions then use different entities and violate no one-definition rule.
#pragma once

#if __cplusplus < 202002L
#error "takt needs C++20: compile with -std=c++20 or newer"
#endif

#define TAKT_VERSION_MAJOR 0
#define TAKT_VERSION_MINOR 1
#define TAKT_VERSION_PATCH 0

/// TAKT_CHECKED stands before a constructor that throws on bad input and is ill-formed with it in a constant
/// expression: constexpr, and without exceptions consteval, so that bad input cannot pass.
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
#define TAKT_EXCEPTIONS 1
#define TAKT_ABI v1
#define TAKT_CHECKED constexpr
#else
#define TAKT_EXCEPTIONS 0
#define TAKT_ABI v1_noexcept
#define TAKT_CHECKED consteval
#endif

#if !defined(__linux__)
#error "takt reads the time of Linux; other kernels are not supported"
#endif
#if !defined(__SIZEOF_INT128__)
#error "takt needs the compiler's 128-bit integers, which 64-bit targets of g++ and clang have"
#endif

namespace takt::inline TAKT_ABI {

/// major * 10000 + minor * 100 + patch.
inline constexpr int version = TAKT_VERSION_MAJOR * 10000 + TAKT_VERSION_MINOR * 100 + TAKT_VERSION_PATCH;

/// The default of a template parameter that says nothing. It makes a function a template, so that its body is compiled for
/// those who call it: parsers and estimators would otherwise cost every user compile time. A parameter that defaults to
/// what a std::optional or std::vector in the function holds does as much for that one. Visible whatever -fvisibility
/// says: what is instantiated with it could else not be.
struct [[gnu::visibility("default")]] when_called;

namespace detail {
// __extension__ keeps -Wpedantic silent about a type that ISO C++ does not know.
__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;
} // namespace detail

} // namespace takt::inline TAKT_ABI
