// How every document of the tool is printed.
#include "command.hpp"
#include "document.hpp"
#include <absl/strings/str_format.h>
#include <cerrno>
#include <unistd.h>

namespace tool {

void print(const document& d, layout l) {
  errno = 0; // see flush_output
  if (json_wanted()) absl::PrintF("%s\n", to_json(d).dump(2, ' ', false, json::error_handler_t::replace));
  else (l == layout::roomy ? print_text : print_crowded)(d, stdout, line_width(STDOUT_FILENO));
  static_cast<void>(flush_output());
}

void print_line(const json& fact) {
  absl::PrintF("%s\n", fact.dump(-1, ' ', false, json::error_handler_t::replace));
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
  std::fputc('\n', stdout);
  print_hanging(stdout, title, 0, line_width(STDOUT_FILENO));
  std::fputs(picture.c_str(), stdout);
  static_cast<void>(flush_output());
}

} // namespace tool
