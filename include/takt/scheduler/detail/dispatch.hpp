/// dispatch.hpp - how timers are called back: the lock, the pass over what is open, cancellation. A part of
/// scheduler.hpp.
///
/// It knows neither clock nor kernel: its owner passes the time. At most one pass goes on at a time, and in it one
/// callback, which runs without the lock, so that it and other threads may use any timer.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/detail/exchange.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/scheduler/statistics.hpp>
#include <takt/scheduler/timer_event.hpp>
#include <takt/scheduler/detail/scheduled.hpp>
#include <takt/scheduler/detail/wheel.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>

namespace takt::inline TAKT_ABI::detail {

// synopsis
struct exception_handler;
class kept_exceptions;
struct stop_request;
struct pass_frame;
template <class Mutex, class Os> class timer_dispatch;

// definitions

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

/// The exceptions that callbacks threw and that have not left fire() or run() yet. Keeping one allocates nothing,
/// because a callback may throw for want of memory.
class kept_exceptions {
public:
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] bool full() const noexcept { return count_ == max; }
  /// Precondition: not full.
  void add(std::exception_ptr e) noexcept { kept_[count_++] = std::move(e); }
  /// Returns: the oldest, which is no longer kept; null if there is none.
  [[nodiscard]] std::exception_ptr take() noexcept {
    if (empty()) return nullptr;
    std::exception_ptr oldest = std::move(kept_[0]);
    --count_;
    for (unsigned i = 0; i < count_; ++i) kept_[i] = std::move(kept_[i + 1]);
    return oldest;
  }

private:
  static constexpr unsigned max = 16; ///< enough for most wake-ups; a pass that fills it ends early
  std::exception_ptr kept_[max];
  unsigned count_ = 0;
};

/// What a request to stop does to the loop that runs.
struct stop_request {
  void* loop;
  void (*rouse)(void* loop);
  void operator()() const { rouse(loop); }
};
/// Its type is completed for callers alone: that instantiates 140 class templates.
using stop_registration = std::optional<std::stop_callback<stop_request>>;
template <class Registration> void end(Registration& stops) noexcept { stops.reset(); }

/// What a pass leaves on the stack of its caller. After `left` the caller must not touch the scheduler: a callback has
/// destroyed it, or has forked and this is the child.
struct pass_frame {
  bool left = false;
  bool orphaned = false;      ///< the scheduler is gone, and the timer whose callback runs belongs to the pass alone
  std::exception_ptr thrown;  ///< what that callback threw
  stop_registration* stops = nullptr; ///< ends with the scheduler: a request that comes after that must not reach it
};

