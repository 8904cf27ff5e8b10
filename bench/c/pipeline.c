/*
 * What the engine does with one frame of a known connection, in C: the limit that the pipeline suite compares with.
 *
 *     pipeline --method nat|dr|tun --connections N --bytes B --frames F [--draw once|always] [--huge 1]
 *
 * A ring of 4096 frames in slots of 2048 bytes, processed in bursts of 64. Before each burst its headers are written anew, for
 * connections chosen at random: once for each slot of the ring, or always anew. Turns that write and process and turns that only
 * write take place by turns; prints the difference, nanoseconds per frame.
 */
#include "run.h"

/* Two bytes more than a multiple of four in front of a frame, so that its IP header is aligned. */
enum { RING = 4096, SLOT = 2048, HEADROOM = 258, BURST = 64, STATES = 16, EVENTS = 5, HEADERS = 54 };
enum { AVAILABLE = 1, RESOLVED = 4, NO_OUTPUT = 0x80 << 8, METHOD_MASK = 7, MTU = 1500 };
enum method { NAT = 0, TUN = 2, DR = 3 };

struct destination {
	uint32_t flags, method, service, family, address[4], port, next_hop_port, mtu, mac_high, mac_low;
	int32_t next, generation, spare;
	uint32_t second_line[4], active, total, spares[2], source[4], more[4];
};

struct traffic {
	double connections, in_packets, out_packets, in_bytes, out_bytes;
};

struct director {
	struct table table;
	struct destination destinations[DESTINATIONS];
	struct traffic services[1], traffic[DESTINATIONS], total;
	double received, transmitted, dropped;
	int32_t timeouts[STATES], now_tick;
	uint32_t link_mac_high, link_mac_low, mtu, tunnel_id;
};

struct burst {
	uint8_t *at[BURST];
	uint32_t bytes[BURST], output[BURST];
};

/* TCP by row of event (syn, fin, ack, rst, other) and column of state; the numbers of src/protocol/tcpStates.ts. */
static const uint8_t NEXT_STATE[2][EVENTS][STATES] = {
	{ /* both directions are seen */
	  { 3, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3 },
	  { 6, 7, 2, 5, 5, 5, 6, 7, 8, 9, 5 },
	  { 1, 1, 2, 1, 4, 5, 6, 7, 6, 9, 1 },
	  { 6, 6, 6, 3, 6, 6, 6, 6, 8, 9, 3 },
	  { 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6 } },
	{ /* only requests are seen */
	  { 3, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3 },
	  { 6, 4, 2, 5, 4, 5, 6, 7, 8, 9, 5 },
	  { 1, 1, 2, 1, 4, 5, 6, 7, 6, 9, 1 },
	  { 6, 6, 6, 3, 6, 6, 6, 6, 8, 9, 6 },
	  { 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6 } },
};

static inline uint32_t tcp_event(uint32_t flags)
{
	if (flags & 0x04)
		return 3;
	if (flags & 0x02)
		return 0;
	if (flags & 0x01)
		return 1;
	return flags & 0x10 ? 2 : 4;
}

static inline bool is_active(uint32_t state)
{
	return state == 1 || state == 2 || state == 3 || state == 10;
}

static inline void count_in(struct traffic *traffic, uint32_t bytes)
{
	traffic->in_packets += 1;
	traffic->in_bytes += bytes;
}

static inline void touch(struct director *s, int32_t conn, struct connection *row, int32_t timeout)
{
	int32_t expires = s->now_tick + timeout;
	bool earlier = expires - row->expires_at_tick < 0;

	row->expires_at_tick = expires;
	if (earlier && expires - s->table.wheel[conn].due_tick < 0)
		s->table.wheel[conn].due_tick = expires;
}

static inline void advance(struct director *s, int32_t conn, struct connection *row, struct destination *d, uint32_t flags)
{
	uint32_t before = row->flags_and_state & 0xff, one_sided = (row->flags_and_state & NO_OUTPUT) != 0;
	uint32_t state = NEXT_STATE[one_sided][tcp_event(flags)][before & 15];

	if (state != before) {
		row->flags_and_state = (row->flags_and_state & ~0xffu) | state;
		d->active += (uint32_t)is_active(state) - (uint32_t)is_active(before);
	}
	touch(s, conn, row, s->timeouts[state]);
}

static inline void write_link(uint8_t *frame, const struct director *s, const struct destination *d)
{
	store16(frame, d->mac_high);
	store32(frame + 2, d->mac_low);
	store16(frame + 6, s->link_mac_high);
	store32(frame + 8, s->link_mac_low);
}

