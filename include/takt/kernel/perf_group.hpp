/// perf_group.hpp - counters of perf_event_open(2) that are started, stopped and read together.
///
///   std::error_code ec;
///   using takt::perf_event;
///   const auto group = perf_event::group::open({perf_event::cycles(), perf_event::instructions()}, {}, ec);
///   work();
///   const auto r = group.read(ec);          // r.count(0): cycles, r.count(1): instructions; r.scaled()
///
/// A group watches a thread, a CPU, or a process and its children. Where the kernel allows it, a thread reads its own
/// counters without a system call, by a page that the kernel keeps up to date.
///
/// Does not promise: that a machine has the counters (perf_event.hpp). If a count had to share its counter with others,
/// it is an estimate; scaled() says so. Nothing here samples.
/// Sources: perf_event_open(2); Linux 6.12 kernel/events/core.c, include/uapi/linux/perf_event.h (struct
/// perf_event_mmap_page, which says how to read a counter in user space).
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/cpu/arch.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/perf_event.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace takt::inline TAKT_ABI {

// definitions

/// Counters that are started, stopped and read together. Moving keeps them; destruction closes them.
template <class Os> class perf_event::basic_group {
public:
  /// The number of events that a group may have, many times the counters of any processor.
  static constexpr std::size_t max_events = 16;

  /// What a group counted up to one moment.
  class reading {
  public:
    std::chrono::nanoseconds enabled{}; ///< how long the group was enabled
    std::chrono::nanoseconds running{}; ///< how long of that it had counters of the processor

    /// Returns: whether the group shared its counters with others (multiplexing), so that count() is an estimate.
    [[nodiscard]] bool scaled() const noexcept { return running < enabled; }
    /// Returns: what event `i` of the group counted, scaled to the time that the group was enabled; nullopt if it never
    /// had a counter.
    [[nodiscard]] std::optional<double> count(std::size_t i) const noexcept {
      if (i >= size || running <= running.zero()) return std::nullopt;
      const auto n = static_cast<double>(counted[i]);
      return scaled() ? n * (static_cast<double>(enabled.count()) / static_cast<double>(running.count())) : n;
    }
    std::size_t size = 0;                     ///< the number of events
    std::uint64_t counted[max_events]{};      ///< what was counted, without scaling
  };

  basic_group() noexcept = default;
  basic_group(basic_group&& other) noexcept { swap(other); }
  basic_group& operator=(basic_group&& other) noexcept {
    basic_group(std::move(other)).swap(*this);
    return *this;
  }
  ~basic_group() {
    for (std::size_t i = size_; i-- > 0;) {
      if (page_[i] != nullptr) Os::perf_unmap(page_[i]);
      Os::perf_close(fd_[i]);
    }
  }

  /// Returns: the events, counting from now on, or from the exec of `watched.from_exec`; an empty group on error.
  /// Errors: those of perf_event_open(2), which perf_event::explain() explains; argument_list_too_long for more than
  /// max_events; invalid_argument for several events of children, which old kernels cannot read together. One system
  /// call for each event, and one more.
  [[nodiscard]] static basic_group open(std::span<const perf_event> events, const perf_event::target& watched,
                                             std::error_code& ec) noexcept;
  [[nodiscard]] static basic_group open(std::initializer_list<perf_event> events,
                                             const perf_event::target& watched, std::error_code& ec) noexcept {
    return open(std::span<const perf_event>(events.begin(), events.size()), watched, ec);
  }
#if TAKT_EXCEPTIONS
  [[nodiscard]] static basic_group open(std::span<const perf_event> events,
                                             const perf_event::target& watched = {});
#endif

  /// Returns: the number of events; 0 for an empty group.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Effects: lets the group count, or stops it. Errors: those of ioctl(2). One system call.
  void enable(bool on, std::error_code& ec) noexcept { set(ec, size_ == 0 ? EBADF : Os::perf_enable(fd_[0], on)); }
  /// Returns: the counts up to now; all zero on error. Errors: those of read(2); no_message_available (ENODATA) if the
  /// kernel could not keep the group together. One system call; async-signal-safe.
  [[nodiscard]] reading read(std::error_code& ec) const noexcept;

  /// Effects: maps the pages by which count_in_user_space() reads. Errors: those of mmap(2).
  void map(std::error_code& ec) noexcept;
  /// Returns: what event `i` counted, read without a system call; nullopt if the kernel or the processor does not allow
  /// that (cap_user_rdpmc), if the event has no counter at this moment or shared it before, or before map(). Only for
  /// counters of the calling thread.
  [[nodiscard]] std::optional<std::uint64_t> count_in_user_space(std::size_t i) const noexcept;

private:
  void swap(basic_group& other) noexcept {
    std::swap(size_, other.size_), std::swap(fd_, other.fd_), std::swap(page_, other.page_);
  }
  static void set(std::error_code& ec, int error) noexcept {
    ec = error == 0 ? std::error_code() : detail::errno_code(error);
  }

  std::size_t size_ = 0;
  int fd_[max_events]{};
  const detail::perf_page* page_[max_events]{};
};

template <class Os>
auto perf_event::basic_group<Os>::open(std::span<const perf_event> events, const perf_event::target& watched,
                                       std::error_code& ec) noexcept -> basic_group {
  using request = detail::perf_request;
  basic_group group;
  set(ec, events.size() > max_events ? E2BIG : watched.children && events.size() > 1 ? EINVAL : 0);
  for (std::size_t i = 0; i < events.size() && !ec; ++i) {
    const perf_event& e = events[i];
    if (e.missing) {
      ec = e.missing;
      break;
    }
    request r;
    r.type = e.type, r.config = e.config, r.config1 = e.config1, r.sample_period = e.sample_period;
    r.read_format = request::time_enabled | request::time_running;
    if (events.size() > 1) r.read_format |= request::whole_group;
    // A device counts kernel and user together, and refuses a request that excludes one of them.
    if (watched.kernel || e.of == perf_event::kind::device) r.flags = 0;
    if (i == 0) r.flags |= request::disabled;
    if (watched.children) r.flags |= request::inherit;
    if (watched.from_exec && i == 0) r.flags |= request::enable_on_exec;
    int fd = -1;
    set(ec, Os::perf_open(r, watched.thread, watched.cpu, i == 0 ? -1 : group.fd_[0], fd));
    if (!ec) group.fd_[group.size_++] = fd;
  }
  if (!ec && group.size_ != 0 && !watched.from_exec) group.enable(true, ec);
  return ec ? basic_group() : std::move(group);
}

template <class Os> auto perf_event::basic_group<Os>::read(std::error_code& ec) const noexcept -> reading {
  reading r;
  std::uint64_t raw[3 + max_events]{};
  std::size_t got = 0;
  set(ec, size_ == 0 ? EBADF : Os::perf_read(fd_[0], raw, 3 + size_, got));
  if (ec) return r;
  // Alone: value, enabled, running. As a group: number, enabled, running, values.
  const std::size_t first = size_ == 1 ? 0 : 3, expected = size_ == 1 ? 3 : 3 + size_;
  if (got != expected || (size_ > 1 && raw[0] != size_)) {
    set(ec, ENODATA);
    return r;
  }
  r.size = size_;
  r.enabled = std::chrono::nanoseconds(static_cast<std::int64_t>(raw[1]));
  r.running = std::chrono::nanoseconds(static_cast<std::int64_t>(raw[2]));
  for (std::size_t i = 0; i < size_; ++i) r.counted[i] = raw[first + i];
  return r;
}

template <class Os> void perf_event::basic_group<Os>::map(std::error_code& ec) noexcept {
  ec.clear();
  for (std::size_t i = 0; i < size_ && !ec; ++i) {
    if (page_[i] == nullptr) set(ec, Os::perf_map(fd_[i], page_[i]));
  }
}

namespace detail {

/// Returns: what a counter shows by its page and by `read_counter(index)`; nullopt if the page does not allow this way
/// of reading.
template <class ReadCounter>
[[nodiscard, gnu::always_inline]] inline std::optional<std::uint64_t>
count_by_page(const perf_page& page, ReadCounter read_counter) noexcept {
  std::optional<std::uint64_t> count;
  const bool read = read_perf_page(page, [&](const perf_page& p) {
    count.reset();
    const std::uint32_t index = __atomic_load_n(&p.index, __ATOMIC_ACQUIRE);
    const auto width = __atomic_load_n(&p.width, __ATOMIC_ACQUIRE);
    const std::int64_t offset = __atomic_load_n(&p.offset, __ATOMIC_ACQUIRE);
    const bool allowed = (__atomic_load_n(&p.capabilities, __ATOMIC_ACQUIRE) & perf_page::user_rdpmc) != 0;
    const bool shared = __atomic_load_n(&p.enabled, __ATOMIC_ACQUIRE) != __atomic_load_n(&p.running, __ATOMIC_ACQUIRE);
    if (!allowed || index == 0 || width == 0 || width > 64 || shared) return;
    // The counter has `width` bits, the highest of which is the sign; `offset` is what to add to it.
    const auto shown = static_cast<std::int64_t>(read_counter(index - 1) << (64 - width)) >> (64 - width);
    count = static_cast<std::uint64_t>(offset) + static_cast<std::uint64_t>(shown);
  });
  if (!read) count.reset();
  return count;
}

} // namespace detail

template <class Os>
std::optional<std::uint64_t> perf_event::basic_group<Os>::count_in_user_space(std::size_t i) const noexcept {
  if (i >= size_ || page_[i] == nullptr) return std::nullopt;
  if constexpr (!detail::arch::reads_performance_counters) return std::nullopt;
  else return detail::count_by_page(*page_[i], &detail::arch::read_performance_counter);
}

#if TAKT_EXCEPTIONS
template <class Os>
auto perf_event::basic_group<Os>::open(std::span<const perf_event> events, const perf_event::target& watched)
    -> basic_group {
  return detail::or_throw([&](std::error_code& ec) { return open(events, watched, ec); },
                          [&](std::error_code ec) {
                            const perf_event none;
                            const perf_event& e = events.empty() ? none : events.front();
                            return "perf_event_open: " + e.name + ": " + perf_event::explain<Os>(ec, e, watched);
                          });
}
#endif

} // namespace takt::inline TAKT_ABI
