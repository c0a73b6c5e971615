// Protects: the count of timer interrupts of each CPU by its clock event device, for the drivers of many machines, for
// sparse CPUs and for very many; that what does not fit together is unknown with a reason and never zero; that a cut or
// inconsistent table is an error and never a smaller number; differences across the wrap of 32 bits and hotplug.
#include <takt/kernel/interrupts.hpp>
#include <takt/testing/fake_os.hpp>
#include <support/hostile_text.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {
using takt::detail::count_timer_interrupts;
using takt::timer_interrupts;
using os = takt::testing::fake_os<struct interrupts_test>;
using counts = std::vector<std::pair<unsigned, std::uint32_t>>;
using devices = std::vector<takt::clock_event::device>;

constexpr std::string_view x86 = "            CPU0       CPU1       \n"
                                 "   0:         44          0  IR-IO-APIC    2-edge      timer\n"
                                 "  24:          0        160 PCI-MSIX-0000:00:01.0   3-edge      virtio0-stats\n"
                                 "1001:          3          0  IR-PCI-MSI 327680-edge      xhci_hcd\n"
                                 " NMI:          1          2   Non-maskable interrupts\n"
                                 " LOC:      19925 4294967295   Local timer interrupts\n"
                                 " RES:       9262       4588   Rescheduling interrupts\n"
                                 " ERR:          0\n"
                                 " MIS:          0\n";

constexpr std::string_view arm64 =
    "           CPU0       CPU2       CPU5       \n"
    " 10:        100        200        300     GICv3  29 Level     arch_timer\n"
    " 11:       7731       6512       8080     GICv3  30 Level     arch_timer\n"
    " 12:          9          9          9     GICv3  27 Level     kvm guest vtimer\n"
    " 14:          0          0          0     GICv3  33 Level     arch_mem_timer\n"
    " 15:       1234          0          0     GICv3  65 Edge      eth0, not_arch_timer\n"
    " 16:       1234          0          0     GICv3  66 Edge      eth0, arch_timer\n"
    "IPI0:       400        401        402       Rescheduling interrupts\n"
    "Err:          0\n";

constexpr std::string_view riscv = "           CPU0       CPU1       \n"
                                   "  1:          0          0  SiFive PLIC  11 Edge      101000.rtc\n"
                                   "  5:       2209       2103  RISC-V INTC   5 Edge      riscv-timer\n"
                                   "IPI0:       123        145  Rescheduling interrupts\n";

constexpr std::string_view one_hart = "           CPU0       \n"
                                      "  5:       2209  RISC-V INTC   5 Edge      riscv-timer\n";

constexpr std::string_view xen = "           CPU0       \n"
                                 "  0:         36   IO-APIC   2-edge      timer\n"
                                 " 48:     773698  xen-percpu    -virq      timer0\n"
                                 " 49:          0  xen-percpu    -ipi       resched0\n"
                                 " 54:        266   xen-dyn    -event     xenbus\n"
                                 "NMI:          0   Non-maskable interrupts\n"
                                 "LOC:          0   Local timer interrupts\n"
                                 "MCP:       1671   Machine check polls\n"
                                 "HYP:    1384378   Hypervisor callback interrupts\n"
                                 "ERR:          0\n"
                                 "MIS:          0\n"
                                 "PIN:          0   Posted-interrupt notification event\n";

constexpr std::string_view xen_of_el7 = "           CPU0       CPU1       \n"
                                        " 48:     700000          0  xen-percpu-virq      timer0\n"
                                        " 49:          0          7  xen-percpu-ipi       resched1\n"
                                        " 55:          0     600000  xen-percpu-virq      timer1\n"
                                        " 60:         11         12   PCI-MSI-edge      timer3\n" // of something else
                                        "LOC:          0          0   Local timer interrupts\n";

constexpr std::string_view hyperv = "           CPU0       CPU1       \n"
                                    "NMI:          0          0   Non-maskable interrupts\n"
                                    "LOC:          0          0   Local timer interrupts\n"
                                    "HYP:       1000       2000   Hypervisor callback interrupts\n"
                                    "HVS:     500000     600000   Hyper-V stimer0 interrupts\n"
                                    "ERR:          0\n"
                                    "MIS:          0\n";

constexpr std::string_view hyperv_arm64 = "           CPU0       CPU1       \n"
                                          "  4:          0          0     GICv3  27 Level     arch_timer\n"
                                          "  8:     150000     140000     GICv3  19 Edge      Hyper-V stimer0\n"
                                          "Err:          0\n";

