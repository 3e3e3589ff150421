"""Stands between a reader and a server on loopback and lets the server's bytes through at a given rate, all connections
together. What it has not taken yet waits in the server's socket, as it would at the end of a thin wire."""

import contextlib
import socket
import threading
import time

PIECE_BYTES = 16 << 10
# Small: a real slow reader's kernel would not take in megabytes either.
BUFFER_BYTES = 64 << 10


class SlowProxy:
    """Listens on 127.0.0.1:`port`. Ends with its context."""

    def __init__(self, target_port, bytes_per_second):
        self._target = ("127.0.0.1", target_port)
        self._rate = bytes_per_second
        self._lock = threading.Lock()
        self._next = time.monotonic()
        self._sockets = []
        self._closed = False
        self.forwarded_bytes = 0
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self._lock:
            self._closed = True
            sockets = [self._listener, *self._sockets]
        for end in sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                reader, _ = self._listener.accept()
                server = socket.socket()
                server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
                with self._lock:
                    self._sockets += [reader, server]
                    if self._closed:
                        return
                server.connect(self._target)
                self.connections += 1
                threading.Thread(target=self._forward, args=(reader, server, False), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, reader, True), daemon=True).start()

    def _forward(self, source, target, is_slow):
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                if is_slow:
                    self._wait_turn(len(piece))
                target.sendall(piece)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _wait_turn(self, size):
        """Of all connections one after the other: the rate is theirs together."""
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now) + size / self._rate
            turn = self._next
            self.forwarded_bytes += size
        time.sleep(max(0, turn - now))
