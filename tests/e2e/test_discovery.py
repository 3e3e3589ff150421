#!/usr/bin/env python3
"""Five nodes with nothing but multicast DNS, and five with one address, find each other and each other's blocks."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "discovery"))

import netns  # noqa: E402
import nodes  # noqa: E402

NOT_RUN = 77
NODES = 5


class Discovery(unittest.TestCase):
    def find_each_other(self, way):
        switch = nodes.Switch(NODES)
        self.addCleanup(switch.remove)
        cluster = nodes.Cluster(nodes.program_path(), way, NODES, switch)
        try:
            cluster.wait_until_all_know_all()
            for holder in range(NODES):
                self.assertEqual(len(cluster.spread(holder, number=holder + 1)), NODES - 1)
        finally:
            cluster.end()

    def test_by_nothing_but_multicast_dns(self):
        self.find_each_other("mdns")

    def test_by_the_address_of_one_of_them(self):
        self.find_each_other("bootstrap")

    def test_by_the_dht_and_gossip(self):
        self.find_each_other("gossip")


if __name__ == "__main__":
    reason = netns.why_not()
    if reason:
        print(f"not run: {reason}")
        sys.exit(NOT_RUN)
    nodes.program_path()
    unittest.main(verbosity=2)
