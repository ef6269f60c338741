"""The bills as a table for people and as JSON for programs."""

from collections.abc import Iterable
from dataclasses import asdict
from decimal import Decimal
from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table

from shared.model.channels import RATES, RATES_COMPACT
from tools.cost import measured, prices
from tools.cost.crossover import STEPS, Cheaper, cheaper
from tools.cost.designs import ALTERNATIVES, Bill, Design, Service, bill
from tools.cost.page import one_more
from tools.cost.workload import Options, most_connections, workload

ALWAYS_SHOWN = (100, 1_000, 10_000, 100_000)
MB = 1_000_000
WIDTH = 192  # where the table goes to a file or another program: nothing is cut off
WARN_AT = Decimal("0.7")  # of the account's quota, for the posts


def as_text(options: Options) -> str:
    """Return all that the command prints where it goes to a file or another program."""
    written = StringIO()
    show(options, Console(width=WIDTH, highlight=False, file=written))
    return "".join(f"{line.rstrip()}\n" for line in written.getvalue().splitlines())


def show(options: Options, console: Console) -> None:
    """Print the deployment, the table, and what follows from it."""
    console.print(described(options), soft_wrap=True)
    console.print()
    console.print(table(options))
    console.print()
    for line in advice(options):
        console.print(line, soft_wrap=True)
    if warned := warning(options):
        console.print(warned, style="bold red", soft_wrap=True)


def counts(options: Options) -> list[int]:
    """Return the numbers of connections to show, including the requested one."""
    return sorted({*ALWAYS_SHOWN, options.connections})


def table(options: Options) -> Table:
    """Return a table: a row per number of connections and design, a column per service, the requested number marked."""
    made = Table(box=None, header_style="underline", pad_edge=False, padding=(0, 1))
    for heading in ("connections", "requests/s"):
        made.add_column(heading, justify="right", no_wrap=True)
    made.add_column("design", no_wrap=True)
    for service in Service:
        made.add_column(service.value, justify="right", no_wrap=True)
    for heading in ("total $", "$/connection", "$/one more"):
        made.add_column(heading, justify="right", no_wrap=True)
    for connections in counts(options):
        if made.row_count:
            made.add_row()
        asked = options.at(connections)
        for design in Design:
            costs = bill(design, asked)
            first = (f"{connections:,}", _rate(asked, design))
            dollars = (f"{costs[service]:,.2f}" if costs[service] else "" for service in Service)
            each = (f"{costs.total / connections:,.3f}", f"{one_more(design, asked):,.3f}") if connections else ("", "")
            style = "bold" if design is Design.THIS and connections == options.connections else ""
            made.add_row(*first, design.value, *dollars, f"{costs.total:,.2f}", *each, style=style)
    return made


def described(options: Options) -> str:
    """Return the deployment in one line."""
    load = workload(options)
    frames, channel = load.frames, options.channel
    share = f", {options.hours:g} hours a day" if options.hours != 24 else ", 24 x 7"
    quiet = f", {options.quiet * 100:g} % of the ticks quiet" if options.quiet else ""
    each = load.frames_a_tick(channel)
    size = load.bytes_a_tick(channel) / each
    return (
        f"{channel}, {frames.symbols} symbols, a tick of {options.tick_s} s{share}{quiet}: per connection and tick "
        f"{each:.1f} frames of {size:,.0f} bytes (measured on the simulated market). Dollars per "
        f"month of 730 hours, {prices.REGION}, prices of {prices.LOOKED_UP}"
        f"{', less what is always free' if options.free_tier else ''}."
    )


def crossovers(options: Options) -> dict[Design, list[Cheaper]]:
    """Return where each alternative costs less than this design."""
    return {design: cheaper(design, options) for design in ALTERNATIVES}


