"""The cases of Kademlia, in pairs. What is provided under a name is the SHA-256 multihash of it (README.md)."""

import time

from steps import expect, listen, wait_until

PROTOCOL = "/kv-cache-p2p/kad/1.0.0"
IPFS_PROTOCOL = "/ipfs/kad/1.0.0"
SERVER = ("--kad", PROTOCOL)
IPFS_SERVER = ("--kad", IPFS_PROTOCOL)
CLIENT = (*SERVER, "--kad-client")
# Things that must not happen by themselves are given so long to.
QUIET_S = 1


def wait_until_known(peer, other):
    """Until `other` is in the routing table of `peer`."""
    wait_until(lambda: other.peer in peer.command("kad_table")["peers"], f"{other.name} in the table of {peer.name}")


def wait_for_providers(peer, name, others):
    """Until `peer` finds them; who has only just told of himself may take a moment."""
    wanted = {other.peer for other in others}
    found = set()

    def finds():
        reply = peer.attempt(f"kad_find_providers {name} 20")
        found.update(reply["peers"] if reply["ok"] else [])
        return wanted <= found
    wait_until(finds, f"{[each.name for each in others]} as providers of {name}, by {peer.name}; has {found}")


def wait_for_value(peer, key, value):
    wait_until(lambda: peer.attempt(f"kad_get {key}").get("value") == value, f"the value of {key}, by {peer.name}")


def meet(dialler, listener):
    """Both are servers; each has the other in its table at the end."""
    listen(dialler)
    dialler.command(f"dial {listen(listener)}")
    wait_until_known(dialler, listener)
    wait_until_known(listener, dialler)


def each_knows_the_other(dialler, listener):
    # Who finds whom by others: kad_net.py.
    meet(dialler, listener)


def each_finds_what_the_other_provides(dialler, listener):
    meet(dialler, listener)
    for number, (peer, other) in enumerate(((dialler, listener), (listener, dialler))):
        peer.command(f"kad_provide name-{number}")
        wait_for_providers(other, f"name-{number}", [peer])


def each_gets_what_the_other_has_put(dialler, listener):
    meet(dialler, listener)
    for number, (peer, other) in enumerate(((dialler, listener), (listener, dialler))):
        peer.command(f"kad_put /v/key-{number} value-{number}")
        wait_for_value(other, f"/v/key-{number}", f"value-{number}")


def ours_is_a_client(dialler, listener):
    """Theirs answers it and does not take it into its table."""
    ours, theirs = (dialler, listener) if dialler.is_ours else (listener, dialler)
    listen(dialler)
    dialler.command(f"dial {listen(listener)}")
    wait_until_known(ours, theirs)
    ours.command("kad_provide name")
    wait_for_providers(theirs, "name", [ours])
    ours.command("kad_put /v/key value")
    wait_for_value(theirs, "/v/key", "value")
    time.sleep(QUIET_S)
    expect(ours.peer not in theirs.command("kad_table")["peers"], f"{theirs.name} has a client in its table")


def theirs_is_a_client(dialler, listener):
    ours, theirs = (dialler, listener) if dialler.is_ours else (listener, dialler)
    listen(dialler)
    dialler.command(f"dial {listen(listener)}")
    wait_until_known(theirs, ours)
    theirs.command("kad_provide name")
    wait_for_providers(ours, "name", [theirs])
    theirs.command("kad_put /v/key value")
    wait_for_value(ours, "/v/key", "value")
    time.sleep(QUIET_S)
    expect(theirs.peer not in ours.command("kad_table")["peers"], f"{ours.name} has a client in its table")
