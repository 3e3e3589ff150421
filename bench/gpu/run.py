#!/usr/bin/env python3
"""Checks and measures on a machine with a GPU; prints each figure with its floor in the same run, ratio, bar and result.

One command for all of it, or parts of it where a command's time is bounded:

  run.py --out=FOLDER                            every part
  run.py --out=FOLDER --only=kernels,copy        some parts; each writes FOLDER/<parts>.json
  run.py --merge FOLDER/*.json --markdown=FILE   one table of several runs, of each part the latest

What cannot run here is a row "not run: <reason>" and stops nothing; a part that fails stops no other. Exit code 1 if
anything failed or is below its bar. With --device=host everything that can runs on host memory (no speed is judged).
"""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "common"))

# pylint: disable=wrong-import-position
import command
import part_copy
import part_e2e
import part_fetch
import part_kernels
import part_recompute
import part_survive
import part_torch
from bars import BARS
from results import Sheet

SHEET = Sheet("Figures on a GPU", "bench/gpu/run.py", BARS)
# Every part, and the seconds that it may take: at most 540, so that each fits in a command of ten minutes.
PARTS = {
    "kernels": (part_kernels.run_part, 420),
    "copy": (part_copy.run, 180),
    "fetch": (part_fetch.run, 420),
    "recompute": (part_recompute.run, 480),
    "e2e": (part_e2e.run_part, 300),
    "kills": (part_survive.run_kills, 540),
    "aborts": (part_survive.run_disturbances, 420),
    "torch": (part_torch.run_part, 180),
}


if __name__ == "__main__":
    sys.exit(command.main(__doc__, SHEET, PARTS))
