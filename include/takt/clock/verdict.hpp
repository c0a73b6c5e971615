/// verdict.hpp - whether this machine's counter may be trusted as a clock, which path to the time to take, and why.
///
/// The judgement is a pure function of facts; gathering the facts is another. In doubt the verdict recommends the
/// kernel's clock, which is slower but as right as the kernel itself.
///
/// Where the kernel's clock sources cannot be read (sandboxes and chroots without /sys), the vDSO stands in for them:
/// what it reads without a system call is the counter, or a clock of the hypervisor that runs by the counter and says
/// that it is stable on all CPUs. It does so only while the kernel keeps time by that.
///
/// Does not promise: that a verdict outlives the facts. The kernel may drop the counter an hour later, and a guest may
/// be moved to another processor: a program that runs for long should ask again.
/// Sources: Linux 6.12 arch/x86/kernel/tsc.c, unsynchronized_tsc, mark_tsc_unstable and clocksource_tsc_early;
/// kernel/time/clocksource.c: __clocksource_change_rating gives a source that was found unstable the rating 0, and
/// available_clocksource_show, in order of rating, hides it while high-resolution timers run and else lists it behind
/// jiffies, whose rating is 1; kernel/time/jiffies.c; arch/x86/include/asm/vdso/gettimeofday.h (what the vDSO reads),
/// arch/x86/kernel/pvclock.c (PVCLOCK_TSC_STABLE_BIT); prctl(2) PR_SET_TSC.
#pragma once
#include <takt/core/config.hpp>
#include <takt/cpu/arch.hpp>
#include <takt/cpu/features.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/kernel_log.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/vdso.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

/// The paths to the time, from the cheapest.
enum class clock_path { counter, vdso, system_call };

/// Whether the counter may be a clock, which path to the time to take, and why.
struct verdict {
  /// The name under which Linux lists the counter of this architecture among its clock sources.
  static constexpr std::string_view counter_source = detail::arch::clocksource;

  /// What the verdict is about. A fact that is empty is unknown, which is not "no".
  struct facts {
    std::optional<bool> exists;                                ///< the processor has a counter
    std::optional<bool> invariant;                             ///< the processor says that its rate never changes
    std::optional<bool> constant_tsc;                          ///< Linux says that it counts alike at every frequency
    std::optional<bool> nonstop_tsc;                           ///< Linux says that it counts in every idle state
    std::optional<bool> allowed;                               ///< this thread may read it
    std::optional<std::vector<std::string>> available_sources; ///< Linux's clock sources
    std::string current_source;                                ///< by which Linux keeps time; empty: unknown
    std::optional<bool> vdso_answers;                          ///< CLOCK_MONOTONIC is read without a system call
    std::optional<bool> cpus_agree;      ///< no step back was seen between CPUs (counter_offset.hpp)
    std::optional<bool> marked_unstable; ///< the kernel's log says that it found the counter unstable

    template <class Os = linux_os> [[nodiscard]] static facts gather();
  };

  /// What speaks for or against the counter, or is missing, in the order of `facts`.
  enum class finding {
    no_counter,
    invariant_by_processor,
    invariant_by_linux,
    variant_by_processor,
    variant_by_linux,
    invariance_unknown,
    forbidden,
    kernel_keeps_time_by_it,
    kernel_offers_it,
    kernel_does_not_offer_it,
    kernel_tries_it,
    kernel_view_unknown, ///< the clock sources cannot be read, and nothing stands in for them
    kernel_view_by_vdso,
    marked_unstable,
    vdso_answers,
    vdso_falls_back,
    cpus_agree,
    cpus_differ,
  };

  bool counter_trusted = false;                                 ///< nothing speaks against the counter
  takt::clock_path recommended = takt::clock_path::system_call; ///< the cheapest path that is right
  std::vector<finding> findings;                                ///< what was found, in the order of `finding`

  /// Returns: whether this finding alone is enough not to trust the counter.
  [[nodiscard]] static constexpr bool speaks_against(finding f) noexcept;
};

