// The other half of main.cpp: a shared object whose symbols are hidden unless they say otherwise.
#include "plugin.hpp"

std::error_code plugin::error() { return takt::errc::no_effect; }
const void* plugin::clock_state() { return &takt::detail::tsc_state<takt::tsc_clock::reference, takt::hardware_counter, takt::linux_os>; }
unsigned plugin::forks() { return takt::linux_os::fork_count(); }
