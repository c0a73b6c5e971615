// How every document of the tool is printed.
#include "command.hpp"
#include "document.hpp"
#include "terminal.hpp"
#include <absl/strings/str_format.h>
#include <cerrno>
#include <unistd.h>

namespace tool {

void print(const document& d, layout l) {
  progress::clear();
  errno = 0; // see flush_output
  if (json_wanted()) absl::PrintF("%s\n", to_json(d).dump(2, ' ', false, json::error_handler_t::replace));
  else (l == layout::full ? print_text : print_compact)(d, stdout, line_width(STDOUT_FILENO));
  static_cast<void>(flush_output());
}

void print_line(const json& fact) {
  progress::clear();
  absl::PrintF("%s\n", fact.dump(-1, ' ', false, json::error_handler_t::replace));
  static_cast<void>(flush_output());
}

void print_title(absl::string_view text) {
  if (json_wanted()) return;
  print_heading(stdout, text, line_width(STDOUT_FILENO));
  static_cast<void>(flush_output());
}

void say(absl::string_view text, std::size_t indent) {
  if (json_wanted()) return;
  progress::clear();
  print_hanging(stdout, text, indent, line_width(STDOUT_FILENO));
  static_cast<void>(flush_output());
}

void print_summary(const document& d) {
  if (!json_wanted()) return print(d);
  json last = to_json(d);
  last["event"] = "summary";
  print_line(last);
}

void print_picture(absl::string_view title, const std::string& picture) {
  if (json_wanted()) return;
  progress::clear();
  std::fputc('\n', stdout);
  print_heading(stdout, title, line_width(STDOUT_FILENO));
  std::fputs(picture.c_str(), stdout);
  static_cast<void>(flush_output());
}

} // namespace tool
