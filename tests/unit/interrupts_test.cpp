// Protects: the count of timer interrupts of each CPU, on three architectures, for sparse CPUs and for very many; that
// a cut or inconsistent table is an error and never a smaller number; differences across the wrap of 32 bits and
// hotplug.
#include <takt/kernel/interrupts.hpp>
#include <takt/testing/fake_os.hpp>
#include <support/hostile_text.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <string>
#include <string_view>
#include <system_error>

namespace {
using takt::parse_timer_interrupts;
using takt::since;
using takt::timer_interrupts;
using os = takt::testing::fake_os<struct interrupts_test>;

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
    "IPI0:       400        401        402       Rescheduling interrupts\n"
    "Err:          0\n";

constexpr std::string_view riscv = "           CPU0       CPU1       \n"
                                   "  1:          0          0  SiFive PLIC  11 Edge      101000.rtc\n"
                                   "  5:       2209       2103  RISC-V INTC   5 Edge      riscv-timer\n"
                                   "IPI0:       123        145  Rescheduling interrupts\n";

constexpr std::string_view one_hart = "           CPU0       \n"
                                      "  5:       2209  RISC-V INTC   5 Edge      riscv-timer\n";

timer_interrupts parsed(std::string_view text, std::string_view row) {
  std::error_code ec = std::make_error_code(std::errc::io_error); // must be cleared
  const auto sample = parse_timer_interrupts(text, row, ec);
  CHECK_FALSE(ec);
  return sample;
}

bool refused(std::string_view text, std::string_view row) {
  std::error_code ec;
  const auto sample = parse_timer_interrupts(text, row, ec);
  return ec == takt::errc::malformed_text && sample.cpus.empty();
}
} // namespace

TEST_CASE("interrupts: the LOC row of x86") {
  CHECK(parsed(x86, "LOC") == timer_interrupts{{{0, 19925}, {1, 4294967295}}});
}

TEST_CASE("interrupts: the rows of the same handler are summed, on Arm, and CPUs may be sparse") {
  CHECK(parsed(arm64, "arch_timer") == timer_interrupts{{{0, 7831}, {2, 6712}, {5, 8380}}});
}

TEST_CASE("interrupts: the row of RISC-V, also in a kernel for one hart") {
  CHECK(parsed(riscv, "riscv-timer") == timer_interrupts{{{0, 2209}, {1, 2103}}});
  CHECK(parsed(one_hart, "riscv-timer") == timer_interrupts{{{0, 2209}}});
}

TEST_CASE("interrupts: a table without the row has no answer, and that is no error") {
  CHECK(parsed(x86, "arch_timer").cpus.empty());
  CHECK(parsed(arm64, "LOC").cpus.empty());
  CHECK(parsed(x86, "LO").cpus.empty());
  CHECK(parsed(arm64, "timer").cpus.empty());
  CHECK(parsed("           CPU0       \n", "LOC").cpus.empty());
}

TEST_CASE("interrupts: a table that is cut anywhere is never a wrong number") {
  const struct {
    std::string_view text, row;
  } samples[] = {{x86, "LOC"}, {arm64, "arch_timer"}, {riscv, "riscv-timer"}, {one_hart, "riscv-timer"}};
  for (const auto& sample : samples) {
    const timer_interrupts right = parsed(sample.text, sample.row);
    std::size_t errors = 0;
    test::for_each_cut(sample.text, [&](std::string_view cut) {
      std::error_code ec;
      const auto got = parse_timer_interrupts(cut, sample.row, ec);
      CAPTURE(cut);
      CHECK((got == right || got.cpus.empty()));
      if (ec) CHECK(got.cpus.empty());
      if (ec) ++errors;
      if (cut.empty() || cut.back() != '\n') CHECK(ec == takt::errc::malformed_text);
    });
    CHECK(errors > 0);
  }
}

TEST_CASE("interrupts: rows that contradict the header") {
  const std::string header = "           CPU0       CPU1       \n";
  CHECK(parsed(header + "LOC: 1 2 Local\n", "LOC") == timer_interrupts{{{0, 1}, {1, 2}}});
  CHECK(refused(header + "LOC: 1\n", "LOC"));
  CHECK(refused(header + "LOC: 1 Local timer interrupts\n", "LOC"));
  CHECK(refused(header + "LOC: 1 2 3 Local timer interrupts\n", "LOC"));
  CHECK(refused(header + "LOC: 1 2x Local\n", "LOC"));
  CHECK(refused(header + "LOC: 1 -2 Local\n", "LOC"));
  CHECK(refused(header + "LOC: 1 4294967296 Local\n", "LOC"));
  CHECK(refused(header + "LOC:\n", "LOC"));
  CHECK(refused(header + "LOC 1 2 Local\n", "LOC"));
  CHECK(refused(header + ": 1 2 Local\n", "LOC"));
  CHECK(refused(header + " 10: 1 GICv3 arch_timer\nErr: 0\n", "arch_timer"));
  CHECK(refused(header + " 10: arch_timer\nErr: 0\n", "arch_timer"));
  CHECK(refused(header + " 10: 1 2 GICv3 arch_timer\n", "arch_timer")); // more of them may be missing
}

