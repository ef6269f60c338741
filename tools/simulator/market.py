"""A market as the upstreams see it: what each source says at a moment."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

# One row of `ticker/24hr`, with its fields in Binance's order.
BinanceRow = dict[str, str | int]

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
EIGHT_PLACES = Decimal("0.00000001")


class Origin(StrEnum):
    """The kind of market that every answer names in the header `X-Cadfeed-Market`."""

    SIMULATED = "simulated"
    RECORDED = "recorded"


class CannotStep(Exception):
    """This market cannot move by that unit, or not that far."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A market's position: the wall clock that its rows state, and its own index (a time step, a minute of a file).

    `stopped` is the moment whose times an upstream keeps stating after its clock has stopped.
    """

    now_ms: int
    index: int
    stopped: "Moment | None" = None

    @property
    def clock(self) -> "Moment":
        """Return the moment whose times are stated."""
        return self.stopped or self


@dataclass(frozen=True, slots=True)
class PairTicker:
    """A market at a source of `cross_markets.TRAITS`: prices in the quote currency, 24 h's volume in the base currency.

    `open_today` is the price at 00:00 UTC, `price_places` the decimals of the market's tick. `online` is false if
    a pair is listed but no longer trades.
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
    """A coin at CoinGecko: CAD and USD, now and 24 h before, as of its last refresh."""

    cad: Decimal
    cad_24h_ago: Decimal
    usd: Decimal
    usd_24h_ago: Decimal
    updated_ms: int


@dataclass(frozen=True, slots=True)
class PastCandle:
    """A candle: prices as text in the market's decimals, `volume` in the base currency, `open_ms` Unix milliseconds."""

    open_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: Decimal
    trades: int

    @property
    def typical(self) -> Decimal:
        """Return the mean of high, low and close, which stands for the mean price of its trades."""
        return (Decimal(self.high) + Decimal(self.low) + Decimal(self.close)) / 3


class CandleHistory(Protocol):
    """The past of one market."""

    def opens(self, interval_ms: int, moment: Moment) -> range:
        """Return when its candles of that interval opened, oldest first; the last may be in progress."""

    def candles(self, interval_ms: int, opens: range, moment: Moment) -> list[PastCandle]:
        """Return the candles that opened at these times, which are some of `opens`."""


class CoinHistory(Protocol):
    """The past of one coin at CoinGecko."""

    def prices(self, currency: str, times_ms: Sequence[int], moment: Moment) -> list[Decimal]:
        """Return its price in `cad` or `usd` at each of these times."""


class Market(Protocol):
    """A market of many pairs. It gives the same answer for the same moment."""

    origin: Origin

    def moment(self, now_ms: int) -> Moment:
        """Return the market's position at the wall clock `now_ms`."""

    def step(self, unit: str, count: int) -> None:
        """Move forward by `count` of its steps.

        Raises:
            CannotStep: it has no such unit.
        """

    def binance_rows(self, moment: Moment) -> Sequence[BinanceRow]:
        """Return every row of `ticker/24hr`, dead pairs included."""

    def trading_status(self, symbol: str) -> str | None:
        """Return TRADING or BREAK as in Binance's `exchangeInfo`, or `None` if unknown."""

    def pairs(self, source: str, moment: Moment) -> Mapping[str, PairTicker]:
        """Return a source's markets by its own names, e.g. Kraken's altname `USDCAD`.

        The sources are those of `cross_markets.TRAITS`. NDAX freezes a market that is not online.
        """

    def coingecko_coins(self, moment: Moment) -> Mapping[str, CoinPrice]:
        """Return CoinGecko's coins by their ID, e.g. `bitcoin`."""

    def pair_names(self, source: str) -> Collection[str]:
        """Return the names of the markets that `pairs` has."""

    def candle_history(self, source: str, name: str) -> CandleHistory | None:
        """Return the past of a market of Binance, Kraken or Coinbase by the source's own name, or `None` if unknown."""

    def coin_history(self, coin: str) -> CoinHistory | None:
        """Return the past of one of CoinGecko's coins by its ID, or `None` if unknown."""

    def daily_usd_cad(self, day: date) -> Decimal:
        """Return the rate that a central bank publishes for that day, CAD per USD."""

    def describe(self, moment: Moment) -> dict[str, object]:
        """Return the market's part of `GET /control/state`."""


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
    """Return the day as a row of type FULL: prices and quantities as text with 8 decimals, times in Unix milliseconds.

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
    """Return a dead pair as Binance keeps it: every price zero, no trade, and trade IDs of -1."""
    zero = Decimal(0)
    return binance_row(DayOfTrading(symbol, zero, zero, zero, zero, zero, zero, zero, zero, zero, close_ms, -1, -1, 0))


def eight_places(value: Decimal) -> str:
    return format(value.quantize(EIGHT_PLACES), "f")


def recorded_pairs(source: str, usd_cad: Decimal, spread: Decimal, now_ms: int) -> Mapping[str, PairTicker]:
    """Return a source's markets beside a recording of Binance: Kraken's rate of the US dollar, and no others."""
    return {"USDCAD": _fixed_pair(usd_cad, spread, now_ms)} if source == "kraken" else {}


def recorded_pair_names(source: str) -> Collection[str]:
    """Return the names of `recorded_pairs`."""
    return ("USDCAD",) if source == "kraken" else ()


def _fixed_pair(rate: Decimal, spread: Decimal, now_ms: int) -> PairTicker:
    """Return a pair that does not move: `rate` is the last price, with half the spread on either side."""
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