/// Functions that say "with the lock" require that the caller holds the result of locked().
template <class Mutex, class Os> class timer_dispatch {
public:
  using time = timer_wheel::time;
  using window = timer_wheel::window;
  using lock = std::unique_lock<Mutex>;
  static constexpr bool shared = !std::is_same_v<Mutex, no_mutex>;

  explicit timer_dispatch(time now) noexcept : wheel(now) {}
  timer_dispatch(const timer_dispatch&) = delete;
  timer_dispatch& operator=(const timer_dispatch&) = delete;
  /// Cancels the timers that are still armed. Precondition: no pass is going on, except that of the callback that
  /// destroys it.
  ~timer_dispatch();

  /// Returns: whether this is the copy that a fork made. Other threads of the parent may have left anything in it half
  /// done, the lock included, so nothing of it is used any more.
  [[nodiscard]] bool inert() const noexcept { return Os::forked_since(forks_); }
  [[nodiscard]] static unsigned fork_count() noexcept { return Os::fork_count(); }
  /// Returns: the fork_count() of the process that made the scheduler.
  [[nodiscard]] unsigned forks() const noexcept { return forks_; }
  /// Returns: whether there is anything to cancel or to move. If not, the scheduler may be gone and must not be
  /// touched; in a forked child it may be gone although its timers seem armed.
  [[nodiscard]] static bool alive(const scheduled& t) noexcept {
    return alive(t.state_word.load(std::memory_order_acquire));
  }
  [[nodiscard]] static bool alive(std::uint64_t word) noexcept {
    return (word & (scheduled::armed | scheduled::running)) != 0 && own(word);
  }
  /// `word`: the word of a timer. Returns: whether this process made its scheduler, and not one that it was forked
  /// from.
  [[nodiscard]] static bool own(std::uint64_t word) noexcept {
    return is_of(word, Os::fork_mark()) || own_slowly(word);
  }
  [[nodiscard]] lock locked() const { return lock(mutex_); }
  /// Returns: whether a pass is going on. With the lock.
  [[nodiscard]] bool in_pass() const noexcept { return in_pass_; }
  /// Returns: whether this thread is in a callback. With the lock.
  [[nodiscard]] bool in_callback() const noexcept { return in_pass_ && pass_thread_ == std::this_thread::get_id(); }
  /// Returns: whether this thread is in the callback of `t`. With the lock.
  [[nodiscard]] bool in_callback_of(const scheduled& t) const noexcept { return running_ == &t && in_callback(); }

  /// Effects: arms `t`, or moves it if it is pending. Returns: whether it was pending. With the lock.
  bool arm(scheduled& t, window w) noexcept;
  /// Effects: cancels `t`. When it returns, no callback of `t` runs except one that called it.
  /// Returns: whether this prevented a callback. Precondition: alive(t) was true just before.
  bool cancel(scheduled& t);
  /// Effects: as cancel(), for a timer whose word `word` is only_armed(). With the lock. Returns: true.
  bool cancel_armed(scheduled& t, std::uint64_t word) noexcept {
    wheel.remove_quickly(t);
    t.state_word.store(word ^ (scheduled::armed | scheduled::cancelled), std::memory_order_release);
    return true;
  }
  /// Effects: takes the lock; cancels `t`, if its word is still `word`, which is only_armed(). Returns: whether it was.
  [[nodiscard]] bool cancel_if_unchanged(scheduled& t, std::uint64_t word) {
    const std::lock_guard hold(mutex_);
    return t.load() == word && cancel_armed(t, word);
  }
  /// Effects: cancels `t`, which is about to be destroyed, as cancel() does.
  void bury(scheduled& t);

  /// Effects: follows a clock that may have been set back. What was due becomes due again, but cycles of every() that
  /// have run go on within a period instead of waiting until the clock is where it was. With the lock.
  void follow(time now) {
    if (now < wheel.now() && !in_pass_) [[unlikely]] set_back(now);
  }
  /// Effects: calls back what is open at `now`, in the order of the due times, `limit` timers at most; `read` returns
  /// the time after a callback. With the lock, which it releases while callbacks run, and does not take again after
  /// frame.left.
  /// Returns: how many timers were called back; 0 if a pass is going on already.
  template <class Read>
  TAKT_UNWINDS std::size_t pass(lock& hold, time now, const Read& read, std::size_t limit, pass_frame& frame);

  timer_wheel wheel;
  scheduler_counts statistics;
  exception_handler* handler = nullptr; ///< owned; set before there are timers
  kept_exceptions thrown;

private:
  [[nodiscard]] static bool is_of(std::uint64_t word, unsigned count) noexcept {
    return static_cast<std::uint8_t>(count) == static_cast<std::uint8_t>(word >> scheduled::forks_shift);
  }
  /// Returns: as own(), also where fork_mark() does not know this process yet: see forked_since().
  [[nodiscard, gnu::cold, gnu::noinline]] static bool own_slowly(std::uint64_t word) noexcept {
    return is_of(word, Os::fork_count());
  }
  [[gnu::cold]] void set_back(time now);
  void wait_for_callback(lock& hold) noexcept;
  /// Returns: whether a callback has forked, and this is the child: then the rest of the pass is the parent's.
  bool leave_after_fork(pass_frame& frame) noexcept {
    if (!inert()) return false;
    frame_ = nullptr; // what the child does with its copy comes after this pass
    return frame.left = true;
  }
  TAKT_UNWINDS void call(lock& hold, scheduled& t, const occasion& why, pass_frame& frame) noexcept;
  template <class Read> void finish(lock& hold, scheduled& t, const Read& read, pass_frame& frame);

  mutable Mutex mutex_;
  const unsigned forks_ = Os::fork_count();
  bool in_pass_ = false;
  scheduled* running_ = nullptr;        // the timer whose callback runs
  std::thread::id pass_thread_;         // the thread of the pass; an inline thread_local is not the same in all images
  pass_frame* frame_ = nullptr;         // the frame of the pass, unless the pass has left
  std::uint64_t runs_ = 0;              // callbacks that have returned
  unsigned waiting_ = 0;                // threads that wait for a callback to return
  std::atomic<std::uint32_t> ended_{0}; // the word on which they wait
};

