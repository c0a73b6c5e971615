// Protects the sharing of anchors on this machine: real files that are links, FIFOs, others' or truncated are refused without
// waiting, what one process leaves another uses, and readers never see half of a file that is being replaced.
#include <takt/clock/shared_calibration.hpp>
#include <takt/clock/tsc_clock.hpp>

#include <doctest/doctest.h>
#include <support/forbidden_child.hpp>
#include <support/skip.hpp>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using anchor_finding = takt::shared_calibration::finding;
using takt::tsc_clock;
using os = takt::linux_os;
using reference = takt::posix_clock<CLOCK_MONOTONIC>;

bool usable() {
  static const bool trusted = takt::judge(takt::verdict::facts::gather()).counter_trusted;
  return trusted;
}
/// In an emulator or a container adjtimex may be closed.
bool steering_told() {
  std::error_code ec;
  return takt::steered_rate::read(ec).unsure_ppm <= takt::detail::sharing_parameters::max_ppm && !ec;
}

/// A directory of its own, and the anchor in it.
struct place {
  place() { REQUIRE(::mkdtemp(directory) != nullptr); }
  ~place() {
    ::unlink(path().c_str());
    ::unlink((std::string(directory) + "/other").c_str());
    ::rmdir(directory); // fails, and leaves something behind, if a temporary file was forgotten
  }
  [[nodiscard]] std::string path() const { return std::string(directory) + "/" + takt::detail::anchor_name; }
  [[nodiscard]] anchor_finding finding() const {
    takt::shared_calibration s(path());
    static_cast<void>(s.load<reference, takt::ordered_counter>());
    return s.attempts().front().finding;
  }
  char directory[64] = "/tmp/takt.shared.XXXXXX";
};

} // namespace

