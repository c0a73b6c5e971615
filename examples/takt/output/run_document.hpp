/// run_document.hpp - what `takt run` does for a program, and what came of it.
#pragma once
#include "document.hpp"
#include "model/program_file.hpp"
#include "model/run_measure.hpp"
#include "../preload/counts.hpp"
#include "../preload/settings.hpp"
#include <chrono>
#include <optional>
#include <string>

namespace tool {

/// What is to be done for a program.
struct run_plan {
  preload::settings wanted = {};
  bool kernel_only = false;                 ///< asked for
  std::string name = {};                    ///< as the command line has it
  std::optional<program_file> program = {}; ///< nullopt: no program, or none that can be read
  bool preloads = false;
  std::string object = {}; ///< what is preloaded
  std::chrono::nanoseconds kernel_slack{};
};

/// Returns: in a sentence or two, by which means the waits are moved; where the object is not used, why.
[[nodiscard]] std::string headline_of(const run_plan& plan);
[[nodiscard]] document run_document(const run_plan& plan);
/// `without` is the run before, if there was one.
[[nodiscard]] document report_document(const run_plan& plan, const preload::counts_file& counts,
                                       const std::optional<run_result>& without, const run_result& with);

/// Prints for people on standard error: standard output is the program's.
void say_on_error(absl::string_view text);
void print_on_error(const document& d);

} // namespace tool
