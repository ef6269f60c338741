"""The simulated market: every asset of the catalogue on a seeded random walk around an invented reference price."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from tools.simulator import dead_markets
from tools.simulator.cross_markets import CrossMarket, cross_markets, offset
from tools.simulator.fair_prices import FairPrices
from tools.simulator.listings import (
    DEAD,
    Listing,
    coins_per_unit,
    delisted_at_binance,
    live_at_binance,
    markets_at,
    reference,
)
from tools.simulator.market import (
    BinanceRow,
    CannotStep,
    CoinPrice,
    DayOfTrading,
    Moment,
    Origin,
    PairTicker,
    binance_row,
)
from tools.simulator.random_walk import draw
from tools.simulator.time_steps import TimeSteps

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

    Every source's price is the fair one (`FairPrices`), as far off as the source strays just then, with the market's
    own offset (`CrossMarket`; Binance has none), rounded to the market's tick. Coinbase lags by one or two seconds,
    NDAX by one to three. Where a buyer took the last trade at Binance, the ask is the last price and the bid
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
        self._to_step = 0
        self._began_ms: int | None = None
        self._live, self._delisted = live_at_binance(), delisted_at_binance()
        self._trading = {listing.name for listing in self._live}
        self._usd_cad = reference("usd_cad")
        self._fair = FairPrices(seed, self._steps.per_day)
        self._kraken, self._coinbase, self._ndax = (
            cross_markets(seed, source, self._length_s) for source in ("kraken", "coinbase", "ndax")
        )
        self._mark = lru_cache(maxsize=20_000)(self._trade)

    def moment(self, now_ms: int) -> Moment:
        # Step 0 is the first look at the market, wherever the clock stood.
        if self._began_ms is None:
            self._began_ms = now_ms
            self._steps = TimeSteps(self._steps.length_ms, now_ms)
        elapsed = int(Decimal(now_ms - self._began_ms) / 1000 // self._step_seconds) if self._step_seconds else 0
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

    def kraken_pairs(self, moment: Moment) -> Mapping[str, PairTicker]:
        return {
            **dead_markets.at_kraken(moment.now_ms),
            **self._tickers(self._kraken, moment),
            "USDCAD": self._usd_cad_pair(moment),
        }

    def coinbase_products(self, moment: Moment) -> Mapping[str, PairTicker]:
        return self._tickers(self._coinbase, moment)

    def ndax_markets(self, moment: Moment) -> Mapping[str, PairTicker]:
        return {**dead_markets.at_ndax(moment.now_ms), **self._tickers(self._ndax, moment)}

    def coingecko_coins(self, moment: Moment) -> Mapping[str, CoinPrice]:
        step = self._steps.refreshed(moment.index, COINGECKO_REFRESH_S)
        updated_ms = self._steps.time_ms(moment, step)
        coins: dict[str, CoinPrice] = {}
        for asset, market in markets_at("coingecko"):
            factor = (1 + offset(self._seed, "coingecko", market.name)) / coins_per_unit(market, moment.now_ms)
            (cad, usd), (cad_before, usd_before) = (
                self._coingecko(asset.code, factor, at) for at in (step, step - self._steps.per_day)
            )
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
        return {of.market.name: of.ticker(self._fair, self._steps, moment) for of in markets}

    def _coingecko(self, code: str, factor: Decimal, step: int) -> tuple[Decimal, Decimal]:
        """In CAD, by a rate of its own, and in USD."""
        factor *= 1 + self._fair.strays("coingecko", code, step)
        own_rate = 1 if code == "QCAD" else 1 + self._fair.strays("coingecko", "usd_cad", step)
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

    def _trade(self, listing: Listing, step: int, per_unit: Decimal) -> Trade:
        """The last trade of a market at or before a step."""
        traded = self._fair.last_trade(listing, step)
        source = "kraken" if listing is self._usd_cad else "binance"
        exact = self._fair.at_trade(listing, traded) * (1 + self._fair.strays(source, listing.code, traded)) / per_unit
        # A price is never zero, nor is the bid below it.
        ticks = max((exact / listing.tick).to_integral_value(ROUND_HALF_EVEN), Decimal(listing.spread_ticks + 1))
        price = ticks * listing.tick
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
