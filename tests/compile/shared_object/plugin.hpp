#pragma once
#include <system_error>
#include <takt/clock/tsc_clock.hpp>

namespace plugin {
[[gnu::visibility("default")]] std::error_code error();
[[gnu::visibility("default")]] const void* clock_state();
[[gnu::visibility("default")]] unsigned forks();
} // namespace plugin
