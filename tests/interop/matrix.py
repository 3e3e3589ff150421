"""What the programs with several peers at once share: their arguments, their cells, and what is told of these.

Each exits with 0 if all cells pass, 1 if not, 77 if they cannot be run on this machine.
"""

import argparse
import concurrent.futures
import dataclasses
import pathlib
import typing

from implementations import NotRun, implementations
from peer_process import CaseFailed
import report

NOT_RUN = 77


def nothing_lacks(_row, _column):
    return ""


@dataclasses.dataclass(frozen=True)
class Matrix:
    """Cells that differ in who has which role (the row) and in what happens (the column)."""
    title: str
    # Under the title in the document: what the cells show.
    text: str
    # The roles, or what else makes a row.
    heads: tuple
    columns: tuple
    # The rows with another implementation: tuples, a name for each head.
    rows: typing.Callable
    # Runs a cell: of the commands by implementation, its row and its column.
    run: typing.Callable
    # The implementations that may be the other; none: all take part in each cell.
    others: tuple = ()
    # Why what a cell is about cannot be done at all; empty if it can.
    lacks: typing.Callable = nothing_lacks
    # Why no cell can be run on this machine; None if they can.
    why_not: typing.Callable = lambda: None
    # Cells at once: more than one where most of their time goes by in waiting.
    jobs: int = 1


@dataclasses.dataclass
class Cell:
    row: tuple
    column: str
    outcome: str  # ok, failed, cannot
    reason: str = ""


def run_cell(matrix, commands, row, column):
    lacks = matrix.lacks(row, column)
    if lacks:
        return Cell(row, column, "cannot", lacks)
    try:
        matrix.run(commands, row, column)
    except CaseFailed as failure:
        return Cell(row, column, "failed", str(failure))
    return Cell(row, column, "ok")


def main(matrix):
    parser = argparse.ArgumentParser(description=f"{matrix.title}: {matrix.text}")
    parser.add_argument("--ours", required=True, help="the program interop_peer")
    if matrix.others:
        parser.add_argument("--peer", action="append", required=True, choices=matrix.others,
                            help="the other implementation; may be given again")
    parser.add_argument("--case", action="append", choices=matrix.columns, help="only this one; may be given again")
    parser.add_argument("--markdown", type=pathlib.Path, help="add the table to this file")
    arguments = parser.parse_args()

    known = implementations(arguments.ours)
    others = arguments.peer if matrix.others else [name for name in known if name != "ours"]
    try:
        reason = matrix.why_not()
        if reason:
            raise NotRun(reason)
        commands = {name: known[name].prepare() for name in dict.fromkeys(["ours", *others])}
    except NotRun as lacking:
        print(f"not run: {lacking}")
        return NOT_RUN

    rows = dict.fromkeys(row for other in others for row in matrix.rows(other))
    with concurrent.futures.ThreadPoolExecutor(matrix.jobs) as pool:
        under_way = [pool.submit(run_cell, matrix, commands, row, column)
                     for row in rows for column in arguments.case or matrix.columns]
        cells = []
        for each in under_way:
            cells.append(each.result())
            print(describe(matrix, cells[-1]), flush=True)
    failed = any(cell.outcome == "failed" for cell in cells)
    if arguments.markdown and not failed:
        report.append_matrix(arguments.markdown, matrix, cells)
    return 1 if failed else 0


def describe(matrix, cell):
    who = ", ".join(f"{name:4} {head}" for head, name in zip(matrix.heads, cell.row))
    return f"{who}; {cell.column}: {cell.outcome}{': ' if cell.reason else ''}{cell.reason}"
