"""KV get over a link between two network namespaces: 1 Gbit/s with 40 ms round trip, with loss, and with an outage.

tests/link has the nodes and tools/link the link. Needs root and /dev/net/tun.
"""

import importlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from programs import CannotRun, Failed, run_good

MODEL = pathlib.Path(__file__).resolve().parents[2] / ".cache/models/smollm2-135m"
SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "link"
LINK_BYTES_PER_S = 1e9 / 8
WAN = ("--rate=1gbit", "--delay=20ms")
WHOLE_MIB, PART_MIB = 512, 64
ROUNDS = 4  # the first opens the windows and is not counted
COMPRESSED_MIB = 128
COMPRESSED_LINKS = (("1 Gbit/s, 40 ms round trip", ()), ("100 Mbit/s, 40 ms round trip", ("--rate=100mbit",)))
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
        rate = () if any(option.startswith("--rate=") for option in options) else WAN[:1]
        return self._link.EmulatedLink(self.link_program, *rate, *WAN[1:], *options)

    def fetch(self, link, mib, rounds=1, flags=()):
        outcome = self.two_nodes.fetch_over(link, self.node_program, mib, rounds=rounds, serve_flags=flags,
                                            fetch_flags=flags)
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


def measure_compressed(context, place, link_name, options):
    """A real model's KV in bf16, as it is and compressed on its way."""
    name = f"KV get over {link_name}, {COMPRESSED_MIB} MiB of a real model's KV, compressed without loss"
    with context.row(name), tempfile.TemporaryDirectory() as folder:
        kv = f"{folder}/kv"
        run_good([context.programs.find("codec_bench"), f"--model={MODEL}", f"--dump={kv}"], context.deadline, 120,
                 log=context.log)
        mib = COMPRESSED_MIB // 4 if context.quick or options else COMPRESSED_MIB
        rounds = 2 if context.quick else ROUNDS
        seconds, wire, counters = {}, {}, {}
        for mode in ("off", "on", "auto"):
            with place.link(*options) as link:
                outcome = place.fetch(link, mib, rounds, (f"--kv={kv}", f"--compress={mode}"))
            later = outcome.fetches[1:]
            seconds[mode] = statistics.median(fetch["seconds"] for fetch in later)
            wire[mode] = statistics.median(fetch["wire_bytes"] for fetch in later)
            counters[mode] = outcome.counters
        size = mib << 20
        context.add(name, size / seconds["on"] / 1e6, "MB/s", floor=size / seconds["off"] / 1e6,
                    floor_name="the same, not compressed", ratio=seconds["off"] / seconds["on"],
                    note=f"{mib} MiB, medians of {rounds - 1}; {wire['on'] / 1e6:.1f} of {wire['off'] / 1e6:.1f} MB over the link; "
                         f"--compress=auto {size / seconds['auto'] / 1e6:.1f} MB/s",
                    details={"seconds": seconds, "wire_bytes": wire, "counters": counters})


def run(context):
    with context.row("KV get over an emulated link"):
        place = Place(context)
        measure_whole(context, place)
        for link_name, options in COMPRESSED_LINKS:
            measure_compressed(context, place, link_name, options)
        measure_disturbed(context, place, "1 % loss", "--loss=1%")
        measure_disturbed(context, place, "5 s outage in the middle", f"--outage={PART_MIB // 2}MiB:5s")
