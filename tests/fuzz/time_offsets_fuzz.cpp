// Protects: no text of /proc/self/timens_offsets, and no names of namespaces, make the reader of the grid's origin crash, take
// half of it for the whole, or read what it understood differently when it is printed again. The input is what two links say,
// what the file says, and which of them is missing.
#include <takt/sleep/grid_origin.hpp>
#include <takt/testing/fake_os.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

namespace {

void expect(bool truth) {
  if (!truth) std::abort();
}

using machine = takt::testing::fake_os<struct any_machine>;
using std::chrono::nanoseconds;

/// One line as Linux prints it: seconds rounded down, and the rest.
std::string line_of(const char* name, nanoseconds offset) {
  const auto s = std::chrono::floor<std::chrono::seconds>(offset);
  return std::string(name) + ' ' + std::to_string(s.count()) + ' ' + std::to_string((offset - s).count()) + '\n';
}

void parse(std::string_view text) {
  std::error_code ec;
  const takt::time_offsets offsets = takt::detail::parse_time_offsets(text, ec);
  if (ec) return expect(ec == takt::errc::malformed_text && offsets == takt::time_offsets());
  expect(!text.empty() && text.back() == '\n');
  const auto ends = [](nanoseconds d) { return d <= nanoseconds::min() + std::chrono::seconds(1) || d == nanoseconds::max(); };
  if (ends(offsets.monotonic) || ends(offsets.boottime)) return; // beyond 64 bits, and so not what it said
  const std::string again = line_of("boottime", offsets.boottime) + line_of("monotonic", offsets.monotonic);
  expect(takt::detail::parse_time_offsets(again, ec) == offsets && !ec);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (size < 1) return 0;
  const unsigned missing = data[0];
  std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto next = [&text] {
    const std::size_t end = text.find('\0');
    const std::string part(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    return part;
  };
  machine::reset();
  const std::string own = next(), childrens = next();
  auto& links = machine::now.links;
  if ((missing & 1) == 0) links[takt::detail::own_time_namespace_path].value = own;
  if ((missing & 2) == 0) links[takt::detail::childrens_time_namespace_path].value = (missing & 8) == 0 ? own : childrens;
  if ((missing & 4) == 0) machine::now.files[takt::detail::time_offsets_path].value = std::string(text);
  std::error_code ec;
  const takt::time_offsets offsets = takt::time_offsets::read<machine>(ec);
  if (ec) {
    expect(offsets == takt::time_offsets());
  } else if (offsets != takt::time_offsets()) { // only what the file says, of the namespace that is the process's own
    std::error_code of_text;
    expect((missing & 7) == 0 && offsets == takt::detail::parse_time_offsets(text, of_text) && !of_text);
    expect(own != takt::detail::first_time_namespace);
  }
  return 0;
}
