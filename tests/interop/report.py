"""The table: on the terminal, and as docs/interop.md."""

import datetime
import platform


class Grid:
    """The cells as a table: a row for each case, a column for each pair; reasons as notes below."""

    def __init__(self, cells, passed):
        """`passed` makes the text of a cell that passed."""
        self.pairs = list(dict.fromkeys((cell.dialler, cell.listener) for cell in cells))
        self.notes = {}
        by_place = {(cell.case, cell.dialler, cell.listener): cell for cell in cells}
        self.rows = [(case, [self._text(by_place[case, *pair], passed) for pair in self.pairs])
                     for case in dict.fromkeys(cell.case for cell in cells)]

    def _text(self, cell, passed):
        if cell.outcome == "ok":
            return passed(cell)
        if cell.outcome == "failed":
            return "FAILED"
        note = f"{cell.outcome}: {cell.reason}"
        return f"– ({self.notes.setdefault(note, len(self.notes) + 1)})"

    def note_lines(self):
        return [f"({number}) {note}" for note, number in self.notes.items()]


def print_table(cells):
    grid = Grid(cells, lambda cell: f"{cell.taken_ms:.0f} ms")
    heads = ["case", *(f"{dialler} dials {listener}" for dialler, listener in grid.pairs)]
    rows = [[case, *texts] for case, texts in grid.rows]
    widths = [max(len(text) for text in column) for column in zip(heads, *rows)]
    for row in [heads, ["-" * width for width in widths], *rows]:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    for line in grid.note_lines():
        print(line)


def write_markdown(path, cells, versions):
    grid = Grid(cells, lambda cell: "✓")
    heads = ["case", *(f"{dialler} → {listener}" for dialler, listener in grid.pairs)]
    lines = [
        "# Interoperability",
        "",
        "Our libp2p with the other implementations, each as dialler (left of the arrow) and as listener, over TCP, TLS",
        "or noise, and yamux. Cases that do not name TLS force noise on both sides. Written by `make interop`; tests/interop/cases.py says what each case does, and `ctest -L interop` runs",
        "them all.",
        "",
        f"Run on {datetime.date.today().isoformat()} ({platform.system()} {platform.machine()}) with:",
        "",
        *(f"- {name}: {versions[name]}" for name in versions),
        "",
        *(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *([case, *texts] for case, texts in grid.rows)]),
        "",
        "✓ passed; (n) see below.",
        "",
        *(f"- {line}" for line in grid.note_lines()),
    ]
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
