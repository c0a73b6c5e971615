// Protects: which tracing instances a run of the tool may remove: those of its own kind whose process is gone, and no others.
#include "../examples/takt/model/trace/left_behind.hpp"
#include <doctest/doctest.h>

namespace {
using names = std::vector<std::string>;
const auto none_alive = [](int, std::uint64_t) { return false; };
} // namespace

TEST_CASE("an instance is left behind if its process is gone or another one has its number") {
  const auto alive = [](int pid, std::uint64_t start) { return pid == 12 && start == 700; };
  CHECK(tool::left_behind(names{"takt.12.700", "takt.12.699", "takt.13.700"}, alive) ==
        names{"takt.12.699", "takt.13.700"});
  CHECK(tool::left_behind(names{tool::instance_name(12, 700)}, alive).empty());
  CHECK(tool::left_behind(names{tool::instance_name(1, 18'000'000'000'000'000'000U)}, none_alive).size() == 1);
}

TEST_CASE("an instance of another program is never removed") {
  for (const char* name : {"", "takt", "takt.", "takt.12", "takt.12.", "takt..700", "takt.12.700.1", "takt.12.700x",
                           "takt.-1.700", "takt.0.700", "takt.12.-7", "taktx.12.700", "mytakt.12.700",
                           "takt.99999999999.1", "takt.12.99999999999999999999999", "takt. 12.700"})
    CHECK_MESSAGE(tool::left_behind(names{name}, none_alive).empty(), name);
}
