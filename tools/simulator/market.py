"""What a market is to the upstreams' speakers: at a moment, what each of the sources says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

# One row of `ticker/24hr`, with its fields in the order in which Binance sends them.
BinanceRow = dict[str, str | int]

DAY_MS = 86_400_000
MINUTE_MS = 60_000
EIGHT_PLACES = Decimal("0.00000001")


class Origin(StrEnum):
    """What every answer says of its market in the header `X-Cadfeed-Market`."""

    SIMULATED = "simulated"
    RECORDED = "recorded"


class CannotStep(Exception):
    """This market does not move by steps of that unit, or not that far."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a market is: the wall clock that its rows state, and its own index (a time step, a minute of a file).

    `stopped` is the moment whose times an upstream goes on stating after its clock has stopped.
    """

    now_ms: int
    index: int
    stopped: "Moment | None" = None

    @property
    def clock(self) -> "Moment":
        """The moment that times are stated of."""
        return self.stopped or self


@dataclass(frozen=True, slots=True)
class PairTicker:
    """What Kraken, Coinbase or NDAX says of a market: prices in the quote currency, 24 h's volume in the base currency.

    `open_today` is the price at 00:00 UTC, `price_places` the decimals of the market's tick. `online` is false where
    a pair is listed and no longer trades.
    """

    bid: Decimal
    ask: Decimal
    last: Decimal
    low: Decimal
    high: Decimal
    open_24h: Decimal
    open_today: Decimal
    volume: Decimal
    trades: int
    trade_id: int
    traded_ms: int
    price_places: int
    online: bool = True


@dataclass(frozen=True, slots=True)
class CoinPrice:
    """What CoinGecko says of a coin: CAD and USD, now and 24 h before, as of its last refresh."""

    cad: Decimal
    cad_24h_ago: Decimal
    usd: Decimal
    usd_24h_ago: Decimal
    updated_ms: int


class Market(Protocol):
    """A market of many pairs. For one moment it always says the same."""

    origin: Origin

    def moment(self, now_ms: int) -> Moment:
        """Where the market is when the wall clock says `now_ms`."""

    def step(self, unit: str, count: int) -> None:
        """Move on by `count` of its steps.

        Raises:
            CannotStep: it has no such unit.
        """

    def binance_rows(self, moment: Moment) -> Sequence[BinanceRow]:
        """Every row of `ticker/24hr`, dead pairs included."""

    def trading_status(self, symbol: str) -> str | None:
        """TRADING or BREAK as in Binance's `exchangeInfo`; `None` where that is not known."""

    def kraken_pairs(self, moment: Moment) -> Mapping[str, PairTicker]:
        """Kraken's pairs by their altname, e.g. `USDCAD`."""

    def coinbase_products(self, moment: Moment) -> Mapping[str, PairTicker]:
        """Coinbase's products by their ID, e.g. `BTC-USD`."""

    def ndax_markets(self, moment: Moment) -> Mapping[str, PairTicker]:
        """NDAX's markets by their name, e.g. `BTC_CAD`; one that is not online is frozen."""

    def coingecko_coins(self, moment: Moment) -> Mapping[str, CoinPrice]:
        """CoinGecko's coins by their ID, e.g. `bitcoin`."""

    def daily_usd_cad(self, day: date) -> Decimal:
        """The rate that a central bank publishes for that day, CAD per USD."""

    def describe(self, moment: Moment) -> dict[str, object]:
        """What `GET /control/state` tells of the market."""


@dataclass(frozen=True, slots=True)
class DayOfTrading:
    """24 hours of one market. Prices and `turnover` in the quote currency, `volume` in the base currency."""

    symbol: str
    last: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    bid: Decimal
    ask: Decimal
    quantity: Decimal
    volume: Decimal
    turnover: Decimal
    close_ms: int
    first_id: int
    last_id: int
    count: int


def binance_row(day: DayOfTrading) -> BinanceRow:
    """The day as a row of type FULL: prices and quantities as text with 8 decimals, times in Unix milliseconds.

    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#24hr-ticker-price-change-statistics
    """
    change = day.last - day.open
    percent = change / day.open * 100 if day.open else Decimal(0)
    average = day.turnover / day.volume if day.volume else Decimal(0)
    return {
        "symbol": day.symbol,
        "priceChange": eight_places(change),
        "priceChangePercent": f"{percent:.3f}",
        "weightedAvgPrice": eight_places(average),
        "prevClosePrice": eight_places(day.open),
        "lastPrice": eight_places(day.last),
        "lastQty": eight_places(day.quantity),
        "bidPrice": eight_places(day.bid),
        "bidQty": eight_places(day.quantity if day.bid else Decimal(0)),
        "askPrice": eight_places(day.ask),
        "askQty": eight_places(day.quantity if day.ask else Decimal(0)),
        "openPrice": eight_places(day.open),
        "highPrice": eight_places(day.high),
        "lowPrice": eight_places(day.low),
        "volume": eight_places(day.volume),
        "quoteVolume": eight_places(day.turnover),
        "openTime": day.close_ms - DAY_MS,
        "closeTime": day.close_ms,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.count,
    }


def never_traded(symbol: str, close_ms: int) -> BinanceRow:
    """A dead pair as Binance keeps it: every price zero, no trade, and trade IDs of -1."""
    zero = Decimal(0)
    return binance_row(DayOfTrading(symbol, zero, zero, zero, zero, zero, zero, zero, zero, zero, close_ms, -1, -1, 0))


def eight_places(value: Decimal) -> str:
    return format(value.quantize(EIGHT_PLACES), "f")


def fixed_pair(rate: Decimal, spread: Decimal, now_ms: int) -> PairTicker:
    """A pair that does not move: `rate` last, and half the spread to either side of it."""
    return PairTicker(
        bid=rate - spread / 2,
        ask=rate + spread / 2,
        last=rate,
        low=rate,
        high=rate,
        open_24h=rate,
        open_today=rate,
        volume=Decimal(1_000_000),
        trades=1_000,
        trade_id=1_000,
        traded_ms=now_ms,
        price_places=5,
    )
