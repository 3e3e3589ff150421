#!/usr/bin/env python3
"""The seed's scenarios: two machines by multiaddr, and two processes of one machine that find each other."""

import harness
import models
from harness import E2eTest, address_of
from netns import Link, Namespace

PROMPT_TOKENS = 520


class Scenarios(E2eTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = models.synthetic()
        cls.tokens = cls.model.random_tokens(PROMPT_TOKENS, seed=1)

    def namespace(self):
        namespace = Namespace()
        self.addCleanup(namespace.remove)
        return namespace

    def link(self):
        link = Link()
        self.addCleanup(link.remove)
        return link

    def fetch_between(self, producer_netns, consumer_netns, peer=None, mdns=False, fetched=512):
        """The seed's command lines: ports 9100 and 9101, no address to listen on."""
        common = {"listen_ip": None, "mdns": mdns}
        producer = self.producer(
            self.model, self.tokens, namespace=producer_netns.name, flags=["--port=9100"], **common
        )
        self.addCleanup(producer.kill)
        peers = [address_of(producer, peer)] if peer else []
        consumer = self.consume(
            self.model, self.tokens, peers, namespace=consumer_netns.name, flags=["--port=9101"], **common
        )
        self.check_result(consumer, fetched, PROMPT_TOKENS)
        self.assertEqual(consumer.wait_event("peer")["peer_id"], producer.wait_event("listening")["peer_id"])

    def test_two_machines_by_multiaddr(self):
        link = self.link()
        self.fetch_between(link.left, link.right, peer="/ip4/10.77.0.1/tcp/9100/")

    def test_two_machines_by_multiaddr_over_ipv6(self):
        link = self.link()
        self.fetch_between(link.left, link.right, peer="/ip6/fd77::1/tcp/9100/")

    def test_two_machines_of_one_network_find_each_other(self):
        link = self.link()
        self.fetch_between(link.left, link.right, mdns=True)

    def test_two_processes_of_one_machine_find_each_other(self):
        namespace = self.namespace()
        namespace.enable_loopback_multicast()
        self.fetch_between(namespace, namespace, mdns=True)

    def test_a_producer_that_comes_later_is_found(self):
        namespace = self.namespace()
        namespace.enable_loopback_multicast()
        options = {"namespace": namespace.name, "listen_ip": None, "mdns": True}
        consumer = self.start_consumer(self.model, self.tokens, flags=["--find-peer-ms=60000"], **options)
        consumer.wait_event("listening")
        producer = self.start_producer(self.model, self.tokens, **options)
        self.addCleanup(producer.kill)
        result = consumer.wait_event("result")
        self.assertEqual(consumer.wait_event("peer")["peer_id"], producer.wait_event("listening")["peer_id"])
        # How much was published by then is a matter of timing.
        self.check_result(consumer, result["fetched_tokens"], PROMPT_TOKENS)

    def test_two_processes_of_one_user_share_the_cluster_key_of_their_folder(self):
        """No --cluster-key: the first start makes one, which the second finds. One of them needs another identity."""
        namespace = self.namespace()
        options = {"namespace": namespace.name, "key": None, "config_dir": self.path("config")}
        producer = self.producer(self.model, self.tokens, **options)
        self.addCleanup(producer.kill)
        key_files = [path for path in options["config_dir"].iterdir() if path.is_file()]
        self.assertTrue(key_files)
        for path in key_files:
            self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
        consumer = self.consume(
            self.model, self.tokens, [address_of(producer)], flags=["--ephemeral-identity"], **options
        )
        self.check_result(consumer, 512, PROMPT_TOKENS)


if __name__ == "__main__":
    harness.main(needs_namespaces=True)
