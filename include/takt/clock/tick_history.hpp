/// tick_history.hpp - dates the ticks of a log in another process, on another machine, after a reboot.
///
/// The process that stores ticks also keeps a history beside its log: a file of points at which counter and reference
/// clock were compared. A reader dates ticks by it, and needs neither that machine nor a clock.
///
///   takt::clock_keeper keeper;
///   takt::tick_history::writer history("/var/log/mine.ticks", 24h);   // how long it shall reach back
///   history.save();                                                   // now and then: 1 s to 30 s apart is good
///
///   auto history = takt::tick_history::load("mine.ticks");            // elsewhere
///   auto when = history.date(tick);                                   // when.system +/- when.error
///
/// save() appends the segments of the time line since the last call, and one comparison that it makes itself; so all
/// ticks up to it lie between two points. A point takes 6 to 17 bytes, and points are at least 0.95 s apart: an hour of
/// history takes at most 64 KiB, in practice half of that. A process that is killed in the middle of a write leaves
/// half of a frame, which readers skip and later writers leave behind. Points and their checksums, byte by byte:
/// detail/history_format.hpp. How the error is found: detail/history_dating.hpp.
///
/// A file holds one boot of one machine, because ticks of two boots cannot be told apart. A program that goes on with
/// its log after a reboot begins another history, with another name; save() reports other_boot until it does.
///
/// Does not promise: points that survive a power failure (nothing is synced); to notice that the rate of the reference
/// changed and changed back between two points; a time zone or the leap seconds of `system`, which is what the system
/// clock showed. The file is not locked: two writers of one file do no harm if they are in the same time namespace, but
/// each writes its own points.
#pragma once
#include <takt/clock/clock_point.hpp>
#include <takt/clock/detail/history_dating.hpp>
#include <takt/clock/detail/history_format.hpp>
#include <takt/clock/detail/history_source.hpp>
#include <takt/clock/detail/time_line.hpp>
#include <takt/clock/detail/tsc_clock_state.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>
#include <takt/kernel/boot_id.hpp>
#include <takt/kernel/os.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <ratio>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis
class tick_history;

// definitions

/// The history of a counter, as it was read from bytes. May be read by many threads at a time.
class tick_history {
public:
  template <class Clock> class basic_writer;
  using writer = basic_writer<tsc_clock>; ///< keeps a history of tsc_clock and fast_tsc_clock, which share their line

  /// A converted tick.
  struct dated {
    std::chrono::nanoseconds time{}; ///< the reference at that tick, since its epoch; for tsc_clock, CLOCK_MONOTONIC
    std::chrono::sys_time<std::chrono::nanoseconds> system{}; ///< `time` by the system clock as the writer's next point
                                                              ///< found it, good to another 150 ns
    std::chrono::nanoseconds error = std::chrono::nanoseconds::max(); ///< how far the reference may be from `time`
    bool extrapolated = true; ///< no points within 20 minutes of each other are around the tick
  };

  /// load() and save() refuse a longer file.
  static constexpr std::size_t max_bytes = std::size_t{64} << 20;

  /// A history without points: every error is unknown.
  tick_history() = default;
  /// Returns: what is readable of the content of a file. Errors: truncated_file where a writer was stopped in the
  /// middle of a point, which is lost; malformed_file where bytes are damaged, or are no history; other_version;
  /// other_boot for a part that another boot or clock wrote, which is left out. The history holds the rest even then. A
  /// pure function, linear in the number of bytes.
  template <class T = detail::for_callers>
  [[nodiscard]] static tick_history parse(std::string_view bytes, std::error_code& ec) {
    tick_history h;
    h.content_ = detail::decode_history<T>(bytes, ec);
    h.runs_ = detail::runs_of<T>(h.content_);
    return h;
  }
  /// Returns: parse() of a file. Errors: also those of reading it; EFBIG above max_bytes.
  template <class Os = linux_os> [[nodiscard]] static tick_history load(const std::string& path, std::error_code& ec) {
    std::string bytes;
    if (const int error = Os::read_file(path.c_str(), bytes, max_bytes); error != 0)
      return ec = detail::errno_code(error), tick_history();
    return parse(bytes, ec);
  }
#if TAKT_EXCEPTIONS
  /// Returns: as the other form, also where the end of the file is missing: after a crash that is no error.
  template <class Os = linux_os> [[nodiscard]] static tick_history load(const std::string& path) {
    return detail::or_throw(
        [&](std::error_code& ec) {
          tick_history h = load<Os>(path, ec);
          if (ec == errc::truncated_file && !h.empty()) ec.clear();
          return h;
        },
        [&](std::error_code ec) { return "tick_history: " + detail::file_hint(path.c_str(), ec); });
  }
#endif

