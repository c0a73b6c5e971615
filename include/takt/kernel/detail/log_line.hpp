/// log_line.hpp - the kernel's messages in a log, in the forms in which people read and save it.
///
/// Does not promise: that a message was written by the kernel, where the form does not carry the facility.
///
/// The forms, each with an example. The first line that has a known form decides the form of the log. Lines of another
/// form are skipped, so that a forged line cannot use a form that says less about its origin. Lines may end in CR LF.
///   syslog(2), dmesg -r      <6>[    1.500000][    T1] message
///   /dev/kmsg                6,339,1500000,-,caller=T1;message
///   dmesg -x                 kern  :info  : [    1.500000] message
///   dmesg, -T, -e, -d, --time-format iso
///                            [    1.500000] message
///   journalctl -k -o json    {"_TRANSPORT":"kernel","SYSLOG_FACILITY":"0","MESSAGE":"message",...}
///   journalctl -k, kern.log  Sep 23 21:33:08 host kernel: [    1.500000] message
///   the same with a facility Sep 23 21:33:08 host kern.info kernel: message   (BusyBox, OpenWrt)
/// The first three forms and JSON carry the facility of each line, and only lines with the kernel's facility count. In
/// front of the message there may be the caller ("[    T1]", CONFIG_PRINTK_CALLER) and the prefix of a vendor's kernel:
/// "[0:  swapper/0:    1]", "(0)[1:swapper/0]", "c0      1".
/// Sources: Linux 6.12 kernel/printk/printk.c (record_print_text, msg_print_ext_header, devkmsg_write); util-linux 2.41
/// sys-utils/dmesg.c; systemd 255 src/shared/logs-show.c, src/journal/journald-kmsg.c; BusyBox 1.36
/// sysklogd/syslogd.c; rsyslog's templates; Samsung's and MediaTek's printk.
#pragma once
#include <takt/core/config.hpp>
#include <takt/kernel/detail/text.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace takt::inline TAKT_ABI::detail {

/// The forms of a log, in the order of the examples at the top of log_line.hpp; `none` is any other text.
enum class log_form { none, priority, kmsg, facility, time, json, journal };

/// One message of the kernel. `text` points into the log, or into the reader if the form escapes characters.
struct log_message {
  std::string_view text;
};

/// The parts of one line.
struct log_line {
  log_form form = log_form::none;
  bool kernel = false;        ///< whether the kernel wrote it, as far as the form tells
  std::string_view message{}; ///< the message without its prefixes
  bool numbered = false;      ///< whether the record has a number, which only /dev/kmsg shows
  std::uint64_t sequence = 0; ///< that number
};

/// Returns: whether `text` begins with a text of this form: a '0' in `form` stands for any digit, and every other
/// character for itself.
template <class = for_callers>
[[nodiscard]] constexpr bool has_form(std::string_view text, std::string_view form) noexcept {
  if (text.size() < form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] == '0' ? !is_digit(text[i]) : text[i] != form[i]) return false;
  }
  return true;
}

