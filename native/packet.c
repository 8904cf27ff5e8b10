/*
 * AF_PACKET: a TPACKET_V2 receive ring mapped into the arena, a queue for frames that are longer than its slots, and sendmmsg straight
 * out of the arena.
 *
 * Measured on veth: sending from where the frame lies beats a transmit ring, which costs one more copy and page fragments; V2 beats
 * V3, whose blocks are handed over on a timer.
 */
#include "addon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

struct packet_options {
	int64_t interface;
	int64_t slot_bytes;
	int64_t slots;
	int64_t slots_per_block;
	int64_t reserve;
	int64_t vnet_header;
	int64_t closed;
	int64_t send_buffer;
	int64_t receive_buffer;
};

static bool read_options(napi_env env, napi_value object, struct packet_options *o)
{
	return uvs_option(env, object, "interfaceIndex", &o->interface) && uvs_option(env, object, "slotBytes", &o->slot_bytes) &&
	       uvs_option(env, object, "slots", &o->slots) && uvs_option(env, object, "slotsPerBlock", &o->slots_per_block) &&
	       uvs_option(env, object, "reserveBytes", &o->reserve) && uvs_option(env, object, "vnetHeader", &o->vnet_header) &&
	       uvs_option(env, object, "dropAll", &o->closed) && uvs_option(env, object, "sendBufferBytes", &o->send_buffer) &&
	       uvs_option(env, object, "receiveBufferBytes", &o->receive_buffer);
}

/* Takes nothing until somebody replaces the filter. */
static int drop_everything(int fd)
{
	struct sock_filter instruction = { .code = BPF_RET | BPF_K, .k = 0 };
	const struct sock_fprog program = { .len = 1, .filter = &instruction };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int set(int fd, int option, int value)
{
	return setsockopt(fd, SOL_PACKET, option, &value, sizeof value);
}

/* A frame that no slot holds waits whole in the socket's queue, in front of it its beginning in the ring. */
static int queue_long_frames(int fd, const struct packet_options *o)
{
	const int buffer = (int)o->receive_buffer;

	if (o->receive_buffer == 0)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	return set(fd, PACKET_COPY_THRESH, 1);
}

/* Everything up to the ring. Returns the call that failed, or NULL. Options that only make it faster may fail. */
static const char *configure(int fd, const struct packet_options *o)
{
	const int buffer = (int)o->send_buffer;

	if (o->closed && drop_everything(fd) != 0)
		return "setsockopt(SO_ATTACH_FILTER)";
	if (set(fd, PACKET_VERSION, TPACKET_V2) != 0)
		return "setsockopt(PACKET_VERSION)";
	if (set(fd, PACKET_RESERVE, (int)o->reserve) != 0)
		return "setsockopt(PACKET_RESERVE)";
	if (o->vnet_header && set(fd, PACKET_VNET_HDR, 1) != 0)
		return "setsockopt(PACKET_VNET_HDR)";
	if (set(fd, PACKET_IGNORE_OUTGOING, 1) != 0)
		return "setsockopt(PACKET_IGNORE_OUTGOING)";
	if (queue_long_frames(fd, o) != 0)
		return "setsockopt(PACKET_COPY_THRESH)";
	set(fd, PACKET_QDISC_BYPASS, 1);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) != 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	return NULL;
}

static const char *make_ring(int fd, const struct packet_options *o, const struct uvs_mapping *ring)
{
	const struct tpacket_req request = {
		.tp_block_size = (unsigned)(o->slot_bytes * o->slots_per_block),
		.tp_block_nr = (unsigned)(o->slots / o->slots_per_block),
		.tp_frame_size = (unsigned)o->slot_bytes,
		.tp_frame_nr = (unsigned)o->slots,
	};

	if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0)
		return "setsockopt(PACKET_RX_RING)";
	if (mmap(ring->at, ring->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		return "mmap(PACKET_RX_RING)";
	return NULL;
}

static const char *bind_to(int fd, int interface)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = interface,
	};

	return bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? NULL : "bind(AF_PACKET)";
}

