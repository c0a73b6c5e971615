/// plain_wheel.hpp - the yardstick of wheel_comparison: a timer wheel that does only what a wheel must.
///
/// Eight levels of 256 slots, ticks of a millisecond, a slot is one pointer to an intrusive list, a timer that may fire
/// anywhere in a range goes into the coarsest slot that the range contains, as in the timer wheel "ratas". It has no
/// clock, no threads, no windows that other processes share, and no order within a tick. So it is near the least that
/// adding, moving and cancelling can cost, on any machine.
///
/// Reference: J. Snellman, "Ratas - A hierarchical timer wheel", 2016. The code here was written for takt.
#pragma once
#include <cstddef>
#include <cstdint>

class plain_wheel {
public:
  using tick = std::uint64_t;

  /// A timer. Derived classes say what it does.
  class timer {
  public:
    timer() = default;
    timer(const timer&) = delete;
    timer& operator=(const timer&) = delete;
    void cancel() {
      if (list_ != nullptr) put_into(nullptr);
    }

  protected:
    ~timer() { cancel(); }

  private:
    friend plain_wheel;
    virtual void fire() = 0;

    /// Effects: moves the timer from its list, if it is in one, to the front of another, if that is not null.
    void put_into(timer** list) {
      if (list == list_) return;
      if (list_ != nullptr) {
        if (next_ != nullptr) next_->prev_ = prev_;
        if (prev_ != nullptr) prev_->next_ = next_;
        else *list_ = next_;
      }
      if (list != nullptr) {
        next_ = *list;
        if (next_ != nullptr) next_->prev_ = this;
        *list = this;
      } else {
        next_ = nullptr;
      }
      prev_ = nullptr;
      list_ = list;
    }

    tick due_ = 0;
    timer** list_ = nullptr;
    timer* next_ = nullptr;
    timer* prev_ = nullptr;
  };

  plain_wheel() = default;
  plain_wheel(const plain_wheel&) = delete;
  plain_wheel& operator=(const plain_wheel&) = delete;

  [[nodiscard]] tick now() const { return now_[0]; }

  /// Effects: t fires after `delay` ticks. Precondition: delay != 0.
  void arm(timer& t, tick delay) {
    t.due_ = now_[0] + delay;
    unsigned level = 0;
    for (; delay >= slots; ++level) delay = (delay + now_[level] % slots) >> bits;
    t.put_into(&slots_[level][(now_[level] + delay) % slots]);
  }
  /// Effects: t fires after `earliest` to `latest` ticks. It stays where it is if that is in the range.
  /// Precondition: 0 < earliest < latest.
  void arm_within(timer& t, tick earliest, tick latest) {
    if (t.list_ != nullptr && t.due_ - now_[0] - earliest <= latest - earliest) return;
    tick mask = ~tick{0};
    while ((earliest & mask) != (latest & mask)) mask <<= bits;
    arm(t, latest & (mask >> bits));
  }

  /// Effects: time goes on to `now`, and what is due by then fires. Returns: how many timers fired.
  std::size_t advance_to(tick now) {
    const std::size_t before = fired_;
    while (now_[0] < now) step(0);
    return fired_ - before;
  }

private:
  static constexpr unsigned bits = 8, slots = 1U << bits, levels = 8;

  void step(unsigned level) {
    const tick at = ++now_[level] % slots;
    if (at == 0 && level + 1 < levels) step(level + 1);
    for (timer** const list = &slots_[level][at]; *list != nullptr;) {
      timer& t = **list;
      if (now_[0] < t.due_) {
        arm(t, t.due_ - now_[0]);
      } else {
        t.put_into(nullptr);
        t.fire();
        ++fired_;
      }
    }
  }

  tick now_[levels]{};
  std::size_t fired_ = 0;
  timer* slots_[levels][slots]{};
};
