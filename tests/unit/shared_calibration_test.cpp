// Protects: the sharing of anchors among processes: a file that another user might have written is not believed, one of
// another boot or clock source neither; a process that finds nothing usable measures, publishes an anchor, and says
// why.
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
using anchor_finding = takt::shared_calibration::finding;

/// A machine whose counter has 2.5 GHz and counts what CLOCK_MONOTONIC_RAW shows.
template <class Tag> struct machine {
  using os = takt::testing::fake_os<Tag>;
  using monotonic = takt::posix_clock<CLOCK_MONOTONIC, takt::access::vdso, os>;
  struct counter {
    using family = counter;
    static takt::tick_point read() {
      os::advance(8ns);
      return takt::tick_point(static_cast<std::uint64_t>(takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC_RAW].value).count()) * 5 / 2);
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
    os::now.files[takt::detail::boot_id_path] = {"d784f92e-6aa8-4f28-99b6-348a4c4f5396\n", 0};
    os::now.files[takt::detail::current_clocksource_path] = {std::string(takt::verdict::counter_source) + '\n', 0};
    timex t{};
    t.tick = 10'000;
    os::now.adjtimex = {t, 0};
    os::now.environment["XDG_RUNTIME_DIR"] = "/run/user/1000";
  }
  static constexpr char own[] = "/run/user/1000/takt.anchor";

  /// Another process: measures and leaves an anchor.
  void publish() {
    shared s;
    std::error_code ec;
    const auto c = takt::calibrate<monotonic, counter, os>(5ms, ec);
    REQUIRE(!ec);
    s.template publish<monotonic, counter>(c, ec);
    REQUIRE(!ec);
  }
  takt::tsc_calibration load(shared& s) { return s.template load<monotonic, counter>(); }
  /// Why the anchor in the user's own place is refused.
  anchor_finding refused() {
    shared s;
    CHECK(!load(s).rate().known());
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
  CHECK(c.origin() == takt::tsc_calibration::origin_kind::measured);
  CHECK(first.why() == "/run/takt.anchor: no process has published an anchor yet; /run/user/1000/takt.anchor: no process has published an anchor yet");
  CHECK(os::now.facts[m.own].permissions == 0600);

  os::advance(10s);
  const auto before = takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value);
  decltype(m)::shared next;
  c = clock::calibrate(next, 1ms, ec);
  REQUIRE(!ec);
  CHECK(takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value) - before < 50us); // nothing was measured
  CHECK(c.origin() == takt::tsc_calibration::origin_kind::shared_anchor);
  CHECK(std::abs(c.rate().hertz() / 2.5e9 - 1) * 1e6 < c.uncertainty_ppm());
  CHECK(c.uncertainty_ppm() < 0.006);
  CHECK(next.attempts().back().finding == anchor_finding::usable);
  CHECK(clock::source() == takt::clock_path::counter);
  CHECK(clock::calibration().origin() == takt::tsc_calibration::origin_kind::shared_anchor);
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
  CHECK(!clock::calibrate(s, 0s).rate().known()); // and no exception
  CHECK(s.why().find("no process has published an anchor yet") != std::string::npos);
  m.publish();
  CHECK(clock::calibrate(s, 0s, ec).rate().known());
  CHECK(!ec);
}

TEST_CASE("what another user might have written is not believed") {
  machine<struct suspicious> m;
  using os = decltype(m)::os;
  m.publish();
  const auto facts = os::now.facts[m.own];
  os::now.facts[m.own].owner = 1001;
  CHECK(m.refused() == anchor_finding::foreign_owner);
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
  static_cast<void>(m.load(s));
  CHECK(s.why().find("cannot be read: Permission denied") != std::string::npos);
  os::now.files[m.own].error = 0;
  CHECK(m.load(s).rate().known());
  os::now.facts[m.own].owner = 0; // root may do as it likes
  CHECK(m.load(s).rate().known());
}

TEST_CASE("a text that is no anchor of this boot") {
  machine<struct foreign_text> m;
  using os = decltype(m)::os;
  m.publish();
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

  os::now.files[takt::detail::boot_id_path].value = "e784f92e-6aa8-4f28-99b6-348a4c4f5396\n";
  CHECK(m.refused() == anchor_finding::other_boot);
  os::now.files[takt::detail::boot_id_path].error = EACCES;
  CHECK(m.refused() == anchor_finding::boot_unknown);
}

