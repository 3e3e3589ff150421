#!/usr/bin/env python3
"""Gossipsub among all implementations at once: who is connected to whom differs, and all hear all (README.md)."""

import sys

import matrix
from peer_process import running
import pubsub_cases
from steps import listen

# Two of ours, so that they meet through others too.
PEERS = ("ours", "go", "rust", "js", "ours")


def star(peers):
    """Everything goes through the first, which is ours."""
    return [(peer, peers[0]) for peer in peers[1:]]


def line(peers):
    """What ours say to each other goes through the others."""
    return list(zip(peers, peers[1:]))


def ring(peers):
    return line(peers) + [(peers[-1], peers[0])]


def full(peers):
    return [(a, b) for i, a in enumerate(peers) for b in peers[:i]]


SHAPES = {shape.__name__: shape for shape in (star, line, ring, full)}


def run(commands, row, _column):
    programs = [(name, f"peer {place}", [*commands[name], *pubsub_cases.PUBSUB]) for place, name in enumerate(PEERS)]
    with running(programs) as peers:
        for peer in peers:
            peer.command(f"subscribe {pubsub_cases.TOPIC}")
        addresses = {peer: listen(peer) for peer in peers}
        for dialler, listener in SHAPES[row[0]](peers):
            dialler.command(f"dial {addresses[listener]}")
        pubsub_cases.wait_for_paths(peers)
        pubsub_cases.publish_from_all(peers)


MATRIX = matrix.Matrix(
    title="Gossip among all implementations",
    text=f"In this order: {', '.join(PEERS)}. All publish.",
    heads=("shape",),
    columns=("all hear all",),
    rows=lambda _: [(shape,) for shape in SHAPES],
    run=run,
)

if __name__ == "__main__":
    sys.exit(matrix.main(MATRIX))
