"""The simulated market: every asset of the catalogue on a seeded random walk around an invented reference price."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from shared.assets import Asset, Market, catalogue
from tools.exchange.market import (
    DAY_MS,
    BinanceRow,
    CannotStep,
    DayOfTrading,
    Moment,
    Origin,
    PairTicker,
    binance_row,
    never_traded,
)
from tools.exchange.random_walk import draw, walk

REFERENCES = Path(__file__).with_name("reference_prices.json")
# Listed at Binance, and without a trade for years there.
DEAD_ASSETS = ("DAI",)
MARKS_PER_DAY = 24


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


@dataclass(frozen=True, slots=True)
class Trade:
    """The last trade at a step. The book stands around it: a buyer paid the ask, a seller got the bid."""

    step: int
    price: Decimal
    bid: Decimal
    ask: Decimal


class SimulatedMarket:
    """Prices by seed and time step alone: the same seed and step give the same prices on every machine.

    A market trades in one step, drawn at random, out of every `moves_every`. Its last price is the walk's, rounded to
    the tick. Where a buyer took it, the ask is the last price and the bid `spread_ticks` ticks below; else the bid is
    the last price and the ask as far above. High and low are of hourly marks, the open 24 h ago and the last price.
    """

    origin = Origin.SIMULATED

    def __init__(self, seed: int = 1, step_seconds: Decimal = Decimal(1)) -> None:
        """`step_seconds` is how long a time step lasts; 0 stands still but for `step`, which then moves by a second."""
        self._seed = seed
        self._step_seconds = step_seconds
        self._length_s = step_seconds or Decimal(1)
        self._steps_per_day = max(MARKS_PER_DAY, int(DAY_MS / (self._length_s * 1000)))
        self._stepped = 0
        self._began_ms: int | None = None
        self._live, self._retired = listings()
        self._statuses = (
            {listing.name: "TRADING" for listing in self._live}
            | {listing.name: "BREAK" for listing in self._retired}
            | {f"{asset}USDT": "BREAK" for asset in DEAD_ASSETS}
        )
        self._usd_cad = reference("usd_cad")
        self._daily_root = Decimal(self._steps_per_day).sqrt()
        self._mark = lru_cache(maxsize=20_000)(self._trade)

    def moment(self, now_ms: int) -> Moment:
        # Step 0 is the first look at the market, wherever the clock stood.
        if self._began_ms is None:
            self._began_ms = now_ms
        elapsed = int(Decimal(now_ms - self._began_ms) / 1000 // self._step_seconds) if self._step_seconds else 0
        return Moment(now_ms, elapsed + self._stepped)

    def step(self, unit: str, count: int) -> None:
        if unit != "steps":
            raise CannotStep("the simulated market moves by steps")
        self._stepped += count

    def binance_rows(self, moment: Moment) -> list[BinanceRow]:
        live = [binance_row(self._day(listing, moment)) for listing in self._live]
        # Both kinds of dead pairs that the exchange keeps: never a trade in the window, or delisted with the last
        # price of weeks ago and an empty book.
        long_ago_ms = moment.now_ms - 30 * DAY_MS
        dead = [never_traded(f"{asset}USDT", long_ago_ms) for asset in DEAD_ASSETS]
        return live + dead + [binance_row(_delisted(listing, long_ago_ms)) for listing in self._retired]

    def trading_status(self, symbol: str) -> str | None:
        return self._statuses.get(symbol)

    def kraken_pairs(self, moment: Moment) -> Mapping[str, PairTicker]:
        day = self._day(self._usd_cad, moment)
        seconds_today = moment.now_ms % DAY_MS // 1000
        midnight = self._mark(self._usd_cad, moment.index - int(seconds_today / self._length_s))
        return {
            "USDCAD": PairTicker(
                bid=day.bid,
                ask=day.ask,
                last=day.last,
                low=day.low,
                high=day.high,
                open_today=midnight.price,
                volume=day.volume,
                trades=day.count,
            )
        }

    def daily_usd_cad(self, day: date) -> Decimal:
        """Within 0.3 % of the reference, by seed and day."""
        thousandths = Decimal(draw(self._seed, "daily", day.toordinal()) % 601 - 300) / 100_000
        return self._usd_cad.price * (1 + thousandths)

    def describe(self, moment: Moment) -> dict[str, object]:
        return {
            "mode": "simulated",
            "seed": self._seed,
            "step_seconds": f"{self._step_seconds:f}",
            "step": moment.index,
            "now_ms": moment.now_ms,
        }

    def _trade(self, listing: Listing, step: int) -> Trade:
        """The last trade of a market at or before a step."""
        every = listing.moves_every
        block, at = divmod(step, every)
        # One step of each block trades. Before it the market is where the block before left it.
        if draw(self._seed, listing.name, "trade", block) % every > at:
            block -= 1
        traded = block * every + draw(self._seed, listing.name, "trade", block) % every
        move = walk(f"{self._seed}/{listing.name}", traded) * listing.volatility / self._daily_root
        ticks = (listing.price * move.exp() / listing.tick).to_integral_value(ROUND_HALF_EVEN)
        # A price is never zero, nor is the bid below it.
        price = max(ticks, Decimal(listing.spread_ticks + 1)) * listing.tick
        spread = listing.spread_ticks * listing.tick
        bought = draw(self._seed, listing.name, "side", traded) % 2 == 0
        return Trade(traded, price, price - spread if bought else price, price if bought else price + spread)

    def _day(self, listing: Listing, moment: Moment) -> DayOfTrading:
        trade = self._trade(listing, moment.index)
        begins = moment.index - self._steps_per_day
        opened = self._trade(listing, begins).price
        # Marks stand at fixed steps, so that they are drawn once and then known.
        every = self._steps_per_day // MARKS_PER_DAY
        marks = [
            self._mark(listing, step).price for step in range(begins - begins % every + every, moment.index, every)
        ]
        prices = [opened, *marks, trade.price]
        volume = (listing.turnover / listing.price).quantize(Decimal("0.01"))
        count = int(listing.turnover) // 1_500 + 1
        last_id = 10_000_000 + count * trade.step // self._steps_per_day
        return DayOfTrading(
            symbol=listing.name,
            last=trade.price,
            open=opened,
            high=max(prices),
            low=min(prices),
            bid=trade.bid,
            ask=trade.ask,
            quantity=(volume / count).quantize(Decimal("0.0001")),
            volume=volume,
            turnover=volume * sum(prices, Decimal(0)) / len(prices),
            close_ms=moment.now_ms - int((moment.index - trade.step) * self._length_s * 1000),
            first_id=last_id - count + 1,
            last_id=last_id,
            count=count,
        )


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


@cache
def _references() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(REFERENCES.read_text(encoding="utf-8"))
    return table


def listings() -> tuple[list[Listing], list[Listing]]:
    """What Binance lists of the catalogue: the markets that trade, one per asset, and those that no longer do."""
    live: list[Listing] = []
    retired: list[Listing] = []
    for asset in catalogue().values():
        markets = asset.markets.get("binance", ())
        if not markets or asset.code in DEAD_ASSETS:
            continue
        live.append(_listing(asset, markets[0]))
        retired += [_listing(asset, market) for market in markets[1:]]
    return live, retired


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


def _delisted(listing: Listing, close_ms: int) -> DayOfTrading:
    zero = Decimal(0)
    price = listing.price
    volume = (listing.turnover / price).quantize(Decimal("0.01"))
    return DayOfTrading(
        symbol=listing.name,
        last=price,
        open=price,
        high=price,
        low=price,
        bid=zero,
        ask=zero,
        quantity=zero,
        volume=volume,
        turnover=volume * price,
        close_ms=close_ms,
        first_id=1,
        last_id=1_000,
        count=1_000,
    )
