/// verdict.hpp - whether this machine's counter may be trusted as a clock, which road to the time to take, and why.
///
/// The judgement is a pure function of facts; gathering the facts is another. In doubt the verdict is for the kernel's
/// clock, which is slower and never wrong by more than the kernel is.
///
/// Does not promise: that a verdict outlives the facts. The kernel may drop the counter an hour later, and a guest may be
/// moved to another processor; who runs for long asks again.
/// Sources: Linux 6.12 arch/x86/kernel/tsc.c, unsynchronized_tsc, mark_tsc_unstable and clocksource_tsc_early;
/// kernel/time/clocksource.c: __clocksource_change_rating gives a source that was found unstable the rating 0, and
/// available_clocksource_show, in order of rating, hides it while high-resolution timers run and else lists it behind
/// jiffies, whose rating is 1; kernel/time/jiffies.c; prctl(2) PR_SET_TSC.
#pragma once
#include <takt/core/config.hpp>
#include <takt/cpu/features.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/text.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

/// The name under which Linux lists the counter of this architecture among its clock sources.
#if defined(__x86_64__)
inline constexpr std::string_view counter_clocksource = "tsc";
#elif defined(__aarch64__)
inline constexpr std::string_view counter_clocksource = "arch_sys_counter";
#else
inline constexpr std::string_view counter_clocksource = "riscv_clocksource";
#endif

/// What the verdict is about; nothing, or empty, where nobody told.
struct counter_facts {
  std::optional<bool> exists;                                 ///< the processor has a counter
  std::optional<bool> invariant;                              ///< the processor says that its rate never changes
  std::optional<bool> constant_tsc;                           ///< Linux says that it counts alike at every frequency
  std::optional<bool> nonstop_tsc;                            ///< Linux says that it counts in every idle state
  std::optional<bool> allowed;                                ///< this thread may read it
  std::vector<std::string> available_sources;                 ///< Linux's clock sources
  std::string current_source;
  std::optional<bool> vdso_answers;                           ///< CLOCK_MONOTONIC is read without a system call
  std::optional<bool> cpus_agree;                             ///< no step back was seen between CPUs (counter_offset.hpp)
  std::optional<bool> marked_unstable;                        ///< the kernel's log says that it found the counter unstable
};

/// The roads to the time, from the cheapest.
enum class road { counter, vdso, system_call };

/// What spoke for or against the counter, in the order of counter_facts.
enum class finding {
  no_counter,
  invariant_by_processor,
  invariant_by_linux,
  variant_by_processor,
  variant_by_linux,
  invariance_not_told,
  forbidden,
  kernel_keeps_time_by_it,
  kernel_offers_it,
  kernel_does_not_offer_it,
  kernel_tries_it,
  kernel_view_not_told,
  marked_unstable,
  vdso_answers,
  vdso_falls_back,
  cpus_agree,
  cpus_differ,
};

struct verdict {
  bool counter_trusted = false;
  takt::road recommended = takt::road::system_call;
  std::vector<finding> findings;
};

/// The name under which x86 keeps time by the TSC until it has measured its rate and decided on it.
inline constexpr std::string_view provisional_clocksource = "tsc-early";

template <class = when_called> [[nodiscard]] verdict judge(const counter_facts& facts);
template <class Os = linux_os> [[nodiscard]] counter_facts gather_counter_facts();
template <class = when_called> [[nodiscard]] bool offers_counter(const std::vector<std::string>& available);

[[nodiscard]] constexpr bool speaks_against_counter(finding f) noexcept;
[[nodiscard]] constexpr std::string_view explain(finding f) noexcept;

// definitions

/// Returns: whether Linux offers the counter: it is among its clock sources, the best first, and before jiffies. What is
/// listed behind those it threw out.
template <class> bool offers_counter(const std::vector<std::string>& available) {
  for (const std::string_view name : available) {
    if (name == counter_clocksource) return true;
    if (name == "jiffies" || name == "refined-jiffies") return false;
  }
  return false;
}

