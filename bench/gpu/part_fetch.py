"""Whole fetches between two processes: directly from memory to memory, staged over the encrypted stream, and between GPUs.

All by fetch_bench, which checks every byte once in each configuration and times a plain copy of the same size beside it.
"""

import contextlib
import pathlib
import secrets
import tempfile
from dataclasses import dataclass

from fetch_process import FetchProcess
from programs import Failed, run_good

STAGES = ("network", "verify", "scatter")


@dataclass(frozen=True)
class Case:
    """One size: its name for people, and the bars of its whole fetch by the direct path, of that path's copy alone, and of
    its whole fetch by the staged path."""

    shape: str
    text: str
    rounds: int
    direct_bar: str | None = None
    copy_bar: str | None = None
    staged_bar: str | None = None
    peer_copy_bar: str | None = None


FIXED = Case("fixed", "one block of 32 KiB", 2000, direct_bar="fixed_cost")
MIB_8 = Case("mib:8", "8 MiB in 32 KiB blocks", 1000, direct_bar="direct_8mib", staged_bar="staged_8mib")
MIB_64 = Case("mib:64", "64 MiB in 32 KiB blocks", 300, copy_bar="direct_copy", peer_copy_bar="peer_copy_64mib")
MIB_512 = Case("mib:512", "512 MiB in 32 KiB blocks", 100, copy_bar="direct_copy", peer_copy_bar="peer_copy_512mib")
GIB_1 = Case("8b:8192", "1 GiB (Llama-3-8B, 8,192 tokens)", 20)


def fetch(context, shape, *flags, rounds=100, seconds=2, limit_s=60):
    """One configuration's figures."""
    command = [context.programs.find("fetch_bench"), f"--shape={shape}", f"--device={context.device}", f"--rounds={rounds}",
               f"--seconds={0.5 if context.quick else seconds}", *flags]
    outcome = run_good(command, context.deadline, limit_s, log=context.log)
    for event in outcome.events:
        if event.get("event") == "figure":
            return event
    raise Failed(f"fetch_bench printed no figure: {outcome.tail()}")


def expect_path(figure, direct):
    """Failed if another path was taken than asked for: its time would stand under a wrong name."""
    if figure["direct"] != direct:
        raise Failed(f"asked for {'the direct path' if direct else 'the staged path'}, went by {figure['path']}")


def split(figure):
    return f"match {figure['match_us']:.0f}, copy {figure['copy_us']:.0f}, release {figure['release_us']:.0f} µs"


def add_whole(context, name, figure, bar):
    floor = {}
    # Of one block the copy is nothing beside the rest.
    if figure["blocks"] > 1:
        wall = figure["plain_copy_wall_us"]
        floor = {"floor": wall, "floor_name": figure["plain_copy"], "ratio": wall / figure["total_us"],
                 "ratio_name": "of the plain copy's rate"}
    context.add(name, figure["total_us"], "µs", bar=bar, **floor,
                note=f"median of {figure['fetches']}; 90 % under {figure['total_us_p90']:.0f} µs; {split(figure)}; "
                     f"path: {figure['path']}; all {figure['checked_bytes']} bytes checked",
                details=figure)


def add_copy_alone(context, name, figure, bar, measured="copy_alone_events_us"):
    """The kernel over the other process's memory, opened by CUDA IPC."""
    if measured not in figure:
        return
    alone, floor = figure[measured], figure["plain_copy_events_us"]
    context.add(name, figure["bytes"] / alone / 1e3, "GB/s", bar=bar, floor=figure["bytes"] / floor / 1e3,
                floor_name=figure["plain_copy"] + ", by events", ratio=floor / alone, note=f"{alone:.1f} µs")


def measure_direct(context, case):
    name = f"direct, {case.text}: whole fetch"
    with context.row(name):
        figure = fetch(context, case.shape, rounds=case.rounds)
        expect_path(figure, True)
        add_whole(context, name, figure, case.direct_bar)
        add_copy_alone(context, f"direct, {case.text}: the copy alone, by events", figure, case.copy_bar)
        copy = figure["stages_us"]["direct"]
        context.add(f"direct, {case.text}: the copy as the transfer times it", copy, "µs",
                    floor=figure["plain_copy_events_us"], floor_name=figure["plain_copy"] + ", by events",
                    ratio=figure["plain_copy_events_us"] / copy if copy else None, ratio_name="of the plain copy's rate",
                    note="host clock: queueing and the completion's way back are in it")


def measure_staged(context, case, *flags, source="offered in place"):
    name = f"staged, {case.text}, {source}: whole fetch"
    with context.row(name):
        figure = fetch(context, case.shape, "--no-direct", *flags, rounds=case.rounds)
        expect_path(figure, False)
        add_whole(context, name, figure, case.staged_bar)
        add_overlap(context, f"staged, {case.text}, {source}: total beside the sum of its stages", figure)


def add_overlap(context, name, figure):
    """The producer's stages lie within the network's time: they are told, not added."""
    consumer = {stage: figure["stages_us"][stage] for stage in STAGES}
    total, together = figure["stages_us"]["total"], sum(consumer.values())
    text = ", ".join(f"{stage} {time:.0f}" for stage, time in {**consumer, **figure.get("producer_us", {})}.items())
    context.add(name, total, "µs", floor=together, floor_name="sum", bar="overlap", ratio=total / together,
                ratio_name="of the sum", note=f"{text} µs")


