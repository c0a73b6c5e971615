/// metrics_text.hpp - the text format of Prometheus, which its node exporter collects from files. Pure.
///
/// It is version 0.0.4, the one that the exporter's collector `textfile` reads. That collector refuses the types that
/// only OpenMetrics has (info, stateset), so facts in labels are gauges of 1, as in node_uname_info.
/// Sources: prometheus.io/docs/instrumenting/exposition_formats, .../practices/naming; node_exporter
/// collector/textfile.go.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace tool {

/// Builds a text, metric by metric.
class metrics_text {
public:
  using label = std::pair<std::string_view, std::string_view>;

  /// Effects: begins a metric; the samples that follow are of it. `type` is gauge, counter or histogram.
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    ((text_ += "# HELP ") += name_) += ' ';
    for (const char c : help) escape(c, false);
    (((text_ += "\n# TYPE ") += name_) += ' ') += type;
    text_ += '\n';
  }
  /// Effects: adds a sample. A value that is not a number is left out: what is missing is unknown.
  void add(double value, std::initializer_list<label> labels = {}, std::string_view suffix = {}) {
    if (std::isnan(value)) return;
    (text_ += name_) += suffix;
    char before = '{';
    for (const auto& [key, of] : labels) {
      ((text_ += std::exchange(before, ',')) += key) += "=\"";
      for (const char c : of) escape(c, true);
      text_ += '"';
    }
    if (labels.size() != 0) text_ += '}';
    ((text_ += ' ') += number(value)) += '\n';
  }
  [[nodiscard]] const std::string& text() const { return text_; }

  /// Returns: `value` so that it is read back as it is; "+Inf" and "-Inf" beyond the range.
  [[nodiscard]] static std::string number(double value) {
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    char text[40];
    std::snprintf(text, sizeof(text), "%.15g", value);
    double back = 0;
    if (std::sscanf(text, "%lf", &back) != 1 || back != value) std::snprintf(text, sizeof(text), "%.17g", value);
    return text;
  }

private:
  void escape(char c, bool in_quotes) {
    if (c == '\n') text_ += "\\n";
    else if (c == '\\' || (c == '"' && in_quotes)) (text_ += '\\') += c;
    else text_ += c >= ' ' && c <= '~' ? c : '?'; // UTF-8 is wanted, and a name in a file may be none
  }

  std::string name_, text_;
};

} // namespace tool
