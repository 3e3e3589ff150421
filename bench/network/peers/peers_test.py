#!/usr/bin/env python3
"""What makes a figure of one of the others a figure: the bytes came, and TCP carried them."""

import os
import socket
import sys
import tempfile
import types
import unittest

import best
import nixl_ucx
import slices
import tcp_sockets
from party import Party, PeerFailed

SLICE_BYTES = 4096
SAYS_LINES = "import sys\nprint('{}', flush=True)\nfor line in sys.stdin: print(line)"


class Slices(unittest.TestCase):
    def setUp(self):
        self.memory = slices.Memory(8 * SLICE_BYTES, SLICE_BYTES)
        self.memory.fill()

    def test_what_was_filled_is_right(self):
        self.memory.check()

    def test_what_did_not_come_is_found(self):
        self.memory.clear()
        with self.assertRaises(SystemExit):
            self.memory.check()

    def test_slices_that_changed_places_are_found(self):
        view = self.memory._map  # pylint: disable=protected-access
        first = view[:SLICE_BYTES]
        view[:SLICE_BYTES] = view[SLICE_BYTES:2 * SLICE_BYTES]
        view[SLICE_BYTES:2 * SLICE_BYTES] = first
        with self.assertRaises(SystemExit):
            self.memory.check()

    def test_parts_are_all_slices_once(self):
        self.assertEqual([n for part in self.memory.parts(3) for n in part], list(range(8)))


class Proof(unittest.TestCase):
    def test_counts_what_tcp_carried(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with socket.create_connection(listener.getsockname()) as one, listener.accept()[0] as other:
                other.sendall(bytes(5000))
                self.assertEqual(len(one.recv(5000, socket.MSG_WAITALL)), 5000)
                self.assertIn(5000, [count[2] for count in tcp_sockets.received(os.getpid())])

    def test_what_did_not_come_by_tcp_is_refused(self):
        with self.assertRaises(RuntimeError):
            tcp_sockets.proof(os.getpid(), 1 << 40)

    def test_another_transport_of_ucx_is_refused(self):
        for lanes, passes in (("rma_am(tcp/lo) am(tcp/lo)", True), ("rma(posix/memory) am(tcp/lo)", False), ("", False)):
            with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
                log.write(f"[1.0] [vm:1:0] ucp_worker.c:1 UCX  INFO  c intra-node cfg#1 {lanes}\n")
                log.flush()
                if passes:
                    self.assertIn("tcp/lo", nixl_ucx.check_log(log.name))
                else:
                    with self.assertRaises(RuntimeError):
                        nixl_ucx.check_log(log.name)


class Processes(unittest.TestCase):
    def test_one_that_ends_is_an_error_not_a_wait(self):
        with open(os.devnull, "w", encoding="utf-8") as log:
            party = Party("fetch", [sys.executable, "-c", "pass"], {}, log)
            with self.assertRaises(PeerFailed):
                party.next_line(60)
            party.close()

    def test_one_that_is_silent_is_ended(self):
        with open(os.devnull, "w", encoding="utf-8") as log:
            party = Party("fetch", [sys.executable, "-c", SAYS_LINES], {}, log)
            self.assertEqual(party.next_line(60), {})
            with self.assertRaises(PeerFailed):
                party.next_line(0.01)
            party.close()
            self.assertFalse(os.path.exists(f"/proc/{party.pid}"))

    def test_when_no_way_works_it_says_what_was_tried(self):
        way = types.SimpleNamespace(name="nothing", serve=("false",), fetch=("false",), environment=(),
                                    described=lambda: "false")
        module = types.SimpleNamespace(NAME="nobody", ways=lambda *_: [way], environment=dict)
        with tempfile.TemporaryDirectory() as folder:
            os.environ["KVP2P_BENCH_PEERS_LOGS"] = folder
            with self.assertRaisesRegex(PeerFailed, "ended with status"):
                best.choose(module, 4096, 4096, 1)


if __name__ == "__main__":
    unittest.main()
