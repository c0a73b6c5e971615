// Protects: how a picture names the computer that was measured: by its processor, and never by its name in the network.
#include "../examples/takt/model/this_machine.hpp"
#include <array>
#include <doctest/doctest.h>
#include <string>
#include <unistd.h>

TEST_CASE("the model of the first processor, as x86 and RISC-V write it") {
  using tool::cpu_model;
  CHECK(cpu_model("processor\t: 0\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R)  CPU \nflags\t: fpu\n\nmodel name\t: other\n") ==
        "Intel(R) Xeon(R)  CPU");
  CHECK(cpu_model("hart\t\t: 0\nisa\t\t: rv64imafdc\nuarch\t\t: sifive,u74-mc") == "sifive,u74-mc");
  CHECK(cpu_model("processor\t: 0\nBogoMIPS\t: 50.00\n") == "");
  CHECK(cpu_model("model name\t:\nmodel name : \nmodel name\t: B\n") == "B");
  CHECK(cpu_model("no colon\n:\n : x\nmodel name") == "");
  CHECK(cpu_model("") == "");
}

TEST_CASE("this machine has a description, without its name in the network") {
  const std::string text = tool::describe_this_machine();
  CHECK(text.find("Linux ") != text.npos);
  std::array<char, 256> host{};
  REQUIRE(gethostname(host.data(), host.size() - 1) == 0);
  const std::string name = host.data();
  if (name.size() > 6) CHECK(text.find(name) == text.npos); // a shorter one may be part of a word
}
