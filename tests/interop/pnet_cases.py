"""The cases of private networks: who has not the same key is not talked to."""

from peer_process import CaseFailed

IP4 = "/ip4/127.0.0.1/tcp/0"
ECHO_BYTES = 8 * 1024 * 1024
KEY = ("--network-key", "5a" * 32)
OTHER_KEY = ("--network-key", "5b" * 32)


def echo(dialler, listener):
    """Enough for many blocks of the key stream; js computes it in JavaScript."""
    address = listener.command(f"listen {IP4}")["addresses"][0]
    dialler.command(f"dial {address}")
    for peer in (dialler, listener):
        reply = peer.command(f"echo {ECHO_BYTES}")
        if reply["bytes"] != ECHO_BYTES or reply["sent_sha256"] != reply["received_sha256"]:
            raise CaseFailed(f"{peer.name} received other bytes than it sent")


def refused(dialler, listener):
    """Ours has a key: it says what is wrong. What theirs makes of our bytes may by chance be the length of a message that is
    still to come: then it says nothing, and all that can be told is that it does not answer."""
    reply = not_connected(dialler, listener)
    if dialler.is_ours and "network" not in reply["message"] and "timed out" not in reply["message"]:
        raise CaseFailed(f"{dialler.name} does not say what is wrong: {reply['message']}")


def not_connected(dialler, listener):
    """Neither side takes the other for connected, and both go on. Returns what the dialler said."""
    address = listener.command(f"listen {IP4}")["addresses"][0]
    reply = dialler.attempt(f"dial {address}")
    if reply["ok"]:
        raise CaseFailed(f"{dialler.name} reached a peer that is not in its network")
    for peer in (dialler, listener):
        peer.attempt("close")
        seen = [event for event in peer.events if event.get("event") == "connected"]
        if seen:
            raise CaseFailed(f"{peer.name} took it for a connection: {seen}")
    return reply
