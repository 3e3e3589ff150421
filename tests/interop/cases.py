"""The cases of the table: each is told a dialler and a listener and raises CaseFailed."""

from peer_process import CaseFailed

IP4 = "/ip4/127.0.0.1/tcp/0"
IP6 = "/ip6/::1/tcp/0"
# Nobody's: made up, but well formed.
ANOTHER_PEER = "12D3KooWM5UFnF5u4P2u6iYLPy3w5wi9BUNcmp6KNYHp9atfmX8c"
ECHO = "/kvp2p-test/echo/1.0.0"
ECHO_BYTES = 16 * 1024 * 1024


def expect(condition, message):
    if not condition:
        raise CaseFailed(message)


def connect(dialler, listener, address=IP4):
    bound = listener.command(f"listen {address}")["addresses"]
    expect(bound, "the listener tells no address")
    reply = dialler.command(f"dial {bound[0]}")
    expect(reply["peer"] == listener.peer, f"the dialler reached {reply['peer']}, not {listener.peer}")
    listener.wait_for_event("connected", peer=dialler.peer, inbound=True)
    return bound[0]


def handshake(dialler, listener):
    connect(dialler, listener)


def handshake_ip6(dialler, listener):
    connect(dialler, listener, IP6)


def identify(dialler, listener):
    address = connect(dialler, listener)
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


def wrong_peer(dialler, listener):
    address = listener.command(f"listen {IP4}")["addresses"][0]
    reply = dialler.attempt(f"dial {address.replace(listener.peer, ANOTHER_PEER)}")
    expect(not reply["ok"], "a peer with another id was accepted")
    expect(reply["error"] == "peer_id_mismatch", f"refused for another reason: {reply['message']}")


def reset(dialler, listener):
    connect(dialler, listener)
    for one, other in ((dialler, listener), (listener, dialler)):
        one.command("reset")
        ended = other.wait_for_event("stream_ended", protocol=ECHO)
        expect(not ended["clean"], f"{other.name} took a reset for an end")
        one.command("ping")


def close(dialler, listener):
    connect(dialler, listener)
    dialler.command("close")
    listener.wait_for_event("disconnected", peer=dialler.peer)
    dialler.wait_for_event("disconnected", peer=listener.peer)


def vanish(dialler, listener):
    """The dialler is killed; the listener notices, and serves the next one."""
    connect(dialler, listener)
    dialler.command("ping")
    dialler.kill()
    listener.wait_for_event("disconnected", peer=dialler.peer)


CASES = {
    "handshake": handshake,
    "handshake-ip6": handshake_ip6,
    "identify": identify,
    "ping": ping,
    "echo-16MiB": echo,
    "digest": digest,
    "wrong-peer": wrong_peer,
    "reset": reset,
    "close": close,
    "vanish": vanish,
}
