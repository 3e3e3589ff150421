#!/usr/bin/env python3
"""Whatever happens to the producer or to its bytes, the consumer's answer is right: it computes what did not come.

Each fault strikes once before anything was delivered, and once after some layers were.
"""

import os
import signal
import time

import harness
import models
import process_memory
from harness import E2eTest, address_of, tcp_port_of, with_tcp_port
from models import BLOCK_TOKENS
from tcp_proxy import TcpProxy, Then, flip_byte

PROMPT_TOKENS = 520
BLOCKS = 32
FORWARD_PASS_BEGINS_S = 1


class Faults(E2eTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = models.synthetic()
        cls.tokens = cls.model.random_tokens(PROMPT_TOKENS, seed=2)
        # The control stream's bytes (handshake, identify, hello, look-up) are a few KiB. A layer of all blocks is 1 MiB
        # and counts only as a whole.
        layer_bytes = BLOCKS * cls.model.slice_bytes
        cls.before_any_layer = layer_bytes // 8
        cls.after_some_layers = 3 * layer_bytes + layer_bytes // 2

    def setUp(self):
        self.dump = self.path("producer-kv")
        self.producer_process = self.producer(self.model, self.tokens, flags=[f"--kv-dump={self.dump}"])
        self.addCleanup(self.producer_process.kill)

    def check_all_computed(self, consumer, after_layers, log):
        result = self.check_result(consumer, fetched=0, prompt=PROMPT_TOKENS)
        self.assertTrue(result["reason"])
        self.assert_log(consumer, log)
        self.check_restarted(consumer, after_layers)
        # Computed in the same chunks as the producer's: nothing of the broken fetch is left in it.
        self.assert_same_kv(self.dump, self.consumer_dump, BLOCKS, self.model)

    def check_restarted(self, consumer, after_layers):
        """Whether the forward pass had begun with what was delivered, and had to begin again."""
        self.assertEqual(consumer.wait_event("result")["restarts"], 1 if after_layers else 0)
        if after_layers:
            self.assert_log(consumer, r"failed at layer [1-9].*starting again")

    def strike(self, action, after_layers, deadline_ms=30000, several_connections=False):
        """Runs a consumer that meets the fault before any layer is there, or while its forward pass waits for one.

        The pause lets the forward pass begin; the deadline is out of the way unless it is what is tested. Over several
        connections so many bytes are not so many layers, for some of each are on every one of them.
        """

        def paused(rest):
            if after_layers:
                time.sleep(FORWARD_PASS_BEGINS_S)
            return action(rest)

        after_bytes = self.after_some_layers if after_layers else self.before_any_layer
        proxy = TcpProxy(tcp_port_of(address_of(self.producer_process)), after_bytes, paused)
        self.addCleanup(proxy.close)
        peer = with_tcp_port(address_of(self.producer_process), proxy.port)
        self.consumer_dump = self.path("consumer-kv")
        flags = [f"--deadline-ms={deadline_ms}", f"--kv-dump={self.consumer_dump}"]
        if after_layers and not several_connections:
            flags.append("--data-connections=0")
        consumer = self.consume(self.model, self.tokens, [peer], flags=flags)
        self.assertTrue(proxy.triggered.is_set(), "the consumer ended before the fault")
        return consumer

    def signal_producer(self, number, then):
        def action(_):
            os.kill(self.producer_process.pid, number)
            return then

        return action

    # Killed -----------------------------------------------------------------------------------------------------------

    def check_killed(self, after_layers):
        consumer = self.strike(self.signal_producer(signal.SIGKILL, Then.CLOSE), after_layers)
        self.assertEqual(self.producer_process.wait_exit(), -signal.SIGKILL)
        self.check_all_computed(consumer, after_layers, r"ended early: the peer went away")

    def test_killed_before_anything_was_delivered(self):
        self.check_killed(after_layers=False)

    def test_killed_after_some_layers_were_delivered(self):
        self.check_killed(after_layers=True)

    def test_killed_in_the_middle_of_several_connections(self):
        action = self.signal_producer(signal.SIGKILL, Then.CLOSE)
        consumer = self.strike(action, after_layers=True, several_connections=True)
        self.check_result(consumer, fetched=0, prompt=PROMPT_TOKENS)
        self.assert_same_kv(self.dump, self.consumer_dump, BLOCKS, self.model)

    # Stalled ----------------------------------------------------------------------------------------------------------

    def check_stalled(self, after_layers):
        action = self.signal_producer(signal.SIGSTOP, Then.HOLD)
        consumer = self.strike(action, after_layers, deadline_ms=2000)
        self.assertTrue(self.producer_process.running())
        self.check_all_computed(consumer, after_layers, r"(?i)deadline|timed? ?out")

    def test_stalled_before_anything_was_delivered(self):
        self.check_stalled(after_layers=False)

    def test_stalled_after_some_layers_were_delivered(self):
        self.check_stalled(after_layers=True)

    def test_stalled_before_the_consumer_came(self):
        """The kernel still takes the connection; nobody answers on it."""
        self.producer_process.send(signal.SIGSTOP)
        peers = [address_of(self.producer_process)]
        consumer = self.consume(self.model, self.tokens, peers, flags=["--find-peer-ms=1000"])
        self.check_result(consumer, fetched=0, prompt=PROMPT_TOKENS)
        self.assert_log(consumer, r"(?i)deadline|timed? ?out")

    # Corrupted on the wire --------------------------------------------------------------------------------------------

    def check_corrupted_on_the_wire(self, after_layers):
        consumer = self.strike(flip_byte, after_layers)
        self.check_all_computed(consumer, after_layers, r"damaged or forged")
        self.assertTrue(self.producer_process.running())

    def test_corrupted_on_the_wire_before_anything_was_delivered(self):
        self.check_corrupted_on_the_wire(after_layers=False)

    def test_corrupted_on_the_wire_after_some_layers_were_delivered(self):
        self.check_corrupted_on_the_wire(after_layers=True)

    def test_corrupted_on_one_of_several_connections(self):
        """It ends. The others bring what it owed, unless it was the session's own."""
        consumer = self.strike(flip_byte, after_layers=True, several_connections=True)
        self.assert_log(consumer, r"damaged or forged")
        fetched = consumer.wait_event("result")["fetched_tokens"]
        self.assertIn(fetched, (0, BLOCKS * BLOCK_TOKENS))
        self.check_result(consumer, fetched=fetched, prompt=PROMPT_TOKENS)
        self.assert_same_kv(self.dump, self.consumer_dump, BLOCKS, self.model)

    # Corrupted in the producer's store --------------------------------------------------------------------------------

    def corrupt_store(self, block, layer):
        """Damages one float of the producer's copy of a published block."""
        start = block * self.model.block_bytes + layer * self.model.slice_bytes
        layer_slice = self.dump.read_bytes()[start : start + self.model.slice_bytes]
        # The last byte of a float: its value changes by orders of magnitude, so that using it would show.
        copies = process_memory.corrupt_everywhere(self.producer_process.pid, layer_slice, offset=4 * 100 + 3)
        self.assertGreater(copies, 0, "the slice was not found in the producer's memory")

    def check_corrupted_in_the_store(self, block, layer, after_layers):
        self.corrupt_store(block, layer)
        consumer = self.strike(lambda _: Then.GO_ON, after_layers)
        # What is before the corrupt block is good.
        self.check_result(consumer, fetched=block * BLOCK_TOKENS, prompt=PROMPT_TOKENS)
        self.assert_log(consumer, rf"block {block} layer {layer} .*digest")
        self.check_restarted(consumer, after_layers)
        self.assert_same_kv(self.dump, self.consumer_dump, block, self.model)

    def test_corrupted_in_the_store_in_the_first_layer(self):
        self.check_corrupted_in_the_store(block=0, layer=0, after_layers=False)

    def test_corrupted_in_the_store_in_a_layer_after_others_were_delivered(self):
        self.check_corrupted_in_the_store(block=0, layer=5, after_layers=True)

    def test_what_is_before_a_corrupt_block_is_still_delivered(self):
        self.check_corrupted_in_the_store(block=10, layer=0, after_layers=False)

    def test_what_is_before_a_block_that_fails_late_is_still_delivered(self):
        self.check_corrupted_in_the_store(block=10, layer=5, after_layers=True)


if __name__ == "__main__":
    harness.main()
