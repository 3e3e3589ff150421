"""Look-ups, insertions, memory and hashing, of some runs: the median run's figures, each beside a floor of its own run."""

import statistics

from programs import Failed, run_good

RUNS, QUICK_RUNS = 3, 1
FULL = ["--pairs=20000000"]
QUICK = ["--pairs=65536", "--lookups=200", "--key-rounds=21"]

KINDS = {
    "held": "prefix match of 8,192 tokens (512 blocks), random cold prompts, all blocks held",
    "half": "the same, held to the middle",
    "missing": "the same, nothing held",
    "popular": "one prompt that all holders have, 8 of them asked for",
}


class Run:
    """What one run of index_bench has printed."""

    def __init__(self, events):
        self._events = {(event["event"], event.get("prompts", "")): event for event in events}

    def __call__(self, event, prompts=""):
        if (event, prompts) not in self._events:
            raise Failed(f"index_bench has not printed {event} {prompts}")
        return self._events[event, prompts]


def median(runs, value_of):
    return statistics.median(value_of(run) for run in runs)


def spread_note(runs, event, prompts=""):
    p50, p999, most = (median(runs, lambda run, key=key: run(event, prompts)[key]) for key in ("p50_us", "p999_us", "max_us"))
    return f"p50 {p50:.1f}, p99.9 {p999:.1f}, max {most:.0f} µs of {runs[0](event, prompts)['count']:,}"


def add_lookups(context, runs):
    floor = median(runs, lambda run: run("dependent_reads")["p99_us"])
    for kind, name in KINDS.items():
        figure = median(runs, lambda run, kind=kind: run("lookup", kind)["p99_us"])
        judged = kind in ("held", "half", "missing") and not context.options.unjudged
        context.add(f"{name}: p99", figure, "µs", bar="lookup_p99" if judged else None, floor=floor,
                    floor_name="512 dependent reads of cold memory, p99", ratio=figure / floor,
                    note=spread_note(runs, "lookup", kind))
    reads = median(runs, lambda run: run("independent_reads")["p99_us"])
    context.add("512 independent reads of cold memory, p99", reads, "µs", note=spread_note(runs, "independent_reads"))
    wrong = sum(run("lookup", kind)["wrong"] for run in runs for kind in KINDS)
    context.add("look-ups with a wrong answer", wrong, "", bar="wrong")


def add_memory(context, runs):
    filled = [run("filled") for run in runs]
    text = f"{filled[0]['pairs']:,} pairs, {filled[0]['blocks']:,} blocks, {filled[0]['holders']} holders"
    for key, name in (("accounted_bytes", "memory a pair, as the index accounts for it"),
                      ("resident_bytes", "memory a pair, resident")):
        figure = statistics.median(event[key] / event["pairs"] for event in filled)
        context.add(name, figure, "B", bar=None if context.options.unjudged else "bytes_a_pair", note=text)


def add_changes(context, runs):
    context.add("insertion of one pair: p99", median(runs, lambda run: run("insertion")["p99_us"]), "µs",
                note=spread_note(runs, "insertion"))
    context.add("longest insertion with no other process's turn in it",
                median(runs, lambda run: run("insertion")["max_undisturbed_us"]), "µs", note="while the index grew from nothing")
    context.add("forgetting one holder: longest", median(runs, lambda run: run("forget")["max_us"]), "µs",
                note=f"{runs[0]('forget')['pairs_each']:,} pairs each; {spread_note(runs, 'forget')}")


def add_keys(context, runs):
    rates = [run("keys") for run in runs]
    keys, library, one_shot = (statistics.median(event[key] for event in rates)
                               for key in ("keys_mb_s", "library_mb_s", "one_shot_mb_s"))
    prompt = statistics.median(event["prompt_us"] for event in rates)
    context.add(f"hashing a prompt of 8,192 tokens, messages of {rates[0]['message_bytes']} B", keys, "MB/s",
                bar=None if context.options.unjudged else "keys", floor=library, floor_name="OpenSSL alone, one context",
                ratio=keys / library, note=f"{prompt:.1f} µs a prompt; EVP_Digest() {one_shot:.0f} MB/s")


def run(context):
    program = context.programs.find("index_bench")
    command = [program, *(QUICK if context.quick else FULL)]
    if context.options.pairs:
        command.append(f"--pairs={context.options.pairs}")
    runs = [Run(run_good(command, context.deadline, 300, log=context.log).events)
            for _ in range(QUICK_RUNS if context.quick else RUNS)]
    add_lookups(context, runs)
    add_memory(context, runs)
    add_changes(context, runs)
    add_keys(context, runs)
