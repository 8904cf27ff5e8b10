/*
 * A small HTTP server that knows its clients behind a director by fullnat: it reads the TOA option of their SYNs.
 *
 *     cc -O2 -o server server.c && ./server [ADDRESS] [PORT]
 *
 * Linux 4.3 or newer. Every answer names the peer of the connection and the client that the SYN told of.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TCP_SAVE_SYN
#define TCP_SAVE_SYN 27
#endif
#ifndef TCP_SAVED_SYN
#define TCP_SAVED_SYN 28
#endif

#define TOA 254
#define MAX_SYN 512
#define TEXT (INET6_ADDRSTRLEN + 16)

/* Where the TCP header begins in `bytes` of IP and TCP headers; an IPv6 SYN may have extension headers in front of it. 0 = nowhere. */
static size_t tcp_header_at(const uint8_t *syn, size_t bytes)
{
	size_t at = 40;
	uint8_t next;

	if (bytes < 40)
		return 0;
	if (syn[0] >> 4 == 4)
		return (syn[0] & 15) * 4;
	for (next = syn[6]; next == 0 || next == 43 || next == 60; at += 8 + syn[at + 1] * 8) {
		if (at + 8 > bytes)
			return 0;
		next = syn[at];
	}
	return at;
}

/* Writes address and port of the TOA option, or "nobody". */
static void find_toa(const uint8_t *syn, size_t bytes, char *out)
{
	size_t header = tcp_header_at(syn, bytes);
	size_t at, end;
	char address[INET6_ADDRSTRLEN];

	snprintf(out, TEXT, "nobody");
	if (header == 0 || header + 20 > bytes)
		return;
	end = header + (syn[header + 12] >> 4) * 4;
	if (end > bytes)
		return;
	for (at = header + 20; at + 1 < end && syn[at] != 0; at += syn[at] == 1 ? 1 : syn[at + 1]) {
		if (syn[at] == 1)
			continue;
		if (syn[at + 1] < 2 || at + syn[at + 1] > end)
			return;
		if (syn[at] != TOA || (syn[at + 1] != 8 && syn[at + 1] != 20))
			continue;
		inet_ntop(syn[at + 1] == 8 ? AF_INET : AF_INET6, syn + at + 4, address, sizeof address);
		snprintf(out, TEXT, "%s port %d", address, syn[at + 2] << 8 | syn[at + 3]);
		return;
	}
}

static void format_peer(const struct sockaddr_storage *peer, char *out)
{
	char address[INET6_ADDRSTRLEN] = "";
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
	int is_v4 = peer->ss_family == AF_INET;

	inet_ntop(peer->ss_family, is_v4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr, address, sizeof address);
	snprintf(out, TEXT, "%s port %d", address, ntohs(is_v4 ? v4->sin_port : v6->sin6_port));
}

static void serve(int connection, const struct sockaddr_storage *peer)
{
	uint8_t syn[MAX_SYN];
	socklen_t bytes = sizeof syn;
	char request[4096], seen[TEXT], told[TEXT], body[3 * TEXT], answer[4 * TEXT];
	struct timeval limit = { .tv_sec = 5 };

	/* The kernel gives the SYN out once. */
	if (getsockopt(connection, IPPROTO_TCP, TCP_SAVED_SYN, syn, &bytes) != 0)
		bytes = 0;
	find_toa(syn, bytes, told);
	format_peer(peer, seen);
	setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (read(connection, request, sizeof request) > 0) {
		snprintf(body, sizeof body, "peer %s, client %s\n", seen, told);
		snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", strlen(body), body);
		if (write(connection, answer, strlen(answer)) < 0)
			perror("write");
	}
	close(connection);
}

int main(int count, char **arguments)
{
	const char *address = count > 1 ? arguments[1] : "0.0.0.0";
	uint16_t port = htons(count > 2 ? atoi(arguments[2]) : 8080);
	int is_v6 = strchr(address, ':') != NULL, on = 1;
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = port };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = port };
	int listener = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, address, &v4.sin_addr);
	inet_pton(AF_INET6, address, &v6.sin6_addr);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* Before listen: connections that come earlier have no SYN kept. */
	if (setsockopt(listener, IPPROTO_TCP, TCP_SAVE_SYN, &on, sizeof on) != 0 ||
	    bind(listener, is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4, is_v6 ? sizeof v6 : sizeof v4) != 0 ||
	    listen(listener, 128) != 0) {
		perror("cannot listen");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct sockaddr_storage peer;
		socklen_t bytes = sizeof peer;
		int connection = accept(listener, (struct sockaddr *)&peer, &bytes);

		if (connection >= 0)
			serve(connection, &peer);
	}
}
