"""A result as a table on the terminal, and as Markdown in the generated part of docs/benchmarks.md."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.bench.workload import ROOT

DOCUMENT = ROOT / "docs" / "benchmarks.md"


@dataclass(slots=True)
class Report:
    """A titled table with notes below it. The first column is text, the others are numbers."""

    title: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def show(self, console: Console) -> None:
        table = Table(title=self.title, title_justify="left", box=None, header_style="underline", pad_edge=False)
        for position, column in enumerate(self.columns):
            table.add_column(column, justify="right" if position else "left")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)
        for note in self.notes:
            console.print(note, style="dim", markup=False)
        console.print()

    def markdown(self) -> str:
        lines = [f"### {self.title}", "", _row(self.columns), _row(["---", *["---:"] * (len(self.columns) - 1)])]
        lines += [_row(row) for row in self.rows]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines)


def write(part: str, text: str, document: Path = DOCUMENT) -> None:
    """Replace the text between the markers of a part.

    Raises:
        ValueError: the document has no such part.
    """
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    before, found, rest = document.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{document} lacks the markers {begin} and {end}; add them")
    document.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def rounded(value: float, digits: int = 3) -> str:
    """Return a number with that many significant digits, commas for thousands and no exponent."""
    if value == 0:
        return "0"
    places = max(0, digits - 1 - _magnitude(value))
    return f"{round(value, digits - 1 - _magnitude(value)):,.{places}f}"


def _magnitude(value: float) -> int:
    return int(f"{value:e}".rpartition("e")[2])
