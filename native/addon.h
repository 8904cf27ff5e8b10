/*
 * What the files of the native helper share. The helper does system calls and nothing else: no policy, no globals. Every function
 * throws a JavaScript Error with `code` (name of the errno), `errno` and `syscall`, and leaves nothing open when it does.
 */
#ifndef UVS_ADDON_H
#define UVS_ADDON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Frames that one call sends at most. */
#define UVS_MAX_BATCH 256
/* Kernel rings that one file descriptor maps at most (AF_XDP: receive, transmit, fill, completion). */
#define UVS_MAX_MAPPINGS 4
/* Bytes of a name or path that a function takes, zero included. */
#define UVS_MAX_TEXT 256

/* Throws; always returns NULL, so that a binding can `return uvs_throw(...)`. `subject` may be NULL. */
napi_value uvs_throw(napi_env env, const char *syscall, int error, const char *subject);
/* Throws a TypeError for a wrong argument. */
napi_value uvs_throw_type(napi_env env, const char *message);

/* Reads the arguments; throws and returns false when there are fewer than `count`. */
bool uvs_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values);
bool uvs_int(napi_env env, napi_value value, int64_t *out);
bool uvs_text(napi_env env, napi_value value, char out[UVS_MAX_TEXT]);
/* A number, or a boolean as 0 or 1, from a property of an object; throws when it is missing. */
bool uvs_option(napi_env env, napi_value object, const char *name, int64_t *out);

/* An ArrayBuffer, typed array or DataView, in place. */
bool uvs_bytes(napi_env env, napi_value value, uint8_t **data, size_t *bytes);
/* An Int32Array of at least `count` elements, in place. */
bool uvs_int32s(napi_env env, napi_value value, size_t count, int32_t **data);

napi_value uvs_number(napi_env env, double number);
void uvs_set_number(napi_env env, napi_value object, const char *name, double number);
void uvs_set_boolean(napi_env env, napi_value object, const char *name, bool value);
void uvs_set_text(napi_env env, napi_value object, const char *name, const char *text);

struct uvs_function {
	const char *name;
	napi_callback call;
};
/* Puts `count` functions on `exports`. */
void uvs_register(napi_env env, napi_value exports, const struct uvs_function *functions, size_t count);

/* A kernel ring that lies in an arena. */
struct uvs_mapping {
	uint8_t *at;
	size_t bytes;
};

/*
 * Remembers that this environment owns `fd`: `closeFd` puts anonymous memory where its rings were, then closes it; the end of the
 * environment (a worker that is terminated) does the same. On failure throws, closes `fd` and unmaps its rings.
 */
bool uvs_own(napi_env env, int fd, const struct uvs_mapping *mappings, size_t count);
/* Puts fresh anonymous memory there, as the arena had it. */
void uvs_restore(const struct uvs_mapping *mappings, size_t count);

void uvs_register_memory(napi_env env, napi_value exports);
void uvs_register_interface(napi_env env, napi_value exports);
void uvs_register_packet(napi_env env, napi_value exports);
void uvs_register_xdp(napi_env env, napi_value exports);
void uvs_register_xdp_features(napi_env env, napi_value exports);
void uvs_register_tun(napi_env env, napi_value exports);
void uvs_register_saved_syn(napi_env env, napi_value exports);
void uvs_register_wait(napi_env env, napi_value exports);
/* The BPF system call: maps, programs, links (bpf.c). */
void uvs_register_bpf(napi_env env, napi_value exports);

#endif
