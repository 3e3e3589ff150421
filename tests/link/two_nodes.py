"""A node at either end of an emulated link: the left one serves, the right one fetches and checks every byte."""

import contextlib
import json
import pathlib
import secrets
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from emulated_link import EmulatedLink, EventReader  # noqa: E402

# Beyond any deadline that a test gives its fetch: for a process that hangs.
HANG_BOUND_S = 280


class NodeProcess:
    """link_node at one end. Its log is kept, line by line."""

    def __init__(self, link, side, program, config_dir, key, *flags, mib):
        command = [
            *link.enter(side),
            program,
            f"--listen={link.address(side)}",
            f"--config-dir={config_dir}",
            f"--cluster-key={key}",
            f"--mib={mib}",
            *flags,
        ]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.events = EventReader(self.process.stdout)
        self.log = []
        self._log_reader = threading.Thread(target=self._read_log, daemon=True)
        self._log_reader.start()

    def _read_log(self):
        with self.process.stderr:
            for line in self.process.stderr:
                self.log.append(line.rstrip())

    def wait_event(self, name, bound_s=HANG_BOUND_S):
        event = self.events.wait(name, bound_s)
        if event is None:
            raise RuntimeError(f"no {name!r} from the node: {self.events.seen} {self.log[-20:]}")
        return event

    def wait_exit(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=HANG_BOUND_S)
        self._log_reader.join()
        return code

    def kill(self):
        self.process.stdin.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log_reader.join()
        self.events.join()


class Outcome:
    """What came of a run: the fetches, the counters and the log of the fetching node, what went over the link."""

    def __init__(self, fetcher, code, link):
        self.code = code
        self.fetches = [event for event in fetcher.events.seen if event["event"] == "fetched"]
        self.log = fetcher.log
        self.counters = next((e["counters"] for e in fetcher.events.seen if e["event"] == "stats"), {})
        self.link_stats = link.stats
        self.link_events = [event["event"] for event in link.events.seen]

    def describe(self):
        return "\n".join([json.dumps(fetch) for fetch in self.fetches] + self.log + [json.dumps(self.link_stats)])


def fetch_over(link, node_program, mib, rounds=1, deadline_s=120, serve_flags=(), fetch_flags=()):
    """Runs both nodes over `link` to the end of the fetches, and ends the link."""
    key = secrets.token_hex(32)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kvp2p-link-")))
        server = NodeProcess(link, "left", node_program, folder / "left", key, *serve_flags, mib=mib)
        stack.callback(server.kill)
        address = server.wait_event("serving")["address"]
        fetcher = NodeProcess(
            link,
            "right",
            node_program,
            folder / "right",
            key,
            f"--peer={address}",
            f"--rounds={rounds}",
            f"--deadline-s={deadline_s}",
            *fetch_flags,
            mib=mib,
        )
        stack.callback(fetcher.kill)
        code = fetcher.wait_exit()
        fetcher.events.join()
        link.close()
        fetcher.events.drain()
        return Outcome(fetcher, code, link)


__all__ = ["EmulatedLink", "NodeProcess", "Outcome", "fetch_over"]
