#include "trace_instance.hpp"
#include "left_behind.hpp"
#include "model/process_stat.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <takt/kernel/os.hpp>
#include <unistd.h>
#include <utility>
#ifdef TAKT_TOOL_LIVE_TRACE
extern "C" {
#include <event-parse.h>
#include <kbuffer.h>
// The used part of <tracefs.h>, which up to libtracefs 1.6 is no C++: it passes an int as an enumeration.
struct tracefs_instance;
void tracefs_set_loglevel(enum tep_loglevel level);
int tracefs_tracing_dir_is_mounted(bool mount, const char** path);
tracefs_instance* tracefs_instance_create(const char* name);
int tracefs_instance_destroy(tracefs_instance* instance);
void tracefs_instance_free(tracefs_instance* instance);
char* tracefs_instance_get_dir(tracefs_instance* instance);
void tracefs_put_tracing_file(char* name);
int tracefs_instance_file_write(tracefs_instance* instance, const char* file, const char* text);
char* tracefs_instance_file_read(tracefs_instance* instance, const char* file, int* size);
char* tracefs_event_file_read(tracefs_instance* instance, const char* system, const char* event, const char* file,
                              int* size);
int tracefs_event_enable(tracefs_instance* instance, const char* system, const char* event);
int tracefs_trace_on(tracefs_instance* instance);
int tracefs_trace_off(tracefs_instance* instance);
}
#endif

namespace tool {

std::optional<field_place> event_layout::field(std::string_view field_name) const {
  for (const auto& [known, place] : fields_)
    if (known == field_name) return place;
  return std::nullopt;
}

std::int64_t raw_event::number(const field_place& place) const {
  if (place.size > sizeof(std::int64_t) || place.offset + std::size_t{place.size} > size) return 0;
  const auto read = [&]<class Signed, class Unsigned>(Signed, Unsigned) {
    Unsigned bits{};
    std::memcpy(&bits, data + place.offset, sizeof bits);
    return place.is_signed ? std::int64_t{static_cast<Signed>(bits)} : static_cast<std::int64_t>(bits);
  };
  switch (place.size) {
  case 1: return read(std::int8_t{}, std::uint8_t{});
  case 2: return read(std::int16_t{}, std::uint16_t{});
  case 4: return read(std::int32_t{}, std::uint32_t{});
  case 8: return read(std::int64_t{}, std::uint64_t{});
  default: return 0;
  }
}

std::string_view raw_event::text(const field_place& place) const {
  std::size_t offset = place.offset, length = place.size;
  if (place.dynamic) { // "__data_loc": the place in the lower half, the length in the upper one
    const auto where = static_cast<std::uint32_t>(number({place.offset, 4, false, false}));
    offset = where & 0xffffU, length = where >> 16U;
  }
  if (place.size == 0 && offset <= size) length = size - offset; // an array without a length, as in ftrace:print
  if (offset + length > size) return {};
  const std::string_view whole(reinterpret_cast<const char*>(data) + offset, length);
  return whole.substr(0, whole.find('\0'));
}

#ifdef TAKT_TOOL_LIVE_TRACE

namespace {

std::string read_text(const std::string& path) {
  std::string text;
  return takt::linux_os::read_file(path.c_str(), text, std::size_t{1} << 20) == 0 ? text : std::string();
}

/// When a process started, in clock ticks after boot; nothing where there is none (proc_pid_stat(5)).
std::optional<std::uint64_t> start_of(int pid) {
  const auto stat = parse_process_stat(read_text(absl::StrCat("/proc/", pid, "/stat")));
  return stat ? std::optional(stat->start) : std::nullopt;
}

/// A CPU's buffer. At 20 000 events a second of 80 bytes all on one CPU it lasts for five seconds.
constexpr std::size_t bytes_per_cpu = std::size_t{8} << 20;
/// All buffers together stay below it, on machines with many CPUs.
constexpr std::size_t max_bytes = std::size_t{512} << 20;
constexpr std::size_t min_bytes_per_cpu = std::size_t{1} << 20;

std::string sudo_hint() { return "run it as root: sudo takt ..."; }

/// Why something in tracefs was refused, and what to do.
std::string refused(const std::string& what, int error) {
  const std::string reason = std::error_code(error, std::generic_category()).message();
  if (error == EACCES || error == EPERM) {
    if (geteuid() != 0) return absl::StrCat(what, ": ", reason, "; tracing is for root: ", sudo_hint());
    const std::string lockdown = read_text("/sys/kernel/security/lockdown");
    if (absl::StrContains(lockdown, "[integrity]") || absl::StrContains(lockdown, "[confidentiality]"))
      return absl::StrCat(what, ": ", reason,
                          "; the kernel is locked down (/sys/kernel/security/lockdown): boot without lockdown=");
    return absl::StrCat(what, ": ", reason,
                        "; this container or security policy forbids tracing: run it on the host");
  }
  if (error == EROFS)
    return absl::StrCat(what, ": ", reason, "; tracefs is mounted read-only: mount -o remount,rw /sys/kernel/tracing");
  if (error == ENOMEM) return absl::StrCat(what, ": ", reason, "; there is too little memory for the buffers");
  return absl::StrCat(what, ": ", reason);
}

} // namespace

struct trace_instance::libraries {
  tep_handle* tep = nullptr;
  kbuffer* pages = nullptr;
  tracefs_instance* instance = nullptr;
  std::vector<int> raw; // per_cpu/cpuN/trace_pipe_raw, by the CPU's number
  std::vector<unsigned> numbers;
  int marker = -1;
  int free_buffer = -1; // the kernel stops the recording and frees the buffers when it is closed, even by SIGKILL
  std::size_t page_size = 0;
  std::size_t buffer_bytes = 0;
  std::vector<std::byte> page;
  std::vector<int> layout_of_id; // -1: none of ours
  field_place type{0, 2, false, false};

