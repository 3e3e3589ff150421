"""Deaths, aborts and reuse: whoever lives on stays healthy, and nothing wrong is ever delivered.

A kill counts if the reader was between get() and done at that moment, as it says on a page that outlives it.
"""

import contextlib
import pathlib
import random
import secrets
import tempfile
import time

from fetch_process import Board, FetchProcess
from programs import Failed

# What a survivor's memory may have grown by after all its partners are gone: an allocator's granularity, no transfer.
DEVICE_GROWTH_BYTES_MAX = 8 << 20
SETTLE_BOUND_S = 30
# A dead peer's leases end by themselves: a minute, and some.
LEASE_BOUND_S = 75
# Kills tried for each that counts.
TRIES_PER_KILL = 6


# Partners started ahead where a kill needs a new one each: starting takes seconds, dying none.
SPARES = 4


class Bench:
    """Starts fetch_bench processes that can fetch from each other."""

    def __init__(self, context, shape, folder):
        self.context = context
        self.shape = shape
        self.folder = pathlib.Path(folder)
        self.key = secrets.token_hex(32)
        self.board = Board(self.folder / "board")
        self.program = context.programs.find("fetch_bench")
        self.spares = []

    def start(self, role, board, *flags):
        config = self.folder / secrets.token_hex(6)
        process = FetchProcess(self.program, role, self.context.device, self.shape, f"--board={board.path}", *flags,
                               cluster_key=self.key, config_dir=config)
        process.board = board
        return process

    def spare(self, role, *flags):
        """One of those that were started ahead, with a page of its own, and another started in its place."""
        while len(self.spares) < (1 if self.context.device == "host" else SPARES):
            self.spares.append(self.start(role, Board(self.folder / secrets.token_hex(6)), *flags))
        return self.spares.pop(0)

    def end_spares(self):
        for process in self.spares:
            process.end()
        self.spares = []

    @contextlib.contextmanager
    def owner(self, *flags, spare=False):
        flags = ("--commands", *flags)
        with self.spare("serve", *flags) if spare else self.start("serve", self.board, *flags) as owner:
            owner.address = owner.wait("serving")["address"]
            yield owner

    @contextlib.contextmanager
    def reader(self, spare=False):
        with self.spare("loop") if spare else self.start("loop", self.board) as reader:
            reader.wait("ready")
            yield reader


def connect(reader, owner):
    event = reader.ask(f"connect {owner.address}", "connected")
    if not event["ok"]:
        raise Failed(f"the reader cannot connect: {event['reason']}")


def good_fetch(reader, what):
    """A fetch by the direct path with every byte right; returns the microseconds that its copy took."""
    event = reader.ask("fetch direct", "fetched")
    if event["wrong"]:
        raise Failed(f"{what}: WRONG BYTES: {event['wrong']}")
    if not event["good"]:
        raise Failed(f"{what}: no good fetch: {event['reason']}")
    if not event["direct"]:
        raise Failed(f"{what}: not by the direct path: {event['path']} {event['path_reason']}")
    return event["copy_us"]


def check_counts(counts, what):
    if counts["wrong"]:
        raise Failed(f"{what}: WRONG BYTES in {counts['wrong']} fetches: {counts['first_wrong']}")
    if counts["written_late"]:
        raise Failed(f"{what}: written to after cancel() had returned, {counts['written_late']} times")


# What must be as before ---------------------------------------------------------------------------------------------


def leases_of(stats):
    return stats["counters"].get("leases_granted_now", 0)


def settled(survivor, baseline, what, alone=True):
    """Polls until leases are back to none and descriptors and device memory to the baseline; Failed at the bound.

    `alone`: no partner is there any more, so that no lease may be, and the device's memory is the survivor's."""
    give_up = time.monotonic() + (LEASE_BOUND_S if alone else SETTLE_BOUND_S)
    while True:
        stats = survivor.stats()
        wrong = []
        if alone and leases_of(stats):
            wrong.append(f"{leases_of(stats)} leases are still held")
        if baseline and stats["fds"] > baseline["fds"]:
            wrong.append(f"{stats['fds']} descriptors are open, {baseline['fds']} before")
        grown = stats.get("device_bytes_used", 0) - (baseline or stats).get("device_bytes_used", 0)
        if alone and grown > DEVICE_GROWTH_BYTES_MAX:
            wrong.append(f"{grown >> 20} MiB more device memory in use than before")
        if not wrong:
            return stats
        if time.monotonic() > give_up:
            raise Failed(f"{what}: {'; '.join(wrong)}")
        time.sleep(0.05)  # nothing tells when a dead peer's connection is noticed


