/// cpu.hpp - the room of what an instruction can tell: counters and the processor's facts.
#pragma once
#include <takt/cpu/counter.hpp>
#include <takt/cpu/features.hpp>
