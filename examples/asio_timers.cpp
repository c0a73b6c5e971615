// Timers with slack in a program of asio: a callback, a future, a coroutine with a time-out, and a wait that is cancelled.
// All of them share the wake-ups of one scheduler, which the io_context owns.
#include <asio.hpp>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <takt/interop/asio.hpp>
#if defined(ASIO_HAS_CO_AWAIT)
#include <asio/experimental/awaitable_operators.hpp>
#endif

using namespace std::chrono_literals;
using takt::asio::after, takt::slack;

#if defined(ASIO_HAS_CO_AWAIT)
asio::awaitable<void> answer() { co_await after(500ms, slack(100ms)); }

asio::awaitable<void> request() {
  using namespace asio::experimental::awaitable_operators;
  const auto first = co_await (answer() || after(20ms, slack(10ms))); // whichever ends first cancels the other
  std::printf("request: %s\n", first.index() == 0 ? "answered" : "timed out");
}
#endif

int main() {
  asio::io_context context;
  after(context, 10ms, slack(5ms), [](std::error_code) { std::puts("callback"); });
  auto future = after(context, 10ms, slack(5ms), asio::use_future);
#if defined(ASIO_HAS_CO_AWAIT)
  asio::co_spawn(context, request(), asio::detached);
#endif
  asio::cancellation_signal stop;
  after(context, 1h, slack(5min), asio::bind_cancellation_slot(stop.slot(), [](std::error_code ec) {
          std::printf("an hour: %s\n", ec.message().c_str());
        }));
  after(context, 40ms, slack(20ms), [&](std::error_code) { stop.emit(asio::cancellation_type::terminal); });

  context.run(); // until no wait is left
  future.get();
  std::printf("%llu wake-ups\n", static_cast<unsigned long long>(takt::asio::timers_of(context).statistics().wakeups()));
}
