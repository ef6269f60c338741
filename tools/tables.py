"""Generated tables and pictures in the documents: `python -m tools.tables` updates them from the code.

In a document a table is between `<!-- NAME: made by python -m tools.tables -->` and `<!-- /NAME -->`.
"""

import re
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

from shared.model.assets import market_names
from shared.model.channels import RATES
from shared.sources.all_sources import SOURCES
from shared.sources.settings import source_settings
from shared.sources.upstream import Source
from tools import accepted_findings
from tools.checkov import accepted
from tools.cost import floods, hostile, page
from tools.cost.crossover import Cheaper
from tools.cost.designs import ALTERNATIVES, Design, Service, bill
from tools.cost.plot import plot
from tools.cost.report import ALWAYS_SHOWN, as_text, crossovers
from tools.cost.workload import Options, most_connections
from tools.message_prices import message_prices, most_of_a_connection

ROOT = Path(__file__).parents[1]


def sources() -> str:
    """Return a row per source: its markets in the catalogue, its pace and its settings."""
    settings: dict[str, list[str]] = {}
    for setting in source_settings():
        settings.setdefault(setting.source, []).append(f"`{setting.name}`")
    rows = ["| source | markets | asked | settings |", "|---|---:|---|---|"]
    for source in (make() for make in SOURCES):
        markets = len(market_names(source.name)) or "USD/CAD"
        rows.append(f"| `{source.name}` | {markets} | {_pace(source)} | {', '.join(settings[source.name])} |")
    return "\n".join(rows)


def _pace(source: Source) -> str:
    if not source.poll_every_ms:
        return "every tick"
    pace = f"every {source.poll_every_ms // 1000} s"
    return pace + (f", with a key every {source.plan(source.base_url).poll_every_ms // 1000} s" if source.plan else "")


def bill_of_this_design() -> str:
    """Return a row per number of clients: its dollars per month."""
    rows = ["| clients | US dollars per month | messages alone | transfer alone |", "|---|---|---|---|"]
    for connections in (0, *ALWAYS_SHOWN):
        made = bill(Design.THIS, Options(connections))
        shares = (made[Service.MESSAGES], made[Service.TRANSFER])
        cells = [f"{made.total:,.2f}", *(f"{dollars:,.2f}" if dollars else "-" for dollars in shares)]
        number = f"{connections:,}" if connections else "none"
        rows.append(f"| {' | '.join((number, *cells))} |")
    return "\n".join(rows)


def bills() -> str:
    """Return the output of `make cost` as a code block."""
    return f"```\n{as_text(Options(1_000))}```"


def page_hours() -> str:
    """Return a row per thing that a visitor of the page does: the dollars of a thousand of it."""
    lines = ["| a thousand times | US dollars |", "|---|---:|"]
    return "\n".join([*lines, *(f"| {what} | {dollars:,.3f} |" for what, dollars in page.rows())])


def cheapest() -> str:
    """Return a row per deployment: from how many connections on each other design is cheaper, and where quota ends."""
    heads = [design.value for design in SHOWN]
    rows = [
        f"| `make cost` with | {' | '.join(heads)} | default quota ends at |",
        "|---" * (len(heads) + 2) + "|",
    ]
    for argument, options in DEPLOYMENTS.items():
        found = crossovers(options)
        cells = [" and ".join(map(_range, found[design])) or "never" for design in SHOWN]
        rows.append(f"| {argument} | {' | '.join(cells)} | {most_connections(options):,} |")
    return "\n".join(rows)


def _range(found: Cheaper) -> str:
    return f"{found.first:,} to {found.last:,}" if found.last else f"{found.first:,}"


SHOWN = ALTERNATIVES
DEPLOYMENTS = {
    "(nothing)": Options(1_000),
    "`TICK=1`": Options(1_000, 1),
    "`TICK=60`": Options(1_000, 60),
    "`ARGS='--symbols 20'`": Options(1_000, symbols=20),
    "`ARGS='--symbols 1'`": Options(1_000, symbols=1),
    "`ARGS='--hours 2'`": Options(1_000, hours=Decimal(2)),
    "`ARGS='--quiet 50'`": Options(1_000, quiet=Decimal("0.5")),
    "`ARGS=--no-site`": Options(1_000, site=False),
    f"`CHANNEL={RATES}`": Options(1_000, channel=RATES),
}
TABLES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {"sources": sources, "bill": bill_of_this_design},
    "docs/operations.md": {"hostile": hostile.table, "floods": floods.table},
    "docs/protocol.md": {"prices": message_prices, "most-of-a-connection": most_of_a_connection},
    "docs/scaling.md": {"bills": bills, "cheapest": cheapest, "page-hours": page_hours},
}
# They take the time of a synthesis.
OF_STACKS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "docs/security.md": {"nag": accepted_findings.of_every_part, "checkov": accepted.table}
}
PICTURES: Mapping[str, Callable[[], str]] = {"docs/scaling.svg": lambda: plot(Options(1_000))}


def renewed(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Return the document with up-to-date tables.

    Raises:
        ValueError: the document lacks the markers of a table.
    """
    for name, table in tables.items():
        place = re.search(rf"<!-- {name}: [^>]* -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
        if not place:
            raise ValueError(f"the table needs the markers <!-- {name}: … --> and <!-- /{name} -->; add them")
        text = f"{text[: place.start(1)]}\n{table()}\n\n{text[place.end(1) :]}"
    return text


def main(*, of_stacks: bool = True) -> None:
    """Write every table and picture, and print which documents changed. `of_stacks`: also those that need stacks."""
    for name, tables in {**TABLES, **(OF_STACKS if of_stacks else {})}.items():
        path = ROOT / name
        before = path.read_text(encoding="utf-8")
        after = renewed(before, tables)
        path.write_text(after, encoding="utf-8")
        _tell(name, before, after)
    for name, picture in PICTURES.items():
        before = (ROOT / name).read_text(encoding="utf-8")
        after = picture()
        (ROOT / name).write_text(after, encoding="utf-8")
        _tell(name, before, after)


def _tell(name: str, before: str, after: str) -> None:
    print(f"{name}: {'unchanged' if after == before else 'updated'}", file=sys.stderr)


if __name__ == "__main__":
    main()
