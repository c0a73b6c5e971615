/// takt.hpp - everything but interop/ and testing/, one room a line.
#pragma once
#include <takt/core.hpp>
#include <takt/cpu.hpp>
#include <takt/kernel.hpp>
#include <takt/clock.hpp>
#include <takt/timer.hpp>
#include <takt/observe.hpp>
