"""The cases of private networks: who has not the same key is not talked to."""

import steps

ECHO_BYTES = 8 * 1024 * 1024
KEY = ("--network-key", "5a" * 32)
OTHER_KEY = ("--network-key", "5b" * 32)


def echo(dialler, listener):
    """Enough for many blocks of the key stream; js computes it in JavaScript."""
    dialler.command(f"dial {steps.listen(listener)}")
    for peer in (dialler, listener):
        steps.echo(peer, ECHO_BYTES)


def refused(dialler, listener):
    """Ours has a key, and says what is wrong."""
    reply = not_connected(dialler, listener)
    if dialler.is_ours:
        steps.expect("private network" in reply["message"], f"{dialler.name} does not say what is wrong: {reply['message']}")


def not_connected(dialler, listener):
    """Neither side takes the other for connected, and both go on. Returns what the dialler said."""
    reply = dialler.attempt(f"dial {steps.listen(listener)}")
    steps.expect(not reply["ok"], f"{dialler.name} reached a peer that is not in its network")
    for peer in (dialler, listener):
        peer.attempt("close")
        seen = [event for event in peer.events if event.get("event") == "connected"]
        steps.expect(not seen, f"{peer.name} took it for a connection: {seen}")
    return reply
