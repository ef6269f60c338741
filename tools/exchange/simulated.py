"""The simulated market: every asset of the catalogue on a seeded random walk around an invented reference price."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from shared.assets import catalogue
from tools.exchange.cross_markets import CrossMarket, cross_markets, dead_pairs, offset
from tools.exchange.fair_prices import FairPrices
from tools.exchange.listings import NEVER_TRADED, Listing, binance_listings, coins_of, left_of, reference
from tools.exchange.market import (
    DAY_MS,
    BinanceRow,
    CannotStep,
    CoinPrice,
    DayOfTrading,
    Moment,
    Origin,
    PairTicker,
    binance_row,
    never_traded,
)
from tools.exchange.random_walk import draw
from tools.exchange.time_steps import TimeSteps

COINGECKO_REFRESH_S = 60


@dataclass(frozen=True, slots=True)
class Trade:
    """The last trade at a step. The book stands around it: a buyer paid the ask, a seller got the bid."""

    step: int
    price: Decimal
    bid: Decimal
    ask: Decimal


class SimulatedMarket:
    """Prices by seed and time step alone: the same seed and step give the same prices on every machine.

    Every source's price is the fair one (`FairPrices`), with the source's own offset (`CrossMarket`; Binance has none),
    rounded to the market's tick. Where a buyer took the last trade at Binance, the ask is the last price and the bid
    `spread_ticks` ticks below; else the bid is the last price and the ask as far above. High and low are of hourly
    marks, the open 24 h ago and the last price. CoinGecko's prices are of the last step that begins a minute.
    """

    origin = Origin.SIMULATED

    def __init__(self, seed: int = 1, step_seconds: Decimal = Decimal(1)) -> None:
        """`step_seconds` is how long a time step lasts; 0 stands still but for `step`, which then moves by a second."""
        self._seed = seed
        self._step_seconds = step_seconds
        self._length_s = step_seconds or Decimal(1)
        self._steps = TimeSteps(self._length_s * 1000)
        self._stepped = 0
        self._began_ms: int | None = None
        self._live, self._retired = binance_listings()
        self._statuses = (
            {listing.name: "TRADING" for listing in self._live}
            | {listing.name: "BREAK" for listing in self._retired}
            | dict.fromkeys(NEVER_TRADED, "BREAK")
        )
        self._usd_cad = reference("usd_cad")
        self._fair = FairPrices(seed, self._steps.per_day)
        self._kraken = cross_markets(seed, "kraken")
        self._ndax = cross_markets(seed, "ndax")
        self._coinbase = cross_markets(seed, "coinbase")
        self._mark = lru_cache(maxsize=20_000)(self._trade)

    def moment(self, now_ms: int) -> Moment:
        # Step 0 is the first look at the market, wherever the clock stood.
        if self._began_ms is None:
            self._began_ms = now_ms
            self._steps = TimeSteps(self._steps.length_ms, now_ms)
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
        dead = [never_traded(name, long_ago_ms) for name in NEVER_TRADED]
        return live + dead + [binance_row(_delisted(listing, long_ago_ms)) for listing in self._retired]

    def trading_status(self, symbol: str) -> str | None:
        return self._statuses.get(symbol)

    def kraken_pairs(self, moment: Moment) -> Mapping[str, PairTicker]:
        return {
            **self._tickers(self._kraken, moment),
            "USDCAD": self._usd_cad_pair(moment),
            **dict(dead_pairs(moment.now_ms)),
        }

    def ndax_markets(self, moment: Moment) -> Mapping[str, PairTicker]:
        return self._tickers(self._ndax, moment)

    def coinbase_products(self, moment: Moment) -> Mapping[str, PairTicker]:
        return self._tickers(self._coinbase, moment)

    def coingecko_coins(self, moment: Moment) -> Mapping[str, CoinPrice]:
        step = self._steps.refreshed(moment.index, COINGECKO_REFRESH_S)
        coins: dict[str, CoinPrice] = {}
        for asset in catalogue().values():
            for market in (market for market in asset.markets if market.source == "coingecko"):
                factor = (1 + offset(self._seed, "coingecko", market.name)) / coins_of(market)
                factor *= left_of(asset, moment.now_ms)
                cad, cad_before, usd, usd_before = (
                    self._fair.price(asset.code, quote, at) * factor
                    for quote in ("CAD", "USD")
                    for at in (step, step - self._steps.per_day)
                )
                updated_ms = self._steps.time_ms(moment, step)
                coins[market.name] = CoinPrice(cad, cad_before, usd, usd_before, updated_ms)
        return coins

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

    def _tickers(self, markets: Iterable[CrossMarket], moment: Moment) -> dict[str, PairTicker]:
        return {market.name: market.ticker(self._fair, self._steps, moment) for market in markets}

    def _usd_cad_pair(self, moment: Moment) -> PairTicker:
        day = self._day(self._usd_cad, moment)
        return PairTicker(
            bid=day.bid,
            ask=day.ask,
            last=day.last,
            low=day.low,
            high=day.high,
            open_24h=day.open,
            open_today=self._mark(self._usd_cad, self._steps.midnight(moment)).price,
            volume=day.volume,
            trades=day.count,
            trade_id=day.last_id,
            traded_ms=day.close_ms,
            price_places=5,
        )

    def _trade(self, listing: Listing, step: int) -> Trade:
        """The last trade of a market at or before a step."""
        traded = self._fair.last_trade(listing, step)
        ticks = (self._fair.at_trade(listing, traded) / listing.tick).to_integral_value(ROUND_HALF_EVEN)
        # A price is never zero, nor is the bid below it.
        price = max(ticks, Decimal(listing.spread_ticks + 1)) * listing.tick
        spread = listing.spread_ticks * listing.tick
        bought = self._fair.bought(listing, traded)
        return Trade(traded, price, price - spread if bought else price, price if bought else price + spread)

    def _day(self, listing: Listing, moment: Moment) -> DayOfTrading:
        trade = self._trade(listing, moment.index)
        opened = self._trade(listing, moment.index - self._steps.per_day).price
        marks = [self._mark(listing, step).price for step in self._steps.marks(moment.index)]
        prices = [opened, *marks, trade.price]
        volume = (listing.turnover / listing.price).quantize(Decimal("0.01"))
        count = int(listing.turnover) // 1_500 + 1
        last_id = 10_000_000 + count * trade.step // self._steps.per_day
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
            close_ms=self._steps.time_ms(moment, trade.step),
            first_id=last_id - count + 1,
            last_id=last_id,
            count=count,
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
