"""Two network namespaces joined by tools/link: rate, delay, queue, loss and outage as its options (link --help)."""

import json
import os
import pathlib
import queue
import signal
import subprocess
import threading

NOT_RUN = 77
READY_BOUND_S = 30


class NotRun(Exception):
    """The kernel at hand gives no namespaces or no TUN device."""


class EventReader(threading.Thread):
    """Reads JSON lines of a process and hands them out by the name of their event."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self._stream = stream
        self._queue = queue.Queue()
        self.seen = []
        self.other_lines = []
        self.start()

    def run(self):
        with self._stream:
            for line in self._stream:
                try:
                    event = json.loads(line)
                except ValueError:
                    self.other_lines.append(line.rstrip())
                    continue
                self._queue.put(event)
        self._queue.put(None)

    def wait(self, name, bound_s):
        """The next event of that name; those before it are in `seen`. None: the process has ended without."""
        while True:
            event = self._queue.get(timeout=bound_s)
            if event is None:
                self._queue.put(None)
                return None
            self.seen.append(event)
            if event["event"] == name:
                return event

    def drain(self):
        """All that is there goes to `seen`. REQUIRES: the stream has ended, and this thread with it."""
        while (event := self._queue.get()) is not None:
            self.seen.append(event)
        self._queue.put(None)


class EmulatedLink:
    """with EmulatedLink(program, "--rate=1gbit") as link: subprocess.run([*link.enter("left"), "ping", …])"""

    def __init__(self, program, *options):
        self._process = subprocess.Popen([program, *options], stdout=subprocess.PIPE, text=True)
        self.events = EventReader(self._process.stdout)
        self._up = self.events.wait("up", READY_BOUND_S)
        if self._up is None:
            code = self._process.wait()
            self.events.join()
            if code == NOT_RUN:
                raise NotRun(" ".join(self.events.other_lines).removeprefix("not run: "))
            raise RuntimeError(f"link ended with {code}")
        self.stats = None

    def address(self, side):
        return self._up[side]["address"]

    def enter(self, side):
        """What to put before a command that is to run at that end."""
        return ["nsenter", f"--net={self._up[side]['netns']}", "--"]

    def set_congestion_control(self, name):
        """Of both ends; of connections made later."""
        for side in ("left", "right"):
            command = f"echo {name} >/proc/sys/net/ipv4/tcp_congestion_control"
            subprocess.run([*self.enter(side), "sh", "-c", command], check=True)

    def close(self):
        """Ends it; afterwards `stats` says what went through. Idempotent."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self.stats = self.events.wait("stats", READY_BOUND_S)
            self._process.wait()
            self.events.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def why_not(program):
    """Why there can be no link here; None if there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not pathlib.Path("/dev/net/tun").exists():
        return "there is no /dev/net/tun"
    try:
        with EmulatedLink(program):
            return None
    except NotRun as reason:
        return str(reason)
