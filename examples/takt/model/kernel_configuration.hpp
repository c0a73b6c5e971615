/// kernel_configuration.hpp - the build configuration of the running kernel, from /proc or /boot.
#pragma once
#include <string>
#include <string_view>
#include <system_error>
#include <takt/kernel/tick.hpp>
#include <zlib.h>

namespace tool {

/// A kernel's configuration, and the file that it was read from, or those that were tried.
struct found_config {
  takt::kernel_config config;
  std::string source = "/proc/config.gz, /boot/config-*";
};
/// Returns: the running kernel's configuration: its own copy in /proc if it has one, else the file of its package in
/// /boot; an empty one if neither can be read. Reads some 300 KiB.
[[nodiscard]] inline found_config kernel_configuration() {
  if (const gzFile file = gzopen("/proc/config.gz", "rb"); file != nullptr) {
    std::string text(std::size_t{8} << 20, '\0'); // the configuration of a distribution has some 300 KiB
    const int n = gzread(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
    if (n > 0)
      return {takt::kernel_config::parse(std::string_view(text).substr(0, static_cast<std::size_t>(n))),
              "/proc/config.gz"};
  }
  std::error_code ec;
  const takt::kernel_config config = takt::kernel_config::read(ec);
  return ec ? found_config{} : found_config{config, "/boot/config-$(uname -r)"};
}

} // namespace tool
