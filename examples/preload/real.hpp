/// real.hpp - libc's functions behind the object's: found when the object is loaded, or at an earlier call.
///
/// dlsym is not async-signal-safe, so all are found in the constructor; a call before that (from .preinit_array, or the
/// constructor of a library that is initialised first) finds its own. dlvsym is a weak reference: musl has none. Before
/// glibc 2.36 dlsym(RTLD_NEXT) gives the oldest version of a symbol, which for pthread_cond_timedwait and the POSIX
/// timers is another function, so these name theirs.
#pragma once
#include <atomic>
#include <cerrno>
#include <dlfcn.h>

extern "C" [[gnu::weak]] void* dlvsym(void* handle, const char* name, const char* version) noexcept;

namespace preload {

/// Returns: whether the program's libc is glibc, which has this function, and not musl.
[[nodiscard]] inline bool is_glibc() noexcept { return dlvsym != nullptr; }

/// What a function returns where libc has none of that name: -1 with errno, or the error itself.
enum class failure { by_errno, by_result };

template <class Function> class real;
/// A function of libc. Constant-initialised, and safe to call at any time.
template <class Result, class... Arguments> class real<Result(Arguments...)> {
public:
  constexpr explicit real(const char* name, failure f = failure::by_errno, const char* newest = nullptr,
                          const char* newer = nullptr) noexcept
      : name_(name), versions_{newest, newer}, failure_(f) {}

  Result operator()(Arguments... arguments) noexcept(false) {
    Result (*const f)(Arguments...) = find();
    if (f != nullptr) [[likely]]
      return f(arguments...);
    if (failure_ == failure::by_result) return static_cast<Result>(ENOSYS);
    errno = ENOSYS;
    return static_cast<Result>(-1);
  }
  /// Returns: libc's function; null if it has none.
  [[nodiscard]] auto find() noexcept -> Result (*)(Arguments...) {
    Result (*f)(Arguments...) = at_.load(std::memory_order_relaxed);
    return f != nullptr ? f : look_up();
  }

private:
  [[gnu::cold, gnu::noinline]] auto look_up() noexcept -> Result (*)(Arguments...) {
    void* found = nullptr;
    for (const char* const version : versions_)
      if (found == nullptr && version != nullptr && is_glibc()) found = dlvsym(RTLD_NEXT, name_, version);
    if (found == nullptr) found = dlsym(RTLD_NEXT, name_);
    const auto f = reinterpret_cast<Result (*)(Arguments...)>(found);
    at_.store(f, std::memory_order_relaxed); // every thread finds the same
    return f;
  }

  const char* name_;
  const char* versions_[2];
  failure failure_;
  std::atomic<Result (*)(Arguments...)> at_{nullptr};
};

} // namespace preload
