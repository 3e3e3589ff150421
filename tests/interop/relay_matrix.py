#!/usr/bin/env python3
"""Relays among implementations: who relays, who is reached, and who dials differ (README.md).

Exits with 0 if all pass, 1 if not, 77 if the implementation cannot be run on this machine.
"""

import argparse
import sys

from implementations import NotRun, implementations
from peer_process import CaseFailed, PeerProcess

NOT_RUN = 77
IP4 = "/ip4/127.0.0.1/tcp/0"
# Goes over a relay with limits, which has 128 KiB for everything; and what only one without lets through.
SMALL_BYTES = 20_000
LARGE_BYTES = 4 * 1024 * 1024


def expect(condition, message):
    if not condition:
        raise CaseFailed(message)


def reserve(target, relay_address):
    """The target's address at the relay."""
    circuits = target.command(f"reserve {relay_address}")["addresses"]
    expect(circuits, f"{target.name} has no address at the relay")
    # rust-libp2p's listener names the peer already.
    return circuits[0].replace(f"/p2p/{target.peer}/p2p/{target.peer}", f"/p2p/{target.peer}")


def echo(peer, count):
    reply = peer.command(f"echo {count}")
    expect(reply["bytes"] == count, f"{peer.name} received {reply['bytes']} of {count} bytes")
    expect(reply["sent_sha256"] == reply["received_sha256"], f"{peer.name} received other bytes than it sent")


def check_path(peer, other, limited):
    path = peer.command(f"path {other.peer}")
    expect(path["relayed"] and not path["direct"], f"{peer.name} is not relayed: {path}")
    # Not every implementation can tell.
    expect(path.get("limited", limited) == limited, f"{peer.name}: limited should be {limited}: {path}")


def relayed(relay, target, dialler, server):
    """The dialler reaches the target by way of the relay, and both use the connection."""
    address = relay.command(f"listen {IP4}")["addresses"][0]
    circuit = reserve(target, address)
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
    address = relay.command(f"listen {IP4}")["addresses"][0]
    reply = dialler.attempt(f"dial {address}/p2p-circuit/p2p/{target.peer}")
    expect(not reply["ok"], f"{dialler.name} reached whom the relay does not know")


# What an implementation cannot do, by (who relays, limits).
LACKS = {("rust", "unlimited"): "rust-libp2p's relay ends circuits at once whose time it is told not to limit"}
CASES = {"relayed": relayed, "without a reservation": without_reservation}


def roles(other):
    """Who relays, who is reached, who dials: ours have each role once with each of the other's."""
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


def run(commands, names, case, server):
    arguments = (("--relay-server", server), ("--relay",), ("--relay",))
    peers = []
    try:
        for role, name, extra in zip(("relay", "target", "dialler"), names, arguments):
            peers.append(PeerProcess(name, role, [*commands[name], *extra]))
        for peer in peers:
            peer.wait_until_ready()
        CASES[case](*peers, server)
        for peer in peers:
            peer.quit()
    except CaseFailed as failure:
        written = [f"  {each.name} wrote:\n{each.stderr()}" for each in peers if each.stderr()]
        raise CaseFailed("\n".join([str(failure), *written])) from failure
    finally:
        for peer in peers:
            peer.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="the program interop_peer")
    parser.add_argument("--peer", required=True, choices=list(implementations("")), help="the other implementation")
    arguments = parser.parse_args()
    known = implementations(arguments.ours)
    try:
        commands = {name: known[name].prepare() for name in dict.fromkeys(["ours", arguments.peer])}
    except NotRun as reason:
        print(f"not run: {reason}")
        return NOT_RUN
    failed = 0
    for names in roles(arguments.peer):
        for server, case in (("limited", "relayed"), ("unlimited", "relayed"), ("limited", "without a reservation")):
            what = f"{names[0]:4} relays, {names[1]:4} is reached, {names[2]:4} dials; {server}; {case}"
            if (names[0], server) in LACKS:
                print(f"{what}: cannot: {LACKS[names[0], server]}")
                continue
            try:
                run(commands, names, case, server)
                print(f"{what}: ok")
            except CaseFailed as failure:
                failed += 1
                print(f"{what}: failed: {failure}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