[[nodiscard]] constexpr bool is_letter(char c) noexcept { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

/// Returns: whether `word` can be the name of a month or a weekday in some language: "Sep", "Mär", "sept.".
template <class = for_callers>
[[nodiscard]] constexpr bool is_date_name(std::string_view word) noexcept {
  if (word.size() < 2) return false;
  for (const char c : word) {
    if (!is_letter(c) && c != '.' && static_cast<unsigned char>(c) < 0x80) return false;
  }
  return word.front() != '.';
}

/// Removes the pair of brackets at the front of `text`. `inside` receives the text between them.
/// Returns: whether there was one; if not, nothing changes.
template <class = for_callers>
[[nodiscard]] constexpr bool skip_bracket(std::string_view& text, std::string_view& inside) noexcept {
  const std::size_t close = text.find(']');
  if (text.empty() || text.front() != '[' || close == std::string_view::npos) return false;
  inside = text.substr(1, close - 1);
  text.remove_prefix(close + 1);
  return true;
}

/// Returns: whether `inside` is a time that dmesg prints in the first brackets of a line: seconds, a difference, both,
/// or a date.
template <class = for_callers>
[[nodiscard]] constexpr bool is_time(std::string_view inside) noexcept {
  std::string_view rest = trimmed(inside);
  if (rest.empty()) return false;
  // "Tue Sep 23 21:33:08 2025", in any language, and "Sep23 21:33"
  if (is_letter(rest.front()) || static_cast<unsigned char>(rest.front()) >= 0x80) {
    for (; !rest.empty(); rest.remove_prefix(1)) {
      if (has_form(rest, " 00:00")) return true;
    }
    return false;
  }
  if (rest.front() == '+' || rest.front() == '<') rest.remove_prefix(1); // dmesg -e, -d
  const std::string_view seconds = next_word(rest);
  const std::size_t point = seconds.find('.');
  return parse_number<std::uint64_t>(seconds.substr(0, point)).has_value() && point != std::string_view::npos;
}

/// Returns: whether `inside` is the caller of a message: "T1", "C0".
template <class = for_callers>
[[nodiscard]] constexpr bool is_caller(std::string_view inside) noexcept {
  inside = trimmed(inside);
  return inside.size() > 1 && (inside.front() == 'T' || inside.front() == 'C') &&
         parse_number<std::uint64_t>(inside.substr(1)).has_value();
}

/// Returns: whether `inside` is a prefix that vendors' kernels print: "0:   swapper/0:    1", "1:swapper/0".
template <class = for_callers>
[[nodiscard]] constexpr bool is_vendors(std::string_view inside) noexcept {
  const std::size_t colon = inside.find(':');
  return colon != std::string_view::npos && parse_number<std::uint32_t>(trimmed(inside.substr(0, colon))).has_value();
}

/// Returns: the message after the time, the caller and a vendor's prefix. Each of them may be missing.
template <class = for_callers>
[[nodiscard]] constexpr std::string_view without_prefixes(std::string_view text) noexcept {
  std::string_view rest = trimmed(text);
  if (std::string_view inside; skip_bracket(rest, inside) && is_time(inside)) text = rest;
  rest = trimmed(text);
  if (std::string_view inside; skip_bracket(rest, inside) && is_caller(inside)) text = rest;
  text = rest = trimmed(text);
  // "I[0:", "-(0)[0:": a level, a mark, the CPU in parentheses
  if (rest.size() > 1 && (rest.front() == '-' || (is_letter(rest.front()) && rest[1] == '['))) rest.remove_prefix(1);
  if (const std::size_t end = rest.find(')'); end < rest.size() && end > 1 && rest.front() == '(' && is_digit(rest[1]))
    rest.remove_prefix(end + 1);
  if (std::string_view inside; skip_bracket(rest, inside) && is_vendors(inside)) return trimmed(rest);
  rest = text;
  if (rest.size() > 2 && rest.front() == 'c' && is_digit(rest[1])) { // "c0      1 message"
    const std::string_view cpu = next_word(rest), pid = next_word(rest);
    if (parse_number<std::uint32_t>(cpu.substr(1)) && parse_number<std::uint32_t>(pid)) return trimmed(rest);
  }
  return text;
}

/// Returns: whether `priority`, the number in front of a message, names facility 0, the kernel; nullopt if it is no
/// number. The number is facility * 8 + level.
template <class = for_callers>
[[nodiscard]] constexpr std::optional<bool> is_of_kernel(std::string_view priority) noexcept {
  const auto number = parse_number<unsigned>(priority);
  return number ? std::optional(*number < 8) : std::nullopt;
}

/// Returns: the parts of a line of the form "<6>[    1.500000][    T1] message".
template <class = for_callers>
[[nodiscard]] constexpr log_line parse_priority(std::string_view line) noexcept {
  const std::size_t end = line.find('>');
  if (line.empty() || line.front() != '<' || end == std::string_view::npos) return {};
  const auto kernel = is_of_kernel(line.substr(1, end - 1));
  if (!kernel) return {};
  return {log_form::priority, *kernel, without_prefixes(line.substr(end + 1))};
}

/// Returns: the parts of a line of the form "6,339,1500000,-,caller=T1;message".
template <class = for_callers>
[[nodiscard]] constexpr log_line parse_kmsg(std::string_view line) noexcept {
  const std::size_t end = line.find(';');
  if (end == std::string_view::npos || line.empty() || !is_digit(line.front())) return {};
  std::string_view fields = line.substr(0, end);
  std::string_view field[3];
  for (std::string_view& f : field) {
    const std::size_t comma = fields.find(',');
    if (comma == std::string_view::npos) return {};
    f = fields.substr(0, comma);
    fields.remove_prefix(comma + 1);
  }
  const auto kernel = is_of_kernel(field[0]);
  const auto sequence = parse_number<std::uint64_t>(field[1]);
  if (!kernel || !sequence || !parse_number<std::uint64_t>(field[2])) return {};
  return {log_form::kmsg, *kernel, without_prefixes(line.substr(end + 1)), true, *sequence};
}

/// Returns: the parts of a line of the form "kern  :info  : [    1.500000] message".
template <class = for_callers>
[[nodiscard]] constexpr log_line parse_facility(std::string_view line) noexcept {
  constexpr std::size_t width = 6; // dmesg pads names to this width, and prints longer names in full
  const std::size_t first = line.find(':');
  const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
  if (second == std::string_view::npos || first < width || second < first + width + 1 || second > first + 9) return {};
  const std::string_view facility = trimmed(line.substr(0, first));
  for (const std::string_view word : {facility, trimmed(line.substr(first + 1, second - first - 1))}) {
    if (word.empty()) return {};
    for (const char c : word) {
      if (!is_letter(c) && !is_digit(c)) return {};
    }
  }
  if (!is_letter(line.front())) return {};
  return {log_form::facility, facility == "kern", without_prefixes(line.substr(second + 1))};
}

/// Removes a date and a time of day from the front of `text`, in one of the forms of journalctl and syslog daemons.
/// Returns: whether they were there.
template <class = for_callers>
[[nodiscard]] constexpr bool skip_date(std::string_view& text) noexcept {
  std::string_view rest = text;
  std::string_view word = next_word(rest);
  // The form short-iso of journalctl. The similar form of dmesg has a comma before the fraction, and is refused.
  if (has_form(word, "0000-00-00T00:00:00")) return text = rest, word.find(',') == std::string_view::npos;
  if (const std::size_t point = word.find('.'); word.size() > point && point >= 9 &&
                                                parse_number<std::uint64_t>(word.substr(0, point)) &&
                                                parse_number<std::uint64_t>(word.substr(point + 1))) {
    return text = rest, true; // short-unix
  }
  if (!is_date_name(word)) return false;
  const std::string_view second = next_word(rest);
  if (has_form(second, "0000-00-00")) { // short-full: "Tue 2025-09-23 21:33:08 CEST"
    if (!has_form(next_word(rest), "00:00:00") || next_word(rest).empty()) return false;
    return text = rest, true;
  }
  std::string_view day = second; // "Sep 23 21:33:08", or "Tue Sep 23 21:33:08 2025"
  const bool weekday = is_date_name(second);
  if (weekday) day = next_word(rest);
  if (!parse_number<unsigned>(day) || !has_form(next_word(rest), "00:00:00")) return false;
  text = rest;
  if (std::string_view year = next_word(rest); weekday || (has_form(year, "0000") && year.size() == 4)) {
    if (!has_form(year, "0000")) return false;
    text = rest;
  }
  return true;
}

/// Returns: whether `word` is a facility and a level, as BusyBox and OpenWrt print them: "kern.info".
template <class = for_callers>
[[nodiscard]] constexpr bool is_facility_and_level(std::string_view word) noexcept {
  const std::size_t point = word.rfind('.');
  if (point == std::string_view::npos) return false;
  for (const std::string_view level : {"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"}) {
    if (word.substr(point + 1) == level) return true;
  }
  return false;
}

/// Returns: the parts of a line of the form "Sep 23 21:33:08 host kernel: [    1.500000] message", or of a line of
/// another program in the same file.
template <class = for_callers>
[[nodiscard]] constexpr log_line parse_journal(std::string_view line) noexcept {
  std::string_view rest = line;
  std::string_view inside;
  const bool bracket = skip_bracket(rest, inside);
  if (bracket ? !is_time(inside) : !skip_date(rest)) return {};
  std::string_view word = next_word(rest);
  const bool host = word != "kernel:" && !is_facility_and_level(word) && (word.empty() || word.back() != ':');
  if (host) word = next_word(rest);
  const bool facility = is_facility_and_level(word);
  const bool other = facility && word.substr(0, 5) != "kern.";
  if (facility) word = next_word(rest);
  if (word == "kernel:" && (host || !bracket)) return {log_form::journal, !other, without_prefixes(rest)};
  // A line that begins with a time in brackets may be one of dmesg, so parse_time() must have it.
  if (bracket || word.empty() || word.back() != ':') return {};
  return {log_form::journal};
}

/// Returns: the parts of a line of the form "[    1.500000] message", or with an ISO date instead of the brackets.
template <class = for_callers>
[[nodiscard]] constexpr log_line parse_time(std::string_view line) noexcept {
  std::string_view rest = line;
  if (has_form(line, "0000-00-00T00:00:00,000000")) {
    static_cast<void>(next_word(rest));
    return {log_form::time, true, without_prefixes(rest)};
  }
  if (std::string_view inside; !skip_bracket(rest, inside) || !is_time(inside)) return {};
  return {log_form::time, true, without_prefixes(line)};
}

/// Reads the kernel's messages in a log one by one.
template <class = for_callers> class basic_log_reader {
public:
  /// Precondition: the log outlives the reader.
  explicit basic_log_reader(std::string_view text) noexcept : rest_(text) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf"; // some editors put it before the first line
    if (rest_.substr(0, byte_order_mark.size()) == byte_order_mark) rest_.remove_prefix(byte_order_mark.size());
  }

  /// Returns: whether there was another message of the kernel, which is then in `out`. It is valid until the next call.
  [[nodiscard]] bool next(log_message& out) {
    for (std::string_view line; next_line(rest_, line);) {
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      const log_line parsed = form_ == log_form::none ? recognise(line) : parse(form_, line);
      if (parsed.form == log_form::none) continue;
      form_ = parsed.form;
      if (parsed.numbered) {
        lost_ = lost_ || (sequence_ && parsed.sequence != *sequence_ + 1);
        sequence_ = parsed.sequence;
      }
      if (!parsed.kernel) continue;
      out.text = parsed.message;
      return true;
    }
    return false;
  }
  /// Returns: whether a line has had a known form so far.
  [[nodiscard]] bool recognised() const noexcept { return form_ != log_form::none; }
  /// Returns: whether the form says which program wrote each line.
  [[nodiscard]] bool carries_facility() const noexcept {
    using enum log_form;
    return form_ == priority || form_ == kmsg || form_ == facility || form_ == json;
  }
  /// Returns: whether the numbers of the records read so far show that some are missing between them.
  [[nodiscard]] bool lost_lines() const noexcept { return lost_; }

private:
  [[nodiscard]] log_line recognise(std::string_view line) {
    using enum log_form;
    for (const log_form form : {priority, kmsg, json, facility, journal, time}) {
      if (const log_line parsed = parse(form, line); parsed.form != log_form::none) return parsed;
    }
    return {};
  }
  [[nodiscard]] log_line parse(log_form form, std::string_view line) {
    switch (form) {
    case log_form::priority: return parse_priority(line);
    case log_form::kmsg: return parse_kmsg(line);
    case log_form::json: return parse_json(line);
    case log_form::facility: return parse_facility(line);
    case log_form::journal: return parse_journal(line);
    case log_form::time: return parse_time(line);
    case log_form::none: break;
    }
    return {};
  }
  [[nodiscard]] log_line parse_json(std::string_view line);
  [[nodiscard]] bool skip_string(std::string_view& text, std::string& out);

  std::string_view rest_;
  log_form form_ = log_form::none;
  std::optional<std::uint64_t> sequence_{};
  bool lost_ = false;
  std::string key_, value_, message_;
};
using log_reader = basic_log_reader<>;

