"""The simulated markets outside Binance, quoted in USD and CAD: Kraken's pairs, Coinbase's products, NDAX's books."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from shared.model.assets import Market
from tools.simulator.fair_prices import BASIS_POINT, FairPrices, Span
from tools.simulator.listings import coins_at_first, coins_per_unit, markets_at, reference
from tools.simulator.market import HOUR_MS, Moment, PairTicker
from tools.simulator.random_walk import draw
from tools.simulator.time_steps import TimeSteps

MOST_OFFSET = BASIS_POINT
THIN_TURNOVER = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Traits:
    """How a source trades.

    `share` is its part of Binance's turnover, `least_turnover` that in any market. `width` is that of its book as a
    multiple of Kraken's. `lag_s` is the greatest age of its prices in seconds; each market has its own lag.
    `has_book` is false if the feed gets no bid and ask from it.
    """

    share: Decimal
    least_turnover: Decimal
    width: int = 1
    lag_s: int = 0
    has_book: bool = True


# Every simulated source of prices but Binance and CoinGecko, which state more and less.
TRAITS = {
    "kraken": Traits(Decimal("0.05"), Decimal(100_000)),
    "ndax": Traits(Decimal("0.002"), Decimal(10_000), width=5, lag_s=3),
    "coinbase": Traits(Decimal("0.2"), Decimal(100_000), lag_s=2, has_book=False),
}
KRAKEN_ALWAYS = {"USDTUSD": "USD", "USDTCAD": "CAD"}

# Books with hardly any trades: the last trade swept through the book, so it lies 3 to 7 % outside.
THIN = {"kraken": ("XDGCAD", "XRPCAD"), "ndax": ("LTC_CAD", "DOT_CAD", "SAND_CAD", "GRT_CAD")}
THIN_SPREAD = 20 * BASIS_POINT
THIN_TRADES_EVERY_S = 3_600
LEAST_SWEEP, MOST_SWEEP = 300, 700


@dataclass(frozen=True, slots=True)
class CrossMarket:
    """A market in USD or CAD.

    Its price is the fair one plus the source's deviation, x (1 + `offset`) / coins per unit, with `places` decimals.

    The offset, drawn once by seed, source and name, is at most a basis point; USDT's markets have none. The book is
    as wide as `spread` says, relative, and at least one tick. `lag` is how many steps ago its prices are from. A thin
    market has a `sweep_seed`.
    """

    market: Market
    code: str
    places: int
    offset: Decimal
    spread: Decimal
    turnover: Decimal
    lag: int
    sweep_seed: int | None = None

    def price(self, fair: FairPrices, step: int, per_unit: Decimal) -> Decimal:
        deviation = fair.deviation(self.market.source, self.code, step)
        exact = fair.price(self.code, self.market.quote, step) * (1 + self.offset) * (1 + deviation) / per_unit
        return exact.quantize(self.tick)

    @property
    def tick(self) -> Decimal:
        return Decimal(1).scaleb(-self.places)

    def ticker(self, fair: FairPrices, steps: TimeSteps, moment: Moment) -> PairTicker:
        """Return the market's ticker at a step.

        At Kraken and Coinbase the last price is the ask if a buyer took the last trade, otherwise the bid. At NDAX it
        is in the middle of the book, or outside of a thin one. High and low are the extremes of hourly marks, the open
        24 h ago and the last price."""
        listing, at = reference(self.code), moment.index - self.lag
        per_unit = coins_per_unit(self.market, moment.now_ms)
        traded = self._traded(fair, steps, at)
        price, last = self.price(fair, at, per_unit), self.last(fair, steps, at, per_unit)
        opened = self.last(fair, steps, at - steps.per_day, per_unit)
        marks = _extremes(self, fair, steps.marks(at), per_unit)
        bid, ask = self._book(price, bought=fair.bought(listing, traded))
        trades = int(self.turnover) // 1_500 + 1
        more = fair.more_traded(listing, traded)
        volume = self.turnover / price
        return PairTicker(
            bid=bid,
            ask=ask,
            last=last,
            low=min(opened, last, *marks),
            high=max(opened, last, *marks),
            open_24h=opened,
            open_today=self.last(fair, steps, steps.midnight(moment), per_unit),
            volume=(volume + volume * more / trades / 100).quantize(BASIS_POINT),
            trades=trades + more,
            trade_id=10_000_000 + trades * traded // steps.per_day,
            traded_ms=steps.time_ms(moment, traded),
            price_places=self.places,
        )

    def reach(self, fair: FairPrices, steps: TimeSteps, span: Span, per_unit: Decimal) -> tuple[Decimal, Decimal]:
        """Return bounds of the prices of trades in a span."""
        low, high = fair.price_reach(self.code, self.market.quote, span)
        least, most = fair.deviation_reach(self.market.source, self.code, span)
        factor = (1 + self.offset) / per_unit
        low, high = low * factor * (1 + least), high * factor * (1 + most)
        if self.sweep_seed is not None:
            if span.interval_ms <= THIN_TRADES_EVERY_S * 1_000:
                trades = [span.first, span.last, *([0] if span.first < 0 <= span.last else [])]
                prices = [self.last(fair, steps, step, per_unit) for step in trades]
                return min(prices), max(prices)
            farthest = MOST_SWEEP * BASIS_POINT
            low, high = low * (1 - farthest), high * (1 + farthest)
        return low.quantize(self.tick), high.quantize(self.tick)

    def _traded(self, fair: FairPrices, steps: TimeSteps, step: int) -> int:
        if self.sweep_seed is None:
            return fair.last_trade(reference(self.code), step)
        if step < 0:
            # In the past a thin market trades when an hour begins.
            return steps.elapsed((steps.begins_ms(step + 1) - 1) // HOUR_MS * HOUR_MS)
        return steps.refreshed(step, THIN_TRADES_EVERY_S)

    def last(self, fair: FairPrices, steps: TimeSteps, step: int, per_unit: Decimal) -> Decimal:
        """Return the price of the last trade at or before a step."""
        if self.sweep_seed is None:
            return self.price(fair, step, per_unit)
        traded = self._traded(fair, steps, step)
        drawn = draw(self.sweep_seed, "sweep", self.market.source, self.market.name, traded)
        sweep = (LEAST_SWEEP + drawn % (MOST_SWEEP - LEAST_SWEEP + 1)) * BASIS_POINT
        up = drawn >> 32 & 1
        return (self.price(fair, traded, per_unit) * (1 + sweep if up else 1 - sweep)).quantize(self.tick)

    def _book(self, price: Decimal, *, bought: bool) -> tuple[Decimal, Decimal]:
        width = max(self.tick, (price * self.spread).quantize(self.tick))
        if self.sweep_seed is not None or self.market.source == "ndax":
            below = max(self.tick, (width / 2).quantize(self.tick))
            return price - below, price + below
        return (price - width, price) if bought else (price, price + width)


@lru_cache(maxsize=1_000)
def _extremes(market: CrossMarket, fair: FairPrices, marks: range, per_unit: Decimal) -> tuple[Decimal, Decimal]:
    """Return the lowest and the highest price at these steps."""
    prices = [market.price(fair, step, per_unit) for step in marks]
    return min(prices), max(prices)


def cross_markets(seed: int, source: str, length_s: Decimal) -> list[CrossMarket]:
    """Return the catalogue's live markets at Kraken, Coinbase and NDAX.

    Kraken always has USDT in USD and CAD too. `length_s` is the length of a time step."""
    found = {market.name: _cross(seed, market, asset.code, length_s) for asset, market in markets_at(source)}
    if source == "kraken":
        for name, quote in KRAKEN_ALWAYS.items():
            found.setdefault(name, _cross(seed, Market(source, name, quote), "USDT", length_s))
    return list(found.values())


def offset(seed: int, source: str, name: str) -> Decimal:
    """Return a market's constant relative distance from the fair price: up to a basis point either way."""
    return MOST_OFFSET * (draw(seed, "offset", source, name) % 2_001 - 1_000) / 1_000


