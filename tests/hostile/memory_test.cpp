// Protects: any one allocation may fail, or all from any one on. What does not allocate works, what allocates says that memory is
// short, nothing ends the program, and once there is memory again everything is as before.
#include "run.hpp"
#include <doctest/doctest.h>

TEST_CASE("the library without memory") {
  const hostile::ending e = hostile::run({hostile::probe, "--memory", hostile::thorough() ? "1" : "7"});
  INFO(hostile::shown({hostile::probe, "--memory"}, e));
  CHECK_FALSE(e.hung);
  CHECK(e.status == 0);
}
