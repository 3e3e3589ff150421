#!/usr/bin/env python3
"""Measures the network path; prints each figure with its floor or peer in the same run, ratio, bar and result.

One command for all of it, or parts of it where a command's time is bounded:

  run.py --out=FOLDER                            every part
  run.py --out=FOLDER --only=get,serve           some parts; each writes FOLDER/<parts>.json
  run.py --merge FOLDER/*.json --markdown=docs/network.md   one table of several runs, of each part the latest

What cannot run here is a row "not run: <reason>" and stops nothing; a part that fails stops no other. Exit code 1 if
anything failed or is below its bar. Needs no privilege but for part `link`, which makes network namespaces.
"""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "common"))

# pylint: disable=wrong-import-position
import command
import part_fixed
import part_get
import part_gpu
import part_link
import part_peers
import part_serve
from bars import BARS
from results import Sheet

SHEET = Sheet("Figures of the network path", "bench/network/run.py", BARS)
# Every part, and the seconds that it may take: at most 540, so that each fits in a command of ten minutes.
PARTS = {
    "get": (part_get.run, 300),
    "gpu": (part_gpu.run, 180),
    "peers": (part_peers.run, 480),
    "link": (part_link.run, 300),
    "serve": (part_serve.run, 240),
    "fixed": (part_fixed.run, 120),
}


def add_options(parser):
    parser.add_argument("--mib", type=int, metavar="N",
                        help="of KV in part get, a multiple of 32 (default: 4096, or 512 on a small machine)")


if __name__ == "__main__":
    sys.exit(command.main(__doc__, SHEET, PARTS, add_options))
