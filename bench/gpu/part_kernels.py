"""Kernels, connector and engine against references on the GPU; then the compute sanitizers."""

import pathlib
import re
import shutil

from programs import CannotRun, Failed, run

TESTS = {
    "kvcache_gpu_test": "kernels and C ABI against a plain reference",
    "cuda_connector_gpu_test": "CUDA connector",
    "engine_gpu_test": "engine on CUDA against the host's",
}
SANITIZERS = {"memcheck": 170, "racecheck": 170}
# What a sanitizer says of a machine that refuses it.
REFUSALS = ("Device not supported", "not supported on this", "Unable to find", "Failed to initialize", "Insufficient privileges")
SUMMARY = re.compile(r"(?:ERROR SUMMARY: (\d+) error|RACECHECK SUMMARY: (\d+) hazard)")


def run_test(context, program, what):
    name = f"{program}: {what}"
    with context.row(name):
        quick = ["--quick"] if context.quick and program == "kvcache_gpu_test" else []
        outcome = run([context.programs.find(program), *quick], context.deadline, 120, log=context.log)
        if outcome.timed_out or outcome.code != 0:
            how = "not done in time" if outcome.timed_out else f"exit code {outcome.code}"
            raise Failed(f"{how}: {outcome.tail(10)}")
        last = outcome.output.strip().splitlines()[-1:] or [""]
        context.add(name, 0, "failures", bar="failures", note=last[0][:200])


def find_sanitizer():
    found = shutil.which("compute-sanitizer")
    if found:
        return found
    for folder in sorted(pathlib.Path("/usr/local").glob("cuda*")) + sorted(pathlib.Path("/opt").glob("nvidia/*")):
        for place in (folder / "bin/compute-sanitizer", folder / "compute-sanitizer/compute-sanitizer"):
            if place.is_file():
                return place
    raise CannotRun("no compute-sanitizer on this machine")


def run_sanitizer(context, tool, limit_s):
    name = f"compute-sanitizer {tool} over kvcache_gpu_test"
    with context.row(name):
        program = context.programs.find("kvcache_gpu_test")
        # The tests make calls that must be refused, and see that they are: those are no findings.
        refusals = ["--report-api-errors=no"] if tool == "memcheck" else []
        command = [find_sanitizer(), f"--tool={tool}", *refusals, "--error-exitcode=99", program, "--quick",
                   "--no-processes"]
        outcome = run(command, context.deadline, limit_s, log=context.log)
        said = outcome.output + outcome.errors
        summary = SUMMARY.search(said)
        if not summary:
            refusal = next((line for line in said.splitlines() if any(text in line for text in REFUSALS)), "")
            if refusal:
                raise CannotRun(refusal.strip("= "))
            raise Failed(f"{'not done in time' if outcome.timed_out else f'exit code {outcome.code}'}: {outcome.tail(10)}")
        errors = int(summary[1] or summary[2])
        if errors == 0 and outcome.code != 0:
            raise Failed(f"exit code {outcome.code}: {outcome.tail(10)}")
        context.add(name, errors, "failures", bar="failures", note=summary[0] + "s", details={"tail": outcome.tail(20)})


def run_all(context):
    for program, what in TESTS.items():
        run_test(context, program, what)
    for tool, limit_s in SANITIZERS.items():
        run_sanitizer(context, tool, limit_s)


def run_part(context):
    if context.device == "host":
        for name in (*TESTS, *(f"compute-sanitizer {tool}" for tool in SANITIZERS)):
            context.not_run(name, "no GPU")
        return
    run_all(context)
