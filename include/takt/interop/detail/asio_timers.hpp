/// asio_timers.hpp - the waits of an execution context of asio, and the service that owns their scheduler. A part of
/// asio.hpp, which says what they promise.
///
/// A wait is linked into the service from its start to the callback of its timer, or to its cancellation; whichever of
/// the two comes first unlinks it, and then owns it until it is handed to the executor of its handler. The service has
/// asio watch the descriptor of the scheduler only while a wait is pending, because asio's own wait for a descriptor
/// keeps a context in run().
#pragma once
#include <takt/core/config.hpp>
#if __has_include(<asio.hpp>) && TAKT_EXCEPTIONS && defined(__GXX_RTTI)
#include <takt/scheduler/scheduler.hpp>
#include <takt/sleep/slack.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/error.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/system_executor.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

namespace takt::inline TAKT_ABI::detail {

// synopsis
struct asio_canceller;
struct asio_wait;
class asio_timers;
template <class Handler, class Executor> struct asio_wait_of;

// definitions

/// What a cancellation slot holds of a wait. It may outlive the wait, which then is null.
struct asio_canceller {
  void cancel();
  void disconnect() {
    const std::lock_guard hold(mutex);
    wait = nullptr;
  }
  std::mutex mutex;
  asio_wait* wait;
};

/// A wait that was started and whose handler was not called yet.
struct asio_wait {
  using time_point = grid_scheduler::time_point;

  asio_wait(asio_timers& s, time_point t, slack w) noexcept : service(s), due(t), tolerance(w) {}
  asio_wait(const asio_wait&) = delete;
  asio_wait& operator=(const asio_wait&) = delete;
  /// Effects: hands the handler over to its executor, and with it this object.
  virtual void complete(std::error_code ec) noexcept = 0;
  virtual void destroy() noexcept = 0;

  asio_timers& service;
  const time_point due;
  const slack tolerance;
  std::optional<grid_timer> timer;
  std::shared_ptr<asio_canceller> canceller; ///< null if nothing can cancel the wait
  asio_wait* next = nullptr;
  asio_wait** here = nullptr; ///< what points at this in the list of pending waits

protected:
  ~asio_wait() {
    if (canceller != nullptr) canceller->disconnect();
  }
};

/// The service of an execution context that owns its scheduler.
class asio_timers final : public ::asio::execution_context::service {
public:
  using key_type = asio_timers;
  inline static ::asio::execution_context::id id;

  explicit asio_timers(::asio::execution_context& context) : service(context) { make_scheduler(); }

  [[nodiscard]] const grid_scheduler& scheduler() const noexcept { return *timers_; }

  /// Effects: starts a wait, which may have ended when this returns. `io`: an executor of the context.
  template <class Executor> void start(asio_wait& w, const Executor& io) {
    std::error_code ec;
    if (!w.tolerance.valid()) return w.complete(std::make_error_code(std::errc::invalid_argument));
    {
      const std::lock_guard hold(mutex_);
      if (!descriptor_) {
        descriptor_.emplace(::asio::any_io_executor(io));
        open(ec);
      }
      if (!ec) {
        link(w);
        if (!std::exchange(watching_, true)) watch();
      }
    }
    if (ec) w.complete(ec);
    else arm(w);
  }

  /// Returns: whether this ended the wait, which then belongs to the caller.
  [[nodiscard]] bool stop(asio_wait& w) {
    if (!w.timer || !w.timer->cancel()) return false;
    const std::lock_guard hold(mutex_);
    unlink(w);
    // A context without waits must be able to leave run(). The handler of the descriptor goes on if waits were started
    // before it is called.
    std::error_code ignored;
    if (pending_ == nullptr && watching_) static_cast<void>(descriptor_->cancel(ignored));
    return true;
  }

private:
  void make_scheduler() {
    std::error_code ec; // without /proc the waits do not meet those of other processes
    timers_.emplace(ec);
  }
  void open(std::error_code& ec) {
    const int fd = timers_->fd(ec);
    if (!ec) static_cast<void>(descriptor_->assign(fd, ec));
    if (ec) descriptor_.reset();
  }
  /// Effects: calls woken() when the descriptor is readable, in the thread that finds that. Precondition: the lock is
  /// held. Without memory the program ends, because pending waits would be forgotten.
  void watch() noexcept {
    struct handler {
      using executor_type = ::asio::system_executor; // whose dispatch() calls at once
      [[nodiscard]] executor_type get_executor() const noexcept { return {}; }
      void operator()(std::error_code ec) const noexcept { timers->woken(!ec); }
      asio_timers* timers;
    };
    descriptor_->async_wait(::asio::posix::descriptor_base::wait_read, handler{this});
  }
  void woken(bool readable) noexcept {
    if (readable) timers_->fire(); // moves waits into ended_
    asio_wait* ended = nullptr;
    {
      const std::lock_guard hold(mutex_);
      ended = std::exchange(ended_, nullptr);
      last_ended_ = &ended_;
      watching_ = pending_ != nullptr && descriptor_;
      if (watching_) watch();
    }
    while (ended != nullptr) std::exchange(ended, ended->next)->complete({});
  }
  void arm(asio_wait& w) {
    // The lock is free here, because arming takes the lock of the scheduler.
    const auto expire = [wait = &w] { wait->service.expired(*wait); };
    std::error_code valid;
    w.timer.emplace(*timers_, expire).arm(w.due, w.tolerance, valid);
  }
  void expired(asio_wait& w) {
    const std::lock_guard hold(mutex_);
    unlink(w);
    *last_ended_ = &w;
    last_ended_ = &w.next;
  }

