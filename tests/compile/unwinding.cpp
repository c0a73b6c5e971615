// Instantiates what a program uses of takt's class templates; unwinding.sh compiles it with and without exceptions.
#include <functional>
#include <takt/clock/tick_history.hpp>
#include <takt/observe/clock_watch.hpp>
#include <takt/takt.hpp>
#include <takt/testing/manual_clock.hpp>

template class takt::basic_grid_scheduler<>;
template class takt::basic_timer_handle<takt::grid_scheduler>;
template class takt::basic_grid_scheduler<std::chrono::system_clock>;
template class takt::testing::basic_manual_clock<true>;
template class takt::basic_grid_scheduler<std::chrono::steady_clock, takt::wake_at_roundest<>, takt::no_mutex>;
template class takt::clock_keeper<>;
template class takt::basic_clock_watch<>;
template class takt::basic_tsc_clock<takt::tsc_clock::reference, takt::ordered_counter>;
template class takt::basic_tsc_clock<takt::tsc_clock::reference, takt::bare_counter>;
template class takt::tick_history::basic_writer<takt::tsc_clock>;

void use(takt::grid_scheduler& timers, const std::function<void()>& f, const std::function<void(std::exception_ptr)>& g) {
  using namespace std::chrono_literals;
  std::error_code ec;
  timers.on_exception(g);
  timers.after(1s, takt::slack(1ms), f, ec).detach();
  timers.at(std::chrono::steady_clock::now(), takt::slack(1ms), f, ec).detach();
  timers.every(1s, takt::slack(1ms), takt::overrun::skip, f, ec).detach();
  takt::grid_timer timer(timers, +[] {});
  timer.arm(1s, takt::slack(1ms), ec);
  timers.fire();
  timers.run(ec);
  static_cast<void>(takt::calibrate(5ms, ec));
  static_cast<void>(takt::tick_history::load("ticks", ec).date(takt::tick_point(1)));
}

void use(takt::testing::manual_clock& clock, const std::function<void()>& f) {
  using namespace std::chrono_literals;
  takt::basic_grid_scheduler<takt::testing::manual_clock> timers(clock);
  std::error_code ec;
  timers.after(1s, takt::slack(1ms), f, ec).detach();
  clock.advance(2s);
}
