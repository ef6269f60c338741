"""The bills as a table for people and as JSON for programs."""

from collections.abc import Iterable
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from rich.table import Table

from shared.protocol import RATES
from tools.cost import prices
from tools.cost.crossover import STEPS, Cheaper, cheaper
from tools.cost.designs import ALTERNATIVES, Bill, Design, Service, bill
from tools.cost.workload import Options, most_connections, workload

ALWAYS_SHOWN = (100, 1_000, 10_000, 100_000)
WARN_AT = Decimal("0.7")  # of the account's quota; so much the posts may use


def counts(options: Options) -> list[int]:
    """The numbers of connections that are shown, the asked one among them."""
    return sorted({*ALWAYS_SHOWN, options.connections})


def table(options: Options) -> Table:
    """A row per number of connections and design, a column per service; the asked number is marked."""
    made = Table(box=None, header_style="underline", pad_edge=False, padding=(0, 1))
    for heading in ("connections", "requests/s"):
        made.add_column(heading, justify="right", no_wrap=True)
    made.add_column("design", no_wrap=True)
    for service in Service:
        made.add_column(service.value, justify="right", no_wrap=True)
    for heading in ("total $", "$/connection"):
        made.add_column(heading, justify="right", no_wrap=True)
    for connections in counts(options):
        if made.row_count:
            made.add_row()
        asked = options.at(connections)
        for design in Design:
            costs = bill(design, asked)
            first = (f"{connections:,}", _rate(asked, design))
            dollars = (f"{costs[service]:,.2f}" if costs[service] else "" for service in Service)
            each = f"{costs.total / connections:,.3f}" if connections else ""
            style = "bold" if design is Design.THIS and connections == options.connections else ""
            made.add_row(*first, design.value, *dollars, f"{costs.total:,.2f}", each, style=style)
    return made


def described(options: Options) -> str:
    """The deployment in a line."""
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
    """Where each alternative costs less than this design."""
    return {design: cheaper(design, options) for design in ALTERNATIVES}


def advice(options: Options) -> list[str]:
    """Where API Gateway stops being the cheapest, and where the account's quota ends."""
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
    return lines


def warning(options: Options) -> str | None:
    """Said when the asked deployment needs more than 70 % of the quota."""
    used = _requests(options, Design.THIS)
    if used <= prices.ACCOUNT_REQUESTS_PER_S * WARN_AT:
        return None
    return (
        f"warning: {options.connections:,} connections on {options.channel} at a tick of {options.tick_s} s need "
        f"{used:,.0f} requests/s, {used / prices.ACCOUNT_REQUESTS_PER_S:.0%} of the account's quota of "
        f"{prices.ACCOUNT_REQUESTS_PER_S:,}. Frames would be left out: have it raised, make the tick longer"
        + (", or move clients to rates_batch." if options.channel == RATES else ".")
    )


def as_json(options: Options) -> dict[str, Any]:
    """Everything of the table, with dollars as numbers rounded to a hundredth of a cent."""
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
    """Requests per second, with a mark where that is more than the account may have."""
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
    """The points of a curve."""
    return [(number, bill(design, options.at(number)).total) for number in connections]
