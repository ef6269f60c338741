"""How each asset of the catalogue trades in the simulated market: its reference, and what Binance lists of it."""

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from shared.assets import Asset, Market, catalogue

REFERENCES = Path(__file__).with_name("reference_prices.json")
# Listed at Binance, and without a trade for years there. Other sources trade it.
NEVER_TRADED = ("DAIUSDT",)
# Delisted there by 2026, by the asset whose they were: the last price of weeks ago and an empty book.
DELISTED = {
    "XMRUSDT": "XMR",
    "LRCUSDT": "LRC",
    "STORJUSDT": "STORJ",
    "BALUSDT": "BAL",
    "ELFUSDT": "ELF",
    "RENUSDT": "REN",
    "OMGUSDT": "OMG",
    "USTUSDT": "UST",
    "MATICUSDT": "MATIC",
    "EOSUSDT": "EOS",
    "FTMUSDT": "FTM",
    "RNDRUSDT": "RNDR",
    "MKRUSDT": "MKR",
}


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
    """What Binance lists of the catalogue: the markets that trade, and those that no longer do."""
    live = [_listing(asset, market) for asset in catalogue().values() for market in _at_binance(asset)]
    retired = [replace(reference(code), name=name) for name, code in DELISTED.items()]
    return live, retired


@cache
def walking(code: str) -> Listing:
    """The listing on whose walk all markets of an asset are: its live one at Binance, else its reference."""
    asset = catalogue()[f"{code}_CAD"]
    markets = _at_binance(asset)
    return _listing(asset, markets[0]) if markets else reference(code)


def coins_of(market: Market) -> Decimal:
    """How many of the market's coins one unit of its asset became at first."""
    return market.upgrade[0][1] if market.upgrade else Decimal(1)


def left_of(asset: Asset, now_ms: int) -> Decimal:
    """What is left of one unit where an upgrade keeps a growing part of it back."""
    upgraded = next((market for market in asset.markets if market.upgrade), None)
    return upgraded.per_unit_at(now_ms) / coins_of(upgraded) if upgraded else Decimal(1)


@cache
def _references() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(REFERENCES.read_text(encoding="utf-8"))
    return table


def _at_binance(asset: Asset) -> list[Market]:
    return [market for market in asset.markets if market.source == "binance"]


def _listing(asset: Asset, market: Market) -> Listing:
    of_asset = reference(asset.code)
    # An asset that became many coins is priced per coin there, with a tick as fine as before.
    coins = coins_of(market)
    price = of_asset.price / coins
    tick = of_asset.tick if coins == 1 else Decimal(1).scaleb(min(0, price.adjusted() - 4))
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
