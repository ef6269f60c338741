"""Faults that can be set on an upstream: slow, failing, cut off, frozen, lying, with rows missing or absurd."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import TypeAlias

from shared.sources.all_sources import SOURCES
from tools.simulator.lies import BadLie, Lie, distorted, parse_lie

Upstream: TypeAlias = str
# The simulated APIs, by the feed's names.
UPSTREAMS: tuple[Upstream, ...] = tuple(make().name for make in SOURCES)

# Instead of a market's name: all of them.
ALL = "*"


class BadFault(ValueError):
    """An invalid description of faults; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The faults of one upstream. Several can be set at once.

    Args:
        latency_ms: how long an answer takes to begin, milliseconds.
        status: HTTP status of every answer, with the body that this upstream sends with it.
        retry_after: seconds in the header of that name, only with `status`.
        cut: the connection closes in the middle of the body.
        garbage: an HTML page with status 200.
        empty: `[]` from Binance, `{}` from the others, with status 200.
        bad_json: the body ends in the middle, as if complete.
        frozen: prices, counts, volumes and times stay as they were when the fault was set.
        prices_frozen: prices, counts and volumes stay as they were, but times go on.
        clock_frozen: times stay as they were when the fault was set, but prices go on.
        hang: no answer until the client gives up.
        missing: markets left out of answers, by the upstream's own names: `BTCUSDT`, `XBTUSD` or `XXBTZUSD`, `BTC-USD`,
            `bitcoin`, `BTC_CAD`, `FXUSDCAD`, `CAD`; `*` for all of them.
        absurd: by such a name: `x1000` (any factor), `crossed` (bid above ask), `negative`, or `text` for a price.
            A market's own rule precedes that of `*`. Without bid and ask `crossed` changes nothing.
        lie: plausible wrong prices (`Lie`). It does not apply to an absurd market.
    """

    latency_ms: int = 0
    status: int | None = None
    retry_after: int | None = None
    cut: bool = False
    garbage: bool = False
    empty: bool = False
    bad_json: bool = False
    frozen: bool = False
    prices_frozen: bool = False
    clock_frozen: bool = False
    hang: bool = False
    missing: tuple[str, ...] = ()
    absurd: Mapping[str, str] = field(default_factory=dict)
    lie: Lie | None = None

    def as_json(self) -> dict[str, object]:
        """Return only the faults that are set, in the form of the request that sets them."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        said |= {"lie": self.lie and self.lie.as_json(), "missing": list(self.missing), "absurd": dict(self.absurd)}
        return {key: value for key, value in said.items() if value}

    def leaves_out(self, *names: str) -> bool:
        """Return whether `missing` names a market with any of these names."""
        return any(name in self.missing for name in (*names, ALL))

    def rule(self, *names: str) -> str | None:
        """Return the rule of `absurd` for a market with any of these names."""
        return next((self.absurd[name] for name in (*names, ALL) if name in self.absurd), None)

    def stated(self, *names: str, **prices: str) -> dict[str, str]:
        """Return a row's prices as this upstream states them for a market with any of these names."""
        rule = self.rule(*names)
        if rule is None:
            return self.lie.told(names, prices) if self.lie else prices
        if {"bid", "ask", "last"} <= prices.keys():
            book = distorted(rule, prices["bid"], prices["ask"], prices["last"])
            return dict(zip(("bid", "ask", "last"), book, strict=True))
        # A single price has no bid above an ask: `crossed` does not change it.
        return {name: distorted(rule, text, text, text)[2] for name, text in prices.items()}


HEALTHY = Fault()


def parse_faults(described: object) -> dict[Upstream, Fault]:
    """Parse the faults by upstream, e.g. `{"binance": {"status": 429, "retry_after": 5}, "kraken": {}}`.

    Raises:
        BadFault: an unknown upstream or key, or a value of the wrong kind.
    """
    if not isinstance(described, dict):
        raise BadFault('faults are an object by upstream, e.g. {"binance": {"latency_ms": 500}}')
    unknown = described.keys() - set(UPSTREAMS)
    if unknown:
        raise BadFault(f"no such upstream: {', '.join(sorted(unknown))} (there are {', '.join(UPSTREAMS)})")
    return {name: _fault(name, value) for name, value in described.items()}


def _fault(upstream: str, described: object) -> Fault:
    if not isinstance(described, dict):
        raise BadFault(f"{upstream}: a fault is an object, e.g. {{}} for none")
    names = [f.name for f in fields(Fault)]
    unknown = described.keys() - set(names)
    if unknown:
        raise BadFault(f"{upstream}: no such fault: {', '.join(sorted(unknown))} (there are {', '.join(names)})")
    for key, value in described.items():
        _check(f"{upstream}.{key}", key, value)
    if "retry_after" in described and "status" not in described:
        raise BadFault(f"{upstream}.retry_after goes with a status")
    lie = described.get("lie")
    parsed = {"missing": tuple(described.get("missing", ())), "lie": None if lie is None else parse_lie(lie)}
    return Fault(**(described | parsed))


def _check(where: str, key: str, value: object) -> None:
    match key:
        case "latency_ms" | "retry_after":
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 3_600_000:
                raise BadFault(f"{where}: a whole number from 0 to 3600000, not {value!r:.40}")
        case "status":
            if isinstance(value, bool) or not isinstance(value, int) or not 400 <= value <= 599:
                raise BadFault(f"{where}: an HTTP status from 400 to 599, not {value!r:.40}")
        case "missing":
            if not isinstance(value, list) or not all(isinstance(symbol, str) for symbol in value):
                raise BadFault(f'{where}: a list of symbols, e.g. ["BTCUSDT"]')
        case "absurd":
            if not isinstance(value, dict) or not all(map(_is_rule, value.values())):
                raise BadFault(f'{where}: by symbol x and a factor, crossed, negative or text: {{"BTCUSDT": "x1000"}}')
        case "lie":
            try:
                parse_lie(value)
            except BadLie as error:
                raise BadFault(f"{where}: {error}") from None
        case _:
            if not isinstance(value, bool):
                raise BadFault(f"{where}: true or false, not {value!r:.40}")


def _is_rule(rule: object) -> bool:
    if rule in ("crossed", "negative", "text"):
        return True
    if not isinstance(rule, str) or not re.fullmatch(r"x\d{1,12}(\.\d{1,12})?", rule):
        return False
    return Decimal(rule[1:]) > 0