constexpr std::string_view exynos = "            CPU0       CPU1       CPU4       \n"
                                    " 45:          0          0          0       GIC  89 Level     mct_comp_irq\n"
                                    " 46:      81000          0          0       GIC 152 Level     mct_tick0\n"
                                    " 47:          0      82000          0       GIC 153 Level     mct_tick1\n"
                                    " 50:          0          0      83000       GIC 156 Level     mct_tick4\n"
                                    "IPI0:          0          0          0  CPU wakeup interrupts\n"
                                    "Err:          0\n";

constexpr std::string_view power = "           CPU0       CPU8       \n"
                                   " 16:          0          9  XIVE-IPI   0 Edge      IPI\n"
                                   "LOC:      33666      44777   Local timer interrupts for timer event device\n"
                                   "BCT:          5          6   Broadcast timer interrupts for timer event device\n"
                                   "LOC:         10         20   Local timer interrupts for others\n"
                                   "SPU:          0          0   Spurious interrupts\n";

constexpr std::string_view s390 = "           CPU0       CPU1       \n"
                                  "EXT:      35000      36000    \n"
                                  "I/O:        400        500    \n"
                                  "CLK:      34000      35000   [EXT] Clock Comparator\n"
                                  "TMR:          0          0   [EXT] CPU Timer\n";

constexpr std::string_view hpet_per_cpu = "           CPU0       CPU1       \n"
                                          "  0:         44          0   IO-APIC   2-edge      timer\n"
                                          " 24:       1000          0  HPET-MSI   2-edge      hpet2\n"
                                          " 25:          0       2000  HPET-MSI   3-edge      hpet3\n"
                                          "LOC:          0          0   Local timer interrupts\n";

/// The same device for each of these CPUs, and a broadcast device behind them.
devices all(std::initializer_list<unsigned> cpus, const std::string& name) {
  devices d;
  for (const unsigned cpu : cpus) d.push_back({cpu, name});
  d.push_back({std::nullopt, "hpet"});
  return d;
}

timer_interrupts parsed(std::string_view text, const devices& d) {
  std::error_code ec = std::make_error_code(std::errc::io_error); // must be cleared
  timer_interrupts sample = count_timer_interrupts(text, d, ec);
  CHECK_FALSE(ec);
  return sample;
}

counts pairs(const timer_interrupts& sample) {
  counts c;
  for (const auto cell : sample.cpus) c.emplace_back(cell.cpu, cell.count);
  return c;
}

/// The counts, all of which must be known.
counts known(std::string_view text, const devices& d) {
  const timer_interrupts sample = parsed(text, d);
  CHECK(sample.unknown == "");
  return pairs(sample);
}

/// Why the counts are unknown; none may be given.
std::string unknown(std::string_view text, const devices& d) {
  const timer_interrupts sample = parsed(text, d);
  CHECK(sample.cpus.empty());
  return sample.unknown;
}

bool refused(std::string_view text, const devices& d) {
  std::error_code ec;
  const timer_interrupts sample = count_timer_interrupts(text, d, ec);
  return ec == takt::errc::malformed_text && sample.cpus.empty() && sample.unknown.empty();
}

timer_interrupts sample_of(const counts& cells, const std::string& source = "LOC of lapic") {
  timer_interrupts s;
  s.sources = {source};
  for (const auto& [cpu, count] : cells) s.cpus.push_back({cpu, count, 0});
  return s;
}
} // namespace

TEST_CASE("interrupts: x86 counts its local timer in LOC, whatever mode the timer is in") {
  CHECK(known(x86, all({0, 1}, "lapic")) == counts{{0, 19925}, {1, 4294967295}});
  const auto sample = parsed(x86, all({0, 1}, "lapic-deadline"));
  CHECK(pairs(sample) == counts{{0, 19925}, {1, 4294967295}});
  CHECK(sample.sources == std::vector<std::string>{"LOC of lapic-deadline"});
}

TEST_CASE("interrupts: Xen has a row per CPU, beside an interrupt of the PIT and a LOC that stand still") {
  const auto sample = parsed(xen, all({0}, "xen"));
  CHECK(pairs(sample) == counts{{0, 773698}});
  CHECK(sample.sources == std::vector<std::string>{"timerN of xen"});
  CHECK(known(xen_of_el7, all({0, 1}, "xen")) == counts{{0, 700000}, {1, 600000}});
}

