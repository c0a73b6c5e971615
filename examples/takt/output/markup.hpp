/// markup.hpp - foreign text, such as the names of processes, inside SVG and HTML.
#pragma once
#include <absl/strings/str_replace.h>
#include <absl/strings/string_view.h>
#include <string>

namespace tool {

/// Returns: `text` escaped for use between tags and inside quoted attributes. A byte that XML forbids or that is not
/// ASCII becomes a question mark, because the name of a process may contain any bytes and need not be UTF-8.
[[nodiscard]] inline std::string markup_text(absl::string_view text) {
  std::string clean(text);
  for (char& c : clean)
    if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte > 0x7e) c = '?';
  return absl::StrReplaceAll(clean, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

} // namespace tool
