#!/usr/bin/env python3
"""AutoNAT v2 among implementations: one asks whether it can be reached, another dials it (README.md).

Public addresses are needed, so the programs run in network namespaces (../e2e/nat.py).
"""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import nat  # pylint: disable=wrong-import-position

import matrix
from peer_process import running
from steps import expect

PORT = 4001
SETTINGS = {"with a public address": True, "behind a NAT": False}


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


def run(commands, row, column):
    is_public = SETTINGS[column]
    internet = nat.Internet()
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
        programs = [(name, role, nat.inside(space, [*commands[name], "--autonat"]))
                    for name, role, space in [(row[0], "server", server_space)] * len(probed)
                    + [(row[1], "asker", asker_space)]]
        with running(programs) as peers:
            *servers, asker = peers
            answers = told(servers, asker, server_address, probed)
            expect(answers == expected, f"told {answers}, which should be {expected}")
    finally:
        internet.remove()


MATRIX = matrix.Matrix(
    title="AutoNAT v2",
    text="One asks whether it can be reached, another dials it, in network namespaces with public addresses and NATs.",
    heads=("dials", "asks"),
    columns=tuple(SETTINGS),
    rows=lambda other: dict.fromkeys([("ours", other), (other, "ours")]),
    run=run,
    others=("ours", "go", "rust", "js"),
    why_not=nat.why_not,
)

if __name__ == "__main__":
    sys.exit(matrix.main(MATRIX))
