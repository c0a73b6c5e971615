// Protects the sharing of anchors among processes: a file that somebody else might have written is not believed, one of
// another boot or clock source neither, whoever finds nothing usable measures and leaves an anchor, and says why.
#include <takt/clock/shared_calibration.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <string>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::anchor_finding;

/// A machine whose counter has 2.5 GHz and counts what CLOCK_MONOTONIC_RAW shows.
template <class Tag> struct machine {
  using os = takt::testing::fake_os<Tag>;
  using monotonic = takt::posix_clock<CLOCK_MONOTONIC, takt::access::vdso, os>;
  struct counter {
    using family = counter;
    static takt::ticks read() {
      os::advance(8ns);
      return takt::ticks(static_cast<std::uint64_t>(takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC_RAW].value).count()) * 5 / 2);
    }
  };
  using clock = takt::basic_tsc_clock<monotonic, counter, os>;
  using shared = takt::basic_shared_calibration<os>;

  machine() {
    os::reset();
    os::now.reading = 20ns;
    os::now.clocks[CLOCK_MONOTONIC] = {{1000, 0}, 0};
    os::now.clocks[CLOCK_MONOTONIC_RAW] = {{999, 0}, 0};
    os::now.clocks[CLOCK_BOOTTIME] = {{2000, 0}, 0};
    os::now.files[takt::boot_id_path] = {"d784f92e-6aa8-4f28-99b6-348a4c4f5396\n", 0};
    os::now.files[takt::clocksource::current_path] = {std::string(takt::counter_clocksource) + '\n', 0};
    timex t{};
    t.tick = 10'000;
    os::now.adjtimex = {t, 0};
    os::now.environment["XDG_RUNTIME_DIR"] = "/run/user/1000";
  }
  static constexpr char own[] = "/run/user/1000/takt.anchor";

  /// Another process: measures and leaves an anchor.
  void leave() {
    shared s;
    std::error_code ec;
    const auto c = takt::calibrate<monotonic, counter, os>(5ms, ec);
    REQUIRE(!ec);
    s.template leave<monotonic, counter>(c, ec);
    REQUIRE(!ec);
  }
  takt::tsc_calibration recall(shared& s) { return s.template recall<monotonic, counter>(); }
  /// Why the anchor in the user's own place is refused.
  anchor_finding refused() {
    shared s;
    CHECK(!recall(s).rate().known());
    REQUIRE(s.attempts().size() == 2);
    CHECK(s.attempts()[0].finding == anchor_finding::no_file);
    CHECK(s.attempts()[1].path == own);
    return s.attempts()[1].finding;
  }
};

} // namespace

TEST_CASE("the first process measures and leaves an anchor, the next ones use it") {
  machine<struct first_and_next> m;
  using clock = decltype(m)::clock;
  using os = decltype(m)::os;
  std::error_code ec;
  decltype(m)::shared first;
  auto c = clock::calibrate(first, 1ms, ec);
  REQUIRE(!ec);
  CHECK(c.origin() == takt::calibration_origin::measured);
  CHECK(first.why() == "/run/takt.anchor: nobody has left an anchor yet; /run/user/1000/takt.anchor: nobody has left an anchor yet");
  CHECK(os::now.facts[m.own].permissions == 0600);

  os::advance(10s);
  const auto before = takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value);
  decltype(m)::shared next;
  c = clock::calibrate(next, 1ms, ec);
  REQUIRE(!ec);
  CHECK(takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value) - before < 50us); // nothing was measured
  CHECK(c.origin() == takt::calibration_origin::shared_anchor);
  CHECK(std::abs(c.rate().hertz() / 2.5e9 - 1) * 1e6 < c.uncertainty_ppm());
  CHECK(c.uncertainty_ppm() < 0.006);
  CHECK(next.attempts().back().finding == anchor_finding::usable);
  CHECK(clock::source() == takt::road::counter);
  CHECK(clock::calibration().origin() == takt::calibration_origin::shared_anchor);
  const auto shown = clock::now().time_since_epoch();
  CHECK(std::abs((shown - takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value)).count()) < 50);
}

