// Protects: neither the file of a program nor the variable TAKT_RUN makes `takt run` or its object crash, hang or read
// outside of them; settings that are taken are within their bounds.
#include "../../examples/preload/settings.hpp"
#include "../../examples/takt/model/elf_program.hpp"
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<char> content(data, data + size); // of its own, without a zero behind it
  const std::string_view text(content.data(), content.size());
  const auto elf = tool::read_elf(std::as_bytes(std::span(content)));
  if (elf && elf->loader.size() > size) std::abort();
  std::string argument;
  if (tool::read_script_line(text, argument).size() + argument.size() > size) std::abort();
  preload::settings s;
  if (preload::read_settings(text, s) &&
      (s.allowed.slack > preload::longest_slack || s.allowed.share_ppm > 1'000'000 || s.families == 0))
    std::abort();
  return 0;
}
