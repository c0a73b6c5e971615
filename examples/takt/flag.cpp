#include "flag.hpp"
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <absl/time/time.h>
#include <cstdio>

namespace tool {

bool AbslParseFlag(absl::string_view text, duration* out, std::string* error) {
  absl::Duration parsed;
  if (absl::EndsWith(text, "min")) text.remove_suffix(2); // for Abseil minutes are m
  if (!absl::ParseDuration(text, &parsed)) {
    *error = "a time with its unit is wanted, as 50us, 250ms, 1.5s or 10min";
    return false;
  }
  if (absl::AbsDuration(parsed) > absl::FromChrono(std::chrono::nanoseconds::max())) {
    *error = "it is beyond 292 years";
    return false;
  }
  out->value = absl::ToChronoNanoseconds(parsed);
  return true;
}
std::string AbslUnparseFlag(duration d) {
  const std::string text = absl::FormatDuration(absl::FromChrono(d.value));
  return absl::EndsWith(text, "m") ? text + "in" : text;
}

bool parse_shares(absl::string_view text, double& min, double& max) {
  const std::vector<std::string> parts = absl::StrSplit(text, '-');
  if (parts.empty() || parts.size() > 2) return false;
  if (!absl::SimpleAtod(parts.front(), &min) || !absl::SimpleAtod(parts.back(), &max)) return false;
  min /= 100, max /= 100;
  return min >= 0 && min <= max && max <= 1;
}

bool may_change_this_machine(const agreement_flag& agreed, absl::string_view what) {
  if (*agreed) return true;
  absl::FPrintF(
      stderr,
      "takt: %s changes a setting of the whole machine; say --yes-change-this-machine if that is what you want\n",
      what);
  return false;
}

bool parse_cpus(absl::string_view list, std::vector<unsigned>& cpus) {
  constexpr unsigned limit = 65'536; // more than any kernel can have
  for (const absl::string_view range : absl::StrSplit(list, ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(range, '-');
    unsigned first = 0, last = 0;
    if (ends.size() > 2 || !absl::SimpleAtoi(ends.front(), &first) || !absl::SimpleAtoi(ends.back(), &last)) return false;
    if (first > last || last >= limit || (!cpus.empty() && cpus.back() >= first)) return false;
    for (unsigned cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return true;
}

} // namespace tool