template <class Mutex, class Os> timer_dispatch<Mutex, Os>::~timer_dispatch() {
  const bool in_own_callback = frame_ != nullptr && in_callback();
  if (in_own_callback) {
    frame_->left = true;
    if (frame_->stops != nullptr) detail::end(*frame_->stops);
  }
  if (inert()) return; // what the child's copy holds stays where it is
  while (timer_wheel::node* const n = wheel.take_any()) {
    auto& t = static_cast<scheduled&>(*n);
    const bool on_heap = t.has(scheduled::is_counted);
    t.change(scheduled::armed, scheduled::cancelled, std::memory_order_release);
    if (on_heap) static_cast<counted&>(t).release();
  }
  if (in_own_callback && running_ != nullptr) {
    frame_->orphaned = true;
    running_->change(scheduled::armed | scheduled::running, scheduled::cancelled, std::memory_order_release);
  }
  delete handler;
}

template <class Mutex, class Os> bool timer_dispatch<Mutex, Os>::arm(scheduled& t, window w) noexcept {
  const std::uint64_t word = t.load();
  if ((word & scheduled::armed) != 0) return wheel.move(t, w, word), true;
  if ((word & scheduled::is_counted) != 0) static_cast<counted&>(t).keep();
  wheel.add(t, w, scheduled::when_armed(word));
  return false;
}

template <class Mutex, class Os> bool timer_dispatch<Mutex, Os>::cancel(scheduled& t) {
  lock hold = locked();
  // Most of those that are not as they were seen before the lock: a node that bounds others, or was moved meanwhile.
  if (const std::uint64_t word = t.load(); scheduled::only_armed(word & ~timer_wheel::node::front)) {
    wheel.remove(t, word);
    t.change(scheduled::armed, scheduled::cancelled, std::memory_order_release);
    return true;
  }
  bool prevented = false;
  std::uint32_t shares = 0; // the shares of ownership that the wheel had
  const bool on_heap = t.has(scheduled::is_counted);
  for (;;) {
    const bool runs = running_ == &t;
    const bool goes_on = runs && on_heap && static_cast<counted&>(t).period != 0 && !t.has(scheduled::cancelled);
    if (t.has(scheduled::armed)) wheel.remove(t, t.load()), ++shares, prevented = true;
    if (goes_on) prevented = true;
    if (prevented) t.change(scheduled::armed, scheduled::cancelled, std::memory_order_release);
    const bool other_thread = shared && runs && !in_callback();
    // A node that its own callback cancels may be armed again there; a timer behind a handle may not.
    if (runs && (on_heap || other_thread)) t.change(0, scheduled::unwanted);
    if (!other_thread) break;
    const bool before = t.has(scheduled::cancelled);
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
  if (running_ == &t) running_ = nullptr; // destroyed by its own callback: the pass must not touch it again
}

/// Effects: returns when the callback that runs now has returned.
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
  while (timer_wheel::node* const n = wheel.take_any()) n->next = detail::exchange(all, n);
  wheel.set_back(now);
  while (all != nullptr) {
    auto& t = static_cast<scheduled&>(static_cast<timer_wheel::node&>(*detail::exchange(all, all->next)));
    window w = t.open;
    const std::int64_t period = t.has(scheduled::is_counted) ? static_cast<counted&>(t).period : 0;
    if (period != 0 && t.has(scheduled::ran) && static_cast<int128>(w.earliest) - now > period) {
      const int128 by = (static_cast<int128>(w.earliest) - now - 1) / period * period;
      w = {static_cast<time>(w.earliest - by), static_cast<time>(w.latest - by)};
    }
    wheel.restore(t, w);
  }
}

