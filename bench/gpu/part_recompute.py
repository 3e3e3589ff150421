"""A fetch against recomputing the same KV with PyTorch in the same run; and the reference engine's prefill against it."""

import pathlib
import sys

from part_fetch import expect_path, fetch
from programs import Failed, run_good

HERE = pathlib.Path(__file__).resolve().parent
MODELS = {"8b": "Llama-3-8B", "70b": "Llama-3-70B"}
TOKENS = (2048, 8192)
# The direct path's bar, at the longer prompt.
BARS = {("8b", 8192): "speedup_8b", ("70b", 8192): "speedup_70b"}
ROUNDS = 30


def prefills(context, model):
    """Seconds by token count."""
    quick = ["--rounds=2", "--seconds=5"] if context.quick else []
    command = [sys.executable, HERE / "torch_prefill.py", f"--model={model}", *quick]
    outcome = run_good(command, context.deadline, 150, log=context.log)
    found = {event["tokens"]: event for event in outcome.events if event.get("event") == "prefill"}
    if set(found) != set(TOKENS):
        raise Failed(f"torch_prefill.py printed {sorted(found)}: {outcome.tail()}")
    return found


def how(prefill):
    if prefill["layers_timed"] == prefill["layers"]:
        return f"PyTorch {prefill['torch']}, all {prefill['layers']} layers"
    return f"PyTorch {prefill['torch']}, {prefill['layers_timed']} layers timed, times {prefill['layers']}/{prefill['layers_timed']}"


def compare(context, model, tokens, prefill, direct):
    path = "direct" if direct else "staged"
    name = f"{MODELS[model]}, {tokens:,} tokens, {prefill['kv_bytes'] >> 20} MiB: KV in place by the {path} path"
    with context.row(name):
        flags = [] if direct else ["--no-direct"]
        figure = fetch(context, f"{model}:{tokens}", *flags, rounds=ROUNDS, limit_s=90)
        expect_path(figure, direct)
        recompute_ms, fetch_ms = prefill["seconds"] * 1e3, figure["total_us"] / 1e3
        speedup = recompute_ms / fetch_ms
        context.add(name, fetch_ms, "ms", bar=BARS.get((model, tokens)) if direct else None, floor=recompute_ms,
                    floor_name="recompute", ratio=speedup, ratio_name="times faster" if speedup >= 1 else "times: SLOWER",
                    note=f"{how(prefill)}; path: {figure['path']}", details={"prefill": prefill, "fetch": figure})


def compare_engine(context, by_torch):
    """The reference engine's prefill of the 8B shape over PyTorch's."""
    name = "reference engine's prefill, Llama-3-8B"
    with context.row(name):
        command = [context.programs.find("engine_prefill_bench"), *(["--quick"] if context.quick else [])]
        outcome = run_good(command, context.deadline, 120, log=context.log)
        figures = [event for event in outcome.events if "tokens" in event and "seconds" in event]
        if not figures:
            raise Failed(f"engine_prefill_bench printed no figures: {outcome.tail()}")
        for figure in figures:
            row = f"{name}, {figure['tokens']:,} tokens"
            if figure["tokens"] not in by_torch:
                continue
            ours, theirs = figure["seconds"] * 1e3, by_torch[figure["tokens"]]["seconds"] * 1e3
            context.add(row, ours, "ms", bar="engine_prefill", floor=theirs, floor_name="PyTorch with SDPA",
                        ratio=ours / theirs, ratio_name="times PyTorch's time",
                        note=figure.get("note", ""), details=figure)


def run(context):
    if context.device == "host":
        context.not_run("fetch against recompute by PyTorch", "no GPU")
        return
    for model, title in MODELS.items():
        with context.row(f"{title}: prefill by PyTorch"):
            by_torch = prefills(context, model)
            for tokens in TOKENS:
                for direct in (True, False):
                    compare(context, model, tokens, by_torch[tokens], direct)
            if model == "8b":
                compare_engine(context, by_torch)
