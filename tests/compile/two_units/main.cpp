// Two translation units of one program include everything; the other one is compiled without exceptions.
#include <takt/takt.hpp>
#include <cstring>

const std::error_category& other_category() noexcept;
const char* other_abi() noexcept;

int main() {
  // Each unit has its own set of entities, so the categories differ by design and their values do not mix.
  const bool separate = &other_category() != &takt::error_category();
  const bool named_apart = std::strcmp(other_abi(), "v1_noexcept") == 0;
  const bool by_enum = std::error_code(takt::errc::no_effect).category() == takt::error_category();
  return separate && named_apart && by_enum ? 0 : 1;
}
