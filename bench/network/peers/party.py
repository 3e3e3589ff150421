"""One of the two processes of a measurement: lines in, lines of JSON out; the end of standard input ends it."""

import ctypes
import json
import os
import queue
import signal
import subprocess
import threading


PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class PeerFailed(Exception):
    pass


def _end_with_parent():
    # It may stand still, and would do so for ever if the benchmark is killed.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Party:
    def __init__(self, role, command, environment, log):
        """Starts it. `log` is a file; what it says on standard error goes there."""
        self._role = role
        self._lines = queue.Queue()
        print(f"--- {role}: {' '.join(command)}", file=log, flush=True)
        self._process = subprocess.Popen(  # pylint: disable=subprocess-popen-preexec-fn
            command, env={**os.environ, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            text=True, start_new_session=True, preexec_fn=_end_with_parent)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self):
        # Its whole process group, and at once: nothing that it has is worth keeping.
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()

    def pause(self):
        """Some of the others spin while they have nothing to do, and others are being measured meanwhile."""
        self._signal(signal.SIGSTOP)

    def resume(self):
        self._signal(signal.SIGCONT)

    def tell(self, text):
        try:
            self._process.stdin.write(text + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PeerFailed(f"{self._role} has ended") from None

    def next_line(self, timeout_s):
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise PeerFailed(f"{self._role}: nothing said in {timeout_s:.0f} s") from None
        if line is None:
            raise PeerFailed(f"{self._role} ended with status {self._process.wait()}")
        try:
            return json.loads(line)
        except ValueError:
            raise PeerFailed(f"{self._role} printed what is not JSON: {line[:200]!r}") from None

    def cpu_s(self):
        """Of all its threads, user and system, so far."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except FileNotFoundError:
            raise PeerFailed(f"{self._role} has ended") from None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _signal(self, number):
        if self._process.poll() is None:
            os.killpg(self.pid, number)

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)
