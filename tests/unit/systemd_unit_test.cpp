// Protects: that the unit of a process, from the text of /proc/PID/cgroup, is one whose setting reaches the process, or
// none.
#include "../examples/takt/model/systemd_unit.hpp"
#include <doctest/doctest.h>

TEST_CASE("a service is found in one hierarchy and in several") {
  CHECK(tool::systemd_unit("0::/system.slice/nginx.service\n") == "nginx.service");
  CHECK(tool::systemd_unit("0::/system.slice/nginx.service") == "nginx.service");
  CHECK(tool::systemd_unit("12:cpu:/\n1:name=systemd:/system.slice/cron.service\n0::/\n") == "cron.service");
  CHECK(tool::systemd_unit("0::/system.slice/system-getty.slice/getty@tty1.service") == "getty@tty1.service");
}

TEST_CASE("the innermost service counts, and groups below it are its own") {
  CHECK(tool::systemd_unit("0::/system.slice/docker.service/payload\n") == "docker.service");
  CHECK(tool::systemd_unit("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-music.service") ==
        "app-music.service");
}

TEST_CASE("a scope, a user's manager and a bare group are no unit with settings of its own") {
  CHECK(tool::systemd_unit("0::/user.slice/user-1000.slice/session-2.scope\n").empty());
  CHECK(tool::systemd_unit("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope\n").empty());
  CHECK(tool::systemd_unit("0::/user.slice/user-1000.slice/user@1000.service/session.slice\n").empty());
  CHECK(tool::systemd_unit("0::/\n").empty());
  CHECK(tool::systemd_unit("").empty());
}

TEST_CASE("other hierarchies and broken lines say nothing") {
  CHECK(tool::systemd_unit("3:memory:/system.slice/nginx.service\n").empty());
  CHECK(tool::systemd_unit("0:/system.slice/nginx.service\n").empty());
  CHECK(tool::systemd_unit("0\n:\n::\n/a.service\n").empty());
  CHECK(tool::systemd_unit("0::/.service\n").empty());
  CHECK(tool::systemd_unit("0::/a.service.d\n").empty());
}