  libraries() = default;
  libraries(const libraries&) = delete;
  libraries& operator=(const libraries&) = delete;
  ~libraries() {
    for (const int fd : raw) close(fd);
    if (marker >= 0) close(marker);
    if (instance != nullptr) tracefs_trace_off(instance);
    if (free_buffer >= 0) close(free_buffer);
    if (instance != nullptr) {
      tracefs_instance_destroy(instance);
      tracefs_instance_free(instance);
    }
    if (pages != nullptr) kbuffer_free(pages);
    if (tep != nullptr) tep_free(tep);
  }
};

namespace {

struct free_text {
  void operator()(char* text) const { std::free(text); }
};
using owned_text = std::unique_ptr<char, free_text>;

/// Where tracefs is mounted. Never mounts it: that would change the machine.
std::string mounted(std::string& why) {
  const char* path = nullptr;
  if (tracefs_tracing_dir_is_mounted(false, &path) == 1 && path != nullptr) return path;
  why = "tracefs is not mounted, so the kernel's tracepoints cannot be read; as root: "
        "mount -t tracefs nodev /sys/kernel/tracing";
  return {};
}

void remove_left_behind(const std::string& directory) {
  std::vector<std::string> names;
  if (takt::linux_os::list_directory(absl::StrCat(directory, "/instances").c_str(), names) != 0) return;
  // The process of an instance may be invisible here, in another process namespace; the kernel does not remove an
  // instance that is being read.
  for (const std::string& name :
       left_behind(names, [](int pid, std::uint64_t start) { return start_of(pid) == start; }))
    rmdir(absl::StrCat(directory, "/instances/", name).c_str());
}

} // namespace

std::unique_ptr<trace_instance> trace_instance::open(const std::vector<wanted_event>& wanted, std::string& why) {
  tracefs_set_loglevel(TEP_LOG_NONE);
  tep_set_loglevel(TEP_LOG_NONE);
  const std::string directory = mounted(why);
  if (directory.empty()) return nullptr;
  if (access(absl::StrCat(directory, "/events").c_str(), R_OK | X_OK) != 0) {
    const int error = errno;
    why = error == ENOENT ? absl::StrCat("this kernel has no tracepoints (", directory,
                                         "/events): it is built without CONFIG_EVENT_TRACING")
                          : refused(absl::StrCat("tracefs in ", directory), error);
    return nullptr;
  }
  remove_left_behind(directory);

  std::unique_ptr<trace_instance> self(new trace_instance);
  self->libraries_ = std::make_unique<libraries>();
  libraries& own = *self->libraries_;
  const auto start = start_of(getpid());
  const std::string name = instance_name(getpid(), start ? *start : 0);
  errno = 0;
  own.instance = tracefs_instance_create(name.c_str());
  if (own.instance == nullptr) {
    const int error = errno;
    why = error == ENOENT
              ? "this kernel has no tracing instances, which came with Linux 4.1"
              : refused(absl::StrCat("a tracing instance in ", directory, "/instances"), error != 0 ? error : EIO);
    return nullptr;
  }
  tracefs_trace_off(own.instance);
  own.tep = tep_alloc();
  if (own.tep == nullptr) return why = "there is no memory to read the descriptions of events", nullptr;

  if (tracefs_instance_file_write(own.instance, "trace_clock", "mono") < 0) {
    why = refused("the trace clock mono", errno);
    return nullptr;
  }
  static_cast<void>(tracefs_instance_file_write(own.instance, "options/disable_on_free", "1"));
  static_cast<void>(tracefs_instance_file_write(own.instance, "options/overwrite", "1"));
  {
    int size = 0;
    const owned_text header(tracefs_instance_file_read(nullptr, "events/header_page", &size));
    if (header == nullptr || tep_parse_header_page(own.tep, header.get(), static_cast<unsigned long>(size),
                                                   static_cast<int>(sizeof(long))) != 0)
      return why = "the kernel's description of trace pages (events/header_page) cannot be read", nullptr;
  }

  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const wanted_event& w = wanted[i];
    const std::string system(w.system);
    bool found = false;
    int error = ENOENT;
    for (const std::string_view each : w.names) {
      const std::string event(each);
      int size = 0;
      const owned_text format(tracefs_event_file_read(own.instance, system.c_str(), event.c_str(), "format", &size));
      if (format == nullptr) continue;
      // Its formula for printing may be beyond the library; the fields are read all the same.
      tep_parse_event(own.tep, format.get(), static_cast<unsigned long>(size), system.c_str());
      const tep_event* const parsed = tep_find_event_by_name(own.tep, system.c_str(), event.c_str());
      if (parsed == nullptr || parsed->id < 0 || parsed->id > 0xffff) {
        error = EPROTO;
        continue;
      }
      errno = 0;
      if (system != "ftrace" && tracefs_event_enable(own.instance, system.c_str(), event.c_str()) != 0) {
        error = errno != 0 ? errno : EIO;
        continue;
      }
      event_layout layout;
      layout.name = event;
      layout.wanted = i;
      for (const tep_format_field* list : {parsed->format.common_fields, parsed->format.fields}) {
        for (const tep_format_field* f = list; f != nullptr; f = f->next)
          layout.fields_.emplace_back(
              f->name, field_place{static_cast<std::uint32_t>(f->offset), static_cast<std::uint32_t>(f->size),
                                   (f->flags & TEP_FIELD_IS_SIGNED) != 0, (f->flags & TEP_FIELD_IS_DYNAMIC) != 0});
      }
      if (const auto type = layout.field("common_type")) own.type = *type;
      const auto id = static_cast<std::size_t>(parsed->id);
      if (own.layout_of_id.size() <= id) own.layout_of_id.resize(id + 1, -1);
      own.layout_of_id[id] = static_cast<int>(self->layouts_.size());
      self->layouts_.push_back(std::move(layout));
      found = true;
      break;
    }
    if (found) continue;
    const std::string whole = absl::StrCat(system, ":", std::string(w.names.front()));
    self->missing_.push_back(whole);
    if (w.needed) {
      why =
          error == ENOENT
              ? absl::StrCat("this kernel has no event ", whole, " (", directory, "/events/", system,
                             "): without it there is nothing to watch")
              : refused(absl::StrCat("the event ", whole), error);
      return nullptr;
    }
  }

