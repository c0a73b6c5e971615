// Protects: the history of ticks: what one process writes dates every tick of an hour in another one within the error
// that it states, however the reference is steered; a file is bounded, and goes on after crashes, reboots and foreign
// hands; and no bytes make the reader crash, or lose what was readable.
#include <takt/clock/tick_history.hpp>
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_counter.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::errc;
using takt::tick_history;
using takt::tick_point;
using takt::detail::history_encoder;
using takt::detail::history_header;
using takt::detail::history_point;

const std::string boot = "01234567-89ab-cdef-0123-456789abcdef", other = "11234567-89ab-cdef-0123-456789abcdef";
const std::string path = "/log/ticks";
std::mt19937_64 randomness(7);

template <class Tag> struct bench {
  inline static takt::testing::manual_machine<Tag> machine{};
  using os = takt::testing::fake_os<Tag>;
  using reference = takt::testing::manual_reference<Tag>;
  using clock = takt::basic_tsc_clock<reference, takt::testing::manual_counter<Tag>, os>;
  using writer = tick_history::basic_writer<clock>;

  bench() {
    machine.reset();
    os::reset();
    machine.now.ticks_per_ns = 2.596145832;
    machine.now.on_read = [] { machine.now.cost = 20 + static_cast<std::int64_t>(randomness() % 4); };
    os::now.files[takt::detail::boot_id_path] = {boot + '\n', 0};
    advance(0s);
  }
  void calibrate(nanoseconds every = 1s) {
    std::error_code ec;
    static_cast<void>(clock::calibrate(5ms, every, ec));
    REQUIRE(!ec);
  }
  inline static nanoseconds system_ahead = 1'800'000'000s;
  static void advance(nanoseconds by) {
    machine.advance(by);
    os::now.clocks[CLOCK_REALTIME].value = 
        takt::to_timespec(system_ahead + nanoseconds(static_cast<std::int64_t>(machine.reference())));
  }
  void discipline() {
    std::error_code ec;
    clock::discipline(ec);
    REQUIRE(!ec);
  }
  static std::string& file() { return os::now.files[path].value; }
  tick_history read() {
    std::error_code ec;
    tick_history h = tick_history::parse(file(), ec);
    CHECK_MESSAGE(!ec, ec.message());
    return h;
  }
  /// A tick now, and what the reference shows.
  struct stamp {
    tick_point at;
    double reference;
  };
  static stamp take() {
    return {tick_point(static_cast<std::uint64_t>(machine.counter())), machine.reference()};
  }
};

void save(auto& writer) {
  std::error_code ec;
  writer.save(ec);
  REQUIRE_MESSAGE(!ec, ec.message());
}

double off(const tick_history& h, const auto& stamp) {
  return std::abs(static_cast<double>(h.from_ticks(stamp.at).count()) - stamp.reference);
}

