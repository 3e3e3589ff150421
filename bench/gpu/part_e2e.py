"""gpu-demo end to end with a seeded synthetic model: two processes on one GPU, by the direct path and by the staged one."""

import json
import os
import pathlib
import queue
import secrets
import subprocess
import tempfile
import threading
import time

from programs import Failed, end_group, run

# Layers of 128 KiB a block, untied embeddings (tied, random weights say their last token for ever).
SHAPE = {"layers": 8, "hidden": 1024, "heads": 8, "kv_heads": 4, "vocab": 4096}
MODEL = "synthetic:" + ",".join(f"{name}={value}" for name, value in SHAPE.items()) + ",tied=0,seed=11"
PROMPT_TOKENS = 1040  # 65 blocks, of which the last is computed for its logits
BLOCK_TOKENS = 16
FETCHED_TOKENS = (PROMPT_TOKENS - 1) // BLOCK_TOKENS * BLOCK_TOKENS
EVENT_BOUND_S = 120
CONSUMERS_MAX = 4


class Demo:
    """One gpu-demo process with --json; its events are read as they come."""

    def __init__(self, context, role, flags, environment):
        command = [str(context.programs.find("gpu-demo")), f"--role={role}", "--json", f"--device={context.device}",
                   f"--model={MODEL}", f"--prompt-tokens={PROMPT_TOKENS}", "--listen-ip=127.0.0.1", "--no-mdns",
                   "--ephemeral-identity", *flags]
        self.role = role
        self.command = command
        self.events = queue.Queue()
        self.errors = []
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                         encoding="utf-8", errors="replace", start_new_session=True,
                                         env={**os.environ, **environment})
        threading.Thread(target=self._read_output, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_group(self._process)

    def _read_output(self):
        for line in self._process.stdout:
            if line.startswith("{"):
                self.events.put(json.loads(line))
        self.events.put({"event": "ended"})

    def _read_errors(self):
        for line in self._process.stderr:
            self.errors.append(line.rstrip())

    def wait(self, name):
        give_up = time.monotonic() + EVENT_BOUND_S
        while True:
            try:
                event = self.events.get(timeout=max(0.001, give_up - time.monotonic()))
            except queue.Empty:
                raise Failed(f"the {self.role} has not said {name!r} in {EVENT_BOUND_S} s: {self.tail()}") from None
            if event.get("event") == name:
                return event
            if event.get("event") == "error":
                raise Failed(f"the {self.role}: {event.get('message')}")
            if event.get("event") == "ended":
                raise Failed(f"the {self.role} ended before it said {name!r}: {self.tail()}")

    def exit_code(self):
        return self._process.wait(EVENT_BOUND_S)

    def tail(self):
        return " / ".join(self.errors[-6:])


def same_kv(ours, theirs, tokens):
    """Why the leading blocks of two dumps differ; empty: they do not."""
    one, other = ours.read_bytes(), theirs.read_bytes()
    if min(len(one), len(other)) == 0:
        return "a dump is empty"
    blocks = tokens // BLOCK_TOKENS
    # The dumps hold whole blocks of one size; the producer's holds all full blocks of the prompt.
    if len(one) % (PROMPT_TOKENS // BLOCK_TOKENS):
        return f"the producer's dump of {len(one)} bytes is not {PROMPT_TOKENS // BLOCK_TOKENS} blocks"
    block_bytes = len(one) // (PROMPT_TOKENS // BLOCK_TOKENS)
    if len(other) < blocks * block_bytes:
        return f"the consumer's dump has {len(other)} bytes, fewer than {blocks} blocks"
    for block in range(blocks):
        part = slice(block * block_bytes, (block + 1) * block_bytes)
        if one[part] != other[part]:
            return f"block {block} differs"
    return ""


def check_result(result, code):
    wrong = []
    if code != 0:
        wrong.append(f"exit code {code}")
    if result["fetched_tokens"] != FETCHED_TOKENS:
        wrong.append(f"{result['fetched_tokens']} of {FETCHED_TOKENS} tokens fetched ({result.get('reason', '')})")
    if not result["verified"] or not result["matches_local"]:
        wrong.append("the tokens differ from a run with the cache off")
    return wrong


def consume(context, folder, number, common, address, environment):
    """(result, what is wrong with it, the path) of one consumer; its fetched KV is compared with the producer's."""
    dump = folder / f"consumer{number}.kv"
    flags = [*common, f"--config-dir={folder}/c{number}", f"--kv-dump={dump}", f"--peer={address}"]
    with Demo(context, "consumer", flags, environment) as consumer:
        result = consumer.wait("result")
        wrong = check_result(result, consumer.exit_code())
    if different := same_kv(folder / "producer.kv", dump, FETCHED_TOKENS):
        wrong.append(f"fetched KV: {different}")
    if not result["path"]:
        wrong.append("the path is not stated")
    return result, wrong, result["path"]


def run_pair(context, name, flags, direct, environment=None, gpus=None):
    """Producer and consumer as two processes, with their KV dumped. A consumer that asks before the producer's memory is
    open to it goes the other way and says so; then the next one is tried. Each must be right."""
    with context.row(name), tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        common = [f"--cluster-key={secrets.token_hex(32)}", *flags]
        environment = {"XDG_CACHE_HOME": str(folder / "cache"), **(environment or {})}
        of_producer, of_consumer = [[f"--gpu={gpu}"] for gpu in gpus] if gpus else ([], [])
        producer_flags = [*common, *of_producer, f"--config-dir={folder}/p", f"--kv-dump={folder}/producer.kv"]
        paths = []
        with Demo(context, "producer", producer_flags, environment) as producer:
            address = producer.wait("listening")["addresses"][0]
            producer.wait("published")
            while not paths or (paths[-1].startswith("direct") != direct and len(paths) < CONSUMERS_MAX):
                result, wrong, path = consume(context, folder, len(paths), [*common, *of_consumer], address,
                                              environment)
                if wrong:
                    raise Failed("; ".join(wrong))
                paths.append(path)
        if paths[-1].startswith("direct") != direct:
            raise Failed(f"no consumer went by the {'direct' if direct else 'staged'} path: {'; '.join(paths)}")
        tries = f"; before it: {'; '.join(paths[:-1])}" if len(paths) > 1 else ""
        context.add(name, 0, "failures", bar="failures",
                    note=f"{FETCHED_TOKENS} tokens' KV bit-identical, {len(result['generated'])} tokens equal; "
                         f"path: {paths[-1]}{tries}", details=result)


def run_demo(context, name, flags, environment=None):
    """The one command of a stranger: scenario 3."""
    with context.row(name), tempfile.TemporaryDirectory() as folder:
        command = [context.programs.find("gpu-demo"), "--role=demo", f"--device={context.device}", f"--model={MODEL}",
                   f"--prompt-tokens={PROMPT_TOKENS}", f"--config-dir={folder}", *flags]
        outcome = run(command, context.deadline, 120, {"XDG_CACHE_HOME": folder, **(environment or {})}, log=context.log)
        if outcome.code != 0 or outcome.timed_out:
            raise Failed(f"exit code {outcome.code}: {outcome.tail(8)}")
        path = next((line.strip() for line in outcome.output.splitlines() if "path" in line.lower()), "")
        if not path:
            raise Failed("gpu-demo does not say which path was taken")
        context.add(name, 0, "failures", bar="failures", note=path)


def run_two_gpus(context):
    """Scenario 1: what is generated on GPU 1 after a prefix from GPU 0 equals a run there without a cache."""
    name = "two processes, producer on GPU 0, consumer on GPU 1"
    if context.gpus < 2:
        return context.not_run(name, "one GPU")
    run_pair(context, f"{name}, direct path: KV and tokens", [], True, gpus=(0, 1))
    run_pair(context, f"{name}, --no-peer-access: KV and tokens", ["--no-peer-access"], False, gpus=(0, 1))
    run_pair(context, f"{name}, --no-direct: KV and tokens", ["--no-direct"], False, gpus=(0, 1))


def run_part(context):
    device = "two processes on one GPU" if context.device == "cuda" else "two processes on host memory"
    run_pair(context, f"{device}, direct path: KV and tokens", [], True)
    run_pair(context, f"{device}, --no-direct: KV and tokens", ["--no-direct"], False)
    run_demo(context, "gpu-demo --role=demo", [])
    run_demo(context, "gpu-demo --role=demo --no-direct", ["--no-direct"])
    if context.device == "host":
        context.not_run("CUDA_VISIBLE_DEVICES and --gpu as the seed writes them", "no GPU")
        return
    run_two_gpus(context)
    last = context.gpus - 1
    masked = {"CUDA_VISIBLE_DEVICES": str(last)}
    run_demo(context, f"CUDA_VISIBLE_DEVICES={last} gpu-demo --role=demo --gpu={last}", [f"--gpu={last}"], masked)
