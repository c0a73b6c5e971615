/// hostile_text.hpp - the texts that no parser of /proc and /sys may stumble over, and the cuts of one that is sound.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace test {

/// Calls `f` with each proper beginning of `text`, from the empty one on. Every cut is a buffer of its own, so that an
/// address sanitizer sees a read beyond its end.
template <class F> void for_each_cut(std::string_view text, F&& f) {
  for (std::size_t size = 0; size < text.size(); ++size) {
    const std::vector<char> cut(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
    f(std::string_view(cut.data(), cut.size()));
  }
}

/// Texts that are not what any of the files holds: empty, without digits where numbers are due, with a megabyte on one
/// line, with bytes that are no text.
inline std::vector<std::string> hostile_texts() {
  constexpr std::size_t megabyte = std::size_t{1} << 20;
  std::vector<std::string> texts = {
      "", "\n", "\n\n", " ", " \n", "\t\n", ":", ":\n", "-", "-\n", ",\n", "0-\n", "-0\n", "[", "<", "<>", "<6", "<6>[",
      std::string(1, '\0'), std::string("\0\n", 2), "\xff\xfe\n", "+1\n", "-1\n", "0x10\n", "1e9\n", "1.5\n",
      "99999999999999999999999999\n", "CPU\n", "CPU-1\n", "CPU0 CPU0\n", "flags:", "CONFIG_HZ=\n"};
  for (const char c : {'0', '9', 'x', ' ', ':', '\n', '-', ',', '\0'}) {
    texts.push_back(std::string(megabyte, c));
    texts.push_back(std::string(megabyte, c) + "\n");
  }
  return texts;
}

} // namespace test
