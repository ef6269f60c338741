"""The table at the end of `make mutants`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tools.mutants.room import Mutant

HEAD = ("module", "mutants", "caught", "timed out", "survived", "%")
LEFT_OUT = ("typed",)  # what mypy refuses; no test runs


@dataclass(frozen=True, slots=True)
class Row:
    """A module, or all of them. `survived` counts those that no test reaches or whose test run crashed, too."""

    module: str
    mutants: int
    caught: int
    timed_out: int
    survived: int

    @property
    def share(self) -> float:
        """How many of 100 mutants were noticed."""
        return 100 * (self.caught + self.timed_out) / self.mutants if self.mutants else 100.0

    def cells(self) -> tuple[str, ...]:
        counts = (self.mutants, self.caught, self.timed_out, self.survived)
        return (self.module, *(f"{count:,}" for count in counts), f"{self.share:.1f}")


def row(module: str, mutants: Sequence[Mutant]) -> Row:
    """Count a module's mutants, those that mypy refuses left out."""
    outcomes = Counter(mutant.outcome for mutant in mutants if mutant.outcome not in LEFT_OUT)
    caught, timed_out = outcomes["caught"], outcomes["timed out"]
    return Row(module, outcomes.total(), caught, timed_out, outcomes.total() - caught - timed_out)


def rows(mutants: Sequence[Mutant]) -> list[Row]:
    """A row per file, and the total."""
    paths = sorted({mutant.path for mutant in mutants})
    return [*(row(path, [each for each in mutants if each.path == path]) for path in paths), row("all", mutants)]


def as_text(table: Sequence[Row]) -> str:
    """Align the rows under the head, as a table of Markdown."""
    cells = [HEAD, *(each.cells() for each in table)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(HEAD))]
    lines = [_line(line, widths) for line in cells]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([lines[0], _line(rule, widths), *lines[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *numbers = (
        cell.rjust(width) if n else cell.ljust(width) for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join([first, *numbers])} |"
