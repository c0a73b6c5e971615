#include <takt/takt.hpp>

#define TAKT_TEXT_OF(x) #x
#define TAKT_TEXT(x) TAKT_TEXT_OF(x)

const std::error_category& other_category() noexcept { return takt::error_category(); }
const char* other_abi() noexcept { return TAKT_TEXT(TAKT_ABI); }
