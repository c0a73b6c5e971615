// Protects: that every state the kernel's clock can answer with is told as what it means, also where the clock is not
// synchronised and answers TIME_ERROR whatever else there is.
#include <takt/kernel/leap.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>
#include <ostream>

namespace {

using takt::leap_phase;
using os = takt::testing::fake_os<struct leap_test>;

leap_phase phase(int state, int status) {
  takt::adjtimex_answer a;
  a.state = state;
  a.values.status = status;
  return takt::decode_leap(a).phase;
}

} // namespace

TEST_CASE("leap: each state of the kernel's clock is a phase") {
  CHECK(phase(TIME_OK, STA_PLL) == leap_phase::none);
  CHECK(phase(TIME_INS, STA_PLL | STA_INS) == leap_phase::insertion_pending);
  CHECK(phase(TIME_DEL, STA_PLL | STA_DEL) == leap_phase::deletion_pending);
  CHECK(phase(TIME_OOP, STA_PLL | STA_INS) == leap_phase::in_progress);
  CHECK(phase(TIME_WAIT, STA_PLL | STA_INS) == leap_phase::applied); // the daemon has not withdrawn it yet
}

TEST_CASE("leap: an announcement counts before the kernel takes it up, and from a clock that is not synchronised") {
  CHECK(phase(TIME_OK, STA_INS) == leap_phase::insertion_pending);
  CHECK(phase(TIME_OK, STA_DEL) == leap_phase::deletion_pending);
  CHECK(phase(TIME_ERROR, STA_UNSYNC | STA_INS) == leap_phase::insertion_pending);
  CHECK(phase(TIME_ERROR, STA_UNSYNC | STA_DEL) == leap_phase::deletion_pending);
  CHECK(phase(TIME_ERROR, STA_UNSYNC) == leap_phase::none);
}

TEST_CASE("leap: offset, errors and synchronisation come with their units") {
  os::reset();
  os::now.adjtimex.value.tai = 37;
  os::now.adjtimex.value.maxerror = 16'000'000;
  os::now.adjtimex.value.esterror = 12;
  os::now.adjtimex.value.status = STA_PLL;
  std::error_code ec = std::make_error_code(std::errc::io_error);
  const takt::leap_facts f = takt::leap_state<os>(ec);
  CHECK_FALSE(ec);
  CHECK(f.tai_minus_utc == std::chrono::seconds(37));
  CHECK(f.maximum_error == std::chrono::seconds(16));
  CHECK(f.estimated_error == std::chrono::microseconds(12));
  CHECK(f.synchronised);

  os::now.adjtimex.value.status = STA_PLL | STA_UNSYNC;
  CHECK_FALSE(takt::leap_state<os>(ec).synchronised);
  os::now.adjtimex.value.status = STA_PLL;
  os::now.adjtimex_state = TIME_ERROR;
  CHECK_FALSE(takt::leap_state<os>(ec).synchronised);
}

TEST_CASE("leap: a refused call is an error with nothing told") {
  os::reset();
  os::now.adjtimex.error = EPERM;
  os::now.adjtimex.value.tai = 37;
  std::error_code ec;
  CHECK(takt::leap_state<os>(ec).tai_minus_utc == std::chrono::seconds(0));
  CHECK(ec == std::errc::operation_not_permitted);
#if TAKT_EXCEPTIONS
  CHECK_THROWS_AS((void)takt::leap_state<os>(), std::system_error);
#endif
}

TEST_CASE("leap: every phase has a name of its own") {
  for (int a = 0; a <= static_cast<int>(leap_phase::applied); ++a) {
    CHECK(takt::name(static_cast<leap_phase>(a)) != "unknown");
    for (int b = 0; b < a; ++b) CHECK(takt::name(static_cast<leap_phase>(a)) != takt::name(static_cast<leap_phase>(b)));
  }
}
