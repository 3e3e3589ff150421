"""Fixed costs: of one small fetch, of first contact, and processor time beside plain TCP's."""

import contextlib
import statistics

from pairs import STORE, Fetch, KvPair, TcpPair, connections_text, interleave
from programs import Failed

FETCHES, CONTACTS = 300, 21
CPU_MIB = 256
CPU_CONNECTIONS = (1, 8)
CPU_ROUNDS = 5


def spread(microseconds):
    ordered = sorted(microseconds)
    return f"median of {len(ordered)}; 90 % under {ordered[len(ordered) * 9 // 10]:.0f} µs"


def measure_fetch(context, pair):
    """All of one block is more than its first byte: an upper bound of what is asked for."""
    name = "connection up: from asking to KV in place (look-up, get, digests, copy), one block of 32 KiB"
    with context.row(name):
        times = [pair.run() * 1e6 for _ in range(30 if context.quick else FETCHES)]
        context.add(name, statistics.median(times), "µs", bar="connection_up", note=f"{spread(times)}; {pair.security}")


def measure_contact(context, pair):
    name = "first contact: dial, handshake, hello, look-up, get, KV in place, one block of 32 KiB"
    with context.row(name):
        times, connects = [], []
        for _ in range(5 if context.quick else CONTACTS):
            met = pair.client.ask(f"contact {pair.address}", "contacted")
            if met["wrong"]:
                raise Failed(met["wrong"])
            times.append(met["total_us"])
            connects.append(met["connect_us"])
        context.add(name, statistics.median(times), "µs", bar="first_contact",
                    note=f"{spread(times)}; until hello {statistics.median(connects):.0f} µs; {pair.security}")


def measure_cpu(context, connections):
    name = f"processor time at both ends, KV get, TLS, digests checked, {connections_text(connections)}"
    with context.row(name), contextlib.ExitStack() as stack:
        fetch = Fetch(f"slice:{CPU_MIB}", STORE, connections=connections)
        ours = stack.enter_context(KvPair(context, fetch))
        floor = stack.enter_context(TcpPair(context, CPU_MIB, connections))
        series = interleave({"ours": ours, "floor": floor}, 2 if context.quick else CPU_ROUNDS)
        own, plain = series["ours"].cpu_s_per_gb(), series["floor"].cpu_s_per_gb()
        context.add(name, own, "s/GB", bar="cpu", floor=plain, floor_name=floor.text(), ratio=own / plain,
                    ratio_name="of plain TCP's", note=f"means of {len(series['ours'].seconds)} runs of {CPU_MIB} MiB; {ours.connections_text()}")


def run(context):
    with context.row("fixed costs of a fetch"), KvPair(context, Fetch("fixed", STORE)) as pair:
        measure_fetch(context, pair)
        measure_contact(context, pair)
    for connections in CPU_CONNECTIONS:
        measure_cpu(context, connections)
