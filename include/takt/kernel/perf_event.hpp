/// perf_event.hpp - what time and which cycles the kernel and the processor count: the events of perf_event_open(2).
///
///   for (const takt::perf_event& e : takt::perf_event::clocks()) std::cout << e.name << ": " << e.counts << '\n';
///
/// A perf_event describes an event: what it counts, whether its rate follows the core's frequency, whether it stops
/// while the CPU idles. The events of a device are found by their names in sysfs. perf_group.hpp counts events.
/// explain() says what an error means and what the caller can do.
///
/// Does not promise: that a machine has an event. A guest often has none of the hardware, and a processor may lack a
/// register.
/// Sources: perf_event_open(2); Linux 6.12 arch/x86/events/msr.c, kernel/events/core.c,
/// Documentation/admin-guide/sysctl/kernel.rst (perf_event_paranoid), Documentation/admin-guide/perf-security.rst.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/kernel/detail/perf_device.hpp>
#include <takt/kernel/detail/text.hpp>
#include <takt/kernel/os.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

/// Something that can be counted, and what its count means.
struct perf_event {
  /// Who counts: the kernel, the processor's performance counters, or a device that sysfs lists.
  enum class kind { software, hardware, device };
  /// Whether the rate of the count follows the frequency of the core.
  enum class dependence { none, core, bus };
  /// What the count does while the CPU idles. `not_applicable`: it counts a task, which does not idle.
  enum class in_idle { goes_on, stops, may_stop, not_applicable };
  /// Whose count it is. A register of a core shows what all tasks on it did together.
  enum class scope { task, cpu, task_and_cpu, core };
  /// What to watch: a thread (0: the caller's), or a CPU.
  struct target {
    int thread = 0;        ///< the id of the thread (gettid(2)); 0: the calling thread; -1: every thread
    int cpu = -1;          ///< the number of the CPU; -1: every CPU
    bool children = false; ///< also the threads and processes that the thread creates from now on
    bool from_exec = false; ///< begin when the thread executes a program
    bool kernel = false;    ///< count in the kernel too, which needs kernel.perf_event_paranoid <= 1
  };

  std::string name;                    ///< as perf(1) spells it: "task-clock", "msr/tsc/"
  kind of = kind::software;            ///< who counts
  std::uint32_t type = 1;              ///< the number of the kind or device (perf_event_attr::type)
  std::uint64_t config = 0;            ///< the number of the event (perf_event_attr::config)
  std::uint64_t config1 = 0;           ///< more of that number, for some devices (perf_event_attr::config1)
  std::string counts;                  ///< what it counts, as a text
  dependence rate = dependence::none;  ///< what its rate depends on
  in_idle idle = in_idle::goes_on;     ///< what it does while the CPU idles
  scope whose = scope::task_and_cpu;   ///< whose count it is
  bool samples = true;                 ///< false: it only counts, and to sample it is an error
  std::uint64_t sample_period = 0;     ///< the number of events between two samples; 0: count, do not sample
  double scale = 1;                    ///< a count times this is a value in `unit`
  std::string unit;                    ///< "ns" of a clock; empty for a plain count
  std::error_code missing;             ///< in a list: why the event does not exist here

  [[nodiscard]] static perf_event cycles();
  [[nodiscard]] static perf_event instructions();
  template <class Os = linux_os> [[nodiscard]] static perf_event find(std::string_view name, std::error_code& ec);
  template <class Os = linux_os> [[nodiscard]] static std::vector<perf_event> clocks();
  template <class Os = linux_os>
  [[nodiscard]] static std::string explain(std::error_code why, const perf_event& event, const target& watched);

  /// Counters that are open: perf_group.hpp.
  template <class Os = linux_os> class basic_group;
  using group = basic_group<>; ///< of the running system
};

// definitions

