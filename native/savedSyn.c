/* The SYN that opened a TCP connection, as the kernel keeps it for a listener that asks (Linux 4.3): for the real servers of the labs. */
#include "addon.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#ifndef TCP_SAVE_SYN
#define TCP_SAVE_SYN 27
#endif
#ifndef TCP_SAVED_SYN
#define TCP_SAVED_SYN 28
#endif

/* IPv6 with a few extension headers, and a TCP header with all its options. */
#define MAX_SYN 512

/* saveSyn(fd): the listening socket keeps the SYN of every connection from now on. */
static napi_value save_syn(napi_env env, napi_callback_info info)
{
	napi_value argument;
	int64_t fd;
	int on = 1;

	if (!uvs_arguments(env, info, 1, &argument) || !uvs_int(env, argument, &fd))
		return NULL;
	if (setsockopt((int)fd, IPPROTO_TCP, TCP_SAVE_SYN, &on, sizeof on) != 0)
		return uvs_throw(env, "setsockopt(TCP_SAVE_SYN)", errno, NULL);
	return NULL;
}

/* savedSyn(fd): ArrayBuffer with the IP and TCP headers; empty when the kernel has none. It gives them out once. */
static napi_value saved_syn(napi_env env, napi_callback_info info)
{
	napi_value argument, result = NULL;
	uint8_t headers[MAX_SYN];
	socklen_t bytes = sizeof headers;
	void *data = NULL;
	int64_t fd;

	if (!uvs_arguments(env, info, 1, &argument) || !uvs_int(env, argument, &fd))
		return NULL;
	if (getsockopt((int)fd, IPPROTO_TCP, TCP_SAVED_SYN, headers, &bytes) != 0)
		return uvs_throw(env, "getsockopt(TCP_SAVED_SYN)", errno, NULL);
	if (napi_create_arraybuffer(env, bytes, &data, &result) == napi_ok && bytes > 0)
		memcpy(data, headers, bytes);
	return result;
}

void uvs_register_saved_syn(napi_env env, napi_value exports)
{
	static const struct uvs_function FUNCTIONS[] = {
		{ "saveSyn", save_syn },
		{ "savedSyn", saved_syn },
	};

	uvs_register(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof FUNCTIONS[0]);
}
