#!/usr/bin/env python3
"""A small HTTP server that knows its clients behind a director by fullnat: it reads the TOA option of their SYNs.

    python3 server.py [ADDRESS] [PORT]

Needs Linux (4.3 or newer) and nothing but Python 3. Every answer names the peer of the connection and the client that the SYN told of.
"""

import socket
import struct
import sys
import threading

# Of linux/tcp.h; the module socket has no names for them.
TCP_SAVE_SYN = 27
TCP_SAVED_SYN = 28

TOA = 254
MAX_SYN = 512


def tcp_header(syn):
    """The TCP header in IP and TCP headers; an IPv6 SYN may have extension headers in front of it."""
    if syn[0] >> 4 == 4:
        return syn[(syn[0] & 15) * 4 :]
    next_header, at = syn[6], 40
    while next_header in (0, 43, 60):
        next_header, at = syn[at], at + 8 + syn[at + 1] * 8
    return syn[at:]


def options(header):
    """Kind and content of each option."""
    at, end = 20, (header[12] >> 4) * 4
    while at < end and header[at] != 0:
        if header[at] == 1:
            at += 1
            continue
        length = header[at + 1] if at + 1 < end else 0
        if length < 2 or at + length > end:
            return
        yield header[at], header[at + 2 : at + length]
        at += length


def client_of(connection):
    """Address and port that the SYN told of, or None. The kernel gives the SYN out once."""
    syn = connection.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, MAX_SYN)
    for kind, content in options(tcp_header(syn)) if syn else ():
        if kind != TOA or len(content) not in (6, 18):
            continue
        family = socket.AF_INET if len(content) == 6 else socket.AF_INET6
        return socket.inet_ntop(family, content[2:]), struct.unpack("!H", content[:2])[0]
    return None


def serve(connection, peer):
    with connection:
        client = client_of(connection)
        connection.recv(65536)
        told = "nobody" if client is None else f"{client[0]} port {client[1]}"
        body = f"peer {peer[0]} port {peer[1]}, client {told}\n".encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        connection.sendall(head + body)


def main():
    address = sys.argv[1] if len(sys.argv) > 1 else "0.0.0.0"
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 8080
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Before listen: connections that come earlier have no SYN kept.
    listener.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)
    listener.bind((address, port))
    listener.listen(128)
    print("ready", flush=True)
    while True:
        connection, peer = listener.accept()
        threading.Thread(target=serve, args=(connection, peer), daemon=True).start()


if __name__ == "__main__":
    main()