TEST_CASE("a machine that is not what it was") {
  machine<struct changed> m;
  using os = decltype(m)::os;
  m.publish();
  os::advance(1s);
  os::now.files[takt::detail::current_clocksource_path].value = "hpet\n";
  CHECK(m.refused() == anchor_finding::other_clocksource);
  os::now.files[takt::detail::current_clocksource_path].error = ENOENT;
  CHECK(m.refused() == anchor_finding::other_clocksource);
  os::now.files[takt::detail::current_clocksource_path] = {std::string(takt::verdict::counter_source) + '\n', 0};

  os::now.counter.value = false;
  decltype(m)::shared s;
  CHECK(!m.load(s).rate().known());
  CHECK(s.attempts().back().finding == anchor_finding::counter_forbidden);
  const auto untouched = takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value);
  CHECK(!m.load(s).rate().known());
  std::error_code forbidden;
  takt::detail::rate_estimate e;
  e.rate = takt::tick_rate(takt::frequency(2.5e9));
  s.publish<decltype(m)::monotonic, decltype(m)::counter>({e, takt::tsc_calibration::origin_kind::measured, 1ms}, forbidden);
  CHECK(forbidden == takt::errc::counter_forbidden);
  CHECK(takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value) == untouched); // not even the kernel's clock was read
  os::now.counter.value = true;

  os::now.adjtimex.error = EPERM;
  CHECK(m.refused() == anchor_finding::steering_unknown);
  std::error_code ec;
  s.publish<decltype(m)::monotonic, decltype(m)::counter>(m.load(s), ec); // an empty one, and the steering is unknown
  CHECK(ec == std::errc::invalid_argument);
  os::now.adjtimex.error = 0;

  os::now.clocks[CLOCK_BOOTTIME].value.tv_sec += 30;
  CHECK(m.refused() == anchor_finding::suspended);
  os::now.clocks[CLOCK_BOOTTIME].value.tv_sec -= 30;
  CHECK(m.load(s).rate().known());
  for (auto& [id, clock] : os::now.clocks) clock.value.tv_sec -= 10;
  CHECK(m.refused() == anchor_finding::counter_went_back);
}

TEST_CASE("a kernel that keeps time by something else but still offers the counter") {
  machine<struct offered> m;
  using os = decltype(m)::os;
  os::now.files[takt::detail::current_clocksource_path].value = "kvm-clock\n";
  os::now.files[takt::detail::available_clocksources_path] = {std::string(takt::verdict::counter_source) + " kvm-clock\n", 0};
  m.publish();
  os::advance(1s);
  decltype(m)::shared s;
  CHECK(m.load(s).rate().known());
  const std::string thrown_out = "kvm-clock jiffies " + std::string(takt::verdict::counter_source) + '\n';
  for (const std::string& sources : {std::string("kvm-clock\n"), thrown_out}) {
    os::now.files[takt::detail::available_clocksources_path].value = sources;
    CHECK(m.refused() == anchor_finding::other_clocksource);
  }
}

TEST_CASE("root's anchor serves all users, and root believes no other") {
  machine<struct root> m;
  using os = decltype(m)::os;
  m.publish();
  os::now.user = 0;
  decltype(m)::shared none;
  CHECK(!m.load(none).rate().known());
  CHECK(none.attempts().size() == 1);
  CHECK(none.attempts()[0].path == takt::detail::root_anchor_path);
  m.publish();
  CHECK(os::now.facts[takt::detail::root_anchor_path].permissions == 0644);
  os::now.user = 1001;
  os::now.environment.clear();
  decltype(m)::shared s;
  CHECK(m.load(s).rate().known());
  CHECK(s.attempts().size() == 1);
  os::now.files.erase(takt::detail::root_anchor_path);
  CHECK(!m.load(s).rate().known());
  CHECK(s.attempts()[1].finding == anchor_finding::no_place);
  std::error_code ec;
  s.publish<decltype(m)::monotonic, decltype(m)::counter>({}, ec);
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.environment["XDG_RUNTIME_DIR"] = "relative";
  CHECK(decltype(m)::shared().attempts().empty());
  decltype(m)::shared relative;
  CHECK(!m.load(relative).rate().known());
  CHECK(relative.attempts()[1].finding == anchor_finding::relative_place);
  CHECK(relative.why().find("XDG_RUNTIME_DIR is not an absolute path") != std::string::npos);
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
