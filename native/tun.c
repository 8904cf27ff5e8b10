/* TUN and TAP devices: frames or packets by read and write. */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* tunOpen(name, { tap, vnetHeader, multiQueue, receiveOffloads }): { fd, name }. An empty name or one with %d lets the kernel choose. */
static napi_value tun_open(napi_env env, napi_callback_info info)
{
	struct ifreq request = { 0 };
	char name[UVS_MAX_TEXT];
	napi_value arguments[2], result;
	int64_t tap, vnet, multi, receive_offloads;
	const char *failed = NULL;
	int fd;

	if (!uvs_arguments(env, info, 2, arguments) || !uvs_text(env, arguments[0], name) ||
	    !uvs_option(env, arguments[1], "tap", &tap) || !uvs_option(env, arguments[1], "vnetHeader", &vnet) ||
	    !uvs_option(env, arguments[1], "multiQueue", &multi) ||
	    !uvs_option(env, arguments[1], "receiveOffloads", &receive_offloads))
		return NULL;
	if (strlen(name) >= IFNAMSIZ)
		return uvs_throw(env, "ioctl(TUNSETIFF)", EINVAL, name);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return uvs_throw(env, "open(/dev/net/tun)", errno, NULL);
	memcpy(request.ifr_name, name, strlen(name));
	request.ifr_flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0) | (multi ? IFF_MULTI_QUEUE : 0));
	if (ioctl(fd, TUNSETIFF, &request) != 0)
		failed = "ioctl(TUNSETIFF)";
	else if (vnet && receive_offloads && ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0)
		failed = "ioctl(TUNSETOFFLOAD)";
	if (failed != NULL) {
		int error = errno;

		close(fd);
		return uvs_throw(env, failed, error, name);
	}
	if (!uvs_own(env, fd, NULL, 0))
		return NULL;
	napi_create_object(env, &result);
	uvs_set_number(env, result, "fd", fd);
	request.ifr_name[IFNAMSIZ - 1] = '\0';
	uvs_set_text(env, result, "name", request.ifr_name);
	return result;
}

/* tunSteer(fd, program): the result of the program (a socket filter), modulo the number of queues, says which of them gets a packet. */
static napi_value tun_steer(napi_env env, napi_callback_info info)
{
	napi_value arguments[2];
	int64_t fd, program;
	int value;

	if (!uvs_arguments(env, info, 2, arguments) || !uvs_int(env, arguments[0], &fd) || !uvs_int(env, arguments[1], &program))
		return NULL;
	value = (int)program;
	if (ioctl((int)fd, TUNSETSTEERINGEBPF, &value) != 0)
		return uvs_throw(env, "ioctl(TUNSETSTEERINGEBPF)", errno, NULL);
	return NULL;
}

struct batch {
	int fd;
	uint8_t *arena;
	int32_t *descriptors;
	int64_t from;
	int64_t count;
};

/* (fd, arena, descriptors, from, count), with every descriptor (offset, bytes) inside the arena; throws and returns false else. */
static bool read_batch(napi_env env, napi_callback_info info, struct batch *b)
{
	napi_value arguments[5];
	size_t size = 0;
	int64_t fd;

	if (!uvs_arguments(env, info, 5, arguments) || !uvs_int(env, arguments[0], &fd) ||
	    !uvs_bytes(env, arguments[1], &b->arena, &size) || !uvs_int(env, arguments[3], &b->from) ||
	    !uvs_int(env, arguments[4], &b->count))
		return false;
	b->fd = (int)fd;
	if (b->from < 0 || b->count < b->from || b->count - b->from > UVS_MAX_BATCH) {
		uvs_throw_type(env, "too many frames for one call");
		return false;
	}
	if (!uvs_int32s(env, arguments[2], (size_t)b->count * 2, &b->descriptors))
		return false;
	for (int64_t i = b->from; i < b->count; i++) {
		const int32_t at = b->descriptors[2 * i];
		const int32_t bytes = b->descriptors[2 * i + 1];

		if (at < 0 || bytes < 0 || (size_t)at > size || (size_t)bytes > size - (size_t)at) {
			uvs_throw_type(env, "a frame lies outside the arena");
			return false;
		}
	}
	return true;
}

/*
 * tunRead(fd, arena, descriptors, from, count): reads one packet into each slot (offset, room) and writes its length in place of the
 * room. Returns how many; 0 when none waits; when the first read fails otherwise, minus its errno.
 */
static napi_value tun_read(napi_env env, napi_callback_info info)
{
	struct batch b;
	int64_t i;

	if (!read_batch(env, info, &b))
		return NULL;
	for (i = b.from; i < b.count; i++) {
		const ssize_t got = read(b.fd, b.arena + b.descriptors[2 * i], (size_t)b.descriptors[2 * i + 1]);

		if (got < 0) {
			if (i == b.from && errno != EAGAIN && errno != EINTR)
				return uvs_number(env, -errno);
			break;
		}
		b.descriptors[2 * i + 1] = (int32_t)got;
	}
	return uvs_number(env, (double)(i - b.from));
}

/* tunWrite(fd, arena, descriptors, from, count): as packetSend. */
static napi_value tun_write(napi_env env, napi_callback_info info)
{
	struct batch b;
	int64_t i;

	if (!read_batch(env, info, &b))
		return NULL;
	for (i = b.from; i < b.count; i++) {
		if (write(b.fd, b.arena + b.descriptors[2 * i], (size_t)b.descriptors[2 * i + 1]) >= 0)
			continue;
		if (i == b.from)
			return uvs_number(env, -errno);
		break;
	}
	return uvs_number(env, (double)(i - b.from));
}

void uvs_register_tun(napi_env env, napi_value exports)
{
	static const struct uvs_function FUNCTIONS[] = {
		{ "tunOpen", tun_open },
		{ "tunSteer", tun_steer },
		{ "tunRead", tun_read },
		{ "tunWrite", tun_write },
	};

	uvs_register(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
}