  std::vector<std::string> cpus;
  char* const own_directory = tracefs_instance_get_dir(own.instance);
  const std::string instance_directory = own_directory == nullptr ? "" : own_directory;
  tracefs_put_tracing_file(own_directory);
  if (takt::linux_os::list_directory(absl::StrCat(instance_directory, "/per_cpu").c_str(), cpus) != 0)
    return why = absl::StrCat(instance_directory, "/per_cpu cannot be read"), nullptr;
  for (const std::string& entry : cpus) {
    unsigned number = 0;
    if (absl::StartsWith(entry, "cpu") && absl::SimpleAtoi(absl::string_view(entry).substr(3), &number))
      own.numbers.push_back(number);
  }
  std::sort(own.numbers.begin(), own.numbers.end());
  own.buffer_bytes =
      std::clamp(max_bytes / std::max<std::size_t>(own.numbers.size(), 1), min_bytes_per_cpu, bytes_per_cpu);
  if (tracefs_instance_file_write(own.instance, "buffer_size_kb", std::to_string(own.buffer_bytes >> 10).c_str()) < 0) {
    why = refused(absl::StrCat("trace buffers of ", own.buffer_bytes >> 20, " MiB a CPU"), errno);
    return nullptr;
  }
  for (const unsigned cpu : own.numbers) {
    const int fd = ::open(absl::StrCat(instance_directory, "/per_cpu/cpu", cpu, "/trace_pipe_raw").c_str(),
                          O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
      why = refused(absl::StrCat("the trace of CPU ", cpu), errno);
      return nullptr;
    }
    own.raw.push_back(fd);
  }
  own.marker = ::open(absl::StrCat(instance_directory, "/trace_marker").c_str(), O_WRONLY | O_CLOEXEC);
  own.free_buffer =
      ::open(absl::StrCat(instance_directory, "/free_buffer").c_str(), O_WRONLY | O_CLOEXEC); // not in every kernel
  // The kernel's, which is not that of a 32-bit program on it. tep_kbuffer of libtraceevent 1.7 takes 4 for all.
  own.pages = kbuffer_alloc(tep_get_header_page_size(own.tep) == 4 ? KBUFFER_LSIZE_4 : KBUFFER_LSIZE_8,
                            KBUFFER_ENDIAN_SAME_AS_HOST);
  if (own.pages == nullptr) return why = "there is no memory to read trace pages", nullptr;
  // Newer kernels let pages be larger than those of memory.
  own.page_size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  if (std::size_t kib = 0;
      absl::SimpleAtoi(
          absl::StripAsciiWhitespace(read_text(absl::StrCat(instance_directory, "/buffer_subbuf_size_kb"))), &kib) &&
      kib != 0)
    own.page_size = std::max(own.page_size, kib << 10);
  own.page.resize(own.page_size);
  return self;
}

