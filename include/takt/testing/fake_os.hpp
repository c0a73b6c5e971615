/// fake_os.hpp - an operating system made of maps, for tests of what is written against the `Os` policy.
///
/// The policy is stateless, so the state of a fake is static and keyed by a tag type: `using os = fake_os<struct my_test>`
/// shares nothing with any other test. `reset()` empties it. A file that is not there gives ENOENT, a clock EINVAL.
///
/// Does not promise: thread safety.
#pragma once
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace takt::inline TAKT_ABI::testing {

template <class Tag> struct fake_os {
  using clock_gettime_function = linux_os::clock_gettime_function;

  /// What one path, clock or setting answers: an error, or else a value.
  template <class T> struct answer {
    T value{};
    int error = 0;
  };

  /// A sleep as the system was asked for it.
  struct sleep {
    clockid_t id = 0;
    std::chrono::nanoseconds deadline{};
    std::uint64_t slack = 0; ///< of the thread, when it began
  };
  /// An end that comes before the deadline: `after` so much time, with this error.
  struct early_end {
    std::chrono::nanoseconds after{};
    int error = EINTR;
  };

  /// A timer that is a file descriptor, 100 for the first.
  struct timer {
    clockid_t id = 0;
    std::chrono::nanoseconds deadline{}; ///< zero: not armed
    bool told = false;                   ///< when somebody sets the clock
    bool set = false;                    ///< somebody did
    bool early = false;                  ///< says that it has expired, whatever the time
    bool open = true;
  };

  /// What adjtimex tells where the kernel leaves its clocks alone.
  [[nodiscard]] static timex unsteered() noexcept {
    timex t{};
    t.tick = 10'000;
    return t;
  }

  struct state {
    std::map<std::string, answer<std::string>> files;     ///< by path
    std::map<std::string, linux_os::file_facts> facts;    ///< by path; what is not listed is a private file of the user's
    std::map<std::string, int> write_errors;              ///< by path; what is not listed can be written if it exists
    std::map<clockid_t, answer<timespec>> clocks;         ///< what clock_gettime answers
    std::map<clockid_t, answer<timespec>> resolutions;    ///< what clock_getres answers
    answer<timex> adjtimex{unsteered(), 0};               ///< what adjtimex tells; the state of the clock is
    int adjtimex_state = TIME_OK;
    answer<long> adjtime{};                               ///< what is left of a correction by adjtime
    answer<std::string> log{{}, EPERM};                   ///< the kernel's log
    answer<linux_os::perf_clock> perf{{}, EACCES};         ///< what a page of perf tells of sched_clock
    answer<std::string> release{"6.1.0-test", 0};         ///< of the kernel
    answer<std::uint64_t> slack{50'000, 0};               ///< of the calling thread, in nanoseconds
    answer<int> policy{SCHED_OTHER, 0};                   ///< of every thread
    answer<unsigned> cpu{0, 0};                           ///< that runs the calling thread
    answer<bool> counter{true, 0};                        ///< PR_GET_TSC
    answer<bool> user_space_clock{true, 0};               ///< without_system_call
    int process = 1;                                      ///< this process's number
    answer<unsigned> forks{0, 0};                         ///< between the first process and this one
    unsigned user = 1000;                                 ///< who runs it
    std::map<std::string, std::string> environment;
    const void* vdso = nullptr;                           ///< the vDSO's ELF header
    std::map<std::string, answer<std::string>> links;     ///< symbolic links, by path
    answer<linux_os::scheduling> scheduling{};            ///< of the calling thread; its error is that of setting too
    std::vector<sleep> sleeps;                            ///< all there were
    std::deque<early_end> early_ends;                     ///< how the coming sleeps end, one each
    std::chrono::nanoseconds latency{};                   ///< from the deadline to the end of a sleep
    std::chrono::nanoseconds reading{};                   ///< how far each reading of a clock moves all of them
    std::vector<timer> timers;                            ///< all there were
    std::map<clockid_t, int> timer_errors;                ///< of timer_open, by clock
    void (*asleep)() = nullptr;                           ///< called inside each sleep, before time passes
    int system_calls = 0;                                 ///< clock_gettime by system call so far
  };
  inline static state now{};

  static void reset() { now = state{}; }

  [[nodiscard]] static int clock_gettime(clockid_t id, timespec& out) noexcept {
    ++now.system_calls;
    if (now.reading.count() != 0) advance(now.reading);
    return get(now.clocks, id, EINVAL, out);
  }
  [[nodiscard]] static int clock_getres(clockid_t id, timespec& out) noexcept {
    return get(now.resolutions, id, EINVAL, out);
  }
  [[nodiscard]] static int read_adjtimex(timex& out, int& state) noexcept {
    if (now.adjtimex.error == 0) state = now.adjtimex_state;
    return give(now.adjtimex, out);
  }
  [[nodiscard]] static int adjtime_left(long& out) noexcept { return give(now.adjtime, out); }
  [[nodiscard]] static const void* vdso_base() noexcept { return now.vdso; }
  [[nodiscard]] static int without_system_call(clock_gettime_function, clockid_t, bool& answered) noexcept {
    return give(now.user_space_clock, answered);
  }

  /// Sleeping moves all the clocks there are, by as much as the one that is slept on has to go.
  [[nodiscard]] static int sleep_until(clockid_t id, timespec deadline) {
    bool reached = false;
    return sleep_in(id, deadline, reached);
  }
  /// An early end without an error is a wake-up, for a reason or for none.
  [[nodiscard]] static int wait_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected, clockid_t id,
                                      timespec deadline) {
    if (id != CLOCK_MONOTONIC && id != CLOCK_REALTIME) return EINVAL;
    if (word.load() != expected) return EAGAIN;
    bool reached = false;
    const int error = sleep_in(id, deadline, reached);
    return reached ? ETIMEDOUT : error;
  }

  static constexpr int first_timer = 100;
  [[nodiscard]] static int timer_open(clockid_t id, int& fd) {
    if (const auto refused = now.timer_errors.find(id); refused != now.timer_errors.end()) return refused->second;
    fd = first_timer + static_cast<int>(now.timers.size());
    now.timers.push_back({id});
    return 0;
  }
  static void timer_close(int fd) noexcept { of(fd).open = false; }
  [[nodiscard]] static int timer_arm(int fd, timespec deadline, bool told) {
    if (!is_canonical(deadline) || deadline.tv_sec < 0) return EINVAL;
    timer& t = of(fd);
    t.deadline = to_nanoseconds(deadline), t.told = told, t.early = false;
    if (!t.set) return 0;
    t.set = false; // Linux arms it, and tells that the clock was set before
    return told ? ECANCELED : 0;
  }
  [[nodiscard]] static int timer_take(int fd) {
    timer& t = of(fd);
    if (t.told && t.set) return t.set = false, ECANCELED;
    if (!readable(t)) return EAGAIN;
    t.early = false, t.deadline = {};
    return 0;
  }
  /// Time passes until the timer expires. An early end without an error is one of the timer, which says that it has.
  [[nodiscard]] static int wait_readable(int fd, const timespec* most) {
    using std::chrono::nanoseconds;
    timer& t = of(fd);
    if (readable(t)) return 0;
    now.sleeps.push_back({t.id, t.deadline, now.slack.value});
    if (now.asleep != nullptr) now.asleep();
    if (readable(of(fd))) return 0;
    if (!now.early_ends.empty()) {
      const early_end end = now.early_ends.front();
      now.early_ends.pop_front();
      advance(end.after);
      if (end.error == 0) of(fd).early = true;
      return end.error;
    }
    const nanoseconds left = of(fd).deadline.count() == 0
                                 ? nanoseconds::max()
                                 : saturating_subtract(of(fd).deadline, to_nanoseconds(now.clocks[of(fd).id].value));
    const nanoseconds limit = most != nullptr ? to_nanoseconds(*most) : nanoseconds::max();
    if (limit < left) return advance(limit), ETIMEDOUT;
    advance(saturating_add(left, now.latency));
    return 0;
  }
  /// Somebody sets CLOCK_REALTIME: it, TAI and their alarm clock move, and timers are told.
  static void step(std::chrono::nanoseconds by) {
    for (const clockid_t id : {CLOCK_REALTIME, CLOCK_REALTIME_ALARM, CLOCK_TAI}) {
      const auto clock = now.clocks.find(id);
      if (clock == now.clocks.end()) continue;
      clock->second.value = to_timespec(saturating_add(to_nanoseconds(clock->second.value), by));
    }
    for (timer& t : now.timers) t.set = true;
  }

  [[nodiscard]] static int process_id() noexcept { return now.process; }
  [[nodiscard]] static int count_forks() noexcept { return now.forks.error; }
  [[nodiscard]] static unsigned fork_count() noexcept { return now.forks.value; }
  [[nodiscard]] static unsigned user_id() noexcept { return now.user; }
  [[nodiscard]] static std::string environment(const char* name) {
    const auto found = now.environment.find(name);
    return found == now.environment.end() ? std::string() : found->second;
  }
  static void wake_all(const std::atomic<std::uint32_t>&) noexcept {}
  /// Moves all the clocks there are.
  static void advance(std::chrono::nanoseconds by) {
    for (auto& [id, clock] : now.clocks) {
      clock.value = to_timespec(saturating_add(to_nanoseconds(clock.value), by));
    }
  }

  [[nodiscard]] static int scheduling_of_thread(linux_os::scheduling& out) noexcept {
    return give(now.scheduling, out);
  }
  [[nodiscard]] static int set_scheduling_of_thread(const linux_os::scheduling& wanted) noexcept {
    if (now.scheduling.error == 0) {
      now.scheduling.value = wanted;
      now.policy.value = static_cast<int>(wanted.policy);
    }
    return now.scheduling.error;
  }
  [[nodiscard]] static int current_cpu(unsigned& out) noexcept { return give(now.cpu, out); }
  [[nodiscard]] static int timer_slack(std::uint64_t& out) noexcept { return give(now.slack, out); }
  /// As Linux does it: 0 means the default, and under a real-time policy it succeeds and does nothing.
  [[nodiscard]] static int set_timer_slack(std::uint64_t nanoseconds) noexcept {
    const bool real_time = now.policy.value == SCHED_FIFO || now.policy.value == SCHED_RR;
    if (now.slack.error == 0 && !real_time) now.slack.value = nanoseconds == 0 ? 50'000 : nanoseconds;
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
  using file_facts = linux_os::file_facts;
  [[nodiscard]] static int read_guarded(const char* path, char* out, std::size_t size, std::size_t& length, file_facts& facts) {
    std::string content;
    if (const int error = get(now.files, std::string(path), ENOENT, content); error != 0) return error;
    const auto told = now.facts.find(path);
    facts = told != now.facts.end() ? told->second : file_facts{true, now.user, 0600, content.size()};
    length = facts.regular && content.size() <= size ? content.copy(out, size) : 0;
    return 0;
  }
  [[nodiscard]] static int replace_file(const std::string& path, std::string_view text, unsigned permissions) {
    if (const auto e = now.write_errors.find(path); e != now.write_errors.end()) return e->second;
    now.files[path] = {std::string(text), 0};
    now.facts[path] = {true, now.user, permissions, text.size()};
    return 0;
  }
  [[nodiscard]] static int read_link(const char* path, char* out, std::size_t size, std::size_t& length) {
    return get_short(now.links, path, ENAMETOOLONG, out, size, length);
  }
  [[nodiscard]] static int read_short(const char* path, char* out, std::size_t size, std::size_t& length) {
    return get_short(now.files, path, EFBIG, out, size, length);
  }
  [[nodiscard]] static int write_file(const char* path, const std::string& text) {
    if (const auto e = now.write_errors.find(path); e != now.write_errors.end()) return e->second;
    const auto file = now.files.find(path);
    if (file == now.files.end()) return ENOENT;
    file->second.value = text;
    if (text.empty() || text.back() != '\n') file->second.value += '\n'; // /proc and /sys show a setting as a line
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
  using perf_clock = linux_os::perf_clock;
  [[nodiscard]] static int read_perf_clock(perf_clock& out) noexcept { return give(now.perf, out); }
  [[nodiscard]] static int kernel_release(std::string& out) { return give(now.release, out); }

private:
  static timer& of(int fd) { return now.timers.at(static_cast<std::size_t>(fd - first_timer)); }
  static bool readable(const timer& t) {
    if (t.early || (t.told && t.set)) return true;
    const auto clock = now.clocks.find(t.id);
    return t.deadline.count() != 0 && clock != now.clocks.end() && to_nanoseconds(clock->second.value) >= t.deadline;
  }
  static int sleep_in(clockid_t id, timespec deadline, bool& reached) {
    using std::chrono::nanoseconds;
    const auto clock = now.clocks.find(id);
    if (clock == now.clocks.end() || !is_canonical(deadline) || deadline.tv_sec < 0) return EINVAL;
    const nanoseconds until = to_nanoseconds(deadline);
    const nanoseconds left = saturating_subtract(until, to_nanoseconds(clock->second.value));
    now.sleeps.push_back({id, until, now.slack.value});
    if (now.asleep != nullptr) now.asleep();
    reached = now.early_ends.empty();
    if (reached) {
      if (left > nanoseconds::zero()) advance(saturating_add(left, now.latency));
      return 0;
    }
    const early_end end = now.early_ends.front();
    now.early_ends.pop_front();
    advance(end.after);
    return end.error;
  }
  template <class T> static int give(const answer<T>& a, T& out) {
    if (a.error == 0) out = a.value;
    return a.error;
  }
  static int get_short(const std::map<std::string, answer<std::string>>& map, const char* path, int too_long, char* out,
                       std::size_t size, std::size_t& length) {
    std::string text;
    if (const int error = get(map, std::string(path), ENOENT, text); error != 0) return error;
    const std::size_t copied = text.copy(out, size);
    if (copied >= size) return too_long;
    length = copied;
    return 0;
  }
  template <class Map, class Key> static int get(const Map& map, const Key& key, int absent, auto& out) {
    const auto found = map.find(key);
    return found == map.end() ? absent : give(found->second, out);
  }
};

} // namespace takt::inline TAKT_ABI::testing
