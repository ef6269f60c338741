"""How each asset of the catalogue trades in the simulated market: its reference, and what Binance lists of it."""

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from shared.assets import Asset, Market, catalogue

REFERENCES = Path(__file__).with_name("reference_prices.json")
# Listed at Binance, and without a trade for years there. Other sources trade it.
DEAD_ASSETS = ("DAI",)


@dataclass(frozen=True, slots=True)
class Listing:
    """How a market trades. `moves_every`: a trade in every so many time steps; `volatility`: of a day, relative."""

    name: str
    price: Decimal
    tick: Decimal
    spread_ticks: int
    moves_every: int
    volatility: Decimal
    turnover: Decimal


def reference(key: str) -> Listing:
    """The entry for an asset, or `usd_cad`, of the table of reference prices. Its name is the key."""
    table = _references()
    entry = table["usd_cad"] if key == "usd_cad" else table["assets"][key]
    return Listing(
        name=key,
        price=Decimal(entry["price"]),
        tick=Decimal(entry["tick"]),
        spread_ticks=entry["spread_ticks"],
        moves_every=entry["moves_every"],
        volatility=Decimal(entry["volatility"]),
        turnover=Decimal(entry["turnover"]),
    )


def binance_listings() -> tuple[list[Listing], list[Listing]]:
    """What Binance lists of the catalogue: the markets that trade, one per asset, and those that no longer do."""
    live: list[Listing] = []
    retired: list[Listing] = []
    for asset in catalogue().values():
        markets = _at_binance(asset)
        if not markets or asset.code in DEAD_ASSETS:
            continue
        live.append(_listing(asset, markets[0]))
        retired += [_listing(asset, market) for market in markets[1:]]
    return live, retired


@cache
def walking(code: str) -> Listing:
    """The listing on whose walk all markets of an asset are: its live one at Binance, else its reference."""
    asset = catalogue()[f"{code}_CAD"]
    markets = _at_binance(asset)
    return _listing(asset, markets[0]) if markets and code not in DEAD_ASSETS else reference(code)


@cache
def _references() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(REFERENCES.read_text(encoding="utf-8"))
    return table


def _at_binance(asset: Asset) -> list[Market]:
    return [market for market in asset.markets if market.source == "binance"]


def _listing(asset: Asset, market: Market) -> Listing:
    of_asset = reference(asset.code)
    # An asset that became many coins is priced per coin there, with a tick as fine as before.
    price = of_asset.price / market.per_unit
    tick = of_asset.tick if market.per_unit == 1 else Decimal(1).scaleb(min(0, price.adjusted() - 4))
    price = price.quantize(tick)
    return Listing(
        name=market.name,
        price=price,
        tick=tick,
        spread_ticks=of_asset.spread_ticks,
        moves_every=of_asset.moves_every,
        volatility=of_asset.volatility,
        turnover=of_asset.turnover,
    )
