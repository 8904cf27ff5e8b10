/*
 * Arenas, what is mapped into them, and the descriptors that an environment owns.
 *
 *     arena (anonymous, 2 MiB aligned)
 *     |--- frames ---|=== ring of fd 7 ===|--- frames ---|=== ring of fd 9 ===|
 *                     MAP_FIXED over it; anonymous again when fd 7 closes
 *
 * A kernel ring keeps its socket alive while it is mapped, so closing is two steps: put anonymous memory there, then close. An arena
 * that is garbage takes its mappings along; then the list below forgets them, so that a late close cannot hit memory of others.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

struct descriptor {
	struct descriptor *next;
	int fd;
	size_t count;
	struct uvs_mapping mappings[UVS_MAX_MAPPINGS];
};

/* Of one environment; lives until the environment and its last arena are gone. */
struct instance {
	struct descriptor *descriptors;
	size_t references;
};

struct arena {
	struct instance *instance;
	uint8_t *at;
	size_t bytes;
};

static void unreference(struct instance *instance)
{
	if (--instance->references == 0)
		free(instance);
}

void uvs_restore(const struct uvs_mapping *mappings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mmap(mappings[i].at, mappings[i].bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

bool uvs_own(napi_env env, int fd, const struct uvs_mapping *mappings, size_t count)
{
	struct instance *instance = NULL;
	struct descriptor *descriptor = malloc(sizeof *descriptor);

	napi_get_instance_data(env, (void **)&instance);
	if (descriptor == NULL || instance == NULL || count > UVS_MAX_MAPPINGS) {
		free(descriptor);
		uvs_restore(mappings, count);
		close(fd);
		uvs_throw(env, "malloc", ENOMEM, NULL);
		return false;
	}
	descriptor->next = instance->descriptors;
	descriptor->fd = fd;
	descriptor->count = count;
	if (count > 0)
		memcpy(descriptor->mappings, mappings, count * sizeof *mappings);
	instance->descriptors = descriptor;
	return true;
}

static void close_descriptor(struct descriptor *descriptor)
{
	uvs_restore(descriptor->mappings, descriptor->count);
	close(descriptor->fd);
	free(descriptor);
}

/* closeFd(fd): one that this environment owns with its rings; any other plainly. */
static napi_value close_fd(napi_env env, napi_callback_info info)
{
	struct instance *instance = NULL;
	napi_value argument;
	int64_t fd;

	if (!uvs_arguments(env, info, 1, &argument) || !uvs_int(env, argument, &fd))
		return NULL;
	napi_get_instance_data(env, (void **)&instance);
	for (struct descriptor **link = &instance->descriptors; *link != NULL; link = &(*link)->next) {
		struct descriptor *found = *link;

		if (found->fd != fd)
			continue;
		*link = found->next;
		close_descriptor(found);
		return NULL;
	}
	if (close((int)fd) != 0)
		return uvs_throw(env, "close", errno, NULL);
	return NULL;
}

static void end_environment(void *data)
{
	struct instance *instance = data;

	while (instance->descriptors != NULL) {
		struct descriptor *first = instance->descriptors;

		instance->descriptors = first->next;
		close_descriptor(first);
	}
	unreference(instance);
}

static void forget_mappings(struct instance *instance, const struct arena *arena)
{
	for (struct descriptor *descriptor = instance->descriptors; descriptor != NULL; descriptor = descriptor->next) {
		size_t kept = 0;

		for (size_t i = 0; i < descriptor->count; i++) {
			const struct uvs_mapping mapping = descriptor->mappings[i];

			if (mapping.at < arena->at || mapping.at >= arena->at + arena->bytes)
				descriptor->mappings[kept++] = mapping;
		}
		descriptor->count = kept;
	}
}

static void free_arena(napi_env env, void *data, void *hint)
{
	struct arena *arena = hint;

	(void)env;
	(void)data;
	forget_mappings(arena->instance, arena);
	munmap(arena->at, arena->bytes);
	unreference(arena->instance);
	free(arena);
}

/* Address space for `bytes` that begins at a huge page; NULL and errno on failure. */
static uint8_t *map_aligned(size_t bytes)
{
	uint8_t *base = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before;

	if (base == MAP_FAILED)
		return NULL;
	before = (HUGE_PAGE - (uintptr_t)base % HUGE_PAGE) % HUGE_PAGE;
	if (before > 0)
		munmap(base, before);
	munmap(base + before + bytes, HUGE_PAGE - before);
	/* Only faster, so its failure (a kernel without huge pages) does not matter. */
	madvise(base + before, bytes, MADV_HUGEPAGE);
	return base + before;
}

/* arena(bytes): ArrayBuffer, rounded up to whole pages; its pages are touched on use. */
static napi_value make_arena(napi_env env, napi_callback_info info)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct instance *instance = NULL;
	struct arena *arena;
	napi_value argument, buffer;
	int64_t bytes;

	if (!uvs_arguments(env, info, 1, &argument) || !uvs_int(env, argument, &bytes))
		return NULL;
	if (bytes <= 0 || bytes >= (int64_t)1 << 31)
		return uvs_throw_type(env, "an arena has at least 1 byte and less than 2 GiB");
	arena = malloc(sizeof *arena);
	if (arena == NULL)
		return uvs_throw(env, "malloc", ENOMEM, NULL);
	napi_get_instance_data(env, (void **)&instance);
	arena->instance = instance;
	arena->bytes = ((size_t)bytes + page - 1) / page * page;
	arena->at = map_aligned(arena->bytes);
	if (arena->at == NULL) {
		int error = errno;

		free(arena);
		return uvs_throw(env, "mmap", error, "arena");
	}
	if (napi_create_external_arraybuffer(env, arena->at, arena->bytes, free_arena, arena, &buffer) != napi_ok) {
		munmap(arena->at, arena->bytes);
		free(arena);
		return uvs_throw(env, "napi_create_external_arraybuffer", EOPNOTSUPP, NULL);
	}
	instance->references++;
	return buffer;
}

/* checksum(arena, at, bytes): the ones' complement sum of 16-bit words (RFC 1071), not complemented, as a number in host order. */
static napi_value checksum(napi_env env, napi_callback_info info)
{
	napi_value arguments[3];
	uint8_t *data = NULL;
	size_t size = 0;
	int64_t at, bytes;
	uint64_t sum = 0;

	if (!uvs_arguments(env, info, 3, arguments) || !uvs_bytes(env, arguments[0], &data, &size) ||
	    !uvs_int(env, arguments[1], &at) || !uvs_int(env, arguments[2], &bytes))
		return NULL;
	if (at < 0 || bytes < 0 || (uint64_t)at > size || (uint64_t)bytes > size - (uint64_t)at)
		return uvs_throw_type(env, "the bytes lie outside the buffer");
	data += at;
	/* Words of 32 bits into 64: no carry is lost below 2^32 words. The byte order is mended once, at the end (RFC 1071 section 2). */
	for (; bytes >= 4; bytes -= 4, data += 4) {
		uint32_t word;

		memcpy(&word, data, sizeof word);
		sum += word;
	}
	if (bytes > 0) {
		uint8_t rest[4] = { 0 };
		uint32_t word;

		memcpy(rest, data, (size_t)bytes);
		memcpy(&word, rest, sizeof word);
		sum += word;
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	sum = __builtin_bswap16((uint16_t)sum);
#endif
	return uvs_number(env, (double)sum);
}

void uvs_register_memory(napi_env env, napi_value exports)
{
	static const struct uvs_function FUNCTIONS[] = {
		{ "arena", make_arena },
		{ "closeFd", close_fd },
		{ "checksum", checksum },
	};
	struct instance *instance = calloc(1, sizeof *instance);

	if (instance == NULL) {
		uvs_throw(env, "malloc", ENOMEM, NULL);
		return;
	}
	instance->references = 1;
	napi_set_instance_data(env, instance, NULL, NULL);
	napi_add_env_cleanup_hook(env, end_environment, instance);
	uvs_register(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
	uvs_set_number(env, exports, "pageBytes", (double)sysconf(_SC_PAGESIZE));
}
