/* system(3) for a guest that has no shell: words divided by spaces, the first of them a program beside the caller. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int takt_system(const char* command) {
  char line[256];
  char* words[16] = {0};
  int status = 0;
  pid_t child;
  if (snprintf(line, sizeof line, "%s", command) >= (int)sizeof line) abort();
  for (int i = 0; i < 15 && (words[i] = strtok(i == 0 ? line : NULL, " ")) != NULL; ++i) {}
  fflush(NULL);
  if ((child = fork()) == 0) {
    execv(words[0], words);
    _exit(127); /* as a shell that does not find it */
  }
  if (child < 0) return -1;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return status;
}
