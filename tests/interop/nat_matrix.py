#!/usr/bin/env python3
"""Hole punching between machines behind NATs, by way of a relay, among implementations (README.md).

Exits with 0 if all pass, 1 if not, 77 if it cannot be run on this machine.
"""

import argparse
import pathlib
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import nat  # pylint: disable=wrong-import-position

from implementations import NotRun, implementations
from peer_process import CaseFailed, PeerProcess
from relay_matrix import echo, expect, reserve

NOT_RUN = 77
PORT = 4001
# Three attempts of five seconds, and some for a busy machine.
UPGRADE_TIMEOUT_S = 60
READY_TIMEOUT_S = 10
BYTES = 1024 * 1024
SMALL_BYTES = 10_000
# (kind of NAT of the dialler, of the target; None: none), and whether a direct connection comes of it.
SETTINGS = {
    "both behind NATs": (nat.KEPT, nat.KEPT, True),
    "the dialler public": (None, nat.KEPT, True),
    "ports that nobody knows": (nat.RANDOM, nat.RANDOM, False),
}


def wait_until_it_punches(relay):
    """go-libp2p punches holes once it has been told its public address, and those who connect before are left relayed.

    The relay's latest connection is the target's. Who does not tell of the protocol there (rust-libp2p does on relayed
    connections alone) needs no waiting.
    """
    deadline = time.monotonic() + READY_TIMEOUT_S
    while "/libp2p/dcutr" not in relay.command("identify")["protocols"] and time.monotonic() < deadline:
        time.sleep(0.1)


def wait_until_direct(peer, other):
    deadline = time.monotonic() + UPGRADE_TIMEOUT_S
    while not peer.command(f"path {other.peer}")["direct"]:
        expect(time.monotonic() < deadline, f"{peer.name} has no direct connection after {UPGRADE_TIMEOUT_S} s")
        time.sleep(0.1)


def stays_relayed(peer, other):
    """Waits until all attempts are over: as long as they take, and no longer than a limited circuit lasts."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        path = peer.command(f"path {other.peer}")
        expect(not path["direct"] and path["relayed"], f"{peer.name}: {path}")
        time.sleep(0.5)


def punch(relay, target, dialler, relay_address, becomes_direct):
    relay.command(f"listen /ip4/{relay_address}/tcp/{PORT}")
    for peer in (target, dialler):
        peer.command(f"listen /ip4/0.0.0.0/tcp/{PORT}")
    circuit = reserve(target, f"/ip4/{relay_address}/tcp/{PORT}/p2p/{relay.peer}")
    wait_until_it_punches(relay)
    reply = dialler.command(f"dial {circuit}")
    expect(reply["peer"] == target.peer, f"{dialler.name} reached {reply['peer']}")
    if not becomes_direct:
        stays_relayed(dialler, target)
        echo(dialler, SMALL_BYTES)
        return
    for peer, other in ((dialler, target), (target, dialler)):
        wait_until_direct(peer, other)
        peer.command("ping")
        echo(peer, BYTES)


def run(commands, names, setting):
    of_dialler, of_target, becomes_direct = SETTINGS[setting]
    internet = nat.Internet()
    peers = []
    try:
        relay_space, relay_address = internet.public()
        spaces = [relay_space]
        for kind in (of_target, of_dialler):
            spaces.append((internet.behind_nat(kind) if kind else internet.public())[0])
        users = ("--relay", "--punch")
        for role, name, space, extra in zip(("relay", "target", "dialler"), names, spaces,
                                            (("--relay-server", "limited"), users, users)):
            peers.append(PeerProcess(name, role, nat.inside(space, [*commands[name], *extra])))
        for peer in peers:
            peer.wait_until_ready()
        punch(*peers, relay_address, becomes_direct)
        for peer in peers:
            peer.quit()
    except CaseFailed as failure:
        written = [f"  {each.name} wrote:\n{each.stderr()}" for each in peers if each.stderr()]
        raise CaseFailed("\n".join([str(failure), *written])) from failure
    finally:
        for peer in peers:
            peer.kill()
        internet.remove()


def roles(other):
    """Who relays, who is reached, who dials."""
    if other == "ours":
        return [("ours", "ours", "ours")]
    return [("ours", other, "ours"), ("ours", "ours", other), (other, "ours", "ours")]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="the program interop_peer")
    parser.add_argument("--peer", required=True, choices=("ours", "go", "rust"), help="the other implementation")
    parser.add_argument("--setting", action="append", choices=list(SETTINGS), help="only this one; may be given again")
    arguments = parser.parse_args()
    known = implementations(arguments.ours)
    try:
        reason = nat.why_not()
        if reason:
            raise NotRun(reason)
        commands = {name: known[name].prepare() for name in dict.fromkeys(["ours", arguments.peer])}
    except NotRun as lacking:
        print(f"not run: {lacking}")
        return NOT_RUN
    failed = 0
    for names in roles(arguments.peer):
        for setting in arguments.setting or SETTINGS:
            what = f"{names[0]:4} relays, {names[1]:4} is reached, {names[2]:4} dials; {setting}"
            try:
                run(commands, names, setting)
                print(f"{what}: ok", flush=True)
            except CaseFailed as failure:
                failed += 1
                print(f"{what}: failed: {failure}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
