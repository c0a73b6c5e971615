/// fake_os.hpp - an operating system made of maps, for tests of what is written against the `Os` policy.
///
/// The policy is stateless, so the state of a fake is static and keyed by a tag type: `using os = fake_os<struct my_test>`
/// shares nothing with any other test. `reset()` empties it. A file that is not there gives ENOENT, a clock EINVAL.
///
/// Does not promise: thread safety.
#pragma once
#include <takt/kernel/os.hpp>
#include <cerrno>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace takt::inline TAKT_ABI::testing {

template <class Tag> struct fake_os {
  using clock_gettime_function = linux_os::clock_gettime_function;

  /// What one path, clock or setting answers: an error, or else a value.
  template <class T> struct answer {
    T value{};
    int error = 0;
  };

  struct state {
    std::map<std::string, answer<std::string>> files;     ///< by path
    std::map<std::string, int> write_errors;              ///< by path; what is not listed can be written if it exists
    std::map<clockid_t, answer<timespec>> clocks;         ///< what clock_gettime answers
    std::map<clockid_t, answer<timespec>> resolutions;    ///< what clock_getres answers
    answer<std::string> log{{}, EPERM};                   ///< the kernel's log
    answer<std::string> release{"6.1.0-test", 0};         ///< of the kernel
    answer<std::uint64_t> slack{50'000, 0};               ///< of the calling thread, in nanoseconds
    answer<int> policy{SCHED_OTHER, 0};                   ///< of every thread
    answer<bool> counter{true, 0};                        ///< PR_GET_TSC
    answer<bool> user_space_clock{true, 0};               ///< without_system_call
    const void* vdso = nullptr;                           ///< the vDSO's ELF header
    int system_calls = 0;                                 ///< clock_gettime by system call so far
  };
  inline static state now{};

  static void reset() { now = state{}; }

  [[nodiscard]] static int clock_gettime(clockid_t id, timespec& out) noexcept {
    ++now.system_calls;
    return get(now.clocks, id, EINVAL, out);
  }
  [[nodiscard]] static int clock_getres(clockid_t id, timespec& out) noexcept {
    return get(now.resolutions, id, EINVAL, out);
  }
  [[nodiscard]] static const void* vdso_base() noexcept { return now.vdso; }
  [[nodiscard]] static int without_system_call(clock_gettime_function, clockid_t, bool& answered) noexcept {
    return give(now.user_space_clock, answered);
  }
  [[nodiscard]] static int timer_slack(std::uint64_t& out) noexcept { return give(now.slack, out); }
  /// As Linux does it: 0 means the default.
  [[nodiscard]] static int set_timer_slack(std::uint64_t nanoseconds) noexcept {
    if (now.slack.error == 0) now.slack.value = nanoseconds == 0 ? 50'000 : nanoseconds;
    return now.slack.error;
  }
  [[nodiscard]] static int scheduling_policy(pid_t, int& out) noexcept { return give(now.policy, out); }
  [[nodiscard]] static int counter_allowed(bool& out) noexcept { return give(now.counter, out); }

  [[nodiscard]] static int read_file(const char* path, std::string& out, std::size_t limit) {
    std::string content;
    if (const int error = get(now.files, std::string(path), ENOENT, content); error != 0) return error;
    if (content.size() > limit) return EFBIG;
    out = std::move(content);
    return 0;
  }
  [[nodiscard]] static int write_file(const char* path, const std::string& text) {
    if (const auto e = now.write_errors.find(path); e != now.write_errors.end()) return e->second;
    const auto file = now.files.find(path);
    if (file == now.files.end()) return ENOENT;
    file->second.value = text;
    return 0;
  }
  /// The names directly below `path` of all files there are.
  [[nodiscard]] static int list_directory(const char* path, std::vector<std::string>& out) {
    const std::string prefix = std::string(path) + "/";
    std::vector<std::string> names;
    for (const auto& [name, content] : now.files) {
      if (name.compare(0, prefix.size(), prefix) != 0) continue;
      std::string entry = name.substr(prefix.size(), name.find('/', prefix.size()) - prefix.size());
      if (names.empty() || names.back() != entry) names.push_back(std::move(entry));
    }
    if (names.empty()) return ENOENT;
    out = std::move(names);
    return 0;
  }
  [[nodiscard]] static int kernel_log(std::string& out) { return give(now.log, out); }
  [[nodiscard]] static int kernel_release(std::string& out) { return give(now.release, out); }

private:
  template <class T> static int give(const answer<T>& a, T& out) {
    if (a.error == 0) out = a.value;
    return a.error;
  }
  template <class Map, class Key> static int get(const Map& map, const Key& key, int absent, auto& out) {
    const auto found = map.find(key);
    return found == map.end() ? absent : give(found->second, out);
  }
};

} // namespace takt::inline TAKT_ABI::testing
