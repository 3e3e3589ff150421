"""Network namespaces: a machine's network of one's own, with nothing of the outside in it. Needs root."""

import atexit
import itertools
import os
import pathlib
import subprocess

_PREFIX = "kvp2p-e2e-"
_numbers = itertools.count(1)
_namespaces = []


def _ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def why_not():
    """Why namespaces cannot be made here; None if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        Namespace().remove()
    except (OSError, RuntimeError) as error:
        return f"cannot make a network namespace: {error}"
    return None


class Namespace:
    """A namespace with its loopback up. Gone when removed, or when Python ends."""

    def __init__(self):
        _remove_left_over()
        self.name = f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
        _ip("netns", "add", self.name)
        _namespaces.append(self)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments):
        _ip("-n", self.name, *arguments)

    def enable_loopback_multicast(self):
        self.ip("link", "set", "lo", "multicast", "on")
        self.ip("route", "add", "224.0.0.0/4", "dev", "lo")

    def remove(self):
        """Idempotent."""
        if self in _namespaces:
            _namespaces.remove(self)
            _ip("netns", "del", self.name)


class Link:
    """Two namespaces joined by a cable (veth): `left` has 10.77.0.1 and fd77::1, `right` has 10.77.0.2 and fd77::2."""

    def __init__(self):
        self.left, self.right = Namespace(), Namespace()
        self.left.ip("link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", self.right.name)
        for namespace, number in ((self.left, 1), (self.right, 2)):
            namespace.ip("addr", "add", f"10.77.0.{number}/24", "dev", "cable")
            # nodad: the address can be bound at once.
            namespace.ip("addr", "add", f"fd77::{number}/64", "dev", "cable", "nodad")
            namespace.ip("link", "set", "cable", "up")

    def remove(self):
        self.left.remove()
        self.right.remove()


def _remove_all():
    for namespace in list(_namespaces):
        namespace.remove()


def _remove_left_over():
    """Namespaces of test runs that were killed before they could clean up."""
    for path in pathlib.Path("/run/netns").glob(f"{_PREFIX}*"):
        pid = path.name.removeprefix(_PREFIX).split("-")[0]
        if not pathlib.Path("/proc", pid).exists():
            subprocess.run(["ip", "netns", "del", path.name], check=False, capture_output=True)


atexit.register(_remove_all)
