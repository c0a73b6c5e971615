// Protects: what is read of a process in /proc/PID/stat, whatever name the process gives itself, and that any other
// line is refused.
#include "../examples/takt/model/process_stat.hpp"
#include <doctest/doctest.h>
#include <string>

namespace {
std::string line(const std::string& name, const std::string& flags = "4194304", const std::string& policy = "0") {
  return "17 (" + name + ") S 1 17 17 0 -1 " + flags + " 96 0 0 0 1 2 3 4 20 0 1 0 640086 3133440 366 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 99 " +
         policy + " 0 0 0\n";
}
} // namespace

TEST_CASE("What the kernel says of a process") {
  const auto stat = tool::parse_process_stat(line("cat"));
  REQUIRE(stat);
  CHECK(stat->name == "cat");
  CHECK_FALSE(stat->kernel_thread);
  CHECK(stat->policy == 0);
  CHECK(stat->start == 640086);
  CHECK(tool::parse_process_stat(line("migration/0", "69238848", "1"))->policy == 1);
  CHECK(tool::parse_process_stat(line("kthreadd", "2129984"))->kernel_thread); // PF_KTHREAD
}

TEST_CASE("A process chooses its name, and no other fact") {
  for (const char* name : {"", ") R 1 (", "a b", "((", "))", "\n", "x) S 1 1 1 0 -1 2097152 0"}) {
    CAPTURE(name);
    const auto stat = tool::parse_process_stat(line(name));
    REQUIRE(stat);
    CHECK(stat->name == name);
    CHECK_FALSE(stat->kernel_thread);
    CHECK(stat->start == 640086);
  }
}

TEST_CASE("Anything else is no such line") {
  const std::string whole = line("cat");
  for (const std::string text : {"", "17", "17 (cat", "17 cat) S 1", ")(", "17 (cat)", "17 (cat) S 1 17 17 0 -1 4194304 96\n"})
    CHECK_FALSE(tool::parse_process_stat(text));
  CHECK_FALSE(tool::parse_process_stat(line("cat", "x")));
  CHECK_FALSE(tool::parse_process_stat(line("cat", "-1")));
  CHECK_FALSE(tool::parse_process_stat(line("cat", "0", "-1")));
  CHECK_FALSE(tool::parse_process_stat(line("cat", "0", "99999999999")));
  for (std::size_t length = 0; length < whole.size(); ++length) static_cast<void>(tool::parse_process_stat(whole.substr(0, length)));
}
