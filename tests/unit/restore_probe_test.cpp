// Protects: that each sign of a restore is found once, by what the system states, that what cannot be asked is no sign, and
// that the signs are named for people.
#include <takt/observe/detail/restore_probe.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>

namespace {

using os = takt::testing::fake_os<struct restore_probe_test>;
using probe = takt::detail::restore_probe<os>;
using sign = takt::restore_signs::sign;
using takt::restore_signs;

constexpr int marker = 2, flags = 3, generation = 13; // words of the page

restore_signs set(std::initializer_list<sign> list) {
  restore_signs s;
  for (const sign one : list) s.add(one);
  return s;
}

struct machine {
  std::uint64_t page[14] = {0x4b4c4356 | std::uint64_t{112} << 32, 1, 0, 1 << 8};
  probe p;
  machine() {
    os::reset();
    os::now.vmclock = page;
    boot("0f0c9f0e-5dc1-4b7b-9d7f-3d9a3a1f0001");
    name("time:[4026531834]");
  }
  static void boot(const std::string& id) { os::now.files[takt::detail::boot_id_path].value = id + "\n"; }
  static void name(const std::string& n) {
    for (const char* link : {takt::detail::own_time_namespace_path, takt::detail::childrens_time_namespace_path})
      os::now.links[link].value = n;
  }
  static void offsets(const std::string& seconds) {
    os::now.files[takt::detail::time_offsets_path].value = "monotonic " + seconds + " 0\nboottime 5 0\n";
  }
};

const std::string uevent("change@/devices/x\0ACTION=change\0NEW_VMGENID=1\0", 47);

} // namespace

TEST_CASE("restore_probe: each sign is found once") {
  machine m;
  CHECK(m.p.take() == restore_signs()); // not started
  os::now.uevents.push_back(uevent);    // of before
  m.p.start();
  CHECK_FALSE(m.p.take().any());
  m.page[marker] = 5;
  CHECK(m.p.take() == set({sign::disruption}));
  m.page[generation] = 9;
  CHECK(m.p.take() == set({sign::generation}));
  m.page[marker] = 4, m.page[generation] = 8; // not larger: "another non-repeating value"
  CHECK(m.p.take() == set({sign::generation, sign::disruption}));
  os::now.uevents = {"change@/x", std::string(20'000, 'x'), uevent, "", uevent};
  CHECK(m.p.take() == set({sign::generation_id}));
  CHECK(os::now.uevents.empty());
  m.boot("0f0c9f0e-5dc1-4b7c-9d7f-3d9a3a1f0001");
  CHECK(m.p.take() == set({sign::boot_id}));
  m.offsets("-500001"), m.name("time:[4026532999]");
  CHECK(m.p.take() == set({sign::time_namespace}));
  m.offsets("-500002"); // restored again, into a namespace that has the same number
  CHECK(m.p.take() == set({sign::time_namespace}));
  m.name("time:[4026531834]");
  CHECK(m.p.take() == set({sign::time_namespace}));
  CHECK_FALSE(m.p.take().any());
}

TEST_CASE("restore_probe: what cannot be asked is no sign, neither when it goes nor when it comes back") {
  {
    os::reset();
    os::now.uevents_error = EPERM;
    probe p;
    p.start();
    CHECK_FALSE(p.take().any());
    CHECK(p.vmclock() == nullptr);
    machine::boot("0f0c9f0e-5dc1-4b7b-9d7f-3d9a3a1f0001"), machine::name("time:[4026532999]"), machine::offsets("7");
    CHECK_FALSE(p.take().any());
  }
  machine m;
  m.offsets("1"), m.name("time:[4026532999]");
  m.p.start();
  REQUIRE(m.p.vmclock() != nullptr);
  const auto links = os::now.links;
  const auto files = os::now.files;
  os::now.links.clear(), os::now.files.clear();
  m.page[0] = 0;
  CHECK_FALSE(m.p.take().any());
  os::now.links = links, os::now.files = files;
  m.page[0] = 0x4b4c4356 | std::uint64_t{112} << 32;
  CHECK_FALSE(m.p.take().any());
  // The offsets alone cannot be read: the name is known.
  os::now.files.erase(takt::detail::time_offsets_path);
  CHECK_FALSE(m.p.take().any());
  m.name("time:[4026533000]");
  CHECK(m.p.take() == set({sign::time_namespace}));
  m.offsets("2"); // with what it had before it says nothing
  CHECK_FALSE(m.p.take().any());
  m.page[generation] = 5;
  CHECK(m.p.take() == set({sign::generation}));
  // A hypervisor that begins to count, or stops, says nothing about a restore.
  m.page[flags] = 0;
  CHECK_FALSE(m.p.take().any());
  m.page[flags] = 1 << 8;
  CHECK_FALSE(m.p.take().any());
  os::now.files[takt::detail::boot_id_path].value = "malformed\n";
  CHECK_FALSE(m.p.take().any());
}

TEST_CASE("restore_probe: a page that is being written is asked again at the next call") {
  machine m;
  m.p.start();
  m.page[generation] = 3, m.page[1] |= std::uint64_t{1} << 32;
  CHECK_FALSE(m.p.take().any());
  m.page[1] += std::uint64_t{1} << 32;
  CHECK(m.p.take() == set({sign::generation}));
}

TEST_CASE("restore_probe: it is one's own, moves, and gives back what it holds") {
  machine m;
  {
    probe first;
    first.start();
    probe second(std::move(first));
    CHECK(os::now.vmclock_maps == 1);
    CHECK(os::now.uevents_sockets == 1);
    m.page[marker] = 1;
    CHECK(second.take() == set({sign::disruption}));
    os::now.forks.value = 1; // in a child
    m.page[marker] = 2;
    os::now.uevents.push_back(uevent);
    CHECK_FALSE(second.take().any());
    CHECK(os::now.uevents.size() == 1);
    os::now.forks.value = 0;
    probe third;
    third.start();
    CHECK(os::now.vmclock_maps == 2);
    third = std::move(second);
    CHECK(os::now.vmclock_maps == 1);
    CHECK(third.take().any());
  }
  CHECK(os::now.vmclock_maps == 0);
  CHECK(os::now.uevents_sockets == 0);
}

TEST_CASE("restore_signs: what is known is said, and what is inferred is called so") {
  CHECK(to_string(restore_signs()) == "nothing");
  CHECK(to_string(set({sign::generation, sign::generation_id})) ==
        "the machine was restored from a snapshot (VMClock generation, generation id)");
  CHECK(to_string(set({sign::disruption})) ==
        "the machine was migrated, or its counter was disrupted otherwise (VMClock disruption marker)");
  CHECK(to_string(set({sign::boot_id, sign::time_namespace})) ==
        "this process was restored on another machine or after another boot (boot id, time namespace)");
  CHECK(to_string(set({sign::time_namespace})) ==
        "this process was restored from a checkpoint, or changed its time namespace (time namespace)");
  for (int bits = 1; bits < 64; ++bits) {
    const restore_signs s{static_cast<std::uint8_t>(bits)};
    CHECK(s.inferred() == (bits == 32));
    CHECK((to_string(s).find("inferred") == 0) == s.inferred());
    CHECK(to_string(s).find("unknown") == std::string::npos);
  }
  CHECK(to_string(static_cast<sign>(99)) == "unknown");
  std::ostringstream out;
  out << set({sign::generation_id});
  CHECK(out.str() == "the machine was restored from a snapshot (generation id)");
}
