// Protects: that every state the kernel's clock can answer with is decoded as what it means, also where the clock is not
// synchronised and answers TIME_ERROR whatever else there is; and that what the kernel shows before it is set is
// unknown, not a value.
#include <takt/kernel/leap.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>
#include <ostream>
#include <utility>

namespace {

using phase_kind = takt::leap_facts::phase_kind;
using os = takt::testing::fake_os<struct leap_test>;

phase_kind phase(int state, int status) {
  takt::detail::adjtimex_answer a;
  a.state = state;
  a.values.status = status;
  return takt::detail::decode_leap(a).phase;
}

} // namespace

TEST_CASE("leap: each state of the kernel's clock is a phase") {
  CHECK(phase(TIME_OK, STA_PLL) == phase_kind::none);
  CHECK(phase(TIME_INS, STA_PLL | STA_INS) == phase_kind::insertion_pending);
  CHECK(phase(TIME_DEL, STA_PLL | STA_DEL) == phase_kind::deletion_pending);
  CHECK(phase(TIME_OOP, STA_PLL | STA_INS) == phase_kind::in_progress);
  CHECK(phase(TIME_WAIT, STA_PLL | STA_INS) == phase_kind::applied); // the daemon has not withdrawn it yet
}

TEST_CASE("leap: an announcement counts before the kernel takes it up, and from a clock that is not synchronised") {
  CHECK(phase(TIME_OK, STA_INS) == phase_kind::insertion_pending);
  CHECK(phase(TIME_OK, STA_DEL) == phase_kind::deletion_pending);
  CHECK(phase(TIME_ERROR, STA_UNSYNC | STA_INS) == phase_kind::insertion_pending);
  CHECK(phase(TIME_ERROR, STA_UNSYNC | STA_DEL) == phase_kind::deletion_pending);
  CHECK(phase(TIME_ERROR, STA_UNSYNC) == phase_kind::none);
}

TEST_CASE("leap: offset, errors and synchronisation come with their units") {
  os::reset();
  os::now.adjtimex.value.tai = 37;
  os::now.adjtimex.value.maxerror = 16'000'000;
  os::now.adjtimex.value.esterror = 12;
  os::now.adjtimex.value.status = STA_PLL;
  std::error_code ec = std::make_error_code(std::errc::io_error);
  const takt::leap_facts f = takt::leap_facts::read<os>(ec);
  CHECK_FALSE(ec);
  CHECK(f.tai_minus_utc == std::chrono::seconds(37));
  CHECK(f.maximum_error == std::chrono::seconds(16));
  CHECK(f.estimated_error == std::chrono::microseconds(12));
  CHECK(f.synchronised);

  for (const auto& [status, state] : {std::pair(STA_PLL | STA_UNSYNC, TIME_OK), std::pair(STA_PLL + 0, TIME_ERROR)}) {
    os::now.adjtimex.value.status = status;
    os::now.adjtimex_state = state;
    const takt::leap_facts unsynchronised = takt::leap_facts::read<os>(ec);
    CHECK_FALSE(unsynchronised.synchronised);
    CHECK_FALSE(unsynchronised.maximum_error);
    CHECK_FALSE(unsynchronised.estimated_error);
    CHECK(unsynchronised.tai_minus_utc == std::chrono::seconds(37));
  }
}

TEST_CASE("leap: an offset from TAI that was not set is unknown") {
  takt::detail::adjtimex_answer a;
  a.state = TIME_OK;
  CHECK_FALSE(takt::detail::decode_leap(a).tai_minus_utc);
  a.values.tai = 36;
  CHECK(takt::detail::decode_leap(a).tai_minus_utc == std::chrono::seconds(36));
}

TEST_CASE("leap: a refused call is an error and nothing is known") {
  os::reset();
  os::now.adjtimex.error = EPERM;
  os::now.adjtimex.value.tai = 37;
  std::error_code ec;
  CHECK_FALSE(takt::leap_facts::read<os>(ec).tai_minus_utc);
  CHECK(ec == std::errc::operation_not_permitted);
#if TAKT_EXCEPTIONS
  CHECK_THROWS_AS((void)takt::leap_facts::read<os>(), std::system_error);
#endif
}

TEST_CASE("leap: every phase has a name of its own") {
  for (int a = 0; a <= static_cast<int>(phase_kind::applied); ++a) {
    CHECK(takt::to_string(static_cast<phase_kind>(a)) != "unknown");
    for (int b = 0; b < a; ++b) CHECK(takt::to_string(static_cast<phase_kind>(a)) != takt::to_string(static_cast<phase_kind>(b)));
  }
}
