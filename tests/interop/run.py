#!/usr/bin/env python3
"""Runs our libp2p against other implementations, each way round, and prints a table (README.md).

Exits with 0 if all cases pass, 1 if one fails, 77 if an implementation cannot be run on this machine. A case that cannot
be run here (namespaces need root) counts as failed where CI is set.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import nat  # pylint: disable=wrong-import-position
import netns  # pylint: disable=wrong-import-position

from cases import CASES
from implementations import NotRun, implementations
from peer_process import Cannot, CaseFailed, running
from report import print_table, write_markdown

NOT_RUN = 77
# Cases that begin later than this are not tried: a test must end by itself before its time limit does it.
TIME_S = 400
# Cases at once: some of them wait most of their time.
JOBS = 3


@dataclasses.dataclass
class Cell:
    """What came of one case for one pair."""
    dialler: str
    listener: str
    case: str
    outcome: str  # ok, failed, cannot (the other lacks it), not run (the machine lacks something)
    reason: str = ""
    taken_ms: float = 0


class Matrix:
    def __init__(self, known, commands):
        self._known = known
        self._commands = commands
        self._deadline = time.monotonic() + TIME_S
        self._why_no_namespaces = netns.why_not()
        self.versions = {}

    def run(self, pairs, cases):
        """The cells, in order."""
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            under_way = [pool.submit(self._cell, *pair, case) for pair in pairs for case in cases]
            return [each.result() for each in under_way]

    def _cell(self, dialler, listener, case):
        begin = time.monotonic()
        outcome, reason = "ok", ""
        try:
            for side in (dialler, listener):
                if case in self._known[side].lacks:
                    raise Cannot(self._known[side].lacks[case])
            if case in self._known[listener].lacks_as_listener:
                raise Cannot(self._known[listener].lacks_as_listener[case])
            self._try(dialler, listener, CASES[case])
        except Cannot as lacking:
            outcome, reason = "cannot", str(lacking)
        except NotRun as lacking:
            outcome, reason = "not run", str(lacking)
        except CaseFailed as failure:
            outcome, reason = "failed", str(failure)
        return Cell(dialler, listener, case, outcome, reason, 1000 * (time.monotonic() - begin))

    def _try(self, dialler, listener, case):
        if time.monotonic() > self._deadline:
            raise CaseFailed(f"not tried, {TIME_S} s are over")
        if case.not_with_ourselves and dialler == listener:
            raise Cannot(case.not_with_ourselves)
        if case.in_namespaces and self._why_no_namespaces:
            raise NotRun(self._why_no_namespaces)
        link = make_link() if case.in_namespaces else None
        try:
            self._run_programs(dialler, listener, case, link)
        finally:
            if link:
                link.remove()

    def _run_programs(self, dialler, listener, case, link):
        programs = []
        for role, name in (("dialler", dialler), ("listener", listener)):
            # Where both are ours, the listener plays the other.
            is_ours = name == "ours" and (role == "dialler" or dialler != "ours")
            command = [*self._commands[name], *(case.ours if is_ours else case.theirs)]
            if link:
                command = nat.inside(link.left if role == "dialler" else link.right, command)
            programs.append((name, role, command))
        with running(programs) as peers:
            for name, peer in zip((dialler, listener), peers):
                self.versions[name] = peer.version
            case.run(*peers)


def make_link():
    link = netns.Link()
    for namespace in (link.left, link.right):
        # As most machines have one: js-libp2p sends multicast where it leads.
        namespace.ip("route", "add", "default", "dev", "cable")
    return link


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="the program interop_peer")
    parser.add_argument("--peer", action="append", choices=list(implementations("")), required=True,
                        help="an implementation to try ours with; may be given again")
    parser.add_argument("--case", action="append", choices=list(CASES), help="only this case; may be given again")
    parser.add_argument("--build-only", action="store_true", help="build the peer programs, and no more")
    parser.add_argument("--markdown", type=pathlib.Path, help="write the table to this file")
    arguments = parser.parse_args()

    known = implementations(arguments.ours)
    try:
        commands = {name: known[name].prepare() for name in dict.fromkeys(["ours", *arguments.peer])}
    except NotRun as reason:
        print(f"not run: {reason}")
        return NOT_RUN
    if arguments.build_only:
        return 0

    pairs = dict.fromkeys(pair for peer in arguments.peer for pair in (("ours", peer), (peer, "ours")))
    matrix = Matrix(known, commands)
    cells = matrix.run(pairs, arguments.case or CASES)
    print_table(cells)
    bad = ("failed", "not run") if os.environ.get("CI") else ("failed",)
    failed = [cell for cell in cells if cell.outcome in bad]
    for cell in failed:
        print(f"\n{cell.dialler} dials {cell.listener}, {cell.case}: {cell.reason}")
    print(f"\n{sum(cell.outcome == 'ok' for cell in cells)} of {len(cells)} passed, {len(failed)} failed")
    if arguments.markdown and not failed:
        write_markdown(arguments.markdown, cells, matrix.versions)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
