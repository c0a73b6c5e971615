/// interrupts.hpp - how many timer interrupts each CPU has taken.
///
/// The kernel counts in 32 bits and wraps; a count by itself means little, the difference of two samples is what one
/// wants, and `since` takes it modulo 2^32. It is right as long as a CPU takes fewer than 2^32 interrupts in between,
/// twelve hours at 100 000 a second.
///
/// Does not promise: that every wake-up of a timer is counted. A virtual machine may have a timer of its hypervisor
/// instead (Hyper-V: row HVS); the row of the local timer is then there and stands still.
/// Sources: Linux 6.12 kernel/irq/proc.c show_interrupts; arch/x86/kernel/irq.c (LOC), arch/arm64/kernel/smp.c (Err),
/// drivers/clocksource/arm_arch_timer.c, drivers/clocksource/timer-riscv.c.
#pragma once
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/text.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis
inline constexpr char interrupts_path[] = "/proc/interrupts";
/// A machine of 4096 CPUs prints 44 KiB a row; this leaves it some 1500 rows.
inline constexpr std::size_t interrupts_file_limit = std::size_t{64} << 20;

/// The row of the local timer: a label on x86, the name of the handler elsewhere.
#if defined(__x86_64__)
inline constexpr std::string_view timer_interrupt_row = "LOC";
#elif defined(__aarch64__)
inline constexpr std::string_view timer_interrupt_row = "arch_timer";
#else
inline constexpr std::string_view timer_interrupt_row = "riscv-timer";
#endif

/// One sample, or the difference of two.
struct timer_interrupts {
  struct cell {
    unsigned cpu = 0;
    std::uint32_t count = 0; ///< modulo 2^32
    friend bool operator==(cell, cell) = default;
  };
  std::vector<cell> cpus; ///< the CPUs online, ascending; empty where the kernel has no such row

  /// Returns: the sum over all CPUs. Of use for a difference: the counts of a sample may have wrapped.
  [[nodiscard]] std::uint64_t total() const noexcept {
    std::uint64_t sum = 0;
    for (const cell c : cpus) sum += c.count;
    return sum;
  }
  friend bool operator==(const timer_interrupts&, const timer_interrupts&) = default;
};

template <class Os = linux_os> [[nodiscard]] timer_interrupts read_timer_interrupts(std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] timer_interrupts read_timer_interrupts();
#endif
template <class = when_called>
[[nodiscard]] timer_interrupts since(const timer_interrupts& earlier, const timer_interrupts& later);
template <class = when_called>
[[nodiscard]] timer_interrupts parse_timer_interrupts(std::string_view text, std::string_view row, std::error_code& ec);

// definitions

/// Returns: how many interrupts each CPU took from one sample to the other. A CPU that is not in both is left out: its
/// counter went on from a value that one of the samples does not tell. One that was offline only in between is right.
template <class> timer_interrupts since(const timer_interrupts& earlier, const timer_interrupts& later) {
  timer_interrupts difference;
  auto before = earlier.cpus.begin();
  for (const timer_interrupts::cell c : later.cpus) {
    while (before != earlier.cpus.end() && before->cpu < c.cpu) ++before;
    if (before == earlier.cpus.end()) break;
    if (before->cpu == c.cpu) difference.cpus.push_back({c.cpu, c.count - before->count});
  }
  return difference;
}

namespace detail {

/// Adds the cells of one row, behind its label, to `sum`.
/// Returns: whether the row has one 32-bit number for each CPU and no further one.
template <class = when_called>
bool add_interrupt_row(std::string_view rest, std::vector<timer_interrupts::cell>& sum) noexcept {
  for (timer_interrupts::cell& c : sum) {
    const auto count = parse_number<std::uint32_t>(next_word(rest));
    if (!count) return false;
    c.count += *count;
  }
  return !parse_number<std::uint64_t>(next_word(rest)); // a CPU came online behind the header: whose cell is whose?
}

/// Returns: the CPUs that the first line of /proc/interrupts names, with a count of zero; none if it is not such a
/// line. Offline CPUs are not in it: "CPU0 CPU2" is sound.
template <class = when_called>
std::vector<timer_interrupts::cell> parse_interrupt_header(std::string_view line) {
  std::vector<timer_interrupts::cell> cpus;
  for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
    if (word.substr(0, 3) != "CPU") return {};
    const auto cpu = parse_number<unsigned>(word.substr(3));
    if (!cpu || *cpu >= cpu_number_end || (!cpus.empty() && *cpu <= cpus.back().cpu)) return {};
    cpus.push_back({*cpu, 0});
  }
  return cpus;
}

} // namespace detail

/// Returns: the counts in the row whose label is `row` ("LOC:"), or else the sum of the numbered rows whose handler is
/// `row` (a machine may have two of arch_timer). No CPUs where there is no such row, and on malformed_text.
template <class>
timer_interrupts parse_timer_interrupts(std::string_view text, std::string_view row, std::error_code& ec) {
  ec.clear();
  const auto malformed = [&ec] {
    ec = errc::malformed_text;
    return timer_interrupts();
  };
  std::string_view rest;
  static_cast<void>(detail::next_line(text, rest));
  auto cpus = detail::parse_interrupt_header(rest);
  if (cpus.empty()) return malformed();

  bool found = false;
  bool by_handler = false;
  bool numbered_rows_ended = false;
  while (detail::next_line(text, rest)) {
    std::string_view label = detail::next_word(rest);
    if (label.empty()) continue;
    if (label.back() != ':') return malformed();
    label.remove_suffix(1);
    if (label.empty()) return malformed();
    const bool numbered = detail::is_digit(label.front());
    if (!numbered) numbered_rows_ended = true;
    if (!numbered && label != row) continue;
    if (numbered) {
      const std::string_view whole = detail::trimmed(rest);
      const std::size_t blank = whole.find_last_of(" \t");
      if (whole.substr(blank == std::string_view::npos ? 0 : blank + 1) != row) continue;
      by_handler = true;
    }
    if (!detail::add_interrupt_row(rest, cpus)) return malformed();
    found = true;
  }
  if (!text.empty()) return malformed(); // cut inside a line
  // Rows of a handler are all there only if the labelled rows behind them (IPI0, Err) are. A kernel for one RISC-V hart
  // has none of those, but its driver has a single row.
  if (by_handler && !numbered_rows_ended && row != "riscv-timer") return malformed();
  if (!found) return {};
  return {std::move(cpus)};
}

/// Returns: the timer interrupts of each CPU since boot, modulo 2^32; on error no CPUs.
/// Errors: those of reading /proc/interrupts; malformed_text. The kernel walks all interrupts times all CPUs: from
/// 0.1 ms on a small machine to tens of milliseconds on a large one.
template <class Os> timer_interrupts read_timer_interrupts(std::error_code& ec) {
  const std::string text = detail::read_text<Os>(interrupts_path, interrupts_file_limit, ec);
  return ec ? timer_interrupts() : parse_timer_interrupts(text, timer_interrupt_row, ec);
}

#if TAKT_EXCEPTIONS
template <class Os> timer_interrupts read_timer_interrupts() {
  return detail::or_throw(
      [](std::error_code& ec) { return read_timer_interrupts<Os>(ec); },
      [](std::error_code ec) { return detail::file_hint(interrupts_path, ec); });
}
#endif

} // namespace takt::inline TAKT_ABI
