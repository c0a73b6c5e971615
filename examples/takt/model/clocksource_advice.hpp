/// clocksource_advice.hpp - how to have a clock source at the next boot, and what to do about a TSC that the kernel does
/// not trust. Pure: facts in, advice out. Nothing here changes anything.
///
/// Does not promise: that a piece of advice helps on a machine, or that the list of reasons is complete.
/// Sources: those that each piece names. "kernel-parameters" is Documentation/admin-guide/kernel-parameters.txt of Linux.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tool {

/// One thing to do.
struct remedy {
  std::string what;   ///< in words
  std::string how;    ///< to be written or typed as it is; empty: nothing
  std::string where;  ///< the file or the place for `how`
  std::string risk;   ///< what it may cost; empty: nothing known
  std::string source; ///< who says so
};

struct clocksource_facts {
  std::string wanted;                   ///< the name of the clock source
  bool offered = false;                 ///< the kernel lists it
  bool is_counter = false;              ///< it is the TSC, and this is x86
  std::optional<bool> invariant;        ///< what the processor says of its TSC
  std::optional<std::string> unstable;  ///< why the kernel found the TSC unstable, by its log; empty: it did not
  std::string hypervisor;               ///< its vendor by CPUID; empty: none, or unknown
  bool grubby = false;                  ///< the distribution changes boot entries with grubby(8)
  std::string command_line_file;        ///< for a boot loader that keeps the kernel's parameters in a file of its own
};

/// Returns: where to write which text so that the next boot has the clock source.
[[nodiscard]] inline std::vector<remedy> for_next_boot(const clocksource_facts& facts) {
  const std::string parameter = "clocksource=" + facts.wanted;
  std::vector<remedy> all;
  all.push_back({"The kernel parameter", parameter, "the kernel's command line",
                 "A name that the kernel does not offer is ignored without a word. The kernel keeps a source chosen by name even when a better one "
                 "appears.",
                 "kernel-parameters, clocksource="});
  all.push_back({"With GRUB: add it to what the variable holds, then run update-grub (Debian, Ubuntu) or grub2-mkconfig",
                 "GRUB_CMDLINE_LINUX_DEFAULT=\"... " + parameter + "\"", "/etc/default/grub", {}, "GRUB manual, Simple configuration"});
  if (facts.grubby)
    all.push_back({"With grubby, which this machine has", "grubby --update-kernel=ALL --args=" + parameter, "a shell, as root", {}, "grubby(8)"});
  if (!facts.command_line_file.empty())
    all.push_back({"With the boot loader of this machine: add it to the line that is there", parameter, facts.command_line_file,
                   "A command line with an error can keep the machine from booting: keep the old one.", "kernel-install(8), or the board's manual"});
  all.push_back({"With systemd and without a boot parameter: this unit, then systemctl enable takt-clocksource.service",
                 "[Unit]\nDescription=Select the clock source " + facts.wanted + "\n\n[Service]\nType=oneshot\n"
                     "WorkingDirectory=/sys/devices/system/clocksource/clocksource0\nExecStart=/bin/sh -c 'echo " + facts.wanted +
                     " > current_clocksource'\n\n[Install]\nWantedBy=multi-user.target",
                 "/etc/systemd/system/takt-clocksource.service",
                 "What starts before it runs with the kernel's own choice. For a name that the kernel does not offer it selects its best source.",
                 "systemd.service(5); Linux 6.12 kernel/time/clocksource.c current_clocksource_store"});
  return all;
}

/// Returns: what the hypervisor has to be given so that its guest can trust the TSC; empty where there is none.
[[nodiscard]] inline std::vector<remedy> for_hypervisor(std::string_view vendor) {
  if (vendor.empty()) return {};
  if (vendor == "KVMKVMKVM") {
    const std::string risk = "The guest can no longer be migrated or saved, unless the rate is set too (QEMU: tsc-frequency=HZ; libvirt: <timer name='tsc' "
                             "frequency='HZ'/>) and the other host has that rate or can scale it.";
    return {{"QEMU: give the guest the invariant TSC", "-cpu host,migratable=no,+invtsc", "QEMU's command line, on the host", risk,
             "QEMU commits 120eee7d1fdb and d99569d9d856"},
            {"libvirt: the same", "<cpu mode='host-passthrough' migratable='off'>\n  <feature policy='require' name='invtsc'/>\n</cpu>",
             "virsh edit DOMAIN, on the host", risk, "libvirt commits fba6bc4 and 7da62c91f043"},
            {"A guest that has it prefers the TSC to kvm-clock by itself, since Linux 5.1", {}, {}, {}, "Linux commit 7539b174aef4"}};
  }
  if (vendor == "XenVMMXenVMM")
    return {{"Xen: let the guest read the TSC itself, and have its invariant bit", "tsc_mode = \"native\"\nnomigrate = 1", "the guest's configuration, on the host",
             "The guest cannot be migrated.", "xl.cfg(5), xen-tscmode(7)"}};
  if (vendor == "Microsoft Hv")
    return {{"Hyper-V gives the invariant TSC where the host's processor can scale it and the virtual machine's configuration version is new enough: raise that version",
             "Update-VMVersion NAME", "PowerShell, on the host", "The machine no longer runs on older hosts. Until then hyperv_clocksource_tsc_page is read without a system call too.",
             "Linux commit dce7cd62754b"}};
  return {{"Ask who runs the hypervisor for an invariant TSC (CPUID 0x80000007 EDX[8])", {}, {}, {}, "Intel SDM vol. 3, Invariant TSC"}};
}

