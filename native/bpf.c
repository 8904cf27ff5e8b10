/*
 * The BPF system call: maps, programs, and links that fasten a program to an interface. The kernel undoes a link when its last
 * descriptor closes, so a process that is killed leaves nothing behind. No policy: which program and where is decided in src/io/.
 */
#include "addon.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_ATTACH_BPF
#define SO_ATTACH_BPF 50
#endif

/* enum bpf_attach_type, since Linux 6.6; an enumerator of older headers, so no #ifdef can tell. */
#define UVS_TCX_INGRESS 46
/* Largest key and value that mapUpdate takes. */
#define MAX_MAP_ITEM 64
#define LOG_BYTES ((size_t)1 << 18)
/* The verifier says why at the end. */
#define LOG_SHOWN ((size_t)2000)

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static napi_value owned(napi_env env, int fd)
{
	return uvs_own(env, fd, NULL, 0) ? uvs_number(env, fd) : NULL;
}

static bool text_option(napi_env env, napi_value object, const char *name, char out[UVS_MAX_TEXT])
{
	napi_value value;

	if (napi_get_named_property(env, object, name, &value) != napi_ok) {
		uvs_throw_type(env, "the options must be an object");
		return false;
	}
	return uvs_text(env, value, out);
}

/* Finds `text` among `count` names. Throws and returns -1 when it is none of them. */
static int choice(napi_env env, const char *text, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	uvs_throw_type(env, "an option has a value that is not known");
	return -1;
}

/* Before Linux 5.11 maps and programs are charged to the locked memory of the user, 64 KiB by default. */
static void raise_memory_limit(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
}

/* mapCreate({ type: 'hash' | 'xskmap' | 'prefixes' | 'cpuArray', keyBytes, valueBytes, entries, name }): fd */
static napi_value map_create(napi_env env, napi_callback_info info)
{
	static const char *const NAMES[] = { "hash", "xskmap", "prefixes", "cpuArray" };
	static const enum bpf_map_type TYPES[] = { BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_XSKMAP, BPF_MAP_TYPE_LPM_TRIE,
						   BPF_MAP_TYPE_PERCPU_ARRAY };
	char type_name[UVS_MAX_TEXT], name[UVS_MAX_TEXT];
	union bpf_attr attributes = { 0 };
	int64_t key, value, entries;
	napi_value options;
	int type, fd;

	if (!uvs_arguments(env, info, 1, &options) || !text_option(env, options, "type", type_name) ||
	    !text_option(env, options, "name", name) || !uvs_option(env, options, "keyBytes", &key) ||
	    !uvs_option(env, options, "valueBytes", &value) || !uvs_option(env, options, "entries", &entries))
		return NULL;
	type = choice(env, type_name, NAMES, 4);
	if (type < 0)
		return NULL;
	attributes.map_type = TYPES[type];
	if (attributes.map_type == BPF_MAP_TYPE_LPM_TRIE) /* the kernel has no other kind */
		attributes.map_flags = BPF_F_NO_PREALLOC;
	attributes.key_size = (uint32_t)key;
	attributes.value_size = (uint32_t)value;
	attributes.max_entries = (uint32_t)entries;
	snprintf(attributes.map_name, sizeof attributes.map_name, "%.15s", name);
	fd = bpf(BPF_MAP_CREATE, &attributes);
	if (fd < 0 && errno == EPERM) {
		raise_memory_limit();
		fd = bpf(BPF_MAP_CREATE, &attributes);
	}
	return fd < 0 ? uvs_throw(env, "bpf(MAP_CREATE)", errno, name) : owned(env, fd);
}

/* A copy with room to spare, for the kernel reads as many bytes as the map says, not as many as we were given. */
static bool map_item(napi_env env, napi_value value, uint64_t out[MAX_MAP_ITEM / 8])
{
	uint8_t *data = NULL;
	size_t bytes = 0;

	if (!uvs_bytes(env, value, &data, &bytes))
		return false;
	if (bytes > MAX_MAP_ITEM) {
		uvs_throw_type(env, "a key or value has at most 64 bytes");
		return false;
	}
	memset(out, 0, MAX_MAP_ITEM);
	if (bytes > 0)
		memcpy(out, data, bytes);
	return true;
}

