#include "command_line.hpp"
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <algorithm>

namespace tool {
namespace {

struct : flag_set {
  flag<bool> json{this, "json", "Print for programs"};
} common;
std::span<char*> operands_given;
std::vector<char*> files_given;

std::vector<any_flag*> flags_of(const command& c) {
  std::vector<any_flag*> all;
  if (c.flags != nullptr) all = c.flags->all;
  all.insert(all.end(), common.all.begin(), common.all.end());
  return all;
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour to make `b` of `a`.
std::size_t distance(absl::string_view a, absl::string_view b) {
  // Rows of the table of all beginnings of `a` against all beginnings of `b`; swapping needs the row before the last one.
  std::vector<std::size_t> before_last, last, row(b.size() + 1);
  for (std::size_t k = 0; k <= b.size(); ++k) row[k] = k;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last = std::exchange(last, row);
    row[0] = i;
    for (std::size_t k = 1; k <= b.size(); ++k) {
      row[k] = std::min({last[k] + 1, row[k - 1] + 1, last[k - 1] + (a[i - 1] != b[k - 1])});
      if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]) row[k] = std::min(row[k], before_last[k - 2] + 1);
    }
  }
  return row[b.size()];
}

/// The one of `known` that is nearest to `name`: its beginning, or wrong in a third of its letters at most.
absl::string_view nearest(absl::string_view name, const std::vector<absl::string_view>& known) {
  absl::string_view best;
  std::size_t fewest = 0;
  for (const absl::string_view each : known) {
    const std::size_t wrong = name.size() >= 2 && absl::StartsWith(each, name) ? 1 : distance(name, each);
    if (3 * wrong > std::max<std::size_t>(each.size(), 3) || (!best.empty() && wrong >= fewest)) continue;
    best = each, fewest = wrong;
  }
  return best;
}

std::string suggestion(absl::string_view dashes, absl::string_view best) {
  return best.empty() ? "" : absl::StrCat(" (did you mean ", dashes, best, "?)");
}

} // namespace

flag_set& common_flags() { return common; }
bool json_wanted() { return *common.json; }
std::span<char*> operands() { return operands_given; }

const command* find_command(absl::string_view name) {
  const auto& all = commands();
  const auto found = std::find_if(all.begin(), all.end(), [&](const command& c) { return c.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::string suggested_command(absl::string_view name) {
  std::vector<absl::string_view> known{"help"};
  for (const command& c : commands()) known.push_back(c.name);
  return suggestion("", nearest(name, known));
}

std::string suggested_flag(const command& c, absl::string_view name) {
  std::vector<absl::string_view> known{"help"};
  for (const any_flag* f : flags_of(c)) known.push_back(f->name);
  return suggestion("--", nearest(name, known));
}

// Abseil's own parser knows no subcommands and leaves with status 1 whatever is wrong: only its types are used.
bool parse(const command& c, std::span<char*> arguments, std::string& error) {
  const std::vector<any_flag*> flags = flags_of(c);
  std::vector<const any_flag*> given;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (!c.files.empty() && (argument == "--" || argument == "-" || !absl::StartsWith(argument, "-"))) {
      const bool rest = argument == "--"; // all behind it are files, whatever their names
      for (i += rest; i < arguments.size(); ++i) {
        if (*arguments[i] == '\0') return error = "the name of a file is empty", false;
        files_given.push_back(arguments[i]);
        if (!rest) break;
      }
      operands_given = files_given;
      continue;
    }
    if (argument == "--") {
      if (c.operands.empty()) return error = absl::StrCat("takt ", c.name, " runs no command behind --"), false;
      operands_given = arguments.subspan(i + 1);
      return !operands_given.empty() || (error = "-- wants a command behind it", false);
    }
    if (!absl::StartsWith(argument, "--")) return error = absl::StrCat("what is '", argument, "'?"), false;
    argument.remove_prefix(2);
    const auto equals = argument.find('=');
    const absl::string_view name = argument.substr(0, equals);
    const auto found = std::find_if(flags.begin(), flags.end(), [&](const any_flag* f) { return f->name == name; });
    if (found == flags.end()) return error = absl::StrCat("no flag --", name, suggested_flag(c, name)), false;
    any_flag& flag = **found;
    if (std::find(given.begin(), given.end(), &flag) != given.end())
      return error = absl::StrCat("--", name, " is given twice"), false;
    given.push_back(&flag);
    std::string text = "true";
    if (equals != argument.npos) text = std::string(argument.substr(equals + 1));
    else if (!flag.is_switch()) {
      if (++i < arguments.size()) text = arguments[i];
      // An argument that begins like a flag is one; a file of such a name is given as --dump=--name.
      if (i == arguments.size() || absl::StartsWith(text, "--"))
        return error = absl::StrCat("--", name, " wants a value"), false;
    }
    if (text.empty()) return error = absl::StrCat("--", name, " wants a value"), false;
    if (std::string why; !flag.parse(text, &why)) {
      error = absl::StrCat("--", name, " does not take '", text, "'", why.empty() ? "" : ": ", why);
      return false;
    }
  }
  return true;
}

} // namespace tool
