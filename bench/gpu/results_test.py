#!/usr/bin/env python3
"""Bars are judged, rows written and runs merged as the table says."""

import json
import pathlib
import sys
import tempfile
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "common"))

# pylint: disable=wrong-import-position
import bars
import part
import programs
import results

MACHINE = {"device": "a GPU", "driver": "1", "processor": "p", "cores": 2, "kernel": "k", "date": "d", "commit": "c", "time": 1.0,
           "gpus": 1}
SHEET = results.Sheet("Figures", "bench/gpu/run.py", bars.BARS)


def fresh(device="cuda", **fields):
    return results.Results({**MACHINE, **fields}, device, SHEET)


class Bars(unittest.TestCase):
    def test_a_ratio_at_its_bar_passes_and_below_it_does_not(self):
        found = fresh()
        self.assertEqual(found.add("copy", "a", 1, bar="gather", ratio=0.95).verdict, "pass")
        self.assertEqual(found.exit_code(), 0)
        self.assertEqual(found.add("copy", "b", 1, bar="gather", ratio=0.9499).verdict, "below")
        self.assertEqual(found.exit_code(), 1)

    def test_a_time_above_its_bar_does_not_pass(self):
        found = fresh()
        self.assertEqual(found.add("fetch", "a", 150, bar="fixed_cost").verdict, "pass")
        self.assertEqual(found.add("fetch", "b", 151, bar="fixed_cost").verdict, "below")

    def test_on_host_memory_speed_is_not_judged_and_correctness_is(self):
        found = fresh("host")
        self.assertEqual(found.add("fetch", "a", 9999, bar="fixed_cost").verdict, "")
        self.assertEqual(found.add("e2e", "b", 1, bar="failures").verdict, "below")

    def test_every_bar_says_what_it_looks_at(self):
        for name, bar in bars.BARS.items():
            self.assertIn(bar.of, ("ratio", "figure"), name)
            self.assertRegex(bar.text(), "^[≤≥] ")


class Parts(unittest.TestCase):
    def context(self, found):
        return part.Context(part="copy", results=found, programs=None, deadline=programs.Deadline(10), device="cuda", quick=False,
                            gpus=1, log=None)

    def test_what_cannot_run_is_a_row_and_no_failure(self):
        found = fresh()
        with self.context(found).row("x"):
            raise programs.CannotRun("one GPU")
        self.assertEqual((found.rows[0].verdict, found.rows[0].note, found.exit_code()), ("not run", "one GPU", 0))

    def test_what_fails_is_a_row_and_the_next_goes_on(self):
        found = fresh()
        with self.context(found).row("x"):
            raise programs.Failed("wrong bytes")
        with self.context(found).row("y"):
            found.add("copy", "y", 0, bar="failures")
        self.assertEqual([row.verdict for row in found.rows], ["failed", "pass"])
        self.assertEqual(found.exit_code(), 1)

    def test_a_program_that_says_that_it_cannot_run_is_not_run(self):
        command = ["sh", "-c", "echo 'not run: no GPU here'; exit 77"]
        with self.assertRaisesRegex(programs.CannotRun, "^no GPU here$"):
            programs.run(command, programs.Deadline(10))

    def test_a_program_that_hangs_is_stopped_with_what_it_started(self):
        outcome = programs.run(["sh", "-c", "sleep 100 & echo '{\"a\": 1}'; sleep 100"], programs.Deadline(10), limit_s=1)
        self.assertTrue(outcome.timed_out)
        self.assertEqual(outcome.events, [{"a": 1}])


class Merge(unittest.TestCase):
    def test_of_a_part_the_latest_run_counts(self):
        earlier, later = fresh(time=1.0, date="then"), fresh(time=2.0)
        earlier.failed("copy", "a", "old")
        earlier.add("fetch", "b", 1)
        later.add("copy", "c", 2)
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder) / name for name in ("1.json", "2.json")]
            for path, found in zip(paths, (later, earlier)):
                path.write_text(json.dumps(found.to_json()))
            merged = results.Results.merged(paths, SHEET)
        self.assertEqual(sorted((row.part, row.name) for row in merged.rows), [("copy", "c"), ("fetch", "b")])
        self.assertEqual(merged.exit_code(), 0)
        text = results.as_markdown(merged, "run.py")
        self.assertIn("then", text.split("## fetch")[1])
        self.assertNotIn("then", text.split("## fetch")[0])

    def test_no_text_breaks_the_table(self):
        found = fresh()
        found.failed("copy", "a | b", "line\nline | c")
        row = next(line for line in results.as_markdown(found, "x").splitlines() if line.startswith("| a"))
        self.assertEqual(row.replace("\\|", "").count("|"), len(results.HEADS) + 1)


if __name__ == "__main__":
    unittest.main()
