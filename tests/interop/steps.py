"""What cases of all kinds are made of."""

import time

from peer_process import CaseFailed

IP4 = "/ip4/127.0.0.1/tcp/0"
# Until something that happens by itself (a push, a heartbeat) has been seen.
SEEN_TIMEOUT_S = 30
POLL_S = 0.05


def expect(condition, message):
    if not condition:
        raise CaseFailed(message)


def wait_until(look, what, timeout_s=SEEN_TIMEOUT_S):
    """Asks until look() is true."""
    deadline = time.monotonic() + timeout_s
    while not look():
        expect(time.monotonic() < deadline, f"not seen in {timeout_s} s: {what}")
        time.sleep(POLL_S)


def listen(peer, address=IP4):
    """The first of the addresses that the peer can be dialled at."""
    addresses = peer.command(f"listen {address}")["addresses"]
    expect(addresses, f"{peer.name} tells no address")
    return addresses[0]


def reserve(target, relay_address):
    """The target's address at the relay."""
    circuits = target.command(f"reserve {relay_address}")["addresses"]
    expect(circuits, f"{target.name} has no address at the relay")
    # rust-libp2p's listener names the peer already.
    return circuits[0].replace(f"/p2p/{target.peer}/p2p/{target.peer}", f"/p2p/{target.peer}")


def echo(peer, count):
    reply = peer.command(f"echo {count}")
    expect(reply["bytes"] == count, f"{peer.name} received {reply['bytes']} of {count} bytes")
    expect(reply["sent_sha256"] == reply["received_sha256"], f"{peer.name} received other bytes than it sent")
