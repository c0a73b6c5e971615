/// tokio.hpp - scenarios of tokio: tokio-util's DelayQueue, and missed ticks of tokio::time::Interval, after their
/// documentation.
///
/// A queue is a scheduler, an item a timer without slack, its key the handle. Polling the queue is fire(1), and the
/// scripts `stall`, because nothing is called back without it. An interval is every(): Burst is overrun::catch_up, Skip
/// is overrun::skip, and Delay is a callback that moves itself to a period from now when it is late by more than 5 ms,
/// as tokio says. Where an interval is noted, `a600@950` is the tick of 600, delivered at 950.
#pragma once
#include "stage.hpp"

namespace takt_test::scenarios {

class tokio_time : public stage {
  bool own(const words& w) override {
    if (w[0] == "insert") insert(w.at(1), time_of(w.at(2)));
    else if (w[0] == "poll") poll();
    else if (w[0] == "reset") reset(w.at(1), time_of(w.at(2)));
    else if (w[0] == "remove") note(handles_[w.at(1)].cancel() ? "removed" : "none");
    else if (w[0] == "clear" || w[0] == "drop") drop(w);
    else if (w[0] == "peek") note("at=" + shown(*next()));
    else if (w[0] == "len") note("len=" + std::to_string(loop().pending()));
    else if (w[0] == "interval") interval(w.at(1), time_of(w.at(2)), w.at(3));
    else return false;
    return true;
  }
  std::string call_of(const std::string& name, const event& e) override {
    return periods_.count(name) == 0 ? name : name + shown(e.earliest - at({})) + "@" + shown(elapsed());
  }

  void insert(const std::string& name, nanoseconds delay) {
    handles_[name] = loop().after(delay, takt::slack(), [this, name](const event& e) { called(name, e); });
  }
  void poll() {
    if (loop().fire(1) == 0) note(loop().pending() == 0 ? "end" : "pending");
  }
  void reset(const std::string& name, nanoseconds delay) {
    if (!handles_[name].move(delay, takt::slack())) note("refused");
  }
  void drop(const words& w) {
    if (w[0] == "clear") handles_.clear();
    else handles_.erase(w.at(1));
  }
  void interval(const std::string& name, nanoseconds period, const std::string& behaviour) {
    static const std::map<std::string, takt::overrun> policies{{"burst", takt::overrun::catch_up},
                                                               {"skip", takt::overrun::skip},
                                                               {"delay", takt::overrun::skip},
                                                               {"report", takt::overrun::report}};
    const bool delays = behaviour == "delay";
    const auto tick = [this, name, period, delays](const event& e) {
      if (delays && e.now - e.earliest > std::chrono::milliseconds(5)) handles_[name].move(period, takt::slack());
      called(name, e);
    };
    std::error_code ec;
    periods_.insert(name);
    handles_[name] = loop().every(period, takt::slack(), policies.at(behaviour), tick, ec);
    if (ec) note("refused");
  }

