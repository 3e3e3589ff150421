#!/usr/bin/env python3
"""A DHT of all implementations at once: each knows one of them alone, and all find what the others provide and put, and
each other (README.md).

Exits with 0 if they do, 1 if not, 77 if an implementation cannot be run on this machine.
"""

import argparse
import sys

from implementations import NotRun, implementations
import kad_cases
from peer_process import CaseFailed, PeerProcess

NOT_RUN = 77
# Two of ours, so that they find each other through others too.
PEERS = ("ours", "go", "rust", "js", "ours")
# Whom all others know. js-libp2p takes only those into its table who answer PING, which rust-libp2p does not, so that
# neither of them leads the other to everybody, and js does not find where rust is.
MIDDLES = (0, 1)
NOT_FOUND = {("js", "rust")}


def find_each_other(peers):
    for peer, name in zip(peers, PEERS):
        for other, other_name in zip(peers, PEERS):
            if peer is not other and (name, other_name) not in NOT_FOUND:
                kad_cases.wait_until(lambda peer=peer, other=other: peer.attempt(f"kad_find_peer {other.peer}").get("addresses"),
                                     f"where {other.name} is, by {peer.name}")


def provide_and_find(peers):
    for number, peer in enumerate(peers):
        peer.command(f"kad_provide name-{number}")
        peer.command("kad_provide name-of-all")
    for peer in peers:
        for number, other in enumerate(peers):
            if peer is not other:
                kad_cases.wait_for_providers(peer, f"name-{number}", [other])
        kad_cases.wait_for_providers(peer, "name-of-all", [other for other in peers if other is not peer])


def put_and_get(peers):
    for number, peer in enumerate(peers):
        peer.command(f"kad_put /v/key-{number} value-{number}")
        for other in peers:
            kad_cases.wait_for_value(other, f"/v/key-{number}", f"value-{number}")


def run(commands, middle):
    """All are servers but the last of ours; all know the one in the middle only."""
    peers = []
    try:
        for place, name in enumerate(PEERS):
            arguments = kad_cases.CLIENT if place == len(PEERS) - 1 else kad_cases.SERVER
            peers.append(PeerProcess(name, f"peer {place}", [*commands[name], *arguments]))
        for peer in peers:
            peer.wait_until_ready()
        addresses = {peer: kad_cases.listen(peer) for peer in peers}
        for peer in peers:
            if peer is not peers[middle]:
                peer.command(f"dial {addresses[peers[middle]]}")
                kad_cases.wait_until_known(peer, peers[middle])
        for peer in peers[:-1]:
            if peer is not peers[middle]:
                kad_cases.wait_until_known(peers[middle], peer)
        find_each_other(peers[:-1])
        provide_and_find(peers)
        put_and_get(peers)
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
    for middle in MIDDLES:
        try:
            run(commands, middle)
            print(f"all know {PEERS[middle]} alone: all find all")
        except CaseFailed as failure:
            failed += 1
            print(f"all know {PEERS[middle]} alone: failed: {failure}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