def places(price: Decimal) -> int:
    """Return the decimals that show a price with six significant digits."""
    return max(0, 5 - price.adjusted())


def _cross(seed: int, market: Market, code: str, length_s: Decimal) -> CrossMarket:
    of_asset, source = reference(code), market.source
    traits = TRAITS[source]
    # QCAD's reference is in CAD, all others are in USD.
    rate = reference("usd_cad").price
    in_cad = of_asset.price * (1 if code == "QCAD" else rate)
    in_quote = (in_cad if market.quote == "CAD" else in_cad / rate) / coins_at_first(market)
    # Coinbase's tick is a cent for prices above 100.
    shown = min(max(2, places(in_quote) - 1), 10) if source == "coinbase" else places(in_quote)
    thin = market.name in THIN.get(source, ())
    spread = (1 if code == "USDT" else 1 + Decimal(of_asset.moves_every) / 2) * BASIS_POINT * traits.width
    lag_s = 1 + draw(seed, "lag", source, market.name) % traits.lag_s if traits.lag_s else 0
    return CrossMarket(
        market=market,
        code=code,
        places=shown,
        offset=Decimal(0) if code == "USDT" else offset(seed, source, market.name),
        spread=THIN_SPREAD if thin else spread,
        turnover=THIN_TURNOVER if thin else max(traits.least_turnover, of_asset.turnover * traits.share),
        lag=int(lag_s / length_s),
        sweep_seed=seed if thin else None,
    )
