// Protects: a unit may import takt and include its headers, in any order (TAKT_FIRST: the header is first). Names mean
// the same entities, and a header that the module leaves out works beside it.
#include "shared.hpp"
#if TAKT_FIRST
#include <takt/takt.hpp>
import takt;
#else
import takt;
#include <takt/takt.hpp>
#endif
#include <takt/testing/manual_clock.hpp>

static_assert(takt::version == TAKT_VERSION_MAJOR * 10000 + TAKT_VERSION_MINOR * 100 + TAKT_VERSION_PATCH);

namespace shared {

const std::error_category* category() { return &takt::error_category(); }

int source() { return static_cast<int>(takt::tsc_clock::source()); }

bool works() {
  takt::testing::manual_clock clock;
  takt::basic_grid_scheduler timers(clock);
  bool called = false;
  timers.after(std::chrono::milliseconds(1), takt::slack(), [&] { called = true; }).detach();
  timers.fire(clock.now() + std::chrono::milliseconds(2));
  return called && !to_string(takt::run_report()).empty();
}

} // namespace shared
