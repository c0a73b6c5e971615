/// stage.hpp - plays the scripts of this directory's tables with takt's timers, on a manual clock.
///
/// A script is a list of statements, `verb argument...`, separated by "; ". The class of each library knows its verbs.
/// These are common to all:
///
///   wait TIME        time passes, and timers are called back; in a callback: the callback takes that long
///   stall TIME       time passes, and nothing is called back: the loop is busy, or the machine was stopped
///   on NAME: S, S    what the callback of NAME does, each time
///   once NAME: S, S  the same, the next time only
///   throw            an exception leaves the callback
///   wakeups          notes how often schedulers woke up to call back
///   instants         notes the number of different times of all callbacks
///
/// A TIME is in ms, or has a unit: us, s, min, h, d, y; `max` is the longest. What happens is noted in one line: `a@5`
/// is a call of a's callback 5 ms after the beginning. The beginning is a multiple of 100 000 s and of a minute, so
/// times that are round in the script are round on the clock. Of loops that wake up at the same time the one that was
/// made last is called first; that order means nothing, because they are different processes.
#pragma once
#include <takt/scheduler/scheduler.hpp>
#include <takt/testing/manual_clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace takt_test::scenarios {

/// A situation, what another library documents for it, and what takt does. Where takt does the same, nothing else is
/// said.
struct row {
  const char* situation;
  const char* script;
  const char* documented;     ///< what is noted, by the documentation; or in words, where that does not say one outcome
  const char* takt = nullptr; ///< what is noted with takt, if that is different
  const char* why = nullptr;  ///< why it is different by design
};

using std::chrono::nanoseconds;
/// As a grid_scheduler, with a phase: the table of sd-event has machines whose grids are shifted. It is 0 elsewhere.
using scheduler = takt::basic_grid_scheduler<std::chrono::steady_clock, takt::wake_with_phase<takt::wake_at_roundest<>>>;

class stage {
public:
  using words = std::vector<std::string>;
  using event = scheduler::event;

  stage() { add_loop(nanoseconds::zero()); }
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;
  virtual ~stage() = default;

  /// Returns: what was noted. Throws std::invalid_argument for a statement that is none.
  std::string play(const char* script) {
    for (const std::string& statement : split(script, "; ")) obey(statement);
    return notes_;
  }

protected:
  /// Effects: obeys a statement with a verb of the library. Returns: whether it has that verb.
  virtual bool own(const words& w) = 0;
  /// Returns: how a call is noted.
  virtual std::string call_of(const std::string& name, const event&) { return name + "@" + shown(elapsed()); }

