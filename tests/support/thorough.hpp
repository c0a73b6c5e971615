/// thorough.hpp - how much of an exhaustive test a build goes through: everything in an optimised build for x86-64, one
/// in 41 where nothing is optimised, where a sanitizer watches every step or where the target is likely emulated.
/// -DTAKT_TEST_STRIDE=n says otherwise.
#pragma once

#if !defined(TAKT_TEST_STRIDE)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define TAKT_TEST_STRIDE 41
#endif
#endif
#endif
#if !defined(TAKT_TEST_STRIDE)
#if !defined(__OPTIMIZE__) || !defined(__x86_64__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TAKT_TEST_STRIDE 41 // a prime, so that no power of two or ten is favoured
#else
#define TAKT_TEST_STRIDE 1
#endif
#endif

namespace takt_test {

inline constexpr int stride = TAKT_TEST_STRIDE;

} // namespace takt_test
