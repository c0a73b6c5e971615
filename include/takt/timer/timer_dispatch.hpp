/// timer_dispatch.hpp - timers and how they are called back: the lock, the pass over what is open, cancellation. A part
/// of scheduler.hpp.
///
/// Knows neither clock nor kernel: whoever owns it says what time it is. At most one pass goes on at a time, and in it
/// one callback, which runs without the lock: it and other threads may do to any timer what they like.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/timer/periodic.hpp>
#include <takt/timer/scheduler_statistics.hpp>
#include <takt/timer/wheel.hpp>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

/// What became of a timer. A timer that is armed while its callback runs is `running` until that returns.
enum class timer_status {
  idle,      ///< was never armed, or its handle is empty
  pending,   ///< the callback will run
  running,   ///< the callback runs
  ran,       ///< the callback has run and will not again
  cancelled, ///< the callback will not run (again)
};

/// Why a callback is called, for one that wants to know: `timers.every(1s, 100ms, [](const auto& event) { ... })`.
template <class TimePoint> struct timer_event {
  TimePoint earliest;   ///< the window
  TimePoint latest;
  TimePoint now;        ///< when the wake-up began that serves it
  std::uint64_t missed; ///< cycles of every() that were given up since the callback before
};

/// What can be called back.
template <class F, class Event>
concept timer_callback = std::invocable<F&> || std::invocable<F&, const Event&>;

/// For a scheduler that one thread alone uses: no lock, and no waiting for callbacks of other threads.
struct no_mutex {
  void lock() noexcept {}
  void unlock() noexcept {}
};

namespace detail {

/// A callback's view of why it is called, in nanoseconds.
struct occasion {
  timer_wheel::window window;
  timer_wheel::time now;
  std::uint64_t missed;
};

struct scheduled;
struct counted;
struct exception_handler;
template <class Mutex, class Os> class timer_dispatch;

// definitions

/// A timer. The state changes with the lock held. A timer that is neither armed nor running is not touched by any other
/// thread: its last store to `state` releases what came before.
struct scheduled : timer_wheel::node {
  static constexpr std::uint8_t armed = 1, running = 2, ran = 4, cancelled = 8, is_counted = 16;
  static constexpr std::uint8_t unwanted = 32; ///< somebody waits to cancel it: its callback cannot arm it any more
  /// Calls back; a null occasion asks a counted timer to destroy itself.
  using function = void (*)(scheduled&, const occasion*);

  scheduled(function f, std::uint8_t kind, unsigned fork_count) noexcept : state(kind), forks(fork_count), call(f) {}

  [[nodiscard]] bool has(unsigned bits, std::memory_order order = std::memory_order_relaxed) const noexcept {
    return (state.load(order) & bits) != 0;
  }
  void change(unsigned clear, unsigned set, std::memory_order order = std::memory_order_relaxed) noexcept {
    const unsigned now = state.load(std::memory_order_relaxed);
    state.store(static_cast<std::uint8_t>((now & ~clear) | set), order);
  }
  [[nodiscard]] timer_status status() const noexcept {
    const unsigned s = state.load(std::memory_order_acquire);
    if ((s & running) != 0) return timer_status::running;
    if ((s & armed) != 0) return timer_status::pending;
    if ((s & cancelled) != 0) return timer_status::cancelled;
    return (s & ran) != 0 ? timer_status::ran : timer_status::idle;
  }

  std::atomic<std::uint8_t> state;
  const std::uint32_t forks; ///< between the first process and the one that made it
  function call;
};

/// A timer on the heap that lives as long as a handle, the wheel or its running callback needs it.
struct counted : scheduled {
  counted(function f, unsigned fork_count) noexcept : scheduled(f, is_counted, fork_count) {}

  /// Slack of a period or more counts as just below it: no cycle meets the next.
  [[nodiscard]] std::int64_t limited(std::int64_t wanted) const noexcept {
    return period != 0 && wanted >= period ? period - 1 : wanted;
  }
  void keep() noexcept { owners.fetch_add(1, std::memory_order_relaxed); }
  void release(std::uint32_t shares = 1) {
    // Whoever destroys it sees what all others did to it.
    if (owners.fetch_sub(shares, std::memory_order_acq_rel) == shares) call(*this, nullptr);
  }

