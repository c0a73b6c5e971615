// trace_recordings.hpp - one program, recorded at the same time as three programs print it, with its own timers alone.
//
// The program: four sleeps of 2 ms with 1 ms of timer slack; poll with 5 ms, of which the first ends early by data, the
// second expires, and the third expires because its data come late; three periods of a timerfd of 2 ms, which is then moved
// and disarmed; ITIMER_REAL after 3 ms, which interrupts a sleep of 5 ms; a POSIX timer on CLOCK_REALTIME, which does the
// same; a condition variable with a time-out of 2 ms; and a real-time thread with two sleeps of 2 ms. Two threads named
// "writer" sleep 1 ms and write. Recorded on Linux 6.18, x86-64, HZ 250; perf 6.1, trace-cmd 3.1.6.
#pragma once
#include <string_view>

namespace test {

inline constexpr std::string_view ftrace_recording = R"trace(# tracer: nop
#
# entries-in-buffer/entries-written: 74859/74859   #P:2
#
#                                _-----=> irqs-off/BH-disabled
#                               / _----=> need-resched
#                              | / _---=> hardirq/softirq
#                              || / _--=> preempt-depth
#                              ||| / _-=> migrate-disable
#                              |||| /     delay
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
  a b-1 [0]: x/y-2662    [001] d..2.  1985.716190: sched_switch: prev_comm=perf-exec prev_pid=2662 prev_prio=120 prev_state=R ==> next_comm=perf next_pid=2628 next_prio=120
         cc1plus-1641    [001] d..2.  1985.744076: sched_switch: prev_comm=cc1plus prev_pid=1641 prev_prio=130 prev_state=R ==> next_comm=perf-exec next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [001] d..2.  1985.744094: sched_switch: prev_comm=perf-exec prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=perf next_pid=2628 next_prio=120
            perf-2628    [001] d..3.  1986.028318: sched_waking: comm=perf-exec pid=2662 prio=120 target_cpu=001
            perf-2628    [001] dN.4.  1986.028322: sched_wakeup: comm=perf-exec pid=2662 prio=120 target_cpu=001
           storm-31766   [001] d..2.  1986.028389: sched_switch: prev_comm=storm prev_pid=31766 prev_prio=132 prev_state=S ==> next_comm=perf-exec next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [001] .....  1986.029994: hrtimer_setup: hrtimer=00000000c7518bf8 clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    [001] d..1.  1986.029997: hrtimer_start: hrtimer=00000000c7518bf8 function=hrtimer_wakeup expires=1986032996916 softexpires=1986031996916 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    [001] d..2.  1986.030003: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=storm next_pid=31766 next_prio=132
         cc1plus-1638    [001] dNh..  1986.032038: hrtimer_expire_entry: hrtimer=00000000c7518bf8 function=hrtimer_wakeup now=1986032024694
         cc1plus-1638    [001] dNh2.  1986.032039: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-1638    [001] dNh3.  1986.032044: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-1638    [001] dNh..  1986.032045: hrtimer_expire_exit: hrtimer=00000000c7518bf8
           storm-31766   [001] d..2.  1986.038221: sched_switch: prev_comm=storm prev_pid=31766 prev_prio=132 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [001] .....  1986.038230: hrtimer_setup: hrtimer=00000000e746c9b3 clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    [001] d..1.  1986.038231: hrtimer_start: hrtimer=00000000e746c9b3 function=hrtimer_wakeup expires=1986041231279 softexpires=1986040231279 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    [001] d..2.  1986.038235: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=perf next_pid=2628 next_prio=120
         cc1plus-2122    [001] dNh..  1986.040932: hrtimer_expire_entry: hrtimer=00000000e746c9b3 function=hrtimer_wakeup now=1986040922220
         cc1plus-2122    [001] dNh2.  1986.040933: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-2122    [001] dNh3.  1986.040936: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-2122    [001] dNh..  1986.040937: hrtimer_expire_exit: hrtimer=00000000e746c9b3
           storm-31766   [001] d..2.  1986.040967: sched_switch: prev_comm=storm prev_pid=31766 prev_prio=132 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [001] .....  1986.040972: hrtimer_setup: hrtimer=000000001c382af3 clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    [001] d..1.  1986.040974: hrtimer_start: hrtimer=000000001c382af3 function=hrtimer_wakeup expires=1986043973426 softexpires=1986042973426 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    [001] d..2.  1986.040977: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=cc1plus next_pid=2122 next_prio=130
 callgrind-amd64-27105   [001] dNh..  1986.043317: hrtimer_expire_entry: hrtimer=000000001c382af3 function=hrtimer_wakeup now=1986043308339
 callgrind-amd64-27105   [001] dNh2.  1986.043318: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
 callgrind-amd64-27105   [001] dNh3.  1986.043321: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
 callgrind-amd64-27105   [001] dNh..  1986.043322: hrtimer_expire_exit: hrtimer=000000001c382af3
           storm-31766   [001] d..2.  1986.043346: sched_switch: prev_comm=storm prev_pid=31766 prev_prio=132 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [001] .....  1986.043351: hrtimer_setup: hrtimer=0000000037d61cd7 clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    [001] d..1.  1986.043353: hrtimer_start: hrtimer=0000000037d61cd7 function=hrtimer_wakeup expires=1986046352735 softexpires=1986045352735 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    [001] d..2.  1986.043356: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=cc1plus next_pid=1638 next_prio=130
         cc1plus-1497    [001] dNh..  1986.045917: hrtimer_expire_entry: hrtimer=0000000037d61cd7 function=hrtimer_wakeup now=1986045908485
         cc1plus-1497    [001] dNh2.  1986.045918: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-1497    [001] dNh3.  1986.045921: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-1497    [001] dNh..  1986.045922: hrtimer_expire_exit: hrtimer=0000000037d61cd7
         cc1plus-1497    [001] d..2.  1986.045935: sched_switch: prev_comm=cc1plus prev_pid=1497 prev_prio=130 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [001] .....  1986.046032: hrtimer_setup: hrtimer=0000000006838ff3 clockid=CLOCK_MONOTONIC mode=REL|HARD
  a b-1 [0]: x/y-2662    [001] .....  1986.046033: hrtimer_setup: hrtimer=000000000a6213c3 clockid=CLOCK_MONOTONIC mode=REL|HARD
  a b-1 [0]: x/y-2662    [001] .....  1986.046074: hrtimer_setup: hrtimer=00000000ec19ee8a clockid=CLOCK_MONOTONIC mode=ABS
  a b-1 [0]: x/y-2662    [001] d..1.  1986.046075: hrtimer_start: hrtimer=00000000ec19ee8a function=hrtimer_wakeup expires=1986052072018 softexpires=1986051072018 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    [001] d..2.  1986.046079: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=storm next_pid=31766 next_prio=132
         cc1plus-2119    [000] d..2.  1986.046085: sched_switch: prev_comm=cc1plus prev_pid=2119 prev_prio=130 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2683 next_prio=120
          writer-2683    [000] .....  1986.046110: hrtimer_setup: hrtimer=000000009c64f025 clockid=CLOCK_REALTIME mode=REL
          writer-2683    [000] d..1.  1986.046112: hrtimer_start: hrtimer=000000009c64f025 function=hrtimer_wakeup expires=1986048111962 softexpires=1986047111962 mode=REL was_armed=0
          writer-2683    [000] d..2.  1986.046117: sched_switch: prev_comm=writer prev_pid=2683 prev_prio=120 prev_state=S ==> next_comm=callgrind-amd64 next_pid=27103 next_prio=120
 callgrind-amd64-27103   [000] dnh..  1986.048048: hrtimer_expire_entry: hrtimer=000000009c64f025 function=hrtimer_wakeup now=1986048028294
 callgrind-amd64-27103   [000] dnh2.  1986.048049: sched_waking: comm=writer pid=2683 prio=120 target_cpu=000
 callgrind-amd64-27103   [000] dnh3.  1986.048054: sched_wakeup: comm=writer pid=2683 prio=120 target_cpu=000
 callgrind-amd64-27103   [000] dnh..  1986.048056: hrtimer_expire_exit: hrtimer=000000009c64f025
     rcu_preempt-15      [000] d..2.  1986.048093: sched_switch: prev_comm=rcu_preempt prev_pid=15 prev_prio=120 prev_state=I ==> next_comm=writer next_pid=2683 next_prio=120
          writer-2683    [000] d..3.  1986.048104: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
          writer-2683    [000] d..3.  1986.048107: sched_migrate_task: comm=a b-1 [0]: x/y pid=2662 prio=120 orig_cpu=1 dest_cpu=0
          writer-2683    [000] d..4.  1986.048111: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
          writer-2683    [000] d..2.  1986.048189: sched_switch: prev_comm=writer prev_pid=2683 prev_prio=120 prev_state=X ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [000] d..1.  1986.048192: hrtimer_cancel: hrtimer=00000000ec19ee8a
  a b-1 [0]: x/y-2662    [000] .....  1986.048202: hrtimer_setup: hrtimer=0000000043c2dcf6 clockid=CLOCK_MONOTONIC mode=ABS
  a b-1 [0]: x/y-2662    [000] d..1.  1986.048204: hrtimer_start: hrtimer=0000000043c2dcf6 function=hrtimer_wakeup expires=1986054201261 softexpires=1986053201261 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    [000] d..2.  1986.048207: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=storm next_pid=31768 next_prio=132
             exp-2168    [000] d.h..  1986.054217: hrtimer_expire_entry: hrtimer=0000000043c2dcf6 function=hrtimer_wakeup now=1986054216442
             exp-2168    [000] d.h2.  1986.054219: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp-2168    [000] dNh3.  1986.054226: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp-2168    [000] dNh..  1986.054228: hrtimer_expire_exit: hrtimer=0000000043c2dcf6
             exp-2168    [000] d..2.  1986.054239: sched_switch: prev_comm=exp prev_pid=2168 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [000] .....  1986.054276: hrtimer_setup: hrtimer=00000000a393459d clockid=CLOCK_MONOTONIC mode=REL|HARD
  a b-1 [0]: x/y-2662    [000] .....  1986.054278: hrtimer_setup: hrtimer=000000005d2ad0aa clockid=CLOCK_MONOTONIC mode=REL|HARD
  a b-1 [0]: x/y-2662    [000] .....  1986.054304: hrtimer_setup: hrtimer=0000000014c65d6f clockid=CLOCK_MONOTONIC mode=ABS
  a b-1 [0]: x/y-2662    [000] d..1.  1986.054306: hrtimer_start: hrtimer=0000000014c65d6f function=hrtimer_wakeup expires=1986060302450 softexpires=1986059302450 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    [000] d..2.  1986.054309: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2684 next_prio=120
          writer-2684    [000] .....  1986.054319: hrtimer_setup: hrtimer=000000002c2225e9 clockid=CLOCK_REALTIME mode=REL
          writer-2684    [000] d..1.  1986.054321: hrtimer_start: hrtimer=000000002c2225e9 function=hrtimer_wakeup expires=1986056320416 softexpires=1986055320416 mode=REL was_armed=0
          writer-2684    [000] d..2.  1986.054325: sched_switch: prev_comm=writer prev_pid=2684 prev_prio=120 prev_state=S ==> next_comm=storm next_pid=31768 next_prio=132
         cc1plus-2119    [000] dNh..  1986.056034: hrtimer_expire_entry: hrtimer=000000002c2225e9 function=hrtimer_wakeup now=1986056021960
         cc1plus-2119    [000] dNh2.  1986.056035: sched_waking: comm=writer pid=2684 prio=120 target_cpu=000
         cc1plus-2119    [000] dNh3.  1986.056039: sched_wakeup: comm=writer pid=2684 prio=120 target_cpu=000
         cc1plus-2119    [000] dNh..  1986.056041: hrtimer_expire_exit: hrtimer=000000002c2225e9
         cc1plus-2119    [000] d..2.  1986.056058: sched_switch: prev_comm=cc1plus prev_pid=2119 prev_prio=130 prev_state=R ==> next_comm=writer next_pid=2684 next_prio=120
          writer-2684    [000] d..3.  1986.056066: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
          writer-2684    [000] d..4.  1986.056069: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
          writer-2684    [000] d..2.  1986.056128: sched_switch: prev_comm=writer prev_pid=2684 prev_prio=120 prev_state=X ==> next_comm=sh next_pid=2685 next_prio=120
              ls-2688    [000] dNh..  1986.060030: hrtimer_expire_entry: hrtimer=0000000014c65d6f function=hrtimer_wakeup now=1986060020090
              ls-2688    [000] dNh..  1986.060031: hrtimer_expire_exit: hrtimer=0000000014c65d6f
            takt-2690    [000] d..2.  1986.064070: sched_switch: prev_comm=takt prev_pid=2690 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [000] .....  1986.064090: hrtimer_setup: hrtimer=00000000ed0b571f clockid=CLOCK_MONOTONIC mode=ABS
  a b-1 [0]: x/y-2662    [000] d..1.  1986.064099: hrtimer_setup: hrtimer=00000000ed0b571f clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    [000] d..2.  1986.064100: hrtimer_start: hrtimer=00000000ed0b571f function=timerfd_tmrproc expires=1986066100051 softexpires=1986066100051 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    [000] d..2.  1986.064115: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=sh next_pid=2691 next_prio=120
            grep-2692    [000] d.h..  1986.066122: hrtimer_expire_entry: hrtimer=00000000ed0b571f function=timerfd_tmrproc now=1986066121649
            grep-2692    [000] d.h3.  1986.066124: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
            grep-2692    [000] dNh4.  1986.066130: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
            grep-2692    [000] dNh..  1986.066131: hrtimer_expire_exit: hrtimer=00000000ed0b571f
            takt-2690    [000] d..2.  1986.067713: sched_switch: prev_comm=takt prev_pid=2690 prev_prio=120 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [000] d..2.  1986.067716: hrtimer_start: hrtimer=00000000ed0b571f function=timerfd_tmrproc expires=1986068100051 softexpires=1986068100051 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    [000] d..2.  1986.067724: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=rcu_preempt next_pid=15 next_prio=120
 callgrind-amd64-27103   [000] d.h..  1986.068110: hrtimer_expire_entry: hrtimer=00000000ed0b571f function=timerfd_tmrproc now=1986068109347
 callgrind-amd64-27103   [000] d.h3.  1986.068111: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64-27103   [000] dNh4.  1986.068115: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64-27103   [000] dNh..  1986.068116: hrtimer_expire_exit: hrtimer=00000000ed0b571f
 callgrind-amd64-27103   [000] d..2.  1986.068125: sched_switch: prev_comm=callgrind-amd64 prev_pid=27103 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [000] d..2.  1986.068127: hrtimer_start: hrtimer=00000000ed0b571f function=timerfd_tmrproc expires=1986070100051 softexpires=1986070100051 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    [000] d..2.  1986.068138: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=callgrind-amd64 next_pid=27103 next_prio=120
 callgrind-amd64-27103   [000] d.h..  1986.070127: hrtimer_expire_entry: hrtimer=00000000ed0b571f function=timerfd_tmrproc now=1986070126649
 callgrind-amd64-27103   [000] d.h3.  1986.070129: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64-27103   [000] dNh4.  1986.070134: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64-27103   [000] dNh..  1986.070136: hrtimer_expire_exit: hrtimer=00000000ed0b571f
 callgrind-amd64-27103   [000] d..2.  1986.070148: sched_switch: prev_comm=callgrind-amd64 prev_pid=27103 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [000] d..2.  1986.070150: hrtimer_start: hrtimer=00000000ed0b571f function=timerfd_tmrproc expires=1986072100051 softexpires=1986072100051 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    [000] d..2.  1986.070157: hrtimer_cancel: hrtimer=00000000ed0b571f
  a b-1 [0]: x/y-2662    [000] d..1.  1986.070158: hrtimer_setup: hrtimer=00000000ed0b571f clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    [000] d..2.  1986.070160: hrtimer_start: hrtimer=00000000ed0b571f function=timerfd_tmrproc expires=1986072159578 softexpires=1986072159578 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    [000] d..2.  1986.070161: hrtimer_cancel: hrtimer=00000000ed0b571f
  a b-1 [0]: x/y-2662    [000] d..1.  1986.070162: hrtimer_setup: hrtimer=00000000ed0b571f clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    [000] d..2.  1986.070171: hrtimer_start: hrtimer=00000000ea1e36d0 function=it_real_fn expires=1986073170825 softexpires=1986073170825 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    [000] .....  1986.070175: hrtimer_setup: hrtimer=000000001f7b6664 clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    [000] d..1.  1986.070176: hrtimer_start: hrtimer=000000001f7b6664 function=hrtimer_wakeup expires=1986076176243 softexpires=1986075176243 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    [000] d..2.  1986.070180: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=exp next_pid=2168 next_prio=120
           storm-31768   [000] d.h..  1986.073185: hrtimer_expire_entry: hrtimer=00000000ea1e36d0 function=it_real_fn now=1986073184415
           storm-31768   [000] d.h3.  1986.073191: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
           storm-31768   [000] dNh4.  1986.073195: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
           storm-31768   [000] dNh..  1986.073197: hrtimer_expire_exit: hrtimer=00000000ea1e36d0
           storm-31768   [000] d..2.  1986.073206: sched_switch: prev_comm=storm prev_pid=31768 prev_prio=132 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [000] d..1.  1986.073209: hrtimer_cancel: hrtimer=000000001f7b6664
  a b-1 [0]: x/y-2662    [000] .....  1986.073233: hrtimer_setup: hrtimer=000000002e3bfdb1 clockid=CLOCK_REALTIME mode=ABS
  a b-1 [0]: x/y-2662    [000] d..1.  1986.073237: hrtimer_setup: hrtimer=000000002e3bfdb1 clockid=CLOCK_REALTIME mode=REL
  a b-1 [0]: x/y-2662    [000] d..2.  1986.073238: hrtimer_start: hrtimer=000000002e3bfdb1 function=posix_timer_fn expires=1986076237914 softexpires=1986076237914 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    [000] .....  1986.073240: hrtimer_setup: hrtimer=00000000669f1038 clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    [000] d..1.  1986.073241: hrtimer_start: hrtimer=00000000669f1038 function=hrtimer_wakeup expires=1986079241289 softexpires=1986078241289 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    [000] d..2.  1986.073244: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=cc1plus next_pid=2119 next_prio=130
     ksoftirqd/0-14      [000] d.H..  1986.076248: hrtimer_expire_entry: hrtimer=000000002e3bfdb1 function=posix_timer_fn now=1986076248259
     ksoftirqd/0-14      [000] d.H4.  1986.076250: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
     ksoftirqd/0-14      [000] d.H5.  1986.076253: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
     ksoftirqd/0-14      [000] d.H..  1986.076256: hrtimer_expire_exit: hrtimer=000000002e3bfdb1
     ksoftirqd/0-14      [000] d..2.  1986.076276: sched_switch: prev_comm=ksoftirqd/0 prev_pid=14 prev_prio=120 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [000] d..1.  1986.076284: hrtimer_cancel: hrtimer=00000000669f1038
  a b-1 [0]: x/y-2662    [000] .....  1986.076319: hrtimer_setup: hrtimer=000000009fad1988 clockid=CLOCK_MONOTONIC mode=ABS
  a b-1 [0]: x/y-2662    [000] d..1.  1986.076321: hrtimer_start: hrtimer=000000009fad1988 function=hrtimer_wakeup expires=1986079316380 softexpires=1986078316380 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    [000] d..2.  1986.076331: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=exp next_pid=2168 next_prio=120
             exp-2168    [000] d.h..  1986.079341: hrtimer_expire_entry: hrtimer=000000009fad1988 function=hrtimer_wakeup now=1986079340275
             exp-2168    [000] d.h2.  1986.079342: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp-2168    [000] dNh3.  1986.079347: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp-2168    [000] dNh..  1986.079348: hrtimer_expire_exit: hrtimer=000000009fad1988
             exp-2168    [000] d..2.  1986.079359: sched_switch: prev_comm=exp prev_pid=2168 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [000] .....  1986.079389: hrtimer_setup: hrtimer=00000000d9247197 clockid=CLOCK_MONOTONIC mode=REL|HARD
  a b-1 [0]: x/y-2662    [000] .....  1986.079390: hrtimer_setup: hrtimer=00000000550b9178 clockid=CLOCK_MONOTONIC mode=REL|HARD
  a b-1 [0]: x/y-2662    [000] d..2.  1986.079423: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2694 next_prio=120
       real-time-2694    [000] dN.4.  1986.079450: hrtimer_start: hrtimer=00000000a5f2b9c0 function=sched_rt_period_timer expires=1986892819003 softexpires=1986892819003 mode=ABS|PINNED|HARD was_armed=0
       real-time-2694    [000] .....  1986.079456: hrtimer_setup: hrtimer=000000006644706f clockid=CLOCK_MONOTONIC mode=REL
       real-time-2694    [000] d..1.  1986.079457: hrtimer_start: hrtimer=000000006644706f function=hrtimer_wakeup expires=1986081456817 softexpires=1986081456817 mode=REL was_armed=0
       real-time-2694    [000] d..2.  1986.079462: sched_switch: prev_comm=real-time prev_pid=2694 prev_prio=94 prev_state=S ==> next_comm=storm next_pid=31768 next_prio=132
 callgrind-amd64-27103   [000] d.h..  1986.081483: hrtimer_expire_entry: hrtimer=000000006644706f function=hrtimer_wakeup now=1986081482061
 callgrind-amd64-27103   [000] d.h2.  1986.081484: sched_waking: comm=real-time pid=2694 prio=94 target_cpu=000
 callgrind-amd64-27103   [000] dNh3.  1986.081488: sched_wakeup: comm=real-time pid=2694 prio=94 target_cpu=000
 callgrind-amd64-27103   [000] dNh..  1986.081489: hrtimer_expire_exit: hrtimer=000000006644706f
 callgrind-amd64-27103   [000] d..2.  1986.081500: sched_switch: prev_comm=callgrind-amd64 prev_pid=27103 prev_prio=120 prev_state=R ==> next_comm=real-time next_pid=2694 next_prio=94
       real-time-2694    [000] .....  1986.081506: hrtimer_setup: hrtimer=00000000ff9ad22a clockid=CLOCK_MONOTONIC mode=REL
       real-time-2694    [000] d..1.  1986.081508: hrtimer_start: hrtimer=00000000ff9ad22a function=hrtimer_wakeup expires=1986083507519 softexpires=1986083507519 mode=REL was_armed=0
       real-time-2694    [000] d..2.  1986.081518: sched_switch: prev_comm=real-time prev_pid=2694 prev_prio=94 prev_state=S ==> next_comm=storm next_pid=31766 next_prio=132
             exp-2168    [000] d.h..  1986.083522: hrtimer_expire_entry: hrtimer=00000000ff9ad22a function=hrtimer_wakeup now=1986083521556
             exp-2168    [000] d.h2.  1986.083523: sched_waking: comm=real-time pid=2694 prio=94 target_cpu=000
             exp-2168    [000] dNh3.  1986.083526: sched_wakeup: comm=real-time pid=2694 prio=94 target_cpu=000
             exp-2168    [000] dNh..  1986.083527: hrtimer_expire_exit: hrtimer=00000000ff9ad22a
             exp-2168    [000] d..2.  1986.083536: sched_switch: prev_comm=exp prev_pid=2168 prev_prio=120 prev_state=R ==> next_comm=real-time next_pid=2694 next_prio=94
       real-time-2694    [000] d..2.  1986.083567: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
       real-time-2694    [000] d..3.  1986.083571: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
       real-time-2694    [000] d..2.  1986.083590: sched_switch: prev_comm=real-time prev_pid=2694 prev_prio=94 prev_state=X ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    [000] d..2.  1986.083885: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=Z ==> next_comm=perf next_pid=2628 next_prio=120
         cc1plus-2119    [000] d.h..  1986.892840: hrtimer_expire_entry: hrtimer=00000000a5f2b9c0 function=sched_rt_period_timer now=1986892839251
         cc1plus-2119    [000] d.h..  1986.892842: hrtimer_expire_exit: hrtimer=00000000a5f2b9c0
)trace";

