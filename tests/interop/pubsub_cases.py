"""The cases of gossipsub. All peers name messages by author and number (README.md), and sign and verify them."""

import time

from peer_process import CaseFailed
from steps import expect, listen, wait_until

TOPIC = "kvp2p-test"
PUBSUB = ("--pubsub",)
MESSAGES = 20
# Long enough to be announced by IDONTWANT, where that is spoken.
LONG_BYTES = 3000
GOSSIP_TRIES = 6
GOSSIP_WAIT_S = 4


def has_message(peer, author, data):
    """Whether it has come; takes in what has been printed meanwhile."""
    peer.command(f"topic_peers {TOPIC}")
    return any(each.get("event") == "message" and each["data"] == data and each["from"] == author.peer
               for each in peer.events)


def wait_for_paths(peers):
    """Publishes from each until all others have seen something of it."""
    for author in peers:
        tries = 0

        def all_have(author=author):
            nonlocal tries
            tries += 1
            # Where nobody is known to be subscribed, some take that for an error.
            if not author.attempt(f"publish {TOPIC} probe-{tries}")["ok"]:
                return False
            return all(any(has_message(peer, author, f"probe-{i}") for i in range(1, tries + 1))
                       for peer in peers if peer is not author)
        wait_until(all_have, f"a message of {author.name}, by all others")


def publish_from_all(peers):
    """All messages of each come to all others, once."""
    for author in peers:
        texts = [f"message-{i}" for i in range(MESSAGES)] + ["x" * LONG_BYTES]
        for text in texts:
            author.command(f"publish {TOPIC} {text}")
        for peer in peers:
            if peer is author:
                continue
            for text in texts:
                peer.wait_for_event("message", topic=TOPIC, data=text, **{"from": author.peer})
    for peer in peers:
        peer.command(f"topic_peers {TOPIC}")
        again = [each for each in peer.events if each.get("event") == "message" and not each["data"].startswith("probe")]
        expect(not again, f"{peer.name} has messages twice: {again[:3]}")
        if peer.is_ours:
            bad = {who: score for who, score in peer.command("peer_scores")["scores"].items() if score < 0}
            expect(not bad, f"{peer.name} has scored its peers down: {bad}")


def each_hears_the_other(dialler, listener):
    for peer in (dialler, listener):
        peer.command(f"subscribe {TOPIC}")
    dialler.command(f"dial {listen(listener)}")
    for peer, other in ((dialler, listener), (listener, dialler)):
        wait_until(lambda peer=peer, other=other: other.peer in peer.command(f"topic_peers {TOPIC}")["peers"],
                   f"{other.name}'s subscription, by {peer.name}")
    wait_for_paths([dialler, listener])
    publish_from_all([dialler, listener])


def subscriptions_come_and_go(dialler, listener):
    dialler.command(f"dial {listen(listener)}")
    for peer, other in ((dialler, listener), (listener, dialler)):
        def knows(peer=peer, other=other):
            return other.peer in peer.command(f"topic_peers {TOPIC}")["peers"]
        other.command(f"subscribe {TOPIC}")
        wait_until(knows, f"{other.name}'s subscription, by {peer.name}")
        # Not subscribed itself: by fanout.
        wait_until(lambda peer=peer, other=other: peer.attempt(f"publish {TOPIC} from-outside")["ok"]
                   and has_message(other, peer, "from-outside"), f"what {peer.name} published, by {other.name}")
        other.command(f"unsubscribe {TOPIC}")
        wait_until(lambda knows=knows: not knows(), f"the end of {other.name}'s subscription, by {peer.name}")


def told_by_gossip(dialler, listener):
    """What ours published while nobody was connected is asked for by IWANT, under the id that both give it."""
    ours, theirs = (dialler, listener) if dialler.is_ours else (listener, dialler)
    for peer in (dialler, listener):
        peer.command(f"subscribe {TOPIC}")
    address = listen(listener)
    for attempt in range(GOSSIP_TRIES):
        text = f"earlier-{attempt}"
        ours.command(f"publish {TOPIC} {text}")
        dialler.command(f"dial {address}")
        # Only the latest heartbeats' messages are told of, so one that comes about too slowly is tried again.
        deadline = time.monotonic() + GOSSIP_WAIT_S
        while time.monotonic() < deadline:
            if has_message(theirs, ours, text):
                return
            time.sleep(0.05)
        dialler.command("close")
        listener.wait_for_event("disconnected", peer=dialler.peer)
    raise CaseFailed(f"{theirs.name} did not get what it was told of by gossip")
