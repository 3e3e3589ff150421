#!/usr/bin/env python3
"""Two nodes over a link between two network namespaces: what they fetch is right, whatever the link does.

No time is asserted but each fetch's deadline; the figures are bench/network's.
"""

import os
import pathlib
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from emulated_link import NOT_RUN, EmulatedLink, why_not  # noqa: E402
from two_nodes import fetch_over  # noqa: E402

LINK, LINK_NODE = os.environ["LINK"], os.environ["LINK_NODE"]
PLAIN_TCP = pathlib.Path(__file__).resolve().parent / "plain_tcp.py"
GIGABIT = ("--rate=1gbit", "--delay=20ms")
MIB = 1 << 20


class PlainTcp(unittest.TestCase):
    """The link by itself."""

    def test_bytes_go_through_and_what_is_lost_is_counted(self):
        with EmulatedLink(LINK, *GIGABIT, "--loss=1%", "--seed=3") as link:
            server = subprocess.Popen(
                [*link.enter("left"), sys.executable, PLAIN_TCP, "serve", link.address("left"), "5000"],
                stdout=subprocess.PIPE,
            )
            self.addCleanup(server.stdout.close)
            self.addCleanup(server.wait)
            self.addCleanup(server.kill)
            server.stdout.readline()
            fetch = [sys.executable, PLAIN_TCP, "fetch", link.address("left"), "5000", str(4 * MIB), "8", "1"]
            subprocess.run([*link.enter("right"), *fetch], check=True, timeout=120, stdout=subprocess.DEVNULL)
        sent = link.stats["left_to_right"]
        self.assertGreater(sent["bytes"], 4 * MIB)
        self.assertGreater(sent["lost"], 0)
        self.assertGreater(sent["packets"], 4 * MIB // 1500, "packets have the MTU's size")
        self.assertEqual(sent["unreadable"] + sent["refused"], 0)

    def test_the_namespaces_end_with_the_program(self):
        link = EmulatedLink(LINK, *GIGABIT)
        enter = link.enter("left")
        self.assertEqual(subprocess.run([*enter, "true"], check=False).returncode, 0)
        link.close()
        entered = subprocess.run([*enter, "true"], check=False, capture_output=True)
        self.assertNotEqual(entered.returncode, 0)


class TwoNodes(unittest.TestCase):
    def fetch(self, *link_options, mib, deadline_s, rounds=1):
        with EmulatedLink(LINK, *GIGABIT, *link_options) as link:
            outcome = fetch_over(link, LINK_NODE, mib, rounds, deadline_s)
        self.assertEqual(outcome.code, 0, outcome.describe())
        self.assertEqual(len(outcome.fetches), rounds, outcome.describe())
        for fetch in outcome.fetches:
            self.assertTrue(fetch["right"], outcome.describe())
            self.assertEqual(fetch["bytes_from_peers"], mib * MIB, outcome.describe())
        self.assertGreater(outcome.link_stats["left_to_right"]["bytes"], rounds * mib * MIB, "it came over the link")
        return outcome

    def assert_log(self, outcome, pattern):
        self.assertTrue(any(pattern in line for line in outcome.log), f"no {pattern!r} in:\n{outcome.describe()}")

    def test_a_long_fast_link(self):
        self.fetch(mib=64, deadline_s=60, rounds=2)

    def test_one_packet_in_a_hundred_is_lost(self):
        outcome = self.fetch("--loss=1%", mib=64, deadline_s=240)
        self.assertGreater(outcome.link_stats["left_to_right"]["lost"], 64 * MIB // 1500 // 200)

    def test_an_outage_of_five_seconds_in_the_middle(self):
        outcome = self.fetch("--outage=32MiB:5s", mib=64, deadline_s=120)
        self.assertIn("outage_begins", outcome.link_events)
        self.assertIn("outage_ends", outcome.link_events)
        self.assertGreater(outcome.link_stats["left_to_right"]["outage"], 0)
        self.assert_log(outcome, "no frame has come for")
        self.assert_log(outcome, "data comes again")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    reason = why_not(LINK)
    if reason:
        print(f"not run: {reason}")
        sys.exit(NOT_RUN)
    unittest.main(verbosity=2)
