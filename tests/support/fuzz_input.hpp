/// fuzz_input.hpp - the bytes of a fuzzer, taken as numbers.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace takt_test {

class fuzz_input {
public:
  fuzz_input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// Returns: the next bytes as a T; where they end, the rest of it is zero.
  template <class T> T take() {
    T value{};
    const std::size_t n = std::min(size_, sizeof(T));
    std::memcpy(&value, data_, n);
    data_ += n, size_ -= n;
    return value;
  }

private:
  const std::uint8_t* data_;
  std::size_t size_;
};

} // namespace takt_test
