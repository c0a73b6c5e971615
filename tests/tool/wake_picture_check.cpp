// wake_picture_check - draws wake-ups of which everything is known as takt wake does, and prints the SVG: idle, three that
// the kernel's events show whole and four of which some moments are missing, with readings a hundred times as late; under
// load, three of which only the thread's readings are known.
#include "output/wake_document.hpp"
#include "output/wake_picture.hpp"
#include <chrono>
#include <cstdio>
#include <takt/observe/wake_run.hpp>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using moment = takt::wake_run::moment;

tool::wake_record whole(int i) {
  tool::wake_record w;
  constexpr std::chrono::nanoseconds moments[] = {0us, 1us, 2us, 3us, 4us, 5us, 10us, 11us};
  for (std::size_t m = 0; m < takt::wake_run::moments; ++m) w.run.set(static_cast<moment>(m), 1s * (i + 1) + moments[m]);
  return w;
}
tool::wake_record without_switch(int i) {
  tool::wake_record w = whole(i);
  w.run.times[static_cast<std::size_t>(moment::running)].reset();
  w.run.set(moment::first_reading, 1s * (i + 1) + 1000us);
  w.run.set(moment::second_reading, 1s * (i + 1) + 1100us);
  return w;
}
tool::wake_record readings_alone(int i) {
  tool::wake_record w;
  w.run.loaded = true;
  w.run.set(moment::expiry, 1s * (i + 1));
  w.run.set(moment::first_reading, 1s * (i + 1) + 20us);
  w.run.set(moment::second_reading, 1s * (i + 1) + 22us);
  return w;
}

} // namespace

int main() {
  std::vector<tool::wake_record> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(whole(i));
  for (int i = 3; i < 7; ++i) taken.push_back(without_switch(i));
  for (int i = 7; i < 10; ++i) taken.push_back(readings_alone(i));
  const tool::wake_results results(std::move(taken));
  std::puts(tool::draw_wake_svg(results, tool::wake_setting{}, tool::picture_origin{}).c_str());
}