def advice(options: Options) -> list[str]:
    """Return where API Gateway stops being the cheapest, and where the account's quota ends."""
    found = crossovers(options)
    least = min((each.first for ranges in found.values() for each in ranges), default=None)
    where = f"below {least:,} connections" if least else "everywhere"
    lines = [f"API Gateway is the cheapest of them {where}."]
    lines += [f"{design.value}: {_ranges(ranges)}" for design, ranges in found.items()]
    quota, most = prices.ACCOUNT_REQUESTS_PER_S, most_connections(options)
    lines.append(
        f"The account's {quota:,} requests/s (! is more than that) are used up at {most:,} connections, 70 % of them "
        f"at {most_connections(options, WARN_AT):,}."
    )
    units, stored = measured.BACKFILL_WRITE_UNITS, measured.BACKFILL_STORED_BYTES / MB
    lines.append(
        f"The first start fetches {measured.BACKFILL_CANDLES:,} candles of the past with {measured.BACKFILL_WRITES:,} "
        f"writes of {units:,} units: ${prices.DYNAMODB_WRITE.of(units):.3f} once. {stored:.1f} MB are stored."
    )
    return lines


def warning(options: Options) -> str | None:
    """Return a warning if the requested deployment needs more than 70 % of the quota."""
    used = _requests(options, Design.THIS)
    if used <= prices.ACCOUNT_REQUESTS_PER_S * WARN_AT:
        return None
    return (
        f"warning: {options.connections:,} connections on {options.channel} at a tick of {options.tick_s} s need "
        f"{used:,.0f} requests/s, {used / prices.ACCOUNT_REQUESTS_PER_S:.0%} of the account's quota of "
        f"{prices.ACCOUNT_REQUESTS_PER_S:,}. Frames would be left out: have it raised, make the tick longer"
        + (f", or move clients to {RATES_COMPACT}." if options.channel == RATES else ".")
    )


def as_json(options: Options) -> dict[str, Any]:
    """Return the whole table, with dollars as numbers rounded to a hundredth of a cent."""
    return {
        "options": asdict(options),
        "region": prices.REGION,
        "prices_of": prices.LOOKED_UP.isoformat(),
        "designs": [
            {
                "connections": connections,
                "design": design.value,
                "requests_a_second": round(float(_requests(options.at(connections), design)), 1)
                if _posts(design)
                else None,
                "services": _dollars(costs),
                "total": round(float(costs.total), 4),
                "per_connection": round(float(costs.total / connections), 6) if connections else None,
                "one_more": round(float(one_more(design, options.at(connections))), 6) if connections else None,
            }
            for connections in counts(options)
            for design in Design
            for costs in (bill(design, options.at(connections)),)
        ],
        "cheaper": {design.value: [asdict(each) for each in ranges] for design, ranges in crossovers(options).items()},
        "most_connections": most_connections(options),
        "warning": warning(options),
    }


def _rate(options: Options, design: Design) -> str:
    """Return the requests per second, marked if they exceed the account's quota."""
    if not _posts(design):
        return ""
    used = _requests(options, design)
    return f"{used:,.0f} {'!' if used > prices.ACCOUNT_REQUESTS_PER_S else ' '}"


def _dollars(costs: Bill) -> dict[str, float]:
    return {service.value: round(float(dollars), 4) for service, dollars in costs.items()}


def _ranges(ranges: list[Cheaper]) -> str:
    if not ranges:
        return f"never cheaper, up to {STEPS[-1]:,} connections"
    told = (
        f"from {each.first:,} to {each.last:,} connections" if each.last else f"from {each.first:,} connections on"
        for each in ranges
    )
    return f"cheaper {' and '.join(told)}"


def _posts(design: Design) -> bool:
    return design in {Design.THIS, Design.LOOP}


def _requests(options: Options, design: Design) -> Decimal:
    return workload(options).requests_a_second(RATES if design is Design.LOOP else options.channel)


def totals(design: Design, options: Options, connections: Iterable[int]) -> list[tuple[int, Decimal]]:
    """Return the points of a curve."""
    return [(number, bill(design, options.at(number)).total) for number in connections]
