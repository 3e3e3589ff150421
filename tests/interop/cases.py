"""The cases of the table. Each is told a dialler and a listener, one of them ours, and raises CaseFailed."""

import dataclasses
import typing

import kad_cases
import pnet_cases
import pubsub_cases
import raw_peer
import rendezvous_cases
from steps import IP4, expect, listen, wait_until

IP6 = "/ip6/::1/tcp/0"
# Nobody's: made up, but well formed.
ANOTHER_PEER = "12D3KooWM5UFnF5u4P2u6iYLPy3w5wi9BUNcmp6KNYHp9atfmX8c"
ECHO = "/kvp2p-test/echo/1.0.0"
MUTE = "/kvp2p-test/mute/1.0.0"
MIB = 1024 * 1024

ECHO_BYTES = 64 * MIB
FLOOD_STREAMS = 200
# What a stream that nobody reads may take: the window that each of the four gives a stream at first, as it grows only
# with what is read. Senders count what has left them for the other side, so no buffer of theirs comes on top.
UNREAD_BYTES_MAX = 256 * 1024
PERF_BYTES = 8 * MIB


@dataclasses.dataclass(frozen=True)
class Case:
    run: typing.Callable
    # Arguments of the programs, by whose they are.
    theirs: tuple = ()
    ours: tuple = ()
    # Each program in a network namespace of its own, joined by a cable.
    in_namespaces: bool = False
    # Why there is nothing to try with ourselves, if so.
    not_with_ourselves: str = ""


def connect(dialler, listener, address=IP4):
    """Returns the address that was dialled, and what the dialler replied."""
    bound = listen(listener, address)
    return bound, dial(dialler, listener, bound)


def dial(dialler, listener, address):
    reply = dialler.command(f"dial {address}")
    expect(reply["peer"] == listener.peer, f"the dialler reached {reply['peer']}, not {listener.peer}")
    listener.wait_for_event("connected", peer=dialler.peer, inbound=True)
    return reply


def each_way(dialler, listener):
    return (dialler, listener), (listener, dialler)


def handshake_ip4(dialler, listener):
    connect(dialler, listener)


def handshake_ip6(dialler, listener):
    connect(dialler, listener, IP6)


def handshake_dns4(dialler, listener):
    dial(dialler, listener, listen(listener).replace("/ip4/127.0.0.1/", "/dns4/localhost/"))


def muxer_agreed_by(way):
    def muxer(dialler, listener):
        listener.events.clear()
        told = dialler.command(f"dial {listen(listener)}").get("muxer_by")
        seen = listener.wait_for_event("connected", peer=dialler.peer).get("muxer_by")
        # Not every implementation can tell, but ours can.
        expect({told, seen} <= {way, None} and way in (told, seen), f"dialler: by {told}; listener: by {seen}")
        dialler.command("ping")
        listener.command("ping")
    return muxer


def identify(dialler, listener):
    address, _ = connect(dialler, listener)
    of_listener = dialler.command("identify")
    of_dialler = listener.command("identify")
    for info in (of_listener, of_dialler):
        expect(info["agent_version"], "no agent version")
        expect({"/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", ECHO} <= set(info["protocols"]), f"protocols: {info['protocols']}")
        expect(info.get("observed_address", "").startswith("/ip4/127.0.0.1/tcp/"), f"no observed address: {info}")
    # Whoever sends an observed address may add the peer id to it.
    port = address.split("/p2p/")[0]
    expect(of_dialler["observed_address"].split("/p2p/")[0] == port, "the dialler saw another address than it dialled")
    expect(port in of_listener["listen_addresses"], f"{port} is not told: {of_listener['listen_addresses']}")


def identify_push(dialler, listener):
    connect(dialler, listener)
    # Who is known to take pushes is known once identify is through.
    dialler.command("identify")
    listener.command("identify")
    for number, (server, other) in enumerate(each_way(dialler, listener)):
        protocol = f"/kvp2p-test/pushed-{number}/1.0.0"
        expect(protocol not in other.command("identify")["protocols"], f"{protocol} is known before it is served")
        server.command(f"serve {protocol}")
        wait_until(lambda: protocol in other.command("identify")["protocols"],
                   f"{protocol} of {server.name}, by {other.name}")


def expect_signed_record(dialler, listener, is_reader):
    # So that there are addresses to sign on both sides.
    listen(dialler)
    connect(dialler, listener)
    for peer, other in each_way(dialler, listener):
        if is_reader(peer, other):
            expect(peer.command("identify")["signed_record"], f"{peer.name} has no signed record of {other.name}")


def signed_record_by_theirs(dialler, listener):
    expect_signed_record(dialler, listener, lambda peer, other: other.is_ours)


def signed_record_by_ours(dialler, listener):
    expect_signed_record(dialler, listener, lambda peer, other: peer.is_ours)


def ping(dialler, listener):
    connect(dialler, listener)
    for _ in range(3):
        dialler.command("ping")
        listener.command("ping")