TEST_CASE("interrupts: Hyper-V, WSL2 and Azure count in HVS, on arm64 by the handler's name") {
  CHECK(known(hyperv, all({0, 1}, "Hyper-V clockevent")) == counts{{0, 500000}, {1, 600000}});
  CHECK(known(hyperv_arm64, all({0, 1}, "Hyper-V clockevent")) == counts{{0, 150000}, {1, 140000}});
}

TEST_CASE("interrupts: Arm, RISC-V, Exynos, PowerPC, s390, per-CPU HPETs, and drivers that are not listed") {
  CHECK(known(arm64, all({0, 2, 5}, "arch_sys_timer")) == counts{{0, 7831}, {2, 6712}, {5, 8380}});
  CHECK(known(riscv, all({0, 1}, "riscv_timer_clockevent")) == counts{{0, 2209}, {1, 2103}});
  CHECK(known(one_hart, all({0}, "riscv_timer_clockevent")) == counts{{0, 2209}});
  CHECK(known(exynos, {{0, "mct_tick0"}, {1, "mct_tick1"}, {4, "mct_tick4"}}) ==
        counts{{0, 81000}, {1, 82000}, {4, 83000}});
  CHECK(known("     CPU0 CPU1\n 46: 5 6 GIC 28 Level     MCT\nErr: 0\n", {{0, "mct_tick0"}, {1, "mct_tick1"}}) ==
        counts{{0, 5}, {1, 6}});
  CHECK(known(power, all({0, 8}, "decrementer")) == counts{{0, 33676}, {8, 44797}});
  CHECK(known(s390, all({0, 1}, "comparator")) == counts{{0, 34000}, {1, 35000}});
  CHECK(known(hpet_per_cpu, {{0, "hpet2"}, {1, "hpet3"}}) == counts{{0, 1000}, {1, 2000}});
  CHECK(known("     CPU0 CPU1\n 46: 5 6 GIC 28 Level     some_new_timer\nErr: 0\n", all({0, 1}, "some_new_timer")) ==
        counts{{0, 5}, {1, 6}});
}

TEST_CASE("interrupts: CPUs may have different devices") {
  const devices mixed = {{0, "lapic"}, {1, "hpet3"}};
  const std::string text = "           CPU0       CPU1       \n"
                           " 25:          0       2000  HPET-MSI   3-edge      hpet3\n"
                           "LOC:         77          0   Local timer interrupts\n";
  const auto sample = parsed(text, mixed);
  CHECK(pairs(sample) == counts{{0, 77}, {1, 2000}});
  CHECK(sample.sources == std::vector<std::string>{"LOC of lapic", "hpet3"});
}

TEST_CASE("interrupts: what does not fit together is unknown and never zero") {
  CHECK(unknown(x86, all({0, 1}, "arch_sys_timer")).find("CPU0: no row is known") == 0);
  CHECK(unknown(x86, all({0, 1}, "dummy_timer")).find("dummy_timer") != std::string::npos);
  CHECK(unknown(x86, {}).find("CPU0: sysfs names no") == 0);
  CHECK(unknown(x86, all({2, 3}, "lapic")).find("CPU0: sysfs names no") == 0);
  // A row that has never counted anything is not what wakes the machine, whatever sysfs says.
  CHECK(unknown(hyperv, all({0, 1}, "lapic")).find("never counted") != std::string::npos);
  CHECK(unknown(hyperv_arm64, all({0, 1}, "arch_sys_timer")).find("never counted") != std::string::npos);
  CHECK(unknown(xen, all({0}, "lapic")).find("never counted") != std::string::npos);
  CHECK(unknown("CPU0\nHVS: 0 Hyper-V stimer0 interrupts\n", all({0}, "Hyper-V clockevent")).find("never counted") !=
        std::string::npos);
  // A host without direct mode: there is no row.
  CHECK(unknown("CPU0\nLOC: 0 Local\nHYP: 9 Hypervisor callback\n", all({0}, "Hyper-V clockevent")).find("no row") !=
        std::string::npos);
  // The tables of PowerPC kernels before the two rows, and one that is cut between them.
  CHECK(unknown("CPU0\nLOC: 7 Local timer interrupts\n", all({0}, "decrementer")).find("no row") != std::string::npos);
  CHECK(unknown("CPU0\nLOC: 7 Local timer interrupts for timer event device\n", all({0}, "decrementer")) != "");
  // Words that only resemble the row.
  CHECK(unknown(arm64, all({0, 2, 5}, "arch_mem_timer")).find("never counted") != std::string::npos);
  CHECK(unknown("CPU0\nLO: 7 Local\nLOCK: 7 Local\n", all({0}, "lapic")).find("no row") != std::string::npos);
  CHECK(unknown("CPU0\n 5: 7 GIC eth0, twd\nErr: 0\n", all({0}, "local_timer")).find("no row") != std::string::npos);
  CHECK(known("CPU0\n 5: 7 GIC twd\n 6: 9 GIC xtwd\nErr: 0\n", all({0}, "local_timer")) == counts{{0, 7}});
}

