#!/usr/bin/env python3
"""Our libp2p beside go-libp2p and rust-libp2p: two processes of each over loopback, and plain TCP beside them.

Every round measures each figure for one implementation after the other, in an order that changes from round to round, on
processes and connections of its own; medians are printed. "ours / best" is how many times as good ours is as the faster of
the other two, whichever way the figure is better: above 1 ours is ahead.

  throughput          /perf/1.0.0 over noise and yamux, one stream, written in chunks of 64 KiB, from the first byte to the
                      answer of the other side that it has all; up is from the dialler to the listener
  processor time      of both processes, user and system, over the throughput runs
  connection set-up   from dialling to a connection that is encrypted, authenticated and muxed, at the dialler
  stream set-up       from opening a stream to the first byte's echo
  ping                32 bytes there and back on one stream of /ipfs/ping/1.0.0

The peers are those of tests/interop; what is missing on the machine is told as not run. Exits with 0 if everything was
measured, 1 if something failed, 77 if an implementation cannot be run here.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "tests" / "interop"))

# pylint: disable=wrong-import-position
from implementations import NotRun, Ours, implementations
from measurements import FIGURES, Pair, Results, Sizes
from peer_process import Cannot, CaseFailed

OURS, OTHERS, PLAIN = "ours", ("go", "rust"), "plain TCP"
NOT_RUN = 77
# Each takes up to a second.
SIZES = Sizes(perf_bytes=1 << 30, connections=300, streams=3000, pings=10_000)
WARM_UP = 1 / 30
# The figures that plain TCP has.
PLAIN_MEASUREMENTS = ("measure_connections", "measure_throughput", "measure_pings")
MEASUREMENTS = (*PLAIN_MEASUREMENTS, "measure_streams")


def prepare(build, wanted):
    """The commands that start the peers, and why some cannot be run."""
    known = implementations(build / "tests/interop/interop_peer")
    known[PLAIN] = Ours(build / "bench/libp2p/plain_tcp_peer")
    commands, reasons = {}, {}
    for name in wanted:
        try:
            commands[name] = known[name].prepare()
        except NotRun as reason:
            reasons[name] = str(reason)
    return commands, reasons


def rotated(names, by):
    names = list(names)
    by %= len(names)
    return names[by:] + names[:by]


def run_round(commands, order, sizes, results):
    with contextlib.ExitStack() as stack:
        pairs = {name: stack.enter_context(Pair(name, commands[name])) for name in order}
        results.versions.update({name: pair.version for name, pair in pairs.items()})
        for measurement in MEASUREMENTS:
            for name, pair in pairs.items():
                if name != PLAIN or measurement in PLAIN_MEASUREMENTS:
                    getattr(pair, measurement)(sizes.scaled(WARM_UP))
                    results.add(name, getattr(pair, measurement)(sizes))


def print_table(results, names, reasons):
    heads = ["", "unit", *names, "ours / best", "ahead"]
    rows = []
    for figure in FIGURES:
        medians = [results.median(figure, name) for name in names]
        lead = results.lead(figure, OURS, OTHERS)
        rows.append([figure.name, figure.unit,
                     *(f"{value:.{figure.digits}f}" if value is not None else "-" if name in results.versions else "not run"
                       for name, value in zip(names, medians)),
                     f"{lead:.2f}" if lead else "-", {True: "yes", False: "NO", None: "-"}[lead and lead > 1]])
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows)]
    for row in [heads, ["-" * width for width in widths], *rows]:
        cells = [cell.ljust(width) if place < 2 else cell.rjust(width) for place, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    for name, reason in reasons.items():
        print(f"not run: {name}: {reason}")


def to_json(results, names, reasons, rounds, sizes):
    figures = []
    for figure in FIGURES:
        values = {name: results.values.get((figure, name)) for name in names}
        figures.append({
            "name": figure.name, "unit": figure.unit, "more_is_better": figure.more_is_better,
            "medians": {name: results.median(figure, name) for name in names}, "values": values,
            "ours_to_best": results.lead(figure, OURS, OTHERS)})
    machine = {"system": platform.platform(), "processors": os.cpu_count(), "processor": processor()}
    return {"machine": machine, "rounds": rounds, "sizes": vars(sizes), "versions": results.versions, "not_run": reasons,
            "figures": figures}


def processor():
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=REPOSITORY / "build" / "release",
                        help="the build folder with our programs (default: build/release)")
    parser.add_argument("--rounds", type=positive, default=7, help="measurements of each figure (default: 7)")
    parser.add_argument("--with", dest="others", action="append", choices=OTHERS,
                        help="only this one beside ours; may be given again (default: all)")
    parser.add_argument("--scale", type=float, default=1.0,
                        help="how much a measurement takes, relative to the default (default: 1)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every value to this file")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    names = [OURS, *(arguments.others or OTHERS), PLAIN]
    commands, reasons = prepare(arguments.build, names)
    sizes = SIZES.scaled(arguments.scale)
    results = Results()
    try:
        for number in range(arguments.rounds):
            print(f"\rround {number + 1} of {arguments.rounds}", end="", file=sys.stderr, flush=True)
            run_round(commands, rotated(commands, number), sizes, results)
    except (CaseFailed, Cannot) as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    print("\r", end="", file=sys.stderr)
    for name in commands:
        print(f"{name}: {results.versions[name]}")
    print(f"medians of {arguments.rounds}, {processor()}, {os.cpu_count()} cores\n")
    print_table(results, names, reasons)
    if arguments.json:
        arguments.json.write_text(json.dumps(to_json(results, names, reasons, arguments.rounds, sizes), indent=1) + "\n",
                                  encoding="utf-8")
    return NOT_RUN if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
