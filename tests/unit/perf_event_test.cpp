// Protects: how the events of a device are found in sysfs, what is asked of the kernel for each kind of event, what the
// counts of a group mean when counters were shared, what is read in user space, and that each error says what helps.
#include <takt/kernel/perf_group.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace {

using takt::perf_event;
namespace device = takt::detail::perf_device;
using request = takt::detail::perf_request;
using kind = perf_event::kind;

template <class Os> void put(const std::string& file, const char* text) {
  Os::now.files["/sys/bus/event_source/devices/" + file].value = text;
}
/// A machine whose msr device has what the maker of the processor built in.
template <class Os> void with_msr() {
  put<Os>("msr/type", "10\n");
  put<Os>("msr/format/event", "config:0-63\n");
  put<Os>("msr/events/tsc", "event=0x00\n");
  put<Os>("msr/events/aperf", "event=0x01\n");
  put<Os>("msr/events/mperf", "event=0x02\n");
}
template <class Os> perf_event found(std::string_view name) {
  std::error_code ec;
  perf_event e = perf_event::find<Os>(name, ec);
  CAPTURE(name);
  CHECK_FALSE(ec);
  return e;
}
template <class Os> std::error_code error_of(std::string_view name) {
  std::error_code ec;
  static_cast<void>(perf_event::find<Os>(name, ec));
  return ec;
}
bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

} // namespace

TEST_CASE("every event of the table is listed, with what it counts and when it stops") {
  using os = takt::testing::fake_os<struct table>;
  const auto all = perf_event::clocks<os>();
  REQUIRE(all.size() == 10);
  for (const perf_event& e : all) {
    CAPTURE(e.name);
    CHECK_FALSE(e.counts.empty());
    CHECK((e.of == kind::device) == (e.name.front() == 'm'));
    CHECK(e.samples == (e.of != kind::device));
    CHECK(static_cast<bool>(e.missing) == (e.of == kind::device)); // no sysfs here
  }
  CHECK(perf_event::cycles().name == "cpu-cycles");
  CHECK(perf_event::cycles().rate == perf_event::dependence::core);
  CHECK(perf_event::cycles().idle == perf_event::in_idle::stops);
  CHECK(perf_event::instructions().name == "instructions");
  CHECK(all[0].unit == "ns");
}

TEST_CASE("events of a device are read from sysfs: its number, its terms, their bits, scale and unit") {
  using os = takt::testing::fake_os<struct sysfs>;
  with_msr<os>();
  const perf_event aperf = found<os>("msr/aperf/");
  CHECK(aperf.of == kind::device);
  CHECK(aperf.type == 10);
  CHECK(aperf.config == 1);
  CHECK(aperf.counts == "core cycles");
  CHECK_FALSE(aperf.samples);
  CHECK(error_of<os>("msr/pperf/") == std::errc::no_such_file_or_directory);
  const auto all = perf_event::clocks<os>();
  CHECK_FALSE(all[6].missing);
  CHECK(all[8].missing == std::errc::no_such_file_or_directory);

  put<os>("power/type", "12\n");
  put<os>("power/format/event", "config:0-7\n");
  put<os>("power/format/edge", "config1:3\n");
  put<os>("power/events/energy-pkg", "event=0x02,edge\n");
  put<os>("power/events/energy-pkg.scale", "2.3283064365386962890625e-10\n");
  put<os>("power/events/energy-pkg.unit", "Joules\n");
  const perf_event energy = found<os>("power/energy-pkg/");
  CHECK(energy.type == 12);
  CHECK(energy.config == 2);
  CHECK(energy.config1 == 8);
  CHECK(energy.unit == "Joules");
  CHECK(energy.scale == doctest::Approx(0x1p-32).epsilon(1e-12));

  CHECK(error_of<os>("no/such/") == std::errc::no_such_device);
  CHECK(error_of<os>("cycles-of-nothing") == std::errc::invalid_argument);
  for (const char* hostile : {"", "/", "//", "../x/", "msr/../type/", "msr/./", "msr/a b/", "msr/\n/"}) {
    CAPTURE(hostile);
    CHECK(error_of<os>(hostile) == std::errc::invalid_argument);
  }
  for (const char* bad : {"", "event=0x00", "event=\n", "event=0x1,\n", "other=1\n", "event=0xg\n", "event=0x100\n", "=1\n"}) {
    CAPTURE(bad);
    put<os>("power/events/energy-pkg", bad);
    CHECK(error_of<os>("power/energy-pkg/") == takt::errc::malformed_text);
  }
}

