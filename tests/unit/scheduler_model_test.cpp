// Protects: basic_grid_scheduler - whatever the order of operations, from outside and from callbacks, it calls back exactly
// what a plain list of windows says, at the same instants, in the same order, and answers the same.
#include <doctest/doctest.h>
#include <takt/testing/manual_clock.hpp>
#include <takt/scheduler/scheduler.hpp>

#include "support/wakeup_rules.hpp"
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using takt::overrun;
using timer_status = takt::timer_handle::state;
using takt::testing::manual_clock;
using std::int64_t;
using std::chrono::nanoseconds;

manual_clock::time_point at(int64_t t) { return manual_clock::time_point(nanoseconds(t)); }
int64_t count(manual_clock::time_point t) { return t.time_since_epoch().count(); }

/// One call of a callback.
using call = std::tuple<int, int64_t, int64_t, int64_t, std::uint64_t>; // whose, window, now, missed

/// What a timer does in its callback, besides being noted down; the same in the scheduler and in the list.
enum class habit { none, cancels_itself, arms_itself, adds_another };
struct plan {
  habit does = habit::none;
  int64_t delay = 0, slack = 0; // of what it arms or adds
  int times = 0;                // how often it does so
};

/// The reference: a list, looked through from end to end.
struct list {
  struct timer {
    int64_t earliest = 0, latest = 0, period = 0, slack = 0;
    overrun policy = overrun::skip;
    bool armed = false, owned = false; // owned: a node, not on the heap
    timer_status status = timer_status::idle;
    std::uint64_t missed = 0;
    std::uint64_t sequence = 0; // which arming of all it was
    plan then;
  };
  std::map<int, timer> timers;
  std::vector<call> calls;
  std::uint64_t wakeups = 0, given_up = 0, arms = 0;
  int next_id = 1'000'000; // of timers that callbacks add

  void arm(timer& t, int64_t earliest, int64_t latest) {
    t.earliest = earliest, t.latest = latest, t.armed = true, t.status = timer_status::pending;
    t.sequence = ++arms;
  }
  [[nodiscard]] std::size_t pending() const {
    return static_cast<std::size_t>(std::count_if(timers.begin(), timers.end(), [](auto& t) { return t.second.armed; }));
  }
  /// Of those that close first the one that opened last.
  template <class Rule> [[nodiscard]] std::optional<int64_t> next(const Rule& rule) const {
    const timer* first = nullptr;
    for (const auto& [id, t] : timers) {
      if (!t.armed) continue;
      if (first == nullptr || std::tuple(t.latest, -t.earliest) < std::tuple(first->latest, -first->earliest)) first = &t;
    }
    if (first == nullptr) return std::nullopt;
    const int64_t point = rule(nanoseconds(first->earliest), nanoseconds(first->latest)).count();
    return std::clamp(point, first->earliest, first->latest);
  }
  void fire(int64_t now) {
    std::vector<int> open;
    for (auto& [id, t] : timers)
      if (t.armed && t.earliest <= now) open.push_back(id);
    std::sort(open.begin(), open.end(), [this](int a, int b) {
      return std::pair(timers[a].earliest, timers[a].sequence) < std::pair(timers[b].earliest, timers[b].sequence);
    });
    wakeups += !open.empty();
    for (const int id : open) {
      timer& t = timers[id];
      calls.emplace_back(id, t.earliest, t.latest, now, t.missed);
      t.missed = 0, t.armed = false, t.status = timer_status::ran;
      bool goes_on = t.period != 0;
      if (t.then.times > 0) {
        --t.then.times;
        if (t.then.does == habit::cancels_itself) {
          if (goes_on) t.status = timer_status::cancelled;
          goes_on = false;
        } else if (t.then.does == habit::arms_itself) {
          if (t.period != 0) t.slack = std::min(t.then.slack, t.period - 1);
          arm(t, now + t.then.delay, now + t.then.delay + (t.period != 0 ? t.slack : t.then.slack));
          goes_on = false;
        } else if (t.then.does == habit::adds_another) {
          arm(timers[next_id++], now + t.then.delay, now + t.then.delay + t.then.slack);
        }
      }
      if (goes_on) next_cycle(timers[id], now);
    }
  }
  void next_cycle(timer& t, int64_t now) {
    int64_t begin = t.earliest + t.period;
    const auto closed = [&](int64_t b) { return b + t.slack < now; };
    if (closed(begin)) {
      for (; t.policy == overrun::skip && closed(begin); begin += t.period) ++t.missed, ++given_up;
      for (; t.policy == overrun::report && begin + t.period <= now; begin += t.period) ++t.missed, ++given_up;
    }
    arm(t, begin, begin + t.slack);
  }
};

