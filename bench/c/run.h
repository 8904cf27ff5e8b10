/* What the programs here share: connections to look for, time, arguments. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <time.h>

#include "connections.h"

enum { VIRTUAL_ADDRESS = 0x0a000001, VIRTUAL_PORT = 80, REAL_PORT = 8080, DESTINATIONS = 16 };

static inline uint32_t client_address(uint32_t conn)
{
	return 0xac100000u + conn / 50000;
}

static inline uint32_t client_port(uint32_t conn)
{
	return 1024 + conn % 50000;
}

static inline uint32_t real_address(uint32_t destination)
{
	return 0x0a010001u + destination;
}

/* A table full of established connections. */
static inline void fill_table(struct table *table, uint32_t connections, bool huge)
{
	table_init(table, connections, huge);
	for (uint32_t conn = 0; conn < connections; conn++) {
		uint32_t d = conn % DESTINATIONS;

		table_insert(table, client_address(conn), client_port(conn), VIRTUAL_ADDRESS, VIRTUAL_PORT, real_address(d),
			     REAL_PORT, (int32_t)d);
	}
}

/* xorshift32 (George Marsaglia). */
static inline uint32_t random_below(uint32_t *state, uint32_t limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return (uint32_t)((uint64_t)*state * limit >> 32);
}

static inline double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The value behind `--name`, or `fallback`. */
static inline const char *argument(int count, char **values, const char *name, const char *fallback)
{
	for (int i = 1; i + 1 < count; i += 2)
		if (strcmp(values[i], name) == 0)
			return values[i + 1];
	return fallback;
}

#endif
