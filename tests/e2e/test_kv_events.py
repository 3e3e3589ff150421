#!/usr/bin/env python3
"""What a producer publishes is what vLLM's own structs read, by msgspec and pyzmq."""

import json
import pathlib
import socket
import subprocess
import sys

import harness
import models
from demo_process import DemoProcess
from harness import LOOPBACK, NOT_RUN, E2eTest

HERE = pathlib.Path(__file__).resolve().parent
REQUIREMENTS = HERE / "kv_events_requirements.txt"
ENVIRONMENT = HERE.parents[1] / ".deps" / "kv-events"
PROMPT_TOKENS = 72
BLOCKS = 4
BLOCK_TOKENS = 16
PATIENCE_S = 300


def python_with_decoders():
    """An environment of its own, made once; ends the test as not run where it cannot be made."""
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "stamp"
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    commands = (["python3", "-m", "venv", "--clear", ENVIRONMENT],
                [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
                 "--require-hashes", "--retries", "2", "--timeout", "60", "-r", REQUIREMENTS])
    for command in commands:
        made = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        if made.returncode != 0:
            print(f"not run: no Python environment with msgspec and pyzmq: {made.stderr.strip()[-300:]}")
            sys.exit(NOT_RUN)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def free_endpoints(count):
    sockets = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    endpoints = [f"tcp://{LOOPBACK}:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return endpoints


class KvEvents(E2eTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.python = python_with_decoders()
        cls.model = models.synthetic(layers=2)
        cls.tokens = cls.model.random_tokens(PROMPT_TOKENS, seed=4)

    def events_of(self, form):
        publish, replay = free_endpoints(2)
        topic = "kv@test"
        subscriber = subprocess.Popen([str(self.python), str(HERE / "kv_events_subscriber.py"), form, publish, replay, topic, str(BLOCKS)],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(subscriber.kill)
        flags = [f"--kv-events={publish}", f"--kv-events-replay={replay}", f"--kv-events-topic={topic}", f"--kv-events-format={form}"]
        producer = self.producer(self.model, self.tokens, flags=flags)
        output, errors = subscriber.communicate(timeout=PATIENCE_S)
        self.assertEqual(subscriber.returncode, 0, errors)
        producer.kill()
        return json.loads(output.splitlines()[-1])

    def test_vllms_structs_read_what_is_stored(self):
        hashes = {}
        for form in ("array", "map"):
            with self.subTest(form):
                said = self.events_of(form)
                self.assertEqual(said["events"][0]["type"], "AllBlocksCleared")
                stored = said["events"][1:]
                self.assertEqual({event["type"] for event in stored}, {"BlockStored"})
                self.assertEqual({event["block_size"] for event in stored}, {BLOCK_TOKENS})
                hashes[form] = [each for event in stored for each in event["block_hashes"]]
                self.assertEqual(len(set(hashes[form])), BLOCKS)
                self.assertEqual({len(each) for each in hashes[form]}, {64})
                self.assertEqual(said["ranks"], [0])
                self.assertEqual(said["seconds"], sorted(said["seconds"]))
        # Keys are the same wherever the same model runs the same prompt.
        self.assertEqual(hashes["array"], hashes["map"])

    def test_an_endpoint_that_cannot_be_bound_is_a_clear_error(self):
        with socket.create_server((LOOPBACK, 0)) as taken:
            endpoint = f"tcp://{LOOPBACK}:{taken.getsockname()[1]}"
            process = DemoProcess("gpu-demo", ["--role=producer", f"--model={self.model.name}", f"--kv-events={endpoint}", "--no-mdns",
                                               f"--config-dir={self.path('config')}"], environment=self.environment())
            self.assertEqual(process.wait_exit(), 1)
            self.assertIn("KV events", process.log)


if __name__ == "__main__":
    harness.main()
