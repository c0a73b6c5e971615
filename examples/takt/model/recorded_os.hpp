/// recorded_os.hpp - a policy for takt's templates that answers from a collection of collect.sh instead of the kernel.
///
/// Everything that no file holds is ENODATA: clocks, the processor's own answers, what a thread may do. A file that the
/// collection does not have is ENOENT, as it may have been on the machine. Changing anything is EROFS.
#pragma once
#include "collection.hpp"
#include "command.hpp"
#include <set>
#include <string>
#include <takt/kernel/os.hpp>
#include <vector>

namespace tool {

struct recorded_os {
  struct state {
    collected_files files;
    std::map<std::string, std::set<std::string>> directories; ///< of /proc; others follow from the paths of files
    std::map<int, int> policies;                              ///< the scheduling policy of each thread
    collection_facts facts;
    bool later; ///< whether /proc/interrupts is the second count
  };
  inline static state now{};

  /// Effects: reads the collection at `path`, a directory or a tar file, which may be compressed by gzip.
  /// Returns: why it is none; empty if it is one.
  [[nodiscard]] static std::string open(const std::string& path);

  [[nodiscard]] static int read_file(const char* path, std::string& out, std::size_t limit);
  [[nodiscard]] static int read_short(const char* path, char* out, std::size_t size, std::size_t& length) noexcept;
  [[nodiscard]] static int list_directory(const char* path, std::vector<std::string>& out);
  [[nodiscard]] static int kernel_log(std::string& out);
  [[nodiscard]] static int kernel_release(std::string& out);
  [[nodiscard]] static int scheduling_policy(pid_t id, int& out) noexcept;
  [[nodiscard]] static int clock_getres(clockid_t, timespec&) noexcept { return ENODATA; }
  [[nodiscard]] static int write_file(const char*, const std::string&) noexcept { return EROFS; }
};

/// The help of the flag --from DIR.
inline constexpr char from_help[] = "Answer from what collect.sh gathered: a directory, or a tar file";

/// Effects: opens the collection at `path`. Returns: done, or could_not after saying why it is none.
inline exit_code open_collection(const std::string& path) {
  const std::string why = recorded_os::open(path);
  return why.empty() ? exit_code::done : could_not(path.substr(0, 200) + ": " + why);
}

} // namespace tool
