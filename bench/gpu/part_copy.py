"""Copies without a node: gather and scatter through pinned memory, and region to region on one GPU, by events."""

from programs import Failed, run_good


def run(context):
    """copy_bench prints an object a figure: see tell() for its fields."""
    name = "copy_bench"
    with context.row(name):
        if context.device == "host":
            context.not_run(name, "no GPU")
            return
        quick = ["--quick"] if context.quick else []
        outcome = run_good([context.programs.find("copy_bench"), *quick], context.deadline, 170, log=context.log)
        figures = [event for event in outcome.events if "name" in event]
        if not figures:
            raise Failed(f"printed no figures: {outcome.tail()}")
        for figure in figures:
            tell(context, figure)


BARS = ("gather", "scatter", "direct_copy")


def tell(context, figure):
    """{"name", "bar" (a key of bars.py, may be missing), "gbps", "floor_gbps", "floor", "note"}"""
    if "not_run" in figure:
        context.not_run(figure["name"], figure["not_run"])
        return
    rate, floor = figure["gbps"], figure.get("floor_gbps")
    bar = figure.get("bar") if figure.get("bar") in BARS else None
    context.add(figure["name"], rate, "GB/s", bar=bar, floor=floor, floor_name=figure.get("floor", ""),
                ratio=rate / floor if floor else None, note=figure.get("note", ""), details=figure)
