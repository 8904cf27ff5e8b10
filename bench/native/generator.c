/*
 * A bounded generator of small TCP frames over many flows, for the bench's lab. Raw system calls only.
 *
 *     generator INTERFACE SOURCE_MAC DESTINATION_MAC DIRECTION PEER PORT FLOWS TCP_FLAGS MODE RATE SECONDS
 *
 * DIRECTION `out`: from the flows' client addresses to PEER:PORT; `back`: from PEER:PORT to them. MODE
 *
 *     live   the kernel runs a BPF program that fills frames from a table, and redirects them to INTERFACE (BPF_PROG_TEST_RUN with
 *            live frames): several million per second; flows at random
 *     raw    AF_PACKET with sendmmsg, past the queueing discipline: about one million per second; flows in their order
 *
 * RATE in packets per second, 0 = as fast as it goes. With `raw`, SECONDS 0 = each flow once. Prints `sending` when it begins, and
 * at the end one line: `sent PACKETS in NANOSECONDS`. A load ends by SECONDS, whatever happens.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FRAME 60 /* 64 bytes on a wire, with its check sequence */
#define SLOT 64
#define MAX_FLOWS 65536
#define BATCH 64
#define TCP_AT 34

static uint8_t *frames; /* MAX_FLOWS slots of SLOT bytes */
static int flows;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t add_words(uint32_t sum, const uint8_t *at, int bytes) {
  for (int i = 0; i < bytes; i += 2) sum += (uint32_t)(at[i] << 8 | at[i + 1]);
  return sum;
}

static void put_sum(uint8_t *at, uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  at[0] = (uint8_t)(~sum >> 8);
  at[1] = (uint8_t)~sum;
}

static void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

static void parse_mac(const char *text, uint8_t *mac) {
  if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6) fail(text);
}

/* Flow i has client 10.92.x.y and a port that looks random; every run has the same ones. */
static void build_frame(uint8_t *f, int i, const uint8_t *macs, int back, uint32_t peer, int port, int tcp_flags) {
  uint32_t client = 10u << 24 | 92u << 16 | (uint32_t)(i & 0xffff);
  uint32_t client_port = 1024u + ((uint32_t)i * 2654435761u >> 8) % 60000u;
  uint32_t sequence = 1000 + (tcp_flags != 0x02 && !back ? 1 : 0);
  memcpy(f, macs, 12);
  put16(f + 12, 0x0800);
  uint8_t *ip = f + 14, *tcp = f + TCP_AT;
  ip[0] = 0x45;
  put16(ip + 2, 40);
  put16(ip + 6, 0x4000);
  ip[8] = 64;
  ip[9] = 6;
  put32(ip + 12, back ? peer : client);
  put32(ip + 16, back ? client : peer);
  put_sum(ip + 10, add_words(0, ip, 20));
  put16(tcp, back ? (uint32_t)port : client_port);
  put16(tcp + 2, back ? client_port : (uint32_t)port);
  put32(tcp + 4, back ? 5000 : sequence);
  put32(tcp + 8, back ? 1001 : tcp_flags == 0x02 ? 0 : 5001);
  tcp[12] = 0x50;
  tcp[13] = (uint8_t)tcp_flags;
  put16(tcp + 14, 65535);
  put_sum(tcp + 16, add_words(add_words(6 + 20, ip + 12, 8), tcp, 20));
}

/* ---- live ------------------------------------------------------------------------------------------------------------------- */

/* What the program and we share: one entry of a memory-mapped array map. */
struct control {
  uint64_t start_ns, duration_ns, rate_q28, sent, last_ns;
};

static int bpf(int command, union bpf_attr *attr) {
  return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

static int array_map(uint32_t value_bytes) {
  union bpf_attr attr = {0};
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = 4;
  attr.value_size = value_bytes;
  attr.max_entries = 1;
  attr.map_flags = BPF_F_MMAPABLE;
  int fd = bpf(BPF_MAP_CREATE, &attr);
  if (fd < 0) fail("map");
  return fd;
}

static void *map_memory(int fd, size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) fail("mmap");
  return memory;
}

#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOV(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOVI(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define OP(op, d, s) INSN(BPF_ALU64 | (op) | BPF_X, d, s, 0, 0)
#define OPI(op, d, i) INSN(BPF_ALU64 | (op) | BPF_K, d, 0, 0, i)
#define LOAD(size, d, s, o) INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define STORE(size, d, o, s) INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define MAP_VALUE(d, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_VALUE, 0, fd), INSN(0, 0, 0, 0, 0)