TEST_CASE("interrupts: a CPU that came online meanwhile is unknown, the others are known") {
  const auto sample = parsed(x86, all({0}, "lapic"));
  CHECK(pairs(sample) == counts{{0, 19925}});
  CHECK(sample.unknown.find("CPU1: sysfs names no") == 0);
}

TEST_CASE("interrupts: a table that is cut anywhere is never a wrong number") {
  const struct {
    std::string_view text;
    devices d;
  } samples[] = {{x86, all({0, 1}, "lapic")},
                 {arm64, all({0, 2, 5}, "arch_sys_timer")},
                 {riscv, all({0, 1}, "riscv_timer_clockevent")},
                 {one_hart, all({0}, "riscv_timer_clockevent")},
                 {xen, all({0}, "xen")},
                 {xen_of_el7, all({0, 1}, "xen")},
                 {hyperv, all({0, 1}, "Hyper-V clockevent")},
                 {hyperv_arm64, all({0, 1}, "Hyper-V clockevent")},
                 {exynos, {{0, "mct_tick0"}, {1, "mct_tick1"}, {4, "mct_tick4"}}},
                 {power, all({0, 8}, "decrementer")},
                 {s390, all({0, 1}, "comparator")}};
  for (const auto& sample : samples) {
    const counts right = known(sample.text, sample.d);
    std::size_t errors = 0;
    test::for_each_cut(sample.text, [&](std::string_view cut) {
      std::error_code ec;
      const auto got = count_timer_interrupts(cut, sample.d, ec);
      CAPTURE(cut);
      CHECK((pairs(got) == right || got.cpus.empty()));
      if (ec) CHECK(got.cpus.empty());
      else CHECK(got.cpus.empty() != got.unknown.empty());
      if (ec) ++errors;
      if (cut.empty() || cut.back() != '\n') CHECK(ec == takt::errc::malformed_text);
    });
    CHECK(errors > 0);
  }
}

TEST_CASE("interrupts: rows that contradict the header") {
  const std::string header = "           CPU0       CPU1       \n";
  const devices lapic = all({0, 1}, "lapic"), arm = all({0, 1}, "arch_sys_timer");
  CHECK(known(header + "LOC: 1 2 Local\n", lapic) == counts{{0, 1}, {1, 2}});
  CHECK(refused(header + "LOC: 1\n", lapic));
  CHECK(refused(header + "LOC: 1 Local timer interrupts\n", lapic));
  CHECK(refused(header + "LOC: 1 2 3 Local timer interrupts\n", lapic));
  CHECK(refused(header + "LOC: 1 2x Local\n", lapic));
  CHECK(refused(header + "LOC: 1 -2 Local\n", lapic));
  CHECK(refused(header + "LOC: 1 4294967296 Local\n", lapic));
  CHECK(refused(header + "LOC:\n", lapic));
  CHECK(refused(header + "LOC 1 2 Local\n", lapic));
  CHECK(refused(header + ": 1 2 Local\n", lapic));
  CHECK(refused(header + " 10: 1 GICv3 arch_timer\nErr: 0\n", arm));
  CHECK(refused(header + " 10: GICv3 arch_timer\nErr: 0\n", arm));
  CHECK(refused(header + " 10: 1 2 GICv3 arch_timer\n", arm)); // more of them may be missing
}

TEST_CASE("interrupts: headers that are none") {
  for (const char* header : {"\n", "LOC: 1\n", "CPU\n", "CPUx\n", "CPU0 1\n", "CPU1 CPU0\n", "CPU0 CPU0\n", "CPU-1\n",
                             "CPU65536\n", "CPU4294967296\n", "cpu0\n"}) {
    CAPTURE(header);
    // Whether the row would have as many cells as the header has words or not.
    CHECK(refused(std::string(header) + "LOC: 1 Local\n", all({0, 1}, "lapic")));
    CHECK(refused(std::string(header) + "LOC: 1 1 Local\n", all({0, 1}, "lapic")));
  }
}

