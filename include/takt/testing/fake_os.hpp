/// fake_os.hpp - an operating system made of maps, for tests of code that is written against the `Os` policy.
///
/// The policy is stateless, so the state of a fake is static, one for each tag type: `using os = fake_os<struct
/// my_test>` shares nothing with any other test. `reset()` empties it. A file that the test has not set gives ENOENT, a
/// clock EINVAL.
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
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI::testing {

/// The operating system of the tests that use `Tag`. A test sets `now`; the functions are those of the policy
/// (kernel/os.hpp) and return 0 or an errno. No function sleeps: time passes in `now` alone.
template <class Tag> struct fake_os {
  using clock_gettime_function = linux_os::clock_gettime_function;

  /// What one path, clock or setting answers: the errno `error`, or `value` if that is 0.
  template <class T> struct answer {
    T value{};
    int error = 0;
  };

  /// A sleep that the code under test asked for.
  struct sleep {
    clockid_t id = 0;
    std::chrono::nanoseconds deadline{};
    std::uint64_t slack = 0; ///< the timer slack of the thread when the sleep began, in nanoseconds
  };
  /// How a sleep ends before its deadline: when the time `after` has passed, with the errno `error`.
  struct early_end {
    std::chrono::nanoseconds after{};
    int error = EINTR;
  };

  /// A timer that is a file descriptor. The first one has the descriptor 100.
  struct timer {
    clockid_t id = 0;
    std::chrono::nanoseconds deadline{}; ///< zero: not armed
    bool cancel_on_set = false;          ///< it reports a step of its clock (TFD_TIMER_CANCEL_ON_SET)
    bool set = false;                    ///< the clock was set, and the timer has not reported that yet
    bool early = false;                  ///< it reports an expiry before its deadline
    bool open = true;
  };

  /// A counter of perf_event_open. The first one has the descriptor 500.
  struct perf_counter {
    detail::perf_request request{};
    int task = 0, cpu = -1, group = -1;
    bool on = false, open = true;
  };
  /// What every counter of one type and config shows.
  struct perf_count {
    std::uint64_t value = 0;
    std::uint64_t enabled = 0, running = 0; ///< nanoseconds
    int error = 0;                          ///< of opening it
  };

  /// Returns: what adjtimex reports while the kernel does not adjust its clocks.
  [[nodiscard]] static timex unsteered() noexcept {
    timex t{};
    t.tick = 10'000;
    return t;
  }

  /// Everything that a test may set, and a record of what the code under test did.
  struct state {
    std::map<std::string, answer<std::string>> files;     ///< the text of each file, by path
    std::map<std::string, linux_os::file_facts> facts;    ///< of files, by path; others are private to the user
    std::map<std::string, int> write_errors;              ///< of writing, by path; other files can be written
    std::map<clockid_t, answer<timespec>> clocks;         ///< what clock_gettime answers
    std::map<clockid_t, answer<timespec>> resolutions;    ///< what clock_getres answers
    answer<std::uint64_t> counted{0, 0};                  ///< what counted_ticks() answers, in nanoseconds
    answer<timex> adjtimex{unsteered(), 0};               ///< what adjtimex reports
    int adjtimex_state = TIME_OK;                         ///< the state of the clock that adjtimex returns
    answer<long> adjtime{};                               ///< what is left of a correction by adjtime
    answer<std::string> log{{}, EPERM};                   ///< the kernel's log
    std::map<std::pair<std::uint32_t, std::uint64_t>, perf_count> perf_counts; ///< by type and config; others: ENOENT
    std::vector<perf_counter> perf_counters;              ///< all counters that were opened so far
    int perf_read_error = 0;                              ///< the error of reading a counter
    const detail::perf_page* perf_page = nullptr;         ///< the page of each counter; null: it cannot be mapped
    answer<linux_os::perf_clock> perf{{}, EACCES};         ///< what perf's mapped page says of its clock
    answer<std::vector<linux_os::perf_stamp>> perf_stamps{{}, EACCES}; ///< what read_perf_stamps() answers
    const std::uint64_t* vmclock = nullptr;               ///< the page of VMClock; null: there is none
    int vmclock_maps = 0;                                 ///< how many maps of it there are
    std::deque<std::string> uevents;                      ///< the kernel's messages about devices, not taken yet
    int uevents_error = 0;                                ///< of opening a socket for them
    int uevents_sockets = 0;                              ///< how many sockets for them are open
    answer<std::string> release{"6.1.0-test", 0};         ///< the release of the kernel
    answer<std::uint64_t> slack{50'000, 0};               ///< the timer slack of the calling thread, in nanoseconds
    answer<int> policy{SCHED_OTHER, 0};                   ///< the scheduling policy of every thread
    answer<unsigned> cpu{0, 0};                           ///< the number of the CPU that runs the calling thread
    answer<bool> counter{true, 0};                        ///< whether threads may read the counter (PR_GET_TSC)
    answer<bool> user_space_clock{true, 0};               ///< what without_system_call() answers
    int process = 1;                                      ///< this process's number
    answer<unsigned> forks{0, 0};                         ///< the number of forks from the first process to this one
    bool single_threaded = false;                         ///< whether libc knows of no other thread
    unsigned user = 1000;                                 ///< the number of the user who runs this process
    std::map<std::string, std::string> environment;       ///< the environment variables, by name
    const void* vdso = nullptr;                           ///< the vDSO's ELF header; null: there is none
    bool memory_readable = true;                          ///< what can_read() answers, for all of it
    std::map<std::string, answer<std::string>> links;     ///< the targets of symbolic links, by path
    answer<linux_os::scheduling> scheduling{};            ///< of the calling thread; an error is that of setting too
    std::vector<sleep> sleeps;                            ///< all sleeps so far
    std::deque<early_end> early_ends;                     ///< how the coming sleeps end, one each
    std::chrono::nanoseconds latency{};                   ///< from the deadline to the end of a sleep
    std::chrono::nanoseconds reading{};                   ///< by how much each reading of a clock advances all clocks
    std::vector<timer> timers;                            ///< all timers that were made so far
    std::map<clockid_t, int> timer_errors;                ///< the error of timer_open, by clock
    void (*asleep)() = nullptr;                           ///< called inside each sleep, before time passes
    int system_calls = 0;                                 ///< the number of calls of clock_gettime so far
  };
  inline static state now; // not with {}, by which g++ 12 takes a string of it for uninitialised

  /// Effects: resets the fake to its initial state.
  static void reset() {
    state fresh;
    now = std::move(fresh);
  }

  [[nodiscard]] static int clock_gettime(clockid_t id, timespec& out) noexcept {
    ++now.system_calls;
    if (now.reading.count() != 0) advance(now.reading);
    // A coarse clock that the test has not set shows the same time as the fine one, as it does within a tick.
    const clockid_t fine = id == CLOCK_MONOTONIC_COARSE  ? CLOCK_MONOTONIC
                           : id == CLOCK_REALTIME_COARSE ? CLOCK_REALTIME
                                                         : id;
    return get(now.clocks, now.clocks.contains(id) ? id : fine, EINVAL, out);
  }
  [[nodiscard]] static int counted_ticks(std::uint64_t& out) noexcept { return give(now.counted, out); }
  [[nodiscard]] static int clock_getres(clockid_t id, timespec& out) noexcept {
    return get(now.resolutions, id, EINVAL, out);
  }
  [[nodiscard]] static int read_adjtimex(timex& out, int& state) noexcept {
    if (now.adjtimex.error == 0) state = now.adjtimex_state;
    return give(now.adjtimex, out);
  }
  [[nodiscard]] static int adjtime_left(long& out) noexcept { return give(now.adjtime, out); }
  [[nodiscard]] static const void* vdso_base() noexcept { return now.vdso; }
  [[nodiscard]] static int can_read(const void*) noexcept { return now.memory_readable ? 0 : EFAULT; }
  [[nodiscard]] static int without_system_call(clock_gettime_function, clockid_t, bool& answered) noexcept {
    return give(now.user_space_clock, answered);
  }

  /// Effects: advances all clocks by the time that is left until `deadline`, and by `latency`; or as the next of
  /// `early_ends` says.
  [[nodiscard]] static int sleep_until(clockid_t id, timespec deadline) {
    bool reached = false;
    return sleep_in(id, deadline, reached);
  }
  /// Effects: as sleep_until(). An early end with error 0 is a wake-up, which may be spurious.
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
  [[nodiscard]] static int timer_arm(int fd, timespec deadline, bool cancel_on_set) {
    if (!detail::is_canonical(deadline) || deadline.tv_sec < 0) return EINVAL;
    timer& t = of(fd);
    t.deadline = to_nanoseconds(deadline), t.cancel_on_set = cancel_on_set, t.early = false;
    if (!t.set) return 0;
    t.set = false; // as Linux, which arms it and reports the earlier step
    return cancel_on_set ? ECANCELED : 0;
  }
  [[nodiscard]] static int timer_take(int fd) {
    timer& t = of(fd);
    if (t.cancel_on_set && t.set) return t.set = false, ECANCELED;
    if (!readable(t)) return EAGAIN;
    t.early = false, t.deadline = {};
    return 0;
  }
  /// Effects: advances all clocks until the timer expires. After an early end with error 0 the timer reports an expiry
  /// before its deadline.
  [[nodiscard]] static int wait_readable(int fd, const timespec* limit_of_wait) {
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
                                 : detail::saturating_subtract(of(fd).deadline,
                                                               to_nanoseconds(now.clocks[of(fd).id].value));
    const nanoseconds limit = limit_of_wait != nullptr ? to_nanoseconds(*limit_of_wait) : nanoseconds::max();
    if (limit < left) return advance(limit), ETIMEDOUT;
    advance(detail::saturating_add(left, now.latency));
    return 0;
  }
  /// Effects: steps CLOCK_REALTIME, CLOCK_REALTIME_ALARM and CLOCK_TAI by `by`; timers with cancel_on_set report it.
  static void step(std::chrono::nanoseconds by) {
    for (const clockid_t id : {CLOCK_REALTIME, CLOCK_REALTIME_ALARM, CLOCK_TAI}) {
      const auto clock = now.clocks.find(id);
      if (clock == now.clocks.end()) continue;
      clock->second.value = to_timespec(detail::saturating_add(to_nanoseconds(clock->second.value), by));
    }
    for (timer& t : now.timers) t.set = true;
  }

  [[nodiscard]] static int process_id() noexcept { return now.process; }
  [[nodiscard]] static int count_forks() noexcept { return now.forks.error; }
  [[nodiscard]] static unsigned fork_count() noexcept { return now.forks.value + 1; }
  [[nodiscard]] static unsigned fork_mark() noexcept { return fork_count(); }
  [[nodiscard]] static bool forked_since(unsigned count) noexcept { return fork_count() != count; }
  [[nodiscard]] static bool single_threaded() noexcept { return now.single_threaded; }
  [[nodiscard]] static unsigned user_id() noexcept { return now.user; }
  [[nodiscard]] static std::string environment(const char* name) {
    const auto found = now.environment.find(name);
    return found == now.environment.end() ? std::string() : found->second;
  }
  static void wake_all(const std::atomic<std::uint32_t>&) noexcept {}
  /// Effects: advances all clocks by `by`.
  static void advance(std::chrono::nanoseconds by) {
    for (auto& [id, clock] : now.clocks) {
      clock.value = to_timespec(detail::saturating_add(to_nanoseconds(clock.value), by));
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
  /// Effects: as on Linux: 0 sets the default, and under a real-time policy the call succeeds without an effect.
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
  [[nodiscard]] static int read_guarded(const char* path, char* out, std::size_t size, std::size_t& length,
                                        file_facts& facts) {
    std::string content;
    if (const int error = get(now.files, std::string(path), ENOENT, content); error != 0) return error;
    const auto listed = now.facts.find(path);
    facts = listed != now.facts.end() ? listed->second : file_facts{true, now.user, 0600, content.size()};
    length = facts.regular && content.size() <= size ? content.copy(out, size) : 0;
    return 0;
  }
  [[nodiscard]] static int replace_file(const std::string& path, std::string_view text, unsigned permissions) {
    if (const auto e = now.write_errors.find(path); e != now.write_errors.end()) return e->second;
    now.files[path] = {std::string(text), 0};
    now.facts[path] = {true, now.user, permissions, text.size()};
    return 0;
  }
  [[nodiscard]] static int append_file(const std::string& path, std::uint64_t size, std::string_view text) {
    if (const auto e = now.write_errors.find(path); e != now.write_errors.end()) return e->second;
    const auto file = now.files.find(path);
    if (file == now.files.end()) return ENOENT;
    if (file->second.value.size() != size) return ESTALE;
    file->second.value += text;
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
  /// Effects: sets `out` to the names of the files and directories directly below `path`.
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
  using perf_stamp = linux_os::perf_stamp;
  template <class ReadCounter>
  [[nodiscard]] static int read_perf_stamps(ReadCounter, perf_stamp* out, std::size_t size, std::size_t& got) noexcept {
    if (now.perf_stamps.error != 0) return now.perf_stamps.error;
    got = 0;
    for (const perf_stamp& s : now.perf_stamps.value) {
      if (got < size) out[got++] = s;
    }
    return got == 0 ? ENODATA : 0;
  }
  static constexpr int first_perf_counter = 500;
  [[nodiscard]] static int perf_open(const detail::perf_request& wanted, int task, int cpu, int group, int& fd) {
    const auto found = now.perf_counts.find({wanted.type, wanted.config});
    if (found == now.perf_counts.end()) return ENOENT;
    if (found->second.error != 0) return found->second.error;
    fd = first_perf_counter + static_cast<int>(now.perf_counters.size());
    now.perf_counters.push_back({wanted, task, cpu, group, (wanted.flags & detail::perf_request::disabled) == 0, true});
    return 0;
  }
  static void perf_close(int fd) { counter_of(fd).open = false; }
  [[nodiscard]] static int perf_enable(int fd, bool on) { return counter_of(fd).on = on, 0; }
  /// Effects: gives the counts in the form that the counter's read_format asks for, alone or as a group.
  [[nodiscard]] static int perf_read(int fd, std::uint64_t* out, std::size_t size, std::size_t& got) {
    if (now.perf_read_error != 0) return now.perf_read_error;
    const auto count_of = [](const perf_counter& c) { return now.perf_counts[{c.request.type, c.request.config}]; };
    const perf_count own = count_of(counter_of(fd));
    std::vector<std::uint64_t> all{own.value, own.enabled, own.running};
    if ((counter_of(fd).request.read_format & detail::perf_request::whole_group) != 0) {
      all = {1, own.enabled, own.running, own.value};
      for (const perf_counter& c : now.perf_counters) {
        if (c.open && c.group == fd) all.push_back(count_of(c).value), ++all[0];
      }
    }
    if (all.size() > size) return ENOSPC;
    for (std::size_t i = 0; i < all.size(); ++i) out[i] = all[i];
    got = all.size();
    return 0;
  }
  [[nodiscard]] static int perf_map(int, const detail::perf_page*& page) noexcept {
    if (now.perf_page == nullptr) return EINVAL;
    page = now.perf_page;
    return 0;
  }
  static void perf_unmap(const detail::perf_page*) noexcept {}
  [[nodiscard]] static int vmclock_map(const std::uint64_t*& page) noexcept {
    if (now.vmclock == nullptr) return ENOENT;
    ++now.vmclock_maps;
    page = now.vmclock;
    return 0;
  }
  static void vmclock_unmap(const std::uint64_t*) noexcept { --now.vmclock_maps; }
  [[nodiscard]] static int uevents_open(int& fd) noexcept {
    if (now.uevents_error != 0) return now.uevents_error;
    ++now.uevents_sockets;
    fd = 900;
    return 0;
  }
  /// Effects: takes the next message. All sockets share one queue.
  [[nodiscard]] static int uevents_take(int, char* out, std::size_t size, std::size_t& length) {
    if (now.uevents.empty()) return EAGAIN;
    const std::string message = std::move(now.uevents.front());
    now.uevents.pop_front();
    length = message.size() <= size ? message.copy(out, size) : 0;
    return 0;
  }
  static void uevents_close(int) noexcept { --now.uevents_sockets; }
  [[nodiscard]] static int kernel_release(std::string& out) { return give(now.release, out); }

private:
  static perf_counter& counter_of(int fd) {
    return now.perf_counters.at(static_cast<std::size_t>(fd - first_perf_counter));
  }
  static timer& of(int fd) { return now.timers.at(static_cast<std::size_t>(fd - first_timer)); }
  static bool readable(const timer& t) {
    if (t.early || (t.cancel_on_set && t.set)) return true;
    const auto clock = now.clocks.find(t.id);
    return t.deadline.count() != 0 && clock != now.clocks.end() && to_nanoseconds(clock->second.value) >= t.deadline;
  }
  static int sleep_in(clockid_t id, timespec deadline, bool& reached) {
    using std::chrono::nanoseconds;
    const auto clock = now.clocks.find(id);
    if (clock == now.clocks.end() || !detail::is_canonical(deadline) || deadline.tv_sec < 0) return EINVAL;
    const nanoseconds until = to_nanoseconds(deadline);
    const nanoseconds left = detail::saturating_subtract(until, to_nanoseconds(clock->second.value));
    now.sleeps.push_back({id, until, now.slack.value});
    if (now.asleep != nullptr) now.asleep();
    reached = now.early_ends.empty();
    if (reached) {
      if (left > nanoseconds::zero()) advance(detail::saturating_add(left, now.latency));
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