/* Jumps to the end of the program are written with offset 0 and mended when its length is known. */
#define TO_SKIP(op, d, s) INSN(BPF_JMP | (op) | BPF_X, d, s, 0x7fff, 0)
#define TO_SKIPI(op, d, i) INSN(BPF_JMP | (op) | BPF_K, d, 0, 0x7fff, i)

static char verifier_log[1 << 16];

/*
 * Of each frame that comes by: XDP_DROP while the rate has no room for one, else a random flow's frame is written over it (pages
 * come back with what others have changed in them) and it is redirected. A dropped frame costs about 50 ns, which is the pacing.
 */
static int load_program(int control_fd, int frames_fd, int ifindex) {
  struct bpf_insn code[96], *p = code;
  const struct bpf_insn head[] = {
      LOAD(BPF_W, 6, 1, 0), /* r6 = data, r2 = its end */
      LOAD(BPF_W, 2, 1, 4),
      MOV(3, 6),
      OPI(BPF_ADD, 3, FRAME),
      TO_SKIP(BPF_JGT, 3, 2),
      MAP_VALUE(7, control_fd),
      CALL(BPF_FUNC_ktime_get_ns),
      LOAD(BPF_DW, 1, 7, offsetof(struct control, start_ns)),
      INSN(BPF_JMP | BPF_JNE | BPF_K, 1, 0, 2, 0),
      STORE(BPF_DW, 7, offsetof(struct control, start_ns), 0),
      MOV(1, 0),
      MOV(8, 0), /* r8 = now, r0 = since the start */
      OP(BPF_SUB, 0, 1),
      LOAD(BPF_DW, 1, 7, offsetof(struct control, duration_ns)),
      TO_SKIP(BPF_JGT, 0, 1),
      LOAD(BPF_DW, 1, 7, offsetof(struct control, rate_q28)),
      LOAD(BPF_DW, 9, 7, offsetof(struct control, sent)),
      INSN(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 3, 0),
      OP(BPF_MUL, 0, 1),
      OPI(BPF_RSH, 0, 28),
      TO_SKIP(BPF_JGE, 9, 0),
      CALL(BPF_FUNC_get_prandom_u32),
      INSN(BPF_ALU | BPF_MOD | BPF_K, 0, 0, 0, flows),
      TO_SKIPI(BPF_JGE, 0, MAX_FLOWS),
      OPI(BPF_LSH, 0, 6),
      MAP_VALUE(1, frames_fd),
      OP(BPF_ADD, 1, 0),
  };
  memcpy(p, head, sizeof head);
  p += sizeof head / sizeof *head;
  for (int at = 0; at < 56; at += 8) {
    *p++ = LOAD(BPF_DW, 2, 1, at);
    *p++ = STORE(BPF_DW, 6, at, 2);
  }
  const struct bpf_insn tail[] = {
      LOAD(BPF_W, 2, 1, 56),
      STORE(BPF_W, 6, 56, 2),
      OPI(BPF_ADD, 9, 1),
      STORE(BPF_DW, 7, offsetof(struct control, sent), 9),
      STORE(BPF_DW, 7, offsetof(struct control, last_ns), 8),
      MOVI(1, ifindex),
      MOVI(2, 0),
      CALL(BPF_FUNC_redirect),
      EXIT,
      MOVI(0, XDP_DROP), /* the end that TO_SKIP means */
      EXIT,
  };
  memcpy(p, tail, sizeof tail);
  p += sizeof tail / sizeof *tail;
  int count = (int)(p - code);
  for (int i = 0; i < count; i++)
    if (code[i].off == 0x7fff) code[i].off = (int16_t)(count - 2 - i - 1);
  union bpf_attr attr = {0};
  attr.prog_type = BPF_PROG_TYPE_XDP;
  attr.insns = (uint64_t)(uintptr_t)code;
  attr.insn_cnt = (uint32_t)count;
  attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
  attr.log_buf = (uint64_t)(uintptr_t)verifier_log;
  attr.log_size = sizeof verifier_log;
  attr.log_level = 1;
  int fd = bpf(BPF_PROG_LOAD, &attr);
  if (fd < 0) fprintf(stderr, "%s\n", verifier_log), fail("program");
  return fd;
}

static void on_alarm(int number) {
  (void)number;
}

