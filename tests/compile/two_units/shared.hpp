#pragma once
#include <functional>
#include <takt/takt.hpp>

// The state of the process as the unit without exceptions sees it, and its use of a scheduler.
namespace without_exceptions {
const std::error_category& category() noexcept;
std::error_code error() noexcept;
const void* clock_state() noexcept;
unsigned forks() noexcept;
/// Arms a timer of its own on a scheduler that another unit made. The callback counts in `called`.
takt::timer_handle arm(takt::grid_scheduler& timers, int& called);
/// Makes a scheduler, arms `f` and fires it. Returns: how many callbacks there were.
std::size_t fire(const std::function<void()>& f);
} // namespace without_exceptions