static napi_value update(napi_env env, int64_t fd, const void *key, const void *value)
{
	union bpf_attr attributes = { 0 };

	attributes.map_fd = (uint32_t)fd;
	attributes.key = (uintptr_t)key;
	attributes.value = (uintptr_t)value;
	attributes.flags = BPF_ANY;
	if (bpf(BPF_MAP_UPDATE_ELEM, &attributes) != 0)
		return uvs_throw(env, "bpf(MAP_UPDATE_ELEM)", errno, NULL);
	return NULL;
}

/* mapUpdate(fd, key, value) */
static napi_value map_update(napi_env env, napi_callback_info info)
{
	uint64_t key[MAX_MAP_ITEM / 8], value[MAX_MAP_ITEM / 8];
	napi_value arguments[3];
	int64_t fd;

	if (!uvs_arguments(env, info, 3, arguments) || !uvs_int(env, arguments[0], &fd) ||
	    !map_item(env, arguments[1], key) || !map_item(env, arguments[2], value))
		return NULL;
	return update(env, fd, key, value);
}

/* mapUpdateFd(fd, index, socketFd): puts an AF_XDP socket into an xskmap; the kernel takes it out when the socket closes. */
static napi_value map_update_fd(napi_env env, napi_callback_info info)
{
	napi_value arguments[3];
	int64_t fd, index, socket;
	uint32_t key, value;

	if (!uvs_arguments(env, info, 3, arguments) || !uvs_int(env, arguments[0], &fd) ||
	    !uvs_int(env, arguments[1], &index) || !uvs_int(env, arguments[2], &socket))
		return NULL;
	key = (uint32_t)index;
	value = (uint32_t)socket;
	return update(env, fd, &key, &value);
}

/* mapDelete(fd, key) */
static napi_value map_delete(napi_env env, napi_callback_info info)
{
	union bpf_attr attributes = { 0 };
	uint64_t key[MAX_MAP_ITEM / 8];
	napi_value arguments[2];
	int64_t fd;

	if (!uvs_arguments(env, info, 2, arguments) || !uvs_int(env, arguments[0], &fd) || !map_item(env, arguments[1], key))
		return NULL;
	attributes.map_fd = (uint32_t)fd;
	attributes.key = (uintptr_t)key;
	if (bpf(BPF_MAP_DELETE_ELEM, &attributes) != 0)
		return uvs_throw(env, "bpf(MAP_DELETE_ELEM)", errno, NULL);
	return NULL;
}

/* Throws as uvs_throw does, with the end of the verifier's log behind the message. */
static napi_value throw_with_log(napi_env env, int error, const char *name, const char *log)
{
	const size_t length = strlen(log);
	const char *end = length > LOG_SHOWN ? log + length - LOG_SHOWN : log;
	char text[LOG_SHOWN + 128];
	napi_value exception;

	uvs_throw(env, "bpf(PROG_LOAD)", error, name);
	if (length == 0 || napi_get_and_clear_last_exception(env, &exception) != napi_ok)
		return NULL;
	snprintf(text, sizeof text, "bpf(PROG_LOAD): %.15s: %s; the verifier says:\n%s", name, strerror(error), end);
	uvs_set_text(env, exception, "message", text);
	napi_throw(env, exception);
	return NULL;
}

/* programLoad({ type: 'xdp' | 'sched_cls' | 'socket_filter', instructions: Uint8Array, name }): fd */
static napi_value program_load(napi_env env, napi_callback_info info)
{
	static const char *const NAMES[] = { "xdp", "sched_cls", "socket_filter" };
	static const enum bpf_prog_type TYPES[] = { BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_SOCKET_FILTER };
	static const char LICENSE[] = "Apache-2.0";
	char type_name[UVS_MAX_TEXT], name[UVS_MAX_TEXT];
	union bpf_attr attributes = { 0 };
	napi_value options, instructions;
	uint8_t *data = NULL;
	size_t bytes = 0;
	int type, fd;

	if (!uvs_arguments(env, info, 1, &options) || !text_option(env, options, "type", type_name) ||
	    !text_option(env, options, "name", name))
		return NULL;
	type = choice(env, type_name, NAMES, 4);
	if (type < 0 || napi_get_named_property(env, options, "instructions", &instructions) != napi_ok ||
	    !uvs_bytes(env, instructions, &data, &bytes))
		return NULL;
	attributes.prog_type = TYPES[type];
	attributes.insns = (uintptr_t)data;
	attributes.insn_cnt = (uint32_t)(bytes / sizeof(struct bpf_insn));
	attributes.license = (uintptr_t)LICENSE;
	snprintf(attributes.prog_name, sizeof attributes.prog_name, "%.15s", name);
	fd = bpf(BPF_PROG_LOAD, &attributes);
	if (fd < 0 && errno == EPERM) {
		raise_memory_limit();
		fd = bpf(BPF_PROG_LOAD, &attributes);
	}
	if (fd < 0) {
		/* Once more, now with the log: a log that is too small would make the first attempt fail. */
		int error = errno;
		char *log = calloc(1, LOG_BYTES);

		if (log == NULL)
			return uvs_throw(env, "bpf(PROG_LOAD)", error, name);
		attributes.log_level = 1;
		attributes.log_size = LOG_BYTES;
		attributes.log_buf = (uintptr_t)log;
		fd = bpf(BPF_PROG_LOAD, &attributes);
		if (fd < 0)
			throw_with_log(env, error, name, log);
		free(log);
	}
	return fd < 0 ? NULL : owned(env, fd);
}

