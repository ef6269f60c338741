"""The catalogue: which assets the feed carries, and their markets in order of preference (`assets.json`)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType

DEFAULT_BAND = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class Market:
    """A market at a source, and the currency that it is quoted in: CAD, USD or USDT.

    `upgrade` has (time in Unix ms, coins), oldest first: from that time on, one unit of the asset becomes that many of
    the market's coins (an MKR becomes 24,000 SKY, less a penalty that grows each quarter). `unseen_since` is the year
    since which no recording shows the market: it may be gone, which costs nothing. `until_ms` is the start (UTC, Unix
    ms) of the day on which a market of the past ended.
    """

    source: str
    name: str
    quote: str
    upgrade: tuple[tuple[int, Decimal], ...] = ()
    unseen_since: str = ""
    until_ms: int | None = None

    def per_unit_at(self, now_ms: int) -> Decimal:
        """How many of the market's coins one unit of the asset is at that time; before the upgrade as at its start."""
        first = self.upgrade[0][1] if self.upgrade else Decimal(1)
        return next((coins for from_ms, coins in reversed(self.upgrade) if from_ms <= now_ms), first)

    def existed_at(self, open_ms: int) -> bool:
        """Whether the market's candle that begins at that time is one of the asset: not before the upgrade's first
        step, when the market's name may have been that of another coin, and not from the day on which it ended."""
        begun = not self.upgrade or self.upgrade[0][0] <= open_ms
        return begun and (self.until_ms is None or open_ms < self.until_ms)


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset and its markets, the preferred one first. Its symbol on the wire is e.g. `BTC_CAD`.

    `decimals` is for display only: a price with that many decimals shows six significant digits, and at least cents.
    `renamed_to` is the asset's current name if it has changed; the old symbol stays. `band` is how far an offer may lie
    from the reference and still serve, as a fraction of the reference. `past_markets` have ended and serve only the
    history.
    """

    code: str
    name: str
    decimals: int
    markets: tuple[Market, ...]
    renamed_to: str | None = None
    band: Decimal = DEFAULT_BAND
    past_markets: tuple[Market, ...] = ()

    @property
    def symbol(self) -> str:
        return f"{self.code}_CAD"

    @property
    def symbol_of_today(self) -> str | None:
        """The symbol by the asset's current name, which the feed does not list; `None` if the name has not changed."""
        return f"{self.renamed_to}_CAD" if self.renamed_to else None


@cache
def catalogue() -> Mapping[str, Asset]:
    """All assets by symbol, in the order in which the feed lists them."""
    rows = json.loads(Path(__file__).with_name("assets.json").read_text(encoding="utf-8"))
    assets = [
        Asset(
            code=row["asset"],
            name=row["name"],
            decimals=row["decimals"],
            markets=tuple(_market(market, row.get("upgrades", {})) for market in row["markets"]),
            renamed_to=row.get("renamed_to"),
            band=Decimal(row.get("band", DEFAULT_BAND)),
            past_markets=tuple(_market(market, {}) for market in row.get("past_markets", ())),
        )
        for row in rows
    ]
    return MappingProxyType({asset.symbol: asset for asset in assets})


def _market(row: Mapping[str, str], upgrades: Mapping[str, list[tuple[str, str]]]) -> Market:
    steps = upgrades[row["per_unit"]] if "per_unit" in row else []
    upgrade = tuple((_midnight_ms(day), Decimal(coins)) for day, coins in steps)
    until_ms = _midnight_ms(row["until"]) if "until" in row else None
    return Market(row["source"], row["market"], row["quote"], upgrade, row.get("unseen_since", ""), until_ms)


def _midnight_ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


def price_sources() -> tuple[str, ...]:
    """The names of all sources that have a market in the catalogue."""
    return tuple(sorted({market.source for asset in catalogue().values() for market in asset.markets}))


@cache
def market_names(source: str) -> tuple[str, ...]:
    """The names of all markets that the catalogue has at a source."""
    return tuple(market.name for asset in catalogue().values() for market in asset.markets if market.source == source)
