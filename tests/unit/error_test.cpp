// Protects: that takt's error codes are a category of their own with a sentence for each, comparable as the standard's
// are and usable at any time of the program's life; and that or_throw throws what the error_code form reports.
#include <doctest/doctest.h>
#include <takt/core/error.hpp>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <type_traits>

namespace {

static_assert(std::is_error_code_enum_v<takt::errc> && !std::is_error_condition_enum_v<takt::errc>);

// Made before main and destroyed after it: at both times the category must be there.
struct early_and_late {
  std::string first = takt::error_category().message(1);
  ~early_and_late() {
    if (first != takt::error_category().message(1)) std::abort();
  }
} const witness;

} // namespace

TEST_CASE("every code has its own sentence, and what is no code has one too") {
  std::set<std::string> sentences;
  int codes = 0;
  const std::string unknown = takt::error_category().message(0);
  for (int value = 1; takt::error_category().message(value) != unknown; ++value, ++codes)
    sentences.insert(takt::error_category().message(value));
  CHECK(codes >= static_cast<int>(takt::errc::no_effect));
  CHECK(sentences.size() == static_cast<std::size_t>(codes));
  CHECK(sentences.count("") == 0);
  CHECK(takt::error_category().message(-1) == unknown);
  CHECK(!unknown.empty());
}

TEST_CASE("the category is one object with a name of its own") {
  CHECK(&takt::error_category() == &takt::error_category());
  CHECK(std::string(takt::error_category().name()) == "takt");
  CHECK(takt::error_category() != std::system_category());
  CHECK(witness.first == "malformed text");
}

TEST_CASE("codes compare as codes do") {
  const std::error_code ec = takt::errc::symbol_not_found;
  CHECK(ec == takt::errc::symbol_not_found);
  CHECK(ec != takt::errc::malformed_text);
  CHECK(ec != std::error_code(ec.value(), std::system_category()));
  CHECK(&ec.category() == &takt::error_category());
  CHECK(static_cast<bool>(ec)); // no code of ours has the value that means success
}

TEST_CASE("a value of errno keeps its category and compares with the portable conditions") {
  CHECK(takt::detail::errno_code(EINVAL).category() == std::system_category());
  CHECK(takt::detail::errno_code(EINVAL) == std::errc::invalid_argument);
  CHECK(!takt::detail::errno_code(0));
}

TEST_CASE("file_hint names the path, and what the caller can do") {
  const auto hint = [](const char* path, int error) {
    return takt::detail::file_hint(path, takt::detail::errno_code(error));
  };
  for (const std::string path : {"/proc/timer_list", "/sys/kernel", "/etc/localtime"}) {
    CHECK(hint(path.c_str(), EACCES) == path + ": needs the right to read it");
    CHECK(hint(path.c_str(), EPERM) == path + ": needs the right to read it");
    CHECK(hint(path.c_str(), EIO) == path);
  }
  CHECK(hint("/proc/timer_list", ENOENT) == "/proc/timer_list: is /proc mounted?");
  CHECK(hint("/sys/kernel", ENOENT) == "/sys/kernel: is /sys mounted?");
  for (const char* elsewhere : {"/etc/localtime", "/process", "/system", "/"}) CHECK(hint(elsewhere, ENOENT) == elsewhere);
  CHECK(takt::detail::file_hint("/proc/1/timerslack_ns", takt::detail::errno_code(EPERM), "CAP_SYS_NICE") ==
        "/proc/1/timerslack_ns: needs CAP_SYS_NICE");
}

#if TAKT_EXCEPTIONS
TEST_CASE("or_throw hands on a value of any kind") {
  const auto never = [] { return std::string("unused"); };
  CHECK(takt::detail::or_throw([](std::error_code&) { return 7; }, never) == 7);
  // movable only
  CHECK(*takt::detail::or_throw([](std::error_code&) { return std::make_unique<int>(8); }, never) == 8);
  // a reference stays one
  int object = 0;
  decltype(auto) same = takt::detail::or_throw([&](std::error_code&) -> int& { return object; }, never);
  static_assert(std::is_same_v<decltype(same), int&>);
  CHECK(&same == &object);
  // nothing at all
  bool called = false;
  takt::detail::or_throw([&](std::error_code&) { called = true; }, never);
  CHECK(called);
}

TEST_CASE("or_throw throws the code and the sentence, and makes the sentence only then") {
  int sentences = 0;
  const auto what = [&] { return ++sentences, std::string("open /nowhere"); };
  const auto fails = [](std::error_code& ec) { return ec = takt::errc::no_effect, 7; };
  try {
    takt::detail::or_throw(fails, what);
    FAIL("did not throw");
  } catch (const std::system_error& e) {
    CHECK(e.code() == takt::errc::no_effect);
    CHECK(std::string(e.what()).find("open /nowhere") != std::string::npos);
    CHECK(std::string(e.what()).find(takt::error_category().message(4)) != std::string::npos);
  }
  CHECK(sentences == 1);
  const auto fails_without_value = [](std::error_code& ec) { ec = takt::detail::errno_code(EPERM); };
  CHECK_THROWS_AS(takt::detail::or_throw(fails_without_value, what), std::system_error);
  CHECK(sentences == 2);
  const auto by_error = [](std::error_code ec) { return std::string(ec == std::errc::operation_not_permitted ? "be root" : "?"); };
  CHECK_THROWS_WITH_AS(takt::detail::or_throw(fails_without_value, by_error), doctest::Contains("be root"), std::system_error);
  takt::detail::or_throw([](std::error_code&) {}, what);
  takt::detail::or_throw([](std::error_code&) { return 1; }, what);
  CHECK(sentences == 2);
}
#endif
