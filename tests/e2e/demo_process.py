"""One gpu-demo process: started, listened to, and ended for certain."""

import atexit
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

# Bounds against a hang, for a machine busy with other things; no test asserts how long anything takes.
EVENT_BOUND_S = 300
EXIT_BOUND_S = 300

_started = []


def gpu_demo_path():
    """The program under test; ctest passes it."""
    path = os.environ.get("GPU_DEMO")
    if not path or not os.access(path, os.X_OK):
        sys.exit(f"GPU_DEMO must name the gpu-demo program; it is {path!r}")
    return path


class DemoProcess:
    """Runs gpu-demo in a process group of its own; collects its events (with --json), its output and its log.

    The lists only grow; two reader threads append to them. Everything else belongs to the test's thread.
    """

    def __init__(self, name, arguments, netns=None, environment=None):
        self.name = name
        self.events = []
        self.output = []
        self.log_lines = []
        self._changed = threading.Condition()
        command = ["ip", "netns", "exec", netns] if netns else []
        self.command = [*command, gpu_demo_path(), *map(str, arguments)]
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, self._on_output), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, self.log_lines.append), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        _started.append(self)

    @property
    def pid(self):
        """Of gpu-demo itself: `ip netns exec` replaces itself by what it runs."""
        return self._process.pid

    @property
    def log(self):
        return "\n".join(self.log_lines)

    def running(self):
        return self._process.poll() is None

    def event(self, name):
        """The first event of that name so far, or None."""
        return next((event for event in self.events if event["event"] == name), None)

    def wait_event(self, name, bound_s=EVENT_BOUND_S):
        if not self._wait(lambda: self.event(name), bound_s):
            raise AssertionError(f"{self.name}: no event {name!r}\n{self.describe()}")
        return self.event(name)

    def wait_log(self, pattern, bound_s=EVENT_BOUND_S):
        """Waits for a line of the log that matches; returns it."""

        def find():
            return next((line for line in list(self.log_lines) if re.search(pattern, line)), None)

        if not self._wait(find, bound_s):
            raise AssertionError(f"{self.name}: no line of the log matches {pattern!r}\n{self.describe()}")
        return find()

    def wait_exit(self, bound_s=EXIT_BOUND_S):
        """Waits for the end; returns the exit code, negative for a signal. The output is complete then."""
        try:
            code = self._process.wait(bound_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name}: has not ended\n{self.describe()}") from None
        for reader in self._readers:
            reader.join(bound_s)
        return code

    def send(self, signal_number):
        self._process.send_signal(signal_number)

    def stop(self, signal_number=signal.SIGTERM):
        """Asks it to end and returns the exit code."""
        self.send(signal_number)
        return self.wait_exit()

    def kill(self):
        """Ends the whole group, stopped processes too. Idempotent."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    def describe(self):
        code = self._process.poll()
        state = "running" if code is None else f"exit code {code}"
        return "\n".join(
            [
                f"--- {self.name}: {state}: {' '.join(self.command)}",
                *(f"    out {line}" for line in self.output),
                *(f"    log {line}" for line in self.log_lines),
            ]
        )

    def _wait(self, condition, bound_s):
        give_up = time.monotonic() + bound_s
        with self._changed:
            while not condition():
                alive = any(reader.is_alive() for reader in self._readers)
                if not alive or time.monotonic() > give_up:
                    return bool(condition())
                self._changed.wait(0.1)
        return True

    def _read(self, pipe, take):
        for line in pipe:
            with self._changed:
                take(line.rstrip("\n"))
                self._changed.notify_all()

    def _on_output(self, line):
        self.output.append(line)
        if line.startswith("{"):
            try:
                event = json.loads(line)
            except ValueError:
                return
            if isinstance(event, dict) and "event" in event:
                self.events.append(event)


def kill_all():
    for process in _started:
        process.kill()


def describe_since(count):
    """What the processes started after the first `count` have said."""
    return "\n".join(process.describe() for process in _started[count:])


def started_count():
    return len(_started)


atexit.register(kill_all)
