/* check.h - the few macros of the tests in C: a case is a function, and the program runs the one that its argument names. */
#ifndef TAKT_TESTS_CHECK_H
#define TAKT_TESTS_CHECK_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

#define CHECK(condition) \
  do { \
    if (!(condition)) ++failures, fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
  } while (0)
/* Both sides are integers. */
#define CHECK_EQUAL(a, b) \
  do { \
    const long long a_ = (long long)(a), b_ = (long long)(b); \
    if (a_ != b_) ++failures, fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #a, a_, b_); \
  } while (0)
#define SKIP(reason) \
  do { \
    printf("SKIPPED: %s\n", reason); \
    fflush(stdout); \
    exit(failures > 0 ? 1 : 77); \
  } while (0)

struct test_case {
  const char *name;
  void (*run)(void);
};

static int run_case(const struct test_case *cases, size_t count, int argc, char **argv) {
  for (size_t i = 0; i < count; ++i) {
    if (argc != 2 || strcmp(argv[1], cases[i].name) != 0) continue;
    cases[i].run();
    return failures > 0;
  }
  fprintf(stderr, "usage: %s CASE\n", argv[0]);
  return 2;
}

/* Runs a function in a child. Returns: how waitpid(2) says that it ended; a failed CHECK there fails the case here. */
static inline int in_child(void (*run)(void)) {
  fflush(NULL);
  const pid_t child = fork();
  if (child == 0) {
    failures = 0;
    run();
    fflush(NULL);
    _exit(failures > 0);
  }
  int status = -1;
  while (waitpid(child, &status, 0) < 0) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) exit(77);
  return status;
}

#endif