TEST_CASE("an anchor or nothing: a budget of zero") {
  machine<struct or_nothing> m;
  using clock = decltype(m)::clock;
  using os = decltype(m)::os;
  std::error_code ec;
  decltype(m)::shared s;
  CHECK(!clock::calibrate(s, 0s, ec).rate().known());
  CHECK(ec == std::errc::invalid_argument);
  CHECK(os::now.files.count(m.own) == 0);
  try {
    static_cast<void>(clock::calibrate(s, 0s));
    FAIL("no exception");
  } catch (const std::system_error& e) {
    CHECK(std::string(e.what()).find("nobody has left an anchor yet") != std::string::npos);
  }
  m.leave();
  CHECK(clock::calibrate(s, 0s, ec).rate().known());
  CHECK(!ec);
}

TEST_CASE("what somebody else might have written is not believed") {
  machine<struct suspicious> m;
  using os = decltype(m)::os;
  m.leave();
  const auto facts = os::now.facts[m.own];
  os::now.facts[m.own].owner = 1001;
  CHECK(m.refused() == anchor_finding::someone_elses);
  os::now.facts[m.own] = facts;
  for (const unsigned mode : {0620U, 0602U, 0666U, 0622U}) {
    os::now.facts[m.own].permissions = mode;
    CHECK(m.refused() == anchor_finding::writable_by_others);
  }
  os::now.facts[m.own] = facts;
  os::now.facts[m.own].regular = false;
  CHECK(m.refused() == anchor_finding::not_a_file);
  os::now.facts[m.own] = facts;
  for (const auto& [error, finding] : {std::pair{ELOOP, anchor_finding::symbolic_link}, {ENXIO, anchor_finding::not_a_file},
                                      {EACCES, anchor_finding::unreadable}, {ENOTDIR, anchor_finding::no_file}}) {
    os::now.files[m.own].error = error;
    CHECK(m.refused() == finding);
  }
  os::now.files[m.own].error = EACCES;
  decltype(m)::shared s;
  static_cast<void>(m.recall(s));
  CHECK(s.why().find("cannot be read: Permission denied") != std::string::npos);
  os::now.files[m.own].error = 0;
  CHECK(m.recall(s).rate().known());
  os::now.facts[m.own].owner = 0; // root may do as it likes
  CHECK(m.recall(s).rate().known());
}

TEST_CASE("a text that is no anchor of this boot") {
  machine<struct foreign_text> m;
  using os = decltype(m)::os;
  m.leave();
  const std::string text = os::now.files[m.own].value;
  const auto with = [&](const std::string& other) {
    os::now.files[m.own].value = other;
    os::now.facts[m.own].size = other.size();
    return m.refused();
  };
  CHECK(with("") == anchor_finding::wrong_size);
  CHECK(with(std::string(1'000'000, 'x')) == anchor_finding::wrong_size);
  CHECK(with(text.substr(0, text.size() / 2)) == anchor_finding::bad_checksum);
  CHECK(with("takt anchor 2\n") == anchor_finding::other_version);
  os::now.files[m.own].value = text, os::now.facts[m.own].size = text.size();

  os::now.files[takt::boot_id_path].value = "e784f92e-6aa8-4f28-99b6-348a4c4f5396\n";
  CHECK(m.refused() == anchor_finding::other_boot);
  os::now.files[takt::boot_id_path].error = EACCES;
  CHECK(m.refused() == anchor_finding::boot_not_told);
}

