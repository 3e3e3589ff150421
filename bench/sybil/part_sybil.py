"""A node's look-ups and fetches among 200 hostile peers, and by turns another node's without them; the median run."""

import statistics

from programs import run_good

RUNS, QUICK_RUNS = 3, 1
QUICK = ["--prompts=10", "--turns=2", "--hostile=50"]
RUN_SECONDS = 600


def run_kept(context):
    """The hostile come back as who they are: none is left at the end."""
    outcomes = run(context, [], are_judged=not context.options.unjudged)
    add_left(context, outcomes, "left")


def run_new(context):
    """Whoever is cut off comes back as somebody else, who is not known yet: more than two hundred, and without end."""
    outcomes = run(context, ["--new-identities"], are_judged=False)
    add_left(context, outcomes, None)


def run(context, options, are_judged):
    program = context.programs.find("sybil_bench")
    command = [program, *options, *(QUICK if context.quick else [])]
    outcomes = [run_good(command, context.deadline, RUN_SECONDS, log=context.log)
                for _ in range(QUICK_RUNS if context.quick else RUNS)]
    runs = [{event["part"]: event for event in outcome.events if event["event"] == "shopping"} for outcome in outcomes]
    add_costs(context, runs, place_of(outcomes[0]), are_judged)
    add_harm(context, runs)
    add_swarms(context, outcomes[0])
    return outcomes


def median_of(runs, value):
    return statistics.median(value(one["attacked"], one["undisturbed"]) for one in runs)


def place_of(outcome):
    cores = next(event for event in outcome.events if event["event"] == "cores")
    if cores["shared"]:
        return "the hostile share the node's core"
    return "the hostile, who are other machines, on a core of their own; all else, both nodes alike, on another"


def add_costs(context, runs, place, are_judged):
    look_ups = runs[0]["attacked"]["look_ups"]
    for figure, name, unit, scale, bar in (("p99_ms", "look-up, p99", "ms", 1, "lookup"), ("p50_ms", "look-up, p50", "ms", 1, None),
                                           ("bytes_per_s", "fetch rate", "MB/s", 1e-6, "rate")):
        ratios = sorted(one["attacked"][figure] / one["undisturbed"][figure] for one in runs)
        context.add(name, median_of(runs, lambda attacked, _, figure=figure: attacked[figure]) * scale, unit,
                    bar=bar if are_judged else None,
                    floor=median_of(runs, lambda _, undisturbed, figure=figure: undisturbed[figure]) * scale,
                    floor_name="without them", ratio=statistics.median(ratios),
                    note=f"{look_ups} prompts of 1 MiB; ratios of the runs {', '.join(f'{ratio:.2f}' for ratio in ratios)}; {place}")


def add_harm(context, runs):
    wrong = sum(one[part]["blocks_wrong"] for one in runs for part in one)
    arrived = sum(one[part]["blocks_arrived"] for one in runs for part in one)
    context.add("wrong blocks", wrong, "", bar="wrong", note=f"of {arrived:,} that arrived")
    context.add("blocks that arrived", 100 * median_of(runs, lambda attacked, _: attacked["blocks_arrived"] / attacked["blocks_wanted"]),
                "%", floor=100 * median_of(runs, lambda _, undisturbed: undisturbed["blocks_arrived"] / undisturbed["blocks_wanted"]),
                floor_name="without them", note="the rest is computed")
    context.add("peers banned", median_of(runs, lambda attacked, _: attacked["peers_banned"]))
    context.add("strangers tried", median_of(runs, lambda attacked, _: attacked["strangers_tried"]))
    context.add("announcements dropped", median_of(runs, lambda attacked, _: attacked["announcements_dropped"]), "",
                note=f"of {median_of(runs, lambda attacked, _: attacked['announcements_received']):,.0f}")


def swarms_of(outcome, are_honest):
    return [event for event in outcome.events
            if event["event"] == "swarm" and (event["character"] == "honest") == are_honest]


def add_left(context, outcomes, bar):
    """Of the run in which it was worst."""
    hostile = [swarms_of(outcome, False) for outcome in outcomes]
    left = max(sum(event["inside"] for event in swarms) for swarms in hostile)
    cut_off = min(sum(event["cut_off"] for event in swarms) for swarms in hostile)
    context.add("hostile peers inside at the end", left, "peers", bar=bar,
                note=f"of {sum(event['came'] for event in hostile[0])}, who were cut off {cut_off:,} times or more")
    harmed = max(sum(event["cut_off"] for event in swarms_of(outcome, True)) for outcome in outcomes)
    context.add("honest peers cut off", harmed, "peers", bar="harmed")


def add_swarms(context, outcome):
    """Of the first run."""
    for event in outcome.events:
        if event["event"] != "swarm":
            continue
        context.add(f"{event['character']}: connections that the node has ended", event["cut_off"], "",
                    note=f"{event['came']} peers, {event['inside']} still inside at the end; {event['reads']:,} blocks asked of them")
