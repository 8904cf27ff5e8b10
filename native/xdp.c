/*
 * AF_XDP sockets whose four rings and whose frame memory (UMEM) lie in the arena, so that a frame is an offset whichever port has it.
 *
 * The first socket registers the UMEM; later ones, on other interfaces, share it (XDP_SHARED_UMEM) and bring fill and completion
 * rings of their own. The program that redirects frames to the socket is not loaded here (bpf.c).
 */
#include "addon.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

/* Linux 6.17. */
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

/* As in the first version of struct xdp_umem_reg with flags; later kernels accept the shorter one. */
struct umem_registration {
	uint64_t address;
	uint64_t bytes;
	uint32_t chunk_bytes;
	uint32_t headroom;
	uint32_t flags;
	uint32_t padding;
};

enum ring { RECEIVE, TRANSMIT, FILL, COMPLETION, RINGS };

static const struct {
	const char *name;
	const char *size_option;
	const char *at_option;
	const char *size_call;
	const char *map_call;
	int option;
	uint64_t page_offset;
	size_t entry_bytes;
} RING[RINGS] = {
	[RECEIVE] = { "receive", "receiveEntries", "receiveAt", "setsockopt(XDP_RX_RING)", "mmap(XDP_RX_RING)", XDP_RX_RING,
		      XDP_PGOFF_RX_RING, sizeof(struct xdp_desc) },
	[TRANSMIT] = { "transmit", "transmitEntries", "transmitAt", "setsockopt(XDP_TX_RING)", "mmap(XDP_TX_RING)", XDP_TX_RING,
		       XDP_PGOFF_TX_RING, sizeof(struct xdp_desc) },
	[FILL] = { "fill", "fillEntries", "fillAt", "setsockopt(XDP_UMEM_FILL_RING)", "mmap(XDP_UMEM_FILL_RING)",
		   XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t) },
	[COMPLETION] = { "completion", "completionEntries", "completionAt", "setsockopt(XDP_UMEM_COMPLETION_RING)",
			 "mmap(XDP_UMEM_COMPLETION_RING)", XDP_UMEM_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING,
			 sizeof(uint64_t) },
};

struct xdp_options_read {
	int64_t interface;
	int64_t queue;
	int64_t flags;
	int64_t shared_fd;
	int64_t umem_at;
	int64_t umem_bytes;
	int64_t chunk_bytes;
	int64_t headroom;
	int64_t send_buffer;
	int64_t kick_frames;
	int64_t entries[RINGS];
	int64_t at[RINGS];
	int64_t ring_bytes;
};

static bool read_options(napi_env env, napi_value object, struct xdp_options_read *o)
{
	if (!uvs_option(env, object, "interfaceIndex", &o->interface) || !uvs_option(env, object, "queue", &o->queue) ||
	    !uvs_option(env, object, "bindFlags", &o->flags) || !uvs_option(env, object, "sharedFd", &o->shared_fd) ||
	    !uvs_option(env, object, "umemAt", &o->umem_at) || !uvs_option(env, object, "umemBytes", &o->umem_bytes) ||
	    !uvs_option(env, object, "chunkBytes", &o->chunk_bytes) || !uvs_option(env, object, "headroomBytes", &o->headroom) ||
	    !uvs_option(env, object, "sendBufferBytes", &o->send_buffer) ||
	    !uvs_option(env, object, "kickFrames", &o->kick_frames) || !uvs_option(env, object, "ringBytes", &o->ring_bytes))
		return false;
	for (int r = 0; r < RINGS; r++)
		if (!uvs_option(env, object, RING[r].size_option, &o->entries[r]) ||
		    !uvs_option(env, object, RING[r].at_option, &o->at[r]))
			return false;
	return true;
}

static bool lies_in(int64_t at, int64_t bytes, size_t size)
{
	return at >= 0 && bytes > 0 && at % sysconf(_SC_PAGESIZE) == 0 && at <= (int64_t)size && bytes <= (int64_t)size - at;
}

