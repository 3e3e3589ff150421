"""A TCP proxy between a consumer and a producer that makes the network misbehave at a chosen byte."""

import enum
import socket
import threading

_CHUNK_BYTES = 64 << 10


class Then(enum.Enum):
    """What the proxy does after the action."""

    GO_ON = 1  # forward as before
    HOLD = 2  # forward nothing more from the producer; connections stay open
    CLOSE = 3  # drop what has not been forwarded and close the connections


class TcpProxy:
    """Listens on 127.0.0.1. When `after_bytes` bytes have gone from the producer to the consumer, over all
    connections together, it calls `action(rest)` once, with the bytes that come next and may be changed, and does what
    that returns. From then on it takes no new connection, so that the consumer cannot simply try again.
    """

    def __init__(self, producer_port, after_bytes, action):
        self.triggered = threading.Event()
        # Producer to consumer.
        self.forwarded_bytes = 0
        self._producer_port = producer_port
        self._after_bytes = after_bytes
        self._action = action
        self._then = Then.GO_ON
        self._lock = threading.Lock()
        self._sockets = []
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        # Without the lock: whoever has it may be waiting for a consumer that no longer reads.
        self._closed = True
        for each in [self._listener, *self._sockets]:
            _shut(each)

    def _accept(self):
        while True:
            try:
                consumer, _ = self._listener.accept()
            except OSError:
                return
            try:
                producer = socket.create_connection(("127.0.0.1", self._producer_port))
            except OSError:
                consumer.close()
                continue
            self._sockets += [consumer, producer]
            if self._closed:
                _shut(consumer)
                _shut(producer)
                return
            threading.Thread(target=self._pump, args=(consumer, producer, self._pass), daemon=True).start()
            threading.Thread(target=self._pump, args=(producer, consumer, self._meddle), daemon=True).start()

    def _pump(self, source, target, forward):
        try:
            while chunk := source.recv(_CHUNK_BYTES):
                if not forward(bytearray(chunk), target):
                    return
        except OSError:
            pass
        _shut(source)
        _shut(target)

    def _pass(self, chunk, target):
        target.sendall(chunk)
        return True

    def _meddle(self, chunk, target):
        """From the producer. False when nothing more is to be read."""
        with self._lock:
            if self._then is not Then.GO_ON:
                return self._end()
            left = self._after_bytes - self.forwarded_bytes
            first, rest = chunk[: max(left, 0)], chunk[max(left, 0) :]
            if first:
                target.sendall(first)
                self.forwarded_bytes += len(first)
            if not rest:
                return True
            if not self.triggered.is_set():
                _shut(self._listener)
                self._then = self._action(rest)
                self.triggered.set()
                if self._then is not Then.GO_ON:
                    return self._end()
            target.sendall(rest)
            self.forwarded_bytes += len(rest)
            return True

    def _end(self):
        if self._then is Then.CLOSE:
            for each in list(self._sockets):
                _shut(each)
        return False


def flip_byte(rest):
    """An action: one bit of the next byte changes on the way."""
    rest[0] ^= 0x10
    return Then.GO_ON


def _shut(each):
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    each.close()
