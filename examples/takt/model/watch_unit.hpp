/// watch_unit.hpp - the unit of systemd that runs `takt watch` over weeks. Pure.
///
/// Sources: systemd.service(5), COMMAND LINES; systemd.unit(5), SPECIFIERS; systemd.exec(5).
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tool {

/// Returns: `text` as one word of a setting of systemd: no quote, space or specifier of it means anything; in a command
/// line, no variable either.
[[nodiscard]] inline std::string systemd_word(std::string_view text, bool in_command) {
  std::string out;
  bool quoted = text.empty();
  for (const char c : text) {
    if (c == '%') out += "%%";
    else if (c == '$' && in_command) out += "$$";
    else if (c == '"' || c == '\\') (out += '\\') += c, quoted = true;
    else if (c < ' ' || c == 0x7f) { // as \x0a
      constexpr std::string_view digits = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      ((out += "\\x") += digits[byte >> 4U]) += digits[byte & 15U];
      quoted = true;
    } else {
      quoted = quoted || c == ' ' || c == '\'' || c == ';' || c == '#';
      out += c;
    }
  }
  return quoted ? '"' + out + '"' : out;
}

/// The paths that a watch writes to: absolute, or empty.
struct watch_paths {
  std::string log, metrics;
};

/// Returns: the text of a unit that runs `program` with `arguments`.
[[nodiscard]] inline std::string watch_unit(std::string_view program, const std::vector<std::string>& arguments,
                                            const watch_paths& paths) {
  const auto directory = [](const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == 0 || slash == path.npos ? std::string("/") : path.substr(0, slash);
  };
  std::string unit = "[Unit]\n"
                     "Description=Record of what happens to this machine's clocks\n"
                     "Documentation=man:takt(1)\n"
                     "\n"
                     "[Service]\n"
                     "Type=exec\n"
                     "ExecStart=";
  unit += systemd_word(program, true);
  for (const std::string& each : arguments) (unit += ' ') += systemd_word(each, true);
  unit += "\n"
          "Restart=on-failure\n"
          "ProtectSystem=strict\n";
  // systemd makes /var/log/NAME itself. In such a NAME a colon would begin the name of a symbolic link.
  constexpr std::string_view logs = "/var/log/";
  const std::string log_directory = paths.log.empty() ? "" : directory(paths.log);
  const bool own = log_directory.size() > logs.size() && log_directory.compare(0, logs.size(), logs) == 0 &&
                   log_directory.find(':') == log_directory.npos;
  if (own)
    ((unit += "LogsDirectory=") += systemd_word(std::string_view(log_directory).substr(logs.size()), false)) += '\n';
  // "-": where the directory is missing, takt says so and not systemd.
  else if (!log_directory.empty()) ((unit += "ReadWritePaths=") += systemd_word('-' + log_directory, false)) += '\n';
  if (!paths.metrics.empty())
    ((unit += "ReadWritePaths=") += systemd_word('-' + directory(paths.metrics), false)) += '\n';
  unit += "# CAP_SYSLOG: the kernel's message at a switch of the clock source.";
  unit +=
      paths.metrics.empty() ? "\n" : " CAP_DAC_OVERRIDE: the directory of the\n# metrics belongs to their exporter.\n";
  unit += paths.metrics.empty() ? "CapabilityBoundingSet=CAP_SYSLOG\n"
                                : "CapabilityBoundingSet=CAP_SYSLOG CAP_DAC_OVERRIDE\n";
  unit += "# Not ProtectClock: it forbids adjtimex, which also reads.\n"
          "NoNewPrivileges=yes\n"
          "RestrictAddressFamilies=AF_UNIX AF_NETLINK\n"
          "ProtectHome=read-only\n"
          "ProtectKernelTunables=yes\n"
          "ProtectControlGroups=yes\n"
          "RestrictNamespaces=yes\n"
          "LockPersonality=yes\n"
          "MemoryDenyWriteExecute=yes\n"
          "\n"
          "[Install]\n"
          "WantedBy=multi-user.target\n";
  return unit;
}

} // namespace tool
