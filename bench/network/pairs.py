"""Two processes on loopback that move the same bytes again and again: ours, and plain TCP."""

import contextlib
import itertools
import pathlib
import re
import secrets
import statistics
import tempfile
from dataclasses import dataclass

from command_process import CommandProcess
from fetch_process import FetchProcess
from programs import CannotRun, Failed

STORE, OFFERED = "from the store", "offered in place"
RUN_BOUND_S = 100
# Of a producer that has everything in its store: what its engine holds at a time.
ENGINE_BLOCKS = 4


@dataclass(frozen=True)
class Fetch:
    """What a KvPair does."""

    shape: str
    source: str = STORE
    # The engine's layout: "wire" is plain copies, "nhd" an engine's usual one.
    order: str = "wire"
    device: str = "host"
    # Connections for data, at most.
    connections: int = 1
    # "tls" or "noise", and no other; empty: as the nodes agree.
    security: str = "tls"
    # False: what comes is taken unread, for what reading it costs.
    checks_digests: bool = True

    def flags(self):
        security = (f"--security={self.security}",) if self.security else ()
        return (f"--data-connections-max={self.connections}", *security)


class KvPair:
    """A node that holds KV and a node that gets it, by the network path. Every byte was checked once before it is timed."""

    def __init__(self, context, fetch):
        self._stack = contextlib.ExitStack()
        try:
            self._start(context.programs.find("fetch_bench"), fetch)
        except BaseException:
            self._stack.close()
            raise

    def _start(self, program, fetch):
        folder = pathlib.Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        key = secrets.token_hex(32)

        def start(role, *flags):
            return self._stack.enter_context(
                FetchProcess(program, role, fetch.device, fetch.shape, f"--order={fetch.order}", *fetch.flags(), *flags,
                             cluster_key=key, config_dir=folder / role))

        stored = ("--put", f"--engine-blocks={ENGINE_BLOCKS}") if fetch.source == STORE else ()
        self.server = start("serve", "--commands", *stored)
        # The log tells what secures the connections, and how many there are.
        trusting = () if fetch.checks_digests else ("--without-digests",)
        self.client = start("loop", "--no-direct", "--log-level=debug", *trusting)
        serving = self.server.wait("serving", RUN_BOUND_S)
        self.bytes, self.address = serving["bytes"], serving["address"]
        self.client.wait("ready", RUN_BOUND_S)
        connected = self.client.ask(f"connect {self.address}", "connected")
        if not connected["ok"]:
            raise Failed(f"cannot connect: {connected['reason']}")
        checked = self.client.ask("fetch", "fetched", RUN_BOUND_S)
        if checked["wrong"] or not checked["good"]:
            raise Failed(f"WRONG BYTES: {checked['wrong']}" if checked["wrong"] else checked["reason"])
        self._check_connections(fetch)

    def _check_connections(self, fetch):
        """Nothing is measured under a wrong name: other connections than were asked for are no figure."""
        log = "\n".join(self.client.errors)
        suite = re.search(r"TLS 1\.3 with \S+", log)
        self.security = suite[0] if suite else "noise (ChaCha20-Poly1305)"
        if fetch.security == "tls" and not suite:
            raise Failed("asked for TLS, and the log does not tell of it")
        if fetch.security == "noise" and suite:
            raise Failed("asked for noise, got TLS")
        # How many of those allowed are opened is the node's own choice, and it may try more later.
        if fetch.connections > 1 and self.data_connections() == 0:
            raise CannotRun("no data connection came up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def run(self):
        """Seconds of one fetch: look-up, lease, transfer, digests, copy into the engine's memory, release."""
        timed = self.client.ask("time", "timed", RUN_BOUND_S)
        if not timed["good"]:
            raise Failed(f"a fetch failed: {timed['reason']}")
        if timed["direct"] or timed["path"] == "local store":
            raise Failed(f"asked for the network path, went by {timed['path']}")
        return timed["total_us"] / 1e6

    def data_connections(self):
        """That have come up so far."""
        return sum("data connection with" in line for line in self.client.errors)

    def connections_text(self):
        return f"{self.security}, {self.data_connections()} data connections opened"

    def cpu_s(self):
        return self.server.stats()["cpu_s"] + self.client.stats()["cpu_s"]


class TcpPair:
    """tcp_floor: distinct memory at both ends, two threads a connection, 1 MiB calls, 8 MiB socket buffers."""

    def __init__(self, context, mib, connections):
        self._stack = contextlib.ExitStack()
        self.bytes = mib << 20
        self.connections = connections
        program = context.programs.find("tcp_floor")
        try:
            self.server, self.client = (
                self._stack.enter_context(CommandProcess([program, f"--role={role}", f"--mib={mib}",
                                                          f"--connections={connections}"], role))
                for role in ("serve", "loop"))
            port = self.server.wait("serving")["port"]
            self.buffer_bytes = self.client.ask(f"connect {port}", "connected")["receive_buffer_bytes"]
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def run(self):
        return self.client.ask("fetch", "fetched", RUN_BOUND_S)["seconds"]

    def cpu_s(self):
        return self.server.stats()["cpu_s"] + self.client.stats()["cpu_s"]

    def text(self):
        return f"plain TCP, {connections_text(self.connections)}"


def connections_text(count):
    return f"{count} connection{'s' if count > 1 else ''}"


@dataclass
class Series:
    """Runs of one contender."""

    seconds: list
    cpu_s: float
    bytes: int

    def median_s(self):
        return statistics.median(self.seconds)

    def rate(self):
        """GB/s of the median run."""
        return self.bytes / self.median_s() / 1e9

    def cpu_s_per_gb(self):
        return self.cpu_s / (len(self.seconds) * self.bytes / 1e9)

    def text(self):
        return f"median of {len(self.seconds)}, {min(self.seconds):.3g} to {max(self.seconds):.3g} s"


def rotated(items, by):
    items = list(items)
    return list(itertools.islice(itertools.cycle(items), by % len(items), by % len(items) + len(items)))


def interleave(contenders, rounds, warm_ups=1):
    """Each round runs all of them once, in an order that changes. `contenders` have run(), cpu_s() and bytes."""
    for _ in range(warm_ups):
        for contender in contenders.values():
            contender.run()
    series = {name: Series([], 0.0, contender.bytes) for name, contender in contenders.items()}
    for number in range(rounds):
        for name in rotated(contenders, number):
            before = contenders[name].cpu_s()
            series[name].seconds.append(contenders[name].run())
            series[name].cpu_s += contenders[name].cpu_s() - before
    return series