inline constexpr std::string_view ftrace_tgid_recording = R"trace(# tracer: nop
#
# entries-in-buffer/entries-written: 74859/74859   #P:2
#
#                                          _-----=> irqs-off/BH-disabled
#                                         / _----=> need-resched
#                                        | / _---=> hardirq/softirq
#                                        || / _--=> preempt-depth
#                                        ||| / _-=> migrate-disable
#                                        |||| /     delay
#           TASK-PID       TGID    CPU#  |||||  TIMESTAMP  FUNCTION
  a b-1 [0]: x/y-2662    (   2662) [001] d..2.  1985.716190: sched_switch: prev_comm=perf-exec prev_pid=2662 prev_prio=120 prev_state=R ==> next_comm=perf next_pid=2628 next_prio=120
         cc1plus-1641    (   1641) [001] d..2.  1985.744076: sched_switch: prev_comm=cc1plus prev_pid=1641 prev_prio=130 prev_state=R ==> next_comm=perf-exec next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [001] d..2.  1985.744094: sched_switch: prev_comm=perf-exec prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=perf next_pid=2628 next_prio=120
            perf-2628    (   2628) [001] d..3.  1986.028318: sched_waking: comm=perf-exec pid=2662 prio=120 target_cpu=001
            perf-2628    (   2628) [001] dN.4.  1986.028322: sched_wakeup: comm=perf-exec pid=2662 prio=120 target_cpu=001
           storm-31766   (  31766) [001] d..2.  1986.028389: sched_switch: prev_comm=storm prev_pid=31766 prev_prio=132 prev_state=S ==> next_comm=perf-exec next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [001] .....  1986.029994: hrtimer_setup: hrtimer=00000000c7518bf8 clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    (   2662) [001] d..1.  1986.029997: hrtimer_start: hrtimer=00000000c7518bf8 function=hrtimer_wakeup expires=1986032996916 softexpires=1986031996916 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [001] d..2.  1986.030003: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=storm next_pid=31766 next_prio=132
         cc1plus-1638    (   1638) [001] dNh..  1986.032038: hrtimer_expire_entry: hrtimer=00000000c7518bf8 function=hrtimer_wakeup now=1986032024694
         cc1plus-1638    (   1638) [001] dNh2.  1986.032039: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-1638    (   1638) [001] dNh3.  1986.032044: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-1638    (   1638) [001] dNh..  1986.032045: hrtimer_expire_exit: hrtimer=00000000c7518bf8
           storm-31766   (  31766) [001] d..2.  1986.038221: sched_switch: prev_comm=storm prev_pid=31766 prev_prio=132 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [001] .....  1986.038230: hrtimer_setup: hrtimer=00000000e746c9b3 clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    (   2662) [001] d..1.  1986.038231: hrtimer_start: hrtimer=00000000e746c9b3 function=hrtimer_wakeup expires=1986041231279 softexpires=1986040231279 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [001] d..2.  1986.038235: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=perf next_pid=2628 next_prio=120
         cc1plus-2122    (   2122) [001] dNh..  1986.040932: hrtimer_expire_entry: hrtimer=00000000e746c9b3 function=hrtimer_wakeup now=1986040922220
         cc1plus-2122    (   2122) [001] dNh2.  1986.040933: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-2122    (   2122) [001] dNh3.  1986.040936: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-2122    (   2122) [001] dNh..  1986.040937: hrtimer_expire_exit: hrtimer=00000000e746c9b3
           storm-31766   (  31766) [001] d..2.  1986.040967: sched_switch: prev_comm=storm prev_pid=31766 prev_prio=132 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [001] .....  1986.040972: hrtimer_setup: hrtimer=000000001c382af3 clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    (   2662) [001] d..1.  1986.040974: hrtimer_start: hrtimer=000000001c382af3 function=hrtimer_wakeup expires=1986043973426 softexpires=1986042973426 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [001] d..2.  1986.040977: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=cc1plus next_pid=2122 next_prio=130
 callgrind-amd64-27105   (  27105) [001] dNh..  1986.043317: hrtimer_expire_entry: hrtimer=000000001c382af3 function=hrtimer_wakeup now=1986043308339
 callgrind-amd64-27105   (  27105) [001] dNh2.  1986.043318: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
 callgrind-amd64-27105   (  27105) [001] dNh3.  1986.043321: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
 callgrind-amd64-27105   (  27105) [001] dNh..  1986.043322: hrtimer_expire_exit: hrtimer=000000001c382af3
           storm-31766   (  31766) [001] d..2.  1986.043346: sched_switch: prev_comm=storm prev_pid=31766 prev_prio=132 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [001] .....  1986.043351: hrtimer_setup: hrtimer=0000000037d61cd7 clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    (   2662) [001] d..1.  1986.043353: hrtimer_start: hrtimer=0000000037d61cd7 function=hrtimer_wakeup expires=1986046352735 softexpires=1986045352735 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [001] d..2.  1986.043356: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=cc1plus next_pid=1638 next_prio=130
         cc1plus-1497    (   1497) [001] dNh..  1986.045917: hrtimer_expire_entry: hrtimer=0000000037d61cd7 function=hrtimer_wakeup now=1986045908485
         cc1plus-1497    (   1497) [001] dNh2.  1986.045918: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-1497    (   1497) [001] dNh3.  1986.045921: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-1497    (   1497) [001] dNh..  1986.045922: hrtimer_expire_exit: hrtimer=0000000037d61cd7
         cc1plus-1497    (   1497) [001] d..2.  1986.045935: sched_switch: prev_comm=cc1plus prev_pid=1497 prev_prio=130 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [001] .....  1986.046032: hrtimer_setup: hrtimer=0000000006838ff3 clockid=CLOCK_MONOTONIC mode=REL|HARD
  a b-1 [0]: x/y-2662    (   2662) [001] .....  1986.046033: hrtimer_setup: hrtimer=000000000a6213c3 clockid=CLOCK_MONOTONIC mode=REL|HARD
  a b-1 [0]: x/y-2662    (   2662) [001] .....  1986.046074: hrtimer_setup: hrtimer=00000000ec19ee8a clockid=CLOCK_MONOTONIC mode=ABS
  a b-1 [0]: x/y-2662    (   2662) [001] d..1.  1986.046075: hrtimer_start: hrtimer=00000000ec19ee8a function=hrtimer_wakeup expires=1986052072018 softexpires=1986051072018 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [001] d..2.  1986.046079: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=storm next_pid=31766 next_prio=132
         cc1plus-2119    (   2119) [000] d..2.  1986.046085: sched_switch: prev_comm=cc1plus prev_pid=2119 prev_prio=130 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2683 next_prio=120
          writer-2683    (   2662) [000] .....  1986.046110: hrtimer_setup: hrtimer=000000009c64f025 clockid=CLOCK_REALTIME mode=REL
          writer-2683    (   2662) [000] d..1.  1986.046112: hrtimer_start: hrtimer=000000009c64f025 function=hrtimer_wakeup expires=1986048111962 softexpires=1986047111962 mode=REL was_armed=0
          writer-2683    (   2662) [000] d..2.  1986.046117: sched_switch: prev_comm=writer prev_pid=2683 prev_prio=120 prev_state=S ==> next_comm=callgrind-amd64 next_pid=27103 next_prio=120
 callgrind-amd64-27103   (  27103) [000] dnh..  1986.048048: hrtimer_expire_entry: hrtimer=000000009c64f025 function=hrtimer_wakeup now=1986048028294
 callgrind-amd64-27103   (  27103) [000] dnh2.  1986.048049: sched_waking: comm=writer pid=2683 prio=120 target_cpu=000
 callgrind-amd64-27103   (  27103) [000] dnh3.  1986.048054: sched_wakeup: comm=writer pid=2683 prio=120 target_cpu=000
 callgrind-amd64-27103   (  27103) [000] dnh..  1986.048056: hrtimer_expire_exit: hrtimer=000000009c64f025
     rcu_preempt-15      (     15) [000] d..2.  1986.048093: sched_switch: prev_comm=rcu_preempt prev_pid=15 prev_prio=120 prev_state=I ==> next_comm=writer next_pid=2683 next_prio=120
          writer-2683    (   2662) [000] d..3.  1986.048104: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
          writer-2683    (   2662) [000] d..3.  1986.048107: sched_migrate_task: comm=a b-1 [0]: x/y pid=2662 prio=120 orig_cpu=1 dest_cpu=0
          writer-2683    (   2662) [000] d..4.  1986.048111: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
          writer-2683    (   2662) [000] d..2.  1986.048189: sched_switch: prev_comm=writer prev_pid=2683 prev_prio=120 prev_state=X ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [000] d..1.  1986.048192: hrtimer_cancel: hrtimer=00000000ec19ee8a
  a b-1 [0]: x/y-2662    (   2662) [000] .....  1986.048202: hrtimer_setup: hrtimer=0000000043c2dcf6 clockid=CLOCK_MONOTONIC mode=ABS
  a b-1 [0]: x/y-2662    (   2662) [000] d..1.  1986.048204: hrtimer_start: hrtimer=0000000043c2dcf6 function=hrtimer_wakeup expires=1986054201261 softexpires=1986053201261 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.048207: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=storm next_pid=31768 next_prio=132
             exp-2168    (   2168) [000] d.h..  1986.054217: hrtimer_expire_entry: hrtimer=0000000043c2dcf6 function=hrtimer_wakeup now=1986054216442
             exp-2168    (   2168) [000] d.h2.  1986.054219: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp-2168    (   2168) [000] dNh3.  1986.054226: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp-2168    (   2168) [000] dNh..  1986.054228: hrtimer_expire_exit: hrtimer=0000000043c2dcf6
             exp-2168    (   2168) [000] d..2.  1986.054239: sched_switch: prev_comm=exp prev_pid=2168 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [000] .....  1986.054276: hrtimer_setup: hrtimer=00000000a393459d clockid=CLOCK_MONOTONIC mode=REL|HARD
  a b-1 [0]: x/y-2662    (   2662) [000] .....  1986.054278: hrtimer_setup: hrtimer=000000005d2ad0aa clockid=CLOCK_MONOTONIC mode=REL|HARD
  a b-1 [0]: x/y-2662    (   2662) [000] .....  1986.054304: hrtimer_setup: hrtimer=0000000014c65d6f clockid=CLOCK_MONOTONIC mode=ABS
  a b-1 [0]: x/y-2662    (   2662) [000] d..1.  1986.054306: hrtimer_start: hrtimer=0000000014c65d6f function=hrtimer_wakeup expires=1986060302450 softexpires=1986059302450 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.054309: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2684 next_prio=120
          writer-2684    (   2662) [000] .....  1986.054319: hrtimer_setup: hrtimer=000000002c2225e9 clockid=CLOCK_REALTIME mode=REL
          writer-2684    (   2662) [000] d..1.  1986.054321: hrtimer_start: hrtimer=000000002c2225e9 function=hrtimer_wakeup expires=1986056320416 softexpires=1986055320416 mode=REL was_armed=0
          writer-2684    (   2662) [000] d..2.  1986.054325: sched_switch: prev_comm=writer prev_pid=2684 prev_prio=120 prev_state=S ==> next_comm=storm next_pid=31768 next_prio=132
         cc1plus-2119    (   2119) [000] dNh..  1986.056034: hrtimer_expire_entry: hrtimer=000000002c2225e9 function=hrtimer_wakeup now=1986056021960
         cc1plus-2119    (   2119) [000] dNh2.  1986.056035: sched_waking: comm=writer pid=2684 prio=120 target_cpu=000
         cc1plus-2119    (   2119) [000] dNh3.  1986.056039: sched_wakeup: comm=writer pid=2684 prio=120 target_cpu=000
         cc1plus-2119    (   2119) [000] dNh..  1986.056041: hrtimer_expire_exit: hrtimer=000000002c2225e9
         cc1plus-2119    (   2119) [000] d..2.  1986.056058: sched_switch: prev_comm=cc1plus prev_pid=2119 prev_prio=130 prev_state=R ==> next_comm=writer next_pid=2684 next_prio=120
          writer-2684    (   2662) [000] d..3.  1986.056066: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
          writer-2684    (   2662) [000] d..4.  1986.056069: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
          writer-2684    (   2662) [000] d..2.  1986.056128: sched_switch: prev_comm=writer prev_pid=2684 prev_prio=120 prev_state=X ==> next_comm=sh next_pid=2685 next_prio=120
              ls-2688    (   2688) [000] dNh..  1986.060030: hrtimer_expire_entry: hrtimer=0000000014c65d6f function=hrtimer_wakeup now=1986060020090
              ls-2688    (   2688) [000] dNh..  1986.060031: hrtimer_expire_exit: hrtimer=0000000014c65d6f
            takt-2690    (   2690) [000] d..2.  1986.064070: sched_switch: prev_comm=takt prev_pid=2690 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [000] .....  1986.064090: hrtimer_setup: hrtimer=00000000ed0b571f clockid=CLOCK_MONOTONIC mode=ABS
  a b-1 [0]: x/y-2662    (   2662) [000] d..1.  1986.064099: hrtimer_setup: hrtimer=00000000ed0b571f clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.064100: hrtimer_start: hrtimer=00000000ed0b571f function=timerfd_tmrproc expires=1986066100051 softexpires=1986066100051 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.064115: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=sh next_pid=2691 next_prio=120
            grep-2692    (   2692) [000] d.h..  1986.066122: hrtimer_expire_entry: hrtimer=00000000ed0b571f function=timerfd_tmrproc now=1986066121649
            grep-2692    (   2692) [000] d.h3.  1986.066124: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
            grep-2692    (   2692) [000] dNh4.  1986.066130: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
            grep-2692    (   2692) [000] dNh..  1986.066131: hrtimer_expire_exit: hrtimer=00000000ed0b571f
            takt-2690    (   2690) [000] d..2.  1986.067713: sched_switch: prev_comm=takt prev_pid=2690 prev_prio=120 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.067716: hrtimer_start: hrtimer=00000000ed0b571f function=timerfd_tmrproc expires=1986068100051 softexpires=1986068100051 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.067724: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=rcu_preempt next_pid=15 next_prio=120
 callgrind-amd64-27103   (  27103) [000] d.h..  1986.068110: hrtimer_expire_entry: hrtimer=00000000ed0b571f function=timerfd_tmrproc now=1986068109347
 callgrind-amd64-27103   (  27103) [000] d.h3.  1986.068111: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64-27103   (  27103) [000] dNh4.  1986.068115: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64-27103   (  27103) [000] dNh..  1986.068116: hrtimer_expire_exit: hrtimer=00000000ed0b571f
 callgrind-amd64-27103   (  27103) [000] d..2.  1986.068125: sched_switch: prev_comm=callgrind-amd64 prev_pid=27103 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.068127: hrtimer_start: hrtimer=00000000ed0b571f function=timerfd_tmrproc expires=1986070100051 softexpires=1986070100051 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.068138: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=callgrind-amd64 next_pid=27103 next_prio=120
 callgrind-amd64-27103   (  27103) [000] d.h..  1986.070127: hrtimer_expire_entry: hrtimer=00000000ed0b571f function=timerfd_tmrproc now=1986070126649
 callgrind-amd64-27103   (  27103) [000] d.h3.  1986.070129: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64-27103   (  27103) [000] dNh4.  1986.070134: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64-27103   (  27103) [000] dNh..  1986.070136: hrtimer_expire_exit: hrtimer=00000000ed0b571f
 callgrind-amd64-27103   (  27103) [000] d..2.  1986.070148: sched_switch: prev_comm=callgrind-amd64 prev_pid=27103 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.070150: hrtimer_start: hrtimer=00000000ed0b571f function=timerfd_tmrproc expires=1986072100051 softexpires=1986072100051 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.070157: hrtimer_cancel: hrtimer=00000000ed0b571f
  a b-1 [0]: x/y-2662    (   2662) [000] d..1.  1986.070158: hrtimer_setup: hrtimer=00000000ed0b571f clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.070160: hrtimer_start: hrtimer=00000000ed0b571f function=timerfd_tmrproc expires=1986072159578 softexpires=1986072159578 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.070161: hrtimer_cancel: hrtimer=00000000ed0b571f
  a b-1 [0]: x/y-2662    (   2662) [000] d..1.  1986.070162: hrtimer_setup: hrtimer=00000000ed0b571f clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.070171: hrtimer_start: hrtimer=00000000ea1e36d0 function=it_real_fn expires=1986073170825 softexpires=1986073170825 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [000] .....  1986.070175: hrtimer_setup: hrtimer=000000001f7b6664 clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    (   2662) [000] d..1.  1986.070176: hrtimer_start: hrtimer=000000001f7b6664 function=hrtimer_wakeup expires=1986076176243 softexpires=1986075176243 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.070180: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=exp next_pid=2168 next_prio=120
           storm-31768   (  31768) [000] d.h..  1986.073185: hrtimer_expire_entry: hrtimer=00000000ea1e36d0 function=it_real_fn now=1986073184415
           storm-31768   (  31768) [000] d.h3.  1986.073191: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
           storm-31768   (  31768) [000] dNh4.  1986.073195: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
           storm-31768   (  31768) [000] dNh..  1986.073197: hrtimer_expire_exit: hrtimer=00000000ea1e36d0
           storm-31768   (  31768) [000] d..2.  1986.073206: sched_switch: prev_comm=storm prev_pid=31768 prev_prio=132 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [000] d..1.  1986.073209: hrtimer_cancel: hrtimer=000000001f7b6664
  a b-1 [0]: x/y-2662    (   2662) [000] .....  1986.073233: hrtimer_setup: hrtimer=000000002e3bfdb1 clockid=CLOCK_REALTIME mode=ABS
  a b-1 [0]: x/y-2662    (   2662) [000] d..1.  1986.073237: hrtimer_setup: hrtimer=000000002e3bfdb1 clockid=CLOCK_REALTIME mode=REL
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.073238: hrtimer_start: hrtimer=000000002e3bfdb1 function=posix_timer_fn expires=1986076237914 softexpires=1986076237914 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [000] .....  1986.073240: hrtimer_setup: hrtimer=00000000669f1038 clockid=CLOCK_MONOTONIC mode=REL
  a b-1 [0]: x/y-2662    (   2662) [000] d..1.  1986.073241: hrtimer_start: hrtimer=00000000669f1038 function=hrtimer_wakeup expires=1986079241289 softexpires=1986078241289 mode=REL was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.073244: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=cc1plus next_pid=2119 next_prio=130
     ksoftirqd/0-14      (     14) [000] d.H..  1986.076248: hrtimer_expire_entry: hrtimer=000000002e3bfdb1 function=posix_timer_fn now=1986076248259
     ksoftirqd/0-14      (     14) [000] d.H4.  1986.076250: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
     ksoftirqd/0-14      (     14) [000] d.H5.  1986.076253: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
     ksoftirqd/0-14      (     14) [000] d.H..  1986.076256: hrtimer_expire_exit: hrtimer=000000002e3bfdb1
     ksoftirqd/0-14      (     14) [000] d..2.  1986.076276: sched_switch: prev_comm=ksoftirqd/0 prev_pid=14 prev_prio=120 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [000] d..1.  1986.076284: hrtimer_cancel: hrtimer=00000000669f1038
  a b-1 [0]: x/y-2662    (   2662) [000] .....  1986.076319: hrtimer_setup: hrtimer=000000009fad1988 clockid=CLOCK_MONOTONIC mode=ABS
  a b-1 [0]: x/y-2662    (   2662) [000] d..1.  1986.076321: hrtimer_start: hrtimer=000000009fad1988 function=hrtimer_wakeup expires=1986079316380 softexpires=1986078316380 mode=ABS was_armed=0
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.076331: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=exp next_pid=2168 next_prio=120
             exp-2168    (   2168) [000] d.h..  1986.079341: hrtimer_expire_entry: hrtimer=000000009fad1988 function=hrtimer_wakeup now=1986079340275
             exp-2168    (   2168) [000] d.h2.  1986.079342: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp-2168    (   2168) [000] dNh3.  1986.079347: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp-2168    (   2168) [000] dNh..  1986.079348: hrtimer_expire_exit: hrtimer=000000009fad1988
             exp-2168    (   2168) [000] d..2.  1986.079359: sched_switch: prev_comm=exp prev_pid=2168 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [000] .....  1986.079389: hrtimer_setup: hrtimer=00000000d9247197 clockid=CLOCK_MONOTONIC mode=REL|HARD
  a b-1 [0]: x/y-2662    (   2662) [000] .....  1986.079390: hrtimer_setup: hrtimer=00000000550b9178 clockid=CLOCK_MONOTONIC mode=REL|HARD
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.079423: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2694 next_prio=120
       real-time-2694    (   2662) [000] dN.4.  1986.079450: hrtimer_start: hrtimer=00000000a5f2b9c0 function=sched_rt_period_timer expires=1986892819003 softexpires=1986892819003 mode=ABS|PINNED|HARD was_armed=0
       real-time-2694    (   2662) [000] .....  1986.079456: hrtimer_setup: hrtimer=000000006644706f clockid=CLOCK_MONOTONIC mode=REL
       real-time-2694    (   2662) [000] d..1.  1986.079457: hrtimer_start: hrtimer=000000006644706f function=hrtimer_wakeup expires=1986081456817 softexpires=1986081456817 mode=REL was_armed=0
       real-time-2694    (   2662) [000] d..2.  1986.079462: sched_switch: prev_comm=real-time prev_pid=2694 prev_prio=94 prev_state=S ==> next_comm=storm next_pid=31768 next_prio=132
 callgrind-amd64-27103   (  27103) [000] d.h..  1986.081483: hrtimer_expire_entry: hrtimer=000000006644706f function=hrtimer_wakeup now=1986081482061
 callgrind-amd64-27103   (  27103) [000] d.h2.  1986.081484: sched_waking: comm=real-time pid=2694 prio=94 target_cpu=000
 callgrind-amd64-27103   (  27103) [000] dNh3.  1986.081488: sched_wakeup: comm=real-time pid=2694 prio=94 target_cpu=000
 callgrind-amd64-27103   (  27103) [000] dNh..  1986.081489: hrtimer_expire_exit: hrtimer=000000006644706f
 callgrind-amd64-27103   (  27103) [000] d..2.  1986.081500: sched_switch: prev_comm=callgrind-amd64 prev_pid=27103 prev_prio=120 prev_state=R ==> next_comm=real-time next_pid=2694 next_prio=94
       real-time-2694    (   2662) [000] .....  1986.081506: hrtimer_setup: hrtimer=00000000ff9ad22a clockid=CLOCK_MONOTONIC mode=REL
       real-time-2694    (   2662) [000] d..1.  1986.081508: hrtimer_start: hrtimer=00000000ff9ad22a function=hrtimer_wakeup expires=1986083507519 softexpires=1986083507519 mode=REL was_armed=0
       real-time-2694    (   2662) [000] d..2.  1986.081518: sched_switch: prev_comm=real-time prev_pid=2694 prev_prio=94 prev_state=S ==> next_comm=storm next_pid=31766 next_prio=132
             exp-2168    (   2168) [000] d.h..  1986.083522: hrtimer_expire_entry: hrtimer=00000000ff9ad22a function=hrtimer_wakeup now=1986083521556
             exp-2168    (   2168) [000] d.h2.  1986.083523: sched_waking: comm=real-time pid=2694 prio=94 target_cpu=000
             exp-2168    (   2168) [000] dNh3.  1986.083526: sched_wakeup: comm=real-time pid=2694 prio=94 target_cpu=000
             exp-2168    (   2168) [000] dNh..  1986.083527: hrtimer_expire_exit: hrtimer=00000000ff9ad22a
             exp-2168    (   2168) [000] d..2.  1986.083536: sched_switch: prev_comm=exp prev_pid=2168 prev_prio=120 prev_state=R ==> next_comm=real-time next_pid=2694 next_prio=94
       real-time-2694    (   2662) [000] d..2.  1986.083567: sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
       real-time-2694    (   2662) [000] d..3.  1986.083571: sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
       real-time-2694    (   2662) [000] d..2.  1986.083590: sched_switch: prev_comm=real-time prev_pid=2694 prev_prio=94 prev_state=X ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y-2662    (   2662) [000] d..2.  1986.083885: sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=Z ==> next_comm=perf next_pid=2628 next_prio=120
         cc1plus-2119    (   2119) [000] d.h..  1986.892840: hrtimer_expire_entry: hrtimer=00000000a5f2b9c0 function=sched_rt_period_timer now=1986892839251
         cc1plus-2119    (   2119) [000] d.h..  1986.892842: hrtimer_expire_exit: hrtimer=00000000a5f2b9c0
)trace";