  /// Returns: whether there is no point.
  [[nodiscard]] bool empty() const noexcept { return content_.points.empty(); }
  /// Returns: the boot id of the kernel under which the history was written; empty if nothing could be read.
  [[nodiscard]] std::string_view boot_id() const noexcept { return content_.header.boot; }

  /// Returns: the time of a tick, and its error. Costs some 100 ns, more if the counter was reset often.
  template <class T = detail::for_callers> [[nodiscard]] dated date(tick_point t) const noexcept {
    using std::chrono::nanoseconds;
    const detail::history_date d = detail::date_by_history<T>(content_.points, runs_, t.count());
    const nanoseconds system(detail::saturating_sum(d.time, d.system));
    return {nanoseconds(d.time), std::chrono::sys_time<nanoseconds>(system), nanoseconds(d.error), d.extrapolated};
  }
  /// Returns: date(t).time.
  [[nodiscard]] std::chrono::nanoseconds from_ticks(tick_point t) const noexcept { return date(t).time; }

private:
  detail::history_content content_;
  std::vector<detail::history_run> runs_;
};

/// Keeps a history of `Clock` in a file. Any thread may call save(); one call waits for another.
template <class Clock> class tick_history::basic_writer {
  using source = detail::history_source<Clock>;
  using os = typename source::os;

public:
  /// Points are at least this far apart, but for the last one. The size of a file follows from it.
  static constexpr std::chrono::nanoseconds min_distance = std::chrono::milliseconds(950);
  /// A file is rewritten when it has more bytes than this for each hour that it reaches back.
  static constexpr std::size_t bytes_an_hour = std::size_t{64} << 10;

  /// Effects: none on the file before save(). `reach`: after a quarter more than this, the oldest points are left out,
  /// and the file is replaced. A shorter reach than a minute is a minute.
  explicit basic_writer(std::string path, std::chrono::nanoseconds reach = std::chrono::hours(24))
      : path_(std::move(path)), reach_(std::max<std::chrono::nanoseconds>(reach, std::chrono::minutes(1))) {
    static_cast<void>(os::count_forks());
    forks_ = os::fork_count();
  }
  basic_writer(const basic_writer&) = delete;
  basic_writer& operator=(const basic_writer&) = delete;
  /// Effects: saves a last point, however close to the one before. Errors are ignored; call save() to know them.
  TAKT_UNWINDS ~basic_writer() {
    std::error_code ignored;
    save_by(true, ignored);
  }

  /// Effects: appends to the file what is new: the segments since the last call, and a comparison of the clocks now. A
  /// clock with a keeper of 1 s forgets a segment after 56 s, so call it at least every 40 s. A call within
  /// min_distance of the last point writes nothing. The file is created, readable by all, if it does not exist, or was
  /// removed or rotated. If its end is missing, a new section follows. Costs some 60 us, of which most is the write.
  /// Errors: not_calibrated; counter_forbidden; what reading the boot id and the clocks reports; what reading and
  /// writing the file reports; malformed_file and other_version for a file that is no history, other_boot for one of
  /// another boot or clock: these are not touched; ELOOP for a symbolic link; EPERM in a forked child, where the object
  /// is inert (it makes a writer of its own, for a file of its own); ENOMEM. What was not written is written by the
  /// next call.
  TAKT_UNWINDS void save(std::error_code& ec) noexcept { save_by(false, ec); }
#if TAKT_EXCEPTIONS
  void save() {
    detail::or_throw([&](std::error_code& ec) { save(ec); },
                     [&] { return "tick_history: " + path_ + ": needs a calibrated clock, a directory to write in, and "
                                  "a file of this boot or none"; });
  }
#endif

private:
  using point = detail::history_point;

  TAKT_UNWINDS void save_by(bool last, std::error_code& ec) noexcept {
    ec.clear();
    if (os::forked_since(forks_)) { // another thread of the parent may hold the mutex for ever
      ec = detail::errno_code(EPERM);
      return;
    }
    static_cast<void>(detail::or_no_memory([&] {
      const std::lock_guard lock(mutex_);
      constexpr int attempts = 2; // the second one if the file was found changed
      for (int i = 0; i < attempts; ++i) {
        write_new(last, ec);
        if (ec != std::errc::no_such_file_or_directory && ec.value() != ESTALE) break;
      }
      return 0;
    }, ec));
  }
  TAKT_UNWINDS void open(std::error_code& ec);
  TAKT_UNWINDS void write_new(bool last, std::error_code& ec);
  TAKT_UNWINDS void rewrite(std::error_code& ec);
  /// The size above which the file is rewritten: what one call appends fits into the rest.
  [[nodiscard]] std::uint64_t max_size() const noexcept {
    constexpr double min_size = 8192, one_call = 1024;
    const double hours = std::chrono::duration<double, std::ratio<3600>>(reach_).count();
    return static_cast<std::uint64_t>(std::max(min_size, hours * static_cast<double>(bytes_an_hour)) - one_call);
  }

  unsigned forks_ = 0; ///< of the process that made the object
  std::mutex mutex_;
  std::string path_;
  std::chrono::nanoseconds reach_;
  bool open_ = false;       ///< the rest describes the file
  bool exists_ = false;
  std::uint64_t size_ = 0;
  bool has_last_ = false;   ///< `last_` and `oldest_` are points of the file
  bool mine_ = false;       ///< a point of this writer is in the file
  point last_{};
  std::int64_t oldest_ = 0; ///< the reference at the oldest point
  detail::history_header header_;
  detail::history_encoder encoder_;
};

