// The subcommands, in the order of `takt --help`.
#include "command.hpp"

namespace tool {

extern const command report_command, cost_command, calibrate_command, drift_command, clocksource_command, irq_command,
    slack_command, vdso_command, align_command, simulate_command, switch_window_command, sync_command,
    watch_command;

const std::vector<command>& commands() {
  // Built at the first call, from main: by then every command has been constructed.
  static const std::vector<command> all{
      report_command,
      cost_command,
      calibrate_command,
      drift_command,
      clocksource_command,
      irq_command,
      slack_command,
      vdso_command,
      align_command,
      simulate_command,
      switch_window_command,
      sync_command,
      watch_command,
  };
  return all;
}

} // namespace tool