namespace detail {

inline constexpr char perf_devices_path[] = "/sys/bus/event_source/devices/";
inline constexpr char perf_paranoid_path[] = "/proc/sys/kernel/perf_event_paranoid";

/// Returns: a list of the events that count time, and of those that explain it.
template <class = for_callers> [[nodiscard]] std::vector<dependent<for_callers, perf_event>> known_perf_events() {
  using e = perf_event;
  const auto event = [](const char* name, e::kind of, std::uint32_t type, std::uint64_t config, const char* counts,
                        e::dependence rate, e::in_idle idle, e::scope whose, const char* unit = "") {
    e made;
    made.name = name, made.of = of, made.type = type, made.config = config, made.counts = counts;
    made.rate = rate, made.idle = idle, made.whose = whose, made.unit = unit;
    made.samples = of != e::kind::device;
    return made;
  };
  constexpr auto software = e::kind::software, hardware = e::kind::hardware, device = e::kind::device;
  constexpr auto none = e::dependence::none, core = e::dependence::core, bus = e::dependence::bus;
  constexpr auto stops = e::in_idle::stops, goes_on = e::in_idle::goes_on;
  constexpr auto both = e::scope::task_and_cpu, of_core = e::scope::core;
  return {
      event("task-clock", software, 1, 1, "CPU time of a task", none, e::in_idle::not_applicable, e::scope::task, "ns"),
      event("cpu-clock", software, 1, 0, "time of a CPU", none, goes_on, e::scope::cpu, "ns"),
      event("cpu-cycles", hardware, 0, 0, "core cycles", core, stops, both),
      event("instructions", hardware, 0, 1, "instructions retired", core, stops, both),
      event("ref-cycles", hardware, 0, 9, "cycles at the reference rate", none, stops, both),
      event("bus-cycles", hardware, 0, 6, "bus cycles", bus, e::in_idle::may_stop, e::scope::cpu),
      event("msr/aperf/", device, 0, 0, "core cycles", core, stops, of_core),
      event("msr/mperf/", device, 0, 0, "cycles at the maximum (reference) rate", none, stops, of_core),
      event("msr/pperf/", device, 0, 0, "productive cycles", core, stops, of_core),
      event("msr/tsc/", device, 0, 0, "time stamp counter", none, goes_on, e::scope::cpu),
  };
}

/// Fills in what sysfs says of an event that is named "DEVICE/EVENT/".
/// Errors: no_such_device if there is no such device, no_such_file_or_directory if it does not list the event;
/// malformed_text if its files make no sense.
template <class Os> void find_device_event(perf_event& e, std::error_code& ec) {
  const std::size_t slash = e.name.find('/');
  const std::string device = e.name.substr(0, slash), event = e.name.substr(slash + 1, e.name.size() - slash - 2);
  const auto plain = [](const std::string& name) { return is_name(name) && name.find_first_of("/. ") == name.npos; };
  if (!plain(device) || !plain(event)) {
    ec = errno_code(EINVAL);
    return;
  }
  const auto line_of = [&](const std::string& file, std::error_code& why) {
    const std::string text = read_text<Os>(perf_devices_path + device + "/" + file, sysfs_file_limit, why);
    std::string_view line;
    if (!why && !only_line(text, line)) why = errc::malformed_text;
    return std::string(why ? std::string_view() : line);
  };
  const std::string type = line_of("type", ec);
  if (ec == std::errc::no_such_file_or_directory) ec = errno_code(ENODEV);
  if (ec) return;
  const std::string terms = line_of("events/" + event, ec);
  if (ec) return;
  const auto number = parse_number<std::uint32_t>(type);
  const auto words = perf_device::read_terms(terms, [&](std::string_view term) {
    std::error_code none; // a term without a format makes no sense
    return line_of("format/" + std::string(term), none);
  });
  if (!number || !words) {
    ec = errc::malformed_text;
    return;
  }
  std::error_code absent; // most events have neither
  const std::string scale = line_of("events/" + event + ".scale", absent);
  const auto factor = absent ? std::optional(1.0) : perf_device::parse_scale(scale);
  const std::string unit = line_of("events/" + event + ".unit", absent);
  if (!factor || (!unit.empty() && !is_name(unit))) {
    ec = errc::malformed_text;
    return;
  }
  e.of = perf_event::kind::device, e.type = *number, e.config = words->config[0], e.config1 = words->config[1];
  e.scale = *factor;
  if (!unit.empty()) e.unit = unit;
}

} // namespace detail

/// Returns: core cycles.
inline perf_event perf_event::cycles() { return detail::known_perf_events()[2]; }
/// Returns: instructions retired.
inline perf_event perf_event::instructions() { return detail::known_perf_events()[3]; }

