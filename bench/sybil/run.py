#!/usr/bin/env python3
"""Measures what 200 hostile peers cost a node: liars, refusers, junkers, forgers and flooders, as many of each.

  run.py                                 the whole (docs/sybil.md says what came of it)
  run.py --quick --unjudged              does it work at all
"""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "common"))

# pylint: disable=wrong-import-position
import command
import part_sybil
from bars import BARS
from results import Sheet

SHEET = Sheet("A node among hostile peers", "bench/sybil/run.py", BARS)
PARTS = {"hostile-peers": (part_sybil.run_kept, 1800), "new-identities": (part_sybil.run_new, 1800)}


def add_options(parser):
    parser.add_argument("--unjudged", action="store_true", help="hold times and rates to no bar")


if __name__ == "__main__":
    sys.exit(command.main(__doc__, SHEET, PARTS, add_options))