def measure_fallback(context):
    """The direct path turned off says so."""
    name = "direct path turned off at the consumer: says why it went another way"
    with context.row(name):
        figure = fetch(context, MIB_8.shape, "--no-direct", rounds=10)
        expect_path(figure, False)
        said = bool(figure["path_reason"])
        context.add(name, 0 if said else 1, "failures", bar="failures",
                    note=f"{figure['path']}: {figure['path_reason'] or 'NO REASON GIVEN'}")


# Two GPUs -----------------------------------------------------------------------------------------------------------


ACROSS = ("--gpu=1", "--peer-gpu=0")


def measure_between_gpus(context, case, *flags, what):
    name = f"{what}, {case.text}: whole fetch"
    with context.row(name):
        figure = fetch(context, case.shape, *ACROSS, *flags, rounds=case.rounds)
        expect_path(figure, True)
        add_whole(context, name, figure, case.direct_bar)
        alone = f"{what}, {case.text}: the copy alone, by events"
        add_copy_alone(context, alone, figure, case.peer_copy_bar)
        if case is MIB_512:
            add_copy_alone(context, f"{what}, 512 MiB contiguous: the copy alone, by events", figure,
                           "peer_copy_contiguous", measured="copy_contiguous_events_us")


def measure_without_peer_access(context, case):
    """The GPUs may not reach each other: by way of the host, every byte right, and it says why."""
    name = f"a GPU each, peer access turned off, {case.text}: wrong path, or no reason for it"
    with context.row(name):
        figure = fetch(context, case.shape, *ACROSS, "--no-peer-access", rounds=10)
        expect_path(figure, False)
        said = "peer access" in figure["path_reason"] or "other GPU" in figure["path_reason"]
        context.add(name, 0 if said else 1, "failures", bar="failures",
                    note=f"{figure['path']}: {figure['path_reason'] or 'NO REASON GIVEN'}; {figure['total_us']:.0f} µs; "
                         f"all {figure['checked_bytes']} bytes checked", details=figure)


@contextlib.contextmanager
def waiting_measure(context, shape, folder, *flags):
    """A fetch_bench that is warm and waits for the word."""
    with FetchProcess(context.programs.find("fetch_bench"), "measure", context.device, shape, "--wait-go", *flags,
                      cluster_key=secrets.token_hex(32), config_dir=folder) as process:
        process.wait("ready", bound_s=90)
        yield process


def measure_both_directions(context, case):
    """Two pairs of processes at once, one each way; the sum of their rates against one direction alone."""
    name = f"both directions between two GPUs at once, {case.text}"
    with context.row(name), tempfile.TemporaryDirectory() as folder:
        alone = fetch(context, case.shape, *ACROSS, rounds=case.rounds)
        flags = ("--seconds=2", "--rounds=100000")
        with waiting_measure(context, case.shape, pathlib.Path(folder) / "a", *ACROSS, *flags) as one, \
                waiting_measure(context, case.shape, pathlib.Path(folder) / "b", "--gpu=0", "--peer-gpu=1", *flags) as two:
            for process in (one, two):
                process.send("go")
            figures = [process.wait("figure", bound_s=60) for process in (one, two)]
        rate = sum(figure["bytes"] / figure["total_us"] / 1e3 for figure in figures)
        single = alone["bytes"] / alone["total_us"] / 1e3
        context.add(name, rate, "GB/s", floor=single, floor_name="one direction alone", ratio=rate / single,
                    note="; ".join(figure["path"] for figure in figures))


def run_two_gpus(context):
    what = ("two processes, a GPU each", "one process, two GPUs")
    if context.gpus < 2:
        reason = "one GPU" if context.gpus == 1 else "no GPU"
        for row in (*what, "both directions between two GPUs at once"):
            context.not_run(row, reason)
        return
    for case in (FIXED, MIB_8, MIB_64, MIB_512):
        measure_between_gpus(context, case, what=what[0])
    for case in (MIB_8, GIB_1):
        measure_staged(context, case, *ACROSS, source="offered in place by the other GPU")
    measure_without_peer_access(context, MIB_8)
    measure_between_gpus(context, MIB_512, "--one-process", what=what[1])
    measure_between_gpus(context, MIB_8, "--one-process", what=what[1])
    measure_both_directions(context, MIB_512)


def run(context):
    on_host = context.device == "host"
    for case in (FIXED, MIB_8, MIB_64) if on_host else (FIXED, MIB_8, MIB_64, MIB_512):
        measure_direct(context, case)
    with context.row("direct, 8 MiB, other layout at the owner (hnd to nhd): whole fetch"):
        figure = fetch(context, MIB_8.shape, "--peer-order=hnd", rounds=MIB_8.rounds)
        expect_path(figure, True)
        add_whole(context, "direct, 8 MiB, other layout at the owner (hnd to nhd): whole fetch", figure, None)
    for case in (MIB_8, MIB_64) if on_host else (MIB_8, MIB_64, GIB_1):
        measure_staged(context, case)
    measure_staged(context, MIB_8, "--put", source="in the owner's store")
    measure_fallback(context)
    run_two_gpus(context)
