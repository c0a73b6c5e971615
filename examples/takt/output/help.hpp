/// help.hpp - the help of the tool on the screen and as the manual page takt(1), from the same texts.
#pragma once
#include "command.hpp"

namespace tool {

/// Prints the help of the tool: `takt --help`.
void print_help();
/// Prints the help of a subcommand: `takt help NAME`.
void print_help(const command& c);
/// Prints the manual page as roff (man(7)): `takt help --man`. The build makes takt.1 from it.
void print_manual();

} // namespace tool
