#!/usr/bin/env python3
"""The network benchmark's pure parts: bars, medians, taking turns, sizes; and that the thin wire changes no byte."""

import pathlib
import socket
import sys
import threading
import types
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "common"))

# pylint: disable=wrong-import-position
import pairs
import run
import sizes
from bars import BARS, GPU_MACHINE_CORES
from results import Results
from slow_proxy import SlowProxy

MACHINE = {"device": "d", "driver": "1", "processor": "p", "cores": GPU_MACHINE_CORES, "kernel": "k", "date": "d", "commit": "c",
           "time": 1.0, "gpus": 0}


def fresh(**fields):
    return Results({**MACHINE, **fields}, "host", run.SHEET)


class Bars(unittest.TestCase):
    def test_every_bar_says_what_it_looks_at(self):
        for name, bar in BARS.items():
            self.assertIn(bar.of, ("ratio", "figure"), name)
            self.assertRegex(bar.text(), "^[≤≥] ")

    def test_the_network_is_judged_without_a_gpu(self):
        self.assertEqual(fresh().add("get", "a", 1, bar="get", ratio=0.75).verdict, "pass")
        self.assertEqual(fresh().add("get", "a", 1, bar="get", ratio=0.74).verdict, "below")
        self.assertEqual(fresh().add("fixed", "a", 1001, bar="connection_up").verdict, "below")

    def test_what_was_set_for_many_cores_is_not_judged_on_few(self):
        row = fresh(cores=2).add("get", "a", 1, bar="get", ratio=0.5)
        self.assertEqual((row.verdict, row.bar), ("", "≥ 0.75 on 16 cores"))

    def test_every_part_fits_in_a_command(self):
        for _, seconds in run.PARTS.values():
            self.assertLessEqual(seconds, 540)


class Contender:
    def __init__(self, told, name):
        self._told, self._name = told, name
        self.bytes, self._cpu = 10**9, 0.0

    def run(self):
        self._told.append(self._name)
        self._cpu += 3.0
        return len(self._told)

    def cpu_s(self):
        return self._cpu


class Turns(unittest.TestCase):
    def test_all_run_in_each_round_in_an_order_that_changes(self):
        told = []
        series = pairs.interleave({name: Contender(told, name) for name in "abc"}, 3)
        self.assertEqual("".join(told), "abc" + "abc" + "bca" + "cab")
        self.assertEqual(series["a"].seconds, [4, 9, 11])

    def test_warming_up_does_not_count(self):
        series = pairs.interleave({"a": Contender([], "a")}, 2, warm_ups=5)["a"]
        self.assertEqual((series.seconds, series.cpu_s), ([6, 7], 6.0))
        self.assertEqual(series.cpu_s_per_gb(), 3.0)

    def test_a_rate_is_that_of_the_median_run(self):
        self.assertEqual(pairs.Series([2.0, 1.0, 40.0], 0, 4 * 10**9).rate(), 2.0)


class Sizes(unittest.TestCase):
    def test_what_was_asked_for_is_moved(self):
        self.assertEqual(sizes.get_mib(types.SimpleNamespace(mib=96, quick=False)), 96)

    def test_quick_is_small(self):
        self.assertEqual(sizes.get_mib(types.SimpleNamespace(mib=None, quick=True)), sizes.SMALL_MIB)


class ThinWire(unittest.TestCase):
    def test_bytes_pass_both_ways_unchanged_and_are_counted(self):
        payload = bytes(range(256)) * 1000
        with socket.create_server(("127.0.0.1", 0)) as listener, \
                SlowProxy(listener.getsockname()[1], bytes_per_second=1 << 30) as proxy:
            received = bytearray()

            def serve():
                peer, _ = listener.accept()
                with peer:
                    received.extend(peer.recv(5, socket.MSG_WAITALL))
                    peer.sendall(payload)

            server = threading.Thread(target=serve)
            server.start()
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
                client.sendall(b"hello")
                got = bytearray()
                while piece := client.recv(1 << 16):
                    got += piece
            server.join(20)
            self.assertEqual((bytes(received), bytes(got)), (b"hello", payload))
            self.assertEqual((proxy.forwarded_bytes, proxy.connections), (len(payload), 1))


if __name__ == "__main__":
    unittest.main()