/// Returns: the event of that name: one of clocks(), or "DEVICE/EVENT/" of any device in sysfs.
/// Errors: invalid_argument for a name that is neither; no_such_device and no_such_file_or_directory if this machine
/// has no such device, or the device no such event; malformed_text; what reading sysfs reports. Does not open the
/// event. Reads some files of sysfs for an event of a device, and nothing for others; allocates.
template <class Os> perf_event perf_event::find(std::string_view name, std::error_code& ec) {
  ec.clear();
  perf_event found;
  found.name = std::string(name);
  for (auto& e : detail::known_perf_events()) {
    if (e.name == name) found = std::move(e);
  }
  if (name.find('/') != std::string_view::npos && name.back() == '/') {
    if (found.counts.empty()) {
      found.counts = "what the device says", found.rate = dependence::none, found.whose = scope::cpu;
      found.samples = false;
    }
    detail::find_device_event<Os>(found, ec);
  } else if (found.counts.empty()) {
    ec = detail::errno_code(EINVAL);
  }
  return found;
}

/// Returns: every event that counts time or cycles, whether this machine has it or not. If an event of a device is not
/// there, `missing` says why. Whether an event of the hardware is there, only opening it shows. Reads some files of
/// sysfs; allocates.
template <class Os> std::vector<perf_event> perf_event::clocks() {
  auto all = detail::known_perf_events<detail::dependent<Os, detail::for_callers>>();
  for (auto& e : all) {
    if (e.of == kind::device) detail::find_device_event<Os>(e, e.missing);
  }
  return all;
}

/// Returns: what is wrong and what would help, as a sentence without a full stop, for an error of find(), open() or
/// read(). Reads kernel.perf_event_paranoid if the error has to do with it.
template <class Os>
std::string perf_event::explain(std::error_code why, const perf_event& event, const target& watched) {
  const auto device = event.name.substr(0, event.name.find('/'));
  if (why == std::errc::permission_denied || why == std::errc::operation_not_permitted) {
    std::error_code ec;
    const std::string text = detail::read_text<Os>(detail::perf_paranoid_path, detail::sysfs_file_limit, ec);
    // The registers of a device tell the kernel from user space no better than the kernel's own clocks.
    const bool kernel = watched.kernel || event.of == kind::device;
    const int needed = watched.thread == -1 ? 0 : kernel ? 1 : 2;
    const std::string level = ec || text.empty() ? "unknown" : text.substr(0, text.find('\n'));
    const bool refused = level.size() == 1 && level[0] - '0' > needed;
    if (!refused && level != "unknown" && watched.thread > 0)
      return "permission denied: the thread belongs to another user; needs CAP_PERFMON, or its user";
    if (!refused && level != "unknown")
      return "permission denied, although kernel.perf_event_paranoid is " + level +
             ": a seccomp filter or a security module";
    const std::string wanted = std::to_string(needed);
    return "permission denied: needs CAP_PERFMON, or kernel.perf_event_paranoid <= " + wanted + " (it is " + level +
           "); root can lower it: sysctl kernel.perf_event_paranoid=" + wanted;
  }
  if (why == std::errc::invalid_argument && event.sample_period != 0 && !event.samples)
    return "this event only counts: it cannot be sampled; leave out the sample period";
  if (why == std::errc::no_such_device && event.of == kind::device)
    return "no such device: this kernel has no perf device \"" + device + "\"" +
           (device == "msr" ? ", which only x86 has" : "");
  if (why == std::errc::no_such_file_or_directory && event.of == kind::device)
    return "not supported by this processor or guest: the device \"" + device + "\" does not list it";
  if (why == std::errc::no_such_file_or_directory || why == std::errc::operation_not_supported ||
      why == std::errc::no_such_device || why == std::errc::not_supported) {
    if (why == std::errc::no_such_device && watched.cpu >= 0 && event.of == kind::software)
      return "CPU " + std::to_string(watched.cpu) + " is offline";
    return "not supported by this processor or guest; in a guest the host must offer a virtual PMU";
  }
  if (why == std::errc::invalid_argument && watched.cpu >= 0)
    return "refused: CPU " + std::to_string(watched.cpu) + " does not exist, or the event does not count CPUs";
  if (why == std::errc::no_such_process) return "there is no such process or thread";
  if (why == std::errc::device_or_resource_busy)
    return "all counters of this kind are in use, for instance by the NMI watchdog: sysctl kernel.nmi_watchdog=0";
  if (why == std::errc::too_many_files_open) return "too many open files: ulimit -n raises the limit";
  if (why == std::errc::function_not_supported) return "this kernel is built without perf events";
  if (why == errc::malformed_text) return "the files of the device in sysfs make no sense";
  return why.message();
}

} // namespace takt::inline TAKT_ABI
