"""The past of the recorded markets: the minutes of a file and what they add up to, and a rate that stands still."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tools.simulator.market import DAY_MS, MINUTE_MS, CandleHistory, Moment, PastCandle

# How long a rate that was given, not recorded, has been the same.
RATE_REACH_DAYS = 1_500
RATE_VOLUME = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class RecordedCandles:
    """The candles of one symbol of a file of minutes.

    Args:
        prices: open, high, low and close of each minute, as the file writes them.
        volume: of each minute, in the base currency.
        present_ms: when the present minute, number `index` of a moment, opened by the clock.
    """

    prices: Sequence[tuple[str, str, str, str]]
    volume: Sequence[Decimal]
    present_ms: Callable[[Moment], int]

    def opens(self, interval_ms: int, moment: Moment) -> range:
        first_ms = self._first_ms(moment)
        first_whole_ms = -(-first_ms // interval_ms) * interval_ms
        return range(first_whole_ms, self.present_ms(moment) + 1, interval_ms)

    def candles(self, interval_ms: int, opens: range, moment: Moment) -> list[PastCandle]:
        first_ms = self._first_ms(moment)
        return [
            self._candle(open_ms, (open_ms - first_ms) // MINUTE_MS, interval_ms // MINUTE_MS, moment)
            for open_ms in opens
        ]

    def _first_ms(self, moment: Moment) -> int:
        return self.present_ms(moment) - moment.index * MINUTE_MS

    def _candle(self, open_ms: int, first: int, minutes: int, moment: Moment) -> PastCandle:
        ends = min(first + minutes, moment.index + 1)
        rows = self.prices[first:ends]
        return PastCandle(
            open_ms,
            rows[0][0],
            max((row[1] for row in rows), key=Decimal),
            min((row[2] for row in rows), key=Decimal),
            rows[-1][3],
            sum(self.volume[first:ends], Decimal(0)),
            # The file does not count trades: each minute counts as one.
            len(rows),
        )


@dataclass(frozen=True, slots=True)
class ConstantCandles:
    """The past of a rate that does not move."""

    rate: str

    def opens(self, interval_ms: int, moment: Moment) -> range:
        now_ms = moment.clock.now_ms
        return range((now_ms // DAY_MS - RATE_REACH_DAYS) * DAY_MS, now_ms + 1, interval_ms)

    def candles(self, interval_ms: int, opens: range, moment: Moment) -> list[PastCandle]:  # noqa: ARG002
        volume = RATE_VOLUME * interval_ms / DAY_MS
        return [PastCandle(open_ms, self.rate, self.rate, self.rate, self.rate, volume, 1) for open_ms in opens]


def constant_rate(source: str, name: str, usd_cad: Decimal) -> CandleHistory | None:
    """Return the past of Kraken's US dollar beside a recording of Binance; the other sources have no markets there."""
    return ConstantCandles(f"{usd_cad:.5f}") if (source, name) == ("kraken", "USDCAD") else None
