/* Frames as bytes: building, reading and checking headers, for Ethernet, IPv4 and TCP. The C counterpart of src/packet. */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { ETHERNET_BYTES = 14, IPV4_BYTES = 20, TCP_BYTES = 20, PROTOCOL_TCP = 6, PROTOCOL_IPIP = 4 };

static inline uint16_t load16(const uint8_t *at)
{
	uint16_t value;
	memcpy(&value, at, 2);
	return __builtin_bswap16(value);
}

static inline uint32_t load32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, 4);
	return __builtin_bswap32(value);
}

static inline void store16(uint8_t *at, uint32_t value)
{
	uint16_t swapped = __builtin_bswap16((uint16_t)value);
	memcpy(at, &swapped, 2);
}

static inline void store32(uint8_t *at, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(at, &value, 4);
}

static inline uint32_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* One's-complement sum (RFC 1071) of `bytes` bytes, in the way of checksum.ts: 32-bit words, two accumulators. */
static inline uint32_t sum_bytes(const uint8_t *at, uint32_t bytes, uint32_t start)
{
	uint32_t high = 0, low = 0;
	const uint8_t *end = at + (bytes & ~3u);

	for (; at < end; at += 4) {
		uint32_t word = load32(at);
		high += word >> 16;
		low += word & 0xffff;
	}
	if (bytes & 2) {
		high += load16(at);
		at += 2;
	}
	if (bytes & 1)
		low += (uint32_t)*at << 8;
	return fold(high + low + start);
}

static inline uint32_t difference16(uint32_t old_word, uint32_t new_word)
{
	return (~old_word & 0xffff) + (new_word & 0xffff);
}

static inline uint32_t difference32(uint32_t old_word, uint32_t new_word)
{
	return (~old_word >> 16) + (~old_word & 0xffff) + (new_word >> 16) + (new_word & 0xffff);
}

/* RFC 1624, equation 3. */
static inline uint32_t apply(uint32_t field, uint32_t delta)
{
	return ~fold((~field & 0xffff) + delta) & 0xffff;
}

static inline void mend(uint8_t *field, uint32_t delta)
{
	store16(field, apply(load16(field), delta));
}

/* What a frame is, found out once. */
struct flow {
	uint8_t *l3, *l4, *end;
	uint32_t protocol, source, target, source_port, target_port;
	uint32_t id, fragment, hop_limit, traffic_class, flags;
};

/* Checks every header once, the IPv4 checksum included, and fills `flow`. */
static inline bool parse(uint8_t *frame, uint32_t bytes, struct flow *flow)
{
	uint8_t *l3 = frame + ETHERNET_BYTES, *frame_end = frame + bytes;
	uint32_t header_bytes, total_bytes;

	if (bytes < ETHERNET_BYTES + IPV4_BYTES || load16(frame + 12) != 0x0800 || l3[0] >> 4 != 4)
		return false;
	header_bytes = (l3[0] & 15u) * 4;
	total_bytes = load16(l3 + 2);
	if (header_bytes < IPV4_BYTES || total_bytes < header_bytes || l3 + total_bytes > frame_end)
		return false;
	if (sum_bytes(l3, header_bytes, 0) != 0xffff)
		return false;
	flow->l3 = l3;
	flow->l4 = l3 + header_bytes;
	flow->end = l3 + total_bytes;
	flow->traffic_class = l3[1];
	flow->id = load16(l3 + 4);
	flow->fragment = load16(l3 + 6) & 0x3fff;
	flow->hop_limit = l3[8];
	flow->protocol = l3[9];
	flow->source = load32(l3 + 12);
	flow->target = load32(l3 + 16);
	if (flow->fragment != 0 || flow->protocol != PROTOCOL_TCP || flow->end - flow->l4 < TCP_BYTES)
		return false;
	if ((flow->l4[12] >> 4) * 4 < TCP_BYTES || (flow->l4[12] >> 4) * 4 > flow->end - flow->l4)
		return false;
	flow->source_port = load16(flow->l4);
	flow->target_port = load16(flow->l4 + 2);
	flow->flags = flow->l4[13];
	return true;
}

/* True when the TCP checksum of a parsed frame is right. */
static inline bool tcp_checksum_is_right(const struct flow *flow)
{
	uint32_t bytes = (uint32_t)(flow->end - flow->l4);
	uint32_t pseudo = sum_bytes(flow->l3 + 12, 8, PROTOCOL_TCP + bytes);

	return sum_bytes(flow->l4, bytes, pseudo) == 0xffff;
}

static inline void write_ipv4(uint8_t *l3, uint32_t total_bytes, uint32_t traffic_class, uint32_t id, uint32_t flags,
			      uint32_t hop_limit, uint32_t protocol, uint32_t source, uint32_t target)
{
	l3[0] = 0x45;
	l3[1] = (uint8_t)traffic_class;
	store16(l3 + 2, total_bytes);
	store16(l3 + 4, id);
	store16(l3 + 6, flags);
	l3[8] = (uint8_t)hop_limit;
	l3[9] = (uint8_t)protocol;
	store16(l3 + 10, 0);
	store32(l3 + 12, source);
	store32(l3 + 16, target);
	store16(l3 + 10, ~sum_bytes(l3, IPV4_BYTES, 0) & 0xffff);
}

/* An ACK of `bytes` bytes whose payload is all zero; only headers are written. */
static inline void write_frame(uint8_t *frame, uint32_t bytes, uint32_t source, uint32_t target, uint32_t source_port,
			       uint32_t target_port)
{
	static const uint8_t LINK[ETHERNET_BYTES] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00 };
	uint8_t *l3 = frame + ETHERNET_BYTES, *l4 = l3 + IPV4_BYTES;
	uint32_t pseudo;

	memcpy(frame, LINK, sizeof LINK);
	write_ipv4(l3, bytes - ETHERNET_BYTES, 0, 1, 0x4000, 64, PROTOCOL_TCP, source, target);
	memset(l4, 0, TCP_BYTES);
	store16(l4, source_port);
	store16(l4 + 2, target_port);
	l4[12] = 0x50;
	l4[13] = 0x10;
	store16(l4 + 14, 0xffff);
	pseudo = sum_bytes(l3 + 12, 8, PROTOCOL_TCP + bytes - ETHERNET_BYTES - IPV4_BYTES);
	store16(l4 + 16, ~sum_bytes(l4, TCP_BYTES, pseudo) & 0xffff);
}

#endif
