#!/usr/bin/env python3
"""A consumer with an empty store fetches a real model's KV instead of computing it, and its output is the same."""

import harness
import models
from harness import E2eTest, address_of, stats_of
from models import BLOCK_TOKENS, fetchable_tokens

# 32 full blocks and a part of one.
PROMPT_TOKENS = 520
# Not a multiple of the chunk of 128: the consumer goes on in the middle of one.
SHARED_TOKENS = 17 * BLOCK_TOKENS


class Fetch(E2eTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = models.real_model()
        cls.tokens = models.real_tokens()[:PROMPT_TOKENS]
        assert len(cls.tokens) == PROMPT_TOKENS, "the model's text is too short"
        cls.dump = cls.path("producer-kv")
        flags = ["--layout=nhd", f"--kv-dump={cls.dump}", "--compress=auto"]
        cls.nhd = cls.producer(cls.model, cls.tokens, direct=True, flags=flags)
        cls.peer = address_of(cls.nhd)

    def fetch(self, tokens, peers, fetched, layout="nhd", direct=False, compress="off"):
        """Runs a consumer that is to fetch so many tokens; returns its result. Its fetched KV is the producer's."""
        dump = self.path("consumer-kv")
        flags = [f"--layout={layout}", f"--kv-dump={dump}", f"--compress={compress}"]
        consumer = self.consume(self.model, tokens, peers, direct=direct, flags=flags)
        result = self.check_result(consumer, fetched, len(tokens))
        blocks = fetched // BLOCK_TOKENS
        self.assert_same_kv(self.dump, dump, blocks, self.model)
        self.assertEqual(result["bytes_fetched"], blocks * self.model.block_bytes)
        return result

    def test_every_full_block_is_fetched_and_only_the_rest_is_computed(self):
        result = self.fetch(self.tokens, [self.peer], fetched=512)
        self.assertEqual(result["restarts"], 0)
        # Against a process that has no peer, besides the consumer's own run with its cache off.
        alone = self.compute_alone(self.model, self.tokens)
        self.assertEqual(result["generated"], self.check_result(alone, 0, PROMPT_TOKENS)["generated"])

    def test_only_the_shared_part_of_a_prompt_is_fetched(self):
        other_end = list(reversed(self.tokens[SHARED_TOKENS:]))
        self.fetch(self.tokens[:SHARED_TOKENS] + other_end, [self.peer], fetched=SHARED_TOKENS)

    def test_an_hnd_engine_fetches_from_an_nhd_engine(self):
        self.fetch(self.tokens, [self.peer], fetched=512, layout="hnd")

    def test_on_one_host_the_producers_memory_is_read_in_place(self):
        for layout in ("nhd", "hnd"):
            with self.subTest(layout):
                result = self.fetch(self.tokens, [self.peer], fetched=512, layout=layout, direct=True)
                self.assertTrue(result["path"].startswith("direct"), result["path"])
                self.assertEqual(result["bytes_direct"], result["bytes_fetched"])
                self.assertTrue(result["kv_matches_local"])

    def test_without_the_direct_path_the_result_says_why(self):
        result = self.fetch(self.tokens, [self.peer], fetched=512)
        self.assertRegex(result["path"], "^staged: .+")
        self.assertEqual(result["bytes_direct"], 0)
        self.assertEqual(result["wire_bytes"], result["bytes_fetched"])

    def test_compressed_on_its_way_it_is_the_same(self):
        result = self.fetch(self.tokens, [self.peer], fetched=512, compress="on")
        self.assertLess(result["wire_bytes"], result["bytes_fetched"])


class FourProcesses(E2eTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = models.real_model()
        cls.tokens = models.real_tokens()[:PROMPT_TOKENS]

    def test_two_consumers_fetch_one_prompt_from_two_producers(self):
        """One producer computes the beginning. The other fetches that, computes the rest and publishes what it has
        computed: a consumer needs both. Producers and consumers differ in layout."""
        head = self.path("head-kv")
        whole = self.path("whole-kv")
        first = self.producer(self.model, self.tokens[:SHARED_TOKENS], flags=["--layout=hnd", f"--kv-dump={head}"])
        second = self.producer(
            self.model,
            self.tokens,
            flags=["--layout=nhd", f"--peer={address_of(first)}", f"--kv-dump={whole}"],
        )
        published = second.wait_event("published")
        self.assertEqual(published["fetched_tokens"], SHARED_TOKENS)
        self.assertEqual(published["tokens"], PROMPT_TOKENS - SHARED_TOKENS)
        self.assertEqual(published["blocks"], (PROMPT_TOKENS - SHARED_TOKENS) // BLOCK_TOKENS)
        self.assert_same_kv(head, whole, SHARED_TOKENS // BLOCK_TOKENS, self.model)
        peers = [address_of(first), address_of(second)]
        for layout in ("nhd", "hnd"):
            dump = self.path("consumer-kv")
            consumer = self.consume(self.model, self.tokens, peers, flags=[f"--layout={layout}", f"--kv-dump={dump}"])
            result = self.check_result(consumer, fetchable_tokens(PROMPT_TOKENS), PROMPT_TOKENS)
            self.assertEqual(result["bytes_fetched"], 32 * self.model.block_bytes)
            self.assert_same_kv(whole, dump, 32, self.model)
        for producer, readers, blocks in ((first, 3, 17), (second, 2, 15)):
            self.assertEqual(producer.stop(), 0)
            self.assertEqual(stats_of(producer)["bytes_sent"], readers * blocks * self.model.block_bytes)


if __name__ == "__main__":
    harness.main(needs_model=True)
