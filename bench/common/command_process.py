"""A long-lived program: commands on its standard input, JSON events on its standard output."""

import json
import os
import queue
import signal
import subprocess
import threading
import time

from programs import CannotRun, Failed, end_group

EVENT_BOUND_S = 60
# Of standard error.
LINES_KEPT = 200


class CommandProcess:
    """One process of its own group. Events are kept in order; wait() takes them."""

    def __init__(self, command, role, environment=None):
        self.role = role
        self._events = queue.Queue()
        self._process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, encoding="utf-8", errors="replace", start_new_session=True,
                                         env={**os.environ, **(environment or {})})
        self.errors = []
        threading.Thread(target=self._read_output, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def _read_output(self):
        for line in self._process.stdout:
            if line.startswith("{"):
                self._events.put(json.loads(line))
            elif line.startswith("not run:"):
                self._events.put({"event": "not run", "reason": line.removeprefix("not run:").strip()})
        self._events.put({"event": "ended"})

    def _read_errors(self):
        for line in self._process.stderr:
            self.errors = [*self.errors[-LINES_KEPT:], line.rstrip()]

    def send(self, line):
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"the {self.role} has died: {' / '.join(self.errors[-5:])}") from None

    def wait(self, name, bound_s=EVENT_BOUND_S):
        """The next event of that name."""
        give_up = time.monotonic() + bound_s
        while True:
            try:
                event = self._events.get(timeout=max(0.001, give_up - time.monotonic()))
            except queue.Empty:
                raise Failed(f"the {self.role} has not said {name!r} in {bound_s:.0f} s: "
                             f"{' / '.join(self.errors[-5:])}") from None
            if event["event"] == name:
                return event
            if event["event"] == "not run":
                raise CannotRun(event["reason"])
            if event["event"] == "ended":
                self._events.put(event)
                raise Failed(f"the {self.role} ended (exit code {self._process.wait()}) before it said {name!r}: "
                             f"{' / '.join(self.errors[-5:])}")

    def ask(self, line, answer, bound_s=EVENT_BOUND_S):
        self.send(line)
        return self.wait(answer, bound_s)

    def said(self, name):
        """Whether such an event has come and nobody has waited for it yet."""
        return any(event["event"] == name for event in list(self._events.queue))

    def stats(self):
        return self.ask("stats", "stats")

    def kill(self):
        """SIGKILL, now; returns once it is gone."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def alive(self):
        return self._process.poll() is None

    def end(self):
        end_group(self._process)
        for pipe in (self._process.stdin,):
            try:
                pipe.close()
            except OSError:
                pass