/// Returns: the verdict over `facts`. The counter is trusted when all of this holds:
///   - no fact says that it is missing, and this thread is not forbidden to read it;
///   - processor or Linux calls it invariant (Linux by both of its flags) and neither denies it;
///   - Linux keeps time by it or offers to: it compares the counter with other clocks, which no flag can replace. Where
///     its clock sources are unknown, the vDSO must read CLOCK_MONOTONIC without a system call;
///   - Linux's log, where it is known, does not say that it found the counter unstable;
///   - the counters of two CPUs were not seen to differ.
/// Otherwise the kernel's clock is recommended, by the vDSO unless that is known to fall back to a system call, or
/// would read a counter that this thread may not read.
[[nodiscard]] verdict judge(const verdict::facts& facts);
[[nodiscard]] constexpr std::string_view explain(verdict::finding f) noexcept;

// definitions

namespace detail {

/// The name under which x86 keeps time by the TSC until it has measured its rate and decided on it.
inline constexpr std::string_view provisional_clocksource = "tsc-early";

/// Returns: whether Linux offers the counter: it is among its clock sources, the best first, and before jiffies. Linux
/// has rejected the clock sources that are listed behind jiffies.
template <class = for_callers> [[nodiscard]] bool offers_counter(const std::vector<std::string>& available) {
  for (const std::string_view name : available) {
    if (name == verdict::counter_source) return true;
    if (name == "jiffies" || name == "refined-jiffies") return false;
  }
  return false;
}

/// Returns: whether Linux has rejected the counter: its source, or the provisional one, is listed behind jiffies. Linux
/// 7.2 may reject the provisional one; then `tsc` is never listed.
template <class = for_callers> [[nodiscard]] bool rejects_counter(const std::vector<std::string>& available) {
  bool rejected = false;
  for (const std::string_view name : available) {
    if (rejected && (name == verdict::counter_source || name == provisional_clocksource)) return true;
    rejected |= name == "jiffies" || name == "refined-jiffies";
  }
  return false;
}

/// The body of judge().
template <class T> verdict verdict_on(const dependent<T, verdict::facts>& facts) {
  dependent<T, verdict> v;
  using finding = verdict::finding;
  const auto find = [&](finding f) { v.findings.push_back(f); };

  if (facts.exists == false) find(finding::no_counter);

  const bool both_flags = facts.constant_tsc == true && facts.nonstop_tsc == true;
  if (facts.invariant == true) find(finding::invariant_by_processor);
  if (facts.invariant == false) find(finding::variant_by_processor);
  if (both_flags) find(finding::invariant_by_linux);
  else if (facts.constant_tsc == false || facts.nonstop_tsc == false) find(finding::variant_by_linux);
  else if (!facts.invariant) find(finding::invariance_unknown);

  if (facts.allowed == false) find(finding::forbidden);

  const auto& offered = facts.available_sources;
  const bool offers = offered && detail::offers_counter(*offered);
  const bool thrown_out = offered && detail::rejects_counter(*offered);
  if (thrown_out) find(finding::kernel_does_not_offer_it); // root may have selected it all the same
  else if (facts.current_source == verdict::counter_source) find(finding::kernel_keeps_time_by_it);
  else if (facts.current_source == detail::provisional_clocksource) find(finding::kernel_tries_it);
  else if (offers) find(finding::kernel_offers_it);
  else if (offered) find(finding::kernel_does_not_offer_it);
  else if (!facts.current_source.empty() || facts.vdso_answers != true) find(finding::kernel_view_unknown);
  else find(finding::kernel_view_by_vdso);
  if (facts.marked_unstable == true) find(finding::marked_unstable);

  if (facts.vdso_answers) find(*facts.vdso_answers ? finding::vdso_answers : finding::vdso_falls_back);
  if (facts.cpus_agree) find(*facts.cpus_agree ? finding::cpus_agree : finding::cpus_differ);

  v.counter_trusted = true;
  for (const finding f : v.findings) v.counter_trusted &= !verdict::speaks_against(f);
  if (v.counter_trusted) v.recommended = takt::clock_path::counter;
  else if (facts.allowed != false && facts.vdso_answers != false) v.recommended = takt::clock_path::vdso;
  else v.recommended = takt::clock_path::system_call;
  return v;
}

} // namespace detail

template <class T> struct compiled_for_callers<verdict, T> {
  friend verdict judge(const verdict::facts& facts) { return detail::verdict_on<T>(facts); }
};
static_assert(sizeof(compiled_for_callers<verdict>) != 0);

