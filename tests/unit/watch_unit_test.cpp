// Protects: examples/takt/model/watch_unit.hpp: a path with any character in it is one word of a unit, and the unit
// may write where its flags say, and nowhere else. tests/tool/watch_log_test.sh has systemd read such units.
#include "../examples/takt/model/watch_unit.hpp"
#include <doctest/doctest.h>

TEST_CASE("Words of systemd") {
  CHECK(tool::systemd_word("/usr/bin/takt", true) == "/usr/bin/takt");
  CHECK(tool::systemd_word("a b", true) == "\"a b\"");
  CHECK(tool::systemd_word("100%", true) == "100%%");
  CHECK(tool::systemd_word("$HOME", true) == "$$HOME");
  CHECK(tool::systemd_word("$HOME", false) == "$HOME");
  CHECK(tool::systemd_word("a\"b\\c", true) == "\"a\\\"b\\\\c\"");
  CHECK(tool::systemd_word("a\nExecStart=/bin/sh", true) == "\"a\\x0aExecStart=/bin/sh\"");
  CHECK(tool::systemd_word("", true) == "\"\"");
}

TEST_CASE("Where a unit may write") {
  const auto has = [](const std::string& unit, std::string_view line) {
    return ("\n" + unit).find("\n" + std::string(line) + "\n") != std::string::npos;
  };
  const std::string own =
      tool::watch_unit("takt", {"watch", "--log", "/var/log/takt/a.log"}, {"/var/log/takt/a.log", ""});
  CHECK(has(own, "ExecStart=takt watch --log /var/log/takt/a.log"));
  CHECK(has(own, "LogsDirectory=takt"));
  CHECK(has(own, "CapabilityBoundingSet=CAP_SYSLOG"));
  CHECK(own.find("ReadWritePaths") == own.npos);
  const std::string colon = tool::watch_unit("takt", {"watch"}, {"/var/log/a:b/a.log", ""});
  CHECK(has(colon, "ReadWritePaths=-/var/log/a:b")); // LogsDirectory=a:b would make a link b to a
  CHECK(colon.find("LogsDirectory") == colon.npos);
  const std::string both =
      tool::watch_unit("takt", {"watch"}, {"/srv/my logs/a.log", "/var/lib/prometheus/node-exporter/takt.prom"});
  CHECK(has(both, "ReadWritePaths=\"-/srv/my logs\""));
  CHECK(has(both, "ReadWritePaths=-/var/lib/prometheus/node-exporter"));
  CHECK(has(both, "CapabilityBoundingSet=CAP_SYSLOG CAP_DAC_OVERRIDE"));
  CHECK(both.find("LogsDirectory") == both.npos);
  CHECK(has(tool::watch_unit("takt", {}, {"/a.log", ""}), "ReadWritePaths=-/"));
  CHECK(has(tool::watch_unit("takt", {}, {"/var/log/a.log", ""}), "ReadWritePaths=-/var/log"));
}