/* A call of the kernel takes tens of milliseconds to begin, so one call is the whole load; a signal ends it. */
static void end_after(double seconds) {
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  long us = (long)(seconds * 1e6);
  struct itimerval timer = {.it_value = {us / 1000000, us % 1000000}, .it_interval = {0, 20000}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

static void run_live(int ifindex, double rate, double seconds) {
  int control_fd = array_map(sizeof(struct control)), frames_fd = array_map(MAX_FLOWS * SLOT);
  struct control *control = map_memory(control_fd, 4096);
  memcpy(map_memory(frames_fd, MAX_FLOWS * SLOT), frames, MAX_FLOWS * SLOT);
  control->duration_ns = (uint64_t)(seconds * 1e9);
  control->rate_q28 = (uint64_t)(rate / 1e9 * (1 << 28));
  int program = load_program(control_fd, frames_fd, ifindex);
  uint8_t first[FRAME];
  memcpy(first, frames, FRAME);
  struct xdp_md context = {.data_end = FRAME};
  union bpf_attr attr = {0};
  attr.test.prog_fd = (uint32_t)program;
  attr.test.data_in = (uint64_t)(uintptr_t)first;
  attr.test.data_size_in = FRAME;
  attr.test.ctx_in = (uint64_t)(uintptr_t)&context;
  attr.test.ctx_size_in = sizeof context;
  attr.test.repeat = 0x7fffffff;
  attr.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  attr.test.batch_size = BATCH;
  end_after(seconds + 0.06);
  if (bpf(BPF_PROG_TEST_RUN, &attr) < 0 && errno != EINTR) fail("BPF_PROG_TEST_RUN with live frames");
  printf("sent %llu in %llu\n", (unsigned long long)control->sent, (unsigned long long)(control->last_ns - control->start_ns));
}

/* ---- raw -------------------------------------------------------------------------------------------------------------------- */

static void run_raw(int ifindex, double rate, double seconds) {
  int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
  if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof to) < 0) fail("AF_PACKET");
  setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
  struct mmsghdr messages[BATCH] = {0};
  struct iovec parts[BATCH];
  uint64_t start = now_ns(), sent = 0, duration = (uint64_t)(seconds * 1e9), elapsed = 0;
  for (int next = 0; seconds > 0 ? elapsed < duration : sent < (uint64_t)flows; elapsed = now_ns() - start) {
    uint64_t due = rate > 0 ? (uint64_t)((double)elapsed * rate / 1e9) : sent + BATCH;
    uint64_t room = due > sent ? due - sent : 0;
    if (seconds == 0 && room > (uint64_t)flows - sent) room = (uint64_t)flows - sent;
    unsigned count = room > BATCH ? BATCH : (unsigned)room;
    for (unsigned i = 0; i < count; i++, next = (next + 1) % flows) {
      parts[i] = (struct iovec){frames + (size_t)next * SLOT, FRAME};
      messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int done = count > 0 ? sendmmsg(fd, messages, count, 0) : 0;
    if (done < 0 && errno != ENOBUFS && errno != EAGAIN) fail("sendmmsg");
    sent += (uint64_t)(done > 0 ? done : 0);
  }
  printf("sent %llu in %llu\n", (unsigned long long)sent, (unsigned long long)elapsed);
}

int main(int count, char **args) {
  if (count != 12) return fprintf(stderr, "11 arguments, see the source\n"), 2;
  int ifindex = (int)if_nametoindex(args[1]);
  if (ifindex == 0) fail(args[1]);
  uint8_t macs[12];
  parse_mac(args[3], macs);
  parse_mac(args[2], macs + 6);
  flows = atoi(args[7]);
  if (flows < 1 || flows > MAX_FLOWS) return fprintf(stderr, "1 to %d flows\n", MAX_FLOWS), 2;
  frames = calloc(MAX_FLOWS, SLOT);
  uint32_t peer = ntohl(inet_addr(args[5]));
  for (int i = 0; i < flows; i++)
    build_frame(frames + (size_t)i * SLOT, i, macs, strcmp(args[4], "back") == 0, peer, atoi(args[6]), (int)strtol(args[8], NULL, 0));
  double rate = atof(args[10]), seconds = atof(args[11]);
  if (seconds > 60) return fprintf(stderr, "at most 60 seconds\n"), 2;
  printf("sending\n");
  fflush(stdout);
  if (strcmp(args[9], "live") == 0) run_live(ifindex, rate, seconds);
  else run_raw(ifindex, rate, seconds);
  return 0;
}
