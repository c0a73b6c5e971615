/// counting_stopwatch.hpp - a stopwatch that also counts the cycles and instructions of a region.
///
///   std::error_code why;
///   takt::stopwatch::counting watch(why);      // why: this machine has no such counters, or forbids them
///   watch.start();
///   work();
///   const auto lap = watch.stop();             // lap.elapsed(), lap.cycles(), lap.instructions()
///
/// Ticks say how long a region took; cycles say how much work that was for the core, whatever its frequency. The counts
/// are read outside of the ticks: before the beginning of the region and after its end. So they do not lengthen
/// elapsed(). What their own reading adds to them is measured on empty laps and subtracted. They are read without a
/// system call where the kernel allows that.
///
/// Does not promise: that a machine has counters; a guest often has none. What the kernel does for the thread is not
/// counted. A stopwatch without counters costs what it costs without this header.
/// Sources: perf_event_open(2).
#pragma once
#include <takt/clock/stopwatch.hpp>
#include <takt/core/config.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/perf_group.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>

namespace takt::inline TAKT_ABI {

/// A stopwatch with counters of the thread that makes it, and for that thread alone.
template <class Region> template <class Os> class basic_stopwatch<Region>::basic_counting {
public:
  /// One measurement, with what was counted in it.
  class lap : public detail::lap {
  public:
    using count = std::optional<std::uint64_t>; ///< what was counted, where it was
    constexpr lap() noexcept = default;
    constexpr lap(const detail::lap& l, count cycles, count instructions) noexcept
        : detail::lap(l), cycles_(cycles), instructions_(instructions) {}

    /// Returns: the core cycles of the region in user space, less the overhead. Empty where they are not counted, and
    /// where the counter was shared with others during the lap.
    [[nodiscard]] constexpr count cycles() const noexcept { return cycles_; }
    /// Returns: the instructions that were retired in user space, less the overhead. Empty as cycles() is.
    [[nodiscard]] constexpr count instructions() const noexcept { return instructions_; }

  private:
    count cycles_, instructions_;
  };

  /// Effects: opens the counters that there are, and measures their overhead, which takes a millisecond or less.
  /// Errors: why cycles cannot be counted, else why instructions cannot (perf_event::explain()). The stopwatch works
  /// nevertheless, with the counters that there are.
  explicit basic_counting(std::error_code& why);

  /// Effects: begins a lap, in place of the one that was begun before.
  void start() noexcept {
    first_ = read();
    watch_.start();
  }
  /// Returns: the lap up to here. The lap goes on: a later stop() has the same beginning. Precondition: start() was
  /// called.
  [[nodiscard]] lap stop() const noexcept {
    const detail::lap l = watch_.stop();
    const counts last = read();
    return lap(l, difference(last, 0), difference(last, 1));
  }

  /// Returns: the ticks that an empty lap takes, which elapsed() subtracts.
  [[nodiscard]] ticks overhead() const noexcept { return watch_.overhead(); }

private:
  using group = perf_event::basic_group<Os>;
  /// Cycles and instructions at one moment.
  struct counts {
    bool known = false;
    std::uint64_t value[2]{};
    std::chrono::nanoseconds shared{}; ///< how long others had the counters until then
  };

  [[nodiscard]] counts read() const noexcept {
    counts c;
    if (group_.size() == 0) return c;
    bool in_user_space = true;
    for (std::size_t i = 0; i < group_.size() && in_user_space; ++i) {
      const auto n = group_.count_in_user_space(i);
      in_user_space = n.has_value();
      c.value[i] = n.value_or(0);
    }
    c.known = in_user_space;
    if (in_user_space) return c;
    std::error_code ec;
    const auto r = group_.read(ec);
    c.known = !ec;
    c.shared = r.enabled - r.running;
    for (std::size_t i = 0; i < group_.size(); ++i) c.value[i] = r.counted[i];
    return c;
  }
  /// Returns: what event `which`, 0 for cycles and 1 for instructions, counted since start(), less the overhead.
  [[nodiscard]] std::optional<std::uint64_t> difference(const counts& last, std::size_t which) const noexcept {
    const std::size_t i = place_[which];
    if (i >= group_.size() || !first_.known || !last.known || first_.shared != last.shared) return std::nullopt;
    const std::uint64_t whole = last.value[i] - first_.value[i];
    return whole > overhead_[which] ? whole - overhead_[which] : 0;
  }

  basic_stopwatch watch_;
  group group_;
  static constexpr std::size_t absent = ~std::size_t{0};
  std::size_t place_[2]{absent, absent}; ///< of cycles and of instructions in the group
  std::uint64_t overhead_[2]{};
  counts first_{};
};

// definitions

template <class Region> template <class Os>
basic_stopwatch<Region>::basic_counting<Os>::basic_counting(std::error_code& why) {
  const perf_event cycles = perf_event::cycles(), instructions = perf_event::instructions();
  const perf_event::target this_thread;
  group_ = group::open({cycles, instructions}, this_thread, why);
  if (!why) {
    place_[0] = 0, place_[1] = 1;
  } else if (std::error_code ec; group_ = group::open({cycles}, this_thread, ec), !ec) {
    place_[0] = 0;
  } else {
    why = ec;
    group_ = group::open({instructions}, this_thread, ec);
    if (!ec) place_[1] = 0;
  }
  if (group_.size() == 0) return;
  std::error_code not_mapped; // the counts are then read by system call
  group_.map(not_mapped);
  for (const std::size_t which : {std::size_t{0}, std::size_t{1}}) {
    if (place_[which] == absent) continue;
    overhead_[which] = detail::min_of_medians([&]() noexcept {
      start();
      const detail::lap empty = watch_.stop();
      static_cast<void>(empty);
      return difference(read(), which).value_or(0);
    });
  }
}

} // namespace takt::inline TAKT_ABI
