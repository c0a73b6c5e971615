/// timer_rows.hpp - a table of the rows of /proc/interrupts in which the drivers of clock event devices count.
///
/// To add a driver, add a line with the name that its source gives to the clock_event_device, and the name that it
/// passes to request_irq() or that arch_show_interrupts() prints. Name the source file in a comment.
/// Does not promise: that every driver is in the table. A device without a line is counted by its own name, or its
/// count is unknown.
/// Sources: the files of Linux that the table names, of version 6.12 unless the table names another.
#pragma once
#include <takt/core/config.hpp>
#include <takt/kernel/detail/text.hpp>
#include <cstddef>
#include <string_view>

namespace takt::inline TAKT_ABI::detail {

/// Where a driver counts the interrupts of its clock event device.
struct timer_row {
  /// How a row is recognised.
  enum class kind {
    label,          ///< the row begins with `name` and a colon: "LOC:"
    action,         ///< the row begins with a number and ends with `name`, the name of the interrupt's handler
    numbered_action ///< the row begins with a number and ends with `name` and another number: "timer3"
  };
  std::string_view device; ///< the name of the device in sysfs; a '#' at the end stands for a number
  kind by = kind::label;   ///< how the row is recognised
  std::string_view name;   ///< the label of the row, or the name of the handler
  std::string_view text = {};        ///< a text that the row must contain after its label; empty: any row
  std::string_view second_text = {}; ///< if not empty, a second row with this text must be there and is added
  bool single = false;               ///< whether the driver has one row for all CPUs, so that none can be cut off
};

/// The known drivers. If several lines name one device, the first line counts whose rows are there and not all zero. A
/// device that no line names counts in the rows whose handler has the device's own name, as many drivers do it (hpet2,
/// arch_mem_timer, armada_370_xp_per_cpu_tick, mct_tick0).
inline constexpr timer_row timer_rows[] = {
    // arch/x86/kernel/apic/apic.c setup_APIC_timer, arch/x86/kernel/irq.c arch_show_interrupts
    {"lapic", timer_row::kind::label, "LOC"},
    {"lapic-deadline", timer_row::kind::label, "LOC"},
    // arch/x86/xen/time.c xen_setup_timer; older kernels print "xen-percpu-virq" in one word
    {"xen", timer_row::kind::numbered_action, "timer", "xen-percpu"},
    // drivers/clocksource/hyperv_timer.c hv_stimer_init: a vector of its own on x86, an interrupt of ACPI on arm64.
    // A host without direct mode sends messages instead, which are counted among others (HYP): unknown.
    {"Hyper-V clockevent", timer_row::kind::label, "HVS"},
    {"Hyper-V clockevent", timer_row::kind::action, "Hyper-V stimer0"},
    // arch/x86/kernel/time.c timer_interrupt: interrupt 0, on machines whose local timers are not used
    {"hpet", timer_row::kind::action, "timer"},
    {"pit", timer_row::kind::action, "timer"},
    // drivers/clocksource/arm_arch_timer.c arch_timer_register
    {"arch_sys_timer", timer_row::kind::action, "arch_timer"},
    // drivers/clocksource/exynos_mct.c: one interrupt per CPU, in Linux 3.x under another name, or one for all CPUs
    {"mct_tick#", timer_row::kind::numbered_action, "mct_tick"},
    {"mct_tick#", timer_row::kind::action, "MCT"},
    {"mct_tick0", timer_row::kind::action, "mct_tick0_irq"},
    {"mct_tick1", timer_row::kind::action, "mct_tick1_irq"},
    // arch/arm/kernel/smp_twd.c, drivers/clocksource/arm_global_timer.c
    {"local_timer", timer_row::kind::action, "twd"},
    {"arm_global_timer", timer_row::kind::action, "gt"},
    // drivers/clocksource/timer-riscv.c, timer-clint.c
    {"riscv_timer_clockevent", timer_row::kind::action, "riscv-timer", {}, {}, true},
    {"clint_clockevent", timer_row::kind::action, "clint-timer", {}, {}, true},
    // arch/powerpc/kernel/time.c timer_interrupt, irq.c: both rows are interrupts of the decrementer, the second those
    // that came too early for the event
    {"decrementer", timer_row::kind::label, "LOC", "Local timer interrupts for timer event device",
     "Local timer interrupts for others"},
    // arch/loongarch/kernel/time.c constant_clockevent_init
    {"Constant", timer_row::kind::action, "timer"},
    // arch/s390/kernel/time.c init_cpu_timer, irq.c irqclass_sub_desc
    {"comparator", timer_row::kind::label, "CLK"},
};

/// Returns: `text` without the number at its end; an empty text if there is no number.
template <class = for_callers>
[[nodiscard]] constexpr std::string_view without_number(std::string_view text) noexcept {
  std::size_t size = text.size();
  while (size > 0 && is_digit(text[size - 1])) --size;
  return size < text.size() ? text.substr(0, size) : std::string_view();
}

/// Returns: whether the line `wanted` is for the device of this name.
template <class = for_callers>
[[nodiscard]] constexpr bool is_of(const timer_row& wanted, std::string_view device) noexcept {
  if (!wanted.device.empty() && wanted.device.back() == '#')
    return without_number(device) == wanted.device.substr(0, wanted.device.size() - 1);
  return wanted.device == device;
}

} // namespace takt::inline TAKT_ABI::detail
