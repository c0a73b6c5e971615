/// places.hpp - how a child enters a hostile place, and a directory of its own.
#pragma once
#include "run.hpp"
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <unistd.h>

namespace hostile {

/// The child's own: a call that fails makes the place one that cannot be had here.
inline void must(bool succeeded) {
  if (!succeeded) _exit(no_such_place);
}
inline void own_mounts() {
  must(unshare(CLONE_NEWNS) == 0);
  must(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
}

/// An empty directory, which goes away with all that is in it.
class scratch {
public:
  scratch() {
    char name[] = "/tmp/takt-hostile.XXXXXX";
    if (mkdtemp(name) != nullptr) path_ = name;
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) found.push_back(entry.path().filename().string());
    return found;
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ + "/" + name) << text; }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream in(path_ + "/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
  }

private:
  std::string path_;
};

} // namespace hostile
