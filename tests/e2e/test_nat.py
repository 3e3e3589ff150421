#!/usr/bin/env python3
"""Nodes behind NATs serve KV to each other: by punching holes, and by a relay of one's own where that fails."""

import sys

import harness
import models
import nat
from harness import NOT_RUN, E2eTest

PROMPT_TOKENS = 520
FETCHED = 512
PORT = 4001


class Nat(E2eTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = models.synthetic(layers=4)
        cls.tokens = cls.model.random_tokens(PROMPT_TOKENS, seed=1)

    def relay(self, internet, server, key=harness.CLUSTER_KEY):
        """A node that serves as a relay; its address. What it holds is the beginning of our prompt and no more."""
        public, address = internet.public()
        relay = self.start_producer(self.model, self.tokens[:16], namespace=public.name, listen_ip=None,
                                    key=key,
                                    flags=[f"--port={PORT}", f"--relay-server={server}"])
        self.addCleanup(relay.kill)
        return f"/ip4/{address}/tcp/{PORT}/p2p/{relay.wait_event('listening')['peer_id']}"

    def fetch_over_nats(self, ports, relay_server, flags=()):
        """A consumer behind a NAT fetches from a producer behind another, which it knows by its address at a relay."""
        internet = nat.Internet()
        self.addCleanup(internet.remove)
        common = {"listen_ip": None, "flags": [f"--port={PORT}", *flags]}
        # Strangers' relays are for punching holes; one without limits serves its own cluster alone.
        relay_key = harness.OTHER_CLUSTER_KEY if relay_server == "limited" else harness.CLUSTER_KEY
        relay_address = self.relay(internet, relay_server, relay_key)
        common["flags"].append(f"--relay={relay_address}")
        machine, _ = internet.behind_nat(ports)
        producer = self.producer(self.model, self.tokens, namespace=machine.name, **common)
        self.addCleanup(producer.kill)
        producer.wait_log("reachable through the relay")
        machine, _ = internet.behind_nat(ports)
        circuit = f"{relay_address}/p2p-circuit/p2p/{producer.wait_event('listening')['peer_id']}"
        common["flags"] += ["--find-peer-ms=60000", "--deadline-ms=60000"]
        consumer = self.consume(self.model, self.tokens, [circuit], namespace=machine.name, **common)
        self.check_result(consumer, FETCHED, PROMPT_TOKENS)
        return producer, consumer

    def test_a_hole_is_punched(self):
        # The relay carries too little for KV: what arrives has come directly.
        _, consumer = self.fetch_over_nats(nat.KEPT, "limited")
        self.assert_log(consumer, "through a hole punched in the NAT")

    def test_where_that_fails_the_relay_carries_it(self):
        self.fetch_over_nats(nat.RANDOM, "unlimited", flags=["--no-hole-punching"])

    def test_a_relay_with_limits_carries_no_kv(self):
        internet = nat.Internet()
        self.addCleanup(internet.remove)
        relay_address = self.relay(internet, "limited", harness.OTHER_CLUSTER_KEY)
        machine, _ = internet.behind_nat(nat.RANDOM)
        flags = [f"--port={PORT}", f"--relay={relay_address}"]
        producer = self.producer(self.model, self.tokens, namespace=machine.name, listen_ip=None, flags=flags)
        self.addCleanup(producer.kill)
        producer.wait_log("reachable through the relay")
        machine, _ = internet.behind_nat(nat.RANDOM)
        circuit = f"{relay_address}/p2p-circuit/p2p/{producer.wait_event('listening')['peer_id']}"
        consumer = self.consume(self.model, self.tokens, [circuit], namespace=machine.name, listen_ip=None,
                                flags=[*flags, "--find-peer-ms=5000"])
        self.check_result(consumer, 0, PROMPT_TOKENS)

    def test_a_relay_without_limits_does_not_serve_strangers(self):
        internet = nat.Internet()
        self.addCleanup(internet.remove)
        relay_address = self.relay(internet, "unlimited", harness.OTHER_CLUSTER_KEY)
        machine, _ = internet.behind_nat(nat.KEPT)
        producer = self.producer(self.model, self.tokens, namespace=machine.name, listen_ip=None,
                                 flags=[f"--port={PORT}", f"--relay={relay_address}"])
        self.addCleanup(producer.kill)
        producer.wait_log("no reservation at the relay")


if __name__ == "__main__":
    reason = nat.why_not()
    if reason:
        print(f"not run: {reason}")
        sys.exit(NOT_RUN)
    harness.main(needs_namespaces=True)