  void link(asio_wait& w) noexcept {
    w.next = pending_;
    w.here = &pending_;
    if (pending_ != nullptr) pending_->here = &w.next;
    pending_ = &w;
  }
  static void unlink(asio_wait& w) noexcept {
    *w.here = w.next;
    if (w.next != nullptr) w.next->here = w.here;
    w.next = nullptr;
  }

  void shutdown() noexcept override {
    // The descriptor is the scheduler's: released, not closed.
    if (descriptor_) static_cast<void>(descriptor_->release());
    descriptor_.reset();
    for (asio_wait** list : {&pending_, &ended_}) {
      while (asio_wait* const w = *list) {
        *list = w->next;
        if (w->next != nullptr) w->next->here = list;
        w->destroy();
      }
    }
  }
  /// In the child the scheduler is inert, so the waits move to another one.
  void notify_fork(::asio::execution_context::fork_event event) override {
    if (event != ::asio::execution_context::fork_child) return;
    for (asio_wait* w = pending_; w != nullptr; w = w->next) w->timer.reset();
    if (descriptor_) static_cast<void>(descriptor_->release()); // calls woken(), which watches the new descriptor
    make_scheduler();
    if (!descriptor_) return;
    std::error_code ec;
    open(ec);
    for (asio_wait *w = pending_, *next = nullptr; w != nullptr; w = next) {
      next = w->next;
      if (!ec) arm(*w);
      else unlink(*w), w->complete(ec);
    }
  }

  std::mutex mutex_; // of the lists and of watching_
  std::optional<grid_scheduler> timers_;
  std::optional<::asio::posix::stream_descriptor> descriptor_;
  bool watching_ = false; ///< woken() will be called
  asio_wait* pending_ = nullptr;
  asio_wait* ended_ = nullptr; ///< waits whose timers were called back
  asio_wait** last_ended_ = &ended_;
};

inline void asio_canceller::cancel() {
  asio_wait* mine = nullptr;
  {
    const std::lock_guard hold(mutex);
    if (wait == nullptr || !wait->service.stop(*wait)) return;
    mine = wait;
  }
  mine->complete(::asio::error::operation_aborted);
}

template <class Handler, class Executor> struct asio_wait_of final : asio_wait {
  using allocator = typename std::allocator_traits<
      ::asio::associated_allocator_t<Handler>>::template rebind_alloc<asio_wait_of>;
  using handler_executor = ::asio::associated_executor_t<Handler, Executor>;
  struct deleter {
    void operator()(asio_wait_of* w) const noexcept { w->destroy(); }
  };
  using owner = std::unique_ptr<asio_wait_of, deleter>;

  /// What an executor gets when the wait has ended.
  struct completion {
    using allocator_type = ::asio::associated_allocator_t<Handler>;
    [[nodiscard]] allocator_type get_allocator() const noexcept {
      return ::asio::get_associated_allocator(wait->handler);
    }
    void operator()() {
      Handler h(std::move(wait->handler));
      wait.reset(); // the memory is free for what the handler starts
      std::move(h)(ec);
    }
    owner wait;
    std::error_code ec;
  };

  asio_wait_of(asio_timers& s, time_point t, slack w, Handler&& h, const Executor& io)
      : asio_wait(s, t, w), handler(std::move(h)), work(::asio::get_associated_executor(handler, io)) {}

  static void start(asio_timers& s, time_point t, slack tolerance, Handler h, const Executor& io) {
    allocator a(::asio::get_associated_allocator(h));
    auto slot = ::asio::get_associated_cancellation_slot(h);
    asio_wait_of* const memory = std::allocator_traits<allocator>::allocate(a, 1);
    owner w(::new (static_cast<void*>(memory)) asio_wait_of(s, t, tolerance, std::move(h), io));
    if (slot.is_connected()) {
      w->canceller = std::make_shared<asio_canceller>();
      w->canceller->wait = w.get();
      slot.assign([c = w->canceller](::asio::cancellation_type_t type) {
        if (type != ::asio::cancellation_type::none) c->cancel();
      });
    }
    s.start(*w.release(), io);
  }
  void complete(std::error_code ec) noexcept override {
    ::asio::post(handler_executor(work.get_executor()), completion{owner(this), ec});
  }
  void destroy() noexcept override {
    allocator a(::asio::get_associated_allocator(handler));
    this->~asio_wait_of();
    std::allocator_traits<allocator>::deallocate(a, this, 1);
  }

  Handler handler;
  ::asio::executor_work_guard<handler_executor> work;
};

} // namespace takt::inline TAKT_ABI::detail
#endif