/// Effects: reads the file, and notes how it ends. Errors: those of save().
template <class Clock> TAKT_UNWINDS void tick_history::basic_writer<Clock>::open(std::error_code& ec) {
  header_ = source::header(ec);
  if (ec) return;
  header_.boot = read_boot_id<os>(ec);
  if (ec) return;
  std::string bytes;
  const int error = os::read_file(path_.c_str(), bytes, max_bytes);
  if (error != 0 && error != ENOENT) {
    ec = detail::errno_code(error);
    return;
  }
  const detail::history_content found = detail::decode_history(bytes, ec);
  const bool nothing = found.sections.empty();
  // Nothing but the beginning of a header: the file was created a moment before a power failure.
  if (nothing ? ec != errc::truncated_file : !found.header.fits(header_)) {
    if (!nothing) ec = errc::other_boot;
    return;
  }
  ec.clear();
  exists_ = error == 0 && !nothing;
  size_ = bytes.size();
  has_last_ = !found.points.empty();
  if (has_last_) last_ = found.points.back(), oldest_ = found.points.front().reference;
  else mine_ = false;
  encoder_ = detail::history_encoder(header_); // so it begins a section
  open_ = true;
}

/// Effects: appends what is new. `last`: also a point that is close to the one before.
template <class Clock> TAKT_UNWINDS void tick_history::basic_writer<Clock>::write_new(bool last, std::error_code& ec) {
  ec.clear();
  const clock_point now = source::read(ec);
  if (ec) return;
  if (!open_) open(ec);
  if (ec) return;
  open_ = false; // until all went well, also where memory runs out
  // What differs by no more than two readings of it may is the same, and takes no bytes.
  constexpr std::int64_t noise = 100;
  std::int64_t system = source::system_ahead().count();
  if (has_last_ && std::abs(detail::saturating_difference(system, last_.system)) <= noise)
    system = last_.system;
  const auto far = [](std::int64_t from, std::int64_t to) {
    return detail::saturating_difference(to, from) >= min_distance.count();
  };
  std::vector<detail::dependent<Clock, point>> points;
  point end = last_;
  bool any = has_last_, first = !mine_;
  const auto add = [&](const clock_point& c) {
    end = {c.at.count(), c.reference.count(), c.half_width.count(), system};
    if (detail::is_sound(end)) points.push_back(end), any = true, first = false;
  };
  source::for_each_segment([&](const clock_point& c) { // the oldest first
    const std::int64_t r = c.reference.count();
    // The first point of a writer is where its clock began: it is not left out for one that follows soon.
    const bool new_one = !any || (first ? r > end.reference : far(end.reference, r));
    if (new_one && (first || far(r, now.reference.count()))) add(c);
  });
  if (!any || far(end.reference, now.reference.count()) || (last && now.reference.count() > end.reference)) add(now);
  if (points.empty()) {
    open_ = true;
    return;
  }

  std::string bytes;
  encoder_.append(bytes, points.data(), points.size());
  const int error = exists_ ? os::append_file(path_, size_, bytes) : os::replace_file(path_, bytes, 0644);
  if (error != 0) {
    ec = detail::errno_code(error);
    return;
  }
  size_ = exists_ ? size_ + bytes.size() : bytes.size();
  if (!has_last_) oldest_ = points.front().reference;
  exists_ = has_last_ = mine_ = true;
  last_ = points.back();
  const std::int64_t age = detail::saturating_difference(last_.reference, oldest_);
  if (age > detail::saturating_sum(reach_.count(), reach_.count() / 4) || size_ > max_size()) rewrite(ec);
  open_ = !ec;
}