template <class Rule> class comparison {
  using scheduler = takt::basic_grid_scheduler<manual_clock, Rule>;

  using node_type = takt::basic_grid_timer<scheduler, sizeof(void*) + 8>;

public:
  comparison(std::uint64_t seed, Rule rule) : random_(seed), rule_(rule), clock_(at(below(int64_t{1} << 40))), real_(clock_, rule) {
    reach_ = int64_t{1} << (10 + below(28));
    width_ = int64_t{1} << below(36);
  }

  void step() {
    switch (below(12)) {
    case 0: case 1: return add_on_heap();
    case 2: case 3: case 4: return arm_node();
    case 5: return cancel();
    case 6: return move();
    case 7: return drop();
    case 8: return late();
    default: return advance();
    }
  }
  void check() {
    REQUIRE(real_.pending() == list_.pending());
    REQUIRE(clock_.pending() == list_.pending());
    const auto next = real_.next_wakeup();
    const auto expected = list_.next(rule_);
    REQUIRE(next.has_value() == expected.has_value());
    if (next) REQUIRE(count(*next) == *expected);
    for (const auto& [id, h] : handles_) REQUIRE(h.status() == list_.timers[id].status);
    for (const auto& [id, n] : nodes_) {
      const list::timer& t = list_.timers[id];
      REQUIRE(n->status() == t.status);
      REQUIRE(n->due() == (t.armed ? std::optional(at(t.earliest)) : std::nullopt));
    }
    REQUIRE(real_.statistics().fired() == fired_);
    REQUIRE(real_.statistics().wakeups() == list_.wakeups);
    REQUIRE(real_.statistics().missed() == list_.given_up);
    REQUIRE(real_.statistics().max_lateness().count() == latest_);
  }
  /// Until the scheduler dies with timers armed: none is called then, and all have been cancelled.
  [[nodiscard]] std::uint64_t fired() const { return fired_; }

private:
  int64_t below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<std::uint64_t>(n)); }
  int64_t now() { return count(clock_.now()); }
  /// Cycles have less slack than a period.
  static takt::slack fitting(const list::timer& t, int64_t slack) {
    return takt::slack(nanoseconds(t.period != 0 ? std::min(slack, t.period - 1) : slack));
  }
  std::pair<int64_t, int64_t> window() {
    int64_t earliest = now() + below(reach_) - (below(6) == 0 ? reach_ / 3 : 0);
    if (below(3) == 0) earliest = earliest / 1000 * 1000;
    return {earliest, earliest + (below(4) == 0 ? 0 : below(width_))};
  }
  plan habits() {
    plan p;
    p.does = static_cast<habit>(below(4));
    p.delay = below(2) == 0 ? 0 : below(reach_);
    p.slack = below(width_);
    p.times = static_cast<int>(below(3));
    return p;
  }

  void called(int id, const typename scheduler::event& e) {
    calls_.emplace_back(id, count(e.earliest), count(e.latest), count(e.now), e.missed);
    plan& p = plans_[id];
    if (p.times == 0) return;
    --p.times;
    const auto node = nodes_.find(id);
    const auto handle = handles_.find(id);
    if (p.does == habit::cancels_itself) {
      const bool goes_on = handle != handles_.end() && list_.timers[id].period != 0;
      if (node != nodes_.end()) CHECK(node->second->cancel() == false);
      else if (handle != handles_.end()) CHECK(handle->second.cancel() == goes_on);
    } else if (p.does == habit::arms_itself) {
      const auto when = e.now + nanoseconds(p.delay);
      if (node != nodes_.end()) CHECK(node->second->arm(when, takt::slack(nanoseconds(p.slack))) == false);
      else if (handle != handles_.end()) CHECK(handle->second.move(when, fitting(list_.timers[id], p.slack)) == true);
      if (node != nodes_.end()) CHECK(node->second->status() == timer_status::pending);
      if (node != nodes_.end()) CHECK(node->second->due() == when);
      else if (handle != handles_.end()) CHECK(handle->second.due() == when);
    } else if (p.does == habit::adds_another) {
      real_.at(e.now + nanoseconds(p.delay), takt::slack(nanoseconds(p.slack)), [this](const auto& why) {
             calls_.emplace_back(-1, count(why.earliest), count(why.latest), count(why.now), why.missed);
           }).detach();
    }
  }

  void add_on_heap() {
    const int id = ++last_id_;
    const auto [earliest, latest] = window();
    list::timer& t = list_.timers[id];
    plans_[id] = t.then = habits();
    const auto back = [this, id](const auto& e) { called(id, e); };
    if (below(2) == 0) {
      handles_[id] = real_.at(at(earliest), takt::slack(nanoseconds(latest - earliest)), back);
      list_.arm(t, earliest, latest);
    } else {
      t.period = 1 + below(reach_);
      t.policy = static_cast<overrun>(below(3));
      if (t.policy == overrun::catch_up) t.period += reach_; // or it would go on for ever
      const int64_t slack = latest - earliest;
      t.slack = std::min(slack, t.period - 1);
      if (slack >= t.period) {
        std::error_code ec;
        CHECK_FALSE(real_.every(nanoseconds(t.period), takt::slack(nanoseconds(slack)), t.policy, back, ec));
        REQUIRE(ec == std::errc::invalid_argument);
      }
      handles_[id] = real_.every(nanoseconds(t.period), takt::slack(nanoseconds(t.slack)), t.policy, back);
      list_.arm(t, now() + t.period, now() + t.period + t.slack);
    }
  }
  void arm_node() {
    const int id = -2 - static_cast<int>(below(12));
    if (!nodes_.contains(id)) {
      nodes_[id] = std::make_unique<node_type>(real_, small{this, id});
      list_.timers[id].owned = true;
      plans_[id] = list_.timers[id].then = habits();
    }
    const auto [earliest, latest] = window();
    list::timer& t = list_.timers[id];
    REQUIRE(nodes_[id]->arm(at(earliest), takt::slack(nanoseconds(latest - earliest))) == t.armed);
    list_.arm(t, earliest, latest);
  }
  /// One of those that can be had hold of.
  template <class Map> auto pick(Map& map) { return std::next(map.begin(), below(static_cast<int64_t>(map.size()))); }
  void cancel() {
    const auto cancelled = [this](int id) {
      list::timer& t = list_.timers[id];
      if (t.armed) t.status = timer_status::cancelled;
      return std::exchange(t.armed, false);
    };
    if (below(2) == 0 && !nodes_.empty()) {
      const auto n = pick(nodes_);
      REQUIRE(n->second->cancel() == cancelled(n->first));
    } else if (!handles_.empty()) {
      const auto h = pick(handles_);
      REQUIRE(h->second.cancel() == cancelled(h->first));
    }
  }
  void move() {
    if (handles_.empty()) return;
    const auto h = pick(handles_);
    list::timer& t = list_.timers[h->first];
    const auto [earliest, latest] = window();
    REQUIRE(h->second.move(at(earliest), fitting(t, latest - earliest)) == t.armed);
    if (!t.armed) return;
    t.slack = t.period != 0 ? std::min(latest - earliest, t.period - 1) : latest - earliest;
    list_.arm(t, earliest, earliest + t.slack);
  }
  /// A handle or node dies; some handles are detached before.
  void drop() {
    if (below(2) == 0 && !nodes_.empty()) {
      const auto n = pick(nodes_);
      list_.timers.erase(n->first);
      nodes_.erase(n);
    } else if (!handles_.empty()) {
      const auto h = pick(handles_);
      list::timer& t = list_.timers[h->first];
      if (below(2) == 0 && t.period == 0 && t.then.does == habit::none) h->second.detach();
      else t.armed = false;
      handles_.erase(h);
    }
  }
  /// Time jumps, so that whatever was due is late.
  void late() {
    clock_.set(at(now() + below(2 * reach_)));
    advance();
  }
  void advance() {
    const int64_t until = now() + below(reach_);
    std::size_t expected = 0;
    int64_t t = now();
    for (auto next = list_.next(rule_); next && *next <= until; next = list_.next(rule_)) {
      t = std::max(t, *next);
      list_.fire(t);
    }
    expected = list_.calls.size();
    REQUIRE(clock_.advance_to(at(until)) == expected);
    REQUIRE(count(clock_.now()) == std::max(until, t));
    for (call& c : list_.calls) {
      if (std::get<0>(c) >= 1'000'000) std::get<0>(c) = -1;
      latest_ = std::max(latest_, std::get<3>(c) - std::get<2>(c));
    }
    REQUIRE(calls_ == list_.calls);
    fired_ += expected;
    calls_.clear(), list_.calls.clear();
  }

  struct small {
    comparison* all;
    int id;
    void operator()(const typename scheduler::event& e) const { all->called(id, e); }
  };

  std::mt19937_64 random_;
  Rule rule_;
  int64_t reach_ = 0, width_ = 0, latest_ = 0;
  int last_id_ = 0;
  std::uint64_t fired_ = 0;
  manual_clock clock_;
  list list_;
  std::vector<call> calls_;
  std::map<int, plan> plans_;
  scheduler real_;
  std::map<int, typename scheduler::handle> handles_;
  std::map<int, std::unique_ptr<node_type>> nodes_;
};

template <class Rule> void compare(Rule rule = Rule()) {
  std::uint64_t fired = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    comparison<Rule> c(seed, rule);
    for (int k = 0; k < 150; ++k) {
      CAPTURE(k);
      c.step();
      c.check();
    }
    fired += c.fired();
  }
  CHECK(fired > 10'000);
}

TEST_CASE("a scheduler does what a list does: decimal ladder") { compare<takt::wake_at_roundest<>>(); }
TEST_CASE("a scheduler does what a list does: binary ladder") { compare<takt::wake_at_roundest_binary>(); }
TEST_CASE("a scheduler does what a list does: earliest") { compare<takt_test::wake_at_earliest>(); }
TEST_CASE("a scheduler does what a list does: latest") { compare<takt::wake_at_latest>(); }
TEST_CASE("a scheduler does what a list does: one level") {
  compare(takt_test::wake_at_level(takt::grid(std::chrono::microseconds(100))));
}

} // namespace
