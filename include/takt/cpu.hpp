/// cpu.hpp - the room cpu/, floor 1: what an instruction can tell.
#pragma once
#include <takt/cpu/counter.hpp>
#include <takt/cpu/features.hpp>
