/*
 * One-way delays of UDP datagrams from one network namespace to another, by one process in both, so that there is one clock.
 *
 *     delay FROM_NETNS TO_NETNS DESTINATION PORT RECEIVE_PORT RATE SECONDS
 *
 * FROM_NETNS and TO_NETNS are paths (/var/run/netns/NAME). Datagrams of 64 bytes carry the time of their sending; the kernel notes
 * the time of arrival (SO_TIMESTAMPNS), so it does not matter when they are read. SECONDS count from the first arrival, for which it
 * waits up to 20 s. Prints one line of JSON: sent, received, delays in nanoseconds, and when the longest one ended, from the first arrival. Datagrams that take more than two seconds
 * after the end are lost.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32
#define BYTES 22 /* 64 with all headers */
#define PATIENCE_NS 20000000000ull

static uint32_t *delays;
static size_t received, room;
static uint64_t first_arrival, worst_from_start, worst_at;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

/* The clock of SO_TIMESTAMPNS. */
static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int socket_in(const char *namespace) {
  int fd = open(namespace, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) fail(namespace);
  close(fd);
  int made = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (made < 0) fail("socket");
  return made;
}

static void note(const struct msghdr *message, const uint8_t *payload) {
  uint64_t stamp;
  memcpy(&stamp, payload, sizeof stamp);
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR((struct msghdr *)message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
    struct timespec t;
    memcpy(&t, CMSG_DATA(c), sizeof t);
    uint64_t arrival = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    uint64_t delay = arrival > stamp ? arrival - stamp : 0;
    if (first_arrival == 0) first_arrival = arrival;
    if (delay > worst_from_start) {
      worst_from_start = delay;
      worst_at = arrival - first_arrival;
    }
    if (received < room) delays[received++] = delay > UINT32_MAX ? UINT32_MAX : (uint32_t)delay;
  }
}

/* @returns how many were there */
static int drain(int fd) {
  static uint8_t payloads[BATCH][BYTES], controls[BATCH][64];
  static struct iovec parts[BATCH];
  static struct mmsghdr messages[BATCH];
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){payloads[i], BYTES};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1, .msg_control = controls[i], .msg_controllen = 64};
  }
  int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < count; i++) note(&messages[i].msg_hdr, payloads[i]);
  return count;
}

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static uint32_t at_share(double share) {
  if (received == 0) return 0;
  size_t index = (size_t)(share * (double)received);
  return delays[index < received ? index : received - 1];
}

int main(int count, char **args) {
  if (count != 8) return fprintf(stderr, "7 arguments, see the source\n"), 2;
  double rate = atof(args[6]), seconds = atof(args[7]);
  if (rate <= 0 || rate > 2e6 || seconds > 60) return fprintf(stderr, "at most 2 M packets/s and 60 s\n"), 2;
  int sink = socket_in(args[2]), one = 1, bytes = 64 << 20;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(args[5]))};
  if (bind(sink, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
  setsockopt(sink, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  setsockopt(sink, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
  int source = socket_in(args[1]);
  address.sin_addr.s_addr = inet_addr(args[3]);
  address.sin_port = htons((uint16_t)atoi(args[4]));
  if (connect(source, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
  room = (size_t)(rate * (seconds + 1)) + 1000;
  delays = calloc(room, sizeof *delays);
  uint64_t duration = (uint64_t)(seconds * 1e9), gap = (uint64_t)(1e9 / rate), start = now_ns(), next = start, sent = 0;
  printf("sending\n");
  fflush(stdout);
  for (uint64_t now = start; first_arrival == 0 ? now - start < PATIENCE_NS : now < first_arrival + duration; now = now_ns()) {
    if (now < next) {
      drain(sink);
      continue;
    }
    /* Nobody listens there until the director has started: an error that came back is not ours. */
    uint8_t payload[BYTES] = {0};
    uint64_t stamp = now_ns();
    memcpy(payload, &stamp, sizeof stamp);
    if (send(source, payload, BYTES, 0) == BYTES && first_arrival != 0) sent++;
    next += gap;
    if (next + 1000000 < now) next = now; /* no bursts to make up for a stop of our own */
  }
  for (uint64_t end = now_ns() + 20000000; now_ns() < end;) drain(sink);
  qsort(delays, received, sizeof *delays, compare);
  printf("{\"sent\":%llu,\"received\":%zu,\"p50\":%u,\"p99\":%u,\"p999\":%u,\"max\":%llu,\"maxAt\":%llu}\n",
         (unsigned long long)sent, received, at_share(0.5), at_share(0.99), at_share(0.999), (unsigned long long)worst_from_start,
         (unsigned long long)worst_at);
  return 0;
}
