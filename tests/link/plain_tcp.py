"""Plain TCP over the link, for the floor: serve, or fetch so many bytes over so many connections. Prints JSON.

plain_tcp.py serve ADDRESS PORT
plain_tcp.py fetch ADDRESS PORT BYTES CONNECTIONS ROUNDS
plain_tcp.py ping ADDRESS PORT COUNT
"""

import json
import socket
import statistics
import struct
import sys
import threading
import time

CHUNK_BYTES = 1 << 20


def receive(connection, count, buffer):
    while count:
        got = connection.recv_into(buffer, min(count, len(buffer)))
        if got == 0:
            raise ConnectionError("the connection ended early")
        count -= got


def serve_one(connection):
    payload = bytes(CHUNK_BYTES)
    request = bytearray(8)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            receive(connection, 8, request)
            (left,) = struct.unpack("<Q", request)
            while left:
                left -= connection.send(memoryview(payload)[: min(left, CHUNK_BYTES)])
    except OSError:
        connection.close()


def serve(address, port):
    listener = socket.create_server((address, port), backlog=64)
    print(json.dumps({"event": "listening"}), flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_one, args=(connection,), daemon=True).start()


def fetch_all(connections, total):
    share = total // len(connections)

    def one(connection):
        connection.sendall(struct.pack("<Q", share))
        receive(connection, share, bytearray(CHUNK_BYTES))

    threads = [threading.Thread(target=one, args=(c,)) for c in connections]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def fetch(address, port, total, count, rounds):
    connections = [socket.create_connection((address, port)) for _ in range(count)]
    for number in range(rounds):
        seconds = fetch_all(connections, total)
        print(json.dumps({"event": "round", "round": number, "bytes": total, "seconds": seconds}), flush=True)


def ping(address, port, count):
    connection = socket.create_connection((address, port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    times = []
    for _ in range(count):
        began = time.monotonic()
        connection.sendall(struct.pack("<Q", 1))
        receive(connection, 1, bytearray(1))
        times.append(time.monotonic() - began)
    print(json.dumps({"event": "ping", "median_ms": 1e3 * statistics.median(times)}), flush=True)


if __name__ == "__main__":
    {"serve": serve, "fetch": fetch, "ping": ping}[sys.argv[1]](sys.argv[2], *map(int, sys.argv[3:]))
