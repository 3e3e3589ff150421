#!/usr/bin/env python3
"""Who may fetch, and which model's KV is the same: with another cluster key or another model nothing is fetched."""

import harness
import models
from harness import CLUSTER_KEY, OTHER_CLUSTER_KEY, E2eTest, address_of, stats_of

PROMPT_TOKENS = 264
FETCHABLE = 256
# How long a consumer waits for a peer that will not have it.
IMPATIENT = "--find-peer-ms=1000"


class Closed(E2eTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = models.synthetic(layers=4)
        cls.tokens = cls.model.random_tokens(PROMPT_TOKENS, seed=3)

    def producer_for(self, **options):
        producer = self.producer(self.model, self.tokens, **options)
        self.addCleanup(producer.kill)
        return producer

    def check_refused(self, producer, consumer):
        result = self.check_result(consumer, fetched=0, prompt=PROMPT_TOKENS)
        self.assertEqual(result["bytes_fetched"], 0)
        self.assert_log(consumer, r"is refused: the cluster keys differ")
        self.assert_log(producer, r"is refused: the cluster keys differ")
        self.assertEqual(producer.stop(), 0)
        stats = stats_of(producer)
        self.assertEqual(stats["lookups_served"], 0)
        self.assertEqual(stats["announcements_sent"], 0)
        self.assertEqual(stats["bytes_sent"], 0)

    def test_another_cluster_key_gets_nothing(self):
        producer = self.producer_for()
        consumer = self.consume(
            self.model, self.tokens, [address_of(producer)], key=OTHER_CLUSTER_KEY, flags=[IMPATIENT]
        )
        self.check_refused(producer, consumer)

    def test_two_users_who_have_agreed_on_nothing_get_nothing_of_each_other(self):
        """No key on the command line: each folder gets a key of its own."""
        producer = self.producer_for(key=None)
        consumer = self.consume(self.model, self.tokens, [address_of(producer)], key=None, flags=[IMPATIENT])
        self.check_refused(producer, consumer)

    def test_open_nodes_share_without_a_common_key_and_say_so(self):
        producer = self.producer_for(flags=["--open"])
        consumer = self.consume(
            self.model, self.tokens, [address_of(producer)], key=OTHER_CLUSTER_KEY, flags=["--open"]
        )
        self.check_result(consumer, FETCHABLE, PROMPT_TOKENS)
        for process in (producer, consumer):
            self.assert_log(process, r"(?i)open.*anyone")

    def test_a_closed_node_takes_nothing_from_an_open_one_that_it_does_not_know(self):
        """It would be served, but whoever does not hold the cluster key is not believed (docs/protocol.md, "Hello")."""
        producer = self.producer_for(flags=["--open"])
        consumer = self.consume(
            self.model, self.tokens, [address_of(producer)], key=OTHER_CLUSTER_KEY, flags=[IMPATIENT]
        )
        self.check_result(consumer, fetched=0, prompt=PROMPT_TOKENS)
        self.assert_log(consumer, r"is refused: the cluster keys differ")

    def test_the_same_key_is_served(self):
        producer = self.producer_for()
        consumer = self.consume(self.model, self.tokens, [address_of(producer)], key=CLUSTER_KEY)
        self.check_result(consumer, FETCHABLE, PROMPT_TOKENS)

    def check_names_the_field(self, other, field):
        producer = self.producer_for()
        consumer = self.consume(other, self.tokens, [address_of(producer)])
        result = self.check_result(consumer, fetched=0, prompt=PROMPT_TOKENS)
        self.assertIn(field, result["reason"])
        self.assert_log(consumer, field)
        self.assert_log(producer, field)

    def test_other_weights_are_a_miss_and_both_logs_name_the_field(self):
        self.check_names_the_field(models.synthetic(layers=4, seed=8), "weights_digest")

    def test_another_shape_is_a_miss_and_both_logs_name_the_field(self):
        self.check_names_the_field(models.synthetic(layers=3), "layers")


if __name__ == "__main__":
    harness.main()
