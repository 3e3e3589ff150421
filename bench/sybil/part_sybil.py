"""A node's look-ups and fetches among 200 hostile peers, beside the same without them in the same run; the median run."""

import statistics

from programs import run_good

RUNS, QUICK_RUNS = 3, 1
QUICK = ["--prompts=50", "--hostile=50"]


def shopping_of(outcome):
    return {event["part"]: event for event in outcome.events if event["event"] == "shopping"}


def run(context):
    program = context.programs.find("sybil_bench")
    outcomes = [run_good([program, *(QUICK if context.quick else [])], context.deadline, 600, log=context.log)
                for _ in range(QUICK_RUNS if context.quick else RUNS)]
    runs = [shopping_of(outcome) for outcome in outcomes]
    median_of = lambda value: statistics.median(value(one) for one in runs)  # noqa: E731
    judged = not context.options.unjudged
    first = runs[0]["attacked"]
    for figure, name, unit, scale, bar in (("p99_ms", "look-up, p99", "ms", 1, "lookup"), ("p50_ms", "look-up, p50", "ms", 1, None),
                                           ("bytes_per_s", "fetch rate", "MB/s", 1e-6, "rate")):
        attacked = median_of(lambda one, figure=figure: one["attacked"][figure]) * scale
        undisturbed = median_of(lambda one, figure=figure: one["undisturbed"][figure]) * scale
        ratio = median_of(lambda one, figure=figure: one["attacked"][figure] / one["undisturbed"][figure])
        context.add(name, attacked, unit, bar=bar if judged else None, floor=undisturbed, floor_name="without hostile peers",
                    ratio=ratio, note=f"{first['look_ups']} prompts of 1 MiB, from 6 honest peers")
    wrong = sum(one[part]["blocks_wrong"] for one in runs for part in one)
    context.add("wrong blocks", wrong, "", bar="wrong", note=f"of {sum(one[part]['blocks_arrived'] for one in runs for part in one):,}")
    context.add("blocks that arrived", median_of(lambda one: one["attacked"]["blocks_arrived"] / one["attacked"]["blocks_wanted"]),
                "of those wanted")
    context.add("hostile peers banned", median_of(lambda one: one["attacked"]["peers_banned"]), "",
                note="the others were passed by: they have proved nothing, the honest have")
    for event in outcomes[0].events:
        if event["event"] == "swarm":
            context.add(f"{event['character']}: connections cut", event["cut_off"], "",
                        note=f"{event['came']} peers; {event['reads']:,} blocks asked of them")
