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

    `upgrade` says how many of its coins one unit of the asset becomes, from which time on, oldest first (an MKR becomes
    24,000 SKY, less a penalty that grows each quarter). `unseen_since` is the year since which no recording shows the
    market: it may be gone, which costs nothing.
    """

    source: str
    name: str
    quote: str
    upgrade: tuple[tuple[int, Decimal], ...] = ()
    unseen_since: str = ""

    def per_unit_at(self, now_ms: int) -> Decimal:
        """How many of its coins are one unit of the asset at that time."""
        return next((coins for from_ms, coins in reversed(self.upgrade) if from_ms <= now_ms), Decimal(1))


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset and its markets, the preferred one first. Its symbol on the wire is e.g. `BTC_CAD`.

    `decimals` is for display only: with so many a price shows six significant digits, cents at least. `renamed_to`
    is the asset's name of today where that is another; the old symbol goes on. `band` is how far a market's price may
    lie from what its sources agree on, as a fraction of that, and still be chosen.
    """

    code: str
    name: str
    decimals: int
    markets: tuple[Market, ...]
    renamed_to: str | None = None
    band: Decimal = DEFAULT_BAND

    @property
    def symbol(self) -> str:
        return f"{self.code}_CAD"

    @property
    def symbol_of_today(self) -> str | None:
        """That of the renamed asset, which the feed does not list; `None` where the name is the old one."""
        return f"{self.renamed_to}_CAD" if self.renamed_to else None


@cache
def catalogue() -> Mapping[str, Asset]:
    """All assets by their symbol on the wire, in the order in which the feed lists them."""
    rows = json.loads(Path(__file__).with_name("assets.json").read_text(encoding="utf-8"))
    assets = [
        Asset(
            code=row["asset"],
            name=row["name"],
            decimals=row["decimals"],
            markets=tuple(_market(market, row.get("upgrades", {})) for market in row["markets"]),
            renamed_to=row.get("renamed_to"),
            band=Decimal(row.get("band", DEFAULT_BAND)),
        )
        for row in rows
    ]
    return MappingProxyType({asset.symbol: asset for asset in assets})


def _market(row: Mapping[str, str], upgrades: Mapping[str, list[tuple[str, str]]]) -> Market:
    steps = upgrades[row["per_unit"]] if "per_unit" in row else []
    upgrade = tuple((_midnight_ms(day), Decimal(coins)) for day, coins in steps)
    return Market(row["source"], row["market"], row["quote"], upgrade, row.get("unseen_since", ""))


def _midnight_ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


def price_sources() -> tuple[str, ...]:
    """Every source that some asset of the catalogue may be priced from, by name."""
    return tuple(sorted({market.source for asset in catalogue().values() for market in asset.markets}))


@cache
def market_names(source: str) -> tuple[str, ...]:
    """Every market of a source that some asset of the catalogue may be priced from."""
    return tuple(market.name for asset in catalogue().values() for market in asset.markets if market.source == source)