def echo(dialler, listener):
    connect(dialler, listener)
    for peer in (dialler, listener):
        reply = peer.command(f"echo {ECHO_BYTES}")
        expect(reply["bytes"] == ECHO_BYTES, f"{peer.name} received {reply['bytes']} of {ECHO_BYTES} bytes")
        expect(reply["sent_sha256"] == reply["received_sha256"], f"{peer.name} received other bytes than it sent")


def digest(dialler, listener):
    connect(dialler, listener)
    for peer in (dialler, listener):
        for count in (0, 1, 65_537, 1_000_000):
            reply = peer.command(f"send {count}")
            expect(reply["sent_sha256"] == reply["peer_sha256"], f"{count} bytes from {peer.name} arrived as others")


def flood(dialler, listener):
    connect(dialler, listener)
    reply = dialler.command(f"flood {FLOOD_STREAMS} {MIB}")
    expect(reply["completed"] == FLOOD_STREAMS, f"{reply['completed']} of {FLOOD_STREAMS} streams came to their end")
    expect(reply["mismatched"] == 0, f"{reply['mismatched']} streams brought another digest")
    expect(0 < reply["unread_bytes"] <= UNREAD_BYTES_MAX, f"the stream left unread took {reply['unread_bytes']} bytes")
    dialler.command("ping")


def half_close(dialler, listener):
    connect(dialler, listener)
    for peer, other in each_way(dialler, listener):
        reply = peer.command(f"half_close {MIB}")
        expect(reply["late_bytes"] == MIB, f"{peer.name} received {reply['late_bytes']} bytes after it had closed")
        ended = other.wait_for_event("stream_ended", protocol=MUTE)
        expect(ended["clean"] and ended["bytes"] == MIB, f"{other.name}, after it had closed: {ended}")
        expect(ended["sha256"] == reply["sent_sha256"], f"{other.name} received other bytes after it had closed")


def reset(dialler, listener):
    """By who opened the stream."""
    connect(dialler, listener)
    for one, other in each_way(dialler, listener):
        one.command("reset")
        ended = other.wait_for_event("stream_ended", protocol=ECHO)
        expect(not ended["clean"], f"{other.name} took a reset for an end")
        one.command("ping")


def be_reset(dialler, listener):
    """By who serves the stream."""
    connect(dialler, listener)
    for peer in (dialler, listener):
        expect(peer.command("be_reset")["reset"], f"{peer.name} took a reset for something else")
        peer.command("ping")


def wrong_peer(dialler, listener):
    address = listen(listener)
    reply = dialler.attempt(f"dial {address.replace(listener.peer, ANOTHER_PEER)}")
    expect(not reply["ok"], "a peer with another id was accepted")
    expect(reply["error"] == "peer_id_mismatch", f"refused for another reason: {reply['message']}")


def silent(dialler, listener):
    """Ours gives up a peer that says nothing, whichever side it is on, and serves the other meanwhile."""
    if dialler.is_ours:
        with raw_peer.SilentListener() as nobody:
            reply = dialler.attempt(f"dial {nobody.address}/p2p/{ANOTHER_PEER}")
            expect(not reply["ok"], "connected to a peer that says nothing")
            expect(nobody.was_dialled(), f"not dialled: {reply['message']}")
    address = listen(listener)
    if listener.is_ours:
        with raw_peer.SilentDialler(address) as nobody:
            dial(dialler, listener, address)
            dialler.command("ping")
            expect(nobody.is_dropped(), "the listener keeps a peer that says nothing")
            dialler.command("ping")
    else:
        dial(dialler, listener, address)
        dialler.command("ping")


def close(dialler, listener):
    address = listen(listener)
    for closer in (dialler, listener):
        dial(dialler, listener, address)
        closer.command("close")
        listener.wait_for_event("disconnected", peer=dialler.peer)
        dialler.wait_for_event("disconnected", peer=listener.peer)


def vanish(dialler, listener):
    """The dialler is killed; the listener notices."""
    connect(dialler, listener)
    dialler.command("ping")
    dialler.kill()
    listener.wait_for_event("disconnected", peer=dialler.peer)


def perf(dialler, listener):
    connect(dialler, listener)
    for peer in (dialler, listener):
        for up, down in ((PERF_BYTES, 0), (0, PERF_BYTES), (PERF_BYTES, PERF_BYTES)):
            peer.command(f"perf {up} {down}")


def mdns(dialler, listener):
    for peer in (dialler, listener):
        peer.command("listen /ip4/0.0.0.0/tcp/0")
    found = {}
    for peer, other in each_way(dialler, listener):
        while peer not in found:
            addresses = peer.wait_for_event("found", peer=other.peer)["addresses"]
            on_the_cable = [address for address in addresses if address.startswith("/ip4/10.77.0.")]
            if on_the_cable:
                found[peer] = on_the_cable[0].split("/p2p/")[0]
    dial(dialler, listener, f"{found[dialler]}/p2p/{listener.peer}")
    dialler.command("ping")


OURS_IS_ED25519 = "our own host keys are Ed25519; others are verified"

NOISE = ("--security", "noise")
TLS = ("--security", "tls")
HANDSHAKE = ("--muxer", "handshake")
MULTISTREAM = ("--muxer", "multistream")


