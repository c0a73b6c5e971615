/// config.hpp - the version of takt, what it asks of the compiler, and which code two translation units share.
///
/// Does not promise: an ABI that is stable across versions of takt. All names sit in an inline namespace that carries
/// the version (takt::v0_2). Two versions in one process, for example in two plugins, use different entities and share
/// no state.
///
/// Units with and without exceptions: both kinds use the same types, variables and functions. So a library that is
/// compiled with -fno-exceptions can take and return takt's types, and a process has one error category, one tsc_clock
/// and one count of forks. Two things differ:
///   - The overloads that throw exist only in units with exceptions.
///   - A function that an exception may unwind exists twice. Under -fno-exceptions the compiler emits no cleanup for
///     exceptions, and the linker keeps one of several equal copies. If it kept that one, a callback that throws would
///     leave locks held in a unit that is compiled with exceptions. Such functions are marked TAKT_UNWINDS.
/// A function is marked if its body depends on TAKT_EXCEPTIONS, if code of the caller that may throw runs inside it
/// while it holds something that it must release, or if it calls a marked function. The mark stands on the declaration
/// and on the definition, because clang does not copy it from one to the other. The test compile.unwinding finds
/// functions that break this rule.
///
/// Does not promise, in a program of both kinds: that an unmarked function, or a function of the standard library,
/// releases what it holds when memory runs out; anything at all when a callback throws and the unit that called fire()
/// or run() was compiled without exceptions.
#pragma once

#if __cplusplus < 202002L
#error "takt needs C++20: compile with -std=c++20 or newer"
#endif

#define TAKT_VERSION_MAJOR 0
#define TAKT_VERSION_MINOR 2
#define TAKT_VERSION_PATCH 0

// TAKT_ABI is the inline namespace: v0_2 for the versions 0.2.x.
#define TAKT_ABI_JOIN(major, minor) v##major##_##minor
#define TAKT_ABI_OF(major, minor) TAKT_ABI_JOIN(major, minor)
#define TAKT_ABI TAKT_ABI_OF(TAKT_VERSION_MAJOR, TAKT_VERSION_MINOR)

/// TAKT_CHECKED stands before a constructor that throws on bad input, and that is ill-formed in a constant expression
/// with bad input. It is constexpr. Without exceptions it is consteval, so that the compiler refuses bad input.
/// TAKT_UNWINDS stands before a function that an exception may unwind; see the top of config.hpp. Its tag becomes a
/// part of the symbol of the function.
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
#define TAKT_EXCEPTIONS 1
#define TAKT_CHECKED constexpr
#define TAKT_UNWINDS
#else
#define TAKT_EXCEPTIONS 0
#define TAKT_CHECKED consteval
#define TAKT_UNWINDS [[gnu::abi_tag("noexcept")]]
#endif

#if !defined(__linux__)
#error "takt reads the time of Linux; other kernels are not supported"
#endif
// The #include of a missing file ends the compilation. After an #error the compiler would go on, and print a page of
// errors about types that are too short.
#if defined(__x86_64__) && defined(__ILP32__)
#include "takt does not support x32 (-mx32): compile with -m64"
#elif !defined(__LP64__) || !defined(__SIZEOF_INT128__)
#include "takt does not support 32-bit targets (on x86, -m32): compile with -m64 or for a 64-bit target"
#endif
#if __has_include(<__config>)
#include <version>
#if defined(_LIBCPP_VERSION) && !defined(__cpp_lib_jthread)
#error "takt needs std::stop_token: libc++ has it from version 20 on, and in 18 and 19 with -fexperimental-library"
#endif
#endif

namespace takt::inline TAKT_ABI {

/// The version of takt as one number: major * 10000 + minor * 100 + patch.
inline constexpr int version = TAKT_VERSION_MAJOR * 10000 + TAKT_VERSION_MINOR * 100 + TAKT_VERSION_PATCH;

namespace detail {
// __extension__ keeps -Wpedantic silent about a type that ISO C++ does not know.
__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

/// The argument of templates that are templates only so that a translation unit that does not call them pays little for
/// them. A compiler instantiates for a plain inline function all that its body uses (vectors, strings, optionals), even
/// where nothing calls it; for a template it does that when it is called.
struct [[gnu::visibility("default")]] for_callers;

/// The type T, for a local variable of a template with the parameter For. g++ instantiates the members of a vector that
/// is local to a template at once, unless the type of the vector depends on a parameter.
template <class For, class T> struct dependent_type { using type = T; };
template <class For, class T> using dependent = typename dependent_type<For, T>::type;
} // namespace detail

/// Gives a public function the same property without making it a template: its synopsis declares it plainly, and a
/// specialisation of this template defines it as a friend. The friend's body is instantiated for callers alone. It only
/// calls a template in detail, because g++ 12 rejects local variables in the body of such a friend. `Subject`
/// distinguishes the specialisations: the type that the functions return or describe. This template is not in detail
/// because a friend becomes a member of the namespace around its class.
template <class Subject, class T = detail::for_callers> struct compiled_for_callers;

} // namespace takt::inline TAKT_ABI
