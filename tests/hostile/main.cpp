#define DOCTEST_CONFIG_IMPLEMENT
#include "run.hpp"
#include <doctest/doctest.h>
#include <sys/prctl.h>

int main(int argc, char** argv) {
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); // what a command leaves behind comes here, and is found
  hostile::clear_environment();
  return doctest::Context(argc, argv).run();
}
