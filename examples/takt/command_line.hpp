/// command_line.hpp - from the arguments of the program to a subcommand with its flags set.
#pragma once
#include "command.hpp"
#include <absl/strings/string_view.h>
#include <span>
#include <string>

namespace tool {

/// The flags that every subcommand has.
flag_set& common_flags();

/// Sets the flags of `c` and the common ones. Returns: whether the arguments are right; if not, `error` says what is wrong.
bool parse(const command& c, std::span<char*> arguments, std::string& error);

/// Null where there is none of that name.
[[nodiscard]] const command* find_command(absl::string_view name);

/// " (did you mean NAME?)" for the command, or the flag of `c`, that is written nearly like `name`; else empty.
[[nodiscard]] std::string suggested_command(absl::string_view name);
[[nodiscard]] std::string suggested_flag(const command& c, absl::string_view name);

} // namespace tool
