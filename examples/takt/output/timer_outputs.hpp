/// timer_outputs.hpp - the files that `takt timers` writes: a picture, a page, a trace.
#pragma once
#include "model/timer_history.hpp"
#include "model/timer_recording.hpp"
#include "output/document.hpp"
#include "output/output_file.hpp"
#include "output/svg_picture.hpp"
#include "output/trace_json.hpp"
#include <optional>
#include <string>
#include <vector>

namespace tool {

/// Listens to a recording from its beginning. Memory is bounded as that of the recording; the trace is written while
/// the events come.
class timer_outputs final : public recording_listener {
public:
  /// Effects: opens the files; an empty path is no file. Returns: done, or the exit code after an error message.
  exit_code open(const std::string& svg, const std::string& html, const std::string& perfetto,
                 const picture_origin& origin);
  /// Returns: whether there is any file to be written.
  [[nodiscard]] bool wanted() const { return svg_.wanted() || html_.wanted() || perfetto_.wanted(); }

  void event(const takt::trace_event& e) override;
  void step(const takt::timer_trace::step& step, const std::vector<takt::timer_trace::usage>& usages) override;

  /// Effects: writes the files; the page shows `d` and the pictures. Returns: done, or the exit code after an error
  /// message.
  exit_code finish(const timer_recording& recording, const document& d);

private:
  output_file svg_, html_, perfetto_;
  picture_origin origin_;
  timer_history history_;
  std::optional<trace_json> trace_;
  std::optional<std::chrono::nanoseconds> first_;
};

} // namespace tool