/// Returns: what can be done about the reason for which the kernel does not trust the TSC, the best first.
[[nodiscard]] inline std::vector<remedy> for_untrusted_counter(const clocksource_facts& facts) {
  std::vector<remedy> all;
  const bool guest = !facts.hypervisor.empty();
  const std::string_view why = facts.unstable ? std::string_view(*facts.unstable) : std::string_view();
  const auto has = [why](std::string_view part) { return why.find(part) != why.npos; };
  const remedy firmware{"Update the firmware (BIOS): it may write to the counters from system management mode, or start them at different times", {},
                        "the maker of the machine", {}, "Linux 6.12 arch/x86/kernel/tsc_sync.c, which reports TSC_ADJUST that firmware changed"};
  const remedy reliable{"Forbid the kernel to check the TSC, at boot and later", "tsc=reliable", "the kernel's command line",
                        "If the counters of the CPUs do differ, or their rate changes, clocks run wrong and step back, and nothing reports it.",
                        "kernel-parameters, tsc=; Linux arch/x86/kernel/tsc_sync.c check_tsc_sync_source"};
  const remedy no_watchdog{"Check the TSC at boot, and no more while running", "tsc=nowatchdog", "the kernel's command line",
                           "A counter that goes wrong later, by firmware or in suspend, goes unnoticed.", "kernel-parameters, tsc="};
  const remedy recalibrate{"Have the rate that firmware reports compared with another timer: the kernel warns above 500 ppm", "tsc=recalibrate",
                           "the kernel's command line", {}, "kernel-parameters, tsc= (Linux 6.3 and later)"};
  if (has("boot parameter")) {
    all.push_back({"Remove tsc=unstable or notsc from the kernel's command line: it says so", {}, "the kernel's command line", {}, "kernel-parameters, tsc="});
  } else if (has("Hyper-V")) {
    // What the hypervisor can do follows.
  } else if (has("cpufreq")) {
    all.push_back({"The counter changes its rate with the processor's: no setting makes it a clock. Keep the source that the kernel chose", {}, {}, {},
                   "Linux 6.12 arch/x86/kernel/tsc.c time_cpufreq_notifier"});
  } else if (has("halts in idle")) {
    all.push_back({"Keep the processor out of the idle states in which the counter stops", "processor.max_cstate=1 intel_idle.max_cstate=0", "the kernel's command line",
                   "Idle CPUs take more power and get warmer.", "kernel-parameters, processor.max_cstate=, intel_idle.max_cstate=; Linux 6.12 drivers/acpi/processor_idle.c"});
  } else if (has("KVM discovered backwards")) {
    all.push_back({"The TSC of this host went back, as after suspend of the host: update the firmware, and do not suspend it while guests run", {}, {}, {},
                   "Linux 6.12 arch/x86/kvm/x86.c kvm_arch_vcpu_load"});
  } else if (has("check_tsc_sync_source") || has("unsynchronized")) {
    if (!guest) all.push_back(firmware);
    all.push_back(reliable);
  } else if (has("watchdog") || has("skew")) {
    if (!guest) all.push_back(firmware);
    all.push_back(recalibrate);
    all.push_back(no_watchdog);
    all.push_back(reliable);
  } else if (!why.empty()) {
    if (!guest) all.push_back(firmware);
    all.push_back(reliable);
  } else if (facts.invariant == false && !guest) {
    all.push_back({"The processor does not call its counter invariant: keep the source that the kernel chose", {}, {}, {}, "Intel SDM vol. 3, Invariant TSC"});
  } else if (!facts.offered && (!guest || facts.invariant == true)) {
    all.push_back({facts.unstable ? "The kernel's log gives no reason" : "The reason is in the kernel's log, which cannot be read here or has lost its beginning",
                   "dmesg | grep -i -e tsc -e clocksource", "a shell, as root, soon after boot", {}, "dmesg(1)"});
  }
  if (facts.invariant == true) return all; // the hypervisor gives it already
  for (remedy& r : for_hypervisor(facts.hypervisor)) all.push_back(std::move(r));
  return all;
}

/// Returns: the parameters tsc=, and what each risks.
[[nodiscard]] inline std::vector<remedy> counter_parameters() {
  const std::string source = "kernel-parameters, tsc=";
  return {{"no checks at boot, no watchdog", "tsc=reliable", {}, "clocks that step back or run wrong unnoticed", source},
          {"no watchdog after boot", "tsc=nowatchdog", {}, "later faults go unnoticed", source},
          {"the rate is measured against HPET or PM timer", "tsc=recalibrate", {}, "none; on Linux before 6.3 it is ignored", source},
          {"the TSC watches HPET and PM timer, where it is deemed trustworthy", "tsc=watchdog", {}, "a bad TSC throws out a good HPET", source},
          {"the TSC is never the clock source", "tsc=unstable", {}, "every reading of a clock may become a system call", source}};
}

} // namespace tool
