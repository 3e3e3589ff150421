"""Rows of the table: kept, printed, written as JSON and Markdown, and merged from several runs."""

import json
from dataclasses import asdict, dataclass, field

from bar import judge

NOT_RUN, FAILED, BELOW, PASS = "not run", "failed", "below", "pass"


@dataclass
class Row:
    part: str
    name: str
    figure: float | None = None
    unit: str = ""
    floor: float | None = None
    floor_name: str = ""
    ratio: float | None = None
    ratio_name: str = ""
    bar: str = ""
    verdict: str = ""
    note: str = ""
    details: dict = field(default_factory=dict)

    def is_bad(self):
        return self.verdict in (FAILED, BELOW)


def number(value):
    """Three or four digits that say something."""
    if value is None:
        return ""
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class Sheet:
    """What a benchmark's table is called, which program writes it, and what its figures are held to."""

    title: str
    program: str
    bars: dict


class Results:
    """What one run has found. `device` is "cuda" or "host"."""

    def __init__(self, machine, device, sheet):
        self.machine = machine
        self.device = device
        self.sheet = sheet
        self.rows = []
        # The machine that each part ran on, and when: not one and the same where results were merged.
        self.machines = {}
        self.on_row = lambda row: None

    def add(self, part, name, figure=None, unit="", *, bar=None, **more):
        row = Row(part, name, figure, unit, **more)
        held_to = self.sheet.bars[bar] if bar else None
        row.bar, row.verdict = judge(held_to, figure, row.ratio, self.machine, self.device)
        return self._keep(row)

    def not_run(self, part, name, reason):
        return self._keep(Row(part, name, verdict=NOT_RUN, note=reason))

    def failed(self, part, name, reason):
        return self._keep(Row(part, name, verdict=FAILED, note=reason))

    def _keep(self, row):
        self.rows.append(row)
        self.machines[row.part] = self.machine
        self.on_row(row)
        return row

    def exit_code(self):
        return 1 if any(row.is_bad() for row in self.rows) else 0

    def to_json(self):
        return {"machine": self.machine, "device": self.device, "rows": [asdict(row) for row in self.rows]}

    @staticmethod
    def merged(paths, sheet):
        """Several JSON files in one table. Of a part that was run more than once, the latest run counts."""
        kept = sorted((json.loads(path.read_text(encoding="utf-8")) for path in paths), key=lambda run: run["machine"]["time"])
        results = Results(kept[-1]["machine"], kept[-1]["device"], sheet)
        for run in kept:
            parts = {row["part"] for row in run["rows"]}
            results.rows = [row for row in results.rows if row.part not in parts]
            results.rows += [Row(**fields) for fields in run["rows"]]
            results.machines.update({part: run["machine"] for part in parts})
        return results


HEADS = ("part", "what", "figure", "floor in the same run", "ratio", "bar", "result")


def cells(row):
    figure = f"{number(row.figure)} {row.unit}".strip()
    floor = f"{number(row.floor)} {row.unit}" if row.floor is not None else ""
    if floor and row.floor_name:
        floor += f" ({row.floor_name})"
    ratio = f"{row.ratio:.2f}" if row.ratio is not None and row.ratio < 10 else number(row.ratio)
    if ratio and row.ratio_name:
        ratio += f" {row.ratio_name}"
    verdict = f"{row.verdict}: {row.note}" if row.verdict in (NOT_RUN, FAILED) else row.verdict
    return [row.part, row.name, figure, floor, ratio, row.bar, verdict]


def as_text(row):
    """One row, for people who watch."""
    part, name, figure, floor, ratio, bar, verdict = cells(row)
    line = f"{part:10} {name:66} {figure:>14}"
    line += f"  floor {floor}" if floor else ""
    line += f"  ratio {ratio}" if ratio else ""
    line += f"  bar {bar}" if bar else ""
    line += f"  {verdict}" if verdict else ""
    if row.note and row.verdict not in (NOT_RUN, FAILED):
        line += f"  [{row.note}]"
    return line


def as_table(results):
    lines = [HEADS, *(cells(row) for row in results.rows)]
    widths = [min(70, max(len(line[column]) for line in lines)) for column in range(len(HEADS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines
    )


def _escaped(text):
    return text.replace("|", "\\|").replace("\n", " ")


def as_markdown(results, command):
    machine = results.machine
    lines = [
        f"# {results.sheet.title}",
        "",
        f"Written by `{results.sheet.program}`; do not edit. Floors were measured in the same run as the figure beside them.",
        "",
        f"- device: {machine['device']}, driver {machine['driver']}",
        f"- processor: {machine['processor']}, {machine['cores']} cores; kernel {machine['kernel']}",
        f"- date: {machine['date']}, commit {machine['commit']}",
        f"- command: `{command}`",
    ]
    for part in dict.fromkeys(row.part for row in results.rows):
        ran = results.machines[part]
        lines += ["", f"## {part}", ""]
        if any(ran[key] != machine[key] for key in ("device", "driver", "date", "commit")):
            lines += [f"{ran['device']}, driver {ran['driver']}, {ran['date']}, commit {ran['commit']}", ""]
        lines += ["| " + " | ".join(HEADS[1:]) + " | note |", "|---|" + "---|" * (len(HEADS) - 1)]
        for row in results.rows:
            if row.part == part:
                note = row.note if row.verdict not in (NOT_RUN, FAILED) else ""
                lines.append("| " + " | ".join(_escaped(cell) for cell in [*cells(row)[1:], note]) + " |")
    bad = [row for row in results.rows if row.is_bad()]
    missing = [row for row in results.rows if row.verdict == NOT_RUN]
    lines += ["", f"{len(results.rows)} rows: {len(bad)} failed or below their bar, {len(missing)} not run.", ""]
    return "\n".join(lines)
