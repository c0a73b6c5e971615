/// sd_event.hpp - scenarios of systemd's sd-event: accuracies, coalescing and the shift that each machine has, after
/// sd_event_add_time(3), sd_event_source_set_priority(3) and the comment of sleep_between() in sd-event.c.
///
/// A timer source is a node, its accuracy the slack. By its documentation a loop wakes up between the earliest time of
/// all its sources and the first end of an accuracy, at the last point there of the grid of 1 min, else 10 s, 1 s, 250
/// ms; else at the end. A machine shifts the grids by a value from its boot id, as takt does by a phase. Sources are
/// noted as `a1234@1300`: set for 1234, dispatched at 1300.
#pragma once
#include "stage.hpp"

namespace takt_test::scenarios {

class sd_event_loop : public stage {
  bool own(const words& w) override {
    if (w[0] == "loop") add_loop(time_of(w.size() == 1 ? "0" : w[1]));
    else if (w[0] == "add") set(w.at(1), time_of(w.at(2)), time_of(w.at(3)));
    else if (w[0] == "add-relative") arm(w.at(1), time_of(w.at(2)), accuracies_[w[1]] = time_of(w.at(3)));
    else if (w[0] == "set-time") set(w.at(1), time_of(w.at(2)), accuracies_[w[1]]);
    else if (w[0] == "set-accuracy") set(w.at(1), times_[w[1]], time_of(w.at(2)));
    else if (w[0] == "again") set(w.at(1), times_[w[1]] + time_of(w.at(2)), accuracies_[w[1]]);
    else if (w[0] == "again-from-now") arm(w.at(1), time_of(w.at(2)), accuracies_[w[1]]);
    else if (w[0] == "off") timer(w.at(1)).cancel();
    else if (w[0] == "unref") destroy(w.at(1));
    else return false;
    return true;
  }
  std::string call_of(const std::string& name, const event& e) override {
    return name + shown(e.earliest - at({})) + "@" + shown(elapsed());
  }
  /// `time` is after the beginning.
  void set(const std::string& name, nanoseconds time, nanoseconds accuracy) {
    times_[name] = time;
    accuracies_[name] = accuracy;
    timer(name).arm(at(time), takt::slack(accuracy));
  }
  void arm(const std::string& name, nanoseconds delay, nanoseconds accuracy) {
    timer(name).arm(delay, takt::slack(accuracy));
  }

  std::map<std::string, nanoseconds> times_, accuracies_;
};

// clang-format off
constexpr const char* other_ladder = "the grids are those of the ladder 1-5-10 and not of minutes";

constexpr row sd_event_rows[] = {
  {"an accuracy of 1 us, the greatest",
   "add a 1234 1us; wait 2s",
   "a1234@1234"},
  {"an accuracy of 0, which selects the default of 250 ms",
   "add a 1234 0; wait 2s",
   "a1234@1250",
   "a1234@1234",
   "no slack is no slack, and each timer says how much it has"},
  {"an accuracy of 250 ms",
   "add a 1234 250; wait 2s",
   "a1234@1250", "a1234@1300", other_ladder},
  {"an accuracy of a minute",
   "add a 50s 1min; wait 2min",
   "a50000@60000", "a50000@100000", other_ladder},
  {"an accuracy with a multiple of 10 s in it",
   "add a 9500 700; wait 20s",
   "a9500@10000"},
  {"the accuracy alone is changed",
   "add a 9500 1us; set-accuracy a 700; wait 20s",
   "a9500@10000"},
  {"an accuracy longer than the delay",
   "add a 100 1min; wait 2min",
   "a100@60000", "a100@50000", other_ladder},
  {"an accuracy without end",
   "add a 100 max; wait 100y",
   ""},
  {"two processes with accuracies below 250 ms: each sleeps to its own end",
   "add b 1270 100; loop; add a 1260 100; wait 2s; instants",
   "a1260@1360 b1270@1370 instants=2",
   "a1260@1300 b1270@1300 instants=1",
   "the ladder goes down to 1 ns; the ends of windows are seldom the same"},
  {"a loop with two sources that overlap in part",
   "add a 1100 500; add b 1450 450; wait 3s; instants",
   "a1100@1500 b1450@1500 instants=1"},
  {"two processes with these two sources, one each",
   "add b 1450 450; loop; add a 1100 500; wait 3s; instants",
   "a1100@1500 b1450@1750 instants=2",
   "a1100@1500 b1450@1500 instants=1",
   "1500 is the roundest point of both windows, while the last point of a grid depends on where the window ends"},
  {"two sources that do not overlap, 10 s are between them",
   "add a 9s 1500; add b 20500 700; wait 1min; instants",
   "a9000@10000 b20500@21000 instants=2"},
  {"a source that can wait long, and one that cannot and opens later",
   "add a 5s 995s; add b 11200 700; wait 1h; instants",
   "a5000@10000 b11200@11750 instants=2",
   "a5000@11500 b11200@11500 instants=1",
   "the window that closes first decides alone: waking up before it opens serves what could have waited for it"},
  {"a time in the past",
   "stall 3s; add a 1s 1us; add b -10s 1us; wait 0",
   "b-10000@3000 a1000@3000"},
  {"a time in the past, and an accuracy that is not over",
   "stall 3s; add a 2s 9s; wait 10s",
   "a2000@3000",
   "a2000@10000",
   "an open window may be used to its roundest point; a thread in run(), which is awake, does not sleep until then"},
  {"a time that never comes",
   "add a max 1us; wait 100y",
   ""},
  {"dispatched once; then set to another time without being enabled again",
   "add a 100 1us; wait 200; set-time a 300; wait 200",
   "a100@100",
   "a100@100 a300@300",
   "a timer with a time is armed"},
  {"repeated from the time that was set: regular, however late the handler was",
   "on a: again a 100; add a 100 1us; stall 130; wait 170",
   "a100@130 a200@200 a300@300"},
  {"repeated from now: the lateness accumulates",
   "on a: again-from-now a 100; add a 100 1us; stall 130; wait 200",
   "a100@130 a230@230 a330@330"},
  {"repeated from the time that was set, after a stop of several periods",
   "on a: again a 100; add a 100 1us; stall 350; wait 50",
   "a100@350 a200@350 a300@350 a400@400"},
  {"the same time and the same priority",
   "add b 100 1us; add a 100 1us; wait 200",
   "a and b in an order that is undefined",
   "b100@100 a100@100",
   "what was armed first comes first, so that every run is the same"},
  {"none of several is dispatched again until the others were",
   "on a: again a 1; add a 100 1us; add b 102 1us; stall 103; wait 0",
   "a100@103 b102@103 a101@103 a102@103 a103@103"},
  {"the handler that comes first turns another one off, and itself is dropped",
   "on a: off b, unref a; add a 99 1us; add b 100 1us; add c 100 1us; stall 150; wait 100",
   "a99@150 c100@150"},
  {"a time relative to now, in a handler that has worked for 20 ms",
   "on a: wait 20, add-relative b 100 1us; add a 5 1us; wait 500",
   "a5@5 b105@105, because now is when the loop woke up",
   "a5@5 b125@125",
   "a delay counts from the call"},
  {"the shift of a machine: the grid of 10 s is at 7.003 s",
   "loop 7003; add a 16503 700; wait 20s",
   "a16503@17003"},
  {"the shift keeps two machines apart",
   "loop 7003; add a 50s 1min; loop 21500; add b 50s 1min; wait 2min; instants",
   "a50000@67003 b50000@81500 instants=2",
   "b50000@71500 a50000@107003 instants=2", other_ladder},
};
// clang-format on

} // namespace takt_test::scenarios
