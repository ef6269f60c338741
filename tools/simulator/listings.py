"""How an asset trades in the simulated market: its reference price, and who lists or delisted it."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
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
# Assets that the exchanges trade under another name now: the market that Binance delisted, and the day (00:00 UTC) on
# which the simulated one ends and those of the new name begin. The real exchanges paused for some days between them,
# e.g. https://www.binance.com/en/square/post/17987822306257 for FTM: stopped on 2025-01-13, S began on 2025-01-16.
RENAMED = {
    "RNDR": ("RNDRUSDT", "2024-07-22"),
    "MATIC": ("MATICUSDT", "2024-09-10"),
    "FTM": ("FTMUSDT", "2025-01-13"),
    "EOS": ("EOSUSDT", "2025-05-28"),
    "MKR": ("MKRUSDT", "2025-09-05"),
}


@dataclass(frozen=True, slots=True)
class Listing:
    """How a market trades. `price` is that of one unit of the asset, `tick` the market's; `moves_every` is the number
    of time steps per trade; `volatility` is relative, per day. `market` is the catalogue's, if it has one."""

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
    """Return the entry for an asset, or for `usd_cad`, in the table of reference prices."""
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
    """Return the catalogue's live markets at a source."""
    return [
        (asset, market)
        for asset in catalogue().values()
        for market in asset.markets
        if market.source == source and market.name not in DEAD.get(source, ())
    ]


def renamed_ms(code: str) -> int | None:
    """Return when the exchanges renamed an asset of `RENAMED`, Unix ms; `None` for any other."""
    if code not in RENAMED:
        return None
    return int(datetime.fromisoformat(RENAMED[code][1]).replace(tzinfo=UTC).timestamp()) * 1000


def delisted_ms(symbol: str) -> int | None:
    """Return when Binance delisted a market that has another name now, Unix ms; `None` for any other."""
    return next((renamed_ms(code) for code, (old, _) in RENAMED.items() if old == symbol), None)


def coins_per_unit(market: Market | None, now_ms: int) -> Decimal:
    """Return how many of a market's coins one unit of its asset is at that time."""
    return market.per_unit_at(now_ms) if market else Decimal(1)


def coins_at_first(market: Market) -> Decimal:
    """Return how many they were when the upgrade began, which tells a coin's magnitude."""
    return market.upgrade[0][1] if market.upgrade else Decimal(1)


def live_at_binance() -> list[Listing]:
    """Return the catalogue's live markets at Binance."""
    return [_listing(asset.code, market) for asset, market in markets_at("binance")]


def delisted_at_binance() -> list[Listing]:
    """Return the delisted markets that Binance keeps with a last price. Each is named after its asset."""
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
    # An asset that became many coins is priced per coin there, with an equally fine tick.
    per_unit = coins_at_first(market)
    coin = of_asset.price / per_unit
    tick = of_asset.tick if per_unit == 1 else Decimal(1).scaleb(min(0, coin.adjusted() - 4))
    return replace(of_asset, name=market.name, tick=tick, market=market)