/* packetOpen(arena, at, options): fd. The ring takes slots * slotBytes from `at`, which lies on a page. */
static napi_value packet_open(napi_env env, napi_callback_info info)
{
	const int64_t page = sysconf(_SC_PAGESIZE);
	struct packet_options o;
	struct uvs_mapping ring;
	napi_value arguments[3];
	uint8_t *arena = NULL;
	const char *failed;
	size_t size = 0;
	int64_t at;
	int fd;

	if (!uvs_arguments(env, info, 3, arguments) || !uvs_bytes(env, arguments[0], &arena, &size) ||
	    !uvs_int(env, arguments[1], &at) || !read_options(env, arguments[2], &o))
		return NULL;
	if (o.slot_bytes <= 0 || o.slots <= 0 || o.slots_per_block <= 0 || o.slots % o.slots_per_block != 0 ||
	    o.slot_bytes > 1 << 20 || o.slots > 1 << 20 || (o.slot_bytes * o.slots_per_block) % page != 0)
		return uvs_throw_type(env, "slots must fill whole blocks, and blocks whole pages");
	if (at < 0 || at % page != 0 || at > (int64_t)size || o.slot_bytes * o.slots > (int64_t)size - at)
		return uvs_throw_type(env, "the ring must lie in the arena and begin at a page");
	ring.at = arena + at;
	ring.bytes = (size_t)(o.slot_bytes * o.slots);
	/* Protocol 0 receives nothing; bind names the protocol when all is ready. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return uvs_throw(env, "socket(AF_PACKET)", errno, NULL);
	failed = configure(fd, &o);
	if (failed == NULL)
		failed = make_ring(fd, &o, &ring);
	if (failed == NULL)
		failed = bind_to(fd, (int)o.interface);
	if (failed != NULL) {
		int error = errno;

		uvs_restore(&ring, 1);
		close(fd);
		return uvs_throw(env, failed, error, NULL);
	}
	return uvs_own(env, fd, &ring, 1) ? uvs_number(env, fd) : NULL;
}

struct batch {
	int fd;
	int frames;
	/* Of the first frame that is meant. */
	int32_t *descriptors;
};

/* Arguments (fd, arena, descriptors, from, count), as messages of one piece each. A descriptor is two words: offset in the arena, bytes. */
static bool read_batch(napi_env env, napi_callback_info info, struct mmsghdr *messages, struct iovec *pieces, struct batch *batch)
{
	napi_value arguments[5];
	int32_t *descriptors = NULL;
	uint8_t *arena = NULL;
	size_t size = 0;
	int64_t fd, from, count;

	if (!uvs_arguments(env, info, 5, arguments) || !uvs_int(env, arguments[0], &fd) ||
	    !uvs_bytes(env, arguments[1], &arena, &size) || !uvs_int(env, arguments[3], &from) || !uvs_int(env, arguments[4], &count))
		return false;
	if (from < 0 || count < from || count - from > UVS_MAX_BATCH) {
		uvs_throw_type(env, "too many frames for one call");
		return false;
	}
	if (!uvs_int32s(env, arguments[2], (size_t)count * 2, &descriptors))
		return false;
	*batch = (struct batch){ .fd = (int)fd, .frames = (int)(count - from), .descriptors = descriptors + 2 * from };
	for (int i = 0; i < batch->frames; i++) {
		const int32_t at = batch->descriptors[2 * i];
		const int32_t bytes = batch->descriptors[2 * i + 1];

		if (at < 0 || bytes < 0 || (size_t)at > size || (size_t)bytes > size - (size_t)at) {
			uvs_throw_type(env, "a frame lies outside the arena");
			return false;
		}
		pieces[i] = (struct iovec){ .iov_base = arena + at, .iov_len = (size_t)bytes };
		messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &pieces[i], .msg_iovlen = 1 } };
	}
	return true;
}

/*
 * packetSend(fd, arena, descriptors, from, count): how many of the frames from..count-1 went, in order; when not even the first,
 * minus its errno.
 */
