"""go-libp2p: /perf/1.0.0 over TCP, TLS and yamux, a host a connection; the program is go/."""

import sys

import best
import libp2p_perf
import place

NAME = "go-libp2p"
PROGRAM = "bin/go-perf-peer"


def available():
    """None if it can run, else the reason."""
    return place.lacks(PROGRAM)


def measure(bytes, slice_bytes, connections, runs):  # pylint: disable=redefined-builtin
    return best.measure(sys.modules[__name__], bytes, slice_bytes, connections, runs)


def open_pair(bytes, slice_bytes, connections):  # pylint: disable=redefined-builtin
    return best.open_pair(sys.modules[__name__], bytes, slice_bytes, connections)


def ways(slice_bytes, connections):  # pylint: disable=unused-argument
    """A stream has no slices."""
    return libp2p_perf.ways(PROGRAM, connections)


def environment():
    return {}


def check_log(path):  # pylint: disable=unused-argument
    """It has no other transport than TCP, and no other security than TLS."""
    return "go-libp2p with TCP, /tls/1.0.0 and yamux alone"


if __name__ == "__main__":
    best.main(sys.modules[__name__])