static bool check_options(napi_env env, const struct xdp_options_read *o, size_t size)
{
	bool good = lies_in(o->umem_at, o->umem_bytes, size);

	for (int r = 0; r < RINGS; r++)
		good = good && lies_in(o->at[r], o->ring_bytes, size) && o->entries[r] > 0 && o->entries[r] <= 1 << 20;
	if (!good)
		uvs_throw_type(env, "the frames and every ring must lie in the arena and begin at a page");
	return good;
}

static const char *configure(int fd, const struct xdp_options_read *o, uint8_t *arena)
{
	const int buffer = (int)o->send_buffer;

	const int budget = (int)o->kick_frames;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
	if (o->shared_fd < 0) {
		const struct umem_registration umem = {
			.address = (uint64_t)(uintptr_t)(arena + o->umem_at),
			.bytes = (uint64_t)o->umem_bytes,
			.chunk_bytes = (uint32_t)o->chunk_bytes,
			.headroom = (uint32_t)o->headroom,
		};

		if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof umem) != 0)
			return "setsockopt(XDP_UMEM_REG)";
	}
	for (int r = 0; r < RINGS; r++) {
		const int entries = (int)o->entries[r];

		if (setsockopt(fd, SOL_XDP, RING[r].option, &entries, sizeof entries) != 0)
			return RING[r].size_call;
	}
	/* It needs the transmit ring. An older kernel sends 32, and answers EAGAIN for the rest: xdp_kick asks again. */
	setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof budget);
	return NULL;
}

/* Maps ring `r`; on success sets `mapping`. */
static const char *map_ring(int fd, int r, const struct xdp_options_read *o, uint64_t entries_at, uint8_t *arena,
			    struct uvs_mapping *mapping)
{
	const size_t bytes = (size_t)entries_at + (size_t)o->entries[r] * RING[r].entry_bytes;
	uint8_t *at = arena + o->at[r];

	if (bytes > (size_t)o->ring_bytes) {
		errno = ENOSPC;
		return RING[r].map_call;
	}
	if (mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, (off_t)RING[r].page_offset) == MAP_FAILED)
		return RING[r].map_call;
	mapping->at = at;
	mapping->bytes = (size_t)o->ring_bytes;
	return NULL;
}

static const char *bind_to(int fd, const struct xdp_options_read *o)
{
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = (uint32_t)o->interface,
		.sxdp_queue_id = (uint32_t)o->queue,
	};

	/* A sharing socket takes the mode of the first; the kernel refuses any other flag beside this one. */
	if (o->shared_fd >= 0) {
		address.sxdp_flags = XDP_SHARED_UMEM;
		address.sxdp_shared_umem_fd = (uint32_t)o->shared_fd;
	} else {
		address.sxdp_flags = (uint16_t)o->flags;
	}
	return bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? NULL : "bind(AF_XDP)";
}

static napi_value ring_object(napi_env env, const struct xdp_options_read *o, int r, const struct xdp_ring_offset *offset)
{
	const double at = (double)o->at[r];
	napi_value ring;

	napi_create_object(env, &ring);
	uvs_set_number(env, ring, "producerAt", at + (double)offset->producer);
	uvs_set_number(env, ring, "consumerAt", at + (double)offset->consumer);
	uvs_set_number(env, ring, "flagsAt", at + (double)offset->flags);
	uvs_set_number(env, ring, "entriesAt", at + (double)offset->desc);
	uvs_set_number(env, ring, "entries", (double)o->entries[r]);
	return ring;
}

/*
 * xdpOpen(arena, options): { fd, receive, transmit, fill, completion }, each ring { producerAt, consumerAt, flagsAt, entriesAt,
 * entries } with byte offsets in the arena. Each ring takes `ringBytes` of it.
 */
