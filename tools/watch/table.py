"""The picture on the terminal, drawn from the state alone: a header, as many quotes as fit, a footer."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from cadfeed_client import Book, Link, Quote
from tools.watch.prices import age_text, change_text, percent_text, price_text
from tools.watch.status import Status

Sort = Literal["feed", "symbol", "spot", "change", "change_pct", "age"]
SORTS: tuple[Sort, ...] = ("feed", "symbol", "spot", "change", "change_pct", "age")
SIMULATED = " SIMULATED: not the live market's prices "
LINK_STYLES = {Link.LIVE: "bold green"} | dict.fromkeys((Link.CONNECTING, Link.STALE, Link.POLLING), "bold yellow")
NOT_WELL = "bold red"
MIN_SOURCE_WIDTH = 12
GAP = 2
SVG_FONTS = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace'


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, its cell, and its rank. A narrow window drops the highest rank first."""

    title: str
    rank: int
    cell: Callable[[Quote, int], Text]


def _number(text: str, style: str = "") -> Text:
    return Text(text, style=style, justify="right")


def _direction(change: Decimal) -> str:
    return "" if change.is_zero() else "green" if change > 0 else "red"


def _age(quote: Quote, now_ms: int) -> Text:
    age = age_text(now_ms - quote.ts_ms)
    return _number(f"stale {age}" if quote.stale else age)


COLUMNS = (
    Column("symbol", 0, lambda quote, _: Text(quote.symbol, style="bold")),
    Column("bid", 4, lambda quote, _: _number(price_text(quote.bid))),
    Column("ask", 5, lambda quote, _: _number(price_text(quote.ask))),
    Column("spot", 1, lambda quote, _: _number(price_text(quote.spot), "bold")),
    Column("change", 6, lambda quote, _: _number(change_text(quote.change, quote.spot), _direction(quote.change))),
    Column("change %", 2, lambda quote, _: _number(percent_text(quote.change_pct), _direction(quote.change_pct))),
    Column("age", 3, _age),
    Column("sources", 7, lambda quote, _: _number(str(quote.sources), "yellow" if quote.sources == 1 else "")),
    Column("source", 8, lambda quote, _: Text(quote.source, style="dim", no_wrap=True, overflow="ellipsis")),
)


def picture(
    book: Book, status: Status, now_ms: int, size: tuple[int, int], *, sort: Sort = "feed", rows: int | None = None
) -> RenderableType:
    """Return the picture for a terminal of `size` (columns, lines), with at most `rows` quotes if given."""
    width, height = size
    quotes = ordered(book, sort)
    top = [_line(line, width) for line in _header(book, status, now_ms, width)]
    bottom = [_line(line, width) for line in _footer(book, width)]
    # The table's own title line and the line that says how many more there are.
    room = max(1, height - len(top) - len(bottom) - 2)
    shown = quotes[: min(room, rows or room)]
    more = len(quotes) - len(shown)
    if more:
        bottom.insert(0, _line(Text(f"... and {more} more (see --rows, --symbols, --sort)", style="dim"), width))
    return Group(*top, _table(shown, now_ms, width), *bottom)


def ordered(book: Book, sort: Sort) -> list[Quote]:
    """Return the book's quotes in the feed's order or sorted: numbers from the highest, ages from the youngest."""
    rank = {symbol: place for place, symbol in enumerate(book.order)}
    quotes = sorted(book.quotes.values(), key=lambda quote: (rank.get(quote.symbol, len(rank)), quote.symbol))
    match sort:
        case "symbol":
            return sorted(quotes, key=lambda quote: quote.symbol)
        case "age":
            return sorted(quotes, key=lambda quote: -quote.ts_ms)
        case "spot":
            return sorted(quotes, key=lambda quote: -quote.spot)
        case "change":
            return sorted(quotes, key=lambda quote: -quote.change)
        case "change_pct":
            return sorted(quotes, key=lambda quote: -quote.change_pct)
        case "feed":
            return quotes


def screenshot(book: Book, status: Status, now_ms: int, *, width: int, sort: Sort, rows: int) -> str:
    """Return the picture as an SVG that loads nothing from elsewhere."""
    console = Console(
        record=True,
        width=width,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(picture(book, status, now_ms, (width, rows + 20), sort=sort, rows=rows))
    svg = console.export_svg(title="python -m tools.watch", unique_id="cadfeed")
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, monospace", SVG_FONTS).replace(
        "<!-- Generated with Rich https://www.textualize.io -->", ""
    )


def _header(book: Book, status: Status, now_ms: int, width: int) -> list[Text]:
    parts = [
        Text(f"● {status.words(now_ms)}", style=LINK_STYLES.get(status.state.link, NOT_WELL)),
        Text(status.target.url),
        Text(f"{len(book.quotes)} quotes"),
        Text(f"{status.updates_per_s(now_ms):.1f} updates/s"),
        Text(f"seq {book.seq}"),
    ]
    lines = _packed(parts, width)
    for word, style in (("suspect", "yellow"), ("down", "dim")):
        if sources := book.status.that_are(word):
            lines.extend(Text(line, style=style) for line in _wrapped(f"{word}: {' '.join(sources)}", width))
    if any(quote.simulated for quote in book.quotes.values()):
        mark = SIMULATED if len(SIMULATED) <= width else SIMULATED.split(":")[0]
        lines.insert(0, Text(mark.center(width), style="bold #000000 on #ffd33d"))
    if status.reason:
        lines.extend(Text(line, style="red") for line in _wrapped(status.reason, width))
    if status.notice:
        lines.extend(Text(line, style="yellow") for line in _wrapped(status.notice, width))
    return lines


def _footer(book: Book, width: int) -> list[Text]:
    if not book.unavailable:
        return []
    text = f"unavailable ({len(book.unavailable)}): {' '.join(sorted(book.unavailable))}"
    return [Text(line, style="dim") for line in _wrapped(text, width)]


def _table(quotes: Sequence[Quote], now_ms: int, width: int) -> Table:
    cells = {column.title: [column.cell(quote, now_ms) for quote in quotes] for column in COLUMNS}
    widths = {title: max([cell_len(title), *(cell.cell_len for cell in of)]) for title, of in cells.items()}
    widths["source"] = min(widths["source"], MIN_SOURCE_WIDTH)
    columns = sorted(COLUMNS, key=lambda column: column.rank)
    while len(columns) > 1 and sum(widths[column.title] + GAP for column in columns) - GAP > width:
        columns.pop()

    kept = [column for column in COLUMNS if column in columns]
    source_width = width - sum(widths[column.title] + GAP for column in kept if column.title != "source")
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold underline")
    for column in kept:
        table.add_column(
            column.title,
            justify="left" if column.title in {"symbol", "source"} else "right",
            max_width=source_width if column.title == "source" else None,
            no_wrap=True,
            overflow="ellipsis",
        )
    for place, quote in enumerate(quotes):
        table.add_row(*(cells[column.title][place] for column in kept), style="dim" if quote.stale else "")
    return table


def _line(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    text.no_wrap = True
    return text


def _packed(parts: Sequence[Text], width: int) -> list[Text]:
    lines = [parts[0]]
    for part in parts[1:]:
        if lines[-1].cell_len + GAP + part.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], " " * GAP, part)
        else:
            lines.append(part)
    return lines


def _wrapped(text: str, width: int, most: int = 3) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1][: width - 4]} ..."]