template <class Mutex, class Os>
template <class Read>
TAKT_UNWINDS std::size_t timer_dispatch<Mutex, Os>::pass(lock& hold, time now, const Read& read, std::size_t limit,
                                                         pass_frame& frame) {
  if (in_pass_) return 0;
  in_pass_ = true;
  pass_thread_ = std::this_thread::get_id();
  frame_ = &frame;
  std::size_t fired = 0;
  wheel.pass_to(now);
  now = wheel.now(); // an earlier pass may have been given a later time, which has come
  while (fired != limit && !thrown.full()) {
    timer_wheel::node* const n = wheel.next();
    if (n == nullptr) break;
    auto& t = static_cast<scheduled&>(*n);
    ++fired;
    statistics.called_back(t.open.earliest, t.open.latest, now);
    occasion why{t.open, now, 0};
    if (t.has(scheduled::is_counted)) why.missed = detail::exchange(static_cast<counted&>(t).missed, 0);
    t.change(scheduled::armed, scheduled::running);
    running_ = &t;
    call(hold, t, why, frame);
    if (frame.left) return fired;
    ++runs_;
    const bool survived = detail::exchange(running_, nullptr) != nullptr;
    if (waiting_ != 0) {
      ended_.fetch_add(1, std::memory_order_relaxed); // the lock orders everything else
      Os::wake_all(ended_);
    }
    if (survived) finish(hold, t, read, frame);
    if (frame.left) return fired;
  }
  wheel.end_pass();
  frame_ = nullptr;
  in_pass_ = false;
  statistics.woke(fired);
  return fired;
}

template <class Mutex, class Os>
TAKT_UNWINDS void timer_dispatch<Mutex, Os>::call(lock& hold, scheduled& t, const occasion& why,
                                                  pass_frame& frame) noexcept {
  const bool on_heap = t.has(scheduled::is_counted);
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
  if (!frame.left && e != nullptr && handler != nullptr) {
    exception_handler* const kept = detail::exchange(handler, nullptr); // lives on if it destroys the scheduler
    (*kept)(std::move(e));
    if (frame.left) delete kept;
    else handler = kept;
  }
  if (frame.left) { // the callback destroyed the scheduler; a timer that is not on the heap may be gone too
    if (frame.orphaned && on_heap) static_cast<counted&>(t).release();
    return void(frame.thrown = std::move(e));
  }
  if (leave_after_fork(frame)) return void(frame.thrown = std::move(e));
  hold.lock();
  if (e != nullptr) thrown.add(std::move(e));
}

template <class Mutex, class Os>
template <class Read>
void timer_dispatch<Mutex, Os>::finish(lock& hold, scheduled& t, const Read& read, pass_frame& frame) {
  if (t.has(scheduled::unwanted)) [[unlikely]] {
    if (t.has(scheduled::armed)) {
      wheel.remove(t, t.load());
      if (t.has(scheduled::is_counted)) static_cast<counted&>(t).owners.fetch_sub(1, std::memory_order_relaxed);
      t.change(scheduled::armed, scheduled::cancelled);
    }
    t.change(scheduled::unwanted, 0);
  }
  if (!t.has(scheduled::is_counted)) return t.change(scheduled::running, scheduled::ran, std::memory_order_release);
  auto& c = static_cast<counted&>(t);
  // If the callback moved the cycles, they begin again with that window, of which none has run.
  const unsigned was = c.period != 0 && c.has(scheduled::armed) ? 0U : scheduled::ran;
  if (c.period != 0 && !c.has(scheduled::armed | scheduled::cancelled)) {
    const std::uint64_t before = c.missed;
    timer_wheel::window next = c.open;
    const bool goes_on = next_cycle(next, c.period, c.slack, c.policy, read(), c.missed);
    statistics.gave_up(c.missed - before);
    if (goes_on) {
      wheel.add(c, next, c.load() & timer_wheel::node::owners); // the wheel takes over the share of the pass
      return c.change(scheduled::running, scheduled::ran | scheduled::armed, std::memory_order_release);
    }
  }
  c.change(scheduled::running, was, std::memory_order_release);
  if (c.owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  hold.unlock(); // the destructors of what the callback holds may do anything, destroy the scheduler too
  c.call(c, nullptr);
  if (!frame.left && !leave_after_fork(frame)) hold.lock();
}

} // namespace takt::inline TAKT_ABI::detail
