#!/usr/bin/env python3
"""Runs our libp2p against another implementation, each way round, and prints a table (README.md).

Exits with 0 if all cases pass, 1 if one fails, 77 if the other implementation cannot be run on this machine.
"""

import argparse
import sys
import time

from cases import CASES
from implementations import NotRun, implementations
from peer_process import CaseFailed, PeerProcess

NOT_RUN = 77
# Cases that begin later than this are not tried: a test must end by itself before its time limit does it.
TIME_S = 200


def run_case(case, dialler_name, listener_name, commands):
    """None, or what went wrong."""
    peers = []
    try:
        for role, name in (("dialler", dialler_name), ("listener", listener_name)):
            peers.append(PeerProcess(f"{role} ({name})", commands[name]))
        CASES[case](*peers)
        for peer in peers:
            if peer.is_running():
                peer.quit()
        return None
    except CaseFailed as failure:
        return "\n".join([str(failure)] + [f"  {p.name} wrote:\n{p.stderr()}" for p in peers if p.stderr()])
    finally:
        for peer in peers:
            peer.kill()


def run_pair(dialler, listener, cases, commands, deadline):
    """A row of the table, and the failures."""
    row, failures = [], []
    for case in cases:
        begin = time.monotonic()
        in_time = begin < deadline
        failure = run_case(case, dialler, listener, commands) if in_time else f"not tried, {TIME_S} s are over"
        taken_ms = 1000 * (time.monotonic() - begin)
        row.append("FAILED" if failure else f"ok {taken_ms:.0f} ms")
        if failure:
            failures.append(f"{dialler} dials {listener}, {case}: {failure}")
    return row, failures


def print_table(heads, rows):
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows)]
    for row in [heads, ["-" * width for width in widths], *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="the program interop_peer")
    parser.add_argument("--peer", choices=list(implementations("")), default="js", help="the implementation to try ours with")
    parser.add_argument("--case", action="append", choices=list(CASES), help="only this case; may be given again")
    arguments = parser.parse_args()

    cases = arguments.case or list(CASES)
    known = implementations(arguments.ours)
    try:
        commands = {name: known[name].prepare() for name in ("ours", arguments.peer)}
    except NotRun as reason:
        print(f"not run: {reason}")
        return NOT_RUN

    pairs = dict.fromkeys([("ours", arguments.peer), (arguments.peer, "ours")])
    rows, failures = [], []
    deadline = time.monotonic() + TIME_S
    for dialler, listener in pairs:
        row, failed = run_pair(dialler, listener, cases, commands, deadline)
        rows.append([dialler, listener, *row])
        failures += failed
    print_table(["dialler", "listener", *cases], rows)
    for failure in failures:
        print(f"\n{failure}")
    print(f"\n{len(pairs) * len(cases) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
