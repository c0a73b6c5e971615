/// preload_object.hpp - the object that `takt run` puts before a program: where it lies, and its settings.
#pragma once
#include "../preload/counts.hpp"
#include "../preload/settings.hpp"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tool {

inline constexpr char preload_object_name[] = "libtakt_preload.so";

/// Returns: the absolute path of the object, beside the tool or in ../lib/takt from there; empty where it is in
/// neither, with the places in `why`.
[[nodiscard]] std::string find_preload_object(std::string& why);

/// Returns: the names of the families of waits whose bits are set.
[[nodiscard]] std::vector<std::string> names_of(std::uint32_t families);

/// Returns: the value of TAKT_RUN that says `s`; `counts` is the path of the file of counts, or empty.
[[nodiscard]] std::string settings_text(const preload::settings& s, const std::string& counts);

/// Returns: the value of LD_PRELOAD with the object behind what `inherited` has; null stands for no value.
[[nodiscard]] std::string preload_list(const char* inherited, const std::string& object);

/// The file into which the processes of a program count their waits. It is removed when this object dies.
class run_counts {
public:
  /// Returns: a new file; null on error, with the reason in `why`.
  [[nodiscard]] static std::unique_ptr<run_counts> make(std::string& why);
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const preload::counts_file& counts() const { return *counts_; }

  ~run_counts();
  run_counts(const run_counts&) = delete;
  run_counts& operator=(const run_counts&) = delete;

private:
  run_counts() = default;
  std::string path_;
  preload::counts_file* counts_ = nullptr;
};

} // namespace tool