trace_instance::~trace_instance() = default;

std::size_t trace_instance::cpus() const { return libraries_->numbers.size(); }
std::size_t trace_instance::buffer_bytes() const { return libraries_->buffer_bytes; }

bool trace_instance::record(bool on) {
  return (on ? tracefs_trace_on(libraries_->instance) : tracefs_trace_off(libraries_->instance)) == 0;
}

void trace_instance::mark(std::string_view text) {
  if (libraries_->marker < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(libraries_->marker, text.data(), text.size());
}

double trace_instance::read(const std::function<void(const raw_event&)>& take) {
  libraries& own = *libraries_;
  double fullest = 0;
  for (std::size_t i = 0; i < own.raw.size(); ++i) {
    std::size_t bytes = 0;
    // No more than the buffer held: a CPU that is traced faster than it is read must not keep the others waiting.
    while (bytes < own.buffer_bytes) {
      const ssize_t got = ::read(own.raw[i], own.page.data(), own.page_size);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      bytes += static_cast<std::size_t>(got);
      std::memset(own.page.data() + got, 0, own.page_size - static_cast<std::size_t>(got));
      if (kbuffer_load_subbuffer(own.pages, own.page.data()) != 0) continue;
      unsigned long long stamp = 0;
      for (void* data = kbuffer_read_event(own.pages, &stamp); data != nullptr;
           data = kbuffer_next_event(own.pages, &stamp)) {
        raw_event event{stamp, own.numbers[i], 0, static_cast<const std::byte*>(data),
                        static_cast<std::size_t>(kbuffer_event_size(own.pages))};
        const auto id = static_cast<std::size_t>(event.number(own.type));
        if (id >= own.layout_of_id.size() || own.layout_of_id[id] < 0) continue;
        event.layout = static_cast<std::size_t>(own.layout_of_id[id]);
        take(event);
      }
    }
    fullest = std::max(fullest, static_cast<double>(bytes) / static_cast<double>(own.buffer_bytes));
  }
  return fullest;
}

std::uint64_t trace_instance::lost() const {
  const libraries& own = *libraries_;
  std::uint64_t all = 0;
  for (const unsigned cpu : own.numbers) {
    int size = 0;
    const owned_text text(
        tracefs_instance_file_read(own.instance, absl::StrCat("per_cpu/cpu", cpu, "/stats").c_str(), &size));
    if (text == nullptr) continue;
    for (absl::string_view line : absl::StrSplit(absl::string_view(text.get(), static_cast<std::size_t>(size)), '\n')) {
      std::uint64_t n = 0;
      if ((absl::ConsumePrefix(&line, "overrun:") || absl::ConsumePrefix(&line, "commit overrun:") ||
           absl::ConsumePrefix(&line, "dropped events:")) &&
          absl::SimpleAtoi(absl::StripAsciiWhitespace(line), &n))
        all += n;
    }
  }
  return all;
}

#else

struct trace_instance::libraries {};
std::unique_ptr<trace_instance> trace_instance::open(const std::vector<wanted_event>&, std::string& why) {
  why = "this takt was built without libtracefs and libtraceevent, so it cannot watch this machine; build it with "
        "libtracefs-dev and libtraceevent-dev installed";
  return nullptr;
}
trace_instance::~trace_instance() = default;
std::size_t trace_instance::cpus() const { return 0; }
std::size_t trace_instance::buffer_bytes() const { return 0; }
bool trace_instance::record(bool) { return false; }
void trace_instance::mark(std::string_view) {}
double trace_instance::read(const std::function<void(const raw_event&)>&) { return 0; }
std::uint64_t trace_instance::lost() const { return 0; }

#endif

} // namespace tool