TEST_CASE("interrupts: 4096 CPUs") {
  std::string text = "    ", row = "LOC: ";
  devices d;
  for (unsigned cpu = 0; cpu < 4096; ++cpu) {
    text += " CPU" + std::to_string(cpu);
    row += " " + std::to_string(4'000'000'000u + cpu);
    d.push_back({cpu, "lapic-deadline"});
  }
  text += "\n" + row + "  Local timer interrupts\n";
  const auto sample = parsed(text, d);
  REQUIRE(sample.cpus.size() == 4096);
  CHECK(sample.cpus[4095] == timer_interrupts::cell{4095, 4'000'004'095u});
  CHECK(sample.total() == 4096 * std::uint64_t{4'000'000'000} + 4095 * 2048);
}

TEST_CASE("interrupts: hostile texts") {
  for (const std::string& text : test::hostile_texts()) {
    for (const std::string& whole : {text, "CPU0\n" + text, "CPU0\nLOC: " + text, "CPU0\nLOC: 1 " + text}) {
      for (const std::string& device : {std::string("lapic"), std::string("xen"), std::string("mct_tick0"), text}) {
        std::error_code ec;
        const auto sample = count_timer_interrupts(whole, {{0, device}}, ec);
        CHECK((!ec || sample.cpus.empty()));
        CHECK((ec || sample.cpus.empty() != sample.unknown.empty()));
      }
    }
  }
}

TEST_CASE("interrupts: a difference is right across the wrap of 32 bits") {
  CHECK(pairs(sample_of({{0, 25}}) - sample_of({{0, 10}})) == counts{{0, 15}});
  CHECK(pairs(sample_of({{0, 4}}) - sample_of({{0, 4294967290u}})) == counts{{0, 10}});
  CHECK((sample_of({{0, 7}}) - sample_of({{0, 7}})).total() == 0);
  CHECK((sample_of({{0, 4294967295u}, {1, 4294967295u}}) - sample_of({{0, 0}, {1, 0}})).total() ==
        2 * std::uint64_t{4294967295});
}

TEST_CASE("interrupts: a CPU that is not in both samples, or is woken by another device, is left out") {
  const timer_interrupts earlier = sample_of({{0, 100}, {1, 200}, {3, 400}});
  CHECK(pairs(sample_of({{0, 101}, {2, 999}, {3, 405}, {9, 1}}) - earlier) == counts{{0, 1}, {3, 5}});
  CHECK((timer_interrupts() - earlier).cpus.empty());
  CHECK((earlier - timer_interrupts()).cpus.empty());
  const timer_interrupts switched = sample_of({{0, 500}, {1, 600}}, "timer of hpet") - earlier;
  CHECK(switched.cpus.empty());
  CHECK(switched.unknown.find("another clock event device") != std::string::npos);
  timer_interrupts why;
  why.unknown = "CPU0: why";
  CHECK((earlier - why).unknown == "CPU0: why");
  CHECK((why - earlier).unknown == "CPU0: why");
}

TEST_CASE("interrupts: reading absent, unreadable and sound files") {
  os::reset();
  std::error_code ec;
  CHECK(takt::timer_interrupts::read<os>(ec).cpus.empty());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files[takt::detail::interrupts_path].error = EACCES;
  CHECK(takt::timer_interrupts::read<os>(ec).cpus.empty());
  CHECK(ec == std::errc::permission_denied);
  os::now.files[takt::detail::interrupts_path] = {};
  CHECK(takt::timer_interrupts::read<os>(ec).cpus.empty());
  CHECK(ec == takt::errc::malformed_text);
  os::now.files[takt::detail::interrupts_path].value = hyperv;
  const auto without_sysfs = takt::timer_interrupts::read<os>(ec);
  CHECK_FALSE(ec);
  CHECK(without_sysfs.cpus.empty());
  CHECK(without_sysfs.unknown.find(takt::detail::clock_event_directory) == 0);
  for (const char* cpu : {"0", "1"})
    os::now.files[std::string(takt::detail::clock_event_directory) + "/clockevent" + cpu + "/current_device"].value =
        "Hyper-V clockevent\n";
  CHECK(pairs(takt::timer_interrupts::read<os>(ec)) == counts{{0, 500000}, {1, 600000}});
  CHECK_FALSE(ec);
}

#if TAKT_EXCEPTIONS
TEST_CASE("interrupts: the throwing form names the file") {
  os::reset();
  CHECK_THROWS_WITH_AS(static_cast<void>(takt::timer_interrupts::read<os>()), doctest::Contains("/proc/interrupts"),
                       std::system_error);
}
#endif