  std::atomic<std::uint32_t> owners{1};
  overrun policy = overrun::skip;
  std::int64_t period = 0; ///< 0: once
  std::int64_t slack = 0;
  std::uint64_t missed = 0; ///< cycles that were given up since the last callback
};

/// Effects: moves `open` on to the window of the next cycle; `missed` grows by the cycles given up.
/// Returns: whether there is one, before the end of time.
[[nodiscard]] constexpr bool next_cycle(timer_wheel::window& open, std::int64_t period, std::int64_t slack,
                                        overrun policy, std::int64_t now, std::uint64_t& missed) noexcept {
  constexpr int128 end_of_time = std::numeric_limits<std::int64_t>::max();
  const int128 first = static_cast<int128>(open.earliest) + period;
  int128 next = first;
  if (next + slack < now) { // it has closed already
    const int128 passed = static_cast<int128>(now) - first;
    if (policy == overrun::report) next += passed / period * period;
    else if (policy == overrun::skip) next += (passed - slack + period - 1) / period * period;
    missed += static_cast<std::uint64_t>((next - first) / period);
  }
  if (next > end_of_time) return false;
  const int128 latest = next + slack;
  open = {static_cast<std::int64_t>(next), static_cast<std::int64_t>(latest < end_of_time ? latest : end_of_time)};
  return true;
}

/// Where the exceptions of callbacks go.
struct exception_handler {
  virtual void operator()(std::exception_ptr) noexcept = 0;
  virtual ~exception_handler() = default;
};
template <class F> struct exception_function final : exception_handler {
  explicit exception_function(F&& g) : f(std::move(g)) {}
  void operator()(std::exception_ptr e) noexcept override { f(std::move(e)); }
  F f;
};

/// Functions that say "with the lock" want the caller to hold the result of locked().
template <class Mutex, class Os> class timer_dispatch {
public:
  using time = timer_wheel::time;
  using window = timer_wheel::window;
  using lock = std::unique_lock<Mutex>;
  static constexpr bool shared = !std::is_same_v<Mutex, no_mutex>;

  explicit timer_dispatch(time now) noexcept : wheel(now) {}
  timer_dispatch(const timer_dispatch&) = delete;
  timer_dispatch& operator=(const timer_dispatch&) = delete;
  /// Cancels the timers that are still armed. Precondition: no pass is going on, here or in another thread.
  ~timer_dispatch();

  /// Whether this is the copy that a fork made. The other threads of the parent may have left anything half done in it,
  /// the lock as well: it is not touched any more.
  [[nodiscard]] bool inert() const noexcept { return Os::fork_count() != forks_; }
  [[nodiscard]] static unsigned fork_count() noexcept { return Os::fork_count(); }
  /// Whether there is anything to cancel or to move. If not, the scheduler may be gone and must not be looked at; in a
  /// forked child it may be gone without having told its timers.
  [[nodiscard]] static bool alive(const scheduled& t) noexcept {
    return t.has(scheduled::armed | scheduled::running, std::memory_order_acquire) && Os::fork_count() == t.forks;
  }
  [[nodiscard]] lock locked() const { return lock(mutex_); }
  /// With the lock.
  [[nodiscard]] bool in_pass() const noexcept { return in_pass_; }
  /// Whether this thread is in a callback. With the lock.
  [[nodiscard]] bool in_callback() const noexcept { return in_pass_ && pass_thread_ == this_thread(); }
  /// Whether the callback of `t` is what this thread is in. With the lock.
  [[nodiscard]] bool in_callback_of(const scheduled& t) const noexcept { return running_ == &t && in_callback(); }

  /// Arms or moves. Returns: whether it was pending. With the lock.
  bool arm(scheduled& t, window w) noexcept;
  /// Returns: whether there was a callback to come that will not come now. Once it returns no callback of `t` runs, but
  /// the one that called it. Precondition: alive(t) a moment ago.
  bool cancel(scheduled& t);
  /// The same for a timer that is about to vanish.
  void bury(scheduled& t);

  /// Follows a clock that may have been set back: what had its time comes again, but cycles of every() that ran already
  /// go on within a period, rather than stand still until the clock is where it was. With the lock.
  void follow(time now) {
    if (now < wheel.now() && !in_pass_) [[unlikely]] set_back(now);
  }
  /// Calls back whatever is open at `now`; `read` tells the time after a callback. With the lock, which it gives up
  /// while callbacks run, and does not take again in a child that a callback forked.
  /// Returns: how many there were; none if a pass is going on already.
  template <class Read> std::size_t pass(lock& hold, time now, const Read& read);

  timer_wheel wheel;
  scheduler_statistics statistics;
  exception_handler* handler = nullptr;   ///< owned; set before there are timers
  std::vector<std::exception_ptr> thrown; ///< by callbacks, and not passed on yet
  std::exception_ptr thrown_in_child;     ///< by the callback that forked, after it did

private:
  /// An address that no other thread has.
  [[nodiscard]] static const void* this_thread() noexcept {
    static thread_local const char here = 0;
    return &here;
  }
  [[gnu::cold]] void set_back(time now);
  void wait_for_callback(lock& hold) noexcept;
  void call(lock& hold, scheduled& t, const occasion& why) noexcept;
  template <class Read> void finish(lock& hold, scheduled& t, const Read& read);

  mutable Mutex mutex_;
  const unsigned forks_ = Os::fork_count();
  bool in_pass_ = false;
  scheduled* running_ = nullptr;        // whose callback runs,
  const void* pass_thread_ = nullptr;   // and where
  std::uint64_t runs_ = 0;              // callbacks that have returned
  unsigned waiting_ = 0;                // threads that wait for one to return,
  std::atomic<std::uint32_t> ended_{0}; // on this
};

template <class Mutex, class Os> timer_dispatch<Mutex, Os>::~timer_dispatch() {
  if (inert()) return; // what the child's copy holds stays where it is
  while (timer_wheel::node* const n = wheel.take_any()) {
    auto& t = static_cast<scheduled&>(*n);
    const bool on_heap = t.has(scheduled::is_counted);
    t.change(scheduled::armed, scheduled::cancelled, std::memory_order_release);
    if (on_heap) static_cast<counted&>(t).release();
  }
  delete handler;
}

// Inlined, or g++ would pass the window in two registers, store it, and wait for the two stores to load it as one
// vector.
template <class Mutex, class Os>
[[gnu::always_inline]] inline bool timer_dispatch<Mutex, Os>::arm(scheduled& t, window w) noexcept {
  if (t.has(scheduled::armed)) return wheel.move(t, w, shared), true;
  wheel.add(t, w);
  if (t.has(scheduled::is_counted)) static_cast<counted&>(t).keep();
  t.change(scheduled::cancelled, scheduled::armed);
  return false;
}

template <class Mutex, class Os> bool timer_dispatch<Mutex, Os>::cancel(scheduled& t) {
  bool prevented = false;
  std::uint32_t shares = 0; // that the wheel had
  lock hold = locked();
  const bool on_heap = t.has(scheduled::is_counted);
  for (;;) {
    const bool runs = running_ == &t;
    const bool goes_on = runs && on_heap && static_cast<counted&>(t).period != 0 && !t.has(scheduled::cancelled);
    if (t.has(scheduled::armed)) wheel.remove(t), ++shares, prevented = true;
    if (goes_on) prevented = true;
    if (prevented) t.change(scheduled::armed, scheduled::cancelled, std::memory_order_release);
    if (!shared || !runs || in_callback()) break;
    const bool before = t.has(scheduled::cancelled);
    t.change(0, scheduled::unwanted);
    wait_for_callback(hold);
    prevented |= !before && t.has(scheduled::cancelled);
  }
  hold.unlock();
  if (on_heap && shares != 0) static_cast<counted&>(t).release(shares);
  return prevented;
}

template <class Mutex, class Os> void timer_dispatch<Mutex, Os>::bury(scheduled& t) {
  cancel(t);
  const lock hold = locked();
  if (running_ == &t) running_ = nullptr; // destroyed by its own callback: the pass must not look back
}

/// Returns when the callback that runs has returned.
template <class Mutex, class Os> void timer_dispatch<Mutex, Os>::wait_for_callback(lock& hold) noexcept {
  for (const std::uint64_t run = runs_; runs_ == run;) {
    const std::uint32_t seen = ended_.load(std::memory_order_relaxed);
    ++waiting_;
    hold.unlock();
    static_cast<void>(Os::wait_until(ended_, seen, CLOCK_MONOTONIC, to_timespec(std::chrono::nanoseconds::max())));
    hold.lock();
    --waiting_;
  }
}

template <class Mutex, class Os> void timer_dispatch<Mutex, Os>::set_back(time now) {
  timer_wheel::link* all = nullptr;
  while (timer_wheel::node* const n = wheel.take_any()) n->next = std::exchange(all, n);
  wheel.set_back(now);
  while (all != nullptr) {
    auto& t = static_cast<scheduled&>(static_cast<timer_wheel::node&>(*std::exchange(all, all->next)));
    window w = t.open;
    const std::int64_t period = t.has(scheduled::is_counted) ? static_cast<counted&>(t).period : 0;
    if (period != 0 && t.has(scheduled::ran) && static_cast<int128>(w.earliest) - now > period) {
      const int128 by = (static_cast<int128>(w.earliest) - now - 1) / period * period;
      w = {static_cast<time>(w.earliest - by), static_cast<time>(w.latest - by)};
    }
    wheel.add(t, w);
  }
}

template <class Mutex, class Os>
template <class Read>
std::size_t timer_dispatch<Mutex, Os>::pass(lock& hold, time now, const Read& read) {
  if (in_pass_) return 0;
  in_pass_ = true;
  pass_thread_ = this_thread();
  std::size_t fired = 0;
  wheel.pass_to(now);
  now = wheel.now(); // later, if somebody saw a later time already: then it has come
  while (timer_wheel::node* const n = wheel.next()) {
    auto& t = static_cast<scheduled&>(*n);
    ++fired;
    statistics.fired(t.open.earliest, t.open.latest, now);
    occasion why{t.open, now, 0};
    if (t.has(scheduled::is_counted)) why.missed = std::exchange(static_cast<counted&>(t).missed, 0);
    t.change(scheduled::armed, scheduled::running);
    running_ = &t;
    call(hold, t, why);
    if (inert()) return fired; // the callback forked, and this is the child
    ++runs_;
    const bool survived = std::exchange(running_, nullptr) != nullptr;
    if (waiting_ != 0) {
      ended_.fetch_add(1, std::memory_order_relaxed); // the lock orders everything else
      Os::wake_all(ended_);
    }
    if (survived) finish(hold, t, read);
  }
  in_pass_ = false;
  statistics.woke(fired);
  return fired;
}

template <class Mutex, class Os>
void timer_dispatch<Mutex, Os>::call(lock& hold, scheduled& t, const occasion& why) noexcept {
  hold.unlock();
  std::exception_ptr e;
#if TAKT_EXCEPTIONS
  try {
    t.call(t, &why);
  } catch (...) {
    e = std::current_exception();
  }
#else
  t.call(t, &why);
#endif
  if (e != nullptr && handler != nullptr) (*handler)(std::exchange(e, nullptr));
  if (inert()) return void(thrown_in_child = std::move(e));
  hold.lock();
  if (e != nullptr) thrown.push_back(std::move(e)); // without memory for it, the program ends here
}

template <class Mutex, class Os>
template <class Read>
void timer_dispatch<Mutex, Os>::finish(lock& hold, scheduled& t, const Read& read) {
  if (t.has(scheduled::unwanted)) [[unlikely]] {
    if (t.has(scheduled::armed)) {
      wheel.remove(t);
      if (t.has(scheduled::is_counted)) static_cast<counted&>(t).owners.fetch_sub(1, std::memory_order_relaxed);
      t.change(scheduled::armed, scheduled::cancelled);
    }
    t.change(scheduled::unwanted, 0);
  }
  if (!t.has(scheduled::is_counted)) return t.change(scheduled::running, scheduled::ran, std::memory_order_release);
  auto& c = static_cast<counted&>(t);
  // Cycles that were moved meanwhile begin with the window they were given: none of those ran.
  const unsigned was = c.period != 0 && c.has(scheduled::armed) ? 0U : scheduled::ran;
  if (c.period != 0 && !c.has(scheduled::armed | scheduled::cancelled)) {
    const std::uint64_t before = c.missed;
    timer_wheel::window next = c.open;
    const bool goes_on = next_cycle(next, c.period, c.slack, c.policy, read(), c.missed);
    statistics.missed(c.missed - before);
    if (goes_on) {
      wheel.add(c, next); // and the wheel owns it as the pass did
      return c.change(scheduled::running, scheduled::ran | scheduled::armed, std::memory_order_release);
    }
  }
  c.change(scheduled::running, was, std::memory_order_release);
  if (c.owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  hold.unlock(); // what the callback holds may do anything when it dies
  c.call(c, nullptr);
  hold.lock();
}

} // namespace detail

} // namespace takt::inline TAKT_ABI
