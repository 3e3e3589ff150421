#!/usr/bin/env python3
"""Checks and measures on a machine with a GPU; prints each figure with its floor in the same run, ratio, bar and result.

One command for all of it, or parts of it where a command's time is bounded:

  run.py --out=FOLDER                            every part
  run.py --out=FOLDER --only=kernels,copy        some parts; each writes FOLDER/<parts>.json
  run.py --merge FOLDER/*.json --markdown=FILE   one table of several runs, of each part the latest

What cannot run here is a row "not run: <reason>" and stops nothing; a part that fails stops no other. Exit code 1 if
anything failed or is below its bar. With --device=host everything that can runs on host memory (no speed is judged).
"""

import argparse
import json
import pathlib
import re
import sys
import time

import machine
import part_copy
import part_e2e
import part_fetch
import part_kernels
import part_recompute
import part_survive
import part_torch
from part import Context
from programs import Deadline, Programs
from results import Results, as_markdown, as_table, as_text

HERE = pathlib.Path(__file__).resolve().parent
# Every part, and the seconds that it may take: at most 540, so that each fits in a command of ten minutes.
PARTS = {
    "kernels": (part_kernels.run_part, 420),
    "copy": (part_copy.run, 180),
    "fetch": (part_fetch.run, 420),
    "recompute": (part_recompute.run, 480),
    "e2e": (part_e2e.run_part, 300),
    "kills": (part_survive.run_kills, 540),
    "aborts": (part_survive.run_disturbances, 420),
    "torch": (part_torch.run_part, 180),
}


def default_programs():
    """A bundle's bin/ beside bench/, or the build folder of a checkout."""
    for folder in (HERE.parents[1] / "bin", HERE.parents[1] / "build" / "release"):
        if folder.is_dir():
            return folder
    return HERE


def commit():
    """Of a checkout, or as the bundle says."""
    told = HERE.parents[1] / "commit"
    if told.is_file():
        return told.read_text(encoding="utf-8").strip()
    return machine.output(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"]) or "not known"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, metavar="FOLDER", help="where JSON, Markdown and the log are written")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PART,…", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="less of everything: does it work at all")
    parser.add_argument("--device", choices=("auto", "cuda", "host"), default="auto")
    parser.add_argument("--programs", type=pathlib.Path, default=default_programs(), metavar="FOLDER",
                        help="a bundle's bin folder or a build folder (default: %(default)s)")
    parser.add_argument("--merge", type=pathlib.Path, nargs="+", metavar="JSON", help="no run: one table of these results")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="write the table there too")
    arguments = parser.parse_args()
    arguments.only = [part for part in arguments.only.split(",") if part]
    if unknown := set(arguments.only) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return arguments


class Log:
    """What every program that was run has printed."""

    def __init__(self, path):
        self._file = path.open("w", encoding="utf-8") if path else None

    def __call__(self, command, outcome):
        if not self._file:
            return
        how = "stopped at its time limit" if outcome.timed_out else f"exit code {outcome.code}"
        self._file.write(f"$ {' '.join(str(word) for word in command)}\n{outcome.output}{outcome.errors}"
                         f"[{how}, {outcome.seconds:.1f} s]\n\n")
        self._file.flush()


def run_parts(arguments, results, log):
    programs = Programs(arguments.programs)
    for name in arguments.only:
        call, seconds = PARTS[name]
        start = time.monotonic()
        context = Context(part=name, results=results, programs=programs, deadline=Deadline(seconds), device=results.device,
                          quick=arguments.quick, gpus=results.machine["gpus"], log=log)
        with context.row(f"{name}: all of it"):
            call(context)
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)


def save(results, arguments, stem):
    if arguments.out:
        (arguments.out / f"{stem}.json").write_text(json.dumps(results.to_json(), indent=1) + "\n", encoding="utf-8")
        (arguments.out / f"{stem}.md").write_text(as_markdown(results, command_text()), encoding="utf-8")
    if arguments.markdown:
        arguments.markdown.write_text(as_markdown(results, command_text()), encoding="utf-8")


def command_text():
    """Without what differs from machine to machine."""
    words = [re.sub(r"(^|=).*/", r"\1", word) for word in sys.argv[1:] if not word.startswith("--programs")]
    return " ".join(["bench/gpu/run.py", *words])


def merge(arguments):
    results = Results.merged(arguments.merge)
    results.rows.sort(key=lambda row: list(PARTS).index(row.part))
    print(as_table(results))
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    save(results, arguments, "merged")
    return results.exit_code()


def main():
    arguments = parse_arguments()
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
    if arguments.merge:
        return merge(arguments)
    gpus = machine.gpus()
    device = arguments.device if arguments.device != "auto" else "cuda" if gpus else "host"
    results = Results(machine.describe(device, commit()), device)
    results.on_row = lambda row: print(as_text(row), flush=True)
    why = "asked for" if arguments.device != "auto" else f"{len(gpus)} GPUs found" if gpus else "nvidia-smi names no GPU"
    print(f"backend: {device} ({why}); {results.machine['device']}, driver {results.machine['driver']}, "
          f"{results.machine['date']}, commit {results.machine['commit']}; programs in {arguments.programs}")
    stem = "all" if set(arguments.only) == set(PARTS) else "-".join(arguments.only)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    log = Log(arguments.out / f"{stem}.log" if arguments.out else None)
    try:
        run_parts(arguments, results, log)
    finally:
        save(results, arguments, stem)
    print("\n" + as_table(results))
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