inline constexpr std::string_view perf_script_recording = R"trace(  a b-1 [0]: x/y  2662 [001]  1986.028754:           timer:hrtimer_setup: hrtimer=0xffffc90006cf7ad8 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y  2662 [001]  1986.028755:           timer:hrtimer_start: hrtimer=0xffffc90006cf7ad8 function=hrtimer_wakeup expires=1986032996916 softexpires=1986031996916 mode=0x1 was_armed=0
  a b-1 [0]: x/y  2662 [001]  1986.028761:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=storm next_pid=31766 next_prio=132
         cc1plus  1638 [001]  1986.030796:    timer:hrtimer_expire_entry: hrtimer=0xffffc90006cf7ad8 function=hrtimer_wakeup now=1986032024694
         cc1plus  1638 [001]  1986.030797:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus  1638 [001]  1986.030802:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus  1638 [001]  1986.030803:     timer:hrtimer_expire_exit: hrtimer=0xffffc90006cf7ad8
           storm 31766 [001]  1986.036979:            sched:sched_switch: prev_comm=storm prev_pid=31766 prev_prio=132 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y  2662 [001]  1986.036988:           timer:hrtimer_setup: hrtimer=0xffffc90006cf7e48 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y  2662 [001]  1986.036990:           timer:hrtimer_start: hrtimer=0xffffc90006cf7e48 function=hrtimer_wakeup expires=1986041231279 softexpires=1986040231279 mode=0x1 was_armed=0
  a b-1 [0]: x/y  2662 [001]  1986.036993:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=perf next_pid=2628 next_prio=120
         cc1plus  2122 [001]  1986.039690:    timer:hrtimer_expire_entry: hrtimer=0xffffc90006cf7e48 function=hrtimer_wakeup now=1986040922220
         cc1plus  2122 [001]  1986.039691:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus  2122 [001]  1986.039694:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus  2122 [001]  1986.039695:     timer:hrtimer_expire_exit: hrtimer=0xffffc90006cf7e48
           storm 31766 [001]  1986.039725:            sched:sched_switch: prev_comm=storm prev_pid=31766 prev_prio=132 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y  2662 [001]  1986.039731:           timer:hrtimer_setup: hrtimer=0xffffc90006cf7be8 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y  2662 [001]  1986.039732:           timer:hrtimer_start: hrtimer=0xffffc90006cf7be8 function=hrtimer_wakeup expires=1986043973426 softexpires=1986042973426 mode=0x1 was_armed=0
  a b-1 [0]: x/y  2662 [001]  1986.039735:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=cc1plus next_pid=2122 next_prio=130
 callgrind-amd64 27105 [001]  1986.042075:    timer:hrtimer_expire_entry: hrtimer=0xffffc90006cf7be8 function=hrtimer_wakeup now=1986043308339
 callgrind-amd64 27105 [001]  1986.042077:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
 callgrind-amd64 27105 [001]  1986.042079:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
 callgrind-amd64 27105 [001]  1986.042080:     timer:hrtimer_expire_exit: hrtimer=0xffffc90006cf7be8
           storm 31766 [001]  1986.042104:            sched:sched_switch: prev_comm=storm prev_pid=31766 prev_prio=132 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y  2662 [001]  1986.042110:           timer:hrtimer_setup: hrtimer=0xffffc90006cf7bf8 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y  2662 [001]  1986.042111:           timer:hrtimer_start: hrtimer=0xffffc90006cf7bf8 function=hrtimer_wakeup expires=1986046352735 softexpires=1986045352735 mode=0x1 was_armed=0
  a b-1 [0]: x/y  2662 [001]  1986.042114:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=cc1plus next_pid=1638 next_prio=130
         cc1plus  1497 [001]  1986.044675:    timer:hrtimer_expire_entry: hrtimer=0xffffc90006cf7bf8 function=hrtimer_wakeup now=1986045908485
         cc1plus  1497 [001]  1986.044676:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus  1497 [001]  1986.044679:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus  1497 [001]  1986.044680:     timer:hrtimer_expire_exit: hrtimer=0xffffc90006cf7bf8
         cc1plus  1497 [001]  1986.044694:            sched:sched_switch: prev_comm=cc1plus prev_pid=1497 prev_prio=130 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y  2662 [001]  1986.044790:           timer:hrtimer_setup: hrtimer=0xffff888141cd9920 clockid=CLOCK_MONOTONIC mode=0x9
  a b-1 [0]: x/y  2662 [001]  1986.044791:           timer:hrtimer_setup: hrtimer=0xffff888141cd9960 clockid=CLOCK_MONOTONIC mode=0x9
  a b-1 [0]: x/y  2662 [001]  1986.044832:           timer:hrtimer_setup: hrtimer=0xffffc90006cf7910 clockid=CLOCK_MONOTONIC mode=0x0
  a b-1 [0]: x/y  2662 [001]  1986.044834:           timer:hrtimer_start: hrtimer=0xffffc90006cf7910 function=hrtimer_wakeup expires=1986052072018 softexpires=1986051072018 mode=0x0 was_armed=0
  a b-1 [0]: x/y  2662 [001]  1986.044837:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=storm next_pid=31766 next_prio=132
         cc1plus  2119 [000]  1986.044845:            sched:sched_switch: prev_comm=cc1plus prev_pid=2119 prev_prio=130 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2683 next_prio=120
          writer  2683 [000]  1986.044869:           timer:hrtimer_setup: hrtimer=0xffffc9000620fac0 clockid=CLOCK_REALTIME mode=0x1
          writer  2683 [000]  1986.044870:           timer:hrtimer_start: hrtimer=0xffffc9000620fac0 function=hrtimer_wakeup expires=1986048111962 softexpires=1986047111962 mode=0x1 was_armed=0
          writer  2683 [000]  1986.044875:            sched:sched_switch: prev_comm=writer prev_pid=2683 prev_prio=120 prev_state=S ==> next_comm=callgrind-amd64 next_pid=27103 next_prio=120
 callgrind-amd64 27103 [000]  1986.046806:    timer:hrtimer_expire_entry: hrtimer=0xffffc9000620fac0 function=hrtimer_wakeup now=1986048028294
 callgrind-amd64 27103 [000]  1986.046808:            sched:sched_waking: comm=writer pid=2683 prio=120 target_cpu=000
 callgrind-amd64 27103 [000]  1986.046813:            sched:sched_wakeup: comm=writer pid=2683 prio=120 target_cpu=000
 callgrind-amd64 27103 [000]  1986.046814:     timer:hrtimer_expire_exit: hrtimer=0xffffc9000620fac0
     rcu_preempt    15 [000]  1986.046851:            sched:sched_switch: prev_comm=rcu_preempt prev_pid=15 prev_prio=120 prev_state=I ==> next_comm=writer next_pid=2683 next_prio=120
          writer  2683 [000]  1986.046862:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
          writer  2683 [000]  1986.046866:      sched:sched_migrate_task: comm=a b-1 [0]: x/y pid=2662 prio=120 orig_cpu=1 dest_cpu=0
          writer  2683 [000]  1986.046869:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
  a b-1 [0]: x/y  2662 [000]  1986.046951:          timer:hrtimer_cancel: hrtimer=0xffffc90006cf7910
  a b-1 [0]: x/y  2662 [000]  1986.046961:           timer:hrtimer_setup: hrtimer=0xffffc90006cf76e0 clockid=CLOCK_MONOTONIC mode=0x0
  a b-1 [0]: x/y  2662 [000]  1986.046962:           timer:hrtimer_start: hrtimer=0xffffc90006cf76e0 function=hrtimer_wakeup expires=1986054201261 softexpires=1986053201261 mode=0x0 was_armed=0
  a b-1 [0]: x/y  2662 [000]  1986.046965:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=storm next_pid=31768 next_prio=132
             exp  2168 [000]  1986.052976:    timer:hrtimer_expire_entry: hrtimer=0xffffc90006cf76e0 function=hrtimer_wakeup now=1986054216442
             exp  2168 [000]  1986.052978:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp  2168 [000]  1986.052985:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp  2168 [000]  1986.052986:     timer:hrtimer_expire_exit: hrtimer=0xffffc90006cf76e0
             exp  2168 [000]  1986.052997:            sched:sched_switch: prev_comm=exp prev_pid=2168 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y  2662 [000]  1986.053035:           timer:hrtimer_setup: hrtimer=0xffff888104ecc720 clockid=CLOCK_MONOTONIC mode=0x9
  a b-1 [0]: x/y  2662 [000]  1986.053036:           timer:hrtimer_setup: hrtimer=0xffff888104ecc760 clockid=CLOCK_MONOTONIC mode=0x9
  a b-1 [0]: x/y  2662 [000]  1986.053062:           timer:hrtimer_setup: hrtimer=0xffffc90006cf7870 clockid=CLOCK_MONOTONIC mode=0x0
  a b-1 [0]: x/y  2662 [000]  1986.053064:           timer:hrtimer_start: hrtimer=0xffffc90006cf7870 function=hrtimer_wakeup expires=1986060302450 softexpires=1986059302450 mode=0x0 was_armed=0
  a b-1 [0]: x/y  2662 [000]  1986.053067:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2684 next_prio=120
          writer  2684 [000]  1986.053077:           timer:hrtimer_setup: hrtimer=0xffffc9000620fb90 clockid=CLOCK_REALTIME mode=0x1
          writer  2684 [000]  1986.053079:           timer:hrtimer_start: hrtimer=0xffffc9000620fb90 function=hrtimer_wakeup expires=1986056320416 softexpires=1986055320416 mode=0x1 was_armed=0
          writer  2684 [000]  1986.053084:            sched:sched_switch: prev_comm=writer prev_pid=2684 prev_prio=120 prev_state=S ==> next_comm=storm next_pid=31768 next_prio=132
         cc1plus  2119 [000]  1986.054792:    timer:hrtimer_expire_entry: hrtimer=0xffffc9000620fb90 function=hrtimer_wakeup now=1986056021960
         cc1plus  2119 [000]  1986.054793:            sched:sched_waking: comm=writer pid=2684 prio=120 target_cpu=000
         cc1plus  2119 [000]  1986.054798:            sched:sched_wakeup: comm=writer pid=2684 prio=120 target_cpu=000
         cc1plus  2119 [000]  1986.054799:     timer:hrtimer_expire_exit: hrtimer=0xffffc9000620fb90
         cc1plus  2119 [000]  1986.054816:            sched:sched_switch: prev_comm=cc1plus prev_pid=2119 prev_prio=130 prev_state=R ==> next_comm=writer next_pid=2684 next_prio=120
          writer  2684 [000]  1986.054825:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
          writer  2684 [000]  1986.054828:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
              ls  2688 [000]  1986.058788:    timer:hrtimer_expire_entry: hrtimer=0xffffc90006cf7870 function=hrtimer_wakeup now=1986060020090
              ls  2688 [000]  1986.058789:     timer:hrtimer_expire_exit: hrtimer=0xffffc90006cf7870
            takt  2690 [000]  1986.062828:            sched:sched_switch: prev_comm=takt prev_pid=2690 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y  2662 [000]  1986.062849:           timer:hrtimer_setup: hrtimer=0xffff888130ef2400 clockid=CLOCK_MONOTONIC mode=0x0
  a b-1 [0]: x/y  2662 [000]  1986.062857:           timer:hrtimer_setup: hrtimer=0xffff888130ef2400 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y  2662 [000]  1986.062859:           timer:hrtimer_start: hrtimer=0xffff888130ef2400 function=timerfd_tmrproc expires=1986066100051 softexpires=1986066100051 mode=0x1 was_armed=0
  a b-1 [0]: x/y  2662 [000]  1986.062874:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=sh next_pid=2691 next_prio=120
            grep  2692 [000]  1986.064880:    timer:hrtimer_expire_entry: hrtimer=0xffff888130ef2400 function=timerfd_tmrproc now=1986066121649
            grep  2692 [000]  1986.064882:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
            grep  2692 [000]  1986.064888:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
            grep  2692 [000]  1986.064890:     timer:hrtimer_expire_exit: hrtimer=0xffff888130ef2400
            takt  2690 [000]  1986.066471:            sched:sched_switch: prev_comm=takt prev_pid=2690 prev_prio=120 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y  2662 [000]  1986.066474:           timer:hrtimer_start: hrtimer=0xffff888130ef2400 function=timerfd_tmrproc expires=1986068100051 softexpires=1986068100051 mode=0x0 was_armed=0
  a b-1 [0]: x/y  2662 [000]  1986.066482:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=rcu_preempt next_pid=15 next_prio=120
 callgrind-amd64 27103 [000]  1986.066868:    timer:hrtimer_expire_entry: hrtimer=0xffff888130ef2400 function=timerfd_tmrproc now=1986068109347
 callgrind-amd64 27103 [000]  1986.066869:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64 27103 [000]  1986.066873:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64 27103 [000]  1986.066874:     timer:hrtimer_expire_exit: hrtimer=0xffff888130ef2400
 callgrind-amd64 27103 [000]  1986.066883:            sched:sched_switch: prev_comm=callgrind-amd64 prev_pid=27103 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y  2662 [000]  1986.066885:           timer:hrtimer_start: hrtimer=0xffff888130ef2400 function=timerfd_tmrproc expires=1986070100051 softexpires=1986070100051 mode=0x0 was_armed=0
  a b-1 [0]: x/y  2662 [000]  1986.066896:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=callgrind-amd64 next_pid=27103 next_prio=120
 callgrind-amd64 27103 [000]  1986.068885:    timer:hrtimer_expire_entry: hrtimer=0xffff888130ef2400 function=timerfd_tmrproc now=1986070126649
 callgrind-amd64 27103 [000]  1986.068887:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64 27103 [000]  1986.068892:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64 27103 [000]  1986.068894:     timer:hrtimer_expire_exit: hrtimer=0xffff888130ef2400
 callgrind-amd64 27103 [000]  1986.068906:            sched:sched_switch: prev_comm=callgrind-amd64 prev_pid=27103 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y  2662 [000]  1986.068909:           timer:hrtimer_start: hrtimer=0xffff888130ef2400 function=timerfd_tmrproc expires=1986072100051 softexpires=1986072100051 mode=0x0 was_armed=0
  a b-1 [0]: x/y  2662 [000]  1986.068915:          timer:hrtimer_cancel: hrtimer=0xffff888130ef2400
  a b-1 [0]: x/y  2662 [000]  1986.068917:           timer:hrtimer_setup: hrtimer=0xffff888130ef2400 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y  2662 [000]  1986.068918:           timer:hrtimer_start: hrtimer=0xffff888130ef2400 function=timerfd_tmrproc expires=1986072159578 softexpires=1986072159578 mode=0x1 was_armed=0
  a b-1 [0]: x/y  2662 [000]  1986.068919:          timer:hrtimer_cancel: hrtimer=0xffff888130ef2400
  a b-1 [0]: x/y  2662 [000]  1986.068920:           timer:hrtimer_setup: hrtimer=0xffff888130ef2400 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y  2662 [000]  1986.068929:           timer:hrtimer_start: hrtimer=0xffff888104d23698 function=it_real_fn expires=1986073170825 softexpires=1986073170825 mode=0x1 was_armed=0
  a b-1 [0]: x/y  2662 [000]  1986.068933:           timer:hrtimer_setup: hrtimer=0xffffc90006cf7c98 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y  2662 [000]  1986.068934:           timer:hrtimer_start: hrtimer=0xffffc90006cf7c98 function=hrtimer_wakeup expires=1986076176243 softexpires=1986075176243 mode=0x1 was_armed=0
  a b-1 [0]: x/y  2662 [000]  1986.068939:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=exp next_pid=2168 next_prio=120
           storm 31768 [000]  1986.071943:    timer:hrtimer_expire_entry: hrtimer=0xffff888104d23698 function=it_real_fn now=1986073184415
           storm 31768 [000]  1986.071949:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
           storm 31768 [000]  1986.071954:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
           storm 31768 [000]  1986.071955:     timer:hrtimer_expire_exit: hrtimer=0xffff888104d23698
           storm 31768 [000]  1986.071964:            sched:sched_switch: prev_comm=storm prev_pid=31768 prev_prio=132 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y  2662 [000]  1986.071968:          timer:hrtimer_cancel: hrtimer=0xffffc90006cf7c98
  a b-1 [0]: x/y  2662 [000]  1986.071991:           timer:hrtimer_setup: hrtimer=0xffff8881e85d2260 clockid=CLOCK_REALTIME mode=0x0
  a b-1 [0]: x/y  2662 [000]  1986.071995:           timer:hrtimer_setup: hrtimer=0xffff8881e85d2260 clockid=CLOCK_REALTIME mode=0x1
  a b-1 [0]: x/y  2662 [000]  1986.071996:           timer:hrtimer_start: hrtimer=0xffff8881e85d2260 function=posix_timer_fn expires=1986076237914 softexpires=1986076237914 mode=0x0 was_armed=0
  a b-1 [0]: x/y  2662 [000]  1986.071999:           timer:hrtimer_setup: hrtimer=0xffffc90006cf7c48 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y  2662 [000]  1986.072000:           timer:hrtimer_start: hrtimer=0xffffc90006cf7c48 function=hrtimer_wakeup expires=1986079241289 softexpires=1986078241289 mode=0x1 was_armed=0
  a b-1 [0]: x/y  2662 [000]  1986.072003:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=cc1plus next_pid=2119 next_prio=130
     ksoftirqd/0    14 [000]  1986.075007:    timer:hrtimer_expire_entry: hrtimer=0xffff8881e85d2260 function=posix_timer_fn now=1986076248259
     ksoftirqd/0    14 [000]  1986.075008:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
     ksoftirqd/0    14 [000]  1986.075012:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
     ksoftirqd/0    14 [000]  1986.075014:     timer:hrtimer_expire_exit: hrtimer=0xffff8881e85d2260
     ksoftirqd/0    14 [000]  1986.075034:            sched:sched_switch: prev_comm=ksoftirqd/0 prev_pid=14 prev_prio=120 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y  2662 [000]  1986.075042:          timer:hrtimer_cancel: hrtimer=0xffffc90006cf7c48
  a b-1 [0]: x/y  2662 [000]  1986.075078:           timer:hrtimer_setup: hrtimer=0xffffc90006cf7d08 clockid=CLOCK_MONOTONIC mode=0x0
  a b-1 [0]: x/y  2662 [000]  1986.075079:           timer:hrtimer_start: hrtimer=0xffffc90006cf7d08 function=hrtimer_wakeup expires=1986079316380 softexpires=1986078316380 mode=0x0 was_armed=0
  a b-1 [0]: x/y  2662 [000]  1986.075089:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=exp next_pid=2168 next_prio=120
             exp  2168 [000]  1986.078099:    timer:hrtimer_expire_entry: hrtimer=0xffffc90006cf7d08 function=hrtimer_wakeup now=1986079340275
             exp  2168 [000]  1986.078100:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp  2168 [000]  1986.078105:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp  2168 [000]  1986.078106:     timer:hrtimer_expire_exit: hrtimer=0xffffc90006cf7d08
             exp  2168 [000]  1986.078117:            sched:sched_switch: prev_comm=exp prev_pid=2168 prev_prio=120 prev_state=R ==> next_comm=a b-1 [0]: x/y next_pid=2662 next_prio=120
  a b-1 [0]: x/y  2662 [000]  1986.078148:           timer:hrtimer_setup: hrtimer=0xffff88810aabc720 clockid=CLOCK_MONOTONIC mode=0x9
  a b-1 [0]: x/y  2662 [000]  1986.078149:           timer:hrtimer_setup: hrtimer=0xffff88810aabc760 clockid=CLOCK_MONOTONIC mode=0x9
  a b-1 [0]: x/y  2662 [000]  1986.078181:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=S ==> next_comm=a b-1 [0]: x/y next_pid=2694 next_prio=120
       real-time  2694 [000]  1986.078208:           timer:hrtimer_start: hrtimer=0xffffffff83b5cfb0 function=sched_rt_period_timer expires=1986892819003 softexpires=1986892819003 mode=0xa was_armed=0
       real-time  2694 [000]  1986.078214:           timer:hrtimer_setup: hrtimer=0xffffc90006217b98 clockid=CLOCK_MONOTONIC mode=0x1
       real-time  2694 [000]  1986.078215:           timer:hrtimer_start: hrtimer=0xffffc90006217b98 function=hrtimer_wakeup expires=1986081456817 softexpires=1986081456817 mode=0x1 was_armed=0
       real-time  2694 [000]  1986.078221:            sched:sched_switch: prev_comm=real-time prev_pid=2694 prev_prio=94 prev_state=S ==> next_comm=storm next_pid=31768 next_prio=132
 callgrind-amd64 27103 [000]  1986.080241:    timer:hrtimer_expire_entry: hrtimer=0xffffc90006217b98 function=hrtimer_wakeup now=1986081482061
 callgrind-amd64 27103 [000]  1986.080242:            sched:sched_waking: comm=real-time pid=2694 prio=94 target_cpu=000
 callgrind-amd64 27103 [000]  1986.080246:            sched:sched_wakeup: comm=real-time pid=2694 prio=94 target_cpu=000
 callgrind-amd64 27103 [000]  1986.080247:     timer:hrtimer_expire_exit: hrtimer=0xffffc90006217b98
 callgrind-amd64 27103 [000]  1986.080259:            sched:sched_switch: prev_comm=callgrind-amd64 prev_pid=27103 prev_prio=120 prev_state=R ==> next_comm=real-time next_pid=2694 next_prio=94
       real-time  2694 [000]  1986.080265:           timer:hrtimer_setup: hrtimer=0xffffc90006217bb8 clockid=CLOCK_MONOTONIC mode=0x1
       real-time  2694 [000]  1986.080266:           timer:hrtimer_start: hrtimer=0xffffc90006217bb8 function=hrtimer_wakeup expires=1986083507519 softexpires=1986083507519 mode=0x1 was_armed=0
       real-time  2694 [000]  1986.080276:            sched:sched_switch: prev_comm=real-time prev_pid=2694 prev_prio=94 prev_state=S ==> next_comm=storm next_pid=31766 next_prio=132
             exp  2168 [000]  1986.082280:    timer:hrtimer_expire_entry: hrtimer=0xffffc90006217bb8 function=hrtimer_wakeup now=1986083521556
             exp  2168 [000]  1986.082281:            sched:sched_waking: comm=real-time pid=2694 prio=94 target_cpu=000
             exp  2168 [000]  1986.082284:            sched:sched_wakeup: comm=real-time pid=2694 prio=94 target_cpu=000
             exp  2168 [000]  1986.082285:     timer:hrtimer_expire_exit: hrtimer=0xffffc90006217bb8
             exp  2168 [000]  1986.082294:            sched:sched_switch: prev_comm=exp prev_pid=2168 prev_prio=120 prev_state=R ==> next_comm=real-time next_pid=2694 next_prio=94
       real-time  2694 [000]  1986.082325:            sched:sched_waking: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
       real-time  2694 [000]  1986.082329:            sched:sched_wakeup: comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
  a b-1 [0]: x/y  2662 [000]  1986.082643:            sched:sched_switch: prev_comm=a b-1 [0]: x/y prev_pid=2662 prev_prio=120 prev_state=Z ==> next_comm=perf next_pid=2628 next_prio=120
)trace";

