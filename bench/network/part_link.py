"""KV get over a link between two network namespaces: 1 Gbit/s with 40 ms round trip, with loss, and with an outage.

tests/link has the nodes and tools/link the link. Needs root and /dev/net/tun.
"""

import importlib
import json
import pathlib
import statistics
import subprocess
import sys

from programs import CannotRun, Failed

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "link"
LINK_BYTES_PER_S = 1e9 / 8
WAN = ("--rate=1gbit", "--delay=20ms")
WHOLE_MIB, PART_MIB = 512, 64
ROUNDS = 4  # the first opens the windows and is not counted
TCP_PORT = 7001
TCP_BOUND_S = 60


class Place:
    """The scripts and programs, if they are here and the kernel has what they need."""

    def __init__(self, context):
        if not SCRIPTS.is_dir():
            raise CannotRun(f"{SCRIPTS} is not there")
        if str(SCRIPTS) not in sys.path:
            sys.path.append(str(SCRIPTS))
        self.two_nodes = importlib.import_module("two_nodes")
        self._link = importlib.import_module("emulated_link")
        self.link_program = context.programs.find("link")
        self.node_program = context.programs.find("link_node")
        if reason := self._link.why_not(self.link_program):
            raise CannotRun(reason)

    def link(self, *options):
        return self._link.EmulatedLink(self.link_program, *WAN, *options)

    def fetch(self, link, mib, rounds=1):
        outcome = self.two_nodes.fetch_over(link, self.node_program, mib, rounds=rounds)
        if outcome.code != 0 or not outcome.fetches or not all(fetch["right"] for fetch in outcome.fetches):
            raise Failed(outcome.describe()[-600:])
        return outcome


def plain_tcp_rate(place, mib, connections):
    """Bytes a second of plain TCP over such a link, the median of its later rounds."""
    script = str(SCRIPTS / "plain_tcp.py")
    with place.link() as link:
        address = link.address("left")
        server = subprocess.Popen([*link.enter("left"), sys.executable, script, "serve", address, str(TCP_PORT)],
                                  stdout=subprocess.PIPE, text=True)
        try:
            server.stdout.readline()
            command = [*link.enter("right"), sys.executable, script, "fetch", address, str(TCP_PORT), str(mib << 20),
                       str(connections), str(ROUNDS)]
            told = subprocess.run(command, capture_output=True, text=True, timeout=TCP_BOUND_S, check=True).stdout
        finally:
            server.kill()
            server.wait()
    seconds = [json.loads(line)["seconds"] for line in told.splitlines()]
    return (mib << 20) / statistics.median(seconds[1:])


def measure_whole(context, place):
    name = f"KV get over 1 Gbit/s, 40 ms round trip, {WHOLE_MIB} MiB"
    with context.row(name):
        rounds = 2 if context.quick else ROUNDS
        with place.link() as link:
            outcome = place.fetch(link, WHOLE_MIB, rounds)
        rates = [fetch["bytes"] / fetch["seconds"] for fetch in outcome.fetches]
        rate, plain = statistics.median(rates[1:]), plain_tcp_rate(place, WHOLE_MIB, 1)
        context.add(name, rate / 1e6, "MB/s", bar="link", floor=LINK_BYTES_PER_S / 1e6, floor_name="the link",
                    ratio=rate / LINK_BYTES_PER_S,
                    note=f"median of {len(rates) - 1}, the first, cold one {rates[0] / 1e6:.0f} MB/s; one plain TCP connection "
                         f"{plain / 1e6:.0f} MB/s", details={"link": outcome.link_stats, "counters": outcome.counters})


def measure_disturbed(context, place, what, *options):
    """That it completes and every byte is right."""
    name = f"KV get over that link, {PART_MIB} MiB, {what}: fetches that failed or differ"
    with context.row(name):
        with place.link(*options) as link:
            outcome = place.fetch(link, PART_MIB)
        fetch = outcome.fetches[0]
        log = "; ".join(line.strip() for line in outcome.log[-6:])
        context.add(name, 0, "failures", bar="failures",
                    note=f"{fetch['seconds']:.1f} s, {fetch['bytes'] / fetch['seconds'] / 1e6:.1f} MB/s, every byte checked; log: "
                         f"{log or 'nothing'}", details={"link": outcome.link_stats, "log": outcome.log})


def run(context):
    with context.row("KV get over an emulated link"):
        place = Place(context)
        measure_whole(context, place)
        measure_disturbed(context, place, "1 % loss", "--loss=1%")
        measure_disturbed(context, place, "5 s outage in the middle", f"--outage={PART_MIB // 2}MiB:5s")
