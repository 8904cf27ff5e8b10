/*
 * A connection table of the shape of src/table: rows of 128 bytes that hang twice in a chained hash, once per direction.
 *
 *     heads[hash & mask] -> node -> node -> ...       node = connection * 2 + direction
 */
#ifndef BENCH_CONNECTIONS_H
#define BENCH_CONNECTIONS_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "frame.h"

enum { NONE = -1, MAX_PROBES = 64, REQUEST = 0, REPLY = 1 };

struct connection {
	uint32_t hash[2];
	int32_t next[2];
	uint32_t client, virtual, reply_source, client_and_virtual_port, reply_port_and_identity;
	int32_t destination, service;
	uint32_t flags_and_state;
	int32_t expires_at_tick;
	uint32_t side_and_mac_high, mac_low, packets_in;
	uint32_t second_line[16];
};

/* A row of the timer wheel, which a packet reads only when its connection would expire earlier than before. */
struct wheel_entry {
	int32_t next, previous, due_tick, spare;
};

struct table {
	struct connection *rows;
	struct wheel_entry *wheel;
	int32_t *heads;
	uint32_t mask, seed, count;
};

/* Zeroed memory on a page of its own. `huge`: asks for huge pages. */
static inline void *allocate(size_t bytes, bool huge)
{
	size_t align = huge ? (size_t)2 << 20 : 4096;
	void *memory = aligned_alloc(align, (bytes + align - 1) / align * align);

	if (memory == NULL) {
		perror("aligned_alloc");
		exit(1);
	}
	if (huge)
		madvise(memory, (bytes + align - 1) / align * align, MADV_HUGEPAGE);
	memset(memory, 0, bytes);
	return memory;
}

/* The murmur3 32-bit round and finaliser (Austin Appleby, public domain). */
static inline uint32_t mix(uint32_t hash, uint32_t word)
{
	uint32_t k = word * 0xcc9e2d51u;

	hash ^= (k << 15 | k >> 17) * 0x1b873593u;
	return (hash << 13 | hash >> 19) * 5 + 0xe6546b64u;
}

static inline uint32_t finish(uint32_t h)
{
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

static inline uint32_t hash_key(uint32_t seed, uint32_t identity, uint32_t ports, uint32_t source, uint32_t target)
{
	return finish(mix(mix(mix(mix(seed, identity), ports), source), target));
}

static inline void table_init(struct table *table, uint32_t capacity, bool huge)
{
	uint32_t slots = 1;

	while (slots < capacity * 2)
		slots *= 2;
	table->rows = allocate((size_t)capacity * sizeof *table->rows, huge);
	table->wheel = allocate((size_t)capacity * sizeof *table->wheel, huge);
	table->heads = allocate((size_t)slots * sizeof *table->heads, huge);
	memset(table->heads, 0xff, (size_t)slots * sizeof *table->heads);
	table->mask = slots - 1;
	table->seed = 0x5eed;
	table->count = 0;
}

static inline void table_link(struct table *table, int32_t node, uint32_t hash)
{
	struct connection *row = &table->rows[node >> 1];

	row->hash[node & 1] = hash;
	row->next[node & 1] = table->heads[hash & table->mask];
	table->heads[hash & table->mask] = node;
}

/* Adds an established IPv4 TCP connection; the caller knows that there is room. */
static inline int32_t table_insert(struct table *table, uint32_t client, uint32_t client_port, uint32_t virtual,
				   uint32_t virtual_port, uint32_t reply_source, uint32_t reply_port, int32_t destination)
{
	int32_t conn = (int32_t)table->count++;
	uint32_t identity = PROTOCOL_TCP << 8 | 4;
	struct connection *row = &table->rows[conn];

	memset(row, 0, sizeof *row);
	row->client = client;
	row->virtual = virtual;
	row->reply_source = reply_source;
	row->client_and_virtual_port = client_port << 16 | virtual_port;
	row->reply_port_and_identity = reply_port << 16 | identity;
	row->destination = destination;
	row->flags_and_state = 1;
	table_link(table, conn * 2, hash_key(table->seed, identity, row->client_and_virtual_port, client, virtual));
	table_link(table, conn * 2 + 1,
		   hash_key(table->seed, identity, reply_port << 16 | client_port, reply_source, client));
	return conn;
}

static inline bool row_matches(const struct connection *row, int32_t direction, uint32_t identity, uint32_t ports,
			       uint32_t source, uint32_t target)
{
	uint32_t client_port = row->client_and_virtual_port >> 16;

	if ((row->reply_port_and_identity & 0xffff) != identity)
		return false;
	if (direction == REQUEST)
		return row->client_and_virtual_port == ports && row->client == source && row->virtual == target;
	return ((row->reply_port_and_identity & 0xffff0000u) | client_port) == ports && row->reply_source == source &&
	       row->client == target;
}

/* Connection * 2 + direction, or NONE. */
static inline int32_t table_find(const struct table *table, const struct flow *flow)
{
	uint32_t identity = flow->protocol << 8 | 4, ports = flow->source_port << 16 | flow->target_port;
	uint32_t hash = hash_key(table->seed, identity, ports, flow->source, flow->target);
	int32_t node = table->heads[hash & table->mask];

	for (int probe = 0; probe < MAX_PROBES && node != NONE; probe++) {
		const struct connection *row = &table->rows[node >> 1];

		if (row->hash[node & 1] == hash && row_matches(row, node & 1, identity, ports, flow->source, flow->target))
			return node;
		node = row->next[node & 1];
	}
	return NONE;
}

#endif