inline constexpr std::string_view trace_cmd_recording = R"trace(cpus=2
  a b-1 [0]: x/y-2662  [001]  1985.716190: sched_switch:         perf-exec:2662 [120] R ==> perf:2628 [120]
         cc1plus-1641  [001]  1985.744076: sched_switch:         cc1plus:1641 [130] R ==> perf-exec:2662 [120]
  a b-1 [0]: x/y-2662  [001]  1985.744094: sched_switch:         perf-exec:2662 [120] S ==> perf:2628 [120]
            perf-2628  [001]  1986.028318: sched_waking:         comm=perf-exec pid=2662 prio=120 target_cpu=001
            perf-2628  [001]  1986.028322: sched_wakeup:         perf-exec:2662 [120] CPU:001
           storm-31766 [001]  1986.028389: sched_switch:         storm:31766 [132] S ==> perf-exec:2662 [120]
  a b-1 [0]: x/y-2662  [001]  1986.029994: hrtimer_setup:        hrtimer=0xffffc90006cf7ad8 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y-2662  [001]  1986.029997: hrtimer_start:        hrtimer=0xffffc90006cf7ad8 function=hrtimer_wakeup/0x0 expires=1986032996916 softexpires=1986031996916
  a b-1 [0]: x/y-2662  [001]  1986.030003: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> storm:31766 [132]
         cc1plus-1638  [001]  1986.032038: hrtimer_expire_entry: hrtimer=0xffffc90006cf7ad8 now=1986032024694 function=hrtimer_wakeup/0x0
         cc1plus-1638  [001]  1986.032039: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-1638  [001]  1986.032044: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:001
         cc1plus-1638  [001]  1986.032045: hrtimer_expire_exit:  hrtimer=0xffffc90006cf7ad8
           storm-31766 [001]  1986.038221: sched_switch:         storm:31766 [132] S ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [001]  1986.038230: hrtimer_setup:        hrtimer=0xffffc90006cf7e48 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y-2662  [001]  1986.038231: hrtimer_start:        hrtimer=0xffffc90006cf7e48 function=hrtimer_wakeup/0x0 expires=1986041231279 softexpires=1986040231279
  a b-1 [0]: x/y-2662  [001]  1986.038235: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> perf:2628 [120]
         cc1plus-2122  [001]  1986.040932: hrtimer_expire_entry: hrtimer=0xffffc90006cf7e48 now=1986040922220 function=hrtimer_wakeup/0x0
         cc1plus-2122  [001]  1986.040933: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-2122  [001]  1986.040936: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:001
         cc1plus-2122  [001]  1986.040937: hrtimer_expire_exit:  hrtimer=0xffffc90006cf7e48
           storm-31766 [001]  1986.040967: sched_switch:         storm:31766 [132] S ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [001]  1986.040972: hrtimer_setup:        hrtimer=0xffffc90006cf7be8 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y-2662  [001]  1986.040974: hrtimer_start:        hrtimer=0xffffc90006cf7be8 function=hrtimer_wakeup/0x0 expires=1986043973426 softexpires=1986042973426
  a b-1 [0]: x/y-2662  [001]  1986.040977: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> cc1plus:2122 [130]
 callgrind-amd64-27105 [001]  1986.043317: hrtimer_expire_entry: hrtimer=0xffffc90006cf7be8 now=1986043308339 function=hrtimer_wakeup/0x0
 callgrind-amd64-27105 [001]  1986.043318: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
 callgrind-amd64-27105 [001]  1986.043321: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:001
 callgrind-amd64-27105 [001]  1986.043322: hrtimer_expire_exit:  hrtimer=0xffffc90006cf7be8
           storm-31766 [001]  1986.043346: sched_switch:         storm:31766 [132] S ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [001]  1986.043351: hrtimer_setup:        hrtimer=0xffffc90006cf7bf8 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y-2662  [001]  1986.043353: hrtimer_start:        hrtimer=0xffffc90006cf7bf8 function=hrtimer_wakeup/0x0 expires=1986046352735 softexpires=1986045352735
  a b-1 [0]: x/y-2662  [001]  1986.043356: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> cc1plus:1638 [130]
         cc1plus-1497  [001]  1986.045917: hrtimer_expire_entry: hrtimer=0xffffc90006cf7bf8 now=1986045908485 function=hrtimer_wakeup/0x0
         cc1plus-1497  [001]  1986.045918: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
         cc1plus-1497  [001]  1986.045921: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:001
         cc1plus-1497  [001]  1986.045922: hrtimer_expire_exit:  hrtimer=0xffffc90006cf7bf8
         cc1plus-1497  [001]  1986.045935: sched_switch:         cc1plus:1497 [130] R ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [001]  1986.046032: hrtimer_setup:        hrtimer=0xffff888141cd9920 clockid=CLOCK_MONOTONIC mode=0x9
  a b-1 [0]: x/y-2662  [001]  1986.046033: hrtimer_setup:        hrtimer=0xffff888141cd9960 clockid=CLOCK_MONOTONIC mode=0x9
  a b-1 [0]: x/y-2662  [001]  1986.046074: hrtimer_setup:        hrtimer=0xffffc90006cf7910 clockid=CLOCK_MONOTONIC mode=0x0
  a b-1 [0]: x/y-2662  [001]  1986.046075: hrtimer_start:        hrtimer=0xffffc90006cf7910 function=hrtimer_wakeup/0x0 expires=1986052072018 softexpires=1986051072018
  a b-1 [0]: x/y-2662  [001]  1986.046079: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> storm:31766 [132]
         cc1plus-2119  [000]  1986.046085: sched_switch:         cc1plus:2119 [130] R ==> a b-1 [0]: x/y:2683 [120]
          writer-2683  [000]  1986.046110: hrtimer_setup:        hrtimer=0xffffc9000620fac0 clockid=CLOCK_REALTIME mode=0x1
          writer-2683  [000]  1986.046112: hrtimer_start:        hrtimer=0xffffc9000620fac0 function=hrtimer_wakeup/0x0 expires=1986048111962 softexpires=1986047111962
          writer-2683  [000]  1986.046117: sched_switch:         writer:2683 [120] S ==> callgrind-amd64:27103 [120]
 callgrind-amd64-27103 [000]  1986.048048: hrtimer_expire_entry: hrtimer=0xffffc9000620fac0 now=1986048028294 function=hrtimer_wakeup/0x0
 callgrind-amd64-27103 [000]  1986.048049: sched_waking:         comm=writer pid=2683 prio=120 target_cpu=000
 callgrind-amd64-27103 [000]  1986.048054: sched_wakeup:         writer:2683 [120] CPU:000
 callgrind-amd64-27103 [000]  1986.048056: hrtimer_expire_exit:  hrtimer=0xffffc9000620fac0
     rcu_preempt-15    [000]  1986.048093: sched_switch:         rcu_preempt:15 [120] W ==> writer:2683 [120]
          writer-2683  [000]  1986.048104: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=001
          writer-2683  [000]  1986.048107: sched_migrate_task:   comm=a b-1 [0]: x/y pid=2662 prio=120 orig_cpu=1 dest_cpu=0
          writer-2683  [000]  1986.048111: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:000
          writer-2683  [000]  1986.048189: sched_switch:         writer:2683 [120] Z ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [000]  1986.048192: hrtimer_cancel:       hrtimer=0xffffc90006cf7910
  a b-1 [0]: x/y-2662  [000]  1986.048202: hrtimer_setup:        hrtimer=0xffffc90006cf76e0 clockid=CLOCK_MONOTONIC mode=0x0
  a b-1 [0]: x/y-2662  [000]  1986.048204: hrtimer_start:        hrtimer=0xffffc90006cf76e0 function=hrtimer_wakeup/0x0 expires=1986054201261 softexpires=1986053201261
  a b-1 [0]: x/y-2662  [000]  1986.048207: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> storm:31768 [132]
             exp-2168  [000]  1986.054217: hrtimer_expire_entry: hrtimer=0xffffc90006cf76e0 now=1986054216442 function=hrtimer_wakeup/0x0
             exp-2168  [000]  1986.054219: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp-2168  [000]  1986.054226: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:000
             exp-2168  [000]  1986.054228: hrtimer_expire_exit:  hrtimer=0xffffc90006cf76e0
             exp-2168  [000]  1986.054239: sched_switch:         exp:2168 [120] R ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [000]  1986.054276: hrtimer_setup:        hrtimer=0xffff888104ecc720 clockid=CLOCK_MONOTONIC mode=0x9
  a b-1 [0]: x/y-2662  [000]  1986.054278: hrtimer_setup:        hrtimer=0xffff888104ecc760 clockid=CLOCK_MONOTONIC mode=0x9
  a b-1 [0]: x/y-2662  [000]  1986.054304: hrtimer_setup:        hrtimer=0xffffc90006cf7870 clockid=CLOCK_MONOTONIC mode=0x0
  a b-1 [0]: x/y-2662  [000]  1986.054306: hrtimer_start:        hrtimer=0xffffc90006cf7870 function=hrtimer_wakeup/0x0 expires=1986060302450 softexpires=1986059302450
  a b-1 [0]: x/y-2662  [000]  1986.054309: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> a b-1 [0]: x/y:2684 [120]
          writer-2684  [000]  1986.054319: hrtimer_setup:        hrtimer=0xffffc9000620fb90 clockid=CLOCK_REALTIME mode=0x1
          writer-2684  [000]  1986.054321: hrtimer_start:        hrtimer=0xffffc9000620fb90 function=hrtimer_wakeup/0x0 expires=1986056320416 softexpires=1986055320416
          writer-2684  [000]  1986.054325: sched_switch:         writer:2684 [120] S ==> storm:31768 [132]
         cc1plus-2119  [000]  1986.056034: hrtimer_expire_entry: hrtimer=0xffffc9000620fb90 now=1986056021960 function=hrtimer_wakeup/0x0
         cc1plus-2119  [000]  1986.056035: sched_waking:         comm=writer pid=2684 prio=120 target_cpu=000
         cc1plus-2119  [000]  1986.056039: sched_wakeup:         writer:2684 [120] CPU:000
         cc1plus-2119  [000]  1986.056041: hrtimer_expire_exit:  hrtimer=0xffffc9000620fb90
         cc1plus-2119  [000]  1986.056058: sched_switch:         cc1plus:2119 [130] R ==> writer:2684 [120]
          writer-2684  [000]  1986.056066: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
          writer-2684  [000]  1986.056069: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:000
          writer-2684  [000]  1986.056128: sched_switch:         writer:2684 [120] Z ==> sh:2685 [120]
              ls-2688  [000]  1986.060030: hrtimer_expire_entry: hrtimer=0xffffc90006cf7870 now=1986060020090 function=hrtimer_wakeup/0x0
              ls-2688  [000]  1986.060031: hrtimer_expire_exit:  hrtimer=0xffffc90006cf7870
            takt-2690  [000]  1986.064070: sched_switch:         takt:2690 [120] R ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [000]  1986.064090: hrtimer_setup:        hrtimer=0xffff888130ef2400 clockid=CLOCK_MONOTONIC mode=0x0
  a b-1 [0]: x/y-2662  [000]  1986.064099: hrtimer_setup:        hrtimer=0xffff888130ef2400 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y-2662  [000]  1986.064100: hrtimer_start:        hrtimer=0xffff888130ef2400 function=timerfd_tmrproc/0x0 expires=1986066100051 softexpires=1986066100051
  a b-1 [0]: x/y-2662  [000]  1986.064115: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> sh:2691 [120]
            grep-2692  [000]  1986.066122: hrtimer_expire_entry: hrtimer=0xffff888130ef2400 now=1986066121649 function=timerfd_tmrproc/0x0
            grep-2692  [000]  1986.066124: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
            grep-2692  [000]  1986.066130: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:000
            grep-2692  [000]  1986.066131: hrtimer_expire_exit:  hrtimer=0xffff888130ef2400
            takt-2690  [000]  1986.067713: sched_switch:         takt:2690 [120] S ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [000]  1986.067716: hrtimer_start:        hrtimer=0xffff888130ef2400 function=timerfd_tmrproc/0x0 expires=1986068100051 softexpires=1986068100051
  a b-1 [0]: x/y-2662  [000]  1986.067724: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> rcu_preempt:15 [120]
 callgrind-amd64-27103 [000]  1986.068110: hrtimer_expire_entry: hrtimer=0xffff888130ef2400 now=1986068109347 function=timerfd_tmrproc/0x0
 callgrind-amd64-27103 [000]  1986.068111: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64-27103 [000]  1986.068115: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:000
 callgrind-amd64-27103 [000]  1986.068116: hrtimer_expire_exit:  hrtimer=0xffff888130ef2400
 callgrind-amd64-27103 [000]  1986.068125: sched_switch:         callgrind-amd64:27103 [120] R ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [000]  1986.068127: hrtimer_start:        hrtimer=0xffff888130ef2400 function=timerfd_tmrproc/0x0 expires=1986070100051 softexpires=1986070100051
  a b-1 [0]: x/y-2662  [000]  1986.068138: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> callgrind-amd64:27103 [120]
 callgrind-amd64-27103 [000]  1986.070127: hrtimer_expire_entry: hrtimer=0xffff888130ef2400 now=1986070126649 function=timerfd_tmrproc/0x0
 callgrind-amd64-27103 [000]  1986.070129: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
 callgrind-amd64-27103 [000]  1986.070134: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:000
 callgrind-amd64-27103 [000]  1986.070136: hrtimer_expire_exit:  hrtimer=0xffff888130ef2400
 callgrind-amd64-27103 [000]  1986.070148: sched_switch:         callgrind-amd64:27103 [120] R ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [000]  1986.070150: hrtimer_start:        hrtimer=0xffff888130ef2400 function=timerfd_tmrproc/0x0 expires=1986072100051 softexpires=1986072100051
  a b-1 [0]: x/y-2662  [000]  1986.070157: hrtimer_cancel:       hrtimer=0xffff888130ef2400
  a b-1 [0]: x/y-2662  [000]  1986.070158: hrtimer_setup:        hrtimer=0xffff888130ef2400 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y-2662  [000]  1986.070160: hrtimer_start:        hrtimer=0xffff888130ef2400 function=timerfd_tmrproc/0x0 expires=1986072159578 softexpires=1986072159578
  a b-1 [0]: x/y-2662  [000]  1986.070161: hrtimer_cancel:       hrtimer=0xffff888130ef2400
  a b-1 [0]: x/y-2662  [000]  1986.070162: hrtimer_setup:        hrtimer=0xffff888130ef2400 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y-2662  [000]  1986.070171: hrtimer_start:        hrtimer=0xffff888104d23698 function=it_real_fn/0x0 expires=1986073170825 softexpires=1986073170825
  a b-1 [0]: x/y-2662  [000]  1986.070175: hrtimer_setup:        hrtimer=0xffffc90006cf7c98 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y-2662  [000]  1986.070176: hrtimer_start:        hrtimer=0xffffc90006cf7c98 function=hrtimer_wakeup/0x0 expires=1986076176243 softexpires=1986075176243
  a b-1 [0]: x/y-2662  [000]  1986.070180: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> exp:2168 [120]
           storm-31768 [000]  1986.073185: hrtimer_expire_entry: hrtimer=0xffff888104d23698 now=1986073184415 function=it_real_fn/0x0
           storm-31768 [000]  1986.073191: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
           storm-31768 [000]  1986.073195: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:000
           storm-31768 [000]  1986.073197: hrtimer_expire_exit:  hrtimer=0xffff888104d23698
           storm-31768 [000]  1986.073206: sched_switch:         storm:31768 [132] R ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [000]  1986.073209: hrtimer_cancel:       hrtimer=0xffffc90006cf7c98
  a b-1 [0]: x/y-2662  [000]  1986.073233: hrtimer_setup:        hrtimer=0xffff8881e85d2260 clockid=CLOCK_REALTIME mode=0x0
  a b-1 [0]: x/y-2662  [000]  1986.073237: hrtimer_setup:        hrtimer=0xffff8881e85d2260 clockid=CLOCK_REALTIME mode=0x1
  a b-1 [0]: x/y-2662  [000]  1986.073238: hrtimer_start:        hrtimer=0xffff8881e85d2260 function=posix_timer_fn/0x0 expires=1986076237914 softexpires=1986076237914
  a b-1 [0]: x/y-2662  [000]  1986.073240: hrtimer_setup:        hrtimer=0xffffc90006cf7c48 clockid=CLOCK_MONOTONIC mode=0x1
  a b-1 [0]: x/y-2662  [000]  1986.073241: hrtimer_start:        hrtimer=0xffffc90006cf7c48 function=hrtimer_wakeup/0x0 expires=1986079241289 softexpires=1986078241289
  a b-1 [0]: x/y-2662  [000]  1986.073244: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> cc1plus:2119 [130]
     ksoftirqd/0-14    [000]  1986.076248: hrtimer_expire_entry: hrtimer=0xffff8881e85d2260 now=1986076248259 function=posix_timer_fn/0x0
     ksoftirqd/0-14    [000]  1986.076250: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
     ksoftirqd/0-14    [000]  1986.076253: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:000
     ksoftirqd/0-14    [000]  1986.076256: hrtimer_expire_exit:  hrtimer=0xffff8881e85d2260
     ksoftirqd/0-14    [000]  1986.076276: sched_switch:         ksoftirqd/0:14 [120] S ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [000]  1986.076284: hrtimer_cancel:       hrtimer=0xffffc90006cf7c48
  a b-1 [0]: x/y-2662  [000]  1986.076319: hrtimer_setup:        hrtimer=0xffffc90006cf7d08 clockid=CLOCK_MONOTONIC mode=0x0
  a b-1 [0]: x/y-2662  [000]  1986.076321: hrtimer_start:        hrtimer=0xffffc90006cf7d08 function=hrtimer_wakeup/0x0 expires=1986079316380 softexpires=1986078316380
  a b-1 [0]: x/y-2662  [000]  1986.076331: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> exp:2168 [120]
             exp-2168  [000]  1986.079341: hrtimer_expire_entry: hrtimer=0xffffc90006cf7d08 now=1986079340275 function=hrtimer_wakeup/0x0
             exp-2168  [000]  1986.079342: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
             exp-2168  [000]  1986.079347: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:000
             exp-2168  [000]  1986.079348: hrtimer_expire_exit:  hrtimer=0xffffc90006cf7d08
             exp-2168  [000]  1986.079359: sched_switch:         exp:2168 [120] R ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [000]  1986.079389: hrtimer_setup:        hrtimer=0xffff88810aabc720 clockid=CLOCK_MONOTONIC mode=0x9
  a b-1 [0]: x/y-2662  [000]  1986.079390: hrtimer_setup:        hrtimer=0xffff88810aabc760 clockid=CLOCK_MONOTONIC mode=0x9
  a b-1 [0]: x/y-2662  [000]  1986.079423: sched_switch:         a b-1 [0]: x/y:2662 [120] S ==> a b-1 [0]: x/y:2694 [120]
       real-time-2694  [000]  1986.079450: hrtimer_start:        hrtimer=0xffffffff83b5cfb0 function=sched_rt_period_timer/0x0 expires=1986892819003 softexpires=1986892819003
       real-time-2694  [000]  1986.079456: hrtimer_setup:        hrtimer=0xffffc90006217b98 clockid=CLOCK_MONOTONIC mode=0x1
       real-time-2694  [000]  1986.079457: hrtimer_start:        hrtimer=0xffffc90006217b98 function=hrtimer_wakeup/0x0 expires=1986081456817 softexpires=1986081456817
       real-time-2694  [000]  1986.079462: sched_switch:         real-time:2694 [94] S ==> storm:31768 [132]
 callgrind-amd64-27103 [000]  1986.081483: hrtimer_expire_entry: hrtimer=0xffffc90006217b98 now=1986081482061 function=hrtimer_wakeup/0x0
 callgrind-amd64-27103 [000]  1986.081484: sched_waking:         comm=real-time pid=2694 prio=94 target_cpu=000
 callgrind-amd64-27103 [000]  1986.081488: sched_wakeup:         real-time:2694 [94] CPU:000
 callgrind-amd64-27103 [000]  1986.081489: hrtimer_expire_exit:  hrtimer=0xffffc90006217b98
 callgrind-amd64-27103 [000]  1986.081500: sched_switch:         callgrind-amd64:27103 [120] R ==> real-time:2694 [94]
       real-time-2694  [000]  1986.081506: hrtimer_setup:        hrtimer=0xffffc90006217bb8 clockid=CLOCK_MONOTONIC mode=0x1
       real-time-2694  [000]  1986.081508: hrtimer_start:        hrtimer=0xffffc90006217bb8 function=hrtimer_wakeup/0x0 expires=1986083507519 softexpires=1986083507519
       real-time-2694  [000]  1986.081518: sched_switch:         real-time:2694 [94] S ==> storm:31766 [132]
             exp-2168  [000]  1986.083522: hrtimer_expire_entry: hrtimer=0xffffc90006217bb8 now=1986083521556 function=hrtimer_wakeup/0x0
             exp-2168  [000]  1986.083523: sched_waking:         comm=real-time pid=2694 prio=94 target_cpu=000
             exp-2168  [000]  1986.083526: sched_wakeup:         real-time:2694 [94] CPU:000
             exp-2168  [000]  1986.083527: hrtimer_expire_exit:  hrtimer=0xffffc90006217bb8
             exp-2168  [000]  1986.083536: sched_switch:         exp:2168 [120] R ==> real-time:2694 [94]
       real-time-2694  [000]  1986.083567: sched_waking:         comm=a b-1 [0]: x/y pid=2662 prio=120 target_cpu=000
       real-time-2694  [000]  1986.083571: sched_wakeup:         a b-1 [0]: x/y:2662 [120] CPU:000
       real-time-2694  [000]  1986.083590: sched_switch:         real-time:2694 [94] Z ==> a b-1 [0]: x/y:2662 [120]
  a b-1 [0]: x/y-2662  [000]  1986.083885: sched_switch:         a b-1 [0]: x/y:2662 [120] X ==> perf:2628 [120]
         cc1plus-2119  [000]  1986.892840: hrtimer_expire_entry: hrtimer=0xffffffff83b5cfb0 now=1986892839251 function=sched_rt_period_timer/0x0
         cc1plus-2119  [000]  1986.892842: hrtimer_expire_exit:  hrtimer=0xffffffff83b5cfb0
)trace";

} // namespace test