/// Effects: replaces the file by one with the points that it shall reach back to.
template <class Clock> TAKT_UNWINDS void tick_history::basic_writer<Clock>::rewrite(std::error_code& ec) {
  std::string bytes;
  if (const int error = os::read_file(path_.c_str(), bytes, max_bytes); error != 0) {
    ec = detail::errno_code(error);
    return;
  }
  std::error_code damage; // what cannot be read is left out
  detail::history_content all = detail::decode_history(bytes, damage);
  if (all.points.empty() || !all.header.fits(header_)) {
    ec = errc::malformed_file;
    return;
  }
  const std::int64_t oldest = detail::saturating_difference(all.points.back().reference, reach_.count());
  std::erase_if(all.points, [&](const point& p) { return p.reference < oldest; });
  // The rate before the first point is the one that was known, which later steering does not make true.
  detail::history_header header = header_;
  header.unsure = detail::history_header::unknown;
  // Points in common frames take half as much. If that is not enough, the system clock was set all the time; then the
  // file reaches back less far.
  do {
    bytes.clear();
    detail::history_encoder(header).append(bytes, all.points.data(), all.points.size());
    if (bytes.size() <= max_size() / 4 * 3) break;
    all.points.erase(all.points.begin(), all.points.begin() + static_cast<std::ptrdiff_t>(all.points.size() / 4 + 1));
  } while (!all.points.empty());
  if (const int error = os::replace_file(path_, bytes, 0644); error != 0) {
    ec = detail::errno_code(error);
    return;
  }
  size_ = bytes.size();
  oldest_ = all.points.front().reference;
  encoder_ = detail::history_encoder(header_);
}

} // namespace takt::inline TAKT_ABI