def steady(survivor):
    """Its stats once they have not changed for a while: what belonged to a dead partner is closed by and by."""

    def of_interest(stats):
        return stats["fds"], stats.get("device_bytes_used")

    same, last = 0, survivor.stats()
    give_up = time.monotonic() + SETTLE_BOUND_S
    while same < 20 and time.monotonic() < give_up:
        stats = survivor.stats()
        same = same + 1 if of_interest(stats) == of_interest(last) else 0
        last = stats
        time.sleep(0.02)
    return last


def report(context, name, count, baseline, final, note=""):
    grown = final.get("device_bytes_used", 0) - baseline.get("device_bytes_used", 0)
    memory = f"device memory {grown / 2**20:+.1f} MiB" if "device_bytes_used" in final else "no device memory"
    context.add(name, 0, "failures", bar="failures",
                note=f"{count} done; leases {leases_of(final)}, descriptors {baseline['fds']} → {final['fds']}, {memory}; "
                     f"resident {(final['resident_bytes'] - baseline['resident_bytes']) / 2**20:+.1f} MiB{note}",
                details={"baseline": baseline, "final": final})


# Kills --------------------------------------------------------------------------------------------------------------


def kill_copying(victim, board, rng, copy_us):
    """Kills while the reader copies: (whether it did right before the signal, which fetch that was)."""
    fetch = board.wait_copying()
    if fetch is None:
        raise Failed("the reader has not begun to copy")
    # Not always the copy's first moments; the signal itself takes a while too.
    spin_until = time.perf_counter() + rng.random() * 0.6 * copy_us / 1e6
    while time.perf_counter() < spin_until:
        pass
    before = (board.state, board.fetches)
    victim.kill()
    return before[0] == Board.COPIES, before[1]


def reader_dies(bench, owner, rng):
    with bench.reader(spare=True) as reader:
        connect(reader, owner)
        copy_us = good_fetch(reader, "the new reader")
        reader.ask("run", "running")
        kill_copying(reader, reader.board, rng, copy_us)
        # The page says where it was when it died.
        return reader.board.state == Board.COPIES


def owner_dies(bench, reader, rng):
    with bench.owner(spare=True) as owner:
        connect(reader, owner)
        copy_us = good_fetch(reader, "from the new owner")
        reader.ask("run", "running")
        copying, fetch = kill_copying(owner, bench.board, rng, copy_us)
        counts = reader.wait("ran")
        check_counts(counts, "while the owner died")
        # It died in that copy if this was the reader's last, or last but one: the next finds nobody.
        return copying and bench.board.fetches - fetch <= 1


def kill_many(context, bench, survivor, one_death, wanted, what):
    """Until so many kills have hit a copy. Returns the baseline after the first two deaths, and the count of all."""
    try:
        return kill_until(context, bench, survivor, one_death, wanted, what)
    finally:
        bench.end_spares()


def kill_until(context, bench, survivor, one_death, wanted, what):
    rng = random.Random(5)
    baseline, hits, tries = None, 0, 0
    while hits < wanted:
        if tries >= wanted * TRIES_PER_KILL:
            raise Failed(f"{what}: only {hits} of {tries} kills fell into a copy")
        if context.deadline.passed():
            raise Failed(f"{what}: out of time after {hits} kills that fell into a copy")
        hits += one_death(bench, survivor, rng)
        tries += 1
        if not survivor.alive():
            raise Failed(f"{what}: the survivor has died")
        # What the first partners made it allocate for good (pools, threads) is not a leak.
        if tries <= 2:
            bench.end_spares()
            baseline = steady(survivor)
        else:
            settled(survivor, baseline, f"{what}, kill {tries}", alone=False)
    return baseline, tries


