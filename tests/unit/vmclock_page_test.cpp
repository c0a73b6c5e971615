// Protects: that the page of VMClock and the kernel's message about a generation id are understood as the kernel documents
// them, and that no bytes are taken for more than they are.
#include "support/hostile_text.hpp"
#include <takt/kernel/detail/uevent.hpp>
#include <takt/kernel/detail/vmclock_page.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

using takt::detail::vmclock_page;
using status = vmclock_page::status_kind;
using bytes = std::vector<unsigned char>;

void put(bytes& page, std::size_t at, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) page.at(at + i) = static_cast<unsigned char>(value >> 8 * i);
}

/// A page as QEMU and Firecracker make it, and a field in it: its offset, its value and its width.
bytes page_of(std::size_t size = 4096) {
  bytes page(size, 0);
  put(page, 0, 0x4b4c4356, 4), put(page, 4, size, 4), put(page, 8, 1, 2);
  page.at(10) = 0xff;
  put(page, 12, 6, 4), put(page, 16, 0x1122334455667788, 8), put(page, 24, 1 << 8, 8);
  if (size > 34) page.at(34) = 2;
  if (size >= 112) put(page, 104, 0x8877665544332211, 8);
  return page;
}
bytes with(bytes page, std::size_t at, std::uint64_t value, std::size_t width) { return put(page, at, value, width), page; }

int parse(const bytes& page, vmclock_page& out) { return takt::detail::parse_vmclock(page.data(), page.size(), out); }

} // namespace

TEST_CASE("vmclock_page: what the page states is read where struct vmclock_abi has it") {
  vmclock_page p;
  REQUIRE(parse(page_of(), p) == 0);
  CHECK(p.disruption_marker == 0x1122334455667788);
  CHECK(p.generation == 0x8877665544332211);
  CHECK(p.status == status::synchronised);
  CHECK_FALSE(p.disruption_soon);
  CHECK_FALSE(p.disruption_imminent);
  REQUIRE(parse(with(page_of(), 24, 1 << 1, 8), p) == 0);
  CHECK(p.disruption_soon);
  CHECK_FALSE(p.disruption_imminent);
  CHECK_FALSE(p.generation); // not counted
  REQUIRE(parse(with(page_of(), 24, 1 << 2 | 1 << 8, 8), p) == 0);
  CHECK(p.disruption_imminent);
  CHECK(p.generation);
  for (std::uint64_t s = 0; s < 256; ++s) {
    REQUIRE(parse(with(page_of(), 34, s, 1), p) == 0);
    CHECK(p.status == (s <= 4 ? static_cast<status>(s) : status::unknown));
  }
  CHECK(std::string_view(to_string(status::unreliable)) == "unreliable");
  CHECK(std::string_view(to_string(static_cast<status>(77))) == "unknown");
}

TEST_CASE("vmclock_page: a page ends where it says, or where the bytes do") {
  vmclock_page p;
  for (std::size_t size = 32; size <= 120; ++size) {
    CAPTURE(size);
    REQUIRE(parse(page_of(size), p) == 0);
    CHECK(p.disruption_marker == 0x1122334455667788);
    CHECK(p.generation.has_value() == (size >= 112));
    CHECK(p.status == (size > 34 ? status::synchronised : status::unknown));
    REQUIRE(parse(with(page_of(), 4, size, 4), p) == 0); // the bytes behind are of something else
    CHECK(p.generation.has_value() == (size >= 112));
    CHECK(p.status == (size > 34 ? status::synchronised : status::unknown));
    REQUIRE(parse(with(page_of(size), 4, 0xffffffff, 4), p) == 0); // says that it is larger than the bytes
    CHECK(p.generation.has_value() == (size >= 112));
  }
}

TEST_CASE("vmclock_page: what is no page, or not one that can be understood now, is an error and changes nothing") {
  const vmclock_page before{1, 2, status::free_running, true, true};
  const auto fails = [&](const bytes& page, int error) {
    vmclock_page p = before;
    CHECK(parse(page, p) == error);
    CHECK(p == before);
  };
  for (std::size_t size = 0; size < 32; ++size) {
    const bytes whole = page_of();
    fails(bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)), EBADMSG);
  }
  for (std::size_t bit = 0; bit < 32; ++bit) fails(with(page_of(), 0, 0x4b4c4356 ^ 1ULL << bit, 4), EBADMSG);
  for (std::uint64_t size = 0; size < 32; ++size) fails(with(page_of(), 4, size, 4), EBADMSG);
  for (const std::uint64_t version : {0U, 2U, 256U, 65535U}) fails(with(page_of(), 8, version, 2), ENOTSUP);
  for (const std::uint64_t sequence : {1ULL, 7ULL, 0xffffffffULL}) fails(with(page_of(), 12, sequence, 4), EAGAIN);
  for (const int value : {0, 1, 0x56, 0xff}) fails(bytes(4096, static_cast<unsigned char>(value)), EBADMSG);
}

TEST_CASE("vmclock_page: a page that is being written is not read") {
  std::uint64_t words[14];
  std::memcpy(words, page_of(112).data(), sizeof(words));
  vmclock_page p;
  CHECK(takt::detail::read_vmclock(words, p) == 0);
  CHECK(p.generation == 0x8877665544332211);
  words[1] |= std::uint64_t{1} << 32;
  vmclock_page before = p;
  CHECK(takt::detail::read_vmclock(words, p) == EAGAIN); // and it does not wait for ever
  CHECK(p == before);
  words[0] = 0;
  CHECK(takt::detail::read_vmclock(words, p) == EBADMSG);
}

TEST_CASE("uevent: a new generation id is the kernel's message that has the variable") {
  using takt::detail::is_new_generation_id;
  const auto message = [](std::string text) {
    for (char& c : text)
      if (c == '|') c = '\0';
    return text;
  };
  const std::string acpi = message("change@/devices/LNXSYSTM:00/LNXSYBUS:00/QEMUVGID:00|ACTION=change|"
                                   "DEVPATH=/devices/LNXSYSTM:00/LNXSYBUS:00/QEMUVGID:00|SUBSYSTEM=acpi|NEW_VMGENID=1|"
                                   "MODALIAS=acpi:QEMUVGID:VM_GEN_COUNTER:|SEQNUM=1234|");
  CHECK(is_new_generation_id(acpi));
  CHECK(is_new_generation_id(message("change@/devices/platform/VGEN:00|ACTION=change|NEW_VMGENID=1|")));
  for (const char* other : {"change@/x|ACTION=change|", "add@/x|NEW_VMGENID=1|", "change@/x|NEW_VMGENID=0|", "change@/x|NEW_VMGENID=|",
                            "change@/x|NEW_VMGENID=11|", "change@/x|OLD_NEW_VMGENID=1|", "change@/NEW_VMGENID=1|", "NEW_VMGENID=1|",
                            "libudev|change@/x|NEW_VMGENID=1|", "change@/x|NEW_VMGENID=1"})
    CHECK_FALSE(is_new_generation_id(message(other)));
  const std::size_t end = acpi.find("NEW_VMGENID=1") + 14;
  test::for_each_cut(acpi, [&](std::string_view cut) { CHECK(is_new_generation_id(cut) == (cut.size() >= end)); });
  for (const std::string& text : test::hostile_texts()) CHECK_FALSE(is_new_generation_id(text));
}