TEST_CASE("the bits of a value go where the format says") {
  device::request_words w;
  CHECK(device::place("config:0-7,32-35", 0xabc, w));
  CHECK(w.config[0] == 0xa'0000'00bc);
  CHECK(device::place("config:63", 1, w));
  CHECK(w.config[0] == 0x8000'000a'0000'00bc);
  CHECK(device::place("config1:0-63", ~std::uint64_t{0}, w));
  CHECK(w.config[1] == ~std::uint64_t{0});
  for (const char* bad : {"", "config", "config:", "config:64", "config:7-0", "config:0-64", "config:0,0", "config:1-",
                          "config2:0-7", "config:0-7,", "config:a", "config:-1"}) {
    CAPTURE(bad);
    const auto before = w;
    CHECK_FALSE(device::place(bad, 0, w));
    CHECK(w.config[0] == before.config[0]);
  }
  CHECK_FALSE(device::place("config:0-3", 16, w));
}

TEST_CASE("scales are numbers above zero") {
  CHECK(device::parse_scale("1") == 1.0);
  CHECK(device::parse_scale("0.5") == 0.5);
  CHECK(device::parse_scale("1e3") == 1000.0);
  CHECK(device::parse_scale("1e+3") == 1000.0);
  CHECK(device::parse_scale("25e-1") == 2.5);
  for (const char* bad : {"", "0", "-1", ".", "e3", "1e", "1e-", "1e999", "1x", "nan", "inf", "1.2.3", " 1"}) {
    CAPTURE(bad);
    CHECK_FALSE(device::parse_scale(bad).has_value());
  }
}

TEST_CASE("what is asked of the kernel") {
  using os = takt::testing::fake_os<struct requests>;
  os::reset();
  with_msr<os>();
  os::now.perf_counts[{0, 0}] = {}, os::now.perf_counts[{0, 1}] = {}, os::now.perf_counts[{1, 1}] = {},
  os::now.perf_counts[{10, 0}] = {};
  std::error_code ec;
  using group = perf_event::basic_group<os>;
  {
    const auto g = group::open({perf_event::cycles(), perf_event::instructions()}, {}, ec);
    REQUIRE_FALSE(ec);
    CHECK(g.size() == 2);
    const auto& first = os::now.perf_counters[0];
    CHECK(first.group == -1);
    CHECK(first.task == 0);
    CHECK(first.cpu == -1);
    CHECK(first.on);
    CHECK(first.request.flags == (request::disabled | request::exclude_kernel | request::exclude_hv));
    CHECK(first.request.read_format == (request::time_enabled | request::time_running | request::whole_group));
    CHECK(first.request.sample_period == 0);
    CHECK(os::now.perf_counters[1].group == os::first_perf_counter);
    CHECK((os::now.perf_counters[1].request.flags & request::disabled) == 0); // counts with its leader
  }
  CHECK_FALSE(os::now.perf_counters[0].open);
  CHECK_FALSE(os::now.perf_counters[1].open);

  const auto tsc = group::open({found<os>("msr/tsc/")}, {-1, 3}, ec);
  REQUIRE_FALSE(ec);
  CHECK(os::now.perf_counters[2].task == -1);
  CHECK(os::now.perf_counters[2].cpu == 3);
  CHECK(os::now.perf_counters[2].request.flags == request::disabled); // it refuses to exclude the kernel
  CHECK(os::now.perf_counters[2].request.read_format == (request::time_enabled | request::time_running));

  perf_event::target command{77};
  command.children = command.from_exec = true;
  const auto task = group::open({found<os>("task-clock")}, command, ec);
  REQUIRE_FALSE(ec);
  CHECK_FALSE(os::now.perf_counters[3].on);
  CHECK((os::now.perf_counters[3].request.flags & request::inherit) != 0);
  CHECK((os::now.perf_counters[3].request.flags & request::enable_on_exec) != 0);

  // Errors leave nothing open.
  const auto open = [&] {
    int n = 0;
    for (const auto& c : os::now.perf_counters) n += c.open;
    return n;
  };
  const int before = open();
  os::now.perf_counts[{0, 1}].error = EINVAL;
  CHECK(group::open({perf_event::cycles(), perf_event::instructions()}, {}, ec).size() == 0);
  CHECK(ec == std::errc::invalid_argument);
  static_cast<void>(group::open({perf_event::cycles(), perf_event::cycles()}, command, ec));
  CHECK(ec == std::errc::invalid_argument);
  const std::vector<perf_event> many(group::max_events + 1, perf_event::cycles());
  static_cast<void>(group::open(many, {}, ec));
  CHECK(ec == std::errc::argument_list_too_long);
  static_cast<void>(group::open({perf_event::clocks<os>()[8]}, {}, ec));
  CHECK(ec == std::errc::no_such_file_or_directory);
  CHECK(open() == before);
}

TEST_CASE("counts, alone and as a group, and what they mean when counters were shared") {
  using os = takt::testing::fake_os<struct counts>;
  os::reset();
  os::now.perf_counts[{0, 0}] = {1000, 2'000'000, 2'000'000};
  os::now.perf_counts[{0, 1}] = {3000, 2'000'000, 2'000'000};
  using group = perf_event::basic_group<os>;
  std::error_code ec;
  const auto both = group::open({perf_event::cycles(), perf_event::instructions()}, {}, ec);
  auto r = both.read(ec);
  REQUIRE_FALSE(ec);
  CHECK(r.count(0) == 1000.0);
  CHECK(r.count(1) == 3000.0);
  CHECK_FALSE(r.count(2));
  CHECK_FALSE(r.scaled());
  CHECK(r.enabled == std::chrono::milliseconds(2));

  const auto one = group::open({perf_event::cycles()}, {}, ec);
  os::now.perf_counts[{0, 0}].running = 500'000; // a quarter of the time
  r = one.read(ec);
  REQUIRE_FALSE(ec);
  CHECK(r.scaled());
  CHECK(r.count(0) == 4000.0);
  CHECK(r.counted[0] == 1000);
  os::now.perf_counts[{0, 0}].running = 0; // all counters were in use all the time
  CHECK_FALSE(one.read(ec).count(0));
  os::now.perf_read_error = EIO;
  CHECK_FALSE(one.read(ec).count(0));
  CHECK(ec == std::errc::io_error);
  static_cast<void>(group().read(ec));
  CHECK(ec == std::errc::bad_file_descriptor);
  group moved;
  moved = group::open({perf_event::cycles()}, {}, ec);
  CHECK(moved.size() == 1);
}

TEST_CASE("a counter is read in user space only where its page allows it, with its sign") {
  takt::detail::perf_page page{};
  std::uint64_t shown = 0x8000'0000'0010; // 48 bits: negative
  std::uint32_t asked = 99;
  const auto count = [&] {
    return takt::detail::count_by_page(page, [&](std::uint32_t index) { return asked = index, shown; });
  };
  page.index = 3, page.width = 48, page.offset = std::int64_t{1} << 47;
  CHECK_FALSE(count().has_value()); // not allowed
  page.capabilities = takt::detail::perf_page::user_rdpmc;
  CHECK(count() == 16);
  CHECK(asked == 2);
  shown = 5;
  CHECK(count() == (std::uint64_t{1} << 47) + 5);
  page.width = 64, page.offset = 0, shown = ~std::uint64_t{0};
  CHECK(count() == ~std::uint64_t{0});
  for (const std::uint16_t width : {std::uint16_t{0}, std::uint16_t{65}}) {
    page.width = width;
    CHECK_FALSE(count().has_value());
  }
  page.width = 48, page.enabled = 2000, page.running = 1000; // it shared its counter with others
  CHECK_FALSE(count().has_value());
  page.running = 2000;
  CHECK(count().has_value());
  page.index = 0; // it has no counter now
  CHECK_FALSE(count().has_value());

  using os = takt::testing::fake_os<struct pages>;
  os::now.perf_counts[{0, 0}] = {};
  std::error_code ec;
  auto g = perf_event::basic_group<os>::open({perf_event::cycles()}, {}, ec);
  CHECK_FALSE(g.count_in_user_space(0));
  g.map(ec);
  CHECK(ec == std::errc::invalid_argument);
  page.capabilities = 0;
  os::now.perf_page = &page;
  g.map(ec);
  CHECK_FALSE(ec);
  CHECK_FALSE(g.count_in_user_space(0)); // no rdpmc that the kernel did not allow
  CHECK_FALSE(g.count_in_user_space(1));
}

TEST_CASE("each error says what is wrong and what would help") {
  using os = takt::testing::fake_os<struct explanations>;
  os::reset();
  with_msr<os>();
  os::now.files["/proc/sys/kernel/perf_event_paranoid"].value = "2\n";
  const auto why = [](std::errc e, const perf_event& event, perf_event::target t = {}) {
    return perf_event::explain<os>(std::make_error_code(e), event, t);
  };
  const perf_event cycles = perf_event::cycles(), tsc = found<os>("msr/tsc/");
  CHECK(says(why(std::errc::no_such_file_or_directory, cycles), "not supported by this processor or guest"));
  CHECK(says(why(std::errc::operation_not_supported, cycles), "virtual PMU"));
  CHECK(says(why(std::errc::no_such_file_or_directory, tsc), "does not list it"));
  CHECK(says(why(std::errc::no_such_device, tsc), "no perf device \"msr\""));
  CHECK(says(why(std::errc::permission_denied, cycles, {-1, 0}), "perf_event_paranoid <= 0 (it is 2)"));
  CHECK(says(why(std::errc::permission_denied, cycles, {-1, 0}), "sysctl kernel.perf_event_paranoid=0"));
  CHECK(says(why(std::errc::permission_denied, tsc), "<= 1 (it is 2)"));
  CHECK(says(why(std::errc::permission_denied, cycles, {4711}), "another user"));
  CHECK(says(why(std::errc::operation_not_permitted, cycles), "seccomp"));
  os::now.files["/proc/sys/kernel/perf_event_paranoid"].value = "3\n"; // Debian's patch
  CHECK(says(why(std::errc::permission_denied, cycles), "<= 2 (it is 3)"));
  os::now.files.erase("/proc/sys/kernel/perf_event_paranoid");
  CHECK(says(why(std::errc::permission_denied, cycles), "is unknown"));
  perf_event sampled = tsc;
  sampled.sample_period = 1000;
  CHECK(says(why(std::errc::invalid_argument, sampled), "only counts"));
  CHECK(says(why(std::errc::invalid_argument, cycles, {-1, 9}), "CPU 9"));
  perf_event clock;
  clock.name = "cpu-clock";
  CHECK(says(why(std::errc::no_such_device, clock, {-1, 9}), "offline"));
  CHECK(says(why(std::errc::no_such_process, clock, {4711}), "no such process"));
  CHECK(says(why(std::errc::device_or_resource_busy, cycles), "in use"));
  CHECK(says(why(std::errc::too_many_files_open, cycles), "ulimit"));
  CHECK(says(why(std::errc::function_not_supported, cycles), "without perf events"));
  CHECK_FALSE(why(std::errc::io_error, cycles).empty());
#if TAKT_EXCEPTIONS
  const std::vector<perf_event> one{cycles};
  CHECK_THROWS_WITH_AS((void)perf_event::basic_group<os>::open(one), doctest::Contains("cpu-cycles"), std::system_error);
#endif
}
