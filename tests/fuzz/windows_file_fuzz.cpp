// Protects: no file of windows makes `takt simulate --windows` crash or hang; what is not refused is a window, and all
// of them are served.
#include "../../examples/takt/model/simulation/machine.hpp"
#include "../../examples/takt/model/simulation/windows_file.hpp"
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<char> content(data, data + size); // of its own, without a zero behind it
  std::vector<tool::request> requests;
  if (const auto bad = tool::parse_windows({content.data(), content.size()}, requests)) {
    if (!requests.empty() || bad->number == 0) std::abort();
    return 0;
  }
  for (const tool::request& r : requests)
    if (r.when.earliest.count() < 0 || r.when.latest < r.when.earliest) std::abort();
  const tool::comparison c = tool::simulator().compare(requests);
  const std::size_t fewest = of(c, tool::wake_policy::planner).wake_ups;
  for (const auto& p : tool::policies)
    if (of(c, p.is).wake_ups < fewest || (fewest == 0) != requests.empty()) std::abort();
  return 0;
}
