// expect: takt needs C\+\+20
// An older language is refused with a sentence, before the first feature that it does not have.
#ifndef TAKT_CONTROL
#undef __cplusplus
#define __cplusplus 201703L
#endif
#include <takt/takt.hpp>
