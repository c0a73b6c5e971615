/// stop.hpp - how the tool is asked to stop: Ctrl-C, SIGTERM, SIGHUP, and a reader of its output that goes away.
///
/// Does not promise: anything about SIGKILL. A signal that was ignored when the tool was started stays ignored (nohup;
/// shells make a job in the background of a script ignore SIGINT and SIGQUIT); SIGTERM ends such a job.
#pragma once
#include <chrono>

namespace tool {

/// Makes writing to a pipe without a reader, and beyond the limit on the size of files (RLIMIT_FSIZE), an error instead of a
/// signal: the tool can say so, and what was changed can still be undone.
void ignore_output_signals();
/// Gives SIGPIPE and SIGXFSZ back to what the tool inherited, for a program that it is about to become.
void restore_output_signals();

/// Whether a signal asked the tool to stop with what it has, or the reader of its output has gone, which is a wish to stop. One
/// more signal, half a second later or after that, ends the tool at once.
bool stop_wanted();
/// Sleeps until `deadline` of the steady clock or until a stop is wanted; returns whether to go on. Wakes up no more
/// than once: an observer of timer interrupts should not cause them. It also ends when `descriptor` is readable, if one is
/// given, and when standard output is a pipe whose reader has gone, which is a wish to stop.
bool sleep_until(std::chrono::steady_clock::time_point deadline, int descriptor = -1);

/// While it lives nothing ends the tool at once but SIGKILL and a fault of its own: there is something to be undone first.
/// Every other signal that ends a program, such as SIGQUIT (Ctrl-\), SIGALRM and SIGXCPU, is then a wish to stop.
class termination_guard {
public:
  termination_guard();
  ~termination_guard();
  termination_guard(const termination_guard&) = delete;
  termination_guard& operator=(const termination_guard&) = delete;
};

} // namespace tool