static inline void rewrite_target(struct flow *flow, uint32_t address, uint32_t port)
{
	uint32_t delta = difference32(flow->target, address);

	store32(flow->l3 + 16, address);
	mend(flow->l3 + 10, delta);
	if (port != flow->target_port) {
		delta += difference16(flow->target_port, port);
		store16(flow->l4 + 2, port);
	}
	mend(flow->l4 + 16, delta);
}

static inline void encapsulate(struct director *s, struct burst *burst, uint32_t i, struct flow *flow, struct destination *d)
{
	uint32_t inner = (uint32_t)(flow->end - flow->l3), dont_fragment = load16(flow->l3 + 6) & 0x4000;
	uint32_t tos = (flow->traffic_class & 3) == 3 ? (flow->traffic_class & ~3u) | 2 : flow->traffic_class;
	uint8_t *outer = flow->l3 - IPV4_BYTES, *frame = outer - ETHERNET_BYTES;

	write_ipv4(outer, inner + IPV4_BYTES, tos, dont_fragment ? 0 : s->tunnel_id++ & 0xffff, dont_fragment,
		   flow->hop_limit - 1, PROTOCOL_IPIP, d->source[0], d->address[3]);
	store16(frame + 12, 0x0800);
	burst->at[i] = frame;
	burst->bytes[i] = inner + IPV4_BYTES + ETHERNET_BYTES;
}

/* @returns false when the frame is dropped */
static inline bool to_destination(struct director *s, struct burst *burst, uint32_t i, struct flow *flow,
				  struct connection *row, struct destination *d)
{
	uint32_t bytes = (uint32_t)(flow->end - flow->l3);

	if ((d->flags & RESOLVED) == 0 || flow->hop_limit <= 1)
		return false;
	mend(flow->l3 + 10, difference16(load16(flow->l3 + 8), load16(flow->l3 + 8) - 0x100));
	flow->l3[8]--;
	switch (row->flags_and_state >> 8 & METHOD_MASK) {
	case DR:
		if (bytes > d->mtu)
			return false;
		break;
	case NAT:
		if (bytes > d->mtu)
			return false;
		rewrite_target(flow, d->address[3], row->reply_port_and_identity >> 16);
		break;
	case TUN:
		if (bytes + IPV4_BYTES > d->mtu)
			return false;
		encapsulate(s, burst, i, flow, d);
		break;
	default:
		return false;
	}
	write_link(burst->at[i], s, d);
	burst->output[i] = d->next_hop_port;
	s->transmitted += 1;
	return true;
}

static bool handle(struct director *s, struct burst *burst, uint32_t i)
{
	struct flow flow;
	struct connection *row;
	struct destination *d;
	uint8_t *frame = burst->at[i];
	int32_t node;

	s->received += 1;
	if (!parse(frame, burst->bytes[i], &flow))
		return false;
	node = table_find(&s->table, &flow);
	if (node == NONE || (node & 1) == REPLY)
		return false;
	row = &s->table.rows[node >> 1];
	d = &s->destinations[row->destination];
	if ((d->flags & AVAILABLE) == 0)
		return false;
	count_in(&s->services[d->service], (uint32_t)(flow.end - flow.l3));
	count_in(&s->traffic[row->destination], (uint32_t)(flow.end - flow.l3));
	count_in(&s->total, (uint32_t)(flow.end - flow.l3));
	row->packets_in++;
	advance(s, node >> 1, row, d, flow.flags);
	if ((row->flags_and_state >> 8 & METHOD_MASK) == NAT) {
		row->side_and_mac_high = load16(frame + 6);
		row->mac_low = load32(frame + 8);
	}
	return to_destination(s, burst, i, &flow, row, d);
}

/* What a port receives. */
struct source {
	uint8_t *ring;
	uint8_t template[HEADERS];
	uint32_t bytes, connections, random;
	bool draw_always;
	uint32_t choice[RING];
};

static void source_init(struct source *source)
{
	source->random = 0x2545f491;
	for (uint32_t slot = 0; slot < RING; slot++) {
		source->choice[slot] = random_below(&source->random, source->connections);
		write_frame(source->ring + (size_t)slot * SLOT + HEADROOM, source->bytes, 0, VIRTUAL_ADDRESS, 0, VIRTUAL_PORT);
	}
	memcpy(source->template, source->ring + HEADROOM, HEADERS);
}

/* Writes the headers of one burst, from slot `first` on. */
static void receive(struct source *source, struct burst *burst, uint32_t first)
{
	for (uint32_t i = 0; i < BURST; i++) {
		uint8_t *frame = source->ring + (size_t)(first + i) * SLOT + HEADROOM;
		uint32_t conn = source->choice[first + i], address, port;

		if (source->draw_always)
			conn = random_below(&source->random, source->connections);
		address = client_address(conn);
		port = client_port(conn);
		memcpy(frame, source->template, HEADERS);
		store32(frame + 26, address);
		store16(frame + 34, port);
		mend(frame + 24, difference32(0, address));
		mend(frame + 50, difference32(0, address) + difference16(0, port));
		burst->at[i] = frame;
		burst->bytes[i] = source->bytes;
	}
}