/// Returns: the verdict over `facts`. The counter is trusted when all of this holds:
///   - nobody says that it is missing, and this thread is not forbidden to read it;
///   - processor or Linux calls it invariant (Linux by both of its flags) and neither denies it;
///   - Linux keeps time by it or offers to: it compares the counter with other clocks, which no flag can replace;
///   - its log, where somebody read it, does not tell that it found the counter unstable;
///   - nobody saw the counters of two CPUs differ.
/// Otherwise the kernel's clock is recommended, by the vDSO unless that is known to fall back to a system call, or would
/// read a counter that this thread may not read.
template <class> verdict judge(const counter_facts& facts) {
  verdict v;
  const auto find = [&](finding f) { v.findings.push_back(f); };

  if (facts.exists == false) find(finding::no_counter);

  const bool both_flags = facts.constant_tsc == true && facts.nonstop_tsc == true;
  if (facts.invariant == true) find(finding::invariant_by_processor);
  if (facts.invariant == false) find(finding::variant_by_processor);
  if (both_flags) find(finding::invariant_by_linux);
  else if (facts.constant_tsc == false || facts.nonstop_tsc == false) find(finding::variant_by_linux);
  else if (!facts.invariant) find(finding::invariance_not_told);

  if (facts.allowed == false) find(finding::forbidden);

  const auto& offered = facts.available_sources;
  const bool thrown_out = detail::contains(offered, counter_clocksource) && !offers_counter(offered);
  if (thrown_out) find(finding::kernel_does_not_offer_it); // root may have selected it all the same
  else if (facts.current_source == counter_clocksource) find(finding::kernel_keeps_time_by_it);
  else if (facts.current_source == provisional_clocksource) find(finding::kernel_tries_it);
  else if (offered.empty()) find(finding::kernel_view_not_told);
  else if (offers_counter(offered)) find(finding::kernel_offers_it);
  else find(finding::kernel_does_not_offer_it);
  if (facts.marked_unstable == true) find(finding::marked_unstable);

  if (facts.vdso_answers) find(*facts.vdso_answers ? finding::vdso_answers : finding::vdso_falls_back);
  if (facts.cpus_agree) find(*facts.cpus_agree ? finding::cpus_agree : finding::cpus_differ);

  v.counter_trusted = true;
  for (const finding f : v.findings) v.counter_trusted &= !speaks_against_counter(f);
  if (v.counter_trusted) v.recommended = road::counter;
  else if (facts.allowed != false && facts.vdso_answers != false) v.recommended = road::vdso;
  else v.recommended = road::system_call;
  return v;
}

/// Returns: what the processor and Linux tell about the counter here and now, all but `cpus_agree` and `vdso_answers`,
/// experiments that start threads, and `marked_unstable`, for the kernel's log has up to megabytes: whoever wants them in the
/// verdict asks counters_agree (of measure_offset), vdso::answers and read_kernel_log (`unstable_tsc`), and fills them in.
/// What cannot be read is not told; nothing fails. Costs a few CPUID and the reading of three small files.
template <class Os> counter_facts gather_counter_facts() {
  counter_facts facts;
  const cpu_features features = read_cpu_features();
  facts.exists = features.system_counter ? std::optional(true) : features.tsc;
  facts.invariant = features.system_counter ? std::optional(true) : features.invariant_tsc;

  std::error_code ec;
  if (const cpuinfo info = read_cpuinfo<Os>(ec); !ec) {
    const auto everywhere = [&](std::string_view flag) {
      return info.agree_on(flag) ? info.has(flag) : std::optional(false);
    };
    facts.constant_tsc = everywhere("constant_tsc");
    facts.nonstop_tsc = everywhere("nonstop_tsc");
  }
  if (bool allowed = false; Os::counter_allowed(allowed) == 0) facts.allowed = allowed;
  facts.available_sources = clocksource::available<Os>(ec);
  facts.current_source = clocksource::current<Os>(ec);
  return facts;
}

/// Returns: whether this finding alone is enough not to trust the counter.
constexpr bool speaks_against_counter(finding f) noexcept {
  switch (f) {
  case finding::no_counter:
  case finding::variant_by_processor:
  case finding::variant_by_linux:
  case finding::invariance_not_told:
  case finding::forbidden:
  case finding::kernel_does_not_offer_it:
  case finding::kernel_tries_it:
  case finding::kernel_view_not_told:
  case finding::marked_unstable:
  case finding::cpus_differ: return true;
  case finding::invariant_by_processor:
  case finding::invariant_by_linux:
  case finding::kernel_keeps_time_by_it:
  case finding::kernel_offers_it:
  case finding::cpus_agree:
  case finding::vdso_answers:
  case finding::vdso_falls_back: return false;
  }
  return true;
}

/// Returns: the finding as part of a sentence.
constexpr std::string_view explain(finding f) noexcept {
  switch (f) {
  case finding::no_counter: return "the processor has no counter";
  case finding::invariant_by_processor: return "the processor calls its counter invariant";
  case finding::invariant_by_linux: return "Linux finds it constant and nonstop";
  case finding::variant_by_processor: return "the processor does not call its counter invariant";
  case finding::variant_by_linux: return "Linux does not find it both constant and nonstop";
  case finding::invariance_not_told: return "nobody tells whether the counter's rate is constant";
  case finding::forbidden: return "this thread is forbidden to read the counter (PR_TSC_SIGSEGV)";
  case finding::kernel_keeps_time_by_it: return "the kernel keeps time by it";
  case finding::kernel_offers_it: return "the kernel offers it as a clock source, though it uses another";
  case finding::kernel_does_not_offer_it: return "the kernel does not offer it as a clock source: it was found unstable, or switched off";
  case finding::kernel_tries_it: return "the kernel keeps time by it for now (tsc-early) and has not decided on it yet";
  case finding::kernel_view_not_told: return "the kernel's clock sources cannot be read";
  case finding::cpus_agree: return "no message between two CPUs showed it step back";
  case finding::cpus_differ: return "the counters of two CPUs differ: a message from one to the other showed it step back";
  case finding::marked_unstable: return "the kernel's log says that it found it unstable";
  case finding::vdso_answers: return "the vDSO answers without a system call";
  case finding::vdso_falls_back: return "the vDSO falls back to a system call";
  }
  return "unknown finding";
}

} // namespace takt::inline TAKT_ABI
