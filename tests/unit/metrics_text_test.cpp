// Protects: examples/takt/model/metrics_text.hpp: the text that Prometheus's node exporter collects is well-formed,
// whatever the names in it, and numbers are read back as they were. tests/tool/openmetrics_test.sh asks promtool
// about all of it.
#include "../examples/takt/model/metrics_text.hpp"
#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>
#include <random>

TEST_CASE("A metric, its labels and its samples") {
  tool::metrics_text m;
  m.begin("takt_a_seconds", "gauge", "A help\nwith \\ and \"quotes\".");
  m.add(1.5);
  m.add(-2, {{"cpu", "0"}, {"name", "a \"b\" \\ c\nd\x01\xff"}});
  m.add(3, {{"le", "+Inf"}}, "_bucket");
  m.add(std::numeric_limits<double>::quiet_NaN(), {{"cpu", "1"}}); // unknown: left out
  CHECK(m.text() == "# HELP takt_a_seconds A help\\nwith \\\\ and \"quotes\".\n"
                    "# TYPE takt_a_seconds gauge\n"
                    "takt_a_seconds 1.5\n"
                    "takt_a_seconds{cpu=\"0\",name=\"a \\\"b\\\" \\\\ c\\nd??\"} -2\n"
                    "takt_a_seconds_bucket{le=\"+Inf\"} 3\n");
}

TEST_CASE("Numbers are short where that is exact, and exact in any case") {
  CHECK(tool::metrics_text::number(0.1) == "0.1");
  CHECK(tool::metrics_text::number(1e-5) == "1e-05");
  CHECK(tool::metrics_text::number(9'007'199'254'740'991) == "9007199254740991");
  CHECK(tool::metrics_text::number(std::numeric_limits<double>::infinity()) == "+Inf");
  CHECK(tool::metrics_text::number(-std::numeric_limits<double>::infinity()) == "-Inf");
  std::mt19937_64 random(3);
  for (int i = 0; i < 10'000; ++i) {
    const double x = std::uniform_real_distribution<double>(-1e12, 1e12)(random);
    CHECK(std::strtod(tool::metrics_text::number(x).c_str(), nullptr) == x);
  }
}
