"""KV get with digests checked, host memory to host memory, beside plain TCP with as many connections.

Layer slices of 1 MiB, to a distinct destination, two processes on loopback. The engine's order is wire order, so that the
copy into its memory is a plain one; with an engine's usual order the copy is in pieces of 256 bytes, which is a row of
its own.
"""

import contextlib

from pairs import OFFERED, STORE, Fetch, KvPair, TcpPair, connections_text, interleave
from sizes import get_mib

CONNECTIONS = (1, 4, 8)
ROUNDS = 5


def kv_pairs(connections, mib):
    """By name: what is measured with that many connections. (name, bar, fetch)"""
    shape = f"slice:{mib}"
    cases = [
        (f"KV get, TLS, {{}}, {STORE}", "get", Fetch(shape, STORE, connections=connections)),
        (f"KV get, TLS, {{}}, {STORE}, digests not checked", None,
         Fetch(shape, STORE, connections=connections, checks_digests=False)),
        (f"KV get, TLS, {{}}, {OFFERED}", None, Fetch(shape, OFFERED, connections=connections)),
    ]
    if connections in (CONNECTIONS[0], CONNECTIONS[-1]):
        cases.append((f"KV get, noise (ChaCha20-Poly1305), {{}}, {STORE}", None,
                      Fetch(shape, STORE, connections=connections, security="noise")))
    if connections == CONNECTIONS[-1]:
        cases.append((f"KV get, TLS, {{}}, {STORE}, into the engine's order NHD", None,
                      Fetch(shape, STORE, order="nhd", connections=connections)))
    return [(name.format(connections_text(connections)), bar, fetch) for name, bar, fetch in cases]


def measure(context, connections, mib):
    cases = kv_pairs(connections, mib)
    with contextlib.ExitStack() as stack:
        floor = stack.enter_context(TcpPair(context, mib, connections))
        pairs, kept = {}, []
        for case in cases:
            with context.row(case[0]):
                pairs[case[0]] = stack.enter_context(KvPair(context, case[2]))
                kept.append(case)
        series = interleave({floor.text(): floor, **pairs}, 2 if context.quick else ROUNDS)
        for name, bar, fetch in kept:
            tell(context, name, bar, series[name], series[floor.text()], floor, pairs[name])


def tell(context, name, bar, ours, plain, floor, pair):
    context.add(name, ours.rate(), "GB/s", bar=bar, floor=plain.rate(), floor_name=floor.text(),
                ratio=plain.median_s() / ours.median_s(),
                note=f"{ours.bytes >> 20} MiB, {ours.text()}; {pair.connections_text()}; "
                     f"{ours.cpu_s_per_gb():.2f} processor seconds a GB, plain TCP {plain.cpu_s_per_gb():.2f}; "
                     f"socket buffers of plain TCP {floor.buffer_bytes >> 10} KiB",
                details={"seconds": ours.seconds, "floor_seconds": plain.seconds, "cpu_s_per_gb": ours.cpu_s_per_gb(),
                         "floor_cpu_s_per_gb": plain.cpu_s_per_gb(), "stats": pair.client.stats()["counters"]})


def run(context):
    mib = get_mib(context.options)
    for connections in CONNECTIONS:
        with context.row(f"KV get, {connections_text(connections)}"):
            measure(context, connections, mib)
