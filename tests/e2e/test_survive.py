#!/usr/bin/env python3
"""Two processes that share KV in place, by host memory: one is killed in the middle of a copy, fetches are cancelled at
random moments, and blocks are reused under a reader. What bench/gpu runs at length on a GPU, in short."""

import os
import pathlib
import sys
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(REPOSITORY / "bench" / folder) for folder in ("common", "gpu")]

# pylint: disable=wrong-import-position
import part_survive
from bars import BARS
from part import Context
from programs import Deadline, Programs
from results import Results, Sheet


class Survive(unittest.TestCase):
    def setUp(self):
        program = pathlib.Path(os.environ["FETCH_BENCH"])
        self.results = Results({"gpus": 0, "cores": 1}, "host", Sheet("", "", BARS))
        self.context = Context(part="survive", results=self.results, programs=Programs(program.parent),
                               deadline=Deadline(600), device="host", quick=False, gpus=0, log=None)

    def check(self, rows):
        self.assertEqual(len(self.results.rows), rows)
        for row in self.results.rows:
            print(f"{row.name}: {row.note}")
            self.assertEqual(row.verdict, "pass", row.note)

    def test_an_owner_outlives_its_readers(self):
        part_survive.run_reader_kills(self.context, "mib:64", 10)
        self.check(1)

    def test_a_reader_outlives_its_owners(self):
        part_survive.run_owner_kills(self.context, "mib:64", 10)
        self.check(1)

    def test_cancelled_fetches_leave_nothing_behind(self):
        part_survive.run_aborts(self.context, "mib:8", 200)
        self.check(1)

    def test_reused_blocks_are_never_taken_for_what_they_were(self):
        part_survive.run_reuse(self.context, "mib:2", 500, offered_us_max=4000)
        self.check(1)


if __name__ == "__main__":
    if not os.access(os.environ.get("FETCH_BENCH", ""), os.X_OK):
        sys.exit("FETCH_BENCH must name the fetch_bench program")
    unittest.main(verbosity=2)
