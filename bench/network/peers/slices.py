"""Memory of the two Python peers, and what lies in it: slices that differ, so that a misplaced one is found."""

import argparse
import ctypes
import json
import mmap
import os
import random
import sys

# Odd, so that no two of the first slice_bytes slices begin at the same byte of the base.
STEP_BYTES = 4099


class Memory:
    def __init__(self, size, slice_bytes):
        if size % slice_bytes:
            raise SystemExit(f"{size} bytes are not whole slices of {slice_bytes}")
        self.size, self.slice_bytes, self.count = size, slice_bytes, size // slice_bytes
        self._map = mmap.mmap(-1, size)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self._base = random.Random(1).randbytes(slice_bytes) * 2

    def fill(self):
        for number, begin in self._slices():
            self._map[begin:begin + self.slice_bytes] = self._expected(number)

    def clear(self):
        zeros = bytes(self.slice_bytes)
        for _, begin in self._slices():
            self._map[begin:begin + self.slice_bytes] = zeros

    def check(self):
        for number, begin in self._slices():
            if self._map[begin:begin + self.slice_bytes] != self._expected(number):
                raise SystemExit(f"slice {number} differs from what was served")

    def parts(self, count):
        """The numbers of the slices, as ranges that are as equal as can be."""
        edges = [self.count * n // count for n in range(count + 1)]
        return [range(begin, end) for begin, end in zip(edges, edges[1:])]

    def _expected(self, number):
        at = number * STEP_BYTES % self.slice_bytes
        return self._base[at:at + self.slice_bytes]

    def _slices(self):
        return ((number, number * self.slice_bytes) for number in range(self.count))


def arguments(add):
    """`add` adds the program's own options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["serve", "fetch"])
    parser.add_argument("--bytes", type=int, required=True)
    parser.add_argument("--slice-bytes", type=int, default=1 << 20)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--address", type=json.loads)
    add(parser)
    return parser.parse_args()


def take_standard_output():
    """Keeps standard output for lines of ours: the libraries' own words go to the log. Returns what prints one."""
    ours = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return lambda **fields: print(json.dumps(fields), file=ours)


def wait_for_end():
    sys.stdin.read()
