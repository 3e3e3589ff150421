"""The cases of rendezvous: the dialler registers at the listener, and asks it who else has (README.md)."""

from steps import expect, listen, wait_until

RENDEZVOUS = ("--rendezvous",)
NAME = "kvp2p-test"
NO_COOKIE = "-"
TTL_S = 2 * 60 * 60
# Below what a test waits for.
SHORT_TTL_S = 2
# Above the 72 hours that the specification recommends as the most.
LONG_TTL_S = 73 * 60 * 60


def discover(client, name=NAME, cookie=NO_COOKIE):
    return client.command(f"discover {name} {cookie}")


def expect_refused(client, command):
    reply = client.attempt(command)
    expect(not reply["ok"] and reply["error"] == "refused", f"{command}: not refused: {reply}")


def register(dialler, listener, ttl_s=TTL_S):
    """Returns the dialler's address."""
    address = listen(dialler)
    dialler.command(f"dial {listen(listener)}")
    taken_s = dialler.command(f"register {NAME} {ttl_s}")["ttl"]
    expect(taken_s == ttl_s, f"registered for {taken_s} s, not {ttl_s}")
    return address.split("/p2p/")[0]


def registered_is_found(dialler, listener):
    address = register(dialler, listener)
    found = discover(dialler)["found"]
    expect(list(found) == [dialler.peer], f"found: {found}")
    addresses = [each.split("/p2p/")[0] for each in found[dialler.peer]]
    expect(address in addresses, f"{address} is not among {addresses}")
    expect(not discover(dialler, "another-name")["found"], "found under a name that nobody has registered under")


def unregistered_is_not(dialler, listener):
    register(dialler, listener)
    dialler.command(f"unregister {NAME}")
    # It is not answered.
    wait_until(lambda: not discover(dialler)["found"], "the end of the registration")


def expired_is_not(dialler, listener):
    register(dialler, listener, SHORT_TTL_S)
    expect(discover(dialler)["found"], "gone before its time")
    wait_until(lambda: not discover(dialler)["found"], "the end of the registration")


def cookie_leads_to_what_is_new(dialler, listener):
    register(dialler, listener)
    told = discover(dialler)
    expect(told["found"], "not found")
    again = discover(dialler, cookie=told["cookie"])
    expect(not again["found"], f"told twice: {again['found']}")
    # Once more is new.
    dialler.command(f"register {NAME} {TTL_S}")
    expect(discover(dialler, cookie=again["cookie"])["found"], "what is new is not told")


def cookie_of_another_name_is_refused(dialler, listener):
    register(dialler, listener)
    expect_refused(dialler, f"discover another-name {discover(dialler)['cookie']}")


def unknown_cookie(dialler, listener):
    """Ours refuses it; rust-libp2p answers as if there were none."""
    register(dialler, listener)
    # The bytes before the name tell where its holder is; no point has given these out.
    own_bytes = len(bytes.fromhex(discover(dialler)["cookie"])) - len(NAME)
    unknown = (bytes(own_bytes) + NAME.encode()).hex()
    if listener.is_ours:
        expect_refused(dialler, f"discover {NAME} {unknown}")
    else:
        expect(discover(dialler, cookie=unknown)["found"], "an unknown cookie hides what is registered")


def too_long_is_refused(dialler, listener):
    listen(dialler)
    dialler.command(f"dial {listen(listener)}")
    expect_refused(dialler, f"register {NAME} {LONG_TTL_S}")
    expect(not discover(dialler)["found"], "registered all the same")


CASES = {
    "who has registered is found": registered_is_found,
    "who has unregistered is not": unregistered_is_not,
    "whose time is over is not": expired_is_not,
    "a cookie leads to what is new": cookie_leads_to_what_is_new,
    "another name's cookie is refused": cookie_of_another_name_is_refused,
    "a cookie of nobody's": unknown_cookie,
    "a registration beyond 72 hours is refused": too_long_is_refused,
}
