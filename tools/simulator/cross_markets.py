"""The simulated markets outside Binance, quoted in USD and CAD: Kraken's pairs, Coinbase's products, NDAX's books."""

from dataclasses import dataclass
from decimal import Decimal

from shared.model.assets import Market
from tools.simulator.fair_prices import BASIS_POINT, FairPrices
from tools.simulator.listings import coins_at_first, coins_per_unit, markets_at, reference
from tools.simulator.market import Moment, PairTicker
from tools.simulator.random_walk import draw
from tools.simulator.time_steps import TimeSteps

MOST_OFFSET = BASIS_POINT
# What a source trades of Binance's turnover, and the least that it trades of anything.
SHARES = {"kraken": Decimal("0.05"), "coinbase": Decimal("0.2"), "ndax": Decimal("0.002")}
LEAST_TURNOVER = {"kraken": Decimal(100_000), "coinbase": Decimal(100_000), "ndax": Decimal(10_000)}
# How many times as wide a book is as Kraken's.
WIDTHS = {"kraken": 1, "coinbase": 1, "ndax": 5}
# How old an answer's prices are at most, in seconds; each market's lag is its own.
LAGS_S = {"coinbase": 2, "ndax": 3}
KRAKEN_ALWAYS = {"USDTUSD": "USD", "USDTCAD": "CAD"}

# Books in which hardly anybody trades: the last trade swept through one, so it lies 3 to 7 % beside the book.
THIN = {"kraken": ("XDGCAD", "XRPCAD"), "ndax": ("LTC_CAD", "DOT_CAD", "SAND_CAD", "GRT_CAD")}
THIN_SPREAD = 20 * BASIS_POINT
THIN_TRADES_EVERY_S = 3_600
LEAST_SWEEP, MOST_SWEEP = 300, 700


@dataclass(frozen=True, slots=True)
class CrossMarket:
    """A market in USD or CAD. Its price is the fair one, as far off as the source strays, x (1 + `offset`) / coins per
    unit, with `places` decimals.

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
        strays = fair.strays(self.market.source, self.code, step)
        exact = fair.price(self.code, self.market.quote, step) * (1 + self.offset) * (1 + strays) / per_unit
        return exact.quantize(self.tick)

    @property
    def tick(self) -> Decimal:
        return Decimal(1).scaleb(-self.places)

    def ticker(self, fair: FairPrices, steps: TimeSteps, moment: Moment) -> PairTicker:
        """At Kraken and Coinbase the last price is the ask where a buyer took the last trade, else the bid; at NDAX it
        is in the middle of the book, in a thin one outside of it. High and low are of hourly marks, the open 24 h ago
        and the last price."""
        listing, at = reference(self.code), moment.index - self.lag
        per_unit = coins_per_unit(self.market, moment.now_ms)
        traded = self._traded(fair, steps, at)
        price, last = self.price(fair, at, per_unit), self._last(fair, steps, at, per_unit)
        opened = self._last(fair, steps, at - steps.per_day, per_unit)
        prices = [opened, *(self.price(fair, step, per_unit) for step in steps.marks(at)), last]
        bid, ask = self._book(price, bought=fair.bought(listing, traded))
        trades = int(self.turnover) // 1_500 + 1
        more = fair.more_traded(listing, traded)
        volume = self.turnover / price
        return PairTicker(
            bid=bid,
            ask=ask,
            last=last,
            low=min(prices),
            high=max(prices),
            open_24h=opened,
            open_today=self._last(fair, steps, steps.midnight(moment), per_unit),
            volume=(volume + volume * more / trades / 100).quantize(BASIS_POINT),
            trades=trades + more,
            trade_id=10_000_000 + trades * traded // steps.per_day,
            traded_ms=steps.time_ms(moment, traded),
            price_places=self.places,
        )

    def _traded(self, fair: FairPrices, steps: TimeSteps, step: int) -> int:
        if self.sweep_seed is None:
            return fair.last_trade(reference(self.code), step)
        return steps.refreshed(step, THIN_TRADES_EVERY_S)

    def _last(self, fair: FairPrices, steps: TimeSteps, step: int, per_unit: Decimal) -> Decimal:
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


def cross_markets(seed: int, source: str, length_s: Decimal) -> list[CrossMarket]:
    """Every market of the catalogue that trades at Kraken, Coinbase or NDAX; at Kraken also USDT in USD and CAD,
    whatever it says. `length_s` is how long a time step is."""
    found = {market.name: _cross(seed, market, asset.code, length_s) for asset, market in markets_at(source)}
    if source == "kraken":
        for name, quote in KRAKEN_ALWAYS.items():
            found.setdefault(name, _cross(seed, Market(source, name, quote), "USDT", length_s))
    return list(found.values())


def offset(seed: int, source: str, name: str) -> Decimal:
    """How far a source's market always stands from the fair price, relative: up to a basis point to either side."""
    return MOST_OFFSET * (draw(seed, "offset", source, name) % 2_001 - 1_000) / 1_000


def places(price: Decimal) -> int:
    """Decimals that show a price with six significant digits."""
    return max(0, 5 - price.adjusted())


def _cross(seed: int, market: Market, code: str, length_s: Decimal) -> CrossMarket:
    of_asset, source = reference(code), market.source
    # QCAD's reference is in CAD, all others are in USD.
    rate = reference("usd_cad").price
    in_cad = of_asset.price * (1 if code == "QCAD" else rate)
    in_quote = (in_cad if market.quote == "CAD" else in_cad / rate) / coins_at_first(market)
    # Cents are Coinbase's tick for what costs more than 100.
    shown = min(max(2, places(in_quote) - 1), 10) if source == "coinbase" else places(in_quote)
    thin = market.name in THIN.get(source, ())
    spread = (1 if code == "USDT" else 1 + Decimal(of_asset.moves_every) / 2) * BASIS_POINT * WIDTHS[source]
    lag_s = 1 + draw(seed, "lag", source, market.name) % LAGS_S[source] if source in LAGS_S else 0
    return CrossMarket(
        market=market,
        code=code,
        places=shown,
        offset=Decimal(0) if code == "USDT" else offset(seed, source, market.name),
        spread=THIN_SPREAD if thin else spread,
        turnover=LEAST_TURNOVER["ndax"] if thin else max(LEAST_TURNOVER[source], of_asset.turnover * SHARES[source]),
        lag=int(lag_s / length_s),
        sweep_seed=seed if thin else None,
    )
