"""The catalogue: which assets the feed carries, and their markets in order of preference (`assets.json`)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType

DEFAULT_BAND = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class Market:
    """A market at a source, and the currency that it is quoted in: CAD, USD or USDT.

    `per_unit` is how many of its coins one unit of the asset became (MKR: 24,000 SKY).
    """

    source: str
    name: str
    quote: str
    per_unit: Decimal = Decimal(1)


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
            markets=tuple(
                Market(m["source"], m["market"], m["quote"], Decimal(m.get("per_unit", 1))) for m in row["markets"]
            ),
            renamed_to=row.get("renamed_to"),
            band=Decimal(row.get("band", DEFAULT_BAND)),
        )
        for row in rows
    ]
    return MappingProxyType({asset.symbol: asset for asset in assets})


def price_sources() -> tuple[str, ...]:
    """Every source that some asset of the catalogue may be priced from, by name."""
    return tuple(sorted({market.source for asset in catalogue().values() for market in asset.markets}))


def market_names(source: str) -> tuple[str, ...]:
    """Every market of a source that some asset of the catalogue may be priced from."""
    return tuple(market.name for asset in catalogue().values() for market in asset.markets if market.source == source)
