#!/usr/bin/env python3
"""Gossipsub among all implementations at once: who is connected to whom differs, and all hear all (README.md).

Exits with 0 if all do, 1 if not, 77 if an implementation cannot be run on this machine.
"""

import argparse
import sys

from implementations import NotRun, implementations
from peer_process import CaseFailed, PeerProcess
import pubsub_cases

NOT_RUN = 77
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


def run(commands, shape):
    peers = []
    try:
        for place, name in enumerate(PEERS):
            peers.append(PeerProcess(name, f"peer {place}", [*commands[name], *pubsub_cases.PUBSUB]))
        for peer in peers:
            peer.wait_until_ready()
            peer.command(f"subscribe {pubsub_cases.TOPIC}")
        addresses = {peer: pubsub_cases.listen(peer) for peer in peers}
        for dialler, listener in shape(peers):
            dialler.command(f"dial {addresses[listener]}")
        pubsub_cases.wait_for_paths(peers)
        pubsub_cases.publish_from_all(peers)
        for peer in peers:
            peer.quit()
    finally:
        for peer in peers:
            peer.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="the program interop_peer")
    arguments = parser.parse_args()
    known = implementations(arguments.ours)
    try:
        commands = {name: known[name].prepare() for name in dict.fromkeys(PEERS)}
    except NotRun as reason:
        print(f"not run: {reason}")
        return NOT_RUN
    failed = 0
    for shape in (star, line, ring, full):
        try:
            run(commands, shape)
            print(f"{shape.__name__:5} of {', '.join(PEERS)}: all hear all")
        except CaseFailed as failure:
            failed += 1
            print(f"{shape.__name__:5} failed: {failure}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
