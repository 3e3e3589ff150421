"""rust-libp2p: /perf/1.0.0 over TCP, TLS and yamux, a host a connection; the program is rust/."""

import sys

import best
import libp2p_perf
import place

NAME = "rust-libp2p"
PROGRAM = "bin/rust-perf-peer"


def available():
    """None if it can run, else the reason."""
    return place.lacks(PROGRAM)


def as_it_comes(slice_bytes):
    return ways(slice_bytes, 1)[0]


def ways(slice_bytes, connections):  # pylint: disable=unused-argument
    """A stream has no slices."""
    return libp2p_perf.ways(PROGRAM, connections)


def environment():
    return {}


def check_log(path):  # pylint: disable=unused-argument
    return libp2p_perf.described(NAME)


if __name__ == "__main__":
    best.main(sys.modules[__name__])