static napi_value packet_send(napi_env env, napi_callback_info info)
{
	struct mmsghdr messages[UVS_MAX_BATCH];
	struct iovec pieces[UVS_MAX_BATCH];
	struct batch batch;
	int sent;

	if (!read_batch(env, info, messages, pieces, &batch))
		return NULL;
	if (batch.frames == 0)
		return uvs_number(env, 0);
	sent = sendmmsg(batch.fd, messages, (unsigned)batch.frames, MSG_DONTWAIT);
	return uvs_number(env, sent < 0 ? -errno : sent);
}

/*
 * packetReceive(fd, arena, descriptors, from, count): takes frames from the socket's queue to the places from..count-1, and writes over
 * the room of each how long the frame is, which may be more than the room. Returns how many; minus the errno when there is none.
 */
static napi_value packet_receive(napi_env env, napi_callback_info info)
{
	struct mmsghdr messages[UVS_MAX_BATCH];
	struct iovec pieces[UVS_MAX_BATCH];
	struct batch batch;
	int taken;

	if (!read_batch(env, info, messages, pieces, &batch))
		return NULL;
	if (batch.frames == 0)
		return uvs_number(env, 0);
	/* MSG_TRUNC: the length of the frame, not of what was copied. */
	taken = recvmmsg(batch.fd, messages, (unsigned)batch.frames, MSG_DONTWAIT | MSG_TRUNC, NULL);
	for (int i = 0; i < taken; i++)
		batch.descriptors[2 * i + 1] = (int32_t)messages[i].msg_len;
	return uvs_number(env, taken < 0 ? -errno : taken);
}

/*
 * packetFanout(fd, group, program): joins a group of sockets of which one gets each frame; the program (a socket filter) says which, by
 * its result modulo their number, in the order in which they joined. Group -1 makes a new one. Returns the group.
 */
static napi_value packet_fanout(napi_env env, napi_callback_info info)
{
	napi_value arguments[3];
	int64_t fd, group, program;
	int joined = 0, value;
	socklen_t bytes = sizeof joined;

	if (!uvs_arguments(env, info, 3, arguments) || !uvs_int(env, arguments[0], &fd) || !uvs_int(env, arguments[1], &group) ||
	    !uvs_int(env, arguments[2], &program))
		return NULL;
	/* The group takes frames in place of its sockets, so it has to be told by itself not to take what the host sends. */
	value = (PACKET_FANOUT_EBPF | PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16;
	value |= group < 0 ? PACKET_FANOUT_FLAG_UNIQUEID << 16 : (int)group & 0xffff;
	if (setsockopt((int)fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof value) != 0)
		return uvs_throw(env, "setsockopt(PACKET_FANOUT)", errno, NULL);
	value = (int)program;
	if (setsockopt((int)fd, SOL_PACKET, PACKET_FANOUT_DATA, &value, sizeof value) != 0)
		return uvs_throw(env, "setsockopt(PACKET_FANOUT_DATA)", errno, NULL);
	if (getsockopt((int)fd, SOL_PACKET, PACKET_FANOUT, &joined, &bytes) != 0)
		return uvs_throw(env, "getsockopt(PACKET_FANOUT)", errno, NULL);
	return uvs_number(env, joined & 0xffff);
}

/* packetStatistics(fd): frames lost since the last call because the ring was full; the kernel starts again from zero. */
static napi_value packet_statistics(napi_env env, napi_callback_info info)
{
	struct tpacket_stats statistics = { 0 };
	socklen_t bytes = sizeof statistics;
	napi_value argument;
	int64_t fd;

	if (!uvs_arguments(env, info, 1, &argument) || !uvs_int(env, argument, &fd))
		return NULL;
	if (getsockopt((int)fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &bytes) != 0)
		return uvs_throw(env, "getsockopt(PACKET_STATISTICS)", errno, NULL);
	return uvs_number(env, statistics.tp_drops);
}

void uvs_register_packet(napi_env env, napi_value exports)
{
	static const struct uvs_function FUNCTIONS[] = {
		{ "packetOpen", packet_open },
		{ "packetSend", packet_send },
		{ "packetReceive", packet_receive },
		{ "packetFanout", packet_fanout },
		{ "packetStatistics", packet_statistics },
	};

	uvs_register(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
}
