// Protects: that a tar file and the lines of collect.sh are read as they are, that a cut file keeps what stands before
// the cut and says so, and that anything else is refused.
#include "../examples/takt/model/collection.hpp"
#include <cstdio>
#include <doctest/doctest.h>
#include <string>

namespace {

/// An entry of a tar file, as POSIX has it.
std::string entry(const std::string& name, const std::string& content, char kind = '0', const std::string& prefix = {}) {
  std::string header(512, '\0');
  header.replace(0, name.size(), name);
  char size[12];
  std::snprintf(size, sizeof(size), "%011o", static_cast<unsigned>(content.size()));
  header.replace(124, 11, size);
  header[156] = kind;
  header.replace(257, 5, "ustar");
  header.replace(345, prefix.size(), prefix);
  header.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  char text[8];
  std::snprintf(text, sizeof(text), "%06o", sum);
  header.replace(148, 6, text);
  header[154] = '\0';
  std::string padded = content;
  padded.resize((content.size() + 511) / 512 * 512);
  return header + padded;
}
const std::string end(1024, '\0');

} // namespace

TEST_CASE("The regular files of a tar file") {
  tool::collected_files files;
  const std::string archive = entry("d/", "", '5') + entry("d/takt-collection", "takt-collection 1\n") + entry("link", "", '2') +
                              entry("interrupts", std::string(1000, 'x'), '0', "d/proc") + entry("outside", "no") + end;
  CHECK(tool::parse_tar(archive, files).empty());
  CHECK(files.size() == 3);
  CHECK_FALSE(files.contains("link"));
  REQUIRE(tool::strip_to_mark(files));
  CHECK(files.size() == 2); // what stands beside the collection is not in it
  CHECK(files["takt-collection"] == "takt-collection 1\n");
  CHECK(files["proc/interrupts"].size() == 1000);
}

TEST_CASE("A tar file that is cut keeps what stands before the cut, and says that it is cut") {
  const std::string archive = entry("takt-collection", "takt-collection 1\n") + entry("threads", std::string(700, 'x')) + end;
  for (std::size_t length = 0; length < archive.size() - 1024; ++length) {
    tool::collected_files files;
    const std::string why = tool::parse_tar(std::string_view(archive).substr(0, length), files);
    CAPTURE(length);
    CHECK_FALSE(why.empty());
    CHECK(files.contains("takt-collection") == (length >= 512 + 18));
  }
}

TEST_CASE("Anything else is no tar file") {
  tool::collected_files files;
  CHECK_FALSE(tool::parse_tar("", files).empty());
  CHECK_FALSE(tool::parse_tar(std::string(600, 'x'), files).empty());
  std::string damaged = entry("a", "b") + end;
  damaged[3] ^= 1;
  CHECK_FALSE(tool::parse_tar(damaged, files).empty());
  CHECK(files.empty());
  CHECK_FALSE(tool::strip_to_mark(files));
  std::string huge = entry("a", "b");
  huge.replace(124, 11, "77777777777"); // its sum no longer fits either
  CHECK_FALSE(tool::parse_tar(huge + end, files).empty());
}

TEST_CASE("A line of threads") {
  const auto t = tool::parse_collected_thread("12 13 50000 1 2097152 a name (with) more");
  REQUIRE(t);
  CHECK(t->process == 12);
  CHECK(t->id == 13);
  CHECK(t->slack == 50000);
  CHECK(t->policy == 1);
  CHECK(t->flags == 0x200000);
  CHECK(t->name == "a name (with) more");
  CHECK_FALSE(tool::parse_collected_thread("1 1 - 0 0 x")->slack);
  CHECK(tool::parse_collected_thread("1 1 18446744073709551615 0 0 ")->slack == 18446744073709551615U);
  for (const char* line : {"", "1", "1 1", "1 1 - 0 0", "0 1 1 0 0 x", "1 -1 1 0 0 x", "1 1 x 0 0 x", "1 1 1 -1 0 x", "1 1  0 0 x", "99999999999 1 1 0 0 x"})
    CHECK_FALSE(tool::parse_collected_thread(line));
}

TEST_CASE("What the mark says") {
  const auto facts = tool::parse_collection_facts("takt-collection 1\nrelease 6.1.0\nmachine x86_64\nroot no\ninterrupts 1.00 1.01\n"
                                                  "interrupts.later 4.5 4.5\nmissing the log: why\nlater versions say more\n\nroot maybe\n");
  CHECK(facts.version == 1);
  CHECK(facts.release == "6.1.0");
  CHECK(facts.machine == "x86_64");
  CHECK(facts.root == false);
  CHECK(facts.uptimes.at("interrupts.later").first > 4.4);
  CHECK(facts.missing == std::vector<std::string>{"the log: why"});
  for (const char* line : {"interrupts nan nan", "interrupts 1 inf", "interrupts -1 1", "interrupts 2 1", "interrupts 1", "interrupts 1e300 1e300"})
    CHECK(tool::parse_collection_facts(line).uptimes.empty());
  CHECK(tool::parse_collection_facts("").version == 0);
}
