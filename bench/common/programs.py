"""Runs the programs that are measured: with a time limit, and told apart by how they end."""

import json
import os
import pathlib
import signal
import subprocess
import time
from dataclasses import dataclass, field

NOT_RUN_CODE = 77


class CannotRun(Exception):
    """The reason why something was not run; no failure."""


class Failed(Exception):
    """What went wrong."""


class Deadline:
    """The time that a part has."""

    def __init__(self, seconds):
        self._end = time.monotonic() + seconds

    def left(self, at_most=1e9):
        return max(0.0, min(at_most, self._end - time.monotonic()))

    def passed(self):
        return self.left() <= 0


@dataclass
class Outcome:
    code: int
    output: str
    errors: str
    seconds: float
    timed_out: bool = False
    events: list = field(default_factory=list)

    def tail(self, lines=6):
        text = (self.errors.strip() or self.output.strip()).splitlines()
        return " / ".join(line.strip() for line in text[-lines:])[:800]


def not_run_reason(output):
    for line in output.splitlines():
        if line.startswith("not run:"):
            return line.removeprefix("not run:").strip()
    return ""


def json_lines(output):
    events = []
    for line in output.splitlines():
        if line.startswith("{"):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                events.append(event)
    return events


def end_group(process):
    """Ends a process and what it has started; it leads a process group of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run(command, deadline, limit_s=120, environment=None, log=None):
    """Runs to the end or the limit. CannotRun if the program says so (exit code 77) or there is no time left."""
    limit = deadline.left(limit_s)
    if limit < 1:
        raise CannotRun("no time left in this part; run it alone")
    start = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**os.environ, **(environment or {})}, start_new_session=True,
                               encoding="utf-8", errors="replace")
    timed_out = False
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        timed_out = True
        end_group(process)
        output, errors = process.communicate()
    except BaseException:
        end_group(process)
        raise
    outcome = Outcome(process.returncode, output, errors, time.monotonic() - start, timed_out, json_lines(output))
    if log:
        log(command, outcome)
    if outcome.code == NOT_RUN_CODE:
        raise CannotRun(not_run_reason(output + "\n" + errors) or outcome.tail())
    return outcome


def run_good(command, deadline, limit_s=120, environment=None, log=None):
    """The same, and Failed unless the exit code is 0."""
    outcome = run(command, deadline, limit_s, environment, log)
    if outcome.timed_out:
        raise Failed(f"not done in {limit_s:.0f} s: {outcome.tail(3)}")
    if outcome.code != 0:
        raise Failed(f"exit code {outcome.code}: {outcome.tail()}")
    return outcome


class Programs:
    """Finds programs: in a bundle's bin/, or anywhere in a build folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()

    def find(self, name):
        for place in (self.folder / name, self.folder / "bin" / name):
            if place.is_file() and os.access(place, os.X_OK):
                return place
        for module in ("apps", "bench/gpu", "bench/network", "bench/index", "bench/codec", "bench", "tests/link", "tests/sim", "tests/sybil", "tools/link", "gpu", "gpu/cuda", "engine", "engine/cuda"):
            place = self.folder / module / name
            if place.is_file() and os.access(place, os.X_OK):
                return place
        raise CannotRun(f"no program {name} in {self.folder}")

    def find_library(self, name):
        for place in (self.folder / name, self.folder / "lib" / name, self.folder / "bin" / name,
                      self.folder / "gpu/cuda" / name):
            if place.is_file():
                return place
        raise CannotRun(f"no library {name} in {self.folder}")