/// Returns: what the processor and Linux say about the counter here and now. What cannot be read is unknown; nothing
/// fails. Costs some CPUID instructions and the reading of three small files. Three facts cost more, and are left
/// unknown: `cpus_agree` and `vdso_answers` are experiments that start threads, and `marked_unstable` is in a log of up
/// to megabytes. To include them in the verdict, set them from counter_offset::all_agree(), vdso::answers() and
/// kernel_log::read().found_unstable(). Only where no clock source can be read, the last two are asked here, to stand
/// in for them: some 100 us and a few milliseconds.
template <class Os> verdict::facts verdict::facts::gather() {
  detail::dependent<Os, verdict::facts> facts;
  const cpu_features features = cpu_features::read();
  facts.exists = features.system_counter ? std::optional(true) : features.tsc;
  facts.invariant = features.system_counter ? std::optional(true) : features.invariant_tsc;

  std::error_code ec;
  if (const cpuinfo info = cpuinfo::read<Os>(ec); !ec) {
    const auto everywhere = [&](std::string_view flag) {
      return info.agree_on(flag) == false ? std::optional(false) : info.has(flag);
    };
    facts.constant_tsc = everywhere("constant_tsc");
    facts.nonstop_tsc = everywhere("nonstop_tsc");
  }
  if (bool allowed = false; Os::counter_allowed(allowed) == 0) facts.allowed = allowed;
  if (auto available = clocksource::available<Os>(ec); !ec)
    facts.available_sources = static_cast<std::vector<std::string>&&>(available);
  facts.current_source = clocksource::current<Os>(ec);
  if (!facts.available_sources && facts.current_source.empty()) {
    if (const bool answers = vdso::answers<Os>(CLOCK_MONOTONIC, ec); !ec) facts.vdso_answers = answers;
    facts.marked_unstable = kernel_log::read<Os>(ec).found_unstable();
  }
  return facts;
}

constexpr bool verdict::speaks_against(finding f) noexcept {
  using enum finding;
  switch (f) {
  case no_counter:
  case variant_by_processor:
  case variant_by_linux:
  case invariance_unknown:
  case forbidden:
  case kernel_does_not_offer_it:
  case kernel_tries_it:
  case kernel_view_unknown:
  case marked_unstable:
  case cpus_differ: return true;
  case invariant_by_processor:
  case invariant_by_linux:
  case kernel_keeps_time_by_it:
  case kernel_offers_it:
  case kernel_view_by_vdso:
  case cpus_agree:
  case vdso_answers:
  case vdso_falls_back: return false;
  }
  return true;
}

/// Returns: the finding as part of a sentence.
constexpr std::string_view explain(verdict::finding f) noexcept {
  using enum verdict::finding;
  switch (f) {
  case no_counter: return "the processor has no counter";
  case invariant_by_processor: return "the processor calls its counter invariant";
  case invariant_by_linux: return "Linux finds it constant and nonstop";
  case variant_by_processor: return "the processor does not call its counter invariant";
  case variant_by_linux: return "Linux does not find it both constant and nonstop";
  case invariance_unknown: return "whether the counter's rate is constant is unknown";
  case forbidden: return "this thread is forbidden to read the counter (PR_TSC_SIGSEGV)";
  case kernel_keeps_time_by_it: return "the kernel keeps time by it";
  case kernel_offers_it: return "the kernel offers it as a clock source, though it uses another";
  case kernel_does_not_offer_it:
    return "the kernel does not offer it as a clock source: it was found unstable, or switched off";
  case kernel_tries_it: return "the kernel keeps time by it for now (tsc-early) and has not decided on it yet";
  case kernel_view_unknown: return "the kernel's clock sources cannot be read (is /sys mounted?)";
  case kernel_view_by_vdso:
    return "the kernel's clock sources cannot be read (is /sys mounted?), but its vDSO reads a clock that runs by it";
  case cpus_agree: return "no message between two CPUs showed it step back";
  case cpus_differ:
    return "the counters of two CPUs differ: a message from one to the other showed it step back";
  case marked_unstable: return "the kernel's log says that it found it unstable";
  case vdso_answers: return "the vDSO answers without a system call";
  case vdso_falls_back: return "the vDSO falls back to a system call";
  }
  return "unknown finding";
}

} // namespace takt::inline TAKT_ABI
