/// history_format.hpp - the bytes of a history of ticks: points at which counter and reference clock were compared.
///
/// A file is a series of sections. A section is a header and the frames that follow it; it needs nothing that stands
/// before it. So a reader goes on at the next header where bytes are damaged, and a writer that does not know how the
/// file ends begins a section. Every section holds the same boot.
///
/// Numbers of a fixed size have their least significant byte first, on every machine. A varint holds seven bits a byte,
/// the least significant ones first, and the highest bit says that another byte follows. A signed number n is the
/// varint of 2n, or of -2n - 1 if it is negative.
///
///   header   8 bytes    f4 74 69 63 6b 73 0d 0a      ("ticks"; no frame begins with f4)
///            2          version, 1
///            2          id of the reference clock, ffff if it has none
///            36         boot id, as Linux prints it
///            8          nominal rate of the counter, in microhertz; not 0
///            4          the uncertainty of that rate, in parts of 10^12; ffffffff: unknown
///            4          checksum
///   frame    1          length of the payload, 1 to 127
///            varint     the system clock ahead of the reference, in ns, less that of the frame before (signed)
///            and for each point
///              varint   ticks since the point before, modulo 2^64
///              varint   the reference since the point before, less what those ticks are at the nominal rate (signed)
///              varint   the error bound of the reference, in ns
///            4          checksum
///
/// At the beginning of a section, the point and the frame before are all zero. The checksum of a header is of all its
/// bytes before; that of a frame is of the four bytes before the frame, which are a checksum too, and of the frame. So
/// a frame that was lost is noticed. It is FNV-1a of 64 bits, of which the upper half is added to the lower by
/// exclusive or.
///
/// Pure functions: bytes in, points out, and the reverse.
///
/// Does not promise: protection against bytes that somebody forged.
/// Sources: G. Fowler, L. C. Noll, K.-P. Vo, FNV-1a.
#pragma once
#include <takt/clock/detail/shared_anchor.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI::detail {

// synopsis
/// A comparison of the counter with its reference clock. Times are nanoseconds.
struct history_point {
  std::uint64_t tick = 0;      ///< the counter
  std::int64_t reference = 0;  ///< the reference at that tick, since its epoch
  std::int64_t half_width = 0; ///< the error bound of `reference`
  std::int64_t system = 0;     ///< how far the system clock was ahead of the reference
  friend bool operator==(const history_point&, const history_point&) = default;
};

/// What the header of a section says.
struct history_header {
  static constexpr std::uint32_t unknown = ~std::uint32_t{0};
  static constexpr std::size_t boot_size = 36;
  std::string boot;
  std::uint16_t clock = 0xffff;
  std::uint64_t microhertz = 0;
  std::uint32_t unsure = unknown; ///< the uncertainty of the rate, in parts of 10^12

  /// Whether a section with the other header may stand in the same file.
  [[nodiscard]] bool fits(const history_header& other) const { return boot == other.boot && clock == other.clock; }
};

/// What a file holds.
struct history_content {
  struct section {
    std::size_t begin = 0; ///< the number of its first point
    double ns_per_tick = 0, ppm = 0; ///< the nominal rate; `ppm` is negative where its uncertainty is unknown
  };
  history_header header; ///< of the first section; without a boot id if there is none
  std::vector<history_point> points;
  std::vector<section> sections;
};

class history_encoder;
template <class = for_callers>
[[nodiscard]] history_content decode_history(std::string_view bytes, std::error_code& ec);

// definitions

namespace history_parameters {
inline constexpr std::string_view magic("\xf4ticks\r\n", 8);
inline constexpr std::uint16_t version = 1;
inline constexpr std::size_t header_size = 64, checksum_size = 4, max_payload = 127;
/// A section ends after this many bytes: so much is lost at most where bytes are damaged.
inline constexpr std::size_t section_size = 4096;
/// Times and error bounds are below this, so that their sums and differences fit into 64 bits.
inline constexpr std::int64_t max_time = std::int64_t{1} << 61;
} // namespace history_parameters

template <class = for_callers> void put_fixed(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(static_cast<unsigned char>(value >> 8 * i & 0xff));
}
template <class = for_callers> [[nodiscard]] std::uint64_t get_fixed(std::string_view bytes) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}
template <class = for_callers> void put_varint(std::string& out, std::uint64_t value) {
  for (; value > 0x7f; value >>= 7) put_fixed(out, (value & 0x7f) | 0x80, 1);
  put_fixed(out, value, 1);
}
/// Takes a varint off the front of `bytes`. Returns: whether there is one that fits into 64 bits.
template <class = for_callers> [[nodiscard]] bool take_varint(std::string_view& bytes, std::uint64_t& value) noexcept {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte <= 0x7f) return true;
  }
  return false;
}
/// A signed number as an unsigned one, and the inverse. The number is given and returned modulo 2^64.
[[nodiscard]] constexpr std::uint64_t folded(std::uint64_t n) noexcept { return n << 1 ^ (0 - (n >> 63)); }
[[nodiscard]] constexpr std::uint64_t unfolded(std::uint64_t n) noexcept { return n >> 1 ^ (0 - (n & 1)); }

