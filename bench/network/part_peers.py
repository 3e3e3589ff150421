"""KV get over TLS beside others that move the same bytes between two processes on loopback, in turn.

Mooncake's Transfer Engine and NIXL over UCX/TCP, both unencrypted, and go-libp2p's and rust-libp2p's perf over TLS; peers/
has how each is run. First all as they come, which is what is judged; then with as many connections each, and the others in
the best of several ways. Everything is moved twice in each turn, the first of a process's runs not counted.
"""

import importlib
import pathlib
import statistics
import sys

from pairs import STORE, Fetch, KvPair, Series, TcpPair, connections_text, rotated
from programs import CannotRun, Failed
from sizes import get_mib

PEERS = pathlib.Path(__file__).resolve().parent / "peers"
MODULES = {"Mooncake": "mooncake_te", "NIXL": "nixl_ucx", "go-libp2p": "go_libp2p", "rust-libp2p": "rust_libp2p"}
AS_IT_COMES = None
CONNECTIONS = (AS_IT_COMES, 1, 8)
# What a node opens by itself at most.
OUR_DEFAULT = 8
SLICE_BYTES = 1 << 20
# Several of them take many seconds for more, in each of their ways and turns.
MIB_MAX = 1024
TURNS, RUNS_EACH_TURN = 3, 2


def load(name):
    """Its module (peers/best.py says what is in it)."""
    if str(PEERS) not in sys.path:
        sys.path.append(str(PEERS))
    try:
        module = importlib.import_module(MODULES[name])
    except ImportError as error:
        raise CannotRun(f"peers/{MODULES[name]}.py cannot be loaded: {error}") from None
    if reason := module.available():
        raise CannotRun(reason)
    return module


class Other:
    """One of them as a contender: every turn has processes of its own."""

    def __init__(self, module, size, connections):
        self._module, self._size, self._connections = module, size, connections
        self.told = {}

    def turn(self):
        try:
            best = importlib.import_module("best")  # beside the module
            if self._connections is AS_IT_COMES:
                self.told = best.measure_as_it_comes(self._module, self._size, SLICE_BYTES, RUNS_EACH_TURN)
            else:
                self.told = best.measure(self._module, self._size, SLICE_BYTES, self._connections, RUNS_EACH_TURN)
        except Exception as error:  # pylint: disable=broad-except
            # Theirs are of their own modules; whatever it is, the others go on.
            raise Failed(f"{type(error).__name__}: {error}") from error
        return self.told["seconds"]

    def text(self):
        tried = self.told.get("tried", [])
        ways = f", best of {len(tried)} ways" if len(tried) > 1 else ""
        return f"{self.told['version']}, {self.told['way']}{ways}; {self.told['proof']}"


class Turns:
    """A pair of ours, or of plain TCP, taking the same turns."""

    def __init__(self, pair):
        self._pair = pair

    def turn(self):
        self._pair.run()  # its turn begins as cold as the others' do
        return [self._pair.run() for _ in range(RUNS_EACH_TURN)]


def take_turns(context, names, contenders, turns):
    """Seconds by name. One that fails is a row, and takes no further turn. Fewer turns where time has run out."""
    seconds = {name: [] for name in contenders}
    for number in range(turns):
        if number > 0 and context.deadline.passed():
            break
        for name in rotated(list(contenders), number):
            if name not in contenders:
                continue
            try:
                seconds[name] += contenders[name].turn()
            except Failed as reason:
                if name not in names:
                    raise
                context.failed(names[name], str(reason))
                del contenders[name]
    return seconds


def manner(connections):
    return "as each comes" if connections is AS_IT_COMES else f"{connections_text(connections)} each"


def measure(context, others, connections, mib):
    names = {name: f"KV get, TLS, against {name}, {manner(connections)}" for name in others}
    bar = "ahead" if connections is AS_IT_COMES else None
    own_connections = OUR_DEFAULT if connections is AS_IT_COMES else connections
    fetch = Fetch(f"slice:{mib}", STORE, connections=own_connections)
    with KvPair(context, fetch) as ours, TcpPair(context, mib, own_connections) as plain:
        contenders = {"ours": Turns(ours), "plain": Turns(plain)}
        contenders.update({name: Other(module, mib << 20, connections) for name, module in others.items()})
        seconds = take_turns(context, names, contenders, 1 if context.quick else TURNS)
        own, floor = (Series(seconds[name], 0, mib << 20) for name in ("ours", "plain"))
        for name in others:
            if name in contenders:
                theirs = statistics.median(seconds[name])
                context.add(names[name], own.rate(), "GB/s", bar=bar, floor=(mib << 20) / theirs / 1e9, floor_name=name,
                            ratio=theirs / own.median_s(),
                            note=f"{mib} MiB, {own.text()}; {ours.connections_text()}; plain TCP, "
                                 f"{connections_text(own_connections)}, {floor.rate():.2f} GB/s; theirs: "
                                 f"{contenders[name].text()}", details=contenders[name].told)


def run(context):
    others = {}
    for name in MODULES:
        with context.row(f"KV get, TLS, against {name}"):
            others[name] = load(name)
    for connections in CONNECTIONS if others else ():
        with context.row(f"KV get beside others, {manner(connections)}"):
            measure(context, others, connections, min(MIB_MAX, get_mib(context.options)))
