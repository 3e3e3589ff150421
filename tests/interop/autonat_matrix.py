#!/usr/bin/env python3
"""AutoNAT v2 among implementations: one asks whether it can be reached, another dials it (README.md).

Public addresses are needed, so the programs run in network namespaces (../e2e/nat.py). Exits with 0 if all pass, 1 if
not, 77 if it cannot be run on this machine.
"""

import argparse
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import nat  # pylint: disable=wrong-import-position

from implementations import NotRun, implementations
from peer_process import CaseFailed, PeerProcess
from relay_matrix import expect

NOT_RUN = 77
PORT = 4001


def told(servers, asker, server_address, probed):
    """What the asker is told of each address, by name."""
    asker.command(f"listen /ip4/0.0.0.0/tcp/{PORT}")
    answers = {}
    # A server each: go-libp2p asks one only once in a while.
    for number, (server, (name, address)) in enumerate(zip(servers, probed.items())):
        server.command(f"listen /ip4/{server_address}/tcp/{PORT + number}")
        asker.command(f"dial /ip4/{server_address}/tcp/{PORT + number}/p2p/{server.peer}")
        answers[name] = asker.command(f"probe {address}")["reachable"]
    return answers


def run(commands, names, is_public):
    internet = nat.Internet()
    peers = []
    try:
        server_space, server_address = internet.public()
        asker_space, address = internet.public() if is_public else internet.behind_nat()
        probed = {"itself": f"/ip4/{address}/tcp/{PORT}", "nobody": f"/ip4/{address}/tcp/{PORT + 1}"}
        expected = {"itself": is_public, "nobody": False}
        if is_public:
            # At another IP address than the one that asks: the server wants dial data first.
            other = address.replace(".0.1", ".0.2")
            asker_space.ip("addr", "add", f"{other}/8", "dev", "outside")
            probed["itself elsewhere"], expected["itself elsewhere"] = f"/ip4/{other}/tcp/{PORT}", True
        programs = [("server", names[0], server_space)] * len(probed) + [("asker", names[1], asker_space)]
        for role, name, space in programs:
            peers.append(PeerProcess(name, role, nat.inside(space, [*commands[name], "--autonat"])))
        for peer in peers:
            peer.wait_until_ready()
        *servers, asker = peers
        answers = told(servers, asker, server_address, probed)
        expect(answers == expected, f"told {answers}, which should be {expected}")
        for peer in peers:
            peer.quit()
    except CaseFailed as failure:
        written = [f"  {each.name} wrote:\n{each.stderr()}" for each in peers if each.stderr()]
        raise CaseFailed("\n".join([str(failure), *written])) from failure
    finally:
        for peer in peers:
            peer.kill()
        internet.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="the program interop_peer")
    parser.add_argument("--peer", required=True, choices=("ours", "go"), help="the other implementation")
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
    for names in dict.fromkeys([("ours", arguments.peer), (arguments.peer, "ours")]):
        for is_public in (True, False):
            what = f"{names[0]:4} dials, {names[1]:4} asks, {'public' if is_public else 'behind a NAT'}"
            try:
                run(commands, names, is_public)
                print(f"{what}: ok", flush=True)
            except CaseFailed as failure:
                failed += 1
                print(f"{what}: failed: {failure}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
