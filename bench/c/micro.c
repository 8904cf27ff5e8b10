/*
 * The parts of the pipeline alone, each the counterpart of a case of the micro suite.
 *
 *     micro --what parse|sum|incremental|hash|insert|find [--bytes B] [--connections N]
 *
 * Prints nanoseconds per operation, one number for each of several runs, in one line.
 */
#include "run.h"

enum { FRAMES = 64, SLOT = 2048, FRAME_AT = 258, RUNS = 7, RUN_NS = 15000000, BATCHES = 16 };

struct bench {
	uint8_t *frames;
	uint32_t bytes, connections, random;
	struct table table;
	/* What was computed goes here, so that the compiler may not leave computing out. */
	volatile uint32_t sink;
};

typedef uint32_t operation(struct bench *bench);

static uint32_t parse_all(struct bench *bench)
{
	struct flow flow;
	uint32_t all = 0;

	for (uint32_t i = 0; i < FRAMES; i++)
		if (parse(bench->frames + i * SLOT + FRAME_AT, 60, &flow))
			all += flow.source + flow.target + flow.source_port + flow.flags + flow.id + flow.hop_limit;
	return all;
}

static uint32_t sum_all(struct bench *bench)
{
	uint32_t all = 0;

	for (uint32_t i = 0; i < FRAMES; i++)
		all += sum_bytes(bench->frames + i * SLOT + FRAME_AT + ETHERNET_BYTES, bench->bytes, 0);
	return all;
}

static uint32_t mend_all(struct bench *bench)
{
	uint32_t field = bench->sink & 0xffff;

	for (uint32_t i = 0; i < FRAMES; i++)
		field = apply(field, difference32(VIRTUAL_ADDRESS, i) + difference16(VIRTUAL_PORT, i));
	return field;
}

static uint32_t hash_all(struct bench *bench)
{
	uint32_t all = 0;

	for (uint32_t i = 0; i < FRAMES; i++)
		all += hash_key(bench->table.seed, PROTOCOL_TCP << 8 | 4, i << 16 | VIRTUAL_PORT, 0xac100000u + i, VIRTUAL_ADDRESS);
	return all;
}

static uint32_t find_all(struct bench *bench)
{
	struct flow flow = { .protocol = PROTOCOL_TCP, .target = VIRTUAL_ADDRESS, .target_port = VIRTUAL_PORT };
	uint32_t all = 0;

	for (uint32_t i = 0; i < FRAMES; i++) {
		uint32_t conn = random_below(&bench->random, bench->connections);

		flow.source = client_address(conn);
		flow.source_port = client_port(conn);
		all += (uint32_t)table_find(&bench->table, &flow);
	}
	return all;
}

/* Runs of RUN_NS each, after one that warms up. */
static void measure(struct bench *bench, operation *all)
{
	for (int run = 0; run <= RUNS; run++) {
		double start = now_ns(), ns = 0;
		uint64_t rounds = 0;

		while (ns < RUN_NS) {
			for (int i = 0; i < 32; i++)
				bench->sink += all(bench);
			rounds += 32;
			ns = now_ns() - start;
		}
		if (run > 0)
			printf("%.3f ", ns / (double)(rounds * FRAMES));
	}
	printf("\n");
}

/* Fills the table from empty to full, in equal parts. */
static void measure_insert(struct bench *bench)
{
	uint32_t conn = 0;

	table_init(&bench->table, bench->connections, false);
	for (uint32_t part = 1; part <= BATCHES; part++) {
		uint32_t end = (uint32_t)((uint64_t)bench->connections * part / BATCHES), first = conn;
		double start = now_ns();

		for (; conn < end; conn++)
			table_insert(&bench->table, client_address(conn), client_port(conn), VIRTUAL_ADDRESS, VIRTUAL_PORT,
				     real_address(conn % DESTINATIONS), REAL_PORT, (int32_t)(conn % DESTINATIONS));
		if (end > first)
			printf("%.3f ", (now_ns() - start) / (end - first));
	}
	printf("\n");
}

int main(int count, char **values)
{
	static struct bench bench;
	static const struct {
		const char *name;
		operation *all;
	} OPERATIONS[] = { { "parse", parse_all }, { "sum", sum_all }, { "incremental", mend_all }, { "hash", hash_all }, { "find", find_all } };
	const char *what = argument(count, values, "--what", "");

	bench.bytes = (uint32_t)atol(argument(count, values, "--bytes", "20"));
	bench.connections = (uint32_t)atol(argument(count, values, "--connections", "1000"));
	bench.random = 0x2545f491;
	bench.frames = allocate(FRAMES * SLOT, false);
	if (bench.bytes > SLOT - FRAME_AT - ETHERNET_BYTES || bench.connections < 1 || bench.connections > 1u << 24)
		return 2;
	if (strcmp(what, "insert") == 0) {
		measure_insert(&bench);
		return 0;
	}
	fill_table(&bench.table, bench.connections, false);
	for (uint32_t i = 0; i < FRAMES; i++)
		write_frame(bench.frames + i * SLOT + FRAME_AT, 60, client_address(i), VIRTUAL_ADDRESS, client_port(i), VIRTUAL_PORT);
	for (size_t i = 0; i < sizeof OPERATIONS / sizeof *OPERATIONS; i++)
		if (strcmp(what, OPERATIONS[i].name) == 0) {
			measure(&bench, OPERATIONS[i].all);
			return 0;
		}
	fprintf(stderr, "micro: nothing is called %s\n", what);
	return 2;
}
