"""An internet of network namespaces: public machines, and machines behind NATs. Needs root and nft.

    internet ── bridge, 44.128.0.0/16 (public addresses that are nobody's) ──┬── public machines
                                                                            ├── NAT ── 192.168.1.2
                                                                            └── NAT ── 192.168.2.2

A NAT masquerades (nftables) and lets in what belongs to connections from inside, and no more, as home routers do.
"""

import itertools
import shutil
import subprocess

import netns

# What a NAT does to ports. "kept": the port outside is the one inside, whoever is at the other end, so that holes can be
# punched. "random": another one for each connection, so that nobody can know where to knock.
KEPT, RANDOM = "kept", "random"

_RULES = """
table ip nat {
  chain outwards {
    type nat hook postrouting priority 100
    oifname "outside" masquerade %s
  }
}
table ip filter {
  chain to_us {
    type filter hook input priority 0
    policy drop
    iifname != "outside" accept
    ct state established,related accept
  }
  chain through {
    type filter hook forward priority 0
    policy drop
    iifname "inside" accept
    ct state established,related accept
  }
}
"""


def why_not():
    """Why there can be no such internet here; None if there can."""
    if shutil.which("nft") is None:
        return "NATs need nft (Debian: nftables)"
    return netns.why_not()


class Internet:
    """Gone when removed, or when Python ends."""

    def __init__(self):
        self._numbers = itertools.count(1)
        self._spaces = []
        self._hub = self._namespace()
        self._hub.ip("link", "add", "bridge", "type", "bridge")
        self._hub.ip("link", "set", "bridge", "up")

    def public(self):
        """A machine with an address of a /16 of its own; the namespace and the address."""
        space = self._namespace()
        return space, self._plug_in(space)

    def behind_nat(self, ports=KEPT):
        """A machine behind a NAT of its own; the namespace and the NAT's public address."""
        router, machine = self._namespace(), self._namespace()
        address = self._plug_in(router)
        number = next(self._numbers)
        router.ip("link", "add", "inside", "type", "veth", "peer", "name", "eth", "netns", machine.name)
        router.ip("addr", "add", f"192.168.{number}.1/24", "dev", "inside")
        router.ip("link", "set", "inside", "up")
        machine.ip("addr", "add", f"192.168.{number}.2/24", "dev", "eth")
        machine.ip("link", "set", "eth", "up")
        machine.ip("route", "add", "default", "via", f"192.168.{number}.1")
        _run(router, ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
        _run(router, ["nft", "-f", "-"], _RULES % ("" if ports == KEPT else "fully-random"))
        return machine, address

    def remove(self):
        for space in self._spaces:
            space.remove()

    def _namespace(self):
        space = netns.Namespace()
        self._spaces.append(space)
        return space

    def _plug_in(self, space):
        number = next(self._numbers)
        address = f"44.{127 + number}.0.1"
        self._hub.ip("link", "add", f"port{number}", "type", "veth", "peer", "name", "outside", "netns", space.name)
        self._hub.ip("link", "set", f"port{number}", "master", "bridge", "up")
        # One link for all of these networks: whoever has an address of them is on it.
        space.ip("addr", "add", f"{address}/8", "dev", "outside")
        space.ip("link", "set", "outside", "up")
        return address


def _run(space, command, text=None):
    done = subprocess.run(["ip", "netns", "exec", space.name, *command], input=text, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def inside(space, command):
    """The command, run in the namespace."""
    return ["ip", "netns", "exec", space.name, *map(str, command)]