  std::map<std::string, scheduler::handle> handles_;
  std::set<std::string> periods_; ///< the names of intervals
};

// clang-format off
constexpr row tokio_rows[] = {
  // the queue
  {"items come in the order of their deadlines, and then the queue has ended",
   "insert a 10; insert b 5; insert c 15; stall 20; poll; poll; poll; poll",
   "b a c end"},
  {"no item comes before its deadline",
   "insert a 5; poll; stall 4; poll; stall 1; poll; poll",
   "pending pending a end"},
  {"a deadline in the past is available at once, before one that was waited for",
   "insert a 200; poll; stall 80; insert b -40; poll; poll",
   "pending b pending"},
  {"the same deadline three times",
   "insert c 5; insert a 5; insert b 5; stall 5; poll; poll; poll",
   "a, b and c in any order",
   "c a b",
   "what was armed first comes first, so that every run is the same"},
  {"inserted with a deadline in the past, and reset to later before it was polled",
   "insert a -100; reset a 100; reset a 50; len; poll; stall 60; poll; poll",
   "len=1 pending a end"},
  {"the first one is reset to be the last",
   "insert a 200; insert b 250; reset a 300; stall 250; poll; poll; stall 50; poll",
   "b pending a"},
  {"the last one is reset to be the first",
   "insert a 200; insert b 250; poll; reset b 100; stall 100; poll; poll",
   "pending b pending"},
  {"removed before its deadline, and after it but before it was polled",
   "insert a 5; insert b 50; remove b; stall 10; remove a; len; poll; stall 100; poll",
   "removed removed len=0 end end"},
  {"removed after it was yielded",
   "insert a 5; stall 5; poll; remove a",
   "a panic; try_remove: a none",
   "a none",
   "that a timer was called just before it is cancelled is no error; cancel() returns whether it prevented the call"},
  {"removed, and then reset, by the work that it was yielded to",
   "on a: remove a, reset a 10; insert a 5; stall 5; poll; stall 10; poll",
   "a, then panic: a is no longer in the queue",
   "a none refused end",
   "a callback may move its own timer, but not after it has cancelled it"},
  {"reset after it was yielded",
   "insert a 5; stall 5; poll; insert b 7; reset a 100; stall 7; poll",
   "a, then panic or a reset of b, because keys are used again",
   "a refused b",
   "a handle belongs to one timer for ever"},
  {"inserted after the end",
   "poll; insert a 5; poll; stall 5; poll; poll",
   "end pending a end"},
  {"inserted while others are being yielded",
   "insert a 98; insert b 99; stall 100; poll; insert c 0; poll; insert d 400; poll; poll",
   "a b c pending"},
  {"a deadline between two milliseconds",
   "insert a 1400us; stall 1500us; poll; stall 500us; poll",
   "pending a",
   "a end",
   "times are nanoseconds and are not rounded"},
  {"which one comes next",
   "insert a 10; insert b 5; insert c 15; peek",
   "b",
   "at=5",
   "next_wakeup() is a time: who shares a wake-up is not known before it"},
  {"too far in the future",
   "insert a 400y; poll; len",
   "panic",
   "pending len=1",
   "a time beyond 292 years is the end of time"},
  {"cleared: neither what has expired nor what has not is yielded",
   "insert a 5; insert b -5; clear; len; stall 10; poll",
   "len=0 end"},

  // intervals
  {"the first tick of an interval (from here on interval_at a period from now is meant)",
   "interval a 300 burst; wait 300",
   "a0@0 a300@300",
   "a300@300",
   "every() calls at the end of each period; a program that also wants a call now makes it"},
  {"Burst: a stop of two periods, and all missed ticks follow at once",
   "interval a 300 burst; wait 300; stall 650; wait 250; wait 300",
   "a300@300 a600@950 a900@950 a1200@1200 a1500@1500"},
  {"Skip: a stop of two periods, one tick is late, and then they are at multiples again",
   "interval a 300 skip; wait 300; stall 650; wait 250; wait 300",
   "a300@300 a600@950 a1200@1200 a1500@1500"},
  {"Delay: a stop of two periods, and the ticks go on a period after the late one",
   "interval a 300 delay; wait 300; stall 650; wait 300; wait 300",
   "a300@300 a600@950 a1250@1250 a1550@1550"},
  {"overrun::report: a stop of three periods",
   "interval a 300 report; wait 300; stall 950; wait 250",
   "has none such; the nearest is Skip: a300@300 a600@1250 a1500@1500",
   "a300@300 a600@1250 a1200@1250 a1500@1500",
   "for work that needs the latest tick and not only the oldest; event::missed counts what was given up"},
  {"Skip: the machine was suspended for an hour",
   "interval a 1s skip; stall 3600500; wait 500",
   "a1000@3600500 a3601000@3601000"},
  {"Skip: the work of a tick takes longer than the period",
   "once a: wait 350; interval a 300 skip; wait 1000",
   "a300@300 a600@650 a900@900",
   "a300@300 a900@900",
   "a cycle that passes during the callback is a missed one, which skip gives up; report and catch_up deliver it"},
  {"Burst: the work of a tick takes longer than the period",
   "once a: wait 650; interval a 300 burst; wait 1300",
   "a300@300 a600@950 a900@950 a1200@1200"},
  {"Skip, and late by no more than 5 ms, but by more than a period",
   "interval a 2 skip; stall 6; wait 2",
   "a2@6 a4@6 a6@6 a8@8",
   "a2@6 a6@6 a8@8",
   "takt overlooks as much as the slack of the timer is, here none; tokio 5 ms, because its timers are no better"},
  {"reset: the next tick is a period from now",
   "interval a 300 skip; wait 400; reset a 300; wait 650",
   "a300@300 a700@700 a1000@1000"},
  {"reset_immediately",
   "interval a 100 skip; wait 150; reset a 0; wait 100",
   "a100@100 a150@150 a250@250"},
  {"reset_after, for longer than a period",
   "interval a 100 skip; wait 150; reset a 500; wait 600",
   "a100@100 a650@650 a750@750"},
  {"reset_at a time in the past, with Burst",
   "interval a 100 burst; wait 50; reset a -250; wait 50",
   "a-200@50 a-100@50 a0@50 a100@100"},
  {"reset_at a time in the past, with Skip",
   "interval a 100 skip; wait 50; reset a -250; wait 50",
   "a-200@50 a100@100"},
  {"a period of 0",
   "interval a 0 skip",
   "panic",
   "refused",
   "errors are error codes or exceptions"},
  {"dropped by the work of its own tick",
   "once a: drop a; interval a 100 burst; stall 500; wait 500; len",
   "a100@500 len=0"},
};
// clang-format on

} // namespace takt_test::scenarios