TEST_CASE("interrupts: headers that are none") {
  for (const char* header : {"\n", "LOC: 1\n", "CPU\n", "CPUx\n", "CPU0 1\n", "CPU1 CPU0\n", "CPU0 CPU0\n", "CPU-1\n",
                             "CPU65536\n", "CPU4294967296\n", "cpu0\n"}) {
    CAPTURE(header);
    // Whether the row would have as many cells as the header has words or not.
    CHECK(refused(std::string(header) + "LOC: 1 Local\n", "LOC"));
    CHECK(refused(std::string(header) + "LOC: 1 1 Local\n", "LOC"));
  }
}

TEST_CASE("interrupts: 4096 CPUs") {
  std::string text = "    ", row = "LOC: ";
  for (unsigned cpu = 0; cpu < 4096; ++cpu) {
    text += " CPU" + std::to_string(cpu);
    row += " " + std::to_string(4'000'000'000u + cpu);
  }
  text += "\n" + row + "  Local timer interrupts\n";
  const auto sample = parsed(text, "LOC");
  REQUIRE(sample.cpus.size() == 4096);
  CHECK(sample.cpus[4095] == timer_interrupts::cell{4095, 4'000'004'095u});
  CHECK(sample.total() == 4096 * std::uint64_t{4'000'000'000} + 4095 * 2048);
}

TEST_CASE("interrupts: hostile texts") {
  for (const std::string& text : test::hostile_texts()) {
    for (const std::string& whole : {text, "CPU0\n" + text, "CPU0\nLOC: " + text, "CPU0\nLOC: 1 " + text}) {
      for (const char* row : {"LOC", "arch_timer", ""}) {
        std::error_code ec;
        const auto sample = parse_timer_interrupts(whole, row, ec);
        CHECK((!ec || sample.cpus.empty()));
      }
    }
  }
}

TEST_CASE("interrupts: a difference is right across the wrap of 32 bits") {
  CHECK(since({{{0, 10}}}, {{{0, 25}}}) == timer_interrupts{{{0, 15}}});
  CHECK(since({{{0, 4294967290u}}}, {{{0, 4}}}) == timer_interrupts{{{0, 10}}});
  CHECK(since({{{0, 7}}}, {{{0, 7}}}).total() == 0);
  CHECK(since({{{0, 0}, {1, 0}}}, {{{0, 4294967295u}, {1, 4294967295u}}}).total() == 2 * std::uint64_t{4294967295});
}

TEST_CASE("interrupts: a CPU that is not in both samples is left out") {
  const timer_interrupts earlier{{{0, 100}, {1, 200}, {3, 400}}};
  CHECK(since(earlier, {{{0, 101}, {2, 999}, {3, 405}, {9, 1}}}) == timer_interrupts{{{0, 1}, {3, 5}}});
  CHECK(since(earlier, {}).cpus.empty());
  CHECK(since({}, earlier).cpus.empty());
}

TEST_CASE("interrupts: reading absent, unreadable and sound files") {
  os::reset();
  std::error_code ec;
  CHECK(takt::read_timer_interrupts<os>(ec).cpus.empty());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files[takt::interrupts_path].error = EACCES;
  CHECK(takt::read_timer_interrupts<os>(ec).cpus.empty());
  CHECK(ec == std::errc::permission_denied);
  os::now.files[takt::interrupts_path] = {};
  CHECK(takt::read_timer_interrupts<os>(ec).cpus.empty());
  CHECK(ec == takt::errc::malformed_text);
  const auto row = takt::timer_interrupt_row;
  const auto text = row == "LOC" ? x86 : row == "arch_timer" ? arm64 : riscv;
  os::now.files[takt::interrupts_path].value = text;
  CHECK(takt::read_timer_interrupts<os>(ec) == parsed(text, row));
  CHECK_FALSE(ec);
}

#if TAKT_EXCEPTIONS
TEST_CASE("interrupts: the throwing form names the file") {
  os::reset();
  CHECK_THROWS_WITH_AS(static_cast<void>(takt::read_timer_interrupts<os>()), doctest::Contains("/proc/interrupts"),
                       std::system_error);
}
#endif
