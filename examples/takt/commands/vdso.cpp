// takt vdso - what the kernel exports to this process, and which clocks it reads there without a system call.
#include "command.hpp"
#include "output/document.hpp"
#include "output/terminal.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <takt/kernel/clock_ids.hpp>
#include <takt/kernel/vdso.hpp>
#include <tuple>
#include <unistd.h>

namespace tool {
namespace {

struct : flag_set {
  flag<std::string> dump{this, "dump", "FILE", "Write the ELF image to FILE, for objdump and the like, and show nothing else; -: to standard output"};
} flags;

using symbol_kind = takt::vdso::image::symbol_kind;

absl::string_view kind_name(symbol_kind kind) {
  switch (kind) {
  case symbol_kind::function: return "function";
  case symbol_kind::object: return "object";
  case symbol_kind::absolute: return "version";
  case symbol_kind::unspecified: break;
  }
  return "unspecified";
}

value hexadecimal(std::uint64_t x) { return {absl::StrFormat("%#x", x), x}; }

section image_section(const takt::vdso::image& image) {
  section s{"image", "vDSO", {}, {}, {}};
  if (image.bytes().empty()) {
    s.add("address", "image", {"none: the kernel gave this process no vDSO", nullptr}, "AT_SYSINFO_EHDR");
    return s;
  }
  s.add("address", "address", hexadecimal(reinterpret_cast<std::uintptr_t>(image.bytes().data())),
        "AT_SYSINFO_EHDR, another in each process");
  s.add("size", "size", {absl::StrCat(image.bytes().size(), " bytes"), image.bytes().size()},
        "its program headers, in whole pages");
  return s;
}

section symbol_section(const takt::vdso::image& image) {
  section s{"symbols", "Symbols", {}, table{}, {}};
  s.table->columns = {
      {"name", "name"}, {"version", "version"}, {"kind", "kind"}, {"value", "value", true}, {"size", "bytes", true}};
  std::vector<takt::vdso::image::symbol> symbols = image.symbols();
  std::sort(symbols.begin(), symbols.end(),
            [](const auto& a, const auto& b) { // several names of one function side by side
              return std::tie(a.kind, a.value, a.name) < std::tie(b.kind, b.value, b.name);
            });
  for (const takt::vdso::image::symbol& symbol : symbols) {
    s.table->rows.push_back({word(as_absl(symbol.name)),
                             symbol.version.empty() ? value{"-", nullptr} : word(as_absl(symbol.version)),
                             word(kind_name(symbol.kind)),
                             hexadecimal(symbol.value),
                             {absl::StrCat(symbol.size), symbol.size}});
  }
  return s;
}

section clock_section() {
  section s{"clocks", "Clocks, called where the system call is forbidden", {}, table{}, {}};
  s.table->columns = {{"clock", "clock"}, {"in_user_space", "in user space"}, {"why_unknown", "why unknown"}};
  for (const takt::clock_properties& clock : takt::clock_properties::table) {
    std::error_code ec;
    const bool answers = takt::vdso::answers(clock.id, ec);
    if (clock.optional && ec) continue; // not on this machine
    s.table->rows.push_back({word(clock.name), ec ? unknown() : value{answers ? "yes" : "no, by system call", answers},
                             ec ? word(ec.message()) : value{"", nullptr}});
  }
  return s;
}

exit_code dump(const takt::vdso::image& image, const std::string& path) {
  const bool to_output = path == "-"; // on which then is nothing else
  if (to_output && json_wanted()) return wrong_usage("--dump - leaves no place for --json");
  if (to_output && isatty(STDOUT_FILENO) != 0) return wrong_usage("--dump - wants a file or a pipe: an ELF image is no text");
  if (image.bytes().empty()) return could_not("the kernel gave this process no vDSO");
  if (to_output) {
    errno = 0; // see flush_output
    static_cast<void>(std::fwrite(image.bytes().data(), 1, image.bytes().size(), stdout));
    return exit_code::done;
  }
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return could_not(path, std::error_code(errno, std::generic_category()));
  bool written = std::fwrite(image.bytes().data(), 1, image.bytes().size(), file) == image.bytes().size();
  int error = errno;
  if (std::fclose(file) != 0) error = written ? errno : error, written = false;
  if (!written) return could_not(path, std::error_code(error, std::generic_category()));
  section s = image_section(image);
  s.add("file", "written to", word(path));
  print({{std::move(s)}});
  return exit_code::done;
}

exit_code run() {
  const takt::vdso::image image = takt::vdso::current();
  if (const std::string path = *flags.dump; !path.empty()) return dump(image, path);
  document d{{image_section(image), symbol_section(image), clock_section()}};
  std::vector<std::string> by_call;
  std::size_t answered = 0, asked = 0;
  for (const auto& row : d.sections.back().table->rows) {
    if (row[1].data == false) by_call.push_back(row[0].text);
    answered += row[1].data == true, asked += !row[1].data.is_null();
  }
  d.sections.back().add_aside("answered", count(answered), "");
  d.sections.back().add_aside("asked", count(asked), "");
  d.headline = asked == 0         ? "Whether the vDSO answers cannot be found out here: the table says why."
               : answered == 0    ? "The vDSO answers for no clock: each read is a system call."
               : by_call.empty()  ? absl::StrCat("The vDSO reads all ", asked, " clocks in user space.")
                                  : absl::StrCat("The vDSO reads ", answered, " of ", asked, " clocks in user space; these make a system call: ",
                                                 absl::StrJoin(by_call, ", "), ".");
  print(d);
  return exit_code::done;
}

const registered entry({
    .name = "vdso",
    .group = group::machine,
    .place = 5,
    .summary = "what the vDSO exports, and which clocks it reads without a system call",
    .description = "Shows every symbol of the vDSO with version, value and size. For each clock it shows whether "
                   "the vDSO's clock_gettime reads it in user space or makes the system call; it finds out by "
                   "calling it in a thread that may not make the system call.",
    .example = "takt vdso --dump vdso.so && objdump -d vdso.so   # what a clock_gettime is made of",
    .flags = &flags,
    .run = &run,
});

} // namespace
} // namespace tool
