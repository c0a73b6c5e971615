// json_value POINTER...: reads JSON documents, one after the other, from standard input; for each prints what the JSON
// pointers (RFC 6901) lead to, one a line, texts without quotes. Exit status 1: not JSON, or nothing there; so that
// scripts need no other program to read what the tool prints for programs.
#include <cstdio>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

int main(int argc, char** argv) {
  try {
    int documents = 0;
    while (std::cin >> std::ws, !std::cin.eof()) {
      nlohmann::json document;
      std::cin >> document;
      ++documents;
      for (int i = 1; i < argc; ++i) {
        const auto& value = document.at(nlohmann::json::json_pointer(argv[i]));
        std::cout << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
      }
    }
    return documents > 0 ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
