"""Mooncake's Transfer Engine over TCP, not encrypted: batch reads of slices; the program is mooncake_program.py."""

import sys

import best
import pair
import place

NAME = "Mooncake"
# The most lanes to a peer that it takes.
LANES_MAX = 16


def available():
    """None if it can run, else the reason."""
    return place.lacks("site/mooncake/engine.so")


def environment():
    return place.python_environment(KVP2P_PEER_VERSION=place.wheel_version("mooncake_transfer_engine"))


def check_log(path):
    """That it installed its TCP transport."""
    with open(path, encoding="utf-8", errors="replace") as log:
        lines = [line.split("] ", 1)[1].strip() for line in log if "TcpTransport: listen on port" in line]
    if not lines:
        raise RuntimeError("the log does not say that Mooncake has a TCP transport")
    return "Mooncake: " + ", ".join(lines)


def way(name, slice_bytes, engines, **environment):
    program = (sys.executable, str(place.FOLDER / "mooncake_program.py"))
    both = (f"--slice-bytes={slice_bytes}",)
    # All slices go in one batch.
    environment["MC_TCP_MAX_QUEUED_TRANSFERS_PER_PEER"] = 65535
    return pair.Way(name, (*program, "serve", *both, f"--engines={engines}"), (*program, "fetch", *both),
                    tuple((key, str(value)) for key, value in environment.items()))


def as_it_comes(slice_bytes):
    return way("as it comes", slice_bytes, 1)


def ways(slice_bytes, connections):
    """An engine has one thread for its sockets; lanes are its connections to a peer."""
    if connections > LANES_MAX:
        raise ValueError(f"Mooncake takes {LANES_MAX} lanes to a peer at most")
    lanes = {"MC_TCP_LANES_PER_PEER": connections}
    found = [way("64 KiB a socket call", slice_bytes, 1, **lanes),
             way("256 KiB a socket call", slice_bytes, 1, **lanes, MC_TCP_SLICE_SIZE=256 << 10),
             way("1 MiB a socket call", slice_bytes, 1, **lanes, MC_TCP_SLICE_SIZE=1 << 20)]
    if connections > 1:
        lane = {"MC_TCP_LANES_PER_PEER": 1}
        found += [way("an engine a connection", slice_bytes, connections, **lane),
                  way("an engine a connection, 1 MiB a socket call", slice_bytes, connections, **lane, MC_TCP_SLICE_SIZE=1 << 20)]
    return found


if __name__ == "__main__":
    best.main(sys.modules[__name__])
