"""What is measured, and of what: two peers of one implementation over loopback."""

import contextlib
import dataclasses
import statistics

from peer_process import PeerProcess

ADDRESS = "/ip4/127.0.0.1/tcp/0"


@dataclasses.dataclass(frozen=True)
class Figure:
    name: str
    unit: str
    # Digits after the point.
    digits: int
    more_is_better: bool = False


UP = Figure("throughput, up", "GB/s", 3, more_is_better=True)
DOWN = Figure("throughput, down", "GB/s", 3, more_is_better=True)
CPU = Figure("processor time, both ends", "CPU s/GB", 3)
CONNECT = Figure("connection set-up", "µs", 1)
STREAM = Figure("stream set-up and round trip", "µs", 1)
PING = Figure("ping round trip", "µs", 1)
FIGURES = [UP, DOWN, CPU, CONNECT, STREAM, PING]


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much one measurement takes."""
    perf_bytes: int
    connections: int
    streams: int
    pings: int

    def scaled(self, factor):
        return Sizes(*(max(1, int(value * factor)) for value in dataclasses.astuple(self)))


class Pair(contextlib.AbstractContextManager):
    """A listener and a dialler, each a process of its own."""

    def __init__(self, implementation, command):
        self._peers = []
        self._is_connected = False
        try:
            self.listener, self.dialler = (self._start(implementation, role, command) for role in ("listener", "dialler"))
            self._address = self.listener.command(f"listen {ADDRESS}")["addresses"][0]
        except BaseException:
            self._kill()
            raise

    def _start(self, implementation, role, command):
        peer = PeerProcess(implementation, role, command)
        self._peers.append(peer)
        peer.wait_until_ready()
        return peer

    def __exit__(self, failure, *_):
        try:
            if failure is None:
                self.dialler.quit()
                self.listener.quit()
        finally:
            self._kill()

    def _kill(self):
        for peer in self._peers:
            peer.kill()

    @property
    def version(self):
        return self.dialler.version

    def measure_connections(self, sizes):
        """Comes first of all: an implementation may hand out a connection that is there already."""
        total = self.dialler.command(f"bench_connect {sizes.connections} {self._address}")["total_us"]
        return {CONNECT: total / sizes.connections}

    def measure_throughput(self, sizes):
        self._connect()
        cpu_before = self._cpu_us()
        up_us = self._perf_us(sizes.perf_bytes, 0)
        down_us = self._perf_us(0, sizes.perf_bytes)
        cpu_us = self._cpu_us() - cpu_before
        # Bytes a microsecond are megabytes a second; microseconds a byte are 1,000 seconds a gigabyte.
        return {UP: sizes.perf_bytes / up_us / 1e3, DOWN: sizes.perf_bytes / down_us / 1e3,
                CPU: cpu_us / (2 * sizes.perf_bytes) * 1e3}

    def measure_streams(self, sizes):
        self._connect()
        return {STREAM: self.dialler.command(f"bench_streams {sizes.streams}")["total_us"] / sizes.streams}

    def measure_pings(self, sizes):
        self._connect()
        return {PING: self.dialler.command(f"bench_ping {sizes.pings}")["total_us"] / sizes.pings}

    def _connect(self):
        """At the first call."""
        if not self._is_connected:
            self.dialler.command(f"dial {self._address}")
        self._is_connected = True

    def _perf_us(self, up_bytes, down_bytes):
        # Both together: where the way up ends and the way down begins is a matter of taste.
        reply = self.dialler.command(f"perf {up_bytes} {down_bytes}")
        return reply["up_us"] + reply["down_us"]

    def _cpu_us(self):
        replies = [peer.command("cpu") for peer in self._peers]
        return sum(reply["user_us"] + reply["system_us"] for reply in replies)


class Results:
    """The values of each figure, by implementation."""

    def __init__(self):
        self.values = {}
        self.versions = {}

    def add(self, implementation, values):
        for figure, value in values.items():
            self.values.setdefault((figure, implementation), []).append(value)

    def median(self, figure, implementation):
        """None if it was not measured."""
        values = self.values.get((figure, implementation))
        return statistics.median(values) if values else None

    def lead(self, figure, ours, others):
        """How many times as good ours is as the best of the others; None if one side was not measured."""
        own = self.median(figure, ours)
        theirs = [value for value in (self.median(figure, other) for other in others) if value is not None]
        if own is None or not theirs:
            return None
        return own / max(theirs) if figure.more_is_better else min(theirs) / own
