// Protects: whatever timers are armed, moved, cancelled and fired, in whatever order, the scheduler wakes up, calls back and
// answers exactly as a std::multimap of windows does. The input is a series of operations on twelve timers.
#include "../support/fuzz_input.hpp"
#include "../support/wakeup_rules.hpp"
#include <takt/scheduler/scheduler.hpp>
#include <takt/testing/manual_clock.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace {

void expect(bool truth) {
  if (!truth) std::abort();
}

using std::int64_t;
using std::chrono::nanoseconds;
using takt::testing::manual_clock;

constexpr std::size_t timers = 12;
using call = std::pair<std::size_t, int64_t>; // whose, at what time

/// Windows by when they close; of those that close together the one that opens last comes first.
template <class Rule> struct model {
  struct key {
    int64_t latest, earliest;
    bool operator<(const key& o) const { return latest != o.latest ? latest < o.latest : earliest > o.earliest; }
  };
  struct armed {
    std::size_t who;
    std::uint64_t sequence;
  };
  std::multimap<key, armed> windows;
  std::uint64_t arms = 0;
  Rule rule;

  auto find(std::size_t who) {
    return std::find_if(windows.begin(), windows.end(), [who](const auto& w) { return w.second.who == who; });
  }
  bool cancel(std::size_t who) {
    const auto at = find(who);
    if (at == windows.end()) return false;
    windows.erase(at);
    return true;
  }
  void arm(std::size_t who, int64_t earliest, int64_t latest) {
    cancel(who);
    windows.insert({{latest, earliest}, {who, ++arms}});
  }
  [[nodiscard]] std::optional<int64_t> next() const {
    if (windows.empty()) return std::nullopt;
    const auto [latest, earliest] = windows.begin()->first;
    return std::clamp(rule(nanoseconds(earliest), nanoseconds(latest)).count(), earliest, latest);
  }
  void fire(int64_t now, std::vector<call>& calls) {
    std::vector<std::pair<std::pair<int64_t, std::uint64_t>, std::size_t>> open;
    for (auto w = windows.begin(); w != windows.end();) {
      if (w->first.earliest > now) ++w;
      else open.push_back({{w->first.earliest, w->second.sequence}, w->second.who}), w = windows.erase(w);
    }
    std::sort(open.begin(), open.end());
    for (const auto& o : open) calls.emplace_back(o.second, now);
  }
};

struct input : takt_test::fuzz_input {
  using fuzz_input::fuzz_input;
  /// A span of any magnitude up to 2^62, which one byte chooses; or with the low bits set, just below a power of two.
  int64_t span() {
    const auto how = take<std::uint8_t>();
    const int64_t top = int64_t{1} << how % 63;
    return (how & 0x80) != 0 ? top - 1 : std::min(top, (int64_t{1} << 62)) / 256 * take<std::uint8_t>() + take<std::uint8_t>();
  }
};

template <class Rule> void compare(input in) {
  using scheduler = takt::basic_grid_scheduler<manual_clock, Rule>;
  using node = takt::basic_grid_timer<scheduler, 2 * sizeof(void*)>;
  manual_clock clock(manual_clock::time_point(nanoseconds(in.span() / 4)));
  scheduler real(clock);
  model<Rule> expected;
  std::vector<call> calls, wanted;
  const auto now = [&clock] { return clock.now().time_since_epoch().count(); };
  struct notes {
    std::vector<call>& calls;
    const manual_clock& clock;
  } to{calls, clock};
  std::vector<std::unique_ptr<node>> nodes;
  for (std::size_t i = 0; i < timers; ++i)
    nodes.push_back(std::make_unique<node>(real, [&to, i] { to.calls.emplace_back(i, to.clock.now().time_since_epoch().count()); }));

  for (int steps = 0; steps < 400 && !in.empty(); ++steps) {
    const auto what = in.take<std::uint8_t>();
    const std::size_t who = what / 16 % timers;
    switch (what % 8) {
    case 0: case 1: case 2: case 3: {
      const int64_t from = what % 8 == 3 ? -in.span() : in.span();
      const int64_t earliest = takt::detail::saturating_add(nanoseconds(now()), nanoseconds(from)).count();
      const int64_t slack = what % 8 == 2 ? 0 : in.span();
      const int64_t latest = takt::detail::saturating_add(nanoseconds(earliest), nanoseconds(slack)).count();
      std::error_code ec;
      nodes[who]->arm(manual_clock::time_point(nanoseconds(earliest)), takt::slack(nanoseconds(slack)), ec);
      expect(!ec);
      expected.arm(who, earliest, latest);
      break;
    }
    case 4: {
      const bool was_armed = nodes[who]->cancel();
      expect(was_armed == expected.cancel(who));
      break;
    }
    case 5: { // late: time passes without a call
      clock.set(manual_clock::time_point(takt::detail::saturating_add(nanoseconds(now()), nanoseconds(in.span() / 4))));
      real.fire(clock.now());
      expected.fire(now(), wanted);
      break;
    }
    default: {
      const int64_t until = takt::detail::saturating_add(nanoseconds(now()), nanoseconds(in.span())).count();
      std::size_t wakeups = 0;
      for (auto next = expected.next(); next && *next <= until && wakeups < 100; next = expected.next(), ++wakeups) {
        const int64_t at = std::max(*next, now());
        clock.advance_to(manual_clock::time_point(nanoseconds(at)));
        expected.fire(at, wanted);
      }
      clock.advance_to(manual_clock::time_point(nanoseconds(until)));
    }
    }
    expect(calls == wanted);
    calls.clear(), wanted.clear();
    expect(real.pending() == expected.windows.size());
    const auto next = real.next_wakeup();
    const auto next_expected = expected.next();
    expect(next.has_value() == next_expected.has_value());
    if (next) expect(next->time_since_epoch().count() == *next_expected);
    for (std::size_t i = 0; i < timers; ++i) {
      const auto due = nodes[i]->due();
      const auto at = expected.find(i);
      expect(due.has_value() == (at != expected.windows.end()));
      if (due) expect(due->time_since_epoch().count() == at->first.earliest);
    }
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const input rest(data + 1, size - 1);
  switch (data[0] % 4) {
  case 0: compare<takt::wake_at_roundest<>>(rest); break;
  case 1: compare<takt::wake_at_latest>(rest); break;
  case 2: compare<takt_test::wake_at_earliest>(rest); break;
  default: compare<takt::wake_at_roundest_binary>(rest); break;
  }
  return 0;
}
