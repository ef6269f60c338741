"""An explanation of a price as a table: the markets in the feed's order, each with its verdict."""

from decimal import Decimal, localcontext

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cadfeed_client import Candidate, Explanation
from shared.model.wire import EXACT
from tools.watch.prices import age_text, percent_text, price_text

STYLES = {"taken": "bold green", "passed_over": "", "held": "yellow", "unusable": "dim"}
RIGHT = frozenset({"price", "CAD", "off", "age"})
COLUMNS = ("market", "price", "in", "CAD", "off", "age", "vote", "verdict", "why", "rate")
OLD_LAST = "last trade outside its book"


def explained(explanation: Explanation) -> RenderableType:
    """Return the explanation to show: the reference and how many agree, then a line per market."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in RIGHT else "left", no_wrap=True)
    for candidate in explanation.candidates:
        table.add_row(*_cells(candidate, explanation.reference), style=STYLES.get(candidate.verdict, ""))
    return Group(Text(_summary(explanation), style="bold"), table)


def off_percent(price: Decimal, reference: Decimal) -> Decimal:
    """Return a price's distance from the reference, in percent of it."""
    with localcontext(EXACT):
        return ((price - reference) * 100 / reference).quantize(Decimal("0.0001"))


def _summary(explanation: Explanation) -> str:
    parts = [explanation.symbol]
    if explanation.reference is None:
        parts.append("no market votes")
    else:
        parts.append(f"reference {price_text(explanation.reference)}")
        if explanation.dispersion is not None:
            parts.append(f"dispersion {explanation.dispersion * 100:.4f}%")
    parts.append(f"band {(explanation.band * 100).normalize():f}%")
    parts.append(f"{explanation.sources} {'source agrees' if explanation.sources == 1 else 'sources agree'}")
    if explanation.change_at_current_rate:
        parts.append("change at the current rate")
    return "  ".join([*parts, f"seq {explanation.seq}"])


def _cells(candidate: Candidate, reference: Decimal | None) -> list[str]:
    price, in_cad = candidate.price, candidate.price_cad
    why = candidate.reason.replace("_", " ")
    return [
        f"{candidate.source}:{candidate.market}",
        "-" if price is None else price_text(price),
        candidate.currency,
        "-" if in_cad is None else price_text(in_cad),
        percent_text(off_percent(in_cad, reference)) if in_cad and reference else "-",
        "-" if candidate.age_ms is None else age_text(candidate.age_ms),
        "yes" if candidate.vote else "no",
        candidate.verdict.replace("_", " "),
        f"{why}, {OLD_LAST}" if candidate.old_last else why,
        candidate.rate_source,
    ]