history_header header_of(const std::string& id = boot) {
  history_header h;
  h.boot = id, h.clock = 1, h.microhertz = 2'500'000'000'000'000, h.unsure = 50'000;
  return h;
}
/// Points a second apart, of a counter of 2.5 GHz.
std::vector<history_point> steady(std::size_t n, std::uint64_t tick = 1'000'000'000'000) {
  std::vector<history_point> points;
  for (std::size_t i = 0; i < n; ++i)
    points.push_back({tick + i * 2'500'000'000, 5'000'000'000 + static_cast<std::int64_t>(i) * 1'000'000'000, 20, 7});
  return points;
}
std::string encoded(const std::vector<history_point>& points, const history_header& h = header_of()) {
  std::string bytes;
  history_encoder(h).append(bytes, points.data(), points.size());
  return bytes;
}
/// The same in one frame a point, as a writer that is called once a second writes them.
std::string encoded_singly(const std::vector<history_point>& points) {
  std::string bytes;
  history_encoder e(header_of());
  for (const history_point& p : points) e.append(bytes, &p, 1);
  return bytes;
}
std::vector<history_point> decoded(const std::string& bytes, std::error_code& ec) {
  return takt::detail::decode_history(bytes, ec).points;
}
bool is_prefix(const std::vector<history_point>& part, const std::vector<history_point>& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

} // namespace

TEST_CASE("a million stamps of an hour in which the rate steps: the stated error holds, and is below 1 us at the median") {
  using here = bench<struct an_hour>;
  here b;
  b.calibrate();
  std::vector<here::stamp> stamps;
  std::size_t largest = 0;
  {
    here::writer writer(path, 1h);
    constexpr int a_second = 280;
    std::uniform_real_distribution<double> rates(-250e-6, 250e-6);
    double next_step = 30;
    for (int second = 0; second < 3600; ++second) {
      for (int i = 0; i < a_second; ++i) {
        b.advance(nanoseconds(1'000'000'000 / a_second));
        stamps.push_back(here::take());
        if (second + static_cast<double>(i) / a_second >= next_step) {
          b.machine.bend_reference(1 + rates(randomness));
          next_step += 2 + static_cast<double>(randomness() % 60'000) / 1000;
        }
      }
      b.discipline();
      if (second % 17 == 0) save(writer);
      largest = std::max(largest, b.file().size());
    }
  }
  largest = std::max(largest, b.file().size());
  REQUIRE(stamps.size() > 1'000'000);
  CHECK(largest <= 64 * 1024);
  const tick_history h = b.read(); // the bytes alone
  CHECK(h.boot_id() == boot);
  std::vector<std::int64_t> errors;
  double worst = 0;
  int outside = 0, extrapolated = 0, backwards = 0;
  nanoseconds last{};
  for (const auto& s : stamps) {
    const auto d = h.date(s.at);
    outside += off(h, s) > static_cast<double>(d.error.count());
    extrapolated += d.extrapolated;
    backwards += d.time < last;
    last = d.time;
    errors.push_back(d.error.count());
    worst = std::max(worst, off(h, s));
  }
  CHECK(outside == 0);
  CHECK(extrapolated == 0);
  CHECK(backwards == 0);
  CHECK(worst > 10'000); // so the errors are no mere formality
  std::nth_element(errors.begin(), errors.begin() + 500'000, errors.end());
  CHECK(errors[500'000] < 1'000);
  MESSAGE("largest file ", largest, " bytes, median of the error ", errors[500'000], " ns, worst time ", worst, " ns off");
}

TEST_CASE("a file is bounded by its reach, even if it is saved ten times a second") {
  using here = bench<struct bounded>;
  here b;
  b.calibrate();
  here::writer writer(path, 1h);
  std::size_t largest = 0, last = 0;
  int rewritten = 0;
  std::vector<here::stamp> stamps;
  for (int tenth = 0; tenth < 2 * 36'000; ++tenth) {
    b.advance(100ms);
    if (tenth % 10 == 9) b.discipline();
    if (tenth % 600 == 0) stamps.push_back(here::take()), b.machine.bend_reference(1 + (tenth % 1200 != 0 ? 1e-4 : -1e-4));
    save(writer);
    largest = std::max(largest, b.file().size());
    rewritten += b.file().size() < last;
    last = b.file().size();
  }
  CHECK(largest <= 64 * 1024);
  CHECK(largest > 16 * 1024);
  CHECK(rewritten >= 2);
  CHECK(rewritten < 20);
  save(writer);
  const tick_history h = b.read();
  for (std::size_t i = 0; i < stamps.size(); ++i) {
    const auto d = h.date(stamps[i].at);
    CHECK(off(h, stamps[i]) <= static_cast<double>(d.error.count()));
    if (i > 61) CHECK(!d.extrapolated);
  }
  MESSAGE("largest file ", largest, " bytes, rewritten ", rewritten, " times");
  CHECK(h.date(stamps[0].at).extrapolated);
}

TEST_CASE("what is older than the reach is left out, also where few points make a small file") {
  using here = bench<struct old_points>;
  here b;
  b.calibrate(0s);
  here::writer writer(path, 1h);
  const auto early = here::take();
  std::size_t largest = 0;
  for (int minute = 0; minute < 60 * 24; ++minute) {
    b.advance(60s);
    save(writer);
    largest = std::max(largest, b.file().size());
  }
  CHECK(largest < 76 * 20);
  CHECK(b.read().date(early.at).extrapolated);
}

TEST_CASE("a writer begins with the segment that its clock began with, however short its life is") {
  using here = bench<struct short_lives>;
  here b;
  std::error_code ec;
  for (int i = 0; i < 3; ++i) {
    b.calibrate();
    b.advance(100ms);
    { here::writer writer(path); }
    b.advance(100ms);
  }
  CHECK(decoded(b.file(), ec).size() == 6);
}

TEST_CASE("a leap of the counter, a suspend, a minute without a save") {
  using here = bench<struct leaps>;
  here b;
  b.calibrate();
  std::vector<here::stamp> stamps;
  {
    here::writer writer(path);
    for (int second = 0; second < 1200; ++second) {
      for (int i = 0; i < 20; ++i) {
        b.advance(50ms);
        stamps.push_back(here::take());
        if (second == 100 && i == 7) b.machine.bend_counter(b.machine.now.ticks_per_ns, 1e6);   // 0.4 ms
        if (second == 200 && i == 7) b.machine.bend_counter(b.machine.now.ticks_per_ns, 1e12);  // 6 min
        if (second == 300 && i == 7) b.machine.bend_reference(1, 20e6);                         // 20 ms
      }
      b.discipline();
      if (second % 30 == 0 && (second < 600 || second > 800)) save(writer);
    }
  }
  const tick_history h = b.read();
  int outside = 0, small = 0;
  for (const auto& s : stamps) {
    const auto d = h.date(s.at);
    outside += off(h, s) > static_cast<double>(d.error.count());
    small += d.error < 1us;
    CHECK(!d.extrapolated);
  }
  CHECK(outside == 0);
  CHECK(static_cast<std::size_t>(small) > stamps.size() * 8 / 10);
}

TEST_CASE("without a keeper: the points are those of the saves") {
  using here = bench<struct no_keeper>;
  here b;
  b.calibrate(0s);
  std::vector<here::stamp> stamps;
  {
    here::writer writer(path);
    for (int i = 0; i < 400; ++i) {
      b.advance(10s);
      stamps.push_back(here::take());
      save(writer);
      if (i == 200) b.machine.bend_reference(1 + 20e-6);
    }
  }
  const tick_history h = b.read();
  for (const auto& s : stamps) {
    const auto d = h.date(s.at);
    CHECK(off(h, s) <= static_cast<double>(d.error.count()));
    CHECK(!d.extrapolated);
  }
}

TEST_CASE("a short log: one save, by the destructor") {
  using here = bench<struct short_log>;
  here b;
  b.calibrate();
  b.advance(3ms);
  const auto early = here::take();
  b.advance(40ms);
  const auto late = here::take();
  { here::writer writer(path); }
  const auto after = here::take();
  here::os::now.clocks[CLOCK_REALTIME].value = {0, 0};
  const tick_history h = b.read();
  for (const auto& s : {early, late}) {
    const auto d = h.date(s.at);
    CHECK(!d.extrapolated);
    CHECK(off(h, s) <= static_cast<double>(d.error.count()));
    CHECK(d.error < 1us);
    CHECK(std::abs((d.system.time_since_epoch() - d.time - 1'800'000'000s).count()) < 10'000);
  }
  b.advance(5s);
  for (const auto& s : {after, here::take()}) {
    const auto d = h.date(s.at);
    CHECK(d.extrapolated);
    CHECK(off(h, s) <= static_cast<double>(d.error.count()));
  }
  CHECK(h.date(here::take().at).error > 4ms); // the rate may have changed by 1000 ppm
}

TEST_CASE("the system clock is the one that the next save found") {
  using here = bench<struct set_clock>;
  here b;
  b.calibrate();
  here::writer writer(path);
  save(writer);
  std::vector<here::stamp> stamps;
  for (int i = 0; i < 4; ++i) {
    b.advance(500ms);
    stamps.push_back(here::take());
    b.advance(500ms);
    if (i == 2) b.system_ahead -= 1h, b.advance(0s);
    save(writer);
  }
  const tick_history h = b.read();
  const auto ahead = [&](int i) {
    const auto d = h.date(stamps[static_cast<std::size_t>(i)].at);
    return d.system.time_since_epoch() - d.time;
  };
  CHECK(std::abs((ahead(0) - ahead(1)).count()) < 100'000);
  CHECK(std::abs((ahead(1) - ahead(2) - 1h).count()) < 100'000);
  CHECK(std::abs((ahead(2) - ahead(3)).count()) < 100'000);
}

TEST_CASE("calls close to each other write one point; a writer that has nothing to say leaves the file alone") {
  using here = bench<struct close_calls>;
  here b;
  std::error_code ec;
  {
    here::writer writer(path);
    writer.save(ec);
    CHECK(ec == errc::not_calibrated);
    CHECK(!here::os::now.files.contains(path));
    b.calibrate();
    save(writer);
    const std::string first = b.file();
    save(writer);
    b.advance(900ms);
    save(writer);
    CHECK(b.file() == first);
    here::os::now.counter.value = false;
    b.advance(2s);
    writer.save(ec);
    CHECK(ec == errc::counter_forbidden);
    CHECK(b.file() == first);
    here::os::now.counter.value = true;
    here::os::now.write_errors[path] = ENOSPC;
    writer.save(ec);
    CHECK(ec == std::errc::no_space_on_device);
#if TAKT_EXCEPTIONS
    CHECK_THROWS_AS(writer.save(), std::system_error);
#endif
    CHECK(b.file() == first);
    here::os::now.write_errors.clear();
    ++here::os::now.forks.value; // in a child
    writer.save(ec);
    CHECK(ec == std::errc::operation_not_permitted);
    CHECK(b.file() == first);
    --here::os::now.forks.value;
    save(writer);
    CHECK(b.file().size() > first.size());
  }
  CHECK(here::os::now.facts[path].permissions == 0644);
}

TEST_CASE("a file that was rotated, emptied, cut or torn is gone on with, and what was in it stays") {
  using here = bench<struct rotated>;
  here b;
  b.calibrate();
  here::writer writer(path);
  const auto run = [&](int seconds) {
    for (int i = 0; i < seconds; ++i) {
      b.advance(1s);
      b.discipline();
      save(writer);
    }
  };
  run(20);
  const auto early = here::take();
  run(20);

  here::os::now.files.erase(path);
  run(2);
  CHECK(b.read().date(early.at).extrapolated == false); // the segments are kept, so the new file has them

  b.file().clear();
  run(2);
  CHECK(!b.read().empty());

  b.file() += b.file().substr(64, 9); // as a process that was killed in the middle leaves it
  run(20);
  std::error_code ec;
  tick_history h = tick_history::parse(b.file(), ec);
  CHECK(ec == errc::truncated_file);
  CHECK(!h.date(early.at).extrapolated);
#if TAKT_EXCEPTIONS
  CHECK(!tick_history::load<here::os>(path).empty()); // after a crash that is no error
#endif

  b.file()[200] = static_cast<char>(b.file()[200] ^ 1);
  b.file().resize(b.file().size() - 3);
  run(2);
  h = tick_history::parse(b.file(), ec);
  CHECK(ec == errc::malformed_file);
  CHECK(off(h, here::take()) < 1e6);
}

TEST_CASE("what is no history, or of another boot, clock or version, is not touched") {
  using here = bench<struct foreign>;
  here b;
  b.calibrate();
  here::writer writer(path);
  std::error_code ec;
  const auto refused = [&](const std::string& content, errc why) {
    b.advance(2s);
    b.file() = content;
    writer.save(ec);
    CHECK(ec == why);
    CHECK(b.file() == content);
  };
  refused("2026-11-30 order 17 executed\n", errc::malformed_file);
  refused(encoded(steady(3), header_of(other)), errc::other_boot);
  refused(encoded(steady(3), header_of(boot)), errc::other_boot); // of CLOCK_MONOTONIC, and this is another clock
  std::string later = encoded(steady(3));
  later[8] = 2;
  refused(later, errc::other_version);
  here::os::now.files[path].error = EACCES;
  writer.save(ec);
  CHECK(ec == std::errc::permission_denied);
  here::os::now.files.erase(path);
  here::os::now.files.erase(takt::detail::boot_id_path);
  writer.save(ec);
  CHECK(ec == std::errc::no_such_file_or_directory);
  CHECK(!here::os::now.files.contains(path));
  here::os::now.files[takt::detail::boot_id_path] = {boot + '\n', 0};
  save(writer);
  CHECK(!b.read().empty());
}

TEST_CASE("the bytes are those that the format says, on every machine") {
  history_header h = header_of();
  h.microhertz = 1'000'000'000'000'000; // a tick a nanosecond
  const history_point points[] = {{1000, 990, 200, -1}, {2000, 1995, 3, -1}};
  std::string bytes;
  history_encoder(h).append(bytes, points, 2);
  using namespace std::string_literals;
  const std::string expected = "\xf4ticks\r\n\1\0\1\0"s + boot + "\0\x80\xc6\xa4\x7e\x8d\3\0\x50\xc3\0\0"s;
  CHECK(bytes.substr(0, 60) == expected);
  CHECK(bytes.substr(60, 4) == "\x4d\x67\x4c\xbf"s);
  // length, -1; 1000, -10, 200; 1000, +5, 3
  CHECK(bytes.substr(64, 11) == "\x0a\x01\xe8\x07\x13\xc8\x01\xe8\x07\x0a\x03"s);
  CHECK(bytes.substr(75) == "\x0f\x86\x6b\xb0"s);
}

TEST_CASE("points of any numbers come back as they were, however they are divided into frames") {
  std::vector<history_point> points;
  constexpr std::int64_t max = takt::detail::history_parameters::max_time - 1;
  for (int i = 0; i < 2000; ++i) {
    const unsigned shift = static_cast<unsigned>(randomness() % 64);
    const auto any = [&] { return static_cast<std::int64_t>(randomness() >> shift) % (max + 1); };
    const auto sign = [&] { return randomness() % 2 == 0 ? 1 : -1; };
    points.push_back({randomness() >> shift, any() * sign(), std::abs(any()), i % 5 == 0 ? any() * sign() : 0});
  }
  std::error_code ec;
  CHECK(decoded(encoded(points), ec) == points);
  CHECK(!ec);
  CHECK(decoded(encoded_singly(points), ec) == points);
  CHECK(!ec);
  CHECK(decoded(encoded(steady(40)) + encoded(steady(40)), ec).size() == 80); // files that were joined
  CHECK(!ec);
}

TEST_CASE("cut at every byte: what is before is there, and the end is called missing") {
  const std::vector<history_point> points = steady(9);
  for (const std::string& bytes : {encoded(points), encoded_singly(points)}) {
    std::size_t last = 0;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      std::error_code ec;
      const auto part = decoded(bytes.substr(0, size), ec);
      CHECK(is_prefix(part, points));
      CHECK(part.size() >= last);
      // Between two frames nothing is missing that could be noticed.
      if (part.size() == last || size < 64) CHECK((ec == errc::truncated_file || !ec));
      CHECK((size >= 64 || ec == errc::truncated_file));
      last = part.size();
      std::error_code again; // a later writer goes on
      const auto more = decoded(bytes.substr(0, size) + bytes, again);
      CHECK(more.size() == part.size() + points.size());
      CHECK((again == ec || size == 0));
    }
  }
}

TEST_CASE("every bit flipped: never a wrong point, and no more is lost than to the next section") {
  const std::vector<history_point> points = steady(9);
  const std::string one = encoded_singly(points), bytes = one + one;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = bytes;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      std::error_code ec;
      const auto found = decoded(bad, ec);
      CHECK(ec);
      REQUIRE(found.size() >= points.size());
      CHECK(found.size() < 2 * points.size());
      if (at < one.size()) CHECK(std::equal(points.begin(), points.end(), found.end() - static_cast<std::ptrdiff_t>(points.size())));
      else CHECK(std::equal(points.begin(), points.end(), found.begin()));
    }
  }
}

TEST_CASE("hostile bytes: an error that says what is wrong, and no memory for what is not there") {
  std::error_code ec;
  const auto why = [&](const std::string& bytes) { return decoded(bytes, ec), ec; };
  CHECK(why("") == errc::truncated_file);
  CHECK(why("\xf4") == errc::truncated_file);
  CHECK(why("hello") == errc::malformed_file);
  CHECK(why(std::string(100'000, '\x7f')) == errc::malformed_file);
  CHECK(why(std::string(100'000, '\xf4')) == errc::malformed_file);
  const std::string good = encoded(steady(9));
  std::string bad = good;
  bad[8] = 9;
  CHECK(why(bad) == errc::other_version);
  bad = good;
  bad[9] = 1; // the version has two bytes
  CHECK(why(bad) == errc::other_version);
  CHECK(why(good + encoded(steady(9), header_of(other))) == errc::other_boot);
  CHECK(decoded(good + encoded(steady(9), header_of(other)) + good, ec).size() == 18);
  history_header no_rate = header_of();
  no_rate.microhertz = 1; // the writer divides by it
  std::string header = encoded(steady(1), no_rate).substr(0, 60);
  for (std::size_t i = 48; i < 56; ++i) header[i] = 0;
  std::string sum;
  takt::detail::put_fixed(sum, takt::detail::history_checksum(header), 4);
  CHECK(why(header + sum) == errc::malformed_file);
  // Sound checksums around numbers that do not fit.
  using namespace std::string_literals;
  for (const std::string& payload : {"\x80"s, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s, "\0\1\1"s, "\0\1\1\x80"s,
                                     "\0\1\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"s,
                                     "\0\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\1"s}) {
    std::string frame = good.substr(60, 4) + static_cast<char>(payload.size()) + payload;
    takt::detail::put_fixed(frame, takt::detail::history_checksum(frame), 4);
    CHECK(decoded(good.substr(0, 60) + frame + good, ec).size() == 9);
    CHECK(ec == errc::malformed_file);
  }
}

TEST_CASE("a counter that was reset: a tick that was shown twice has an error that covers both times") {
  std::vector<history_point> points = steady(20);
  std::vector<history_point> again = steady(20);
  for (history_point& p : again) p.reference += 100'000'000'000;
  points.insert(points.end(), again.begin(), again.end());
  std::error_code ec;
  const tick_history h = tick_history::parse(encoded(points), ec);
  REQUIRE(!ec);
  const auto d = h.date(tick_point(points[7].tick + 1000));
  CHECK(d.time == nanoseconds(again[7].reference + 400));
  CHECK(d.error > 100s);
  CHECK(d.error < 101s);
  // Sections in the wrong order, of one line: both say the same, and nothing is lost.
  const std::vector<history_point> line = steady(40);
  const std::string late = encoded({line.begin() + 20, line.end()}), early = encoded({line.begin(), line.begin() + 20});
  const tick_history turned = tick_history::parse(late + early, ec), overlapping = tick_history::parse(early + encoded(line), ec);
  for (const tick_history* one : {&turned, &overlapping}) {
    for (const std::size_t i : {3U, 30U}) {
      const auto t = one->date(tick_point(line[i].tick + 1000));
      CHECK(t.time == nanoseconds(line[i].reference + 400));
      CHECK(t.error < 1us);
      CHECK(!t.extrapolated);
    }
  }
}

TEST_CASE("a slew that is divided equally between two chords shows at the ends too") {
  std::vector<history_point> points = steady(8);
  const auto exact = [&](std::uint64_t tick, double from, double to) { // 500 ppm from one moment to another, in ns
    const double t = static_cast<double>(tick - points[0].tick) / 2.5;
    return 5e9 + t + 500e-6 * std::clamp(t - from, 0.0, to - from);
  };
  for (const double begin : {0.7e9, 2.7e9, 5.7e9}) {
    for (history_point& p : points)
      p.reference = static_cast<std::int64_t>(exact(p.tick, begin, begin + 0.6e9));
    history_header h = header_of();
    h.unsure = history_header::unknown;
    std::error_code ec;
    const tick_history history = tick_history::parse(encoded(points, h), ec);
    for (std::uint64_t t = points[0].tick; t <= points[7].tick; t += 10'000'019) {
      const auto d = history.date(tick_point(t));
      CHECK(std::abs(static_cast<double>(d.time.count()) - exact(t, begin, begin + 0.6e9)) <= static_cast<double>(d.error.count()));
    }
  }
}

TEST_CASE("short chords are compared together, on either side, because the rate of one is uncertain") {
  for (const bool after : {true, false}) {
    // Three chords of a second and 60 of 20 ms.
    std::vector<history_point> points = steady(64);
    for (std::size_t i = 1; i < points.size(); ++i) {
      const bool is_long = after ? i <= 3 : i > 60;
      points[i].tick = points[i - 1].tick + (is_long ? 2'500'000'000U : 50'000'000U);
      points[i].reference = points[i - 1].reference + (is_long ? 1'000'000'000 : 20'000'000);
    }
    std::error_code ec;
    const tick_history h = tick_history::parse(encoded(points), ec);
    const auto d = h.date(tick_point(points[after ? 2 : 60].tick + 1'250'000'000)); // in the long chord beside them
    // Two readings of 20 ns and 1 ns of rounding: 41 ns for the chord, and twice that for neighbours of half its length.
    CHECK(d.error >= 20ns + 41ns + 82ns);
    CHECK(d.error <= 20ns + 41ns + 82ns + 4ns);
  }
}

TEST_CASE("between points that are hours apart the rate may have changed, and the error says so") {
  std::vector<history_point> points = steady(3);
  for (history_point p : steady(3)) {
    p.tick += 2 * 3600 * 2'500'000'000, p.reference += 2 * 3600 * 1'000'000'000LL;
    points.push_back(p);
  }
  std::error_code ec;
  const tick_history h = tick_history::parse(encoded(points), ec);
  const auto middle = h.date(tick_point(points[2].tick + 3600 * 2'500'000'000)), near = h.date(tick_point(points[2].tick + 2'500'000'000));
  CHECK(middle.extrapolated);
  CHECK(middle.error > 3s);
  CHECK(middle.error < 4s);
  CHECK(near.error > 900us);
  CHECK(near.error < 2ms);
  CHECK(!h.date(tick_point(points[1].tick + 1000)).extrapolated);
}

TEST_CASE("ticks at the ends of their range, and histories of few points") {
  std::error_code ec;
  const tick_history none;
  CHECK(none.empty());
  CHECK(none.boot_id().empty());
  CHECK(none.date(tick_point(5)).error == nanoseconds::max());
  for (const std::size_t n : {1U, 2U, 3U}) {
    for (const std::uint64_t base : {std::uint64_t{0}, std::uint64_t{1'000'000'000'000}, ~std::uint64_t{0} - 2 * 2'500'000'000}) {
      history_header h = header_of();
      if (n == 2) h.unsure = history_header::unknown;
      const auto points = steady(n, base);
      const tick_history few = tick_history::parse(encoded(points, h), ec);
      for (const std::uint64_t t : {std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0} >> 1, std::uint64_t{1} << 63, base, base - 1, base + 1}) {
        const auto d = few.date(tick_point(t));
        CHECK(d.error > 0ns);
        CHECK((!d.extrapolated || d.error > 20ns));
      }
      CHECK(few.date(tick_point(base)).time == 5s);
      CHECK(few.date(tick_point(base)).error < 1us);
    }
  }
}
