// What the unit that mixes `import takt;` with the headers of takt offers to the one that only imports.
#pragma once
#include <system_error>

namespace shared {

const std::error_category* category(); ///< takt's, as this unit sees it
int source();                          ///< what tsc_clock reads, as this unit sees it
/// Whether a scheduler on the fake clock of a header works, and a function that a header defines for callers alone.
bool works();

} // namespace shared
