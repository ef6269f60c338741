"""The simulated markets outside Binance, quoted in USD and CAD: Kraken's pairs, NDAX's markets, Coinbase's products."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from shared.assets import catalogue
from tools.exchange.fair_prices import FairPrices
from tools.exchange.listings import coins_of, reference, walking
from tools.exchange.market import DAY_MS, Moment, PairTicker
from tools.exchange.random_walk import draw
from tools.exchange.time_steps import TimeSteps

BASIS_POINT = Decimal("0.0001")
MOST_OFFSET = 4 * BASIS_POINT
# What a source trades of Binance's turnover, and the least that it trades of anything.
SHARES = {"kraken": Decimal("0.05"), "ndax": Decimal("0.001"), "coinbase": Decimal("0.2")}
# How many time steps a source's price is behind.
LAGS = {"kraken": 0, "ndax": 1, "coinbase": 2}
# Books in which nobody has traded for hours: the last trade is where the market was then.
THIN = {("kraken", "XDGCAD"), ("kraken", "XRPCAD"), ("ndax", "GRT_CAD"), ("ndax", "SAND_CAD"), ("ndax", "UNI_CAD")}
HOURS_SINCE_A_TRADE = 6
LEAST_TURNOVER = Decimal(100_000)
KRAKEN_ALWAYS = {"USDTUSD": "USD", "USDTCAD": "CAD"}
# Still listed at Kraken, as cancel_only: the asset whose market is dead there.
KRAKEN_DEAD = {"ETHWUSD": "ETHW", "USTUSD": "UST"}


@dataclass(frozen=True, slots=True)
class CrossMarket:
    """A market in USD or CAD. Its price is the fair one x (1 + `offset`) / `coins`, with `places` decimals, as of `lag`
    steps ago.

    The offset, drawn once by seed, source and name, is at most 4 basis points; USDT's markets have none. The book is
    as wide as `spread` says, relative, and at least one tick.
    """

    source: str
    name: str
    code: str
    quote: str
    coins: Decimal
    places: int
    offset: Decimal
    spread: Decimal
    turnover: Decimal
    volume: Decimal
    lag: int = 0
    is_thin: bool = False

    def price(self, fair: FairPrices, step: int) -> Decimal:
        exact = fair.price(self.code, self.quote, step - self.lag) * (1 + self.offset) / self.coins
        return exact.quantize(Decimal(1).scaleb(-self.places))

    def ticker(self, fair: FairPrices, steps: TimeSteps, moment: Moment) -> PairTicker:
        """Where a buyer took the last trade, the last price is the ask, else the bid. High and low are of hourly marks,
        the open 24 h ago and the last price."""
        listing = walking(self.code)
        traded = fair.last_trade(listing, moment.index)
        near = last = self.price(fair, moment.index)
        if self.is_thin:
            traded = moment.index - moment.index % steps.per_day - steps.per_day // 24 * HOURS_SINCE_A_TRADE
            last = self.price(fair, traded)
        opened = self.price(fair, moment.index - steps.per_day)
        prices = [opened, *(self.price(fair, step) for step in steps.marks(moment.index)), last]
        tick = Decimal(1).scaleb(-self.places)
        spread = max(tick, (near * self.spread).quantize(tick))
        bought = fair.bought(listing, traded)
        trades = int(self.turnover) // 1_500 + 1
        return PairTicker(
            bid=near - spread if bought else near,
            ask=near if bought else near + spread,
            last=last,
            low=min(prices),
            high=max(prices),
            open_24h=opened,
            open_today=self.price(fair, steps.midnight(moment)),
            volume=self.volume,
            trades=trades,
            trade_id=10_000_000 + trades * traded // steps.per_day,
            traded_ms=steps.time_ms(moment, traded),
            price_places=self.places,
        )


def cross_markets(seed: int, source: str) -> list[CrossMarket]:
    """Every market of the catalogue at Kraken, NDAX or Coinbase; at Kraken also USDT in USD and CAD, whatever it says."""
    found = {
        market.name: _cross(seed, source, market.name, asset.code, market.quote, coins_of(market))
        for asset in catalogue().values()
        for market in asset.markets
        if market.source == source
    }
    if source == "kraken":
        for name, quote in KRAKEN_ALWAYS.items():
            found.setdefault(name, _cross(seed, source, name, "USDT", quote, Decimal(1)))
    return list(found.values())


def dead_pairs(now_ms: int) -> Iterator[tuple[str, PairTicker]]:
    """Kraken's dead pairs: the last price is three times the reference, the bid a hundredth of it and the ask tenfold,
    with no trade in 24 h."""
    zero = Decimal(0)
    for name, code in KRAKEN_DEAD.items():
        last = reference(code).price * 3
        yield (
            name,
            PairTicker(
                bid=last / 100,
                ask=last * 10,
                last=last,
                low=zero,
                high=zero,
                open_24h=last,
                open_today=last,
                volume=zero,
                trades=0,
                trade_id=1_000,
                traded_ms=now_ms - 30 * DAY_MS,
                price_places=_places(last),
                online=False,
            ),
        )


def _cross(seed: int, source: str, name: str, code: str, quote: str, coins: Decimal) -> CrossMarket:
    listing = walking(code)
    in_quote = reference(code).price / coins * (reference("usd_cad").price if quote == "CAD" else 1)
    # Cents are Coinbase's tick for what costs more than 100.
    places = _places(in_quote) if source != "coinbase" else min(max(2, _places(in_quote) - 1), 10)
    turnover = max(LEAST_TURNOVER, listing.turnover * SHARES[source])
    spread = 1 if code == "USDT" else 1 + Decimal(listing.moves_every) / 2
    return CrossMarket(
        source=source,
        name=name,
        code=code,
        quote=quote,
        coins=coins,
        places=places,
        offset=Decimal(0) if code == "USDT" else offset(seed, source, name),
        spread=spread * BASIS_POINT,
        turnover=turnover,
        volume=(turnover / in_quote).quantize(BASIS_POINT),
        lag=LAGS[source],
        is_thin=(source, name) in THIN,
    )


def offset(seed: int, source: str, name: str) -> Decimal:
    """How far a source's market stands from the fair price, relative: up to 4 basis points to either side."""
    return MOST_OFFSET * (draw(seed, "offset", source, name) % 2_001 - 1_000) / 1_000


def _places(price: Decimal) -> int:
    """Decimals that show a price with six significant digits."""
    return max(0, 5 - price.adjusted())
