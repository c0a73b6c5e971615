/// collection.hpp - what collect.sh gathered on another machine, as texts by path. Pure, but for the reading of files.
///
/// Does not promise: that a collection is true. Whoever made it chose what is in it, so everything here is checked as
/// input, and nothing outside of the collection is read: links in it are not followed.
/// Sources: POSIX.1-2017 pax, ustar interchange format.
#pragma once
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tool {

/// The texts of a collection, by their path without a leading slash: "proc/interrupts".
using collected_files = std::map<std::string, std::string>;

/// A collection of a machine with 4096 CPUs and 100 000 threads has some 30 MiB.
inline constexpr std::size_t max_collection = std::size_t{256} << 20;
inline constexpr std::size_t max_collected_files = 100'000;
/// The file that says what a collection is.
inline constexpr std::string_view collection_mark = "takt-collection";

namespace tar {

/// Returns: the octal number in a field of a header; nullopt for anything else.
[[nodiscard]] inline std::optional<std::uint64_t> octal(std::string_view field) {
  while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
  while (!field.empty() && (field.back() == ' ' || field.back() == '\0')) field.remove_suffix(1);
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), n, 8);
  if (field.empty() || error != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return n;
}
[[nodiscard]] inline std::string_view text(std::string_view field) { return field.substr(0, field.find('\0')); }

} // namespace tar

/// Returns: why `archive` is no tar file; empty if it is one. `files` receives its regular files. Links and devices are
/// left out. A file that is cut keeps the files before the cut, and the reason says so.
[[nodiscard]] inline std::string parse_tar(std::string_view archive, collected_files& files) {
  constexpr std::size_t block = 512;
  for (std::size_t at = 0; archive.size() - at >= block;) {
    const std::string_view header = archive.substr(at, block);
    if (header.find_first_not_of('\0') == header.npos) return {}; // the end of the archive
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < block; ++i) sum += i >= 148 && i < 156 ? 0x20U : static_cast<unsigned char>(header[i]); // itself as blanks
    const auto size = tar::octal(header.substr(124, 12));
    if (tar::octal(header.substr(148, 8)) != sum || !size)
      return "it is no tar file, or damaged at byte " + std::to_string(at);
    at += block;
    if (*size > archive.size() - at) return "the tar file is cut";
    const char kind = header[156];
    if (kind == '0' || kind == '\0') {
      std::string name(tar::text(header.substr(0, 100)));
      const std::string_view prefix = header.substr(257, 5) == "ustar" ? tar::text(header.substr(345, 155)) : std::string_view();
      if (!prefix.empty()) name = std::string(prefix) + '/' + name;
      if (files.size() >= max_collected_files) return "it has too many files";
      files.insert_or_assign(std::move(name), std::string(archive.substr(at, static_cast<std::size_t>(*size))));
    }
    const std::uint64_t padded = (*size + block - 1) / block * block;
    if (padded > archive.size() - at) break;
    at += static_cast<std::size_t>(padded);
  }
  return "the tar file has no end: it is cut";
}

/// Effects: leaves the files below the directory that holds the mark, with their paths from there.
/// Returns: whether there is a mark.
inline bool strip_to_mark(collected_files& files) {
  for (const auto& [name, content] : files) {
    const auto slash = name.rfind('/');
    const std::size_t begin = slash == name.npos ? 0 : slash + 1;
    if (std::string_view(name).substr(begin) != collection_mark) continue;
    const std::string directory = name.substr(0, begin);
    collected_files below;
    for (auto& [path, text] : files)
      if (path.compare(0, directory.size(), directory) == 0) below.emplace(path.substr(directory.size()), std::move(text));
    files = std::move(below);
    return true;
  }
  return false;
}

/// One line of the file `threads`.
struct collected_thread {
  int process = 0, id = 0;
  std::optional<std::uint64_t> slack; ///< in nanoseconds; nullopt: the collector was not permitted to read it
  int policy = 0;
  std::uint64_t flags = 0;
  std::string_view name;
};

/// Returns: the facts in a line "PROCESS THREAD SLACK POLICY FLAGS NAME"; nullopt for anything else.
[[nodiscard]] inline std::optional<collected_thread> parse_collected_thread(std::string_view line) {
  const auto number = [&line](auto& out) {
    const auto space = line.find(' ');
    if (space == line.npos) return false;
    const auto [end, error] = std::from_chars(line.data(), line.data() + space, out);
    const bool whole = error == std::errc() && end == line.data() + space;
    line.remove_prefix(space + 1);
    return whole;
  };
  collected_thread t;
  if (!number(t.process) || !number(t.id) || t.process <= 0 || t.id <= 0) return std::nullopt;
  if (line.substr(0, 2) == "- ") line.remove_prefix(2);
  else if (std::uint64_t slack = 0; number(slack)) t.slack = slack;
  else return std::nullopt;
  if (!number(t.policy) || t.policy < 0 || !number(t.flags)) return std::nullopt;
  t.name = line;
  return t;
}

/// What the mark says.
struct collection_facts {
  int version = 0; ///< of the format; 0: unknown
  std::string release, machine;
  std::optional<bool> root;                                           ///< whether root collected
  std::map<std::string, std::pair<double, double>, std::less<>> uptimes; ///< in seconds, before and after a count
  std::vector<std::string> missing;                                   ///< what could not be collected, and why
};

/// Returns: the facts in the text of the mark. Lines that it does not know are skipped.
[[nodiscard]] inline collection_facts parse_collection_facts(std::string_view text) {
  collection_facts facts;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : text.size());
    const auto space = line.find(' ');
    if (space == line.npos) continue;
    const std::string_view key = line.substr(0, space), rest = line.substr(space + 1);
    const auto number = [](std::string_view word, auto& out) {
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
      return error == std::errc() && end == word.data() + word.size();
    };
    if (key == collection_mark) {
      if (int version = 0; number(rest, version)) facts.version = version;
    } else if (key == "release") {
      facts.release = rest;
    } else if (key == "machine") {
      facts.machine = rest;
    } else if (key == "root") {
      if (rest == "yes" || rest == "no") facts.root = rest == "yes";
    } else if (key == "missing") {
      if (facts.missing.size() < 100) facts.missing.emplace_back(rest);
    } else if (key.substr(0, 10) == "interrupts") {
      const auto second = rest.find(' ');
      std::pair<double, double> at;
      constexpr double century = 3.2e9; // seconds
      const auto sound = [](double t) { return t >= 0 && t < century; };
      if (second != rest.npos && number(rest.substr(0, second), at.first) && number(rest.substr(second + 1), at.second) && sound(at.first) &&
          sound(at.second) && at.first <= at.second)
        facts.uptimes.insert_or_assign(std::string(key), at);
    }
  }
  return facts;
}

} // namespace tool
