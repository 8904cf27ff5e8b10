/* The module: its entry, errors, and reading of arguments. */
#include "addon.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int number;
	const char *name;
} ERROR_NAMES[] = {
	{ EPERM, "EPERM" },       { ENOENT, "ENOENT" },         { EINTR, "EINTR" },           { EIO, "EIO" },
	{ ENXIO, "ENXIO" },       { E2BIG, "E2BIG" },           { EBADF, "EBADF" },           { EAGAIN, "EAGAIN" },
	{ ENOMEM, "ENOMEM" },     { EACCES, "EACCES" },         { EFAULT, "EFAULT" },         { EBUSY, "EBUSY" },
	{ EEXIST, "EEXIST" },     { ENODEV, "ENODEV" },         { EINVAL, "EINVAL" },         { ENFILE, "ENFILE" },
	{ EMFILE, "EMFILE" },     { ENOTTY, "ENOTTY" },         { ENOSPC, "ENOSPC" },         { ERANGE, "ERANGE" },
	{ ENOSYS, "ENOSYS" },     { EBADFD, "EBADFD" },         { EMSGSIZE, "EMSGSIZE" },     { ENOPROTOOPT, "ENOPROTOOPT" },
	{ EPROTONOSUPPORT, "EPROTONOSUPPORT" },                 { EOPNOTSUPP, "EOPNOTSUPP" }, { EAFNOSUPPORT, "EAFNOSUPPORT" },
	{ EADDRINUSE, "EADDRINUSE" },                           { ENETDOWN, "ENETDOWN" },     { ENOBUFS, "ENOBUFS" },
	{ EOVERFLOW, "EOVERFLOW" },                             { EUSERS, "EUSERS" },         { ENAMETOOLONG, "ENAMETOOLONG" },
};

static const char *error_name(int error)
{
	for (size_t i = 0; i < sizeof ERROR_NAMES / sizeof *ERROR_NAMES; i++)
		if (ERROR_NAMES[i].number == error)
			return ERROR_NAMES[i].name;
	return "UNKNOWN";
}

napi_value uvs_throw(napi_env env, const char *syscall, int error, const char *subject)
{
	char text[512];
	napi_value code, message, object;
	const char *name = error_name(error);

	if (subject != NULL)
		snprintf(text, sizeof text, "%s: %s: %s (%s)", syscall, subject, strerror(error), name);
	else
		snprintf(text, sizeof text, "%s: %s (%s)", syscall, strerror(error), name);
	napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code);
	napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message);
	if (napi_create_error(env, code, message, &object) != napi_ok)
		return NULL;
	uvs_set_number(env, object, "errno", error);
	uvs_set_text(env, object, "syscall", syscall);
	napi_throw(env, object);
	return NULL;
}

napi_value uvs_throw_type(napi_env env, const char *message)
{
	napi_throw_type_error(env, "EINVAL", message);
	return NULL;
}

bool uvs_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values)
{
	size_t given = count;

	if (napi_get_cb_info(env, info, &given, values, NULL, NULL) == napi_ok && given >= count)
		return true;
	uvs_throw_type(env, "too few arguments");
	return false;
}

bool uvs_int(napi_env env, napi_value value, int64_t *out)
{
	if (napi_get_value_int64(env, value, out) == napi_ok)
		return true;
	uvs_throw_type(env, "an argument must be a number");
	return false;
}

bool uvs_text(napi_env env, napi_value value, char out[UVS_MAX_TEXT])
{
	size_t length = 0;

	if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok || length >= UVS_MAX_TEXT) {
		uvs_throw_type(env, "an argument must be a text of less than 256 bytes");
		return false;
	}
	napi_get_value_string_utf8(env, value, out, UVS_MAX_TEXT, &length);
	if (strlen(out) != length) {
		uvs_throw_type(env, "a text must not contain a zero byte");
		return false;
	}
	return true;
}

