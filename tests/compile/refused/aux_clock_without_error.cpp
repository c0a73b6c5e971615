// expect: optional|constraints not satisfied
// A kernel may be without an auxiliary clock: its now() takes an error code and does not end the program.
#include <takt/kernel/posix_clock.hpp>
using aux = takt::posix_clock<takt::aux_clock<0>>;
#ifdef TAKT_CONTROL
auto read(std::error_code& ec) { return aux::now(ec); }
#else
auto read(std::error_code&) { return aux::now(); }
#endif
