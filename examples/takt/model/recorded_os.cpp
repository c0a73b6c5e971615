#include "recorded_os.hpp"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <zlib.h>

namespace tool {
namespace {

namespace fs = std::filesystem;

std::string read_tar(const std::string& path, collected_files& files) {
  const gzFile in = gzopen(path.c_str(), "rb"); // reads what is not compressed as it is
  if (in == nullptr) return std::strerror(errno);
  std::string content;
  constexpr unsigned step = 1U << 20;
  int got = 0;
  do {
    const std::size_t before = content.size();
    content.resize(before + step);
    got = gzread(in, content.data() + before, step);
    content.resize(before + static_cast<std::size_t>(std::max(got, 0)));
  } while (got > 0 && content.size() <= max_collection);
  gzclose(in);
  if (got < 0) return "it cannot be decompressed";
  if (content.size() > max_collection) return "it is larger than 256 MiB";
  return parse_tar(content, files);
}

std::string read_directory(const fs::path& root, collected_files& files) {
  std::error_code ec;
  std::size_t total = 0;
  // A link is not followed: it would lead out of the collection.
  fs::recursive_directory_iterator entry(root, fs::directory_options::skip_permission_denied, ec), end;
  for (; !ec && entry != end; entry.increment(ec)) {
    std::error_code unknown;
    if (!fs::is_regular_file(entry->symlink_status(unknown)) || unknown) continue;
    std::string content;
    if (files.size() >= max_collected_files) return "it has too many files";
    if (takt::linux_os::read_file(entry->path().c_str(), content, max_collection - total) != 0) continue;
    total += content.size();
    files.emplace(entry->path().lexically_relative(root).generic_string(), std::move(content));
  }
  return ec ? ec.message() : std::string();
}

/// More threads than any machine has; what follows is skipped.
constexpr std::size_t max_collected_threads = 500'000;

std::string inside(const char* path) { return *path == '/' ? path + 1 : path; }

} // namespace

std::string recorded_os::open(const std::string& path) {
  now = state{};
  std::error_code ec;
  const fs::file_status status = fs::status(path, ec);
  if (!fs::exists(status)) return ec ? ec.message() : std::strerror(ENOENT);
  if (!fs::is_directory(status) && !fs::is_regular_file(status)) return "it is neither a directory nor a tar file";
  const std::string why = fs::is_directory(status) ? read_directory(path, now.files) : read_tar(path, now.files);
  if (!strip_to_mark(now.files)) return why.empty() ? "collect.sh did not make it: it has no file takt-collection" : why;
  now.facts = parse_collection_facts(now.files[std::string(collection_mark)]);
  if (now.facts.version != 1) return "its format is unknown to this takt: the file takt-collection does not begin with \"takt-collection 1\"";
  if (!why.empty()) now.facts.missing.push_back(why);

  // The lines of `threads` become the files that the kernel has.
  std::string_view lines = now.files["threads"];
  collected_files made;
  std::size_t skipped = 0;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    const auto t = parse_collected_thread(line);
    if (!t || now.policies.size() >= max_collected_threads) {
      ++skipped;
      continue;
    }
    const std::string process = std::to_string(t->process), id = std::to_string(t->id), at = "proc/" + id;
    now.directories["proc"].insert(process);
    now.directories["proc/" + process + "/task"].insert(id);
    now.policies[t->id] = t->policy;
    std::string stat = id + " (" + std::string(t->name) + ") S 0 0 0 0 -1 " + std::to_string(t->flags);
    for (int field = 10; field < 41; ++field) stat += " 0";
    made.insert_or_assign(at + "/stat", stat + " " + std::to_string(t->policy) + "\n");
    made.insert_or_assign(at + "/status", "Tgid:\t" + process + "\n");
    if (t->slack) made.insert_or_assign(at + "/timerslack_ns", std::to_string(*t->slack) + "\n");
  }
  if (skipped > 0) now.facts.missing.push_back("threads: " + std::to_string(skipped) + " lines could not be read");
  for (auto& [name, text] : made) now.files.insert_or_assign(name, std::move(text));
  return {};
}

int recorded_os::read_file(const char* path, std::string& out, std::size_t limit) {
  std::string name = inside(path);
  if (now.later && name == "proc/interrupts") name += ".later";
  const auto found = now.files.find(name);
  if (found == now.files.end()) {
    constexpr std::string_view slack = "/timerslack_ns";
    const bool of_slack = name.size() > slack.size() && name.compare(name.size() - slack.size(), slack.size(), slack) == 0;
    // The collector saw the thread and was not permitted to read its slack.
    return of_slack && now.files.contains(name.substr(0, name.size() - slack.size()) + "/stat") ? EPERM : ENOENT;
  }
  if (found->second.size() > limit) return EFBIG;
  out = found->second;
  return 0;
}

int recorded_os::read_short(const char* path, char* out, std::size_t size, std::size_t& length) noexcept {
  const auto found = now.files.find(inside(path));
  if (found == now.files.end()) return ENOENT;
  if (found->second.size() >= size) return EFBIG;
  length = found->second.copy(out, size);
  return 0;
}

int recorded_os::list_directory(const char* path, std::vector<std::string>& out) {
  const std::string name = inside(path);
  std::set<std::string> entries;
  if (const auto made = now.directories.find(name); made != now.directories.end()) {
    entries = made->second;
  } else {
    for (auto file = now.files.lower_bound(name + "/"); file != now.files.end() && file->first.compare(0, name.size() + 1, name + "/") == 0; ++file)
      entries.insert(file->first.substr(name.size() + 1, file->first.find('/', name.size() + 1) - name.size() - 1));
    if (entries.empty()) return ENOENT;
  }
  out.assign(entries.begin(), entries.end());
  return 0;
}

int recorded_os::kernel_log(std::string& out) {
  const auto found = now.files.find("kernel-log");
  if (found == now.files.end()) return ENOENT;
  out = found->second;
  return 0;
}

int recorded_os::kernel_release(std::string& out) {
  if (now.facts.release.empty()) return ENODATA;
  out = now.facts.release;
  return 0;
}

int recorded_os::scheduling_policy(pid_t id, int& out) noexcept {
  const auto found = now.policies.find(id);
  if (found == now.policies.end()) return ESRCH;
  out = found->second;
  return 0;
}

} // namespace tool