TEST_CASE("what one process leaves another uses, and its error bar holds") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  if (!steering_told()) TAKT_SKIP("the kernel does not tell how it steers its clock, or steers it right now");
  place p;
  const pid_t child = ::fork();
  if (child == 0) {
    takt::shared_calibration s(p.path());
    std::error_code ec;
    const auto c = tsc_clock::calibrate(s, 20ms, ec);
    if (!ec && c.uncertainty_ppm() > takt::detail::sharing_parameters::max_writer_ppm / 2) ::_exit(77); // not left, or hardly
    ::_exit(!ec && c.origin() == takt::tsc_calibration::origin_kind::measured && ::access(p.path().c_str(), R_OK) == 0 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) TAKT_SKIP("a busy or emulated machine: the anchor would be too poor");
  CHECK(status == 0);

  takt::shared_calibration s(p.path());
  std::error_code ec;
  const auto c = tsc_clock::calibrate(s, 0s, ec);
  if (s.attempts().front().finding == anchor_finding::too_uncertain) TAKT_SKIP("a busy machine: the anchor is too poor");
  REQUIRE_MESSAGE(!ec, s.why());
  CHECK(c.origin() == takt::tsc_calibration::origin_kind::shared_anchor);
  CHECK(tsc_clock::source() == takt::clock_path::counter);
  const auto measured = takt::calibrate(20ms, ec);
  REQUIRE(!ec);
  const double off = std::abs(measured.rate().hertz() / c.rate().hertz() - 1) * 1e6;
  // Each covers the truth but for one run in 10 000; twice that never misses both. NTP may move it meanwhile, by little.
  CHECK(off < 2 * (measured.uncertainty_ppm() + c.uncertainty_ppm()) + 0.5);
  struct stat found {};
  CHECK(::stat(p.path().c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == (::geteuid() == 0 ? 0644U : 0600U));
}

TEST_CASE("files of others are refused, and a FIFO does not block") {
  place p;
  CHECK(p.finding() == anchor_finding::no_file);
  REQUIRE(os::replace_file(p.path(), "takt anchor 2\n", 0600) == 0);
  CHECK(p.finding() == anchor_finding::other_version);
  REQUIRE(os::replace_file(p.path(), "takt anchor 1\nboot", 0600) == 0);
  CHECK(p.finding() == anchor_finding::bad_checksum);
  REQUIRE(os::replace_file(p.path(), "", 0600) == 0);
  CHECK(p.finding() == anchor_finding::wrong_size);
  REQUIRE(os::replace_file(p.path(), std::string(100'000, 'x'), 0600) == 0);
  CHECK(p.finding() == anchor_finding::wrong_size);
  for (const unsigned mode : {0666U, 0620U, 0602U}) {
    REQUIRE(os::replace_file(p.path(), "takt anchor 1\n", mode) == 0);
    CHECK(p.finding() == anchor_finding::writable_by_others);
  }
  ::unlink(p.path().c_str());
  const std::string other = std::string(p.directory) + "/other";
  REQUIRE(os::replace_file(other, "takt anchor 1\n", 0600) == 0);
  REQUIRE(::symlink("other", p.path().c_str()) == 0);
  CHECK(p.finding() == anchor_finding::symbolic_link);
  // The new anchor replaces the link; the file that the link names stays as it was.
  REQUIRE(os::replace_file(p.path(), "takt anchor 3\n", 0600) == 0);
  CHECK(p.finding() == anchor_finding::other_version);
  std::string text;
  CHECK(os::read_file(other.c_str(), text, 100) == 0);
  CHECK(text == "takt anchor 1\n");
  ::unlink(p.path().c_str());
  REQUIRE(::mkfifo(p.path().c_str(), 0600) == 0);
  CHECK(p.finding() == anchor_finding::not_a_file);
  ::unlink(p.path().c_str());
  REQUIRE(::mkdir(p.path().c_str(), 0700) == 0);
  CHECK(p.finding() == anchor_finding::not_a_file);
  CHECK(os::replace_file(p.path(), "text", 0600) != 0);
  ::rmdir(p.path().c_str());
}

TEST_CASE("another user's file is refused") {
  if (::geteuid() != 0) TAKT_SKIP("only root can give a file away");
  place p;
  REQUIRE(os::replace_file(p.path(), "takt anchor 1\n", 0644) == 0);
  if (::chown(p.path().c_str(), 12345, 12345) != 0) TAKT_SKIP("this root may not give files away");
  CHECK(p.finding() == anchor_finding::foreign_owner);
}

TEST_CASE("a file that is replaced all the time is always whole") {
  place p;
  const std::string a(300, 'a'), b(700, 'b');
  REQUIRE(os::replace_file(p.path(), a, 0600) == 0);
  std::atomic<bool> done{false};
  std::atomic<int> failed{0};
  std::vector<std::thread> writers;
  for (const std::string* text : {&a, &b}) {
    writers.emplace_back([&, text] {
      while (!done) failed += os::replace_file(p.path(), *text, 0600) != 0;
    });
  }
  int torn = 0, seen_a = 0, seen_b = 0;
  for (const auto end = reference::now() + 300ms; failed == 0 && (reference::now() < end || seen_a == 0 || seen_b == 0);) {
    char buffer[1024];
    std::size_t length = 0;
    os::file_facts facts;
    if (os::read_guarded(p.path().c_str(), buffer, sizeof(buffer), length, facts) != 0) ++torn;
    else if (const std::string_view text(buffer, length); text == a) ++seen_a;
    else if (text == b) ++seen_b;
    else ++torn;
  }
  done = true;
  for (auto& w : writers) w.join();
  CHECK(torn == 0);
  CHECK(failed == 0);
}

TEST_CASE("a hundred threads at once") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  place p;
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&] {
      takt::shared_calibration s(p.path());
      std::error_code ec;
      // A time slice may be longer than the budget: too few undisturbed readings is then a right answer.
      failed += !tsc_clock::calibrate(s, 2ms, ec).rate().known() && ec != takt::errc::too_few_samples;
    });
  }
  for (auto& t : threads) t.join();
  CHECK(failed == 0);
  CHECK(std::abs((tsc_clock::now().time_since_epoch() - reference::now().time_since_epoch()).count()) < 1'000'000'000);
}

#if defined(__x86_64__)
TEST_CASE("for a process that forbids itself the counter, load(), publish() and calibrate() report that, without a signal") {
#if defined(TAKT_SANITIZER_READS_CLOCKS)
  TAKT_SKIP("the sanitizer's own runtime reads the clock by the vDSO in every thread");
#endif
  struct own_os : takt::linux_os {}; // a state of its own: a forbidden thread must not meet a line
  using monotonic = takt::posix_clock<CLOCK_MONOTONIC, takt::access::vdso, own_os>;
  using clock = takt::basic_tsc_clock<monotonic, takt::ordered_counter, own_os>;
  const auto end = takt_test::in_forbidden_child([&] {
    std::error_code ec;
    takt::basic_shared_calibration<own_os> shared("/nowhere/takt.anchor");
    bool good = !shared.load<monotonic, takt::ordered_counter>().rate().known();
    good = good && shared.attempts().back().finding == anchor_finding::counter_forbidden;
    takt::detail::rate_estimate e;
    e.rate = takt::tick_rate(takt::frequency(2.6e9));
    shared.publish<monotonic, takt::ordered_counter>({e, takt::tsc_calibration::origin_kind::measured, 1ms}, ec);
    good = good && ec == takt::errc::counter_forbidden;
    static_cast<void>(clock::calibrate(shared, 1ms, ec));
    good = good && ec == takt::errc::counter_forbidden;
    const auto a = clock::now(), b = clock::now();
    return good && a <= b && a.time_since_epoch() > 0s;
  });
  if (end == takt_test::child_end::refused) TAKT_SKIP("no child, or PR_SET_TSC is not there");
  CHECK(end == takt_test::child_end::good);
}
#endif
