"""Nodes that find each other: each in a network namespace of its own, all joined by one switch; or on loopback."""

import contextlib
import json
import os
import pathlib
import queue
import secrets
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "e2e"))

import netns  # noqa: E402

# Until something that is to happen has, or is given up.
HANG_BOUND_S = 90


class Failed(Exception):
    pass


class Switch:
    """A namespace with a bridge, and one for each node with a cable to it: 10.78.0.1, 10.78.0.2, …"""

    def __init__(self, count):
        self._hub = netns.Namespace()
        self.spaces = []
        self._hub.ip("link", "add", "switch", "type", "bridge")
        self._hub.ip("link", "set", "switch", "up")
        for number in range(1, count + 1):
            space = netns.Namespace()
            self.spaces.append(space)
            space.ip("link", "add", "cable", "type", "veth", "peer", "name", f"port{number}", "netns", self._hub.name)
            self._hub.ip("link", "set", f"port{number}", "master", "switch", "up")
            space.ip("addr", "add", f"10.78.0.{number}/24", "dev", "cable")
            space.ip("link", "set", "cable", "up")

    def remove(self):
        for space in [*self.spaces, self._hub]:
            space.remove()


class Node:
    """A discovery_node. Commands go in, events come out; its log is kept."""

    def __init__(self, program, key, listen, bootstrap=None, flags=(), space=None):
        command = [program, f"--listen={listen}", f"--cluster-key={key}", "--log=info", *flags]
        if bootstrap:
            command.append(f"--bootstrap={bootstrap}")
        if space:
            command = ["ip", "netns", "exec", space.name, *command]
        self._events = queue.Queue()
        self.log = []
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._read, self._read_log)]
        for thread in self._threads:
            thread.start()

    def _read(self):
        for line in self._process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)

    def _read_log(self):
        for line in self._process.stderr:
            self.log.append(line.rstrip())

    def tell(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def wait_event(self, name):
        try:
            event = self._events.get(timeout=HANG_BOUND_S)
        except queue.Empty:
            raise Failed(f"no {name!r} in {HANG_BOUND_S} s; log: {self.log[-20:]}") from None
        if event is None or event["event"] != name:
            raise Failed(f"{event} in place of {name!r}; log: {self.log[-20:]}")
        return event

    def ask(self, command, event):
        self.tell(command)
        return self.wait_event(event)

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            return self._process.wait(timeout=HANG_BOUND_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            for thread in self._threads:
                thread.join()
            self._process.stdout.close()
            self._process.stderr.close()


class Cluster:
    """So many nodes, started one after the other without waiting. `way` is "mdns", or one in which all but the first are
    told the first one's address, and nothing else: "bootstrap", where it is a rendezvous point and peers tell each other
    what they hold, or "gossip", where the DHT and gossip do all that."""

    FLAGS = {"mdns": ["--mdns"], "bootstrap": [], "gossip": ["--gossip"]}


    def __init__(self, program, way, count, switch=None):
        self.nodes = []
        self._key = secrets.token_hex(32)
        self.started = time.monotonic()
        first = None
        for number in range(1, count + 1):
            listen = f"/ip4/10.78.0.{number}/tcp/0" if switch else "/ip4/127.0.0.1/tcp/0"
            bootstrap = first if way != "mdns" else None
            space = switch.spaces[number - 1] if switch else None
            node = Node(program, self._key, listen, bootstrap, self.FLAGS[way], space)
            self.nodes.append(node)
            if number == 1:
                first = node.wait_event("listening")["addresses"][0]
        for node in self.nodes[1:]:
            node.wait_event("listening")

    def wait_until_all_know_all(self):
        """Seconds from the start of the first."""
        wanted = len(self.nodes) - 1
        deadline = time.monotonic() + HANG_BOUND_S
        counts = []
        while time.monotonic() < deadline:
            counts = [node.ask("peers", "peers")["count"] for node in self.nodes]
            if min(counts) == wanted:
                return time.monotonic() - self.started
            time.sleep(0.02)
        raise Failed(f"peers of each node after {HANG_BOUND_S} s: {counts}; logs: {[node.log[-10:] for node in self.nodes]}")

    def spread(self, holder, number):
        """Stores a block at one node; seconds until each of the others can have it, from when it was published."""
        others = [node for node in self.nodes if node is not self.nodes[holder]]
        for node in others:
            node.tell(f"find {number}")
        stored = self.nodes[holder].ask(f"store {number}", "stored")["at_us"]
        times = []
        for node in others:
            found = node.wait_event("found")
            if not found["found"]:
                raise Failed(f"block {number} of node {holder} is not found by all; log: {node.log[-20:]}")
            times.append((found["at_us"] - stored) / 1e6)
        return times

    def end(self):
        codes = [node.end() for node in self.nodes]
        if any(codes):
            raise Failed(f"exit codes {codes}; logs: {[node.log[-10:] for node in self.nodes]}")


def program_path():
    path = os.environ.get("DISCOVERY_NODE") or str(
        pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "bench" / "discovery" / "discovery_node"
    )
    if not os.access(path, os.X_OK):
        raise SystemExit(f"{path} is not there: build the target discovery_node")
    return path
