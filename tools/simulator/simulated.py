"""The simulated market: every asset of the catalogue on a seeded random walk around an invented reference price."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from shared.model.assets import Market as Listed
from tools.simulator import dead_markets
from tools.simulator.cross_markets import TRAITS, CrossMarket, cross_markets, offset
from tools.simulator.fair_prices import FairPrices, Span
from tools.simulator.kraken import LEAST_PLACES
from tools.simulator.listings import (
    DEAD,
    NEVER_TRADED_AT_BINANCE,
    Listing,
    coins_per_unit,
    delisted_at_binance,
    delisted_ms,
    live_at_binance,
    markets_at,
    reference,
    renamed_ms,
)
from tools.simulator.market import (
    DAY_MS,
    BinanceRow,
    CandleHistory,
    CannotStep,
    CoinHistory,
    CoinPrice,
    DayOfTrading,
    Moment,
    Origin,
    PairTicker,
    binance_row,
)
from tools.simulator.past_candles import NoCandles
from tools.simulator.random_walk import draw
from tools.simulator.rates import PUBLISHED_AT
from tools.simulator.simulated_candles import REACH_DAYS, SimulatedCandles, SimulatedCoin
from tools.simulator.time_steps import TimeSteps

COINGECKO_REFRESH_S = 60
# Listed markets without candles, by source.
DEAD_PAIRS: Mapping[str, Collection[str]] = {
    "binance": (NEVER_TRADED_AT_BINANCE,),
    "kraken": dead_markets.AT_KRAKEN,
    "ndax": (*dead_markets.NDAX_FROZEN, *dead_markets.NDAX_EMPTY),
}


@dataclass(frozen=True, slots=True)
class Trade:
    """The last trade at a step. The book stands around it: a buyer paid the ask, a seller got the bid."""

    step: int
    price: Decimal
    bid: Decimal
    ask: Decimal


class SimulatedMarket:
    """Prices depend only on seed and time step: they are the same on every machine.

    A source's price is the fair one (`FairPrices`) plus the source's deviation and the market's own offset
    (`CrossMarket`; Binance has none), rounded to the market's tick. Some sources lag (`TRAITS`). If a buyer took the
    last trade at Binance, the ask is the last price and the bid `spread_ticks` ticks below; otherwise the bid is the
    last price and the ask as far above. High and low are the extremes of hourly marks, the open 24 h ago and the last
    price. CoinGecko's prices are those of the last step that begins a minute.

    Step 0 is the first read. The steps before it are the market's past, which its candles state and its prices of 24 h
    ago; it ends where the market begins and also depends on the time of the first read. A delisted market of a renamed
    asset has a past until it got its new name, and those of the new name have one since then (`listings.RENAMED`).
    Without time steps (`step_seconds` 0) every time since the first read is at the current step.
    """

    origin = Origin.SIMULATED

    def __init__(self, seed: int = 1, step_seconds: Decimal = Decimal(1)) -> None:
        """Set up a market with time steps of `step_seconds`; with 0 only `step` moves it, by one second."""
        self._seed = seed
        self._step_seconds = step_seconds
        self._length_s = step_seconds or Decimal(1)
        self._steps = TimeSteps(self._length_s * 1000)
        self._to_step = 0
        self._began_ms: int | None = None
        self._live, self._delisted = live_at_binance(), delisted_at_binance()
        self._trading = {listing.name for listing in self._live}
        self._at_binance = {listing.name: listing for listing in (*self._live, *self._delisted)}
        self._usd_cad = reference("usd_cad")
        self._fair = FairPrices(seed, self._steps.per_day, length_ms=self._steps.length_ms)
        self._cross = {source: cross_markets(seed, source, self._length_s) for source in TRAITS}
        self._mark = lru_cache(maxsize=20_000)(self._trade)

    def moment(self, now_ms: int) -> Moment:
        # Step 0 is the first read of the market, whatever the clock said.
        if self._began_ms is None:
            self._began_ms = now_ms
            self._steps = TimeSteps(self._steps.length_ms, now_ms)
            self._fair = FairPrices(self._seed, self._steps.per_day, began_ms=now_ms, length_ms=self._steps.length_ms)
            self._mark.cache_clear()
        elapsed = self._steps.elapsed(now_ms) if self._step_seconds else 0
        if self._to_step:
            self._steps = self._steps.jumped(self._steps.index(elapsed), self._to_step)
            self._to_step = 0
        return Moment(now_ms, self._steps.index(elapsed))

    def step(self, unit: str, count: int) -> None:
        if unit != "steps":
            raise CannotStep("the simulated market moves by steps")
        self._to_step += count

    def binance_rows(self, moment: Moment) -> list[BinanceRow]:
        live = [binance_row(self._day(listing, moment)) for listing in self._live]
        return live + dead_markets.at_binance(self._delisted, moment.now_ms)

    def trading_status(self, symbol: str) -> str | None:
        if symbol in self._trading:
            return "TRADING"
        return "BREAK" if symbol in DEAD["binance"] else None

    def pairs(self, source: str, moment: Moment) -> Mapping[str, PairTicker]:
        dead = dead_markets.AT[source](moment.now_ms) if source in dead_markets.AT else {}
        live = {of.market.name: of.ticker(self._fair, self._steps, moment) for of in self._cross[source]}
        rate = {"USDCAD": self._usd_cad_pair(moment)} if source == "kraken" else {}
        return {**dead, **live, **rate}

    def coingecko_coins(self, moment: Moment) -> Mapping[str, CoinPrice]:
        step = self._steps.refreshed(moment.index, COINGECKO_REFRESH_S)
        updated_ms = self._steps.time_ms(moment, step)
        coins: dict[str, CoinPrice] = {}
        for asset, market in markets_at("coingecko"):
            factor = self._coin_factor(market, moment.now_ms)
            (cad, usd), (cad_before, usd_before) = (
                self._coingecko(asset.code, factor, at) for at in (step, step - self._steps.per_day)
            )
            coins[market.name] = CoinPrice(cad, cad_before, usd, usd_before, updated_ms)
        return coins

    def pair_names(self, source: str) -> Collection[str]:
        names = [of.market.name for of in self._cross[source]]
        return [*DEAD_PAIRS.get(source, ()), *names, *(["USDCAD"] if source == "kraken" else [])]

    def candle_history(self, source: str, name: str) -> CandleHistory | None:
        begins_ms = (self._steps.began_ms // DAY_MS - REACH_DAYS) * DAY_MS
        if source == "binance" and name in self._at_binance:
            listing = self._at_binance[name]
            if name in self._trading:
                return self._own_candles(source, listing, max(begins_ms, renamed_ms(listing.code) or 0))
            ended_ms = delisted_ms(name)
            return self._own_candles(source, listing, begins_ms, ended_ms) if ended_ms else NoCandles()
        if (source, name) == ("kraken", "USDCAD"):
            return self._own_candles(source, self._usd_cad, begins_ms)
        for of in self._cross.get(source, ()):
            if of.market.name == name:
                return self._cross_candles(of, max(begins_ms, renamed_ms(of.code) or 0))
        return NoCandles() if name in DEAD_PAIRS.get(source, ()) else None

    def coin_history(self, coin: str) -> CoinHistory | None:
        found = next(((asset.code, market) for asset, market in markets_at("coingecko") if market.name == coin), None)
        if found is None:
            return None
        code, market = found

        def price(step: int, time_ms: int) -> tuple[Decimal, Decimal]:
            refreshed = self._steps.refreshed(step, COINGECKO_REFRESH_S) if step >= 0 else step
            return self._coingecko(code, self._coin_factor(market, time_ms), refreshed)

        return SimulatedCoin(price, self._step_of)

    def daily_usd_cad(self, day: date) -> Decimal:
        """Return a rate within 0.3 % of the reference, by seed and day; before the market began that times its past."""
        thousandths = Decimal(draw(self._seed, "daily", day.toordinal()) % 601 - 300) / 100_000
        published_ms = int(datetime.combine(day, PUBLISHED_AT, UTC).timestamp()) * 1000
        return self._usd_cad.price * (1 + thousandths) * self._fair.past_usd_cad(published_ms)

    def describe(self, moment: Moment) -> dict[str, object]:
        return {
            "mode": "simulated",
            "seed": self._seed,
            "step_seconds": f"{self._step_seconds:f}",
            "step": moment.index,
            "now_ms": moment.now_ms,
        }

    def _step_of(self, time_ms: int, moment: Moment) -> int:
        """Return the step of a time at or before a moment."""
        if time_ms >= moment.clock.now_ms:
            return moment.index
        elapsed = self._steps.elapsed(time_ms)
        if elapsed < 0:
            return elapsed
        return min(moment.index, self._steps.index(elapsed if self._step_seconds else 0))

    def _own_candles(
        self, source: str, listing: Listing, begins_ms: int, ended_ms: int | None = None
    ) -> SimulatedCandles:
        """Return the past of a market with a listing of its own: at Binance, or Kraken's US dollar."""

        def price(step: int, time_ms: int) -> Decimal:
            return self._price(listing, step, coins_per_unit(listing.market, time_ms))[1]

        def reach(span: Span, time_ms: int) -> tuple[Decimal, Decimal]:
            per_unit = coins_per_unit(listing.market, time_ms)
            worth = self._fair.reach(listing.code, span)
            deviations = self._fair.deviation_reach(source, listing.code, span)
            low, high = (
                _in_ticks(listing, of * (1 + deviation) / per_unit)
                for of, deviation in zip(worth, deviations, strict=True)
            )
            return low, high

        places = 8 if source == "binance" else 5
        key = f"{self._seed}/volume/{source}/{listing.name}"
        return SimulatedCandles(price, reach, self._step_of, places, listing.turnover, key, begins_ms, ended_ms)

    def _cross_candles(self, of: CrossMarket, begins_ms: int) -> SimulatedCandles:
        def price(step: int, time_ms: int) -> Decimal:
            per_unit = coins_per_unit(of.market, time_ms)
            return of.last(self._fair, self._steps, step - of.lag, per_unit)

        def reach(span: Span, time_ms: int) -> tuple[Decimal, Decimal]:
            lagging = Span(span.begins_ms, span.interval_ms, span.first - of.lag, span.last - of.lag)
            return of.reach(self._fair, self._steps, lagging, coins_per_unit(of.market, time_ms))

        places = max(of.places, LEAST_PLACES) if of.market.source == "kraken" else of.places
        key = f"{self._seed}/volume/{of.market.source}/{of.market.name}"
        return SimulatedCandles(price, reach, self._step_of, places, of.turnover, key, begins_ms)

    def _coin_factor(self, market: Listed, time_ms: int) -> Decimal:
        return (1 + offset(self._seed, "coingecko", market.name)) / coins_per_unit(market, time_ms)

    def _coingecko(self, code: str, factor: Decimal, step: int) -> tuple[Decimal, Decimal]:
        """Return its prices in CAD, at its own rate, and in USD."""
        factor *= 1 + self._fair.deviation("coingecko", code, step)
        own_rate = 1 if code == "QCAD" else 1 + self._fair.deviation("coingecko", "usd_cad", step)
        cad, usd = (self._fair.price(code, quote, step) * factor for quote in ("CAD", "USD"))
        return cad * own_rate, usd

    def _usd_cad_pair(self, moment: Moment) -> PairTicker:
        day = self._day(self._usd_cad, moment)
        return PairTicker(
            bid=day.bid,
            ask=day.ask,
            last=day.last,
            low=day.low,
            high=day.high,
            open_24h=day.open,
            open_today=self._mark(self._usd_cad, self._steps.midnight(moment), Decimal(1)).price,
            volume=day.volume,
            trades=day.count,
            trade_id=day.last_id,
            traded_ms=day.close_ms,
            price_places=5,
        )

    def _price(self, listing: Listing, step: int, per_unit: Decimal) -> tuple[int, Decimal]:
        """Return the step and the price of the last trade of a market at or before a step."""
        traded = self._fair.last_trade(listing, step)
        source = "kraken" if listing is self._usd_cad else "binance"
        exact = (
            self._fair.at_trade(listing, traded) * (1 + self._fair.deviation(source, listing.code, traded)) / per_unit
        )
        return traded, _in_ticks(listing, exact)

    def _trade(self, listing: Listing, step: int, per_unit: Decimal) -> Trade:
        """Return the last trade of a market at or before a step."""
        traded, price = self._price(listing, step, per_unit)
        spread = listing.spread_ticks * listing.tick
        bought = self._fair.bought(listing, traded)
        return Trade(traded, price, price - spread if bought else price, price if bought else price + spread)

    def _day(self, listing: Listing, moment: Moment) -> DayOfTrading:
        per_unit = coins_per_unit(listing.market, moment.now_ms)
        trade = self._trade(listing, moment.index, per_unit)
        opened = self._trade(listing, moment.index - self._steps.per_day, per_unit).price
        marks = [self._mark(listing, step, per_unit).price for step in self._steps.marks(moment.index)]
        prices = [opened, *marks, trade.price]
        usual = int(listing.turnover) // 1_500 + 1
        more = self._fair.more_traded(listing, trade.step)
        count = usual + more
        volume = listing.turnover / listing.price * per_unit
        volume = (volume + volume * more / usual / 100).quantize(Decimal("0.01"))
        last_id = 10_000_000 + usual * trade.step // self._steps.per_day
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


def _in_ticks(listing: Listing, exact: Decimal) -> Decimal:
    """Return a price in whole ticks. Neither it nor the bid below it is ever zero."""
    ticks = max((exact / listing.tick).to_integral_value(ROUND_HALF_EVEN), Decimal(listing.spread_ticks + 1))
    return ticks * listing.tick
