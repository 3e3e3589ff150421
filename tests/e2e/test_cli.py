#!/usr/bin/env python3
"""gpu-demo as a program: usage, exit codes, signals and clear errors."""

import re
import signal
import socket

import harness
import models
from demo_process import DemoProcess
from harness import LOOPBACK, E2eTest, address_of, with_tcp_port

PROMPT_TOKENS = 72


class CommandLine(E2eTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = models.synthetic(layers=2)
        cls.tokens = cls.model.random_tokens(PROMPT_TOKENS, seed=4)

    def run_demo(self, *arguments):
        process = DemoProcess("gpu-demo", arguments, environment=self.environment())
        return process.wait_exit(), process

    # Usage ------------------------------------------------------------------------------------------------------------

    def test_help_names_the_flags(self):
        code, process = self.run_demo("--help")
        self.assertEqual(code, 0)
        text = "\n".join(process.output)
        for flag in ("--role", "--port", "--gpu", "--peer", "--model", "--cluster-key", "--open", "--json"):
            self.assertIn(flag, text)

    def test_wrong_usage_exits_with_2_and_says_why(self):
        role = "--role=consumer"
        wrong = {
            "no role": ([], "--role"),
            "unknown role": (["--role=spectator"], "--role"),
            "unknown flag": ([role, "--frobnicate"], "frobnicate"),
            "port out of range": ([role, "--port=70000"], "--port"),
            "chunk that is no multiple of a block": ([role, "--chunk-tokens=100"], "--chunk-tokens"),
            "token file that is not there": ([role, "--token-file=/nowhere"], "--token-file"),
            "unknown device": ([role, "--device=abacus"], "--device"),
            "cluster key that is no key": ([role, "--cluster-key=secret"], "cluster"),
            "peer that is no multiaddr": ([role, "--peer=localhost:9100"], "peer"),
        }
        config = f"--config-dir={self.path('config')}"
        for name, (arguments, word) in wrong.items():
            with self.subTest(name):
                code, process = self.run_demo(*arguments, config)
                self.assertEqual(code, 2)
                self.assertIn(word, process.log)

    def test_a_gpu_that_is_not_there_is_a_clear_error(self):
        code, process = self.run_demo("--role=consumer", "--device=cuda", "--gpu=1023", f"--config-dir={self.path('config')}")
        # A build without CUDA calls it wrong usage; with it, it is the machine that lacks the GPU.
        _, described = self.run_demo("--help")
        self.assertEqual(code, 2 if "no CUDA backend" in "\n".join(described.output) else 1)
        self.assertRegex(process.log, "--device=cuda|--gpu")

    def test_a_model_that_is_not_there_is_a_clear_error(self):
        process = self.start("consumer", flags=["--model=/nowhere", "--prompt-tokens=64"])
        self.assertEqual(process.wait_exit(), 1)
        self.assertIn("/nowhere", process.wait_event("error")["message"])

    # Signals ----------------------------------------------------------------------------------------------------------

    def test_signals_end_a_producer_cleanly(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                producer = self.producer(self.model, self.tokens)
                self.assertEqual(producer.stop(number), 0)
                self.assertIsNotNone(producer.event("stats"))
                self.assertIsNone(producer.event("error"))

    def test_a_signal_ends_a_producer_that_serves_a_peer(self):
        producer = self.producer(self.model, self.tokens)
        # Goes on generating, with the connection open.
        consumer = self.start_consumer(
            self.model, self.tokens, [address_of(producer)], flags=["--generate=20000", "--no-verify"]
        )
        consumer.wait_event("peer")
        self.assertEqual(producer.stop(), 0)
        consumer.kill()

    def test_a_signal_ends_a_consumer_that_looks_for_a_peer(self):
        consumer = self.start_consumer(self.model, self.tokens, mdns=True, flags=["--find-peer-ms=600000"])
        consumer.wait_event("listening")
        self.assertEqual(consumer.stop(), 130)

    # Network ----------------------------------------------------------------------------------------------------------

    def test_a_port_in_use_is_a_clear_error(self):
        with socket.create_server((LOOPBACK, 0)) as taken:
            port = taken.getsockname()[1]
            process = self.start_producer(self.model, self.tokens, flags=[f"--port={port}"])
            self.assertEqual(process.wait_exit(), 1)
        message = process.wait_event("error")["message"]
        self.assertIn(str(port), message)
        self.assertRegex(message, "(?i)in use")

    def test_an_unreachable_peer_means_computing(self):
        producer = self.producer(self.model, self.tokens)
        peer = address_of(producer)
        self.assertEqual(producer.stop(), 0)
        consumer = self.consume(self.model, self.tokens, [peer])
        self.check_result(consumer, fetched=0, prompt=PROMPT_TOKENS)
        self.assert_log(consumer, re.escape(peer.split("/p2p/")[0]) + r".*(?i:refused|unreachable)")

    def test_a_peer_with_another_identity_is_refused(self):
        producer = self.producer(self.model, self.tokens)
        stranger = self.producer(self.model, self.tokens)
        port = int(address_of(stranger).split("/")[4])
        consumer = self.consume(self.model, self.tokens, [with_tcp_port(address_of(producer), port)])
        self.check_result(consumer, fetched=0, prompt=PROMPT_TOKENS)
        self.assert_log(consumer, r"(?i)peer id")

    # For people -------------------------------------------------------------------------------------------------------

    def test_the_demo_prints_the_table_and_the_counts(self):
        code, process = self.run_demo(
            "--role=demo",
            f"--model={self.model.name}",
            f"--token-file={self.token_file(self.tokens)}",
            f"--config-dir={self.path('config')}",
        )
        self.assertEqual(code, 0, process.describe())
        text = "\n".join(process.output)
        rows = ("D2H", "erialise", "etwork", "eserialise", "H2D", "otal P2P", "ecompute", "peedup", "GB/s")
        for row in rows:
            self.assertIn(row, text)
        # Of 72 tokens four blocks are fetched.
        self.assertRegex(text, r"\b64\b")
        self.assertRegex(text, r"\b8\b")


if __name__ == "__main__":
    harness.main()