TEST_CASE("a machine that is not what it was") {
  machine<struct changed> m;
  using os = decltype(m)::os;
  m.leave();
  os::advance(1s);
  os::now.files[takt::clocksource::current_path].value = "hpet\n";
  CHECK(m.refused() == anchor_finding::other_clocksource);
  os::now.files[takt::clocksource::current_path].error = ENOENT;
  CHECK(m.refused() == anchor_finding::other_clocksource);
  os::now.files[takt::clocksource::current_path] = {std::string(takt::counter_clocksource) + '\n', 0};

  os::now.counter.value = false;
  decltype(m)::shared s;
  CHECK(!m.recall(s).rate().known());
  CHECK(s.attempts().back().finding == anchor_finding::counter_forbidden);
  const auto untouched = takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value);
  CHECK(!m.recall(s).rate().known());
  std::error_code forbidden;
  takt::rate_estimate e;
  e.rate = takt::tick_rate(takt::frequency(2.5e9));
  s.leave<decltype(m)::monotonic, decltype(m)::counter>({e, takt::calibration_origin::measured, 1ms}, forbidden);
  CHECK(forbidden == takt::errc::counter_forbidden);
  CHECK(takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value) == untouched); // not even the kernel's clock was read
  os::now.counter.value = true;

  os::now.adjtimex.error = EPERM;
  CHECK(m.refused() == anchor_finding::steering_unknown);
  std::error_code ec;
  s.leave<decltype(m)::monotonic, decltype(m)::counter>(m.recall(s), ec); // an empty one, and nobody tells the steering
  CHECK(ec == std::errc::invalid_argument);
  os::now.adjtimex.error = 0;

  os::now.clocks[CLOCK_BOOTTIME].value.tv_sec += 30;
  CHECK(m.refused() == anchor_finding::suspended);
  os::now.clocks[CLOCK_BOOTTIME].value.tv_sec -= 30;
  CHECK(m.recall(s).rate().known());
  for (auto& [id, clock] : os::now.clocks) clock.value.tv_sec -= 10;
  CHECK(m.refused() == anchor_finding::counter_went_back);
}

TEST_CASE("a kernel that keeps time by something else but still offers the counter") {
  machine<struct offered> m;
  using os = decltype(m)::os;
  os::now.files[takt::clocksource::current_path].value = "kvm-clock\n";
  os::now.files[takt::clocksource::available_path] = {std::string(takt::counter_clocksource) + " kvm-clock\n", 0};
  m.leave();
  os::advance(1s);
  decltype(m)::shared s;
  CHECK(m.recall(s).rate().known());
  const std::string thrown_out = "kvm-clock jiffies " + std::string(takt::counter_clocksource) + '\n';
  for (const std::string& sources : {std::string("kvm-clock\n"), thrown_out}) {
    os::now.files[takt::clocksource::available_path].value = sources;
    CHECK(m.refused() == anchor_finding::other_clocksource);
  }
}

TEST_CASE("root's anchor serves everybody, and root believes no other") {
  machine<struct root> m;
  using os = decltype(m)::os;
  m.leave();
  os::now.user = 0;
  decltype(m)::shared none;
  CHECK(!m.recall(none).rate().known());
  CHECK(none.attempts().size() == 1);
  CHECK(none.attempts()[0].path == takt::root_anchor_path);
  m.leave();
  CHECK(os::now.facts[takt::root_anchor_path].permissions == 0644);
  os::now.user = 1001;
  os::now.environment.clear();
  decltype(m)::shared s;
  CHECK(m.recall(s).rate().known());
  CHECK(s.attempts().size() == 1);
  os::now.files.erase(takt::root_anchor_path);
  CHECK(!m.recall(s).rate().known());
  CHECK(s.attempts()[1].finding == anchor_finding::no_place);
  std::error_code ec;
  s.leave<decltype(m)::monotonic, decltype(m)::counter>({}, ec);
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.environment["XDG_RUNTIME_DIR"] = "relative";
  CHECK(decltype(m)::shared().attempts().empty());
  decltype(m)::shared relative;
  CHECK(!m.recall(relative).rate().known());
  CHECK(relative.attempts()[1].finding == anchor_finding::no_place);
}

TEST_CASE("an anchor that cannot be left is no reason to fail") {
  machine<struct full> m;
  using os = decltype(m)::os;
  os::now.write_errors[m.own] = ENOSPC;
  std::error_code ec;
  decltype(m)::shared s;
  CHECK(decltype(m)::clock::calibrate(s, 1ms, ec).rate().known());
  CHECK(!ec);
}
