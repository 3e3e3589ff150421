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


def ways(slice_bytes, connections):
    """An engine has one thread for its sockets; lanes are its connections to a peer."""
    if connections > LANES_MAX:
        raise ValueError(f"Mooncake takes {LANES_MAX} lanes to a peer at most")

    def way(name, engines, lanes, socket_slice_bytes=None):
        environment = {"MC_TCP_LANES_PER_PEER": lanes, "MC_TCP_MAX_QUEUED_TRANSFERS_PER_PEER": 65535}
        if socket_slice_bytes is not None:
            environment["MC_TCP_SLICE_SIZE"] = socket_slice_bytes
        program = (sys.executable, str(place.FOLDER / "mooncake_program.py"))
        both = (f"--slice-bytes={slice_bytes}",)
        return pair.Way(name, (*program, "serve", *both, f"--engines={engines}"), (*program, "fetch", *both),
                        tuple((key, str(value)) for key, value in environment.items()))

    found = [way("64 KiB a socket call", 1, connections), way("256 KiB a socket call", 1, connections, 256 << 10),
             way("1 MiB a socket call", 1, connections, 1 << 20)]
    if connections > 1:
        found += [way("an engine a connection", connections, 1),
                  way("an engine a connection, 1 MiB a socket call", connections, 1, 1 << 20)]
    return found


if __name__ == "__main__":
    best.main(sys.modules[__name__])
