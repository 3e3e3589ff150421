"""One node with a store of 1 GiB serves all of it to 8 peers at once, one of which reads at 1 MiB/s.

Its peak memory has a bound, and the slow one slows nobody: the others' rate with and without it, in turn.
"""

import contextlib
import pathlib
import re
import secrets
import statistics
import tempfile
import time

from fetch_process import FetchProcess
from programs import CannotRun, Failed
from sizes import available_mib
from slow_proxy import SlowProxy

STORE_MIB, ALLOWANCE_MIB = 1024, 256
# Eight readers' memory and the server's.
NEEDS_MIB = 10 << 10
ENGINE_BLOCKS = 8  # 2 MiB each: what the server's own engine has is nearly nothing
PEERS, SLOW_RATE = 8, 1 << 20
ROUNDS = 3
RUN_BOUND_S = 120


class Readers:
    """Starts them, and what they talk to."""

    def __init__(self, context, stack):
        self._program = context.programs.find("fetch_bench")
        self._folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self._key = secrets.token_hex(32)
        self._shape = f"mib:{STORE_MIB}"
        self._number = 0

    def start_server(self):
        return FetchProcess(self._program, "serve", "host", self._shape, "--commands", "--put",
                            f"--engine-blocks={ENGINE_BLOCKS}", cluster_key=self._key, config_dir=self._folder / "server")

    def start(self, address, *flags):
        self._number += 1
        reader = FetchProcess(self._program, "loop", "host", self._shape, "--no-direct", "--order=wire", *flags,
                              cluster_key=self._key, config_dir=self._folder / str(self._number))
        try:
            reader.wait("ready")
            connected = reader.ask(f"connect {address}", "connected")
            if not connected["ok"]:
                raise Failed(f"a reader cannot connect: {connected['reason']}")
        except BaseException:
            reader.end()
            raise
        return reader


def fetch_all(readers):
    """All at once: the seconds of each. Failed if one is not served."""
    for reader in readers:
        reader.send("time")
    outcomes = [reader.wait("timed", RUN_BOUND_S) for reader in readers]
    for outcome in outcomes:
        if not outcome["good"]:
            raise Failed(f"a reader was not served: {outcome['reason']}")
    return [outcome["total_us"] / 1e6 for outcome in outcomes]


@contextlib.contextmanager
def slow_reader(readers, address):
    """One that is in the middle of a fetch through a thin wire; yields what it got through."""
    port = int(re.search(r"/tcp/(\d+)", address)[1])
    with SlowProxy(port, SLOW_RATE) as proxy:
        thin = address.replace(f"/tcp/{port}", f"/tcp/{proxy.port}")
        # Further connections would be dialled to where the server says it listens: around the proxy.
        with contextlib.closing(Ending(readers.start(thin, "--data-connections-max=0"))) as slow:
            before, start = proxy.forwarded_bytes, time.monotonic()
            slow.process.send("time")
            while proxy.forwarded_bytes - before < SLOW_RATE // 4:
                if time.monotonic() - start > 20:
                    raise Failed("the slow reader gets nothing")
                time.sleep(0.01)
            yield proxy
            if slow.process.said("timed"):
                raise Failed("the slow reader was not slow: it has everything already")


class Ending:
    def __init__(self, process):
        self.process = process

    def close(self):
        self.process.end()


def measure_rates(context, readers, address):
    """Seconds of a fast reader's fetch, (without, with) the slow one; and what the slow one got, bytes a second."""
    fast = []
    without, beside, slow_rates = [], [], []
    try:
        for _ in range(PEERS - 1):
            fast.append(readers.start(address))
        fetch_all(fast)
        for _ in range(1 if context.quick else ROUNDS):
            without += fetch_all(fast)
            with slow_reader(readers, address) as proxy:
                before, start = proxy.forwarded_bytes, time.monotonic()
                beside += fetch_all(fast)
                slow_rates.append((proxy.forwarded_bytes - before) / (time.monotonic() - start))
    finally:
        for reader in fast:
            reader.end()
    return without, beside, statistics.median(slow_rates)


def tell_memory(context, name, server):
    stats = server.stats()
    staging_mib = stats["staging_bytes"] / (1 << 20)
    peak_mib = stats["peak_bytes"] / (1 << 20)
    allowed = STORE_MIB + staging_mib + ALLOWANCE_MIB
    context.add(name, peak_mib, "MiB", bar="memory", floor=allowed, floor_name="allowed", ratio=peak_mib / allowed,
                ratio_name="of what is allowed",
                note=f"VmHWM; store {STORE_MIB}, configured staging {staging_mib:.0f}, {ALLOWANCE_MIB} MiB; {peak_mib - STORE_MIB:.0f} "
                     "MiB beside the store")


def run(context):
    memory = f"peak memory of a node that serves {STORE_MIB} MiB to {PEERS} peers at once, one at 1 MiB/s"
    rates = f"rate of each of {PEERS - 1} peers, one more reading at 1 MiB/s"
    with context.row(rates), contextlib.ExitStack() as stack:
        if available_mib() < NEEDS_MIB:
            raise CannotRun(f"{available_mib()} MiB of memory available, {NEEDS_MIB} wanted")
        readers = Readers(context, stack)
        server = stack.enter_context(readers.start_server())
        address = server.wait("serving", RUN_BOUND_S)["address"]
        without, beside, slow_rate = measure_rates(context, readers, address)
        alone, slowed = statistics.median(without), statistics.median(beside)
        size = STORE_MIB << 20
        context.add(rates, size / slowed / 1e9, "GB/s", bar="nobody_slowed", floor=size / alone / 1e9,
                    floor_name="without the slow one", ratio=alone / slowed,
                    note=f"median of {len(beside)} fetches; the slow one got {slow_rate / (1 << 20):.2f} MiB/s")
        with context.row(memory):
            tell_memory(context, memory, server)
