#!/usr/bin/env python3
"""Relays among implementations: who relays, who is reached, and who dials differ (README.md)."""

import sys

from implementations import implementations
import matrix
from peer_process import running
from steps import echo, expect, listen, reserve

# Goes over a relay with limits, which has 128 KiB for everything; and what only one without lets through.
SMALL_BYTES = 20_000
LARGE_BYTES = 4 * 1024 * 1024


def check_path(peer, other, limited):
    path = peer.command(f"path {other.peer}")
    expect(path["relayed"] and not path["direct"], f"{peer.name} is not relayed: {path}")
    # Not every implementation can tell.
    expect(path.get("limited", limited) == limited, f"{peer.name}: limited should be {limited}: {path}")


def relayed(relay, target, dialler, server):
    """The dialler reaches the target by way of the relay, and both use the connection."""
    circuit = reserve(target, listen(relay))
    expect(circuit.endswith(f"/p2p-circuit/p2p/{target.peer}"), f"{target.name} is reached at {circuit}")
    reply = dialler.command(f"dial {circuit}")
    expect(reply["peer"] == target.peer, f"{dialler.name} reached {reply['peer']}")
    target.wait_for_event("connected", peer=dialler.peer, inbound=True)
    for peer, other in ((dialler, target), (target, dialler)):
        check_path(peer, other, server == "limited")
        echo(peer, SMALL_BYTES)
    if server == "unlimited":
        for peer in (dialler, target):
            # js-libp2p pings by dialling anew where the connection has limits.
            peer.command("ping")
            echo(peer, LARGE_BYTES)


def without_reservation(relay, target, dialler, _server):
    reply = dialler.attempt(f"dial {listen(relay)}/p2p-circuit/p2p/{target.peer}")
    expect(not reply["ok"], f"{dialler.name} reached whom the relay does not know")


# What happens, and the relay's limits.
CASES = {
    "relayed, with limits": (relayed, "limited"),
    "relayed, without limits": (relayed, "unlimited"),
    "refused without a reservation": (without_reservation, "limited"),
}
# What an implementation cannot do, by (who relays, limits).
LACKS = {("rust", "unlimited"): "rust-libp2p's relay ends circuits at once whose time it is told not to limit"}


def roles(other):
    """Ours have each role once with each of the other's."""
    if other == "ours":
        return [("ours", "ours", "ours")]
    return [
        (other, "ours", "ours"),
        ("ours", other, other),
        (other, other, "ours"),
        (other, "ours", other),
        ("ours", other, "ours"),
        ("ours", "ours", other),
    ]


def run(commands, row, column):
    case, server = CASES[column]
    arguments = (("--relay-server", server), ("--relay",), ("--relay",))
    programs = [(name, role, [*commands[name], *extra])
                for name, role, extra in zip(row, ("relay", "target", "dialler"), arguments)]
    with running(programs) as peers:
        case(*peers, server)


MATRIX = matrix.Matrix(
    title="Relays",
    text="One program relays, one is reached at it, one dials.",
    heads=("relays", "is reached", "dials"),
    columns=tuple(CASES),
    rows=roles,
    run=run,
    others=tuple(implementations("")),
    lacks=lambda row, column: LACKS.get((row[0], CASES[column][1]), ""),
)

if __name__ == "__main__":
    sys.exit(matrix.main(MATRIX))
