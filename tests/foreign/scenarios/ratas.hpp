/// ratas.hpp - scenarios of ratas, the timer wheel with ranges, after its README and the comments of its header.
///
/// An event is a node, a tick 1 ms. schedule() has no slack; schedule_in_range(start, end) is a window. advance(n) is
/// the manual clock's advance; advance(n, limit) lets the time pass and then calls fire(limit), and `more` is noted if
/// that left something to be called.
#pragma once
#include "stage.hpp"

namespace takt_test::scenarios {

class ratas_wheel : public stage {
  bool own(const words& w) override {
    if (w[0] == "schedule") timer(w.at(1)).arm(time_of(w.at(2)), takt::slack());
    else if (w[0] == "range") range(w.at(1), time_of(w.at(2)), time_of(w.at(3)));
    else if (w[0] == "cancel") timer(w.at(1)).cancel();
    else if (w[0] == "delete") destroy(w.at(1));
    else if (w[0] == "active") note("active", pending(w.at(1)));
    else if (w[0] == "advance" && w.size() == 2) advance(time_of(w[1]));
    else if (w[0] == "advance") advance_limited(time_of(w.at(1)), std::stoul(w.at(2)));
    else if (w[0] == "next") next_event(w.size() == 1 ? std::nullopt : std::optional(time_of(w[1])));
    else return false;
    return true;
  }
  void range(const std::string& name, nanoseconds start, nanoseconds end) {
    timer(name).arm(start, takt::slack(end - start));
  }
  void advance_limited(nanoseconds by, std::size_t limit) {
    advance_late(by, limit);
    note(next() == nanoseconds::zero() ? "more" : "done");
  }
  void next_event(std::optional<nanoseconds> max) {
    std::optional<nanoseconds> t = next();
    if (max) t = std::min(*max, t.value_or(*max));
    note("next=" + (t ? shown(*t) : "none"));
  }
};

// clang-format off
constexpr row ratas_rows[] = {
  {"called at its tick, once, also when the innermost wheel has turned",
   "schedule a 5; advance 4; advance 1; advance 256; advance 256",
   "a@5"},
  {"the borders of the innermost wheel",
   "schedule a 255; schedule b 256; schedule c 257; schedule d 1029; advance 254; advance 1; advance 1; advance 1; "
   "advance 1000",
   "a@255 b@256 c@257 d@1029"},
  {"scheduled twice: the last tick counts",
   "schedule a 5; schedule a 10; advance 5; advance 5",
   "a@10"},
  {"an inactive event may be cancelled, and twice",
   "cancel a; schedule a 5; active a; cancel a; cancel a; active a; advance 10",
   "active=yes active=no"},
  {"destroyed while it is scheduled",
   "schedule a 5; delete a; next; advance 10",
   "next=none"},
  {"the ticks to the next event, and the most that is asked for",
   "next 100; schedule a 280; next; next 100; schedule b 20; next; cancel b; next; advance 128; next; cancel a; next",
   "next=100 next=280 next=100 next=20 next=280 next=152 next=none"},
  {"tick by tick, and several at one tick",
   "schedule c 6; schedule a 5; schedule b 5; advance 10",
   "a@5 and b@5 in any order, then c@6",
   "a@5 b@5 c@6",
   "what was armed first comes first, so that every run is the same"},
  {"time advances far beyond two events: each sees its own tick",
   "schedule a 5; schedule b 7; advance 100",
   "a@5 b@7"},
  {"the same, where the machine was late",
   "schedule a 5; schedule b 7; advance 100 99",
   "a@5 b@7 done",
   "a@100 b@100 done",
   "a callback sees the time that it is; event::earliest is when it was due"},
  {"one event a call, two at one tick and one at the next: nothing is lost between the calls",
   "schedule a 5; schedule b 5; schedule c 6; advance 6 1; next; advance 0 1; advance 0 1; advance 0 1",
   "a or b@5 more next=0, the other@5 more c@6 more done",
   "a@6 more next=0 b@6 more c@6 done done",
   "next_wakeup() shows at once that nothing is left, so no call is needed to find that out"},
  {"an event schedules another one and itself, and always before the other is due",
   "on r: schedule t 258, schedule r 257; schedule r 1; advance 1000; cancel r; advance 258",
   "r@1 r@258 r@515 r@772 t@1030"},
  {"an event cancels one of the next tick while time advances beyond both",
   "on a: cancel b; schedule a 5; schedule b 6; schedule c 7; advance 10",
   "a@5 c@7"},
  {"an event schedules another one without delay",
   "on a: schedule b 0; schedule a 5; advance 5; wakeups",
   "not allowed: the delta must not be 0",
   "a@5 b@5 wakeups=2",
   "now is a time as others are; it comes in the next wake-up"},
  {"35 years",
   "schedule a 35y; advance 34y; next; advance 1y",
   "next=31536000000 a@1103760000000"},

  // ranges
  {"a range without a rounder tick than its end",
   "range a 281 290; next; advance 300",
   "next=290 a@290"},
  {"a range with a multiple of 256",
   "range a 1023 1279; advance 2000",
   "a@1024",
   "a@1200",
   "the ladder of the machine is decimal; 256 is round for one wheel only"},
  {"rescheduled to a range that holds its tick: ratas leaves it there",
   "range a 1025 1280; range a 256 2560; advance 3000",
   "a@1280",
   "a@2000",
   "a window has one roundest point, whatever was before; moving costs no more than leaving it"},
  {"the same, but cancelled between: its old tick means nothing",
   "range a 1025 1280; cancel a; range a 256 2560; advance 3000",
   "a@2560",
   "a@2000",
   "the ladder of the machine is decimal; 256 is round for one wheel only"},
  {"rescheduled to a range that does not hold its tick",
   "schedule a 300; range a 10 20; advance 50; advance 300",
   "a@20"},
  {"ranges that overlap in part",
   "range a 100 200; range b 150 250; advance 300; instants",
   "a@200 b@250 instants=2",
   "a@200 b@200 instants=1",
   "what is open when another window closes is called in the same wake-up"},
  {"ranges that share one tick, which is not round",
   "range a 100 150; range b 150 250; advance 300; instants",
   "a@150 b@250 instants=2",
   "a@100 b@200 instants=2",
   "a point depends on its own window alone, so that processes meet that know nothing of each other"},
  {"a range inside another",
   "range a 100 900; range b 410 490; advance 1000; instants",
   "b@490 a@768 instants=2",
   "a@450 b@450 instants=1",
   "the window that closes first decides, and what is open joins it"},
  {"a range that begins now, and one of a single tick",
   "range a 0 10; advance 3; range b 4 4; advance 20",
   "not allowed: neither end may be 0, and the end must be greater than the start",
   "a@0 b@7",
   "both ends belong to a window, so a single point is one, and so is now"},
};
// clang-format on

} // namespace takt_test::scenarios
