"""The tables: on the terminal, and in docs/interop.md."""

import datetime
import platform


class Notes:
    """What cells have to say besides that they passed, as numbered notes below a table."""

    def __init__(self):
        self._numbers = {}

    def text(self, cell, passed="✓"):
        if cell.outcome == "ok":
            return passed
        if cell.outcome == "failed":
            return "FAILED"
        note = f"{cell.outcome}: {cell.reason}"
        return f"– ({self._numbers.setdefault(note, len(self._numbers) + 1)})"

    def lines(self):
        return [f"({number}) {note}" for note, number in self._numbers.items()]


class Grid:
    """The cells as a table: a row for each case, a column for each pair; reasons as notes below."""

    def __init__(self, cells, passed=lambda cell: "✓"):
        """`passed` makes the text of a cell that passed."""
        self.pairs = list(dict.fromkeys((cell.dialler, cell.listener) for cell in cells))
        self.notes = Notes()
        by_place = {(cell.case, cell.dialler, cell.listener): cell for cell in cells}
        self.rows = []
        for case in dict.fromkeys(cell.case for cell in cells):
            in_row = [by_place[case, *pair] for pair in self.pairs]
            self.rows.append([case, *(self.notes.text(cell, passed(cell)) for cell in in_row)])


def print_table(cells):
    grid = Grid(cells, lambda cell: f"{cell.taken_ms:.0f} ms")
    heads = ["case", *(f"{dialler} dials {listener}" for dialler, listener in grid.pairs)]
    widths = [max(len(text) for text in column) for column in zip(heads, *grid.rows)]
    for row in [heads, ["-" * width for width in widths], *grid.rows]:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    for line in grid.notes.lines():
        print(line)


def markdown_table(heads, rows, notes):
    """Its lines, and those of the notes."""
    lines = [f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows]]
    if notes.lines():
        lines += ["", *(f"- {line}" for line in notes.lines())]
    return lines


def write_markdown(path, cells, versions):
    grid = Grid(cells)
    heads = ["case", *(f"{dialler} → {listener}" for dialler, listener in grid.pairs)]
    lines = [
        "# Interoperability",
        "",
        "Our libp2p with the other implementations. Written by `make interop`; tests/interop/README.md says what runs, and",
        "`ctest -L interop` runs it all.",
        "",
        f"Run on {datetime.date.today().isoformat()} ({platform.system()} {platform.machine()}) with:",
        "",
        *(f"- {name}: {versions[name]}" for name in versions),
        "",
        "In the tables ✓ is for passed; (n) see below.",
        "",
        "## In pairs",
        "",
        "Each as dialler (left of the arrow) and as listener, over TCP, TLS or noise, and yamux. Cases that do not name TLS",
        "force noise on both sides.",
        "",
        *markdown_table(heads, grid.rows, grid.notes),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def append_matrix(path, matrix, cells):
    notes = Notes()
    by_place = {(cell.row, cell.column): cell for cell in cells}
    columns = list(dict.fromkeys(cell.column for cell in cells))
    rows = [[*row, *(notes.text(by_place[row, column]) for column in columns)]
            for row in dict.fromkeys(cell.row for cell in cells)]
    lines = ["", f"## {matrix.title}", "", matrix.text, "", *markdown_table([*matrix.heads, *columns], rows, notes)]
    with open(path, "a", encoding="utf-8") as document:
        document.write("\n".join(lines) + "\n")
