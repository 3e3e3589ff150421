"""What a figure is held to. The bars themselves are in the bars.py of each benchmark.

A bar looks at a row's ratio or at its figure. Where it is not judged its text is in the table all the same.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """`of` is "ratio" or "figure"; at least (or at most) `value`."""

    of: str
    at_least: bool
    value: float
    unit: str = ""
    # Judged on host memory too.
    everywhere: bool = False
    # Judged on a machine with so many cores or more.
    cores_min: int = 0

    def text(self):
        unit = f" {self.unit}" if self.unit else ""
        where = f" on {self.cores_min} cores" if self.cores_min else ""
        return f"{'≥' if self.at_least else '≤'} {self.value:g}{unit}{where}"

    def passes(self, row_value):
        return row_value >= self.value if self.at_least else row_value <= self.value

    def is_judged_on(self, machine, device):
        return (device != "host" or self.everywhere) and machine["cores"] >= self.cores_min


def judge(bar, figure, ratio, machine, device):
    """(bar's text, verdict): "pass", "below", or "" where nothing is judged. `bar` may be None."""
    if bar is None:
        return "", ""
    if not bar.is_judged_on(machine, device):
        return bar.text(), ""
    return bar.text(), "pass" if bar.passes(ratio if bar.of == "ratio" else figure) else "below"
