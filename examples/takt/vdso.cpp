// takt vdso - what the kernel exports to this process, and which clocks it reads there without a system call.
#include "command.hpp"
#include "document.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <takt/kernel/vdso.hpp>
#include <tuple>
#include <unistd.h>

ABSL_FLAG(std::string, dump, "",
          "FILE: Write the ELF image to FILE, for objdump and the like, and show no more than that; -: to standard output");

namespace tool {
namespace {

using takt::elf::symbol_kind;

absl::string_view kind_name(symbol_kind kind) {
  switch (kind) {
  case symbol_kind::function: return "function";
  case symbol_kind::object: return "object";
  case symbol_kind::absolute: return "version";
  case symbol_kind::unspecified: break;
  }
  return "unspecified";
}

struct named_clock {
  clockid_t id;
  absl::string_view name;
};
constexpr named_clock clocks[] = {
    {CLOCK_MONOTONIC, "CLOCK_MONOTONIC"},
    {CLOCK_MONOTONIC_RAW, "CLOCK_MONOTONIC_RAW"},
    {CLOCK_MONOTONIC_COARSE, "CLOCK_MONOTONIC_COARSE"},
    {CLOCK_BOOTTIME, "CLOCK_BOOTTIME"},
    {CLOCK_REALTIME, "CLOCK_REALTIME"},
    {CLOCK_REALTIME_COARSE, "CLOCK_REALTIME_COARSE"},
    {CLOCK_TAI, "CLOCK_TAI"},
    {CLOCK_PROCESS_CPUTIME_ID, "CLOCK_PROCESS_CPUTIME_ID"},
    {CLOCK_THREAD_CPUTIME_ID, "CLOCK_THREAD_CPUTIME_ID"},
};

value hexadecimal(std::uint64_t x) { return {absl::StrFormat("%#x", x), x}; }

section image_section(const takt::elf::image& image) {
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

section symbol_section(const takt::elf::image& image) {
  section s{"symbols", "Symbols", {}, table{}, {}};
  s.table->columns = {
      {"name", "name"}, {"version", "version"}, {"kind", "kind"}, {"value", "value", true}, {"size", "size", true}};
  std::vector<takt::elf::symbol> symbols = image.symbols();
  std::sort(symbols.begin(), symbols.end(),
            [](const auto& a, const auto& b) { // several names of one function side by side
              return std::tie(a.kind, a.value, a.name) < std::tie(b.kind, b.value, b.name);
            });
  for (const takt::elf::symbol& symbol : symbols) {
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
  s.table->columns = {{"clock", "clock"}, {"in_user_space", "in user space"}, {"why_not_told", "why not told"}};
  for (const named_clock& clock : clocks) {
    std::error_code ec;
    const bool answers = takt::vdso::answers(clock.id, ec);
    s.table->rows.push_back({word(clock.name), ec ? not_told() : value{answers ? "yes" : "no, by system call", answers},
                             ec ? word(ec.message()) : value{"", nullptr}});
  }
  return s;
}

exit_code dump(const takt::elf::image& image, const std::string& path) {
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
  const takt::elf::image image = takt::vdso::current();
  if (const std::string path = absl::GetFlag(FLAGS_dump); !path.empty()) return dump(image, path);
  print({{image_section(image), symbol_section(image), clock_section()}});
  return exit_code::done;
}

} // namespace

extern const command vdso_command{"vdso",
                                  "what the kernel exports to this process, and for which clocks that answers",
                                  "Shows every symbol of the vDSO with version, value and size, and for each clock "
                                  "whether the vDSO's clock_gettime really reads\n"
                                  "it in user space or makes the system call after all; that is found out by calling "
                                  "it in a thread which may not make the call.",
                                  "takt vdso --dump vdso.so && objdump -d vdso.so   # what a clock_gettime is made of",
                                  {"dump"},
                                  &run};

} // namespace tool