bool uvs_option(napi_env env, napi_value object, const char *name, int64_t *out)
{
	napi_value value;
	napi_valuetype type;
	bool flag = false;
	char message[96];

	if (napi_get_named_property(env, object, name, &value) == napi_ok && napi_typeof(env, value, &type) == napi_ok) {
		if (type == napi_boolean && napi_get_value_bool(env, value, &flag) == napi_ok) {
			*out = flag;
			return true;
		}
		if (type == napi_number && napi_get_value_int64(env, value, out) == napi_ok)
			return true;
	}
	snprintf(message, sizeof message, "the option %s must be a number or a boolean", name);
	uvs_throw_type(env, message);
	return false;
}

bool uvs_bytes(napi_env env, napi_value value, uint8_t **data, size_t *bytes)
{
	bool is = false;

	if (napi_is_arraybuffer(env, value, &is) == napi_ok && is)
		return napi_get_arraybuffer_info(env, value, (void **)data, bytes) == napi_ok;
	if (napi_is_dataview(env, value, &is) == napi_ok && is)
		return napi_get_dataview_info(env, value, bytes, (void **)data, NULL, NULL) == napi_ok;
	if (napi_is_typedarray(env, value, &is) == napi_ok && is) {
		napi_typedarray_type type;
		size_t elements = 0;
		static const uint8_t BYTES[] = {
			[napi_int8_array] = 1,   [napi_uint8_array] = 1,  [napi_uint8_clamped_array] = 1, [napi_int16_array] = 2,
			[napi_uint16_array] = 2, [napi_int32_array] = 4,  [napi_uint32_array] = 4,        [napi_float32_array] = 4,
			[napi_float64_array] = 8, [napi_bigint64_array] = 8, [napi_biguint64_array] = 8,
		};

		if (napi_get_typedarray_info(env, value, &type, &elements, (void **)data, NULL, NULL) == napi_ok &&
		    (size_t)type < sizeof BYTES) {
			*bytes = elements * BYTES[type];
			return true;
		}
	}
	uvs_throw_type(env, "an argument must be an ArrayBuffer or a view of one");
	return false;
}

bool uvs_int32s(napi_env env, napi_value value, size_t count, int32_t **data)
{
	napi_typedarray_type type;
	size_t elements = 0;

	if (napi_get_typedarray_info(env, value, &type, &elements, (void **)data, NULL, NULL) == napi_ok &&
	    type == napi_int32_array && elements >= count)
		return true;
	uvs_throw_type(env, "an argument must be an Int32Array that is long enough");
	return false;
}

napi_value uvs_number(napi_env env, double number)
{
	napi_value value = NULL;

	napi_create_double(env, number, &value);
	return value;
}

void uvs_set_number(napi_env env, napi_value object, const char *name, double number)
{
	napi_set_named_property(env, object, name, uvs_number(env, number));
}

void uvs_set_boolean(napi_env env, napi_value object, const char *name, bool value)
{
	napi_value boolean;

	napi_get_boolean(env, value, &boolean);
	napi_set_named_property(env, object, name, boolean);
}

void uvs_set_text(napi_env env, napi_value object, const char *name, const char *text)
{
	napi_value string;

	if (napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &string) == napi_ok)
		napi_set_named_property(env, object, name, string);
}

void uvs_register(napi_env env, napi_value exports, const struct uvs_function *functions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		napi_value function;

		if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function) != napi_ok)
			return;
		napi_set_named_property(env, exports, functions[i].name, function);
	}
}

NAPI_MODULE_INIT()
{
	uvs_register_memory(env, exports);
	uvs_register_interface(env, exports);
	uvs_register_packet(env, exports);
	uvs_register_xdp(env, exports);
	uvs_register_xdp_features(env, exports);
	uvs_register_tun(env, exports);
	uvs_register_saved_syn(env, exports);
	uvs_register_wait(env, exports);
	uvs_register_bpf(env, exports);
	return exports;
}
