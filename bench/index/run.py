#!/usr/bin/env python3
"""Measures the index of who holds which block; prints each figure with its floor in the same run, ratio, bar and result.

  run.py --markdown=docs/index.md        the whole: 20,000,000 pairs of block and holder (900 MB of memory, a minute)
  run.py --quick --unjudged              does it work at all
"""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "common"))

# pylint: disable=wrong-import-position
import command
import part_index
from bars import BARS
from results import Sheet

SHEET = Sheet("Figures of the index", "bench/index/run.py", BARS)
PARTS = {"index": (part_index.run, 540)}


def add_options(parser):
    parser.add_argument("--pairs", type=int, metavar="N", help="pairs of block and holder (default: 20,000,000)")
    parser.add_argument("--unjudged", action="store_true", help="hold times, rates and memory to no bar")


if __name__ == "__main__":
    sys.exit(command.main(__doc__, SHEET, PARTS, add_options))
