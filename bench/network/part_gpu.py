"""GPU to GPU through pinned memory over loopback, the direct path off, beside the slower of PCIe and plain TCP."""

import contextlib
import statistics

from pairs import OFFERED, Fetch, KvPair, TcpPair, interleave
from programs import CannotRun, Failed, run_good

CONNECTIONS = 8
ROUNDS, SMALL_FETCHES = 7, 200


def pinned_copy_rate(context):
    """GB/s, the slower direction of a plain pinned copy of 64 MiB, by copy_bench."""
    outcome = run_good([context.programs.find("copy_bench"), "--quick"], context.deadline, 90, log=context.log)
    rates = [event["floor_gbps"] for event in outcome.events
             if event.get("floor") in ("cudaMemcpyAsync D2H", "cudaMemcpyAsync H2D") and "64 MiB" in event.get("name", "")]
    if not rates:
        raise Failed("copy_bench told no pinned copies")
    return min(rates)


def fetch_of(shape):
    return Fetch(shape, OFFERED, order="nhd", device="cuda", connections=CONNECTIONS)


def measure_whole(context):
    name = "GPU to GPU through pinned memory, 1 GiB paged (Llama-3-8B, 8,192 tokens)"
    with context.row(name), contextlib.ExitStack() as stack:
        pcie = pinned_copy_rate(context)
        ours = stack.enter_context(KvPair(context, fetch_of("8b:8192")))
        floor = stack.enter_context(TcpPair(context, ours.bytes >> 20, CONNECTIONS))
        series = interleave({"ours": ours, "tcp": floor}, 2 if context.quick else ROUNDS, warm_ups=2)
        rate, tcp = series["ours"].rate(), series["tcp"].rate()
        slower = min(pcie, tcp)
        context.add(name, rate, "GB/s", bar="gpu_whole", floor=slower, ratio=rate / slower,
                    floor_name=floor.text() if tcp <= pcie else "pinned copy over PCIe",
                    note=f"{series['ours'].text()}; plain TCP {tcp:.1f}, pinned copy {pcie:.1f} GB/s; {ours.connections_text()}; "
                         f"{series['ours'].cpu_s_per_gb():.2f} processor seconds a GB, plain TCP "
                         f"{series['tcp'].cpu_s_per_gb():.2f}")


def measure_small(context):
    name = "GPU to GPU through pinned memory, 8 MiB in 32 KiB blocks: whole fetch"
    with context.row(name), KvPair(context, fetch_of("mib:8")) as pair:
        for _ in range(20):
            pair.run()
        times = sorted(pair.run() * 1e6 for _ in range(20 if context.quick else SMALL_FETCHES))
        context.add(name, statistics.median(times), "µs", bar="gpu_8mib",
                    note=f"median of {len(times)}; 90 % under {times[len(times) * 9 // 10]:.0f} µs; {pair.connections_text()}")


def run(context):
    with context.row("GPU to GPU through pinned memory"):
        if context.device != "cuda":
            raise CannotRun("no GPU")
        measure_whole(context)
        measure_small(context)