static napi_value xdp_open(napi_env env, napi_callback_info info)
{
	struct uvs_mapping mappings[RINGS];
	struct xdp_mmap_offsets offsets = { 0 };
	const struct xdp_ring_offset *const ring_offsets[RINGS] = { &offsets.rx, &offsets.tx, &offsets.fr, &offsets.cr };
	socklen_t bytes = sizeof offsets;
	struct xdp_options_read o;
	napi_value arguments[2], result;
	uint8_t *arena = NULL;
	const char *failed;
	size_t size = 0;
	int mapped = 0, fd;

	if (!uvs_arguments(env, info, 2, arguments) || !uvs_bytes(env, arguments[0], &arena, &size) ||
	    !read_options(env, arguments[1], &o) || !check_options(env, &o, size))
		return NULL;
	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return uvs_throw(env, "socket(AF_XDP)", errno, NULL);
	failed = configure(fd, &o, arena);
	if (failed == NULL && getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &bytes) != 0)
		failed = "getsockopt(XDP_MMAP_OFFSETS)";
	for (int r = 0; r < RINGS && failed == NULL; r++) {
		failed = map_ring(fd, r, &o, ring_offsets[r]->desc, arena, &mappings[r]);
		if (failed == NULL)
			mapped++;
	}
	if (failed == NULL)
		failed = bind_to(fd, &o);
	if (failed != NULL) {
		int error = errno;

		uvs_restore(mappings, (size_t)mapped);
		close(fd);
		return uvs_throw(env, failed, error, NULL);
	}
	if (!uvs_own(env, fd, mappings, RINGS))
		return NULL;
	napi_create_object(env, &result);
	uvs_set_number(env, result, "fd", fd);
	for (int r = 0; r < RINGS; r++)
		napi_set_named_property(env, result, RING[r].name, ring_object(env, &o, r, ring_offsets[r]));
	return result;
}

/*
 * xdpKick(fd, attempts): asks the kernel to send what is in the transmit ring. In copy mode it sends some (kickFrames, or 32) per call
 * and answers EAGAIN; after one that the device refused, EBUSY. So it is asked again, at most `attempts` times. Returns 0, or minus the
 * errno of the last call.
 */
static napi_value xdp_kick(napi_env env, napi_callback_info info)
{
	napi_value arguments[2];
	int64_t fd, attempts;
	int error = 0;

	if (!uvs_arguments(env, info, 2, arguments) || !uvs_int(env, arguments[0], &fd) || !uvs_int(env, arguments[1], &attempts))
		return NULL;
	for (int64_t i = 0; i < attempts; i++) {
		if (sendto((int)fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0) {
			error = 0;
			break;
		}
		error = errno;
		if (error != EAGAIN && error != EBUSY && error != ENOBUFS)
			break;
	}
	return uvs_number(env, -error);
}

/* xdpWake(fd): tells a driver that sleeps (need-wakeup flag of the fill ring) that there are frames to fill. */
static napi_value xdp_wake(napi_env env, napi_callback_info info)
{
	napi_value argument;
	int64_t fd;

	if (!uvs_arguments(env, info, 1, &argument) || !uvs_int(env, argument, &fd))
		return NULL;
	recvfrom((int)fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
	return NULL;
}

/* xdpStatistics(fd): { receiveDropped, receiveRingFull, invalidDescriptors }, since the socket was opened. */
static napi_value xdp_statistics_of(napi_env env, napi_callback_info info)
{
	struct xdp_statistics statistics = { 0 };
	socklen_t bytes = sizeof statistics;
	napi_value argument, result;
	int64_t fd;

	if (!uvs_arguments(env, info, 1, &argument) || !uvs_int(env, argument, &fd))
		return NULL;
	if (getsockopt((int)fd, SOL_XDP, XDP_STATISTICS, &statistics, &bytes) != 0)
		return uvs_throw(env, "getsockopt(XDP_STATISTICS)", errno, NULL);
	napi_create_object(env, &result);
	uvs_set_number(env, result, "receiveDropped", (double)statistics.rx_dropped);
	uvs_set_number(env, result, "receiveRingFull", (double)statistics.rx_ring_full);
	uvs_set_number(env, result, "invalidDescriptors", (double)(statistics.rx_invalid_descs + statistics.tx_invalid_descs));
	return result;
}

void uvs_register_xdp(napi_env env, napi_value exports)
{
	static const struct uvs_function FUNCTIONS[] = {
		{ "xdpOpen", xdp_open },
		{ "xdpKick", xdp_kick },
		{ "xdpWake", xdp_wake },
		{ "xdpStatistics", xdp_statistics_of },
	};

	uvs_register(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
}