template <class = for_callers> [[nodiscard]] std::uint64_t history_checksum(std::string_view bytes) noexcept {
  const std::uint64_t hash = fnv1a(bytes);
  return (hash ^ hash >> 32) & 0xffffffff;
}
/// Returns: the time of `ticks` at a nominal rate, in ns modulo 2^64.
[[nodiscard]] constexpr std::uint64_t nominal_time(std::uint64_t ticks, std::uint64_t microhertz) noexcept {
  return static_cast<std::uint64_t>(static_cast<uint128>(ticks) * 1'000'000'000'000'000 / microhertz);
}
[[nodiscard]] constexpr bool is_sound(const history_point& p) noexcept {
  constexpr std::int64_t max = history_parameters::max_time;
  return p.reference > -max && p.reference < max && p.half_width >= 0 && p.half_width < max && p.system > -max &&
         p.system < max;
}

/// Writes sections. An object continues the section that it wrote before.
class history_encoder {
public:
  history_encoder() = default;
  explicit history_encoder(history_header h) : header_(std::move(h)) {}

  /// Effects: adds `n` points to `out`, in as few frames as possible. Precondition: they are sound, and the bytes that
  /// `out` got from this object before are written to the file, with nothing between.
  template <class = for_callers> void append(std::string& out, const history_point* points, std::size_t n);

private:
  template <class = for_callers> void begin_section(std::string& out);
  template <class = for_callers> void end_frame(std::string& out);

  history_header header_;
  history_point last_{};
  std::string frame_;    ///< what the next checksum is of: the checksum before, the length, the payload
  std::size_t size_ = 0; ///< of the section so far; 0: none was begun
};

template <class> void history_encoder::begin_section(std::string& out) {
  std::string h(history_parameters::magic);
  put_fixed(h, history_parameters::version, 2);
  put_fixed(h, header_.clock, 2);
  std::string boot = header_.boot;
  boot.resize(history_header::boot_size);
  h += boot;
  put_fixed(h, header_.microhertz, 8);
  put_fixed(h, header_.unsure, 4);
  frame_.clear();
  put_fixed(frame_, history_checksum(h), 4);
  out += h;
  out += frame_;
  size_ = history_parameters::header_size;
  last_ = {};
}

template <class> void history_encoder::end_frame(std::string& out) {
  constexpr std::size_t begin = history_parameters::checksum_size;
  frame_[begin] = static_cast<char>(frame_.size() - begin - 1);
  const std::uint64_t sum = history_checksum(frame_);
  out.append(frame_, begin);
  size_ += frame_.size();
  frame_.clear();
  put_fixed(frame_, sum, 4);
  out += frame_;
}

template <class> void history_encoder::append(std::string& out, const history_point* points, std::size_t n) {
  constexpr std::size_t begin = history_parameters::checksum_size;
  std::string one;
  for (std::size_t i = 0; i < n; ++i) {
    if (size_ == 0 || size_ >= history_parameters::section_size) begin_section(out);
    frame_ += '\0'; // the length
    for (bool first = true; i < n; ++i, first = false) {
      const history_point& p = points[i];
      if (!first && p.system != last_.system) break;
      one.clear();
      if (first)
        put_varint(one, folded(static_cast<std::uint64_t>(p.system) - static_cast<std::uint64_t>(last_.system)));
      const std::uint64_t since = p.tick - last_.tick;
      put_varint(one, since);
      put_varint(one, folded(static_cast<std::uint64_t>(p.reference) - static_cast<std::uint64_t>(last_.reference) -
                             nominal_time(since, header_.microhertz)));
      put_varint(one, static_cast<std::uint64_t>(p.half_width));
      if (!first && frame_.size() - begin - 1 + one.size() > history_parameters::max_payload) break;
      frame_ += one;
      last_ = p;
    }
    --i; // the outer loop goes on at the point that did not fit
    end_frame(out);
  }
}

/// How a header can be.
enum class header_finding { sound, damaged, other_version };

template <class = for_callers>
[[nodiscard]] header_finding parse_header(std::string_view bytes, history_header& out) {
  using namespace history_parameters;
  if (bytes.size() < header_size || bytes.substr(0, magic.size()) != magic) return header_finding::damaged;
  // The version is looked at before the checksum, which another version may have elsewhere.
  if (get_fixed(bytes.substr(8, 2)) != version) return header_finding::other_version;
  const std::string_view content = bytes.substr(0, header_size - checksum_size);
  if (get_fixed(bytes.substr(content.size(), checksum_size)) != history_checksum(content))
    return header_finding::damaged;
  out.clock = static_cast<std::uint16_t>(get_fixed(bytes.substr(10, 2)));
  out.boot = bytes.substr(12, history_header::boot_size);
  out.microhertz = get_fixed(bytes.substr(48, 8));
  out.unsure = static_cast<std::uint32_t>(get_fixed(bytes.substr(56, 4)));
  return out.microhertz != 0 ? header_finding::sound : header_finding::damaged;
}

/// Effects: adds the points of a frame to `points`; `last` is the point before. Returns: whether the payload is sound;
/// if not, nothing was added.
template <class = for_callers>
[[nodiscard]] bool parse_payload(std::string_view payload, std::uint64_t microhertz, history_point& last,
                                 std::vector<history_point>& points) {
  const std::size_t before = points.size();
  history_point p = last;
  std::uint64_t n = 0;
  bool sound = take_varint(payload, n);
  p.system = static_cast<std::int64_t>(static_cast<std::uint64_t>(p.system) + unfolded(n));
  while (sound && !payload.empty()) {
    std::uint64_t since = 0, rest = 0;
    sound = take_varint(payload, since) && take_varint(payload, rest) && take_varint(payload, n);
    p.tick += since;
    p.reference = static_cast<std::int64_t>(static_cast<std::uint64_t>(p.reference) + unfolded(rest) +
                                            nominal_time(since, microhertz));
    p.half_width = static_cast<std::int64_t>(n);
    sound = sound && is_sound(p);
    if (sound) points.push_back(p);
  }
  if (sound) last = p;
  else points.resize(before);
  return sound;
}

/// Returns: all that is readable. `ec` says what is wrong with the rest: truncated_file if a writer was stopped in the
/// middle, now or before a later one went on; malformed_file; other_boot for sections of another boot or clock than the
/// first; other_version.
template <class> history_content decode_history(std::string_view bytes, std::error_code& ec) {
  using namespace history_parameters;
  ec.clear();
  history_content content;
  const auto wrong = [&](errc e) { // the worst is reported: it stands last in this order
    const auto weight = [](const std::error_code& c) {
      return c == errc::truncated_file ? 1 : c == errc::malformed_file ? 2 : c == errc::other_boot ? 3 : c ? 4 : 0;
    };
    if (weight(e) > weight(ec)) ec = e;
  };
  if (bytes.empty()) wrong(errc::truncated_file);
  history_header header;
  history_point last;
  bool in_section = false;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::string_view rest = bytes.substr(at);
    history_header next;
    const header_finding found = parse_header(rest, next);
    if (found == header_finding::sound) {
      if (content.header.boot.empty()) content.header = next;
      in_section = content.header.fits(next);
      if (!in_section) wrong(errc::other_boot);
      header = next, last = {};
      const double ppm = next.unsure == history_header::unknown ? -1 : static_cast<double>(next.unsure) * 1e-6;
      if (in_section)
        content.sections.push_back({content.points.size(), 1e15 / static_cast<double>(next.microhertz), ppm});
      at += header_size;
      continue;
    }
    const std::size_t length = static_cast<unsigned char>(rest.front());
    const bool is_frame = length > 0 && length <= max_payload;
    const std::size_t size = 1 + length + checksum_size;
    if (is_frame && at >= header_size && size <= rest.size()) {
      const std::string_view frame = bytes.substr(at - checksum_size, checksum_size + 1 + length);
      if (get_fixed(rest.substr(1 + length, checksum_size)) == history_checksum(frame) &&
          (!in_section || parse_payload(rest.substr(1, length), header.microhertz, last, content.points))) {
        at += size;
        continue;
      }
    }
    // What cannot be read ends at the next header.
    in_section = false;
    std::size_t end = at + 1;
    for (history_header other; end < bytes.size(); ++end) {
      end = bytes.find(magic, end);
      if (end >= bytes.size()) break;
      if (parse_header(bytes.substr(end), other) == header_finding::sound) break;
    }
    if (end > bytes.size()) end = bytes.size();
    const std::string_view lost = rest.substr(0, end - at);
    const bool cut_header = lost.size() < header_size && lost.substr(0, magic.size()) == magic.substr(0, lost.size());
    const bool cut_frame = is_frame && at >= header_size && lost.size() < size;
    if (cut_header || cut_frame) wrong(errc::truncated_file);
    else wrong(found == header_finding::other_version ? errc::other_version : errc::malformed_file);
    at = end;
  }
  return content;
}

} // namespace takt::inline TAKT_ABI::detail
