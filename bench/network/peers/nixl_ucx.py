"""NIXL over UCX over TCP, not encrypted: READ of slices between two agents (nixl_program.py)."""

import sys

import best
import pair
import place

NAME = "NIXL"
# No other transport than TCP may be chosen, and no other interface than loopback; UCX tells in the log what it chose.
# cuda_copy reaches a GPU's memory within one process and nobody else: NIXL refuses to start on a machine with one without it.
TCP_ONLY = {"UCX_TLS": "tcp,cuda_copy", "UCX_NET_DEVICES": "lo", "UCX_LOG_LEVEL": "info", "UCX_LOG_FILE": "stderr"}
CHOSEN_MARK = " cfg#"
SEGMENTS = {"UCX_TCP_TX_SEG_SIZE": "256k", "UCX_TCP_RX_SEG_SIZE": "256k"}
# Descriptors that a thread of the pool takes at a time.
SPLIT = 16


def available():
    """None if it can run, else the reason."""
    site = place.installed() / "site"
    found = any((site / name / "_api.py").exists() for name in ("nixl_cu13", "nixl_cu12"))
    return None if found else place.lacks("site/nixl_cu13/_api.py")


def environment():
    return place.python_environment(KVP2P_PEER_VERSION=place.wheel_version("nixl"), **TCP_ONLY)


def check_log(path):
    """What UCX says that it uses for each peer: nothing but TCP over loopback."""
    with open(path, encoding="utf-8", errors="replace") as log:
        lines = [line.split("UCX  INFO", 1)[1].split() for line in log if "UCX  INFO" in line and CHOSEN_MARK in line]
    lanes = {word for line in lines for word in line if word.endswith(")")}
    if not lanes or any(not lane.endswith("(tcp/lo)") for lane in lanes):
        raise RuntimeError(f"the log does not say that UCX uses TCP alone: {lines}")
    return "UCX: " + " ".join(sorted(lanes))


def way(name, slice_bytes, *options, segments=True):
    program = (sys.executable, str(place.FOLDER / "nixl_program.py"))
    both = (f"--slice-bytes={slice_bytes}", *options)
    return pair.Way(name, (*program, "serve", *both), (*program, "fetch", *both), tuple(SEGMENTS.items()) if segments else ())


def as_it_comes(slice_bytes):
    """One agent with its progress thread; segments of 8 KiB."""
    return way("defaults", slice_bytes, segments=False)


def ways(slice_bytes, connections):
    """Connections of UCX over TCP come with workers: one agent has one, or as many as its pool has threads."""
    if connections == 1:
        return [as_it_comes(slice_bytes), way("no progress thread", slice_bytes, "--progress-thread=0", segments=False),
                way("256 KiB segments", slice_bytes),
                way("256 KiB segments, no progress thread", slice_bytes, "--progress-thread=0")]
    pool = (f"--threads={connections}", f"--split={SPLIT}")
    agents = f"--agents={connections}"
    return [way("thread pool, 8 KiB segments", slice_bytes, *pool, segments=False), way("thread pool", slice_bytes, *pool),
            way("thread pool, no progress thread", slice_bytes, *pool, "--progress-thread=0"),
            way("an agent a connection", slice_bytes, agents),
            way("an agent a connection, no progress thread", slice_bytes, agents, "--progress-thread=0")]


if __name__ == "__main__":
    best.main(sys.modules[__name__])
