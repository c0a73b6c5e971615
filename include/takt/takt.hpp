/// takt.hpp - every room but interop/ and testing/, one a line.
#pragma once
#include <takt/core.hpp>
#include <takt/cpu.hpp>
#include <takt/kernel.hpp>
#include <takt/clock.hpp>
#include <takt/sleep.hpp>
#include <takt/scheduler.hpp>
#include <takt/timer.hpp>
#include <takt/observe.hpp>
