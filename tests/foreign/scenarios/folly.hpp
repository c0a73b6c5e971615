/// folly.hpp - scenarios of folly's HHWheelTimer, after the comments of its header and the situations that its tests
/// name.
///
/// A callback is a node without slack. An interval of ticks is a slack of that length, because folly may be late by a
/// tick. folly logs an exception of a callback: here on_exception() notes it.
#pragma once
#include "stage.hpp"

namespace takt_test::scenarios {

class folly_wheel : public stage {
  bool own(const words& w) override {
    if (w[0] == "tick") tick_ = takt::slack(time_of(w.at(1)));
    else if (w[0] == "schedule") timer(w.at(1)).arm(time_of(w.at(2)), tick_), names_.insert(w[1]);
    else if (w[0] == "cancel") timer(w.at(1)).cancel();
    else if (w[0] == "cancel-all") note("cancelled=" + std::to_string(cancel_all()));
    else if (w[0] == "delete") names_.erase(w.at(1)), destroy(w[1]);
    else if (w[0] == "delete-wheel") delete_loop();
    else if (w[0] == "count") note("count=" + std::to_string(loop().pending()));
    else if (w[0] == "scheduled") note("scheduled", pending(w.at(1)));
    else if (w[0] == "left") note("left=" + shown(left(w.at(1))));
    else return false;
    return true;
  }
  nanoseconds left(const std::string& name) {
    const auto due = timer(name).due();
    return due ? *due - at(elapsed()) : nanoseconds::zero();
  }
  int cancel_all() {
    int n = 0;
    for (const std::string& name : names_) n += timer(name).cancel();
    return n;
  }

  takt::slack tick_;
  std::set<std::string> names_;
};

// clang-format off
constexpr row folly_rows[] = {
  {"the one that is due first is called first, each of them once",
   "schedule a 10; schedule b 5; wait 100",
   "b@5 a@10"},
  {"scheduled while it is scheduled: the earlier time counts no more",
   "schedule a 5; schedule a 50; count; wait 20; schedule a 1; wait 100",
   "count=1 a@21"},
  {"the same time twice, and one of them scheduled again",
   "schedule a 5; schedule b 5; schedule a 5; wait 5",
   "b@5 a@5 in its tests, but the order is not documented",
   "b@5 a@5",
   "what was armed first comes first, so that every run is the same"},
  {"a callback cancels others that are due with it: the next one and one farther behind",
   "on a: cancel b, cancel d; schedule a 5; schedule b 5; schedule c 5; schedule d 5; schedule e 5; wait 10; count",
   "a@5 c@5 e@5 count=0"},
  {"a callback cancels the last one, cancels some of a later time, and schedules itself again",
   "once a: cancel e, cancel x, schedule a 7; schedule a 5; schedule e 5; schedule x 10; schedule y 10; wait 20",
   "a@5 y@10 a@12"},
  {"cancelling what is not scheduled does nothing",
   "cancel a; schedule a 5; cancel a; cancel a; wait 10; cancel a; count",
   "count=0"},
  {"destroyed while it is scheduled",
   "schedule a 5; schedule b 5; delete a; count; wait 10",
   "count=1 b@5"},
  {"destroyed in its own callback",
   "on a: delete a; schedule a 5; schedule b 5; wait 10; count",
   "a@5 b@5 count=0"},
  {"destroyed in the callback of another that is due with it",
   "on a: delete b; schedule a 5; schedule b 5; schedule c 5; wait 10; count",
   "a@5 c@5 count=0"},
  {"the wheel is destroyed in a callback: by default, being cancelled calls a callback as expiring does",
   "on a: delete-wheel; schedule a 5; schedule b 5; schedule c 9; wait 20",
   "a@5 b@5 c@5",
   "a@5",
   "what is cancelled is not called back; its status() is `cancelled`"},
  {"all are cancelled at once, and counted",
   "schedule a 1min; schedule b 5; cancel-all; wait 2min",
   "a@0 b@0 cancelled=2",
   "cancelled=2",
   "what is cancelled is not called back; its status() is `cancelled`"},
  {"a callback throws: that is logged, and the others are called",
   "on a: throw; schedule a 5; schedule b 5; wait 5; count",
   "a@5 threw b@5 count=0"},
  {"the loop is busy beyond two deadlines: they are late, in their order",
   "schedule a 5; schedule b 3; stall 10; wait 0",
   "b@10 a@10"},
  {"scheduled after the loop was busy: the time counts from then",
   "stall 10; schedule a 5; wait 10",
   "a@15"},
  {"a callback takes longer than the time that another has left",
   "on a: wait 20; schedule a 5; schedule b 10; wait 50",
   "a@5 b@25"},
  {"no time at all, and less than that",
   "schedule a 0; schedule b -7; wait 5",
   "a@1 and b@1: at the next tick",
   "b@0 a@0",
   "there is no tick to wait for; a time before now counts as it is, so b was due first"},
  {"a callback schedules another one without delay",
   "on a: schedule b 0; schedule a 5; wait 9; wakeups",
   "a@5 b@6 wakeups=2",
   "a@5 b@5 wakeups=2",
   "there is no tick to wait for; it is the next wake-up nevertheless, so the present one ends"},
  {"whether it is scheduled, and how much time is left: none in its callback and after it",
   "on a: scheduled a, left a; schedule a 10; wait 4; scheduled a; left a; wait 10; scheduled a; left a",
   "scheduled=yes left=6 a@10 scheduled=no left=0 scheduled=no left=0"},
  {"a tick of 3 ms, and callbacks that come 1 ms after another",
   "tick 3; schedule a 10; wait 1; schedule b 10; wait 1; schedule c 10; wait 1; schedule d 10; wait 1; schedule e 10; "
   "wait 20; instants",
   "about three at a time, at most once in 3 ms",
   "a@10 b@13 c@13 d@13 e@15 instants=3",
   "the points belong to the machine's grid and not to one wheel, so other processes wake up at them, too"},
  {"beyond 2^32 ticks, which are 49.7 days of 1 ms",
   "schedule a 60d; wait 59d; left a; wait 2d",
   "no more than 2^32 ticks",
   "left=86400000 a@5184000000",
   "times are nanoseconds in 64 bits: 292 years"},
};
// clang-format on

} // namespace takt_test::scenarios
