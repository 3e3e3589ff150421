"""Takes the best of several ways to run one of the others, and is the command line of each of their modules.

Each module has NAME, available(), as_it_comes(slice_bytes), ways(slice_bytes, connections), environment() and check_log(path).
"""

import argparse
import json
import statistics
import sys

from pair import Pair
from party import PeerFailed

TRIAL_BYTES = 512 << 20
TRIAL_RUNS = 2

# Of each (peer, slice, connections) the best way and what was tried.
_chosen = {}


def choose(module, size, slice_bytes, connections):
    """Tries each way with fewer bytes, once in a process's life. Returns the best, and what each did."""
    key = (module.NAME, slice_bytes, connections)
    if key not in _chosen:
        _chosen[key] = _try_all(module, min(size, TRIAL_BYTES), slice_bytes, connections)
    return _chosen[key]


def open_pair(module, size, slice_bytes, connections):
    """The best way, started and warm: what takes turns with others."""
    way, _ = choose(module, size, slice_bytes, connections)
    return Pair(module.NAME, way, module.environment(), size, connections)


def measure(module, size, slice_bytes, connections, runs):
    _, tried = choose(module, size, slice_bytes, connections)
    with open_pair(module, size, slice_bytes, connections) as pair:
        return {**_measured(module, pair, runs), "tried": tried}


def measure_as_it_comes(module, size, slice_bytes, runs):
    with Pair(module.NAME, module.as_it_comes(slice_bytes), module.environment(), size, 1) as pair:
        return _measured(module, pair, runs)


def _measured(module, pair, runs):
    seconds = [pair.run() for _ in range(runs)]
    return {"name": pair.name, "version": pair.version, "connections": pair.connections, "bytes": pair.bytes,
            "seconds": seconds, "gigabytes_per_second": pair.bytes / statistics.median(seconds) / 1e9,
            "way": pair.way.name, "proof": proof(module, pair), "command": pair.way.described(),
            "log_path": str(pair.log_path)}


def proof(module, pair):
    """What the kernel counted, and what the peer's own log says of it; raises RuntimeError where it was not TCP."""
    return "; ".join(filter(None, [pair.proof(), module.check_log(pair.log_path)]))


def _try_all(module, size, slice_bytes, connections):
    rates, tried = {}, []
    for way in module.ways(slice_bytes, connections):
        row = {"way": way.name, "command": way.described()}
        tried.append(row)
        try:
            with Pair(module.NAME, way, module.environment(), size, connections) as pair:
                rates[way] = row["gigabytes_per_second"] = _measured(module, pair, TRIAL_RUNS)["gigabytes_per_second"]
        except (PeerFailed, RuntimeError) as failure:
            row["failed"] = str(failure)
    if not rates:
        raise PeerFailed(f"{module.NAME}: no way of running it worked: {tried}")
    return max(rates, key=rates.get), tried


def main(module):
    parser = argparse.ArgumentParser(description=module.__doc__)
    parser.add_argument("--bytes", type=int, default=1 << 30)
    parser.add_argument("--slice-bytes", type=int, default=1 << 20)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="everything, as JSON")
    arguments = parser.parse_args()
    reason = module.available()
    if reason is not None:
        print(f"not run: {reason}")
        sys.exit(77)
    try:
        result = measure(module, arguments.bytes, arguments.slice_bytes, arguments.connections, arguments.runs)
    except (PeerFailed, RuntimeError, ValueError) as failure:
        sys.exit(f"{module.NAME}: {failure}")
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{result['name']} {result['version']}, {result['connections']} connection(s), {result['way']}: "
          f"{result['gigabytes_per_second']:.2f} GB/s\n  {result['proof']}")
    for tried in result["tried"]:
        rate = tried.get("gigabytes_per_second")
        print(f"  tried {tried['way']}: {tried['failed'] if rate is None else f'{rate:.2f} GB/s'}")