def run_reader_kills(context, shape, count):
    name = f"{count} readers killed in the middle of a copy; the owner lives on"
    with context.row(name), tempfile.TemporaryDirectory() as folder:
        bench = Bench(context, shape, folder)
        with bench.owner() as owner:
            baseline, tries = kill_many(context, bench, owner, reader_dies, count, name)
            bench.board.clear()
            with bench.reader() as reader:
                connect(reader, owner)
                good_fetch(reader, "after all kills")
            final = settled(owner, baseline, "at the end")
        report(context, name, count, baseline, final, f"; {tries} kills in all, a good fetch by every new reader")


def run_owner_kills(context, shape, count):
    name = f"{count} owners killed in the middle of a copy; the reader lives on"
    with context.row(name), tempfile.TemporaryDirectory() as folder:
        bench = Bench(context, shape, folder)
        with bench.reader() as reader:
            baseline, tries = kill_many(context, bench, reader, owner_dies, count, name)
            with bench.owner() as owner:
                connect(reader, owner)
                good_fetch(reader, "after all kills")
            final = settled(reader, baseline, "at the end")
        report(context, name, count, baseline, final, f"; {tries} kills in all, a good fetch from every new owner")


# Aborts and reuse ---------------------------------------------------------------------------------------------------


def run_aborts(context, shape, count):
    name = f"{count:,} fetches cancelled under way, at random moments"
    with context.row(name), tempfile.TemporaryDirectory() as folder:
        bench = Bench(context, shape, folder)
        with bench.owner() as owner, bench.reader() as reader:
            connect(reader, owner)
            good_fetch(reader, "before")
            reader.ask(f"abort {max(2, count // 50)}", "aborted")
            before = steady(owner), steady(reader)
            counts = reader.ask(f"abort {count}", "aborted", bound_s=min(300, context.deadline.left()))
            check_counts(counts, name)
            good_fetch(reader, "after")
            owner_end = settled(owner, before[0], "the owner")
            final = settled(reader, before[1], "the reader")
            if counts["cancelled"] < count:
                raise Failed(f"only {counts['cancelled']} of {counts['fetches']} fetches were still under way")
            if counts["failed"] or counts["missed"]:
                raise Failed(f"{counts['failed'] + counts['missed']} failed that were not cancelled: {counts['last_reason']}")
        report(context, name, counts["cancelled"], before[1], final,
               f"; {counts['good']} had ended before; owner's descriptors {before[0]['fds']} → {owner_end['fds']}")


def run_reuse(context, shape, count, offered_us_max):
    name = f"blocks taken back and overwritten under {count:,} fetches of {shape.removeprefix('mib:')} MiB: wrong bytes"
    with context.row(name), tempfile.TemporaryDirectory() as folder:
        bench = Bench(context, shape, folder)
        with bench.owner("--reuse", f"--offered-us-max={offered_us_max}") as owner, bench.reader() as reader:
            connect(reader, owner)
            counts = reader.ask(f"reuse {count}", "read", bound_s=min(200, context.deadline.left()))
            reused = owner.ask("stop", "reused")
            settled(owner, None, "the owner")
        if counts["wrong"]:
            raise Failed(f"WRONG BYTES in {counts['wrong']} of {counts['good']} good fetches: {counts['first_wrong']}")
        if not counts["good"] or not counts["failed"]:
            raise Failed(f"says nothing: {counts['good']} good, {counts['failed']} failed, {counts['missed']} missed")
        context.add(name, counts["wrong"], "wrong", bar="wrong",
                    note=f"{counts['good']} good with right bytes ({counts['direct']} direct), {counts['failed']} reported "
                         f"failed, {counts['missed']} misses; {reused['versions']} versions, {reused['late']} waited too long",
                    details=counts)


def run_kills(context):
    # Copies that take long enough to be hit: a quarter of a millisecond on a GPU, tens of milliseconds on host memory.
    shape = "mib:64" if context.device == "host" else "mib:512"
    count = 10 if context.quick else 50
    run_reader_kills(context, shape, count)
    run_owner_kills(context, shape, count)


def run_disturbances(context):
    on_host = context.device == "host"
    run_aborts(context, "mib:8" if on_host else "mib:1024", 100 if context.quick else 1000)
    # Offered for a few fetches' time: so every second or third is disturbed.
    run_reuse(context, "mib:2", 500 if context.quick else 5000, offered_us_max=4000)
    run_reuse(context, "mib:8" if on_host else "mib:64", 50 if context.quick else 300, offered_us_max=50000 if on_host else 10000)
