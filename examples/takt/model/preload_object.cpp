#include "preload_object.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <system_error>
#include <takt/kernel/os.hpp>
#include <unistd.h>

namespace tool {

std::string find_preload_object(std::string& why) {
  char self[4096];
  std::size_t length = 0;
  if (takt::linux_os::read_link("/proc/self/exe", self, sizeof(self), length) != 0) {
    why = "/proc/self/exe does not say where takt lies: is /proc mounted?";
    return {};
  }
  const std::string path(self, length), directory = path.substr(0, path.rfind('/'));
  const std::string up = directory.substr(0, directory.rfind('/'));
  for (const std::string& candidate :
       {absl::StrCat(directory, "/", preload_object_name), absl::StrCat(up, "/lib/takt/", preload_object_name)}) {
    if (access(candidate.c_str(), F_OK) != 0) continue;
    // What the loader cannot load it complains of, in the program's output.
    struct statvfs mount {};
    if (candidate.find_first_of(": $") != candidate.npos)
      why = absl::StrCat(candidate, ": LD_PRELOAD cannot name a path with a space, a colon or a dollar sign");
    else if (access(candidate.c_str(), R_OK) != 0)
      why = absl::StrCat(candidate, " may not be read by this user; --kernel-only does without it");
    else if (statvfs(candidate.c_str(), &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0)
      why = absl::StrCat(candidate, " is on a file system mounted noexec; --kernel-only does without it");
    else return candidate;
    return {};
  }
  why = absl::StrCat(preload_object_name, " is neither in ", directory, " nor in ", up,
                     "/lib/takt; --kernel-only does without it");
  return {};
}

std::vector<std::string> names_of(std::uint32_t families) {
  std::vector<std::string> names;
  for (const std::string_view name : preload::family_names)
    if ((families & preload::family_bit(name)) != 0) names.emplace_back(name);
  return names;
}

std::string settings_text(const preload::settings& s, const std::string& counts) {
  std::string text = absl::StrCat("slack=", s.allowed.slack.count(), ",share=", s.allowed.share_ppm);
  if (s.families != preload::all_families) absl::StrAppend(&text, ",waits=", absl::StrJoin(names_of(s.families), "+"));
  if (!counts.empty()) absl::StrAppend(&text, ",counts=", counts);
  return text;
}

std::string preload_list(const char* inherited, const std::string& object) {
  const std::string before = inherited != nullptr ? inherited : "";
  if (before.empty()) return object;
  if (absl::StrCat(":", before, ":").find(absl::StrCat(":", object, ":")) != before.npos) return before; // nested
  return absl::StrCat(before, ":", object);
}

std::unique_ptr<run_counts> run_counts::make(std::string& why) {
  std::unique_ptr<run_counts> self(new run_counts);
  const char* const temporary = std::getenv("TMPDIR");
  int fd = -1;
  for (const std::string& directory :
       {std::string("/dev/shm"), std::string(temporary != nullptr ? temporary : "/tmp")}) {
    std::string path = absl::StrCat(directory, "/takt-run.XXXXXX");
    if (path.find_first_of(",") != path.npos || fd >= 0) continue; // a comma ends it in TAKT_RUN
    fd = mkostemp(path.data(), O_CLOEXEC);
    if (fd >= 0) self->path_ = path;
  }
  if (fd < 0)
    return why = "a file to count in, in /dev/shm or TMPDIR: " + std::generic_category().message(errno), nullptr;
  void* memory = MAP_FAILED;
  if (ftruncate(fd, sizeof(preload::counts_file)) == 0)
    memory = mmap(nullptr, sizeof(preload::counts_file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory == MAP_FAILED) return why = self->path_ + ": " + std::generic_category().message(errno), nullptr;
  self->counts_ = new (memory) preload::counts_file;
  return self;
}

run_counts::~run_counts() {
  if (!path_.empty()) unlink(path_.c_str());
  if (counts_ != nullptr) munmap(counts_, sizeof *counts_);
}

} // namespace tool