  [[nodiscard]] static nanoseconds time_of(const std::string& text) {
    if (text == "max") return nanoseconds::max();
    static const std::map<std::string, std::int64_t> units{
        {"us", 1'000}, {"", 1'000'000}, {"s", 1'000'000'000}, {"min", 60'000'000'000}, {"h", 3'600'000'000'000},
        {"d", 86'400'000'000'000}, {"y", 31'536'000'000'000'000}};
    std::size_t end = 0;
    const std::int64_t n = std::stoll(text, &end);
    std::int64_t result = 0;
    const bool beyond = __builtin_mul_overflow(n, units.at(text.substr(end)), &result);
    return beyond ? nanoseconds::max() : nanoseconds(result);
  }
  /// Returns: whole milliseconds as a number, other times in microseconds.
  [[nodiscard]] static std::string shown(nanoseconds t) {
    return t.count() % 1'000'000 == 0 ? std::to_string(t.count() / 1'000'000) : std::to_string(t.count() / 1'000) + "us";
  }
  void note(const std::string& what) { notes_ += (notes_.empty() ? "" : " ") + what; }
  void note(const std::string& what, bool yes) { note(what + (yes ? "=yes" : "=no")); }

  [[nodiscard]] scheduler& loop() { return *loops_.back(); }
  /// Effects: makes another scheduler on the same clock, as another process has. What comes then is done with that one.
  void add_loop(nanoseconds phase) {
    loops_.push_back(std::make_unique<scheduler>(clock_, takt::wake_with_phase<takt::wake_at_roundest<>>{phase}));
    loop().on_exception([this](const std::exception_ptr&) { note("threw"); });
  }
  void delete_loop() { loops_.pop_back(); }

  [[nodiscard]] nanoseconds elapsed() const { return clock_.now() - beginning; }
  /// Returns: a time after the beginning on the clock; the end of time for nanoseconds::max().
  [[nodiscard]] static scheduler::time_point at(nanoseconds t) {
    return scheduler::time_point(takt::detail::saturating_add(beginning.time_since_epoch(), t));
  }
  /// Returns: the time until the next wake-up, 0 if that is late; nullopt if there is none.
  [[nodiscard]] std::optional<nanoseconds> next() {
    const auto t = loop().next_wakeup();
    return t ? std::optional(std::max(*t - at(elapsed()), nanoseconds::zero())) : std::nullopt;
  }
  /// Effects: time passes, and then at most `limit` timers are called back.
  void advance_late(nanoseconds by, std::size_t limit) {
    clock_.set(clock_.now() + by);
    loop().fire(limit);
  }
  void advance(nanoseconds by) { clock_.advance(by); }

  /// Timers that are nodes, by name. They are made when they are first named.
  [[nodiscard]] scheduler::timer& timer(const std::string& name) {
    std::unique_ptr<part>& p = parts_[name];
    if (p == nullptr) p = std::make_unique<part>(*this, name);
    return p->timer;
  }
  [[nodiscard]] bool pending(const std::string& name) { return timer(name).due().has_value(); }
  void destroy(const std::string& name) { parts_.erase(name); }

  /// Effects: notes a call and does what the script says of that callback. The arguments are copies, because that may
  /// destroy the timer.
  void called(std::string name, event e) {
    note(call_of(name, e));
    instants_.insert(elapsed());
    words todo = always_[name];
    if (const auto node = once_.extract(name)) todo = node.mapped();
    for (const std::string& statement : todo) obey(statement);
  }

private:
  struct part {
    part(stage& s, std::string n)
        : of(s), name(std::move(n)), timer(s.loop(), [this](const event& e) { of.called(name, e); }) {}
    stage& of;
    std::string name;
    scheduler::timer timer;
  };

  static words split(const std::string& text, const std::string& by) {
    words result;
    for (std::size_t from = 0, to = 0; to != std::string::npos; from = to + by.size()) {
      to = text.find(by, from);
      result.push_back(text.substr(from, to - from));
    }
    return result;
  }
  void obey(const std::string& statement) {
    const words w = split(statement, " ");
    if (w[0] == "on" || w[0] == "once") {
      const std::size_t colon = statement.find(": ");
      const std::string name = statement.substr(w[0].size() + 1, colon - w[0].size() - 1);
      (w[0] == "on" ? always_ : once_)[name] = split(statement.substr(colon + 2), ", ");
    } else if (w[0] == "wait") {
      clock_.advance(time_of(w.at(1)));
    } else if (w[0] == "stall") {
      clock_.set(clock_.now() + time_of(w.at(1)));
    } else if (w[0] == "throw") {
      throw 0;
    } else if (w[0] == "wakeups") {
      std::uint64_t n = 0;
      for (const auto& l : loops_) n += l->statistics().wakeups();
      note("wakeups=" + std::to_string(n));
    } else if (w[0] == "instants") {
      note("instants=" + std::to_string(instants_.size()));
    } else if (!own(w)) {
      throw std::invalid_argument("no such statement: " + statement);
    }
  }

  static constexpr takt::testing::manual_clock::time_point beginning{std::chrono::seconds(1'200'000)};

  takt::testing::manual_clock clock_{beginning};
  std::vector<std::unique_ptr<scheduler>> loops_;
  std::map<std::string, std::unique_ptr<part>> parts_;
  std::map<std::string, words> always_, once_;
  std::set<nanoseconds> instants_;
  std::string notes_;
};

} // namespace takt_test::scenarios
