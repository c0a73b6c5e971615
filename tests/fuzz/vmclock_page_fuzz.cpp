// Protects: no bytes make the parser of VMClock's page, or that of the kernel's messages about devices, read beyond their end,
// hang or contradict themselves. The first byte selects the parser.
#include <takt/kernel/detail/uevent.hpp>
#include <takt/kernel/detail/vmclock_page.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

void expect(bool truth) {
  if (!truth) std::abort();
}

using takt::detail::vmclock_page;

void page(std::span<const unsigned char> bytes) {
  vmclock_page p{1, 2, vmclock_page::status_kind::unreliable, true, true};
  const vmclock_page before = p;
  const int error = takt::detail::parse_vmclock(bytes.data(), bytes.size(), p);
  expect(error == 0 || error == EBADMSG || error == ENOTSUP || error == EAGAIN);
  expect(error == 0 || p == before);
  expect(error != 0 || bytes.size() >= 32);
  expect(error != 0 || !p.generation || bytes.size() >= 112);
  expect(std::string_view(to_string(p.status)).size() > 0);
  // The same bytes, padded with zeros, as a mapped page: the same, but for fields that end there.
  std::uint64_t words[14]{};
  if (!bytes.empty()) std::memcpy(words, bytes.data(), bytes.size() < sizeof(words) ? bytes.size() : sizeof(words));
  vmclock_page mapped;
  const int as_mapped = takt::detail::read_vmclock(words, mapped);
  if (bytes.size() >= sizeof(words)) expect(as_mapped == error && (error != 0 || mapped == p));
}

void message(std::string_view text) {
  if (!takt::detail::is_new_generation_id(text)) return;
  const std::size_t at = text.find("NEW_VMGENID=1");
  expect(text.substr(0, 7) == "change@" && at != text.npos && text.find('\0', at) != text.npos);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::vector<unsigned char> bytes(data + 1, data + size); // a buffer of its own: a read beyond it is seen
  if (data[0] == 'u') message(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  else page(bytes);
  return 0;
}