/* Goes round the ring once. @returns nanoseconds */
static double turn(struct director *s, struct source *source, bool process)
{
	struct burst burst;
	double start = now_ns();

	for (uint32_t first = 0; first < RING; first += BURST) {
		receive(source, &burst, first);
		/* The compiler may not leave writing out, although nobody reads. */
		__asm__ volatile("" ::: "memory");
		for (uint32_t i = 0; process && i < BURST; i++)
			if (!handle(s, &burst, i))
				s->dropped += 1;
	}
	return now_ns() - start;
}

/* After a turn: every frame has left with the right headers. */
static bool ring_is_right(const struct director *s, uint8_t *ring, uint32_t bytes, enum method method)
{
	for (uint32_t i = 0; i < RING; i++) {
		uint8_t *frame = ring + (size_t)i * SLOT + HEADROOM;
		struct flow flow;

		if (method == TUN) {
			uint8_t *outer = frame - IPV4_BYTES + ETHERNET_BYTES;
			if (sum_bytes(outer, IPV4_BYTES, 0) != 0xffff || load32(outer + 16) - real_address(0) >= DESTINATIONS)
				return false;
			/* Where the inner frame's type was, the outer header ends. */
			store16(frame + 12, 0x0800);
		}
		if (!parse(frame, bytes, &flow) || !tcp_checksum_is_right(&flow) || flow.hop_limit != 63)
			return false;
		if (method == NAT ? flow.target - real_address(0) >= DESTINATIONS : flow.target != VIRTUAL_ADDRESS)
			return false;
	}
	return s->dropped == 0 && s->transmitted == RING;
}

static void set_up(struct director *s, uint32_t connections, enum method method, bool huge)
{
	static const int32_t SECONDS[] = { 2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120 };

	for (size_t i = 0; i < sizeof SECONDS / sizeof *SECONDS; i++)
		s->timeouts[i] = SECONDS[i] * 10;
	s->link_mac_high = 0x0200;
	s->link_mac_low = 0x1001;
	for (uint32_t d = 0; d < DESTINATIONS; d++) {
		struct destination row = { .flags = AVAILABLE | RESOLVED, .method = method, .family = 4, .port = REAL_PORT };

		row.address[3] = real_address(d);
		row.source[0] = 0x0a0100feu;
		row.mtu = MTU;
		row.mac_high = 0x0200;
		row.mac_low = 0x2000 + d;
		row.next_hop_port = 1;
		s->destinations[d] = row;
	}
	fill_table(&s->table, connections, huge);
	for (uint32_t conn = 0; conn < connections; conn++)
		s->table.rows[conn].flags_and_state |= method << 8 | (method == NAT ? 0 : NO_OUTPUT);
}

int main(int count, char **values)
{
	static struct director director;
	static struct source source;
	const char *name = argument(count, values, "--method", "nat");
	uint64_t frames = (uint64_t)atoll(argument(count, values, "--frames", "4000000"));
	uint32_t turns = (uint32_t)((frames + RING - 1) / RING), with_fcs = (uint32_t)atol(argument(count, values, "--bytes", "64"));
	bool huge = atoi(argument(count, values, "--huge", "0")) != 0;
	enum method method = strcmp(name, "dr") == 0 ? DR : strcmp(name, "tun") == 0 ? TUN : NAT;
	double ns = 0;

	source.connections = (uint32_t)atol(argument(count, values, "--connections", "10000"));
	source.draw_always = strcmp(argument(count, values, "--draw", "always"), "always") == 0;
	if (source.connections < 1 || source.connections > 1u << 24 || with_fcs < 64 || with_fcs > 1518) {
		fprintf(stderr, "pipeline: 1 to 2^24 connections, 64 to 1518 bytes\n");
		return 2;
	}
	source.bytes = with_fcs - 4;
	source.ring = allocate((size_t)RING * SLOT, huge);
	source_init(&source);
	set_up(&director, source.connections, method, huge);
	turn(&director, &source, true);
	if (!ring_is_right(&director, source.ring, source.bytes, method)) {
		fprintf(stderr, "pipeline: a frame left with wrong headers\n");
		return 1;
	}
	for (uint32_t i = 0; i < turns; i++) {
		director.now_tick = (int32_t)i;
		ns += turn(&director, &source, true) - turn(&director, &source, false);
	}
	printf("%.3f\n", ns / ((double)turns * RING));
	return 0;
}
