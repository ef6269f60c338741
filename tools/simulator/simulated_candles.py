"""The past of the simulated market: candles and prices of the same function of the time step as its tickers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tools.simulator.fair_prices import Span
from tools.simulator.market import DAY_MS, Moment, PastCandle
from tools.simulator.random_walk import draw

# How far the past of the simulated market reaches back from its first read.
REACH_DAYS = 1_500


@dataclass(frozen=True, slots=True)
class SimulatedCandles:
    """The candles of one market.

    A candle closes with the market's last price at the time at which its interval ends, and opens with that at which
    the one before closed. High and low hold both, and every price between them.

    Args:
        price: the market's last price at a step, given the time too.
        reach: the lowest and highest price of a span, given the time at which it begins.
        step: the step of a time.
        places: decimals of the prices.
        turnover: the quote currency traded in a day.
        key: draws its volumes.
        begins_ms: the market's first candle is not before it.
        ended_ms: when the market was delisted, if it was.
    """

    price: Callable[[int, int], Decimal]
    reach: Callable[[Span, int], tuple[Decimal, Decimal]]
    step: Callable[[int, Moment], int]
    places: int
    turnover: Decimal
    key: str
    begins_ms: int
    ended_ms: int | None = None

    def opens(self, interval_ms: int, moment: Moment) -> range:
        last_ms = moment.clock.now_ms
        if self.ended_ms is not None:
            last_ms = min(last_ms, self.ended_ms - 1)
        first_ms = -(-self.begins_ms // interval_ms) * interval_ms
        return range(first_ms, last_ms // interval_ms * interval_ms + 1, interval_ms)

    def candles(self, interval_ms: int, opens: range, moment: Moment) -> list[PastCandle]:
        if not opens:
            return []
        first = self.step(opens[0], moment)
        before = self.price(first, opens[0])
        found = []
        for open_ms in opens:
            ends_ms = min(open_ms + interval_ms, moment.clock.now_ms)
            last = self.step(ends_ms, moment)
            close = self.price(last, ends_ms)
            low, high = self.reach(Span(open_ms, interval_ms, first, last), open_ms)
            low, high = min(low, before, close), max(high, before, close)
            found.append(self._candle(open_ms, ends_ms, (before, high, low, close)))
            first, before = last, close
        return found

    def _candle(self, open_ms: int, ends_ms: int, prices: tuple[Decimal, Decimal, Decimal, Decimal]) -> PastCandle:
        # From half to one and a half times of what is usual.
        part = Decimal((50 + draw(self.key, open_ms) % 101) * (ends_ms - open_ms)) / (100 * DAY_MS)
        traded = self.turnover * part
        opened, high, low, close = (f"{price:.{self.places}f}" for price in prices)
        return PastCandle(open_ms, opened, high, low, close, traded / prices[-1], int(traded / 1_500) + 1)


@dataclass(frozen=True, slots=True)
class SimulatedCoin:
    """The past of one coin. `price` is that at a step in CAD and in USD, given the time too."""

    price: Callable[[int, int], tuple[Decimal, Decimal]]
    step: Callable[[int, Moment], int]

    def prices(self, currency: str, times_ms: Sequence[int], moment: Moment) -> list[Decimal]:
        of_currency = ("cad", "usd").index(currency)
        return [self.price(self.step(time_ms, moment), time_ms)[of_currency] for time_ms in times_ms]