/// Removes a string of JSON from the front of `text`; `out` receives it. An escape of four hexadecimal digits becomes
/// '?'. Bytes that are not ASCII stay as they are. Returns: whether there was such a string.
template <class T> bool basic_log_reader<T>::skip_string(std::string_view& text, std::string& out) {
  out.clear();
  if (text.empty() || text.front() != '"') return false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return text.remove_prefix(i + 1), true;
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i >= text.size()) return false;
    switch (text[i]) {
    case 'n': out += '\n'; break;
    case 't': out += '\t'; break;
    case 'r': out += '\r'; break;
    case 'b':
    case 'f': out += '?'; break;
    case 'u': out += '?', i += 4; break;
    default: out += text[i]; break;
    }
  }
  return false;
}

/// Returns: the parts of a line of journalctl -o json, which is one object. Its values are strings, null, and arrays of
/// strings. Data that is not text is an array of numbers.
template <class T> log_line basic_log_reader<T>::parse_json(std::string_view line) {
  std::string_view text = trimmed(line);
  if (text.empty() || text.front() != '{') return {};
  text.remove_prefix(1);
  bool transport = false, facility = false, known = false;
  message_.clear();
  for (;;) {
    text = trimmed(text);
    if (!skip_string(text, key_)) return {};
    text = trimmed(text);
    if (text.empty() || text.front() != ':') return {};
    text = trimmed(text.substr(1));
    if (!text.empty() && text.front() == '"') {
      if (!skip_string(text, value_)) return {};
      if (key_ == "_TRANSPORT") known = true, transport = value_ == "kernel";
      if (key_ == "SYSLOG_FACILITY") facility = value_ == "0";
      if (key_ == "MESSAGE") message_ = value_;
    } else {
      // Null, a number, or an array. The three fields that are used here are never one of these.
      int depth = 0;
      while (!text.empty() && (depth > 0 || (text.front() != ',' && text.front() != '}'))) {
        if (text.front() == '"') {
          if (!skip_string(text, value_)) return {};
          continue;
        }
        depth += text.front() == '[' ? 1 : text.front() == ']' ? -1 : 0;
        text.remove_prefix(1);
      }
    }
    text = trimmed(text);
    if (text.empty() || (text.front() != ',' && text.front() != '}')) return {};
    const bool end = text.front() == '}';
    text.remove_prefix(1);
    if (end) break;
  }
  if (!known || !trimmed(text).empty()) return {};
  return {log_form::json, transport && facility, without_prefixes(message_)};
}

} // namespace takt::inline TAKT_ABI::detail