def key_case(key_type):
    return Case(handshake_ip4, theirs=("--key", key_type), not_with_ourselves=OURS_IS_ED25519)


# Run over noise and, but for those of NOT_OVER_TLS, over TLS.
SECURED_CASES = {
    "handshake over ip4": Case(handshake_ip4),
    "handshake over ip6": Case(handshake_ip6),
    "handshake over dns4": Case(handshake_dns4),
    "muxer by handshake": Case(muxer_agreed_by("handshake"), theirs=HANDSHAKE),
    "muxer by multistream, theirs offers none": Case(muxer_agreed_by("multistream"), theirs=MULTISTREAM),
    "muxer by multistream, ours offers none": Case(muxer_agreed_by("multistream"), ours=MULTISTREAM),
    "key: secp256k1": key_case("secp256k1"),
    "key: ecdsa": key_case("ecdsa"),
    "key: rsa": key_case("rsa"),
    "wrong peer id": Case(wrong_peer),
    "identify": Case(identify),
    "identify push": Case(identify_push),
    "signed peer record of theirs, read by ours": Case(signed_record_by_ours),
    "signed peer record of ours, read by theirs": Case(signed_record_by_theirs),
    "ping": Case(ping),
    "echo of 64 MiB": Case(echo),
    "digests of 0 to 1,000,000 bytes": Case(digest),
    "200 streams of 1 MiB beside an unread one": Case(flood),
    "half-close": Case(half_close),
    "reset by who opened": Case(reset),
    "reset by who serves": Case(be_reset),
    "perf": Case(perf),
    "connection closed": Case(close),
    "peer vanished": Case(vanish),
    "silent peer": Case(silent),
    "mDNS": Case(mdns, theirs=("--mdns",), ours=("--mdns",), in_namespaces=True),
}
# What has nothing to do with what secures the connection.
NOT_OVER_TLS = {
    "handshake over ip6",
    "handshake over dns4",
    "identify push",
    "signed peer record of theirs, read by ours",
    "signed peer record of ours, read by theirs",
    "perf",
    "mDNS",
}


def over(security, case):
    return dataclasses.replace(case, theirs=(*security, *case.theirs), ours=(*security, *case.ours))


def pubsub_case(run):
    return Case(run, theirs=pubsub_cases.PUBSUB, ours=pubsub_cases.PUBSUB)


def pnet_cases_over(name, security):
    """Both under the same key; then one of them under another, or under none."""
    key, other = pnet_cases.KEY, pnet_cases.OTHER_KEY
    cases = {
        "digests": Case(digest, theirs=key, ours=key),
        "ping": Case(ping, theirs=key, ours=key),
        "echo of 8 MiB": Case(pnet_cases.echo, theirs=key, ours=key),
        "theirs has another key": Case(pnet_cases.refused, theirs=other, ours=key),
        "theirs has no key": Case(pnet_cases.refused, ours=key),
        "ours has no key": Case(pnet_cases.not_connected, theirs=key),
    }
    return {f"private network, {name}, {case}": over(security, it) for case, it in cases.items()}


def kad_case(run, theirs=kad_cases.SERVER, ours=kad_cases.SERVER):
    return Case(run, theirs=theirs, ours=ours)


CASES = {
    **{name: over(NOISE, case) for name, case in SECURED_CASES.items()},
    **{f"TLS, {name}": over(TLS, case) for name, case in SECURED_CASES.items() if name not in NOT_OVER_TLS},
    "TLS and noise on both sides": Case(digest),
    "noise with theirs, which has no TLS": Case(digest, theirs=NOISE),
    "TLS with theirs, which has no noise": Case(digest, theirs=TLS),
    **pnet_cases_over("noise", NOISE),
    **pnet_cases_over("TLS", TLS),
    "gossipsub: each hears the other": pubsub_case(pubsub_cases.each_hears_the_other),
    "gossipsub: subscriptions come and go": pubsub_case(pubsub_cases.subscriptions_come_and_go),
    "gossipsub: told by IHAVE, had by IWANT": pubsub_case(pubsub_cases.told_by_gossip),
    "Kademlia: each knows the other": kad_case(kad_cases.each_knows_the_other),
    "Kademlia: each finds what the other provides": kad_case(kad_cases.each_finds_what_the_other_provides),
    "Kademlia: each gets what the other has put": kad_case(kad_cases.each_gets_what_the_other_has_put),
    "Kademlia: ours is a client": kad_case(kad_cases.ours_is_a_client, ours=kad_cases.CLIENT),
    "Kademlia: theirs is a client": kad_case(kad_cases.theirs_is_a_client, theirs=kad_cases.CLIENT),
    "Kademlia, /ipfs/kad/1.0.0": kad_case(kad_cases.each_finds_what_the_other_provides,
                                          theirs=kad_cases.IPFS_SERVER, ours=kad_cases.IPFS_SERVER),
    **{f"rendezvous: {name}": Case(run, theirs=rendezvous_cases.RENDEZVOUS, ours=rendezvous_cases.RENDEZVOUS)
       for name, run in rendezvous_cases.CASES.items()},
}
