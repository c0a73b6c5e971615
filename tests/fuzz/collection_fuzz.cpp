// Protects: no collection from another machine, whatever it holds, makes a parser of it read beyond its bytes or keep what is
// not in them. The input is a tar file; its first file is read as a mark and its lines as those of threads, too.
#include "../../examples/takt/model/collection.hpp"
#include "../../examples/takt/model/process_stat.hpp"
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {
void expect(bool truth) {
  if (!truth) std::abort();
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tool::collected_files files;
  static_cast<void>(tool::parse_tar(text, files));
  std::size_t kept = 0;
  for (const auto& [name, content] : files) kept += content.size();
  expect(kept <= size);
  if (tool::strip_to_mark(files)) expect(files.contains("takt-collection"));

  const std::string_view some = files.empty() ? text : std::string_view(files.begin()->second);
  const auto facts = tool::parse_collection_facts(some);
  for (const auto& [name, at] : facts.uptimes) expect(at.first >= 0 && at.first <= at.second);
  expect(facts.missing.size() <= 100);
  for (std::string_view rest = some; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() < rest.size() ? line.size() + 1 : rest.size());
    if (const auto t = tool::parse_collected_thread(line)) expect(t->process > 0 && t->id > 0 && t->policy >= 0 && t->name.size() <= line.size());
    if (const auto stat = tool::parse_process_stat(line)) expect(stat->policy >= 0 && stat->name.size() <= line.size());
  }
  return 0;
}
