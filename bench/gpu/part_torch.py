"""libkvcache.so beside PyTorch in one process; a tensor of either of torch's allocators read by another process."""

import pathlib
import sys

from programs import Failed, run

SCRIPT = pathlib.Path(__file__).resolve().parent / "torch_coexist.py"


def run_script(context, name, *flags, environment=None):
    with context.row(name):
        library = context.programs.find_library("libkvcache.so")
        outcome = run([sys.executable, SCRIPT, f"--library={library}", *flags], context.deadline, 90, environment,
                      log=context.log)
        checks = [event for event in outcome.events if "check" in event]
        for check in checks:
            if check["ok"]:
                context.add(check["check"], 0, "failures", bar="failures", note=check["note"])
            else:
                context.failed(check["check"], check["note"])
        if not checks or outcome.code not in (0, 1):
            raise Failed(f"exit code {outcome.code}: {outcome.tail()}")


def run_part(context):
    if context.device == "host":
        context.not_run("libkvcache.so beside PyTorch", "no GPU")
        return
    run_script(context, "libkvcache.so beside PyTorch")
    run_script(context, "PyTorch's expandable segments", "--export-only",
               environment={"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"})
