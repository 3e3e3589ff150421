"""A peer program under way: commands in, replies and events out (README.md)."""

import contextlib
import json
import queue
import subprocess
import tempfile
import threading

COMMAND_TIMEOUT_S = 45


class CaseFailed(Exception):
    pass


class Cannot(Exception):
    """Something that the implementation lacks: the case cannot be tried with it."""


class PeerProcess:
    def __init__(self, implementation, role, command):
        """Starts the program; wait_until_ready() comes next."""
        self.is_ours = implementation == "ours"
        self.name = f"{role} ({implementation})"
        self.events = []
        self._lines = queue.Queue()
        self._stderr = tempfile.TemporaryFile(mode="w+")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_until_ready(self):
        first = self._next_line("being started")
        if first.get("event") == "unsupported":
            raise Cannot(first["message"])
        if first.get("event") != "ready":
            raise CaseFailed(f"{self.name} began with {first}")
        self.peer, self.version = first["peer"], first["implementation"]

    def command(self, text):
        """The reply to a command that succeeds."""
        reply = self.attempt(text)
        if not reply["ok"] and reply["error"] == "unsupported":
            raise Cannot(reply["message"])
        if not reply["ok"]:
            raise CaseFailed(f"{self.name}: {text}: {reply['message']}")
        return reply

    def attempt(self, text):
        """The reply, whether the command succeeds or fails."""
        try:
            self._process.stdin.write(text + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise CaseFailed(f"{self.name} has ended before {text}")
        while True:
            line = self._next_line(text)
            if "reply" in line:
                return line
            self.events.append(line)

    def wait_for_event(self, event, **fields):
        """The next event of this kind with these fields; it is taken from the list."""
        wanted = {"event": event, **fields}
        while True:
            for line in self.events:
                if wanted.items() <= line.items():
                    self.events.remove(line)
                    return line
            self.events.append(self._next_line(f"event {wanted}"))

    def quit(self):
        """Ends the program; it must do so by itself and well."""
        self.command("quit")
        try:
            status = self._process.wait(COMMAND_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise CaseFailed(f"{self.name} does not end after quit")
        if status != 0:
            raise CaseFailed(f"{self.name} ended with status {status}")

    def is_running(self):
        return self._process.poll() is None

    def kill(self):
        """Makes sure that nothing is left."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()

    def stderr(self):
        self._stderr.seek(0)
        return self._stderr.read()

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _next_line(self, what):
        try:
            line = self._lines.get(timeout=COMMAND_TIMEOUT_S)
        except queue.Empty:
            raise CaseFailed(f"{self.name}: no answer to {what} in {COMMAND_TIMEOUT_S} s")
        if line is None:
            self._lines.put(None)
            raise CaseFailed(f"{self.name} has ended, waiting for {what}")
        try:
            return json.loads(line)
        except ValueError:
            raise CaseFailed(f"{self.name} printed what is not JSON: {line!r}")


@contextlib.contextmanager
def running(programs):
    """The peers of (implementation, role, command), ready. Those that still run at the end must end by themselves, and
    what they wrote is told where a case fails."""
    peers = []
    try:
        for program in programs:
            peers.append(PeerProcess(*program))
        for peer in peers:
            peer.wait_until_ready()
        yield peers
        for peer in peers:
            if peer.is_running():
                peer.quit()
    except KeyError as field:
        raise CaseFailed(f"a reply or event lacks the field {field}") from field
    except CaseFailed as failure:
        written = [f"  {peer.name} wrote:\n{peer.stderr()}" for peer in peers if peer.stderr()]
        raise CaseFailed("\n".join([str(failure), *written])) from failure
    finally:
        for peer in peers:
            peer.kill()
