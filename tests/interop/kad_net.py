#!/usr/bin/env python3
"""A DHT of all implementations at once: each knows one of them alone, and all find what the others provide and put, and
each other (README.md)."""

import sys

import kad_cases
import matrix
from peer_process import running
from steps import listen, wait_until

# Two of ours, so that they find each other through others too.
PEERS = ("ours", "go", "rust", "js", "ours")
# Whom all others know. js-libp2p takes only those into its table who answer PING, which rust-libp2p does not, so that
# neither of them leads the other to everybody, and js does not find where rust is.
MIDDLES = ("ours", "go")
NOT_FOUND = {("js", "rust")}


def find_each_other(peers):
    for peer, name in zip(peers, PEERS):
        for other, other_name in zip(peers, PEERS):
            if peer is not other and (name, other_name) not in NOT_FOUND:
                wait_until(lambda peer=peer, other=other: peer.attempt(f"kad_find_peer {other.peer}").get("addresses"),
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


def run(commands, row, _column):
    """All are servers but the last of ours."""
    modes = [kad_cases.SERVER] * (len(PEERS) - 1) + [kad_cases.CLIENT]
    programs = [(name, f"peer {place}", [*commands[name], *mode])
                for place, (name, mode) in enumerate(zip(PEERS, modes))]
    with running(programs) as peers:
        middle = peers[PEERS.index(row[0])]
        addresses = {peer: listen(peer) for peer in peers}
        for peer in peers:
            if peer is not middle:
                peer.command(f"dial {addresses[middle]}")
                kad_cases.wait_until_known(peer, middle)
        for peer in peers[:-1]:
            if peer is not middle:
                kad_cases.wait_until_known(middle, peer)
        find_each_other(peers[:-1])
        provide_and_find(peers)
        put_and_get(peers)


MATRIX = matrix.Matrix(
    title="A DHT of all implementations",
    text="Two of ours and one of each other, the last of ours a client. At first all know one of them alone.",
    heads=("is known to all",),
    columns=("all find all, and what they provide and put",),
    rows=lambda _: [(middle,) for middle in MIDDLES],
    run=run,
)

if __name__ == "__main__":
    sys.exit(matrix.main(MATRIX))
