/// flag.hpp - the flags of one subcommand: variables of types that Abseil reads from text, in a struct of their own.
///
///   struct : flag_set {
///     flag<duration> interval{this, "interval", "TIME", "From one line to the next", {1s}};
///     flag<bool> all{this, "all", "Show every process"};
///   } flags;
///
/// `*flags.interval` is what the command line gave, or the default. Two commands may have flags of one name.
#pragma once
#include <absl/flags/marshalling.h>
#include <absl/strings/string_view.h>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tool {

class any_flag;

/// The flags of a subcommand, in the order in which they are declared.
struct flag_set {
  flag_set() = default;
  flag_set(const flag_set&) = delete;
  flag_set& operator=(const flag_set&) = delete;
  std::vector<any_flag*> all = {};
};

/// The properties of a flag that the command line and the help need.
class any_flag {
public:
  /// The name is written with dashes. `value_name` stands for the value in the help, in capitals as TIME; it is empty for a
  /// switch, which is given without a value.
  any_flag(flag_set* set, absl::string_view its_name, absl::string_view its_value, absl::string_view its_help)
      : name(its_name), value_name(its_value), help(its_help) {
    set->all.push_back(this);
  }
  any_flag(const any_flag&) = delete;
  any_flag& operator=(const any_flag&) = delete;

  /// Takes the value from `text`. Returns: whether it is one; if not, `why` may say what is wrong with it.
  virtual bool parse(absl::string_view text, std::string* why) = 0;
  /// Precondition: nothing was parsed yet. Empty where there is no default.
  [[nodiscard]] virtual std::string default_text() const = 0;
  [[nodiscard]] bool is_switch() const { return value_name.empty(); }

  const absl::string_view name, value_name, help;

protected:
  ~any_flag() = default;
};

template <class T> class flag final : public any_flag {
public:
  flag(flag_set* set, absl::string_view its_name, absl::string_view its_value, absl::string_view its_help, T fallback = {})
      : any_flag(set, its_name, its_value, its_help), value_(std::move(fallback)) {}
  const T& operator*() const { return value_; }
  const T* operator->() const { return &value_; }

  bool parse(absl::string_view text, std::string* why) override { return absl::ParseFlag(text, &value_, why); }
  [[nodiscard]] std::string default_text() const override { return absl::UnparseFlag(value_); }

private:
  T value_;
};

/// A switch: --all, or --all=false.
template <> class flag<bool> : public any_flag {
public:
  flag(flag_set* set, absl::string_view its_name, absl::string_view its_help) : any_flag(set, its_name, {}, its_help) {}
  const bool& operator*() const { return value_; }

  bool parse(absl::string_view text, std::string* why) override { return absl::ParseFlag(text, &value_, why); }
  [[nodiscard]] std::string default_text() const override { return {}; }

private:
  bool value_ = false;
};

/// A span of time: "250ms", "1.5s", "50us", "10min". Without a unit it is refused.
struct duration {
  std::chrono::nanoseconds value{};
};
bool AbslParseFlag(absl::string_view text, duration* out, std::string* error);
std::string AbslUnparseFlag(duration d);

/// Reads "30" or "10-50", percents from 0 to 100, as shares. Returns: whether it is that.
bool parse_shares(absl::string_view text, double& min, double& max);

/// Appends the CPUs of a list such as "0-3,8". Returns: whether it is one, in ascending order.
bool parse_cpus(absl::string_view list, std::vector<unsigned>& cpus);

// Flags that several commands have.

/// A command that changes a setting of the whole machine requires this flag.
struct agreement_flag : flag<bool> {
  explicit agreement_flag(flag_set* set,
                          absl::string_view its_help = "Agree that this changes a setting of the whole machine; it is undone on exit")
      : flag<bool>(set, "yes-change-this-machine", its_help) {}
};
/// Returns: whether the flag was given; if not, standard error says that `what` needs it.
bool may_change_this_machine(const agreement_flag& agreed, absl::string_view what);

/// Long tables are printed on request; JSON has them in any case.
struct details_flag : flag<bool> {
  explicit details_flag(flag_set* set) : flag<bool>(set, "details", "Print the long tables too") {}
};

} // namespace tool
