#!/usr/bin/env python3
"""Hole punching between machines behind NATs, by way of a relay, among implementations (README.md)."""

import pathlib
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import nat  # pylint: disable=wrong-import-position

import matrix
from peer_process import running
from steps import echo, expect, listen, reserve, wait_until

PORT = 4001
# Three attempts of five seconds, and some for a busy machine.
UPGRADE_TIMEOUT_S = 60
# As long as all attempts take, and no longer than a limited circuit lasts.
ATTEMPTS_S = 20
READY_TIMEOUT_S = 10
BYTES = 1024 * 1024
SMALL_BYTES = 10_000
# (kind of NAT of the dialler, of the target; None: none), and whether a direct connection comes of it.
SETTINGS = {
    "both behind NATs": (nat.KEPT, nat.KEPT, True),
    "the dialler public": (None, nat.KEPT, True),
    "ports that nobody knows: stays relayed": (nat.RANDOM, nat.RANDOM, False),
}


def wait_until_it_punches(relay):
    """go-libp2p punches holes once it has been told its public address, and those who connect before are left relayed.

    The relay's latest connection is the target's. Who does not tell of the protocol there (rust-libp2p does on relayed
    connections alone) needs no waiting.
    """
    deadline = time.monotonic() + READY_TIMEOUT_S
    while "/libp2p/dcutr" not in relay.command("identify")["protocols"] and time.monotonic() < deadline:
        time.sleep(0.1)


def stays_relayed(peer, other):
    deadline = time.monotonic() + ATTEMPTS_S
    while time.monotonic() < deadline:
        path = peer.command(f"path {other.peer}")
        expect(not path["direct"] and path["relayed"], f"{peer.name}: {path}")
        time.sleep(0.5)


def punch(relay, target, dialler, relay_address, becomes_direct):
    relay.command(f"listen /ip4/{relay_address}/tcp/{PORT}")
    for peer in (target, dialler):
        listen(peer, f"/ip4/0.0.0.0/tcp/{PORT}")
    circuit = reserve(target, f"/ip4/{relay_address}/tcp/{PORT}/p2p/{relay.peer}")
    wait_until_it_punches(relay)
    reply = dialler.command(f"dial {circuit}")
    expect(reply["peer"] == target.peer, f"{dialler.name} reached {reply['peer']}")
    if not becomes_direct:
        stays_relayed(dialler, target)
        echo(dialler, SMALL_BYTES)
        return
    for peer, other in ((dialler, target), (target, dialler)):
        wait_until(lambda peer=peer, other=other: peer.command(f"path {other.peer}")["direct"],
                   f"a direct connection of {peer.name}", UPGRADE_TIMEOUT_S)
        peer.command("ping")
        echo(peer, BYTES)


def run(commands, row, column):
    of_dialler, of_target, becomes_direct = SETTINGS[column]
    internet = nat.Internet()
    try:
        relay_space, relay_address = internet.public()
        spaces = [relay_space]
        for kind in (of_target, of_dialler):
            spaces.append((internet.behind_nat(kind) if kind else internet.public())[0])
        users = ("--relay", "--punch")
        programs = [(name, role, nat.inside(space, [*commands[name], *extra]))
                    for name, role, space, extra in zip(row, ("relay", "target", "dialler"), spaces,
                                                        (("--relay-server", "limited"), users, users))]
        with running(programs) as peers:
            punch(*peers, relay_address, becomes_direct)
    finally:
        internet.remove()


def roles(other):
    if other == "ours":
        return [("ours", "ours", "ours")]
    return [("ours", other, "ours"), ("ours", "ours", other), (other, "ours", "ours")]


MATRIX = matrix.Matrix(
    title="Hole punching",
    text="Machines behind NATs, in network namespaces: a relayed connection becomes a direct one.",
    heads=("relays", "is reached", "dials"),
    columns=tuple(SETTINGS),
    rows=roles,
    run=run,
    others=("ours", "go", "rust"),
    why_not=nat.why_not,
    # One cell at a time, and nothing beside them: both sides must dial within the same few milliseconds.
)

if __name__ == "__main__":
    sys.exit(matrix.main(MATRIX))
