"""How an asset trades in the simulated market: its reference, who lists it, and who no longer does."""

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from shared.model.assets import Asset, Market, catalogue

REFERENCES = Path(__file__).with_name("reference_prices.json")
# Markets of the catalogue's assets that are dead at the real source, whether or not the catalogue still has them.
DEAD = {
    "binance": (
        "BALUSDT", "DAIUSDT", "ELFUSDT", "EOSUSDT", "FTMUSDT", "LRCUSDT", "MATICUSDT", "MKRUSDT", "OMGUSDT", "RENUSDT",
        "RNDRUSDT", "STORJUSDT", "USTUSDT", "XMRUSDT",
    ),
    "coinbase": ("CELO-USD", "DAI-USD"),
    "coingecko": ("qcad",),
}  # fmt: skip
NEVER_TRADED_AT_BINANCE = "DAIUSDT"


@dataclass(frozen=True, slots=True)
class Listing:
    """How a market trades. `price` is that of one unit of the asset, `tick` the market's; `moves_every`: a trade in
    every so many time steps; `volatility`: of a day, relative. `market` is the catalogue's, where it has one."""

    name: str
    code: str
    price: Decimal
    tick: Decimal
    spread_ticks: int
    moves_every: int
    volatility: Decimal
    turnover: Decimal
    market: Market | None = None


@cache
def reference(key: str) -> Listing:
    """The entry for an asset, or `usd_cad`, of the table of reference prices. Its name is the key."""
    table = _references()
    entry = table["usd_cad"] if key == "usd_cad" else table["assets"][key]
    return Listing(
        name=key,
        code=key,
        price=Decimal(entry["price"]),
        tick=Decimal(entry["tick"]),
        spread_ticks=entry["spread_ticks"],
        moves_every=entry["moves_every"],
        volatility=Decimal(entry["volatility"]),
        turnover=Decimal(entry["turnover"]),
    )


def markets_at(source: str) -> list[tuple[Asset, Market]]:
    """The catalogue's markets at a source that trade there."""
    return [
        (asset, market)
        for asset in catalogue().values()
        for market in asset.markets
        if market.source == source and market.name not in DEAD.get(source, ())
    ]


def coins_per_unit(market: Market | None, now_ms: int) -> Decimal:
    """How many of a market's coins one unit of its asset is at that time."""
    return market.per_unit_at(now_ms) if market else Decimal(1)


def coins_at_first(market: Market) -> Decimal:
    """How many they were when the upgrade began: enough to tell a coin's magnitude."""
    return market.upgrade[0][1] if market.upgrade else Decimal(1)


def live_at_binance() -> list[Listing]:
    """The catalogue's markets that trade at Binance."""
    return [_listing(asset.code, market) for asset, market in markets_at("binance")]


def delisted_at_binance() -> list[Listing]:
    """Those that Binance keeps with a last price. Each is named after its asset."""
    return [
        _listing(name.removesuffix("USDT"), Market("binance", name, "USDT"))
        for name in DEAD["binance"]
        if name != NEVER_TRADED_AT_BINANCE
    ]


@cache
def _references() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(REFERENCES.read_text(encoding="utf-8"))
    return table


def _listing(code: str, market: Market) -> Listing:
    of_asset = reference(code)
    # An asset that became many coins is priced per coin there, with a tick as fine as before.
    per_unit = coins_at_first(market)
    coin = of_asset.price / per_unit
    tick = of_asset.tick if per_unit == 1 else Decimal(1).scaleb(min(0, coin.adjusted() - 4))
    return replace(of_asset, name=market.name, tick=tick, market=market)
