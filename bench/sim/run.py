#!/usr/bin/env python3
"""Simulates clusters of whole nodes; prints what a node holds and sends, and how many look-ups succeed.

  run.py --markdown=docs/sim.md                  100, 1,000 and 10,000 nodes (three to four hours of a core, and 13 GiB of memory)
  run.py --sizes=100,1000 --markdown=docs/sim.md
  run.py --quick --unjudged                      does it work at all
"""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "common"))

# pylint: disable=wrong-import-position
import command
import part_sim
from bars import BARS
from results import Sheet

SHEET = Sheet("Figures of simulated clusters", "bench/sim/run.py", BARS)
PARTS = {"sim": (part_sim.run, 6 * 3600)}


def add_options(parser):
    parser.add_argument("--sizes", default="100,1000,10000", metavar="N,…", help="nodes (default: %(default)s)")
    parser.add_argument("--nodes-per-model", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--printed", type=pathlib.Path, nargs="+", default=[], metavar="FILE",
                        help="no run: what sim_bench has printed, with durations of one's own")
    parser.add_argument("--unjudged", action="store_true", help="hold nothing to a bar")


if __name__ == "__main__":
    sys.exit(command.main(__doc__, SHEET, PARTS, add_options))