static napi_value link_create(napi_env env, int64_t program, int64_t interface, uint32_t type, uint32_t flags, const char *what)
{
	union bpf_attr attributes = { 0 };
	int fd;

	attributes.link_create.prog_fd = (uint32_t)program;
	attributes.link_create.target_ifindex = (uint32_t)interface;
	attributes.link_create.attach_type = type;
	attributes.link_create.flags = flags;
	fd = bpf(BPF_LINK_CREATE, &attributes);
	return fd < 0 ? uvs_throw(env, "bpf(LINK_CREATE)", errno, what) : owned(env, fd);
}

/* linkXdp(programFd, ifindex, 'native' | 'generic'): link fd. EBUSY or EEXIST: the interface has an XDP program already. */
static napi_value link_xdp(napi_env env, napi_callback_info info)
{
	static const char *const NAMES[] = { "native", "generic" };
	static const uint32_t FLAGS[] = { XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE };
	static const char *const WHAT[] = { "native XDP", "generic XDP" };
	char mode_name[UVS_MAX_TEXT];
	napi_value arguments[3];
	int64_t program, interface;
	int mode;

	if (!uvs_arguments(env, info, 3, arguments) || !uvs_int(env, arguments[0], &program) ||
	    !uvs_int(env, arguments[1], &interface) || !uvs_text(env, arguments[2], mode_name))
		return NULL;
	mode = choice(env, mode_name, NAMES, 2);
	return mode < 0 ? NULL : link_create(env, program, interface, BPF_XDP, FLAGS[mode], WHAT[mode]);
}

/* linkTcxIngress(programFd, ifindex): link fd. EINVAL: a kernel before 6.6, which has no tcx. */
static napi_value link_tcx_ingress(napi_env env, napi_callback_info info)
{
	napi_value arguments[2];
	int64_t program, interface;

	if (!uvs_arguments(env, info, 2, arguments) || !uvs_int(env, arguments[0], &program) ||
	    !uvs_int(env, arguments[1], &interface))
		return NULL;
	return link_create(env, program, interface, UVS_TCX_INGRESS, 0, "tcx ingress");
}

/* socketFilter(fd, programFd): from now on the socket receives what the program lets through. */
static napi_value socket_filter(napi_env env, napi_callback_info info)
{
	napi_value arguments[2];
	int64_t fd, program;
	int value;

	if (!uvs_arguments(env, info, 2, arguments) || !uvs_int(env, arguments[0], &fd) || !uvs_int(env, arguments[1], &program))
		return NULL;
	value = (int)program;
	if (setsockopt((int)fd, SOL_SOCKET, SO_ATTACH_BPF, &value, sizeof value) != 0)
		return uvs_throw(env, "setsockopt(SO_ATTACH_BPF)", errno, NULL);
	return NULL;
}

void uvs_register_bpf(napi_env env, napi_value exports)
{
	static const struct uvs_function FUNCTIONS[] = {
		{ "mapCreate", map_create },
		{ "mapUpdate", map_update },
		{ "mapUpdateFd", map_update_fd },
		{ "mapDelete", map_delete },
		{ "programLoad", program_load },
		{ "linkXdp", link_xdp },
		{ "linkTcxIngress", link_tcx_ingress },
		{ "socketFilter", socket_filter },
	};

	uvs_register(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
}
