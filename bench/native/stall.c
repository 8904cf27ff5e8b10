/*
 * For how long a program that only spins is kept from its core: by other programs, by the kernel, by the host of a virtual machine.
 *
 *     stall CORE SECONDS
 *
 * Prints one line of JSON: the longest pause between two readings of the clock, and the sum of those above 0.1 ms, in nanoseconds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOTED_NS 100000u

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int count, char **args) {
  if (count != 3) return fprintf(stderr, "2 arguments, see the source\n"), 2;
  double seconds = atof(args[2]);
  if (seconds <= 0 || seconds > 60) return fprintf(stderr, "at most 60 s\n"), 2;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((unsigned)atoi(args[1]), &set);
  if (sched_setaffinity(0, sizeof set, &set) < 0) return fprintf(stderr, "core %s: %s\n", args[1], strerror(errno)), 1;
  uint64_t last = now_ns(), end = last + (uint64_t)(seconds * 1e9), longest = 0, sum = 0;
  printf("spinning\n");
  fflush(stdout);
  while (last < end) {
    uint64_t now = now_ns(), pause = now - last;
    last = now;
    if (pause > longest) longest = pause;
    if (pause > NOTED_NS) sum += pause;
  }
  printf("{\"longest\":%llu,\"sum\":%llu}\n", (unsigned long long)longest, (unsigned long long)sum);
  return 0;
}
