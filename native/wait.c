/* Waiting, waking and placing of a worker thread. */
#include "addon.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_WAIT_FDS 64

/*
 * A socket reports an error (interface went down) until somebody reads it: read it. Whatever else has an error and nothing to read
 * (a TUN device that was deleted) reports it for ever: it is waited on no more, or a worker would spin.
 */
static bool is_dead(const struct pollfd *entry)
{
	int error = 0;
	socklen_t bytes = sizeof error;

	if ((entry->revents & POLLNVAL) != 0)
		return true;
	if ((entry->revents & POLLIN) != 0 || (entry->revents & (POLLERR | POLLHUP)) == 0)
		return false;
	return getsockopt(entry->fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0;
}

/*
 * poll(fds, count, timeoutMs): how many are readable; 0 also after a signal. Negative entries are skipped; one that is dead is
 * replaced by -1.
 */
static napi_value wait_for(napi_env env, napi_callback_info info)
{
	struct pollfd entries[MAX_WAIT_FDS];
	napi_value arguments[3];
	int32_t *fds = NULL;
	int64_t count, timeout;
	int readable = 0;

	if (!uvs_arguments(env, info, 3, arguments) || !uvs_int(env, arguments[1], &count) || !uvs_int(env, arguments[2], &timeout))
		return NULL;
	if (count < 0 || count > MAX_WAIT_FDS || timeout < 0 || timeout > INT32_MAX)
		return uvs_throw_type(env, "poll takes at most 64 descriptors and a timeout that is not negative");
	if (!uvs_int32s(env, arguments[0], (size_t)count, &fds))
		return NULL;
	for (int64_t i = 0; i < count; i++)
		entries[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	if (poll(entries, (nfds_t)count, (int)timeout) < 0) {
		if (errno == EINTR)
			return uvs_number(env, 0);
		return uvs_throw(env, "poll", errno, NULL);
	}
	for (int64_t i = 0; i < count; i++) {
		if (entries[i].fd < 0 || entries[i].revents == 0)
			continue;
		if (is_dead(&entries[i]))
			fds[i] = -1;
		else if ((entries[i].revents & POLLIN) != 0)
			readable++;
	}
	return uvs_number(env, readable);
}

/* eventFd(): a descriptor that any thread can make readable. */
static napi_value event_fd(napi_env env, napi_callback_info info)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)info;
	if (fd < 0)
		return uvs_throw(env, "eventfd", errno, NULL);
	return uvs_own(env, fd, NULL, 0) ? uvs_number(env, fd) : NULL;
}

/* eventFdSignal(fd): works from any environment. */
static napi_value event_fd_signal(napi_env env, napi_callback_info info)
{
	const uint64_t one = 1;
	napi_value argument;
	int64_t fd;

	if (!uvs_arguments(env, info, 1, &argument) || !uvs_int(env, argument, &fd))
		return NULL;
	if (write((int)fd, &one, sizeof one) < 0 && errno != EAGAIN)
		return uvs_throw(env, "write(eventfd)", errno, NULL);
	return NULL;
}

/* eventFdClear(fd): whether it was signalled. */
static napi_value event_fd_clear(napi_env env, napi_callback_info info)
{
	uint64_t count = 0;
	napi_value argument, result;
	int64_t fd;

	if (!uvs_arguments(env, info, 1, &argument) || !uvs_int(env, argument, &fd))
		return NULL;
	if (read((int)fd, &count, sizeof count) < 0 && errno != EAGAIN)
		return uvs_throw(env, "read(eventfd)", errno, NULL);
	napi_get_boolean(env, count != 0, &result);
	return result;
}

/*
 * microseconds(): the monotonic clock modulo 2^32, as an int32. A whole number of that size costs V8 no memory, whatever compiler has seen
 * the caller; performance.now() makes an object for its fraction wherever the best one has not.
 */
static napi_value microseconds(napi_env env, napi_callback_info info)
{
	struct timespec now;
	napi_value value = NULL;

	(void)info;
	clock_gettime(CLOCK_MONOTONIC, &now);
	napi_create_int32(env, (int32_t)((uint32_t)now.tv_sec * 1000000u + (uint32_t)(now.tv_nsec / 1000)), &value);
	return value;
}

/* pinThread(cpu): the calling thread runs there only. */
static napi_value pin_thread(napi_env env, napi_callback_info info)
{
	cpu_set_t set;
	napi_value argument;
	int64_t cpu;

	if (!uvs_arguments(env, info, 1, &argument) || !uvs_int(env, argument, &cpu))
		return NULL;
	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return uvs_throw(env, "sched_setaffinity", EINVAL, NULL);
	CPU_ZERO(&set);
	CPU_SET((int)cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) != 0)
		return uvs_throw(env, "sched_setaffinity", errno, NULL);
	return NULL;
}

void uvs_register_wait(napi_env env, napi_value exports)
{
	static const struct uvs_function FUNCTIONS[] = {
		{ "poll", wait_for },
		{ "eventFd", event_fd },
		{ "eventFdSignal", event_fd_signal },
		{ "eventFdClear", event_fd_clear },
		{ "microseconds", microseconds },
		{ "pinThread", pin_thread },
	};

	uvs_register(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
}
