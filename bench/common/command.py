"""The command line of a benchmark that prints a table: its parts, one run of some of them, several runs merged."""

import argparse
import json
import pathlib
import re
import sys
import time

import machine
from part import Context
from programs import Deadline, Programs
from results import Results, as_markdown, as_table, as_text

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def default_programs():
    """A bundle's bin/ beside bench/, or the build folder of a checkout."""
    for folder in (REPOSITORY / "bin", REPOSITORY / "build" / "release"):
        if folder.is_dir():
            return folder
    return REPOSITORY


def commit():
    """Of a checkout, or as the bundle says."""
    told = REPOSITORY / "commit"
    if told.is_file():
        return told.read_text(encoding="utf-8").strip()
    return machine.output(["git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"]) or "not known"


def parse_arguments(description, parts, add_options):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, metavar="FOLDER", help="where JSON, Markdown and the log are written")
    parser.add_argument("--only", default=",".join(parts), metavar="PART,…", help=f"of {', '.join(parts)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="less of everything: does it work at all")
    parser.add_argument("--device", choices=("auto", "cuda", "host"), default="auto")
    parser.add_argument("--programs", type=pathlib.Path, default=default_programs(), metavar="FOLDER",
                        help="a bundle's bin folder or a build folder (default: %(default)s)")
    parser.add_argument("--merge", type=pathlib.Path, nargs="+", metavar="JSON", help="no run: one table of these results")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="write the table there too")
    add_options(parser)
    arguments = parser.parse_args()
    arguments.only = [part for part in arguments.only.split(",") if part]
    if unknown := set(arguments.only) - set(parts):
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


def run_parts(arguments, parts, results, log):
    programs = Programs(arguments.programs)
    for name in arguments.only:
        call, seconds = parts[name]
        start = time.monotonic()
        context = Context(part=name, results=results, programs=programs, deadline=Deadline(seconds), device=results.device,
                          quick=arguments.quick, gpus=results.machine["gpus"], log=log, options=arguments)
        with context.row(f"{name}: all of it"):
            call(context)
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)


def command_text(sheet):
    """Without what differs from machine to machine."""
    words = [re.sub(r"(^|=).*/", r"\1", word) for word in sys.argv[1:] if not word.startswith("--programs")]
    return " ".join([sheet.program, *words])


def save(results, arguments, stem):
    text = as_markdown(results, command_text(results.sheet))
    if arguments.out:
        (arguments.out / f"{stem}.json").write_text(json.dumps(results.to_json(), indent=1) + "\n", encoding="utf-8")
        (arguments.out / f"{stem}.md").write_text(text, encoding="utf-8")
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


def merge(arguments, parts, sheet):
    results = Results.merged(arguments.merge, sheet)
    results.rows.sort(key=lambda row: list(parts).index(row.part))
    print(as_table(results))
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    save(results, arguments, "merged")
    return results.exit_code()


def main(description, sheet, parts, add_options=lambda parser: None):
    """`parts`: by name, what is called with a Context, and the seconds that it may take."""
    arguments = parse_arguments(description, parts, add_options)
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
    if arguments.merge:
        return merge(arguments, parts, sheet)
    gpus = machine.gpus()
    device = arguments.device if arguments.device != "auto" else "cuda" if gpus else "host"
    results = Results(machine.describe(device, commit()), device, sheet)
    results.on_row = lambda row: print(as_text(row), flush=True)
    why = "asked for" if arguments.device != "auto" else f"{len(gpus)} GPUs found" if gpus else "nvidia-smi names no GPU"
    print(f"backend: {device} ({why}); {results.machine['device']}, driver {results.machine['driver']}, "
          f"{results.machine['date']}, commit {results.machine['commit']}; programs in {arguments.programs}")
    stem = "all" if set(arguments.only) == set(parts) else "-".join(arguments.only)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    log = Log(arguments.out / f"{stem}.log" if arguments.out else None)
    try:
        run_parts(arguments, parts, results, log)
    finally:
        save(results, arguments, stem)
    print("\n" + as_table(results))
    return results.exit_code()
